//! The tuner: proposes trials, picks the finalists, enters what was tried in the ledger.
//!
//! Consumes `experiments.v1`, `trial.results.v1` and `evaluation.outcomes.v1` (same key, same partitions), emits `training.requests.v1`,
//! `evaluation.requests.v1` and `trial.ledger.v1`.
//!
//! **Fixed lag.** Trial *k* is proposed from exactly the results of trials 0 to *k − W*, however many more have arrived;
//! its pruning thresholds come from the same results. So the trials of an experiment are the same for any number of
//! workers and any order of arrival; W belongs to the experiment, not to the deployment.

/// The machine.
mod machine;
/// One experiment: its searches, and what follows from them.
mod study;
/// One search.
mod trials;

pub use machine::{DEFINITION, Tuner};
