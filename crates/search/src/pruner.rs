//! Stopping a trial between folds, when others were better by then.
//!
//! Two halves, so that the decision does not depend on who else is running: the dispatcher computes
//! thresholds from the trials that fixed lag lets it see (`Pruner::thresholds`) and sends them with the
//! request; the trainer decides from those and its own folds alone (`crate::pruner::decide`).
//!
//! The value of a fold is what the trainer reports after it: the objective over folds `0 ..= fold`, or of
//! that fold alone; the same for every trial of a search. `None` is a value that is not defined.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{SearchError, unknown_name};
use crate::observation::Direction;

/// A rule for pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pruner {
    /// Every trial runs all its folds.
    Nop,
    /// Prunes a trial whose best value so far is worse than the median of completed trials at the same fold:
    /// Optuna's `MedianPruner`, which is the median stopping rule of Golovin et al. 2017 ("Google Vizier")
    /// with the value at the fold in place of the running average.
    Median {
        /// Completed trials before anything is pruned.
        startup_trials: usize,
        /// Folds that every trial runs.
        warmup_folds: usize,
    },
}

/// The pruners that a name selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrunerKind {
    /// [`Pruner::Nop`]
    Nop,
    /// [`Pruner::Median`]
    Median,
}

/// How a past trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldState {
    /// All folds ran.
    Completed,
    /// Stopped between folds.
    Pruned,
    /// No result.
    Failed,
}

/// The folds of a past trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldHistory {
    /// How it ended.
    pub state: FoldState,
    /// The value after each fold that it reached.
    pub values: Vec<Option<f64>>,
}

/// What to do with a running trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Run the next fold.
    Keep,
    /// Stop here.
    Prune,
}

impl Pruner {
    /// One threshold for each fold that some completed trial reached; `None` where the fold prunes nothing.
    ///
    /// For [`Pruner::Median`] the threshold of a fold is the median, over the **completed** trials of
    /// `history`, of their values after that fold; undefined values are left out, and an even number of
    /// values gives the mean of the middle two. Pruned and failed trials set no threshold: they would drag it
    /// towards what pruning has already rejected.
    pub fn thresholds(&self, history: &[FoldHistory], direction: Direction) -> Vec<Option<f64>> {
        let _ = direction; // the median is the same from both ends; a percentile would not be
        match *self {
            Pruner::Nop => Vec::new(),
            Pruner::Median { startup_trials, warmup_folds } => {
                let completed: Vec<&FoldHistory> =
                    history.iter().filter(|h| h.state == FoldState::Completed).collect();
                if completed.len() < startup_trials {
                    return Vec::new();
                }
                let folds = completed.iter().map(|h| h.values.len()).max().unwrap_or(0);
                (0..folds).map(|fold| (fold >= warmup_folds).then(|| median_at(&completed, fold))?).collect()
            }
        }
    }
}

/// Whether a trial goes on after `fold`, given the thresholds of its request and its own values after folds
/// `0 ..= fold`.
///
/// It is pruned when the best of its values is worse than the threshold, or when none is defined and there is
/// a threshold. A fold without a threshold keeps the trial, and so does a tie.
pub fn decide(
    thresholds: &[Option<f64>],
    fold: usize,
    values: &[Option<f64>],
    direction: Direction,
) -> Decision {
    let Some(threshold) = thresholds.get(fold).copied().flatten().filter(|t| !t.is_nan()) else {
        return Decision::Keep;
    };
    let best = defined(values.iter().take(fold + 1)).min_by(|a, b| direction.better_first(*a, *b));
    let worse = best.is_none_or(|best| match direction {
        Direction::Minimize => best > threshold,
        Direction::Maximize => best < threshold,
    });
    if worse { Decision::Prune } else { Decision::Keep }
}

fn median_at(completed: &[&FoldHistory], fold: usize) -> Option<f64> {
    let mut values: Vec<f64> = defined(completed.iter().filter_map(|h| h.values.get(fold))).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1] + (values[middle] - values[middle - 1]) * 0.5),
    }
}

fn defined<'a>(values: impl Iterator<Item = &'a Option<f64>>) -> impl Iterator<Item = f64> {
    values.flatten().copied().filter(|v| !v.is_nan())
}

impl PrunerKind {
    /// The names that [`FromStr`] knows.
    pub const NAMES: [&'static str; 2] = ["nop", "median"];

    /// The pruner with its defaults: five trials and one fold before anything is pruned.
    pub fn build(self) -> Pruner {
        match self {
            PrunerKind::Nop => Pruner::Nop,
            PrunerKind::Median => Pruner::Median { startup_trials: 5, warmup_folds: 1 },
        }
    }
}

impl FromStr for PrunerKind {
    type Err = SearchError;

    fn from_str(name: &str) -> Result<Self, SearchError> {
        match name {
            "nop" => Ok(PrunerKind::Nop),
            "median" => Ok(PrunerKind::Median),
            _ => Err(unknown_name("pruner", name, &Self::NAMES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Direction::{Maximize, Minimize};

    fn completed(values: &[f64]) -> FoldHistory {
        FoldHistory { state: FoldState::Completed, values: values.iter().map(|v| Some(*v)).collect() }
    }

    const EAGER: Pruner = Pruner::Median { startup_trials: 1, warmup_folds: 1 };

    #[test]
    fn a_trial_worse_than_the_median_is_pruned_and_a_tie_is_kept() {
        let history = [completed(&[1.0, 1.0]), completed(&[2.0, 2.0]), completed(&[3.0, 3.0])];
        let thresholds = EAGER.thresholds(&history, Minimize);
        assert_eq!(thresholds, [None, Some(2.0)]);
        assert_eq!(decide(&thresholds, 1, &[Some(9.0), Some(2.5)], Minimize), Decision::Prune);
        assert_eq!(decide(&thresholds, 1, &[Some(9.0), Some(2.0)], Minimize), Decision::Keep);
        assert_eq!(decide(&thresholds, 1, &[Some(0.0), Some(1.5)], Maximize), Decision::Prune);
    }

    #[test]
    fn warm_up_folds_and_folds_nobody_reached_keep_the_trial() {
        let thresholds = EAGER.thresholds(&[completed(&[1.0, 1.0])], Minimize);
        assert_eq!(decide(&thresholds, 0, &[Some(99.0)], Minimize), Decision::Keep);
        assert_eq!(decide(&thresholds, 7, &[Some(99.0); 8], Minimize), Decision::Keep);
    }

    #[test]
    fn nothing_is_pruned_before_enough_trials_completed() {
        let history = vec![completed(&[1.0, 1.0]); 4];
        assert!(PrunerKind::Median.build().thresholds(&history, Minimize).is_empty());
        let mut history = vec![completed(&[1.0, 1.0]); 5];
        assert_eq!(PrunerKind::Median.build().thresholds(&history, Minimize), [None, Some(1.0)]);
        history[0].state = FoldState::Pruned;
        assert!(PrunerKind::Median.build().thresholds(&history, Minimize).is_empty());
    }

    #[test]
    fn a_trial_without_any_defined_value_is_pruned_once_there_is_a_threshold() {
        let thresholds = EAGER.thresholds(&[completed(&[1.0, 1.0])], Minimize);
        assert_eq!(decide(&thresholds, 1, &[None, None], Minimize), Decision::Prune);
        assert_eq!(decide(&[], 1, &[None, None], Minimize), Decision::Keep);
    }

    #[test]
    fn later_folds_of_the_trial_itself_are_not_read() {
        assert_eq!(
            decide(&[None, Some(1.0)], 1, &[Some(2.0), Some(2.0), Some(0.0)], Minimize),
            Decision::Prune
        );
    }

    #[test]
    fn the_nop_pruner_keeps_everything() {
        let thresholds = Pruner::Nop.thresholds(&[completed(&[1.0, 1.0])], Minimize);
        assert_eq!(decide(&thresholds, 1, &[Some(99.0), Some(99.0)], Minimize), Decision::Keep);
    }

    #[test]
    fn an_unknown_pruner_is_answered_with_the_known_ones() {
        let error = "medain".parse::<PrunerKind>().unwrap_err().to_string();
        assert_eq!(error, "unknown pruner `medain`: did you mean `median`? (known: nop, median)");
    }
}
