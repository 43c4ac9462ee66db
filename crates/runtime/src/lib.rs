//! The runtime: consume, step, produce, commit.
//!
//! One thread a slot. A machine's slot polls a batch, steps through it and commits outputs, positions and now and then
//! a state snapshot as one. A worker's slot hands requests to a pool, outside any commit, and commits the contiguous
//! prefix of what is finished. A projection's thread reads behind everything and writes rows. Queues are bounded; a slow
//! reader holds its writers' memory at what lies on the log.
//!
//! A record whose schema the registry cannot look up now makes its partition pause; see `held.rs`. Re-execution, digest and
//! verification end with an error instead: they say nothing about what they could not read.
//!
//! Shutdown: [`Running::stop`] raises a flag; every thread finishes the batch in hand, commits it, saves its state and
//! leaves. A panic or an error anywhere raises the same flag and is reported by [`Running::failure`]; nothing hangs.

/// The wall clock, for what is only shown to people.
pub mod clock;
/// Records that cannot be read.
pub mod dead_letter;
/// Digest of a whole log.
pub mod digest;
/// Events to records and back.
pub mod events;
/// Records that cannot be read yet.
mod held;
/// A machine's slot.
mod machine_slot;
/// Every metric there is.
pub mod metrics;
/// What a slot tells about itself.
mod observer;
/// What a replay finds on the record, by the version of the logic that made it.
mod on_record;
/// A projection's thread.
mod projection;
/// Decisions that raced, and where they were taken.
pub mod races;
/// Re-execution and comparison.
pub mod replay;
/// State after a restart, and the order in which inputs are fed again.
pub mod restore;
/// What is removed after its time.
pub mod retention;
/// Starting, waiting, stopping.
mod running;
/// What traces are made of.
pub mod spans;
/// How far readers are behind, and whether log and views answer.
mod watch;
/// A worker's slot and the pool.
mod worker_slot;

pub use projection::{ProjectAllError, Projection, ProjectionError, project_all};
pub use running::{Elsewhere, Failure, Options, PROJECTOR, Parts, Running, start, topics};
