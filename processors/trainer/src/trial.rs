//! One trial on its way through the folds: what it answers, however its folds are computed.

use gauntlet_domain::Event;
use gauntlet_domain::experiment::{
    Metrics, TrainingRequested, TrialCompleted, TrialFailed, TrialFailure, TrialPruned,
};
use gauntlet_search::{Decision, pruner};

/// A trial and its objective after each fold so far.
pub(crate) struct Trial<'a> {
    request: &'a TrainingRequested,
    fold_values: Vec<Option<f64>>,
}

impl<'a> Trial<'a> {
    /// Before the first fold.
    pub(crate) fn new(request: &'a TrainingRequested) -> Trial<'a> {
        Trial { request, fold_values: Vec::with_capacity(request.plan.folds.len()) }
    }

    /// Takes the objective over the folds up to and including the next one. The answer, where the trial falls behind
    /// and is given up; nothing is pruned after the last fold.
    pub(crate) fn after_fold(&mut self, value: Option<f64>) -> Option<Event> {
        let TrainingRequested { plan, pruning_thresholds, .. } = self.request;
        let fold = self.fold_values.len();
        self.fold_values.push(value);
        let decision = pruner::decide(pruning_thresholds, fold, &self.fold_values, plan.direction());
        let threshold = pruning_thresholds.get(fold).copied().flatten()?;
        (decision == Decision::Prune && fold + 1 < plan.folds.len()).then(|| self.pruned(fold, threshold))
    }

    fn pruned(&mut self, fold: usize, threshold: f64) -> Event {
        TrialPruned {
            experiment_id: self.request.experiment_id,
            trial: self.request.trial,
            trial_id: self.request.trial_id,
            parameters: self.request.parameters.clone(),
            fold: fold as i64,
            threshold,
            fold_values: std::mem::take(&mut self.fold_values),
        }
        .into()
    }

    /// The answer after the last fold.
    pub(crate) fn completed(self, metrics: Metrics) -> Event {
        TrialCompleted {
            experiment_id: self.request.experiment_id,
            trial: self.request.trial,
            trial_id: self.request.trial_id,
            parameters: self.request.parameters.clone(),
            value: self.fold_values.last().copied().flatten(),
            fold_values: self.fold_values,
            metrics,
        }
        .into()
    }
}

/// The answer to a trial that could not run.
pub(crate) fn failed(request: &TrainingRequested, reason: TrialFailure, detail: String) -> Event {
    TrialFailed {
        experiment_id: request.experiment_id,
        trial: request.trial,
        trial_id: request.trial_id,
        parameters: request.parameters.clone(),
        reason,
        detail,
    }
    .into()
}
