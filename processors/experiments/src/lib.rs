//! Experiments: the one owner of every experiment's state.
//!
//! Consumes `experiment.commands.v1` (the order of submission), `data.snapshots.v1`, `trial.ledger.v1` and
//! `evaluation.outcomes.v1`, emits `experiments.v1`. One task reads everything. Waits for whatever is missing, in
//! whatever order it comes; a cancellation really races with the rest, so every ending records what it was decided at.

/// The decision and its fold.
mod decide;
/// Answers of evaluators.
mod evaluation;
/// What every trial shares, from the document and the sealed data.
pub mod plan;
/// What can be wrong with a document.
pub mod validate;
/// Bars that a rule needs before it can trade.
pub mod warm_up;

pub use decide::{DEFINITION, Experiments};
pub use validate::{Problem, validate};
