//! The selector: judges the experiments of a mandate in the order of their submission, against everything that was tried
//! before, and takes waivers in.
//!
//! Consumes `trial.ledger.v1`, `risk.verdicts.v1` and `promotion.commands.v1`, emits `selection.decisions.v1`; all are keyed by
//! mandate. A worker, `challenges`, compares a model that passes every gate with the champion: it answers
//! `selection.requests.v1` on `selection.comparisons.v1`. The machine compares numbers that are in events: no series, no clock. A later experiment waits for every earlier one.

/// The worker: a challenger beside the champion.
mod compare;
/// Who would take the champion's place.
mod contest;
/// Verdicts of the gates that need the ledger.
mod judge;
/// The machine.
mod machine;
/// One mandate.
mod mandate;
/// What a person may set aside.
mod waivers;

pub use compare::Challenges;
pub use machine::{DEFINITION, Selector};
