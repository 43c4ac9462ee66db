//! A pruner's thresholds as trials come in: what `Pruner::thresholds` says of the trials so far, without sorting all
//! of them anew for each request. A test holds the two to the same bits.

use gauntlet_search::{FoldHistory, FoldState, Pruner};

/// Thresholds over a growing prefix of trials.
pub(crate) struct Thresholds {
    pruner: Pruner,
    /// Trials taken in.
    seen: usize,
    /// Those of them that completed.
    completed: usize,
    /// Defined values of the completed trials after each fold, in ascending order.
    folds: Vec<Vec<f64>>,
}

impl Thresholds {
    /// Nothing seen yet.
    pub(crate) fn new(pruner: Pruner) -> Thresholds {
        Thresholds { pruner, seen: 0, completed: 0, folds: Vec::new() }
    }

    /// The thresholds that `history` gives; it is what the last call saw, or longer.
    pub(crate) fn of(&mut self, history: &[FoldHistory]) -> Vec<Option<f64>> {
        let Pruner::Median { startup_trials, warmup_folds } = self.pruner else { return Vec::new() };
        for trial in &history[self.seen..] {
            self.take(trial);
        }
        self.seen = history.len();
        if self.completed < startup_trials {
            return Vec::new();
        }
        let folds = self.folds.iter().enumerate();
        folds.map(|(fold, values)| if fold < warmup_folds { None } else { median(values) }).collect()
    }

    fn take(&mut self, trial: &FoldHistory) {
        if trial.state != FoldState::Completed {
            return;
        }
        self.completed += 1;
        if self.folds.len() < trial.values.len() {
            self.folds.resize_with(trial.values.len(), Vec::new);
        }
        for (sorted, value) in self.folds.iter_mut().zip(&trial.values) {
            if let Some(value) = value.filter(|value| !value.is_nan()) {
                let place = sorted.partition_point(|other| other.total_cmp(&value).is_lt());
                sorted.insert(place, value);
            }
        }
    }
}

/// The middle of sorted values, or half way between the middle two.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted[sorted.len() / 2 - 1];
    Some(lower + (upper - lower) * 0.5)
}

#[cfg(test)]
mod tests {
    use gauntlet_search::{Direction, PrunerKind};
    use proptest::prelude::*;

    use super::*;

    fn trials() -> impl Strategy<Value = Vec<FoldHistory>> {
        let value = prop_oneof![
            4 => (-3.0..3.0_f64).prop_map(Some),
            1 => Just(Some(0.0)),
            1 => Just(Some(-0.0)),
            1 => Just(None),
        ];
        let state = prop_oneof![
            3 => Just(FoldState::Completed),
            1 => Just(FoldState::Pruned),
            1 => Just(FoldState::Failed),
        ];
        let trial = (state, prop::collection::vec(value, 0..5));
        prop::collection::vec(trial.prop_map(|(state, values)| FoldHistory { state, values }), 0..40)
    }

    proptest! {
        #[test]
        fn they_are_those_of_the_search_to_the_last_bit(history in trials(), startup_trials in 0..8_usize, warmup_folds in 0..3_usize) {
            for pruner in [PrunerKind::Nop.build(), Pruner::Median { startup_trials, warmup_folds }] {
                let mut thresholds = Thresholds::new(pruner);
                for seen in 0..=history.len() {
                    let bits = |all: Vec<Option<f64>>| -> Vec<Option<u64>> {
                        all.into_iter().map(|value| value.map(f64::to_bits)).collect()
                    };
                    let theirs = pruner.thresholds(&history[..seen], Direction::Maximize);
                    prop_assert_eq!(bits(thresholds.of(&history[..seen])), bits(theirs));
                }
            }
        }
    }
}
