//! The runtime: consume, step, produce, commit.
//!
//! One thread a slot. A machine's slot polls a batch, steps through it and commits outputs, positions and now and then
//! a state snapshot as one. A worker's slot hands requests to a pool, outside any commit, and commits the contiguous
//! prefix of what is finished. Both are plugged into one loop (`slot.rs`). The thread of a projection reads behind
//! everything and writes rows; there may be several, each with progress of its own. Queues are bounded; a slow
//! reader holds nothing but its place on the log.
//!
//! A record whose schema the registry cannot look up now makes its partition pause; see `paused.rs`. Re-execution, digest
//! and verification end with an error instead: they say nothing about what they could not read.
//!
//! Shutdown: [`Running::stop`] raises a flag; every thread finishes the batch in hand, commits it, saves its state and
//! leaves. A panic or an error anywhere raises the same flag and is reported by [`Running::failure`]; nothing hangs.

/// Where the bars of a range lie.
pub mod bar_index;
/// The wall clock, for what is only shown to people.
pub mod clock;
/// Records that cannot be read.
pub mod dead_letter;
/// Digest of a whole log.
pub mod digest;
/// Events to records and back.
pub mod events;
/// Why a slot ended before it was stopped.
mod failure;
/// How far readers are behind, and whether log and views answer.
mod lag;
/// Work that one process at a time does.
mod leader;
/// What a machine's slot does.
mod machine_slot;
/// Every metric there is.
pub mod metrics;
/// What a slot reports about itself.
mod observer;
/// What a replay finds on the record, by the version of the logic that made it.
mod on_record;
/// Sizes and times.
mod options;
/// Requests whose own data cannot be read.
pub mod parked;
/// Records that cannot be read yet.
mod paused;
/// Threads that do the work of workers.
mod pool;
/// What a projection is to the runtime.
mod projection;
/// A projection's thread.
mod projection_slot;
/// Decisions that raced, and where they were taken.
pub mod races;
/// The newest records of a partition.
pub mod recent;
/// Re-execution and comparison.
pub mod replay;
/// State after a restart, and the order in which inputs are fed again.
pub mod restore;
/// What is removed after its time.
pub mod retention;
/// Starting, waiting, stopping.
mod running;
/// The loop of a slot.
mod slot;
/// What traces are made of.
pub mod spans;
/// The flag that ends everything.
mod stop;
/// The topics of an installation.
mod topic_configs;
/// Work on what is kept, beside the processors.
mod upkeep;
/// Requests that cannot be answered now.
mod waiting;
/// What a worker's slot does.
mod worker_slot;

pub use failure::Failure;
pub use options::Options;
pub use projection::{Placed, ProjectAllError, Projection, ProjectionError, Witness};
pub use projection_slot::{is_of_log, project_all};
pub use running::{Elsewhere, Parts, Running, start};
pub use topic_configs::topics;
pub use upkeep::{Found, Shift, Upkeep};
pub use waiting::{Manner, Waiting};
