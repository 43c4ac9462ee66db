//! SQL over everything that is recorded: events out of the archive and their newest rows on the log, views, bars, snapshots.
//!
//! Read only by construction: one statement, a plan without anything that changes something, a catalogue of our own tables, no
//! store of files that a statement could name. Bounded in time, memory, rows and bytes; who has left is noticed.
//!
//! Reading order: [`gate`] (what may run, and how far), `catalogue` (which tables there are), `table` (a table as DataFusion has
//! it), then the tables: `events`, `ticks`, `bars`, `views`.

/// Bars as they are after all revisions.
mod bars;
/// Which tables there are.
mod catalogue;
/// Why a query has no answer.
pub mod error;
/// Tables of records.
mod events;
/// Functions for documents in columns.
mod functions;
/// What may run, and how far.
pub mod gate;
/// Answers in a format.
pub mod output;
/// The reading of a table as a part of a plan.
mod reading;
/// Live ticks.
mod singles;
/// A table as DataFusion has it.
mod table;
/// Ticks.
mod ticks;
/// Views, and bars of snapshots.
mod views;

pub use error::SqlError;
pub use gate::{Done, Gate, Limits, Query};
pub use output::{Format, write};
