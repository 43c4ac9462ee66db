//! The selector: judges the experiments of a mandate in the order of their submission, against everything that was tried
//! before, and takes waivers in.
//!
//! Consumes `trial.ledger.v1`, `risk.verdicts.v1` and `promotion.commands.v1`, emits `selection.decisions.v1`; all are keyed by
//! mandate. It compares numbers that are in events: no series, no clock. A later experiment waits for every earlier one.

/// Verdicts of the gates that need the ledger.
mod judge;
/// The machine.
mod machine;
/// One mandate.
mod mandate;
/// What a person may set aside.
mod waivers;

pub use machine::{DEFINITION, Selector};
