//! Which trials go on to the hold-out. Reads observations, decides nothing else.

use gauntlet_domain::Direction;

use crate::observation::Observation;

/// Indices into `history` of the `n` best completed trials, the best first.
///
/// Pruned and failed trials and values that are not finite never enter. Ties go to the lower trial number. Of
/// trials with identical parameters only the best enters, so that finalists are different models.
pub fn finalists(history: &[Observation], n: usize, direction: Direction) -> Vec<usize> {
    let mut ranked: Vec<(usize, f64)> =
        history.iter().enumerate().filter_map(|(i, o)| Some((i, o.objective()?))).collect();
    ranked.sort_by(|a, b| direction.better_first(a.1, b.1).then(history[a.0].trial.cmp(&history[b.0].trial)));
    let mut chosen: Vec<usize> = Vec::new();
    for (i, _) in ranked {
        if chosen.len() == n {
            break;
        }
        if !chosen.iter().any(|&j| history[j].params == history[i].params) {
            chosen.push(i);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome::{self, Completed, Failed, Pruned};
    use gauntlet_domain::experiment::{ParameterValue, Parameters};

    fn history(trials: &[(i64, Outcome)]) -> Vec<Observation> {
        let trial = |(k, &(x, outcome)): (usize, &(i64, Outcome))| Observation {
            trial: k as u64,
            params: Parameters::from([("x".into(), ParameterValue::Int(x))]),
            outcome,
        };
        trials.iter().enumerate().map(trial).collect()
    }

    #[test]
    fn the_best_completed_trials_come_first() {
        let history = history(&[(1, Completed(3.0)), (2, Completed(1.0)), (3, Completed(2.0))]);
        assert_eq!(finalists(&history, 2, Direction::Minimize), [1, 2]);
        assert_eq!(finalists(&history, 2, Direction::Maximize), [0, 2]);
    }

    #[test]
    fn undefined_pruned_and_failed_trials_never_win() {
        let history = history(&[
            (1, Completed(f64::NAN)),
            (2, Completed(f64::NEG_INFINITY)),
            (3, Completed(f64::INFINITY)),
            (4, Pruned(Some(-9.0))),
            (5, Failed),
            (6, Completed(7.0)),
        ]);
        for direction in [Direction::Minimize, Direction::Maximize] {
            assert_eq!(finalists(&history, 3, direction), [5]);
        }
    }

    #[test]
    fn ties_go_to_the_lower_trial_number_whatever_the_order_of_the_history() {
        let mut history = history(&[(1, Completed(0.0)), (2, Completed(-0.0)), (3, Completed(0.0))]);
        assert_eq!(finalists(&history, 2, Direction::Maximize), [0, 1]);
        history.reverse();
        assert_eq!(finalists(&history, 2, Direction::Maximize), [2, 1]);
    }

    #[test]
    fn identical_parameters_enter_once() {
        let history = history(&[(1, Completed(1.0)), (1, Completed(1.0)), (2, Completed(2.0))]);
        assert_eq!(finalists(&history, 5, Direction::Minimize), [0, 2]);
    }
}
