//! The vocabulary of Gauntlet: ids, time, prices and every event that crosses a topic.
//!
//! Consumes and emits nothing; never does I/O, never reads a clock, never draws a random number.

/// Tokens of programs and the audit of commands.
pub mod access;
/// Which bars: `time:1m`.
pub mod bar_spec;
/// Exact prices and quantities.
pub mod decimal;
/// Whether more or less is better.
pub mod direction;
/// Finalists: requests, outcomes, series.
pub mod evaluation;
/// Envelopes.
pub mod event;
/// Experiments, trials, and by re-export evaluations.
pub mod experiment;
/// Strategies that a program outside answers for.
pub mod external;
/// The one table of gates, policies, gates in effect.
pub mod gates;
/// Derived ids, content hashes, instrument ids.
pub mod ids;
/// Limits on the orders of a backtest.
pub mod limits;
/// Ticks, bars, quality reports, snapshots.
pub mod market;
/// Names that select something.
pub mod names;
/// Hyperparameters and their values.
pub mod parameter;
/// People as they name themselves.
pub mod person;
/// What a record says as plain values.
pub mod plain;
/// The one table of records: events, their numbers, topics, keys, ids and subjects.
pub mod record;
/// Robustness and risk of finalists: requests and what came of them.
pub mod robustness;
/// Policies, decisions, waivers.
pub mod selection;
/// The experiment document as people write it.
pub mod spec;
/// Event time.
pub mod time;
/// The one table of topics.
pub mod topics;
/// What an event belongs to, and its place in a trace.
pub mod trace;
/// What a gate says of a model.
pub mod verdict;
/// Records that changed, as they are written and read.
mod versions;
/// Phases, reasons, endings: words from short lists.
pub mod words;

pub use bar_spec::BarSpec;
pub use decimal::{Price, Quantity, Scale};
pub use direction::Direction;
pub use event::{Envelope, Input, Recorded};
pub use ids::{ContentHash, EventId, ExperimentId, InstrumentId, ModelId, SnapshotId, TrialId};
pub use limits::OrderLimits;
pub use record::{Event, RecordKind};
pub use time::Timestamp;
pub use topics::Topic;
pub use trace::{Subject, TraceContext};
pub use verdict::Verdict;
