//! The machine: searches by experiment, and what they put out.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::topics::{
    EVALUATION_OUTCOMES, EVALUATION_REQUESTS, EXPERIMENTS, RISK_REQUESTS, SENSITIVITY_REQUESTS,
    TRAINING_REQUESTS, TRIAL_LEDGER, TRIAL_RESULTS,
};
use gauntlet_domain::{Event, ExperimentId, Input, TrialId};
use gauntlet_processor::ended::EndedIds;
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use gauntlet_quant::metrics::{self, OnlineMoments};
use serde::{Deserialize, Serialize};

use crate::study::{Asked, Closing, ClosingPart, Part, Study, model_id};
use crate::trials::{TrialResult, TrialState, Trials, Unreadable};

/// The tuner for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "tuner",
    version: "5",
    reads: &[&EXPERIMENTS, &TRIAL_RESULTS, &EVALUATION_OUTCOMES],
    inputs: Inputs::CoPartitioned,
    writes: &[&TRAINING_REQUESTS, &EVALUATION_REQUESTS, &SENSITIVITY_REQUESTS, &RISK_REQUESTS, &TRIAL_LEDGER],
    races_on: &[&TRIAL_LEDGER],
    recalls: &[&TRAINING_REQUESTS, &TRIAL_LEDGER],
    create: || Box::new(Tuner::default()),
};

/// Every search of a partition. A machine and not a decider: a search of ten thousand trials would be copied at each
/// result to decide without changing it.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuner {
    /// Searches that have not ended.
    studies: BTreeMap<ExperimentId, Study>,
    /// Those that have: a repeated submission and a late answer do nothing.
    ended: EndedIds,
    /// What another version of the logic has put out about its searches.
    inherited: BTreeMap<ExperimentId, Inherited>,
}

/// A search of another version of the logic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Inherited {
    /// Trials that it asked for.
    asked: Asked,
    /// Whether it entered the ledger: it had ended.
    entered: bool,
}

impl Machine for Tuner {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        match input.event {
            Event::ExperimentSubmitted(submitted) => {
                self.submitted(submitted);
                Vec::new()
            }
            Event::ExperimentStarted(started) => self.started(started),
            Event::ExperimentCancelled(e) => {
                self.with(e.experiment_id, |study| conclude_early(study, TuningEnd::Cancelled))
            }
            Event::ExperimentFailed(e) => self.with(e.experiment_id, |study| {
                // Where its search had begun, what made it fail was this machine's own entry.
                let entry = if study.begun().is_none() { not_begun(study) } else { None };
                study.end();
                entry.into_iter().collect()
            }),
            Event::WalkForwardCompleted(e) => self.walked(e.experiment_id, Some(e), input.writer),
            Event::WalkForwardFailed(e) => self.walked(e.experiment_id, None, input.writer),
            Event::TrialFamilyMeasured(e) => self.measured(e, input.writer),
            other => match result(other) {
                Some(answer) if self.objection(&answer, input.writer).is_none() => {
                    let goes_on = !self.inherited.contains_key(&answer.experiment_id);
                    self.with(answer.experiment_id, |study| {
                        // Not negative: a trial that was asked for.
                        let is_new = study.take(answer.trial as u64, answer.result);
                        if is_new && goes_on { go_on(study) } else { Vec::new() }
                    })
                }
                _ => Vec::new(),
            },
        }
    }

    fn refuses(&self, input: Input<'_>) -> Option<String> {
        match input.event {
            Event::WalkForwardCompleted(e) => {
                self.objection_to_closing(ClosingPart::Walk, e.experiment_id, input.writer)
            }
            Event::WalkForwardFailed(e) => {
                self.objection_to_closing(ClosingPart::Walk, e.experiment_id, input.writer)
            }
            Event::TrialFamilyMeasured(e) => {
                self.objection_to_closing(ClosingPart::Family, e.experiment_id, input.writer)
            }
            event => self.objection(&result(event)?, input.writer),
        }
    }

    fn recall(&mut self, output: &Event) {
        match output {
            Event::TrainingRequested(request) => {
                let inherited = self.inherited.entry(request.experiment_id).or_default();
                // Not negative: it is this processor's own.
                inherited.asked.insert(request.trial as u64);
            }
            Event::LedgerEntered(ledger) => {
                self.inherited.entry(ledger.experiment_id).or_default().entered = true;
            }
            _ => {}
        }
    }

    fn give_up(&mut self) -> Vec<Output> {
        let inherited = std::mem::take(&mut self.inherited);
        let give_up = |id| self.with(id, |study| conclude_early(study, TuningEnd::LogicChanged));
        inherited.into_keys().flat_map(give_up).collect()
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
    fn submitted(&mut self, submitted: &ExperimentSubmitted) {
        let id = submitted.experiment_id;
        if self.inherited.get(&id).is_some_and(|inherited| inherited.entered) {
            self.ended.insert(id.0.as_bytes());
        }
        if !self.ended.contains(id.0.as_bytes()) {
            self.studies.entry(id).or_insert_with(|| Study::new(submitted));
        }
    }

    fn started(&mut self, started: &ExperimentStarted) -> Vec<Output> {
        let inherited = self.inherited.get(&started.experiment_id).cloned();
        self.with(started.experiment_id, |study| {
            if study.begun().is_some() {
                return Vec::new();
            }
            study.begin(started);
            match inherited {
                None => go_on(study),
                // Its answers are counted for the ledger; nothing more is asked.
                Some(inherited) => {
                    study.inherit(&inherited.asked);
                    Vec::new()
                }
            }
        })
    }

    /// Why an answer answers nothing that was asked for. One that comes after the end of its search is late and no more.
    fn objection(&self, answer: &Answer, source: &str) -> Option<String> {
        let id = answer.experiment_id;
        match self.studies.get(&id) {
            Some(study) => study.objection(answer.trial, answer.trial_id, source),
            None if self.ended.contains(id.0.as_bytes()) => None,
            None => Some(format!("there is no experiment {id} here: answer requests, nothing else")),
        }
    }

    /// Why an outcome is not one that was asked for when the searches were over.
    fn objection_to_closing(&self, what: ClosingPart, id: ExperimentId, source: &str) -> Option<String> {
        match self.studies.get(&id) {
            Some(study) => study.objection_to_closing(what, source),
            None if self.ended.contains(id.0.as_bytes()) => None,
            None => Some(format!("there is no experiment {id} here: answer requests, nothing else")),
        }
    }

    /// The walk-forward has come back, or could not be computed: the finalists are held against it.
    fn walked(
        &mut self,
        id: ExperimentId,
        completed: Option<&WalkForwardCompleted>,
        source: &str,
    ) -> Vec<Output> {
        if self.objection_to_closing(ClosingPart::Walk, id, source).is_some() {
            return Vec::new();
        }
        self.with(id, |study| {
            let outcome = study.objective().map(|objective| {
                let value = |name: &str| completed?.metrics.get(name).copied().flatten();
                let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
                ProcedureOutcome {
                    value: finite(value(objective)),
                    total_return: finite(value("total_return")),
                }
            });
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(Unreadable) => return conclude_early(study, TuningEnd::InvalidDocument),
            };
            arrived(study, |closing| &mut closing.walk, outcome)
        })
    }

    /// It is known what the trials say together.
    fn measured(&mut self, measured: &TrialFamilyMeasured, source: &str) -> Vec<Output> {
        let id = measured.experiment_id;
        if self.objection_to_closing(ClosingPart::Family, id, source).is_some() {
            return Vec::new();
        }
        self.with(id, |study| arrived(study, |closing| &mut closing.family, measured.clone()))
    }

    /// Moves a search that has not ended; of one that ends thereby only its id stays.
    fn with(&mut self, id: ExperimentId, step: impl FnOnce(&mut Study) -> Vec<Output>) -> Vec<Output> {
        let Some(study) = self.studies.get_mut(&id) else { return Vec::new() };
        let outputs = step(study);
        if !study.is_open() {
            self.studies.remove(&id);
            self.ended.insert(id.0.as_bytes());
        }
        outputs
    }
}

/// The next requests, or the end.
fn go_on(study: &mut Study) -> Vec<Output> {
    next(study).unwrap_or_else(|Unreadable| conclude_early(study, TuningEnd::InvalidDocument))
}

fn next(study: &mut Study) -> Result<Vec<Output>, Unreadable> {
    let mut outputs: Vec<Output> = study.next_requests()?.into_iter().map(Output::new).collect();
    if study.is_over() {
        let (walk, family) = study.closing_requests()?;
        if walk.is_none() && family.is_none() {
            outputs.extend(conclude(study)?);
        }
        outputs.extend(walk.map(Output::new));
        outputs.extend(family.map(Output::new));
    }
    Ok(outputs)
}

/// Takes in what was asked for when the searches were over; the end, when nothing is awaited any more.
fn arrived<T>(study: &mut Study, part: fn(&mut Closing) -> &mut Part<T>, found: T) -> Vec<Output> {
    let Some(closing) = study.closing() else { return Vec::new() };
    let part = part(closing);
    if !part.is_awaited() {
        return Vec::new();
    }
    *part = Part::Here(found);
    if closing.walk.is_awaited() || closing.family.is_awaited() {
        return Vec::new();
    }
    conclude(study).unwrap_or_else(|Unreadable| conclude_early(study, TuningEnd::InvalidDocument))
}

/// The ledger, and what is asked for of each finalist.
fn conclude(study: &mut Study) -> Result<Vec<Output>, Unreadable> {
    let is_exhausted = study.main().is_some_and(Trials::is_exhausted);
    let ended = if is_exhausted { TuningEnd::SpaceExhausted } else { TuningEnd::BudgetSpent };
    let finalists = study.finalists()?;
    let procedure = study.closing().and_then(|closing| closing.walk.get().copied());
    let entry = closing_entry(study, ended, &finalists);
    let evaluations = study.evaluations(&finalists, procedure)?.into_iter().map(Output::new);
    let robustness = study.robustness(&finalists)?.into_iter().map(Output::new);
    let outputs = entry.into_iter().chain(evaluations).chain(robustness).collect();
    study.end();
    Ok(outputs)
}

/// Ends a search without finalists; the ledger says how, if tuning has begun.
fn conclude_early(study: &mut Study, ended: TuningEnd) -> Vec<Output> {
    let entry = closing_entry(study, ended, &[]);
    study.end();
    entry.into_iter().collect()
}

/// The ledger's entry: every place in the order of a mandate gets one, also when tuning never began. Every ending can race
/// with a cancellation.
fn closing_entry(study: &mut Study, ended: TuningEnd, finalists: &[u64]) -> Option<Output> {
    let family = study.closing().and_then(|closing| closing.family.get().cloned());
    let (figures, representatives, series) =
        family.map(|family| (family.figures, family.representatives, family.series)).unwrap_or_default();
    let (Some(begun), Some(main)) = (study.begun(), study.main()) else { return not_begun(study) };
    Some(Output::raced(LedgerEntered {
        mandate: study.mandate.clone(),
        experiment_id: study.experiment_id,
        place: study.place,
        data: begun.plan.data.clone(),
        ended,
        requested: main.requested() as i64,
        completed: main.count(TrialState::Completed),
        pruned: main.count(TrialState::Pruned),
        failed: main.count(TrialState::Failed),
        finalists: finalists.iter().map(|trial| model_id(study.experiment_id, *trial)).collect(),
        sharpe: moments(main.all_results().filter_map(|result| result.sharpe)),
        looks: study.looks(),
        holdout_from: Some(begun.holdout.from),
        holdout_to: Some(begun.holdout.to),
        family: figures,
        representatives,
        series,
    }))
}

/// The entry of a search that never began: it asked for nothing and saw no bar.
fn not_begun(study: &Study) -> Option<Output> {
    let (data, holdout) = study.unseen_data()?;
    Some(Output::raced(LedgerEntered {
        mandate: study.mandate.clone(),
        experiment_id: study.experiment_id,
        place: study.place,
        data,
        ended: TuningEnd::NotBegun,
        requested: 0,
        completed: 0,
        pruned: 0,
        failed: 0,
        finalists: Vec::new(),
        sharpe: moments(std::iter::empty()),
        looks: 0,
        holdout_from: Some(holdout.from),
        holdout_to: Some(holdout.to),
        family: Metrics::new(),
        representatives: Vec::new(),
        series: None,
    }))
}

/// Count and moments in the order of the trials; undefined below two values, or where they do not vary.
fn moments(values: impl Iterator<Item = f64>) -> SharpeMoments {
    let values: Vec<f64> = values.collect();
    let mut running = OnlineMoments::new();
    values.iter().for_each(|value| running.push(*value));
    SharpeMoments {
        count: values.len() as i64,
        mean: running.mean(),
        variance: running.variance(),
        skewness: metrics::skewness(&values),
        kurtosis: metrics::kurtosis(&values).map(|excess| excess + 3.0),
    }
}

/// An answer to a request: whose, and what came back.
struct Answer {
    experiment_id: ExperimentId,
    trial: i64,
    trial_id: TrialId,
    result: TrialResult,
}

/// A trial's result in any of its three forms. A number that is not finite is an undefined one, whoever wrote it.
fn result(event: &Event) -> Option<Answer> {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let (experiment_id, trial, trial_id, result) = match event {
        Event::TrialCompleted(e) => (
            e.experiment_id,
            e.trial,
            e.trial_id,
            TrialResult {
                parameters: e.parameters.clone(),
                state: TrialState::Completed,
                value: finite(e.value),
                fold_values: e.fold_values.iter().copied().map(finite).collect(),
                sharpe: finite(e.metrics.get("sharpe").copied().flatten()),
                annual_return: finite(e.metrics.get("annual_return").copied().flatten()),
            },
        ),
        Event::TrialPruned(e) => (
            e.experiment_id,
            e.trial,
            e.trial_id,
            TrialResult {
                parameters: e.parameters.clone(),
                state: TrialState::Pruned,
                value: None,
                fold_values: e.fold_values.iter().copied().map(finite).collect(),
                sharpe: None,
                annual_return: None,
            },
        ),
        Event::TrialFailed(e) => (
            e.experiment_id,
            e.trial,
            e.trial_id,
            TrialResult {
                parameters: e.parameters.clone(),
                state: TrialState::Failed,
                value: None,
                fold_values: Vec::new(),
                sharpe: None,
                annual_return: None,
            },
        ),
        _ => return None,
    };
    Some(Answer { experiment_id, trial, trial_id, result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        // Deviations -3, -1, -1, 5: squares 36, cubes 96, fourth powers 708.
        let got = moments([1.0, 3.0, 3.0, 9.0].into_iter());
        let close = |got: Option<f64>, wanted: f64| assert!((got.unwrap() - wanted).abs() < 1e-12, "{got:?}");
        assert_eq!(got.count, 4);
        close(got.mean, 4.0);
        close(got.variance, 12.0);
        close(got.skewness, 24.0 / 27.0);
        close(got.kurtosis, 177.0 / 81.0);
    }

    #[test]
    fn moments_that_the_values_do_not_have_are_undefined() {
        let none = SharpeMoments { count: 0, mean: None, variance: None, skewness: None, kurtosis: None };
        assert_eq!(moments([].into_iter()), none);
        assert_eq!(moments([2.0].into_iter()), SharpeMoments { count: 1, mean: Some(2.0), ..none.clone() });
        let equal = moments([0.1; 3].into_iter());
        assert_eq!(equal, SharpeMoments { count: 3, mean: Some(0.1), variance: Some(0.0), ..none });
    }
}
