//! What evaluation found of a finalist: the model, a run for each of its phases, its places on the leaderboards.

use gauntlet_domain::Envelope;
use gauntlet_domain::experiment::{DeniedOrders, EvaluationCompleted, EvaluationFailed, Phase};
use gauntlet_domain::ids::{ExperimentId, ModelId};
use gauntlet_domain::verdict::{Evidence, HOLDOUT, Verdict};
use gauntlet_quant::metrics::{Direction, by_name};
use gauntlet_views::Upsert;
use gauntlet_views::schema::{LEADERBOARDS, MODELS, RUNS, VERDICTS};

use crate::{ONCE, explained, json, observed};

/// The only version of a model: another model is another id.
const VERSION: i64 = 1;

pub(crate) fn completed(event: &EvaluationCompleted, envelope: &Envelope) -> Vec<Upsert> {
    let finalist =
        Finalist { experiment_id: event.experiment_id, model_id: event.model_id, trial: event.trial };
    let model = finalist
        .model()
        .with("artifact_path", event.artifact.map(|hash| format!("artifacts/{hash}")))
        .with("parameters", json(&event.parameters))
        .with("confirmed", event.verdict.passes())
        .with("verdict", event.verdict.sentence());
    let (phase, scores) = event.scores();
    let mut scored = finalist.run(&phase, "completed", envelope).with("key_metrics", json(scores));
    if !event.inference.is_empty() {
        scored = scored.with("inference", json(&event.inference));
    }
    let held = finalist.run(&Phase::Holdout, "completed", envelope).with("key_metrics", json(&event.holdout));
    let runs = [with_denied(scored, &event.denied), with_denied(held, &event.holdout_denied)];
    let verdict = finalist.verdict(&event.verdict);
    [model, verdict].into_iter().chain(runs).chain(places(event)).collect()
}

pub(crate) fn failed(event: &EvaluationFailed, envelope: &Envelope) -> Vec<Upsert> {
    let finalist =
        Finalist { experiment_id: event.experiment_id, model_id: event.model_id, trial: event.trial };
    let said = format!("not evaluated: {}", explained(event.reason.word(), &event.detail));
    let model = finalist.model().with("confirmed", false).with("verdict", said);
    let evidence = Evidence { model_id: Some(event.model_id), ..Evidence::default() };
    let verdict = finalist.verdict(&Verdict::undefined(HOLDOUT, evidence));
    let phases = [Phase::Tuning, Phase::Holdout];
    let runs = phases.map(|phase| finalist.run(&phase, "failed", envelope));
    [model, verdict].into_iter().chain(runs).collect()
}

/// The finalist's row on the leaderboard of every metric that can be ranked and of which it has a score.
fn places(event: &EvaluationCompleted) -> impl Iterator<Item = Upsert> {
    let (phase, scores) = event.scores();
    let column = if phase == Phase::Tuning { "tuning" } else { "walk_forward" };
    scores.iter().filter_map(move |(metric, value)| {
        let value = value.filter(|value| value.is_finite())?;
        let score = match by_name(metric)?.direction {
            Direction::HigherIsBetter => value,
            Direction::LowerIsBetter => -value,
            Direction::Neutral => return None,
        };
        let key = vec![
            event.experiment_id.to_string().into(),
            metric.as_str().into(),
            // A negative zero becomes zero: as a key they would be two.
            (score + 0.0).into(),
            event.trial.into(),
        ];
        let place = Upsert::new(&LEADERBOARDS, key, ONCE)
            .with("model_id", event.model_id.to_string())
            .with(column, value)
            .with("holdout", event.holdout.get(metric).copied().flatten().filter(|value| value.is_finite()))
            .with("confirmed", event.verdict.passes());
        Some(place)
    })
}

/// What a gate says of a finalist; of several rows of one gate that of the greatest stamp counts.
pub(crate) fn verdict_row(
    experiment_id: ExperimentId,
    model_id: ModelId,
    verdict: &Verdict,
    stamp: i64,
) -> Upsert {
    let key = vec![model_id.to_string().into(), verdict.gate.as_str().into()];
    let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
    Upsert::new(&VERDICTS, key, stamp)
        .with("experiment_id", experiment_id.to_string())
        .with("statistic", finite(verdict.statistic))
        .with("threshold", finite(verdict.threshold))
        .with("comparison", verdict.comparison.word())
        .with("outcome", verdict.outcome.word())
        .with("evidence", json(&verdict.evidence))
        .with("waiver", verdict.waiver.as_ref().map(json))
}

/// A run with the orders that its limits denied, where there are any.
pub(crate) fn with_denied(run: Upsert, denied: &DeniedOrders) -> Upsert {
    if denied.is_empty() { run } else { run.with("denied", json(denied)) }
}

/// What the rows of a finalist share.
struct Finalist {
    experiment_id: ExperimentId,
    model_id: ModelId,
    trial: i64,
}

impl Finalist {
    fn model(&self) -> Upsert {
        Upsert::new(&MODELS, vec![self.model_id.to_string().into()], ONCE)
            .with("version", VERSION)
            .with("experiment_id", self.experiment_id.to_string())
            .with("trial", self.trial)
    }

    fn verdict(&self, verdict: &Verdict) -> Upsert {
        verdict_row(self.experiment_id, self.model_id, verdict, ONCE)
    }

    fn run(&self, phase: &Phase, status: &str, envelope: &Envelope) -> Upsert {
        let run_id = format!("{}:{phase}", self.model_id);
        let run = Upsert::new(&RUNS, vec![self.experiment_id.to_string().into(), run_id.into()], ONCE)
            .with("model_id", self.model_id.to_string())
            .with("status", status)
            .with("phase", phase.word())
            .with("trial", self.trial);
        observed(run, envelope)
    }
}
