//! The log port on Apache Kafka; the only crate that knows rdkafka.
//!
//! One slot is one thread with one consumer and one transactional producer. Outputs, state snapshots and the next input
//! offsets are one transaction. What the client library is configured with, and never left to its defaults, is in `clients`,
//! how a commit ends in `transaction`, membership and fencing in `slot`, the states of a slot in `slot_state`.
//!
//! Exactly once rests on event ids first and on transactions second: librdkafka speaks version 1 of the transaction
//! protocol (without KIP-890), in which a delayed request can reach a later transaction. So a producer whose call timed
//! out is dropped and never used again; its successor takes over the transactional id, which ends a transaction that was left open, and
//! the committed offsets tell what happened.

/// The tasks that assigned partitions make up.
mod assignment;
/// Configuration of consumers and producers.
mod clients;
/// What slots, tails and topics share.
mod cluster;
/// The end of a partition behind transaction markers.
mod ends;
/// What the client library says, as errors of the port.
mod errors;
/// The adapter.
mod log;
/// A client that is a member of a group, and how it leaves.
mod membership;
/// Partitions and offsets as the client library names them.
mod offsets;
/// Clients that are replaced when nobody answers them.
mod renewal;
/// What an installation sets.
mod settings;
/// A member of a consumer group with its producer.
mod slot;
/// The states of a slot and the transitions between them.
mod slot_state;
/// State snapshots on a compacted topic.
mod snapshots;
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
pub use snapshots::TOPIC as STATE;
pub use topics::{TopicChange, TopicPlan};
