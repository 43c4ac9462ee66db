//! What a search knows of a past trial: its parameters and how it ended.

use gauntlet_domain::experiment::Parameters;
use serde::{Deserialize, Serialize};

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All folds ran; the objective. A value that is not finite counts as [`Outcome::Failed`].
    Completed(f64),
    /// Stopped between folds; the last intermediate value, if one was defined.
    Pruned(Option<f64>),
    /// No result.
    Failed,
}

/// One past trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The trial's number, from 0.
    pub trial: u64,
    /// What was tried.
    pub params: Parameters,
    /// How it ended.
    pub outcome: Outcome,
}

impl Observation {
    /// The objective, if the trial completed with a finite one. An undefined value can never win a ranking.
    pub fn objective(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Completed(value) if value.is_finite() => Some(value),
            _ => None,
        }
    }
}
