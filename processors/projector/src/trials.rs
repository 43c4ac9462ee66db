//! What a trial gave: a run, and a line of its experiment's tuning results.

use gauntlet_domain::Envelope;
use gauntlet_domain::experiment::{Parameters, TrialCompleted, TrialFailed, TrialPruned};
use gauntlet_domain::ids::{ExperimentId, TrialId};
use gauntlet_views::Upsert;
use gauntlet_views::schema::{RUNS, TUNING_RESULTS};

use crate::{ONCE, explained, json, observed};

pub(crate) fn completed(event: &TrialCompleted, envelope: &Envelope) -> Vec<Upsert> {
    let trial = Trial { id: event.trial_id, number: event.trial, state: "completed" };
    let metrics = json(&event.metrics);
    vec![
        trial.run(event.experiment_id, envelope).with("key_metrics", metrics.as_str()),
        trial
            .result(event.experiment_id, &event.parameters)
            .with("metrics", metrics)
            // A program outside may write what is no number.
            .with("value", event.value.filter(|value| value.is_finite())),
    ]
}

pub(crate) fn pruned(event: &TrialPruned, envelope: &Envelope) -> Vec<Upsert> {
    let trial = Trial { id: event.trial_id, number: event.trial, state: "pruned" };
    let reached = match event.fold_values.last().copied().flatten() {
        Some(value) => value.to_string(),
        None => "an undefined value".to_owned(),
    };
    let detail = format!("after fold {} with {reached}, threshold {}", event.fold, event.threshold);
    vec![
        trial.run(event.experiment_id, envelope),
        trial.result(event.experiment_id, &event.parameters).with("detail", detail),
    ]
}

pub(crate) fn failed(event: &TrialFailed, envelope: &Envelope) -> Vec<Upsert> {
    let trial = Trial { id: event.trial_id, number: event.trial, state: "failed" };
    let detail = explained(event.reason.word(), &event.detail);
    vec![
        trial.run(event.experiment_id, envelope),
        trial.result(event.experiment_id, &event.parameters).with("detail", detail),
    ]
}

/// What the two rows of a trial share.
struct Trial {
    id: TrialId,
    number: i64,
    state: &'static str,
}

impl Trial {
    fn run(&self, experiment_id: ExperimentId, envelope: &Envelope) -> Upsert {
        let key = vec![experiment_id.to_string().into(), self.id.to_string().into()];
        let run = Upsert::new(&RUNS, key, ONCE)
            .with("status", self.state)
            .with("phase", "tuning")
            .with("trial", self.number);
        observed(run, envelope)
    }

    fn result(&self, experiment_id: ExperimentId, parameters: &Parameters) -> Upsert {
        Upsert::new(&TUNING_RESULTS, vec![experiment_id.to_string().into(), self.number.into()], ONCE)
            .with("trial_id", self.id.to_string())
            .with("hyperparameters", json(parameters))
            .with("state", self.state)
    }
}
