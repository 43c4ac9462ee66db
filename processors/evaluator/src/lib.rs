//! The evaluator: trades a walk-forward, scores a finalist, and holds it against the hold-out that tuning never saw.
//!
//! Consumes `evaluation.requests.v1`, emits `evaluation.outcomes.v1` and `results.series.v1`. A worker: pure in the
//! request and the snapshots that it names. A finalist's score is over the bars that it was chosen on and ranks; the
//! hold-out is opened once for each finalist and only says yes or no.

/// The trials of a search together.
mod family;
/// The gate: hold-out against walk-forward.
mod holdout;
/// Trade logs and equity curves in chunks.
mod series;
/// The walk-forward.
mod walk;

use std::ops::Range;

use gauntlet_backtest::{BacktestError, Bars, Outcome};
use gauntlet_domain::experiment::{
    EvaluationCompleted, EvaluationFailed, EvaluationFailure, EvaluationRequested, FoldOutcome, Metrics,
    Phase, TrialPlan, WalkForwardFailed, WalkForwardRequested,
};
use gauntlet_domain::topics::{EVALUATION_OUTCOMES, EVALUATION_REQUESTS, RESULTS_SERIES};
use gauntlet_domain::{Event, Timestamp, Topic};
use gauntlet_processor::data::{ArtifactStore, BarReader, DataError};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_walkforward::inference::inference;
use gauntlet_walkforward::{Segments, Walk, hold_out, metric_set};

use holdout::Stretch;
use series::{Run, Series};

/// The version of the logic.
const VERSION: &str = "7";

/// The evaluator.
pub struct Evaluator;

/// It reads bars and stores the models that it has trained.
type EvaluatorData<'a> = (&'a dyn BarReader, &'a dyn ArtifactStore);

impl Worker for Evaluator {
    fn name(&self) -> &'static str {
        "evaluator"
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn topic(&self) -> &'static Topic {
        &EVALUATION_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&EVALUATION_OUTCOMES, &RESULTS_SERIES]
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::EvaluationRequested(request) => {
                vec![failed(request, EvaluationFailure::Panicked, message.to_owned())]
            }
            Event::WalkForwardRequested(request) => {
                vec![not_walked(request, EvaluationFailure::Panicked, message.to_owned())]
            }
            Event::TrialFamilyRequested(request) => {
                vec![family::not_measured(request, message)]
            }
            _ => Vec::new(),
        }
    }
}

impl Answering for Evaluator {
    type Data<'a> = EvaluatorData<'a>;

    fn run(&self, request: &Event, data: EvaluatorData<'_>) -> Answer {
        match request {
            Event::EvaluationRequested(request) => {
                answer(evaluate(request, data), |reason, why| failed(request, reason, why))
            }
            Event::WalkForwardRequested(request) => {
                answer(walk::walk(request, data.0), |reason, why| not_walked(request, reason, why))
            }
            Event::TrialFamilyRequested(request) => {
                answer(family::measure(request, data), |_, why| family::not_measured(request, &why))
            }
            _ => Ok(Vec::new()),
        }
    }
}

enum Failure {
    Training(BacktestError),
    Data(DataError),
}

impl From<BacktestError> for Failure {
    fn from(error: BacktestError) -> Failure {
        Failure::Training(error)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Failure {
        Failure::Data(error)
    }
}

/// What was found, or in the words of `failed` why nothing was; data that cannot be read are no answer.
fn answer(found: Result<Vec<Event>, Failure>, failed: impl Fn(EvaluationFailure, String) -> Event) -> Answer {
    match found {
        Ok(events) => Ok(events),
        Err(Failure::Training(error)) => {
            Ok(vec![failed(EvaluationFailure::TrainingFailed, error.to_string())])
        }
        Err(Failure::Data(error)) => Err(error),
    }
}

fn evaluate(
    request: &EvaluationRequested,
    (bars, artifacts): EvaluatorData<'_>,
) -> Result<Vec<Event>, Failure> {
    let plan = &request.plan;
    let tuning = bars.bars(&plan.data.content_hash)?;
    let holdout = bars.bars(&request.holdout.content_hash)?;
    let joined: Bars = tuning.iter().chain(holdout.iter()).collect();
    let tuning: Bars = tuning.iter().collect();
    let set = metric_set(plan)?;

    let mut walk = Walk::new(plan, &request.parameters, &tuning)?;
    let mut walked = Segments::of(plan);
    let mut folds = Vec::with_capacity(plan.folds.len());
    let mut walk_series = Series::new(Run::of(request, Phase::Tuning), plan);
    while let Some((range, outcome)) = walk.next_fold()? {
        let (fold, _) = fold_alone(plan, &tuning, &range, &outcome);
        folds.push(fold);
        walk_series.push(&tuning, range.clone(), &outcome);
        walked.push(&tuning, range, &outcome);
    }

    let held = hold_out(plan, &request.parameters, &joined, tuning.len())?;
    let mut held_segments = Segments::of(plan);
    held_segments.push(&joined, held.range.clone(), &held.outcome);
    let mut held_series = Series::new(Run::of(request, Phase::Holdout), plan);
    held_series.push(&joined, held.range.clone(), &held.outcome);

    let artifact = match &held.artifact {
        Some(artifact) => Some(artifacts.put_artifact(&artifact.to_bytes())?),
        None => None,
    };
    let stretch = |segments: &Segments| Stretch {
        value: segments.metric(&plan.objective),
        total_return: segments.metric("total_return"),
        trades: segments.running.trade_pnls.len(),
    };
    let mut events: Vec<Event> = walk_series.into_events();
    events.extend(held_series.into_events());
    events.push(
        EvaluationCompleted {
            experiment_id: request.experiment_id,
            model_id: request.model_id,
            trial: request.trial,
            parameters: request.parameters.clone(),
            tuning: walked.metrics_of(set),
            walk_forward: Metrics::new(),
            folds,
            holdout: held_segments.metrics_of(set),
            verdict: holdout::judge(request, stretch(&walked), stretch(&held_segments)),
            artifact,
            inference: inference(&walked),
            denied: walked.denied_orders(),
            holdout_denied: held_segments.denied_orders(),
            logic: Some(VERSION.to_owned()),
        }
        .into(),
    );
    Ok(events)
}

/// A fold by itself: where it lies and what it came to, and its annual return.
fn fold_alone(
    plan: &TrialPlan,
    bars: &Bars,
    range: &Range<usize>,
    outcome: &Outcome,
) -> (FoldOutcome, Option<f64>) {
    let mut alone = Segments::of(plan);
    alone.push(bars, range.clone(), outcome);
    let fold = FoldOutcome {
        from: Timestamp(bars.open_time[range.start]),
        to: Timestamp(bars.close_time[range.end - 1]),
        value: alone.metric(&plan.objective),
        total_return: alone.metric("total_return"),
    };
    (fold, alone.metric("annual_return"))
}

fn not_walked(request: &WalkForwardRequested, reason: EvaluationFailure, detail: String) -> Event {
    WalkForwardFailed { experiment_id: request.experiment_id, reason, detail }.into()
}

fn failed(request: &EvaluationRequested, reason: EvaluationFailure, detail: String) -> Event {
    EvaluationFailed {
        experiment_id: request.experiment_id,
        model_id: request.model_id,
        trial: request.trial,
        reason,
        detail,
    }
    .into()
}
