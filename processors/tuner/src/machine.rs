//! The machine: searches by experiment, and what they put out.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::{Event, ExperimentId, Recorded};
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use serde::{Deserialize, Serialize};

use crate::study::{Study, TrialResult, TrialState, model_id};

/// The tuner for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "tuner",
    version: "1",
    topics: &["experiments.v1", "trial.results.v1"],
    inputs: Inputs::CoPartitioned,
    races_on: &["trial.ledger.v1"],
    create: || Box::new(Tuner::default()),
};

/// Every search of a partition. A machine and not a decider: a search of ten thousand trials would be copied at each
/// result to decide without changing it.
#[derive(Default, Serialize, Deserialize)]
pub struct Tuner {
    studies: BTreeMap<ExperimentId, Study>,
}

impl Machine for Tuner {
    fn step(&mut self, input: &Recorded) -> Vec<Output> {
        match &input.event {
            Event::ExperimentSubmitted(submitted) => {
                self.studies.entry(submitted.experiment_id).or_insert_with(|| Study::new(submitted));
                Vec::new()
            }
            Event::ExperimentStarted(started) => match self.open(started.experiment_id) {
                Some(study) if study.begun().is_none() => {
                    study.begin(started.plan.clone(), started.holdout.clone());
                    go_on(study)
                }
                _ => Vec::new(),
            },
            Event::ExperimentCancelled(e) => self.open(e.experiment_id).map_or_else(Vec::new, cancel),
            Event::ExperimentFailed(e) => {
                if let Some(study) = self.open(e.experiment_id) {
                    study.end();
                }
                Vec::new()
            }
            other => match result(other) {
                Some((id, trial, result)) => {
                    let Some(study) = self.open(id) else { return Vec::new() };
                    if study.take(trial, result) { go_on(study) } else { Vec::new() }
                }
                None => Vec::new(),
            },
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(self)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = serde_json::from_slice(bytes)?;
        Ok(())
    }
}

impl Tuner {
    fn open(&mut self, id: ExperimentId) -> Option<&mut Study> {
        self.studies.get_mut(&id).filter(|study| study.is_open())
    }
}

/// The next requests, or the end.
fn go_on(study: &mut Study) -> Vec<Output> {
    let mut outputs: Vec<Output> = study.next_requests().into_iter().map(Output::new).collect();
    if study.is_over() {
        let ended = if study.is_exhausted() { "space_exhausted" } else { "budget_spent" };
        outputs.extend(conclude(study, ended));
    }
    outputs
}

/// The ledger and the finalists' evaluations. Ending races with a cancellation.
fn conclude(study: &mut Study, ended: &str) -> Vec<Output> {
    let finalists = study.finalists();
    let holdout_keeps = study.holdout_keeps();
    let Some((plan, holdout)) = study.begun().cloned() else { return Vec::new() };
    let mut outputs = vec![Output::raced(ledger(study, &plan.data, ended, &finalists))];
    for (place, trial) in (1_i64..).zip(finalists) {
        outputs.push(Output::new(EvaluationRequested {
            experiment_id: study.experiment_id,
            model_id: model_id(study.experiment_id, trial),
            trial: trial as i64,
            finalist: place,
            parameters: study.results()[trial as usize].parameters.clone(),
            plan: plan.clone(),
            holdout: holdout.clone(),
            holdout_keeps,
        }));
    }
    study.end();
    outputs
}

fn cancel(study: &mut Study) -> Vec<Output> {
    let entry = study.begun().map(|(plan, _)| plan.data.clone()).map(|data| ledger(study, &data, "cancelled", &[]));
    study.end();
    entry.into_iter().map(Output::raced).collect()
}

fn ledger(study: &Study, data: &DataRef, ended: &str, finalists: &[u64]) -> LedgerEntered {
    let count = |state| study.all_results().filter(|result| result.state == state).count() as i64;
    LedgerEntered {
        mandate: study.mandate.clone(),
        experiment_id: study.experiment_id,
        place: study.place,
        data: data.clone(),
        ended: ended.into(),
        requested: study.requested() as i64,
        completed: count(TrialState::Completed),
        pruned: count(TrialState::Pruned),
        failed: count(TrialState::Failed),
        finalists: finalists.iter().map(|trial| model_id(study.experiment_id, *trial)).collect(),
        sharpe: moments(study.all_results().filter_map(|result| result.sharpe)),
    }
}

/// Count and moments in the order of the trials; undefined below two values, or where they do not vary.
fn moments(values: impl Iterator<Item = f64>) -> SharpeMoments {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let central = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let second = central(2);
    let varies = values.len() >= 2 && second > 0.0;
    SharpeMoments {
        count: values.len() as i64,
        mean: (!values.is_empty()).then_some(mean),
        variance: (values.len() >= 2).then(|| second * n / (n - 1.0)),
        skewness: varies.then(|| central(3) / (second * second.sqrt())),
        kurtosis: varies.then(|| central(4) / (second * second)),
    }
}

/// A trial's result in any of its three forms.
fn result(event: &Event) -> Option<(ExperimentId, u64, TrialResult)> {
    let (id, trial, result) = match event {
        Event::TrialCompleted(e) => (
            e.experiment_id,
            e.trial,
            TrialResult {
                parameters: e.parameters.clone(),
                state: TrialState::Completed,
                value: e.value,
                fold_values: e.fold_values.clone(),
                sharpe: e.metrics.get("sharpe").copied().flatten(),
            },
        ),
        Event::TrialPruned(e) => (
            e.experiment_id,
            e.trial,
            TrialResult {
                parameters: e.parameters.clone(),
                state: TrialState::Pruned,
                value: None,
                fold_values: e.fold_values.clone(),
                sharpe: None,
            },
        ),
        Event::TrialFailed(e) => (
            e.experiment_id,
            e.trial,
            TrialResult {
                parameters: e.parameters.clone(),
                state: TrialState::Failed,
                value: None,
                fold_values: Vec::new(),
                sharpe: None,
            },
        ),
        _ => return None,
    };
    Some((id, u64::try_from(trial).ok()?, result))
}
