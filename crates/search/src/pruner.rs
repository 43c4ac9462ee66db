//! Stopping a trial between folds, when others were better by then.
//!
//! Two halves, so that the decision does not depend on who else is running: the tuner asks a [`Pruner`] for thresholds
//! over the trials that fixed lag lets it see, and sends them with the request; the trainer decides from those and its
//! own folds alone (`decide`).
//!
//! The value of a fold is what the trainer reports after it: the objective over folds `0 ..= fold`, or of that fold
//! alone; the same for every trial of a search. `None` is a value that is not defined.

mod median;
mod none;

use gauntlet_domain::Direction;
use serde::{Deserialize, Serialize};

pub use median::Median;
pub use none::NoPruner;

use crate::settings::{Choice, Kind, Setting};

/// A rule for pruning, over trials as they come in.
///
/// The contract of every pruner: its thresholds are a pure function of the trials that it was shown, in trial order;
/// asking for them changes nothing.
pub trait Pruner: Send + Sync {
    /// Takes in the next trial.
    fn observe(&mut self, trial: &FoldHistory);

    /// One threshold for each fold, as far as there are any; `None` where the fold prunes nothing.
    fn thresholds(&self) -> Vec<Option<f64>>;
}

/// A pruner by its name: a row of [`PRUNERS`].
#[derive(Clone, Copy)]
pub struct PrunerKind {
    /// What selects it in a document.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What a document can set.
    pub settings: &'static [Setting],
    /// The pruner before its first trial.
    make: fn(&Choice<PrunerKind>, Direction) -> Box<dyn Pruner>,
}

/// Every pruner. To add one: its file in `pruner/` and, here, its `mod` and its row.
pub const PRUNERS: &[PrunerKind] = &[
    PrunerKind {
        name: "none",
        summary: "every trial runs all its folds",
        settings: &[],
        make: |_, _| Box::new(NoPruner),
    },
    PrunerKind {
        name: "median",
        summary: "stops a trial whose best value is worse than the median of the completed ones at the same fold",
        settings: &[
            Setting::count("startup_trials", 5, 0, "completed trials before anything is pruned"),
            Setting::count("warmup_folds", 1, 0, "folds that every trial runs"),
        ],
        make: |choice, _| {
            let count = |name| choice.count(name) as usize;
            Box::new(Median::new(count("startup_trials"), count("warmup_folds")))
        },
    },
];

impl Kind for PrunerKind {
    const WHAT: &'static str = "pruner";

    fn rows() -> &'static [Self] {
        PRUNERS
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn settings(&self) -> &'static [Setting] {
        self.settings
    }
}

impl Choice<PrunerKind> {
    /// The pruner before its first trial.
    pub fn build(&self, direction: Direction) -> Box<dyn Pruner> {
        (self.kind.make)(self, direction)
    }
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

fn defined<'a>(values: impl Iterator<Item = &'a Option<f64>>) -> impl Iterator<Item = f64> {
    values.flatten().copied().filter(|v| !v.is_nan())
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::Direction::{Maximize, Minimize};

    use super::*;

    fn completed(values: &[f64]) -> FoldHistory {
        FoldHistory { state: FoldState::Completed, values: values.iter().map(|v| Some(*v)).collect() }
    }

    /// What a pruner says after these trials.
    fn after(mut pruner: Box<dyn Pruner>, history: &[FoldHistory]) -> Vec<Option<f64>> {
        history.iter().for_each(|trial| pruner.observe(trial));
        pruner.thresholds()
    }

    fn eager(history: &[FoldHistory]) -> Vec<Option<f64>> {
        after(Box::new(Median::new(1, 1)), history)
    }

    fn by_name(name: &str) -> Box<dyn Pruner> {
        name.parse::<Choice<PrunerKind>>().unwrap().build(Minimize)
    }

    #[test]
    fn a_trial_worse_than_the_median_is_pruned_and_a_tie_is_kept() {
        let thresholds = eager(&[completed(&[1.0, 1.0]), completed(&[2.0, 2.0]), completed(&[3.0, 3.0])]);
        assert_eq!(thresholds, [None, Some(2.0)]);
        assert_eq!(decide(&thresholds, 1, &[Some(9.0), Some(2.5)], Minimize), Decision::Prune);
        assert_eq!(decide(&thresholds, 1, &[Some(9.0), Some(2.0)], Minimize), Decision::Keep);
        assert_eq!(decide(&thresholds, 1, &[Some(0.0), Some(1.5)], Maximize), Decision::Prune);
    }

    #[test]
    fn warm_up_folds_and_folds_nobody_reached_keep_the_trial() {
        let thresholds = eager(&[completed(&[1.0, 1.0])]);
        assert_eq!(decide(&thresholds, 0, &[Some(99.0)], Minimize), Decision::Keep);
        assert_eq!(decide(&thresholds, 7, &[Some(99.0); 8], Minimize), Decision::Keep);
    }

    #[test]
    fn nothing_is_pruned_before_enough_trials_completed() {
        let history = vec![completed(&[1.0, 1.0]); 4];
        assert!(after(by_name("median"), &history).is_empty());
        let mut history = vec![completed(&[1.0, 1.0]); 5];
        assert_eq!(after(by_name("median"), &history), [None, Some(1.0)]);
        history[0].state = FoldState::Pruned;
        assert!(after(by_name("median"), &history).is_empty());
    }

    #[test]
    fn a_trial_without_any_defined_value_is_pruned_once_there_is_a_threshold() {
        let thresholds = eager(&[completed(&[1.0, 1.0])]);
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
    fn without_a_pruner_everything_is_kept() {
        let thresholds = after(by_name("none"), &vec![completed(&[1.0, 1.0]); 100]);
        assert_eq!(decide(&thresholds, 1, &[Some(99.0), Some(99.0)], Minimize), Decision::Keep);
    }

    #[test]
    fn every_other_pruner_prunes_a_hopeless_trial() {
        let mut pruned = 0;
        for kind in PRUNERS.iter().filter(|kind| kind.name != "none") {
            for (direction, hopeless) in [(Minimize, 1e9), (Maximize, -1e9)] {
                let history: Vec<FoldHistory> = (0..50).map(|k| completed(&[f64::from(k % 7); 6])).collect();
                let thresholds = after(Choice::default_of(*kind).build(direction), &history);
                let own = [Some(hopeless); 6];
                let prune = |fold| decide(&thresholds, fold, &own, direction) == Decision::Prune;
                assert!((0..6).any(prune), "{} lets it run: {thresholds:?}", kind.name);
                pruned += 1;
            }
        }
        assert!(pruned >= 2);
    }

    #[test]
    fn an_unknown_pruner_is_answered_with_the_known_ones() {
        let error = "medain".parse::<Choice<PrunerKind>>().unwrap_err().to_string();
        assert_eq!(error, "unknown pruner `medain`: did you mean `median`? (known: none, median)");
    }
}
