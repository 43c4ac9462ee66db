//! Runs a rule or a learned model through walk-forward folds and against a hold-out.
//!
//! Pure functions of (plan, parameters, bars): what the trainer reports of a trial and the evaluator of a finalist, and
//! what a replay reports of either again.

/// Decisions that can be traded under many costs.
pub mod decided;
/// How many of the trials of several experiments differ.
pub mod differing;
/// What the trials of a search say together.
pub mod family;
/// Figures by name.
pub mod figures;
/// Folds one by one, and the hold-out.
pub mod folds;
/// Numbers from which others can judge a score.
pub mod inference;
/// What a mandate has tried on the bars of an experiment.
pub mod ledger;
/// What a plan and its parameters say should run.
pub mod model;
/// The walk-forward of a procedure.
pub mod procedure;
/// Metrics over the returns of one or more segments.
pub mod report;
/// Many rules through the folds at once.
pub mod side_by_side;

pub use decided::Decided;
pub use folds::{Held, Walk, hold_out};
pub use model::Model;
pub use procedure::Procedure;
pub use report::{Segments, metric_set};
pub use side_by_side::SideBySide;
