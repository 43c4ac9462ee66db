//! The evaluator: walks a finalist forward and holds it against the hold-out that tuning never saw.
//!
//! Consumes `evaluation.requests.v1`, emits `evaluation.outcomes.v1` and `results.series.v1`. A worker: pure in the
//! request and the two snapshots that it names. The walk-forward ranks; the hold-out is opened once for each finalist
//! and only says yes or no.

/// Trade logs and equity curves in chunks.
mod series;

use gauntlet_backtest::{BacktestError, Bars};
use gauntlet_domain::experiment::{EvaluationCompleted, EvaluationFailed, EvaluationRequested, FoldOutcome};
use gauntlet_domain::{Event, Timestamp};
use gauntlet_processor::worker::{Answer, Data, DataError, Worker};
use gauntlet_walkforward::{Segments, Walk, hold_out, objective_of};

use series::Series;

/// The evaluator.
pub struct Evaluator;

impl Worker for Evaluator {
    fn name(&self) -> &'static str {
        "evaluator"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn topic(&self) -> &'static str {
        "evaluation.requests.v1"
    }

    fn run(&self, request: &Event, data: &dyn Data) -> Answer {
        let Event::EvaluationRequested(request) = request else { return Ok(Vec::new()) };
        match evaluate(request, data) {
            Ok(events) => Ok(events),
            Err(Failure::Training(error)) => Ok(vec![failed(request, "training_failed", error.to_string())]),
            Err(Failure::Data(DataError::Unavailable(why))) => {
                Ok(vec![failed(request, "data_unavailable", why)])
            }
            Err(Failure::Data(retry)) => Err(retry),
        }
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::EvaluationRequested(request) => vec![failed(request, "panicked", message.to_owned())],
            _ => Vec::new(),
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

fn evaluate(request: &EvaluationRequested, data: &dyn Data) -> Result<Vec<Event>, Failure> {
    let plan = &request.plan;
    let tuning = data.bars(&plan.data.content_hash)?;
    let holdout = data.bars(&request.holdout.content_hash)?;
    let joined: Bars = tuning.iter().chain(holdout.iter()).collect();
    let tuning: Bars = tuning.iter().collect();
    let years = plan.periods_per_year;
    let with_benchmark = plan.account.benchmark != "none";

    let walk = Walk::new(plan, &request.parameters, &tuning)?;
    let mut walked = Segments::default();
    let mut folds = Vec::with_capacity(plan.folds.len());
    let mut walk_series = Series::new(request, "walk_forward");
    for fold in 0..plan.folds.len() {
        let (range, outcome) = walk.fold(fold)?;
        let mut alone = Segments::default();
        alone.push(&tuning, range.clone(), &outcome);
        folds.push(FoldOutcome {
            from: Timestamp(tuning.open_time[range.start]),
            to: Timestamp(tuning.close_time[range.end - 1]),
            value: objective_of(&alone, &plan.objective, years, with_benchmark),
            total_return: objective_of(&alone, "total_return", years, with_benchmark),
        });
        walk_series.push(&tuning, range.clone(), &outcome);
        walked.push(&tuning, range, &outcome);
    }

    let held = hold_out(plan, &request.parameters, &joined, tuning.len())?;
    let mut held_segments = Segments::default();
    held_segments.push(&joined, held.range.clone(), &held.outcome);
    let mut held_series = Series::new(request, "holdout");
    held_series.push(&joined, held.range.clone(), &held.outcome);

    let artifact = match &held.artifact {
        Some(artifact) => Some(data.put_artifact(&artifact.to_bytes())?),
        None => None,
    };
    let walk_value = objective_of(&walked, &plan.objective, years, with_benchmark);
    let held_value = objective_of(&held_segments, &plan.objective, years, with_benchmark);
    let (confirmed, verdict) = judge(request, walk_value, held_value);
    let mut events: Vec<Event> = walk_series.into_events();
    events.extend(held_series.into_events());
    events.push(
        EvaluationCompleted {
            experiment_id: request.experiment_id,
            model_id: request.model_id,
            trial: request.trial,
            parameters: request.parameters.clone(),
            walk_forward: walked.all_metrics(years, with_benchmark),
            folds,
            holdout: held_segments.all_metrics(years, with_benchmark),
            confirmed,
            verdict,
            artifact,
        }
        .into(),
    );
    Ok(events)
}

/// Whether the hold-out keeps enough of the walk-forward value: at least the share asked for of a gain, and not more
/// than its inverse of a loss.
fn judge(request: &EvaluationRequested, walked: Option<f64>, held: Option<f64>) -> (bool, String) {
    let EvaluationRequested { plan, holdout_keeps, .. } = request;
    let name = &plan.objective;
    let (Some(walked), Some(held)) = (walked, held) else {
        return (false, format!("refused: {name} is undefined on the walk-forward or on the hold-out"));
    };
    let gain = if plan.maximize { walked >= 0.0 } else { walked <= 0.0 };
    let needed = if gain { walked * holdout_keeps } else { walked / holdout_keeps };
    let confirmed = if plan.maximize { held >= needed } else { held <= needed };
    let word = if confirmed { "confirmed" } else { "refused" };
    let bound = if plan.maximize { "at least" } else { "at most" };
    let text = format!(
        "{word}: {name} {held:.4} on the hold-out, {bound} {needed:.4} needed ({walked:.4} walked forward)"
    );
    (confirmed, text)
}

fn failed(request: &EvaluationRequested, reason: &str, detail: String) -> Event {
    EvaluationFailed {
        experiment_id: request.experiment_id,
        model_id: request.model_id,
        trial: request.trial,
        reason: reason.into(),
        detail,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::experiment::{AccountTerms, CostTerms, DataRef, Parameters, TrialPlan};
    use gauntlet_domain::{BarSpec, ContentHash, ExperimentId, ModelId, SnapshotId};

    use super::*;

    fn request(maximize: bool, holdout_keeps: f64) -> EvaluationRequested {
        let data = DataRef {
            snapshot_id: SnapshotId::derive(&[]),
            content_hash: ContentHash::of(b""),
            instrument: "A.B".into(),
            spec: BarSpec::Time { seconds: 3600 },
            from: Timestamp(0),
            to: Timestamp(1),
            rows: 1,
        };
        EvaluationRequested {
            experiment_id: ExperimentId::derive(&[]),
            model_id: ModelId::derive(&[]),
            trial: 0,
            finalist: 1,
            parameters: Parameters::new(),
            plan: TrialPlan {
                data: data.clone(),
                strategy: "ma-cross".into(),
                features: vec![],
                estimator: None,
                costs: CostTerms {
                    commission_bps: 0.0,
                    quoted_spread: false,
                    spread_bps: 0.0,
                    slippage_bps: 0.0,
                    latency_bars: 0,
                },
                account: AccountTerms {
                    currency: "USD".into(),
                    capital: 1.0,
                    percent: 100.0,
                    allow_short: true,
                    benchmark: "none".into(),
                },
                folds: vec![],
                embargo_bars: 0,
                objective: "sharpe".into(),
                maximize,
                periods_per_year: 1.0,
                seed: 0,
            },
            holdout: data,
            holdout_keeps,
        }
    }

    fn confirms(maximize: bool, keeps: f64, walked: f64, held: f64) -> bool {
        judge(&request(maximize, keeps), Some(walked), Some(held)).0
    }

    #[test]
    fn a_gain_must_keep_its_share() {
        assert!(confirms(true, 0.5, 2.0, 1.0));
        assert!(!confirms(true, 0.5, 2.0, 0.99));
        // Minimised, a negative value is a gain.
        assert!(confirms(false, 0.5, -2.0, -1.0));
        assert!(!confirms(false, 0.5, -2.0, -0.99));
    }

    #[test]
    fn a_loss_may_grow_by_the_inverse_of_the_share() {
        assert!(confirms(true, 0.5, -1.0, -2.0));
        assert!(!confirms(true, 0.5, -1.0, -2.01));
        // Minimised, a positive value (a drawdown) is a loss.
        assert!(confirms(false, 0.5, 0.2, 0.4));
        assert!(!confirms(false, 0.5, 0.2, 0.41));
    }

    #[test]
    fn from_nothing_nothing_may_be_lost() {
        for maximize in [true, false] {
            assert!(confirms(maximize, 0.5, 0.0, 0.0));
        }
        assert!(!confirms(true, 0.5, 0.0, -0.1));
        assert!(!confirms(false, 0.5, 0.0, 0.1));
    }

    #[test]
    fn a_share_of_zero_allows_any_loss_but_no_loss_of_a_gain() {
        assert!(confirms(true, 0.0, -1.0, -1e9));
        assert!(confirms(true, 0.0, 1.0, 0.0));
        assert!(!confirms(true, 0.0, 1.0, -0.1));
    }

    #[test]
    fn the_undefined_is_never_confirmed() {
        for (walked, held) in [(None, Some(1.0)), (Some(1.0), None), (None, None)] {
            let (confirmed, verdict) = judge(&request(true, 0.0), walked, held);
            assert!(!confirmed);
            assert_eq!(verdict, "refused: sharpe is undefined on the walk-forward or on the hold-out");
        }
    }

    #[test]
    fn the_verdict_says_what_was_compared() {
        let (_, verdict) = judge(&request(true, 0.5), Some(1.0), Some(0.75));
        assert_eq!(
            verdict,
            "confirmed: sharpe 0.7500 on the hold-out, at least 0.5000 needed (1.0000 walked forward)"
        );
        let (_, verdict) = judge(&request(false, 0.5), Some(0.2), Some(0.5));
        assert_eq!(
            verdict,
            "refused: sharpe 0.5000 on the hold-out, at most 0.4000 needed (0.2000 walked forward)"
        );
    }
}
