//! What a search knows of a past trial: its parameters and how it ended.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{SearchError, unknown_name};
use crate::value::Params;

/// Whether lower or higher values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Lower is better.
    #[default]
    Minimize,
    /// Higher is better.
    Maximize,
}

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
    pub params: Params,
    /// How it ended.
    pub outcome: Outcome,
}

impl Direction {
    /// Orders the better of two defined values first. 0.0 and -0.0 tie.
    pub fn better_first(self, a: f64, b: f64) -> Ordering {
        let (a, b) = (a + 0.0, b + 0.0);
        match self {
            Direction::Minimize => a.total_cmp(&b),
            Direction::Maximize => b.total_cmp(&a),
        }
    }
}

impl FromStr for Direction {
    type Err = SearchError;

    fn from_str(name: &str) -> Result<Self, SearchError> {
        match name {
            "minimize" => Ok(Direction::Minimize),
            "maximize" => Ok(Direction::Maximize),
            _ => Err(unknown_name("direction", name, &["minimize", "maximize"])),
        }
    }
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
