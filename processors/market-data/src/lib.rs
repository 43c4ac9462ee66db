//! Market data: ticks and ready-made bars in; bars, a cleaning ledger and snapshots out.
//!
//! Consumes `market.ticks.v1`, `.v2` and `data.commands.v1`, emits `market.bars.v1`, `.v2`, `market.quality.v1`
//! and `data.requests.v1`; the `snapshots` worker answers the requests on `data.snapshots.v1`. Time is the ticks' own; no
//! clock is read. A row is never lost: it goes into a bar or into the ledger, with a reason.

/// Ticks to time bars.
pub mod bars;
/// Quotes that come after the trades of their hours.
mod beside;
/// The rules, row by row.
pub mod clean;
/// Which rows' times are believed, and rows in the order of time.
mod clock;
/// Which rows were delivered before.
mod delivered;
/// Ticks cleaned and added up.
mod from_ticks;
/// Trading hours, and the intervals of bars.
mod hours;
/// One instrument.
mod instrument;
/// What saved state knows of an instrument.
pub mod known;
/// Rows by source and reason, and the counts of a source.
pub mod ledger;
/// Which prices are believed.
mod level;
/// The machine.
pub mod machine;
/// Bars that come ready-made.
pub mod ready;
/// Bars that are known better later.
mod revisions;
/// The last values of a stream.
mod ring;
/// Rows of sources.
pub mod rows;
/// The rules with an instrument's own numbers.
pub mod rules;
/// The worker that seals snapshots.
pub mod snapshots;
/// The sources of an instrument.
pub mod sources;
/// Which spreads are believed.
mod spread;

pub use known::{KnownInstrument, known_definitions, known_instrument};
pub use machine::{DEFINITION, MarketData};
pub use snapshots::Snapshots;
