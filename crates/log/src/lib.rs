//! The log: an append-only history in topics and partitions, behind a port that promises no more than Kafka keeps.
//!
//! [`port`] states the guarantees. [`LocalLog`] is one machine's log: a group coordinator and a group commit over a
//! store, which is `redb` on disk or a map in memory. `contract` is the suite that every adapter runs.

/// The suite that every adapter runs.
#[cfg(feature = "contract")]
pub mod contract;
/// Who reads what: tasks, slots, fencing.
mod coordinator;
/// A log that counts what is read, for tests.
#[cfg(feature = "contract")]
pub mod counting;
/// A log that ends earlier.
mod ended;
/// Why the log could not answer.
mod error;
/// A signal at a chosen write, for tests.
mod fault;
/// Where a partition is cut by a time.
mod first_after;
/// Records as bytes with a checksum.
mod frame;
/// A log whose readers end when asked to.
mod interruptible;
/// The adapter for one machine.
mod local;
/// Long values in few bytes.
mod pack;
/// Kafka's default partitioner.
mod partitioner;
/// The port and its guarantees.
pub mod port;
/// What the local log needs of a store; in memory and on disk.
mod store;
/// A log whose readers are watched.
mod watched;
/// Gathers commits and writes them.
mod writer;

pub use ended::EndedLog;
pub use first_after::search_by_time;
pub use interruptible::{Interruptible, Until, interruptible};
pub use local::LocalLog;
pub use partitioner::partition_for;
pub use port::*;
pub use watched::{Watch, Watched};
