//! The log port on Apache Kafka; the only crate that knows rdkafka.
//!
//! One slot is one thread with one consumer and one transactional producer. Outputs, state snapshots and the next input
//! offsets are one transaction. What the client library is told and never left to its defaults stands in `clients`,
//! how a commit ends in `transaction`, membership and fencing in `slot`.
//!
//! Exactly once rests on event ids first and on transactions second: librdkafka speaks version 1 of the transaction
//! protocol (without KIP-890), in which a delayed request can reach a later transaction. So a producer whose call timed
//! out is dropped and never used again; its successor takes over the transactional id, which ends what hung, and the
//! committed offsets tell what happened.

/// Configuration of consumers and producers.
mod clients;
/// The end of a partition behind transaction markers.
mod ends;
/// What the client library says, as errors of the port.
mod errors;
/// The adapter.
mod log;
/// Clients that fresh ones take the place of when nobody answers them.
mod renewal;
/// What an installation sets.
mod settings;
/// A member of a consumer group with its producer.
mod slot;
/// State snapshots on a compacted topic.
mod state;
/// Readers without a group.
mod tail;
/// Creating and checking topics.
mod topics;
/// A transaction from begin to outcome.
mod transaction;
/// Ends the process when a call into the client library does not come back.
mod watchdog;

pub use clients::SESSION;
pub use log::KafkaLog;
pub use settings::{KafkaSettings, Membership, SettingsError};
pub use state::TOPIC as STATE;
pub use topics::{TopicChange, TopicPlan};
