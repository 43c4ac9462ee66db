//! The vocabulary of Gauntlet: ids, time, prices and every event that crosses a topic.
//!
//! Consumes and emits nothing; never does I/O, never reads a clock, never draws a random number.

/// Which bars: `time:1m`.
pub mod bar_spec;
/// Exact prices and quantities.
pub mod decimal;
/// Derived ids, content hashes, instrument ids.
pub mod ids;
/// Ticks, bars, quality reports, snapshots.
pub mod market;
/// Event time.
pub mod time;

pub use bar_spec::BarSpec;
pub use decimal::{Price, Quantity};
pub use ids::{ContentHash, EventId, ExperimentId, InstrumentId, ModelId, SnapshotId, TrialId};
pub use time::Timestamp;
