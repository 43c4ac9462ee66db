//! The trainer: runs one trial, fold by fold, and gives it up where it falls behind.
//!
//! Consumes `training.requests.v1`, emits `trial.results.v1`. A worker: pure in the request and the snapshot that it
//! names; what it decides about pruning it decides from the request's thresholds and its own folds alone.

use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_backtest::Bars;
use gauntlet_domain::experiment::{
    TrainingRequested, TrialCompleted, TrialFailed, TrialFailure, TrialPruned,
};
use gauntlet_domain::topics::{TRAINING_REQUESTS, TRIAL_RESULTS};
use gauntlet_domain::{ContentHash, Event, Topic};
use gauntlet_processor::data::{BarReader, DataError};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_search::{Decision, pruner};
use gauntlet_walkforward::{Segments, Walk, objective_of};

/// The trainer.
#[derive(Default)]
pub struct Trainer {
    /// The latest snapshot in columns: trials of one experiment come in a row.
    latest: Mutex<Option<(ContentHash, Arc<Bars>)>>,
}

impl Worker for Trainer {
    fn name(&self) -> &'static str {
        "trainer"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn topic(&self) -> &'static Topic {
        &TRAINING_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&TRIAL_RESULTS]
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::TrainingRequested(request) => {
                vec![failed(request, TrialFailure::Panicked, message.to_owned())]
            }
            _ => Vec::new(),
        }
    }
}

impl Answering for Trainer {
    type Data<'a> = &'a dyn BarReader;

    fn run(&self, request: &Event, data: &dyn BarReader) -> Answer {
        let Event::TrainingRequested(request) = request else { return Ok(Vec::new()) };
        let bars = match self.bars(&request.plan.data.content_hash, data) {
            Ok(bars) => bars,
            Err(DataError::Unavailable(why)) => {
                return Ok(vec![failed(request, TrialFailure::DataUnavailable, why)]);
            }
            Err(retry) => return Err(retry),
        };
        Ok(vec![trial(request, &bars)])
    }
}

impl Trainer {
    fn bars(&self, hash: &ContentHash, data: &dyn BarReader) -> Result<Arc<Bars>, DataError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, bars)) = &*latest
            && known == hash
        {
            return Ok(bars.clone());
        }
        let bars: Arc<Bars> = Arc::new(data.bars(hash)?.iter().collect());
        *latest = Some((*hash, bars.clone()));
        Ok(bars)
    }
}

/// Runs a trial to its end, or to the fold where it falls behind.
fn trial(request: &TrainingRequested, bars: &Bars) -> Event {
    let plan = &request.plan;
    let walk = match Walk::new(plan, &request.parameters, bars) {
        Ok(walk) => walk,
        Err(error) => return failed(request, TrialFailure::InvalidParameters, error.to_string()),
    };
    let direction = plan.direction();
    let with_benchmark = plan.account.has_benchmark();
    let value =
        |segments: &Segments| objective_of(segments, &plan.objective, plan.periods_per_year, with_benchmark);
    let mut segments = Segments::default();
    let mut fold_values = Vec::with_capacity(plan.folds.len());
    for fold in 0..plan.folds.len() {
        let (range, outcome) = match walk.fold(fold) {
            Ok(ran) => ran,
            Err(error) => return failed(request, TrialFailure::TrainingFailed, error.to_string()),
        };
        segments.push(bars, range, &outcome);
        fold_values.push(value(&segments));
        let last = fold + 1 == plan.folds.len();
        let decision = pruner::decide(&request.pruning_thresholds, fold, &fold_values, direction);
        if let Some(Some(threshold)) = request.pruning_thresholds.get(fold)
            && decision == Decision::Prune
            && !last
        {
            return TrialPruned {
                experiment_id: request.experiment_id,
                trial: request.trial,
                trial_id: request.trial_id,
                parameters: request.parameters.clone(),
                fold: fold as i64,
                threshold: *threshold,
                fold_values,
            }
            .into();
        }
    }
    TrialCompleted {
        experiment_id: request.experiment_id,
        trial: request.trial,
        trial_id: request.trial_id,
        parameters: request.parameters.clone(),
        value: fold_values.last().copied().flatten(),
        fold_values,
        metrics: segments.key_metrics(plan.periods_per_year, with_benchmark, &plan.objective),
    }
    .into()
}

fn failed(request: &TrainingRequested, reason: TrialFailure, detail: String) -> Event {
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
