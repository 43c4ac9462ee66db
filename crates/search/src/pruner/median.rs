//! The median stopping rule.

use super::{FoldHistory, FoldState, Pruner};

/// Prunes a trial whose best value so far is worse than the median of completed trials at the same fold: Optuna's
/// `MedianPruner`, which is the median stopping rule of Golovin et al. 2017 ("Google Vizier") with the value at the
/// fold in place of the running average.
///
/// The threshold of a fold is the median, over the **completed** trials, of their values after that fold; undefined
/// values are left out, and an even number of values gives the mean of the middle two. Pruned and failed trials set no
/// threshold: they would drag it towards what pruning has already rejected.
#[derive(Debug, Clone)]
pub struct Median {
    startup_trials: usize,
    warmup_folds: usize,
    /// Completed trials so far.
    completed: usize,
    /// Their defined values after each fold, in ascending order: sorting all of them for each request would make a
    /// search of ten thousand trials slow.
    folds: Vec<Vec<f64>>,
}

impl Median {
    /// Completed trials before anything is pruned, and folds that every trial runs.
    pub fn new(startup_trials: usize, warmup_folds: usize) -> Median {
        Median { startup_trials, warmup_folds, completed: 0, folds: Vec::new() }
    }
}

impl Pruner for Median {
    fn observe(&mut self, trial: &FoldHistory) {
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

    fn thresholds(&self) -> Vec<Option<f64>> {
        if self.completed < self.startup_trials {
            return Vec::new();
        }
        let folds = self.folds.iter().enumerate();
        folds.map(|(fold, values)| if fold < self.warmup_folds { None } else { middle(values) }).collect()
    }
}

/// The middle of sorted values, or half way between the middle two.
fn middle(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted[sorted.len() / 2 - 1];
    Some(lower + (upper - lower) * 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pruner::NoPruner;

    /// The thresholds by their definition: all values sorted anew.
    fn by_sorting(history: &[FoldHistory], startup_trials: usize, warmup_folds: usize) -> Vec<Option<f64>> {
        let completed: Vec<&FoldHistory> =
            history.iter().filter(|h| h.state == FoldState::Completed).collect();
        if completed.len() < startup_trials {
            return Vec::new();
        }
        let median = |fold: usize| {
            let values = completed.iter().filter_map(|h| h.values.get(fold).copied().flatten());
            let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
            values.sort_by(f64::total_cmp);
            let middle = values.len() / 2;
            match values.len() {
                0 => None,
                n if n % 2 == 1 => Some(values[middle]),
                _ => Some(values[middle - 1] + (values[middle] - values[middle - 1]) * 0.5),
            }
        };
        let folds = completed.iter().map(|h| h.values.len()).max().unwrap_or(0);
        (0..folds).map(|fold| (fold >= warmup_folds).then(|| median(fold))?).collect()
    }

    fn trials() -> impl Strategy<Value = Vec<FoldHistory>> {
        let value = prop_oneof![
            4 => (-3.0..3.0_f64).prop_map(Some),
            1 => Just(Some(0.0)),
            1 => Just(Some(-0.0)),
            1 => Just(Some(f64::NAN)),
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

    fn bits(all: &[Option<f64>]) -> Vec<Option<u64>> {
        all.iter().map(|value| value.map(f64::to_bits)).collect()
    }

    proptest! {
        #[test]
        fn they_are_those_of_the_definition_to_the_last_bit(
            history in trials(), startup_trials in 0..8_usize, warmup_folds in 0..3_usize
        ) {
            let (mut median, mut none) = (Median::new(startup_trials, warmup_folds), NoPruner);
            for seen in 0..=history.len() {
                let expected = by_sorting(&history[..seen], startup_trials, warmup_folds);
                prop_assert_eq!(bits(&median.thresholds()), bits(&expected));
                prop_assert!(none.thresholds().is_empty());
                if let Some(trial) = history.get(seen) {
                    median.observe(trial);
                    none.observe(trial);
                }
            }
        }
    }
}
