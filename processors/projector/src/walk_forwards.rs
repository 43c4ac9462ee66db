//! What a walk-forward came to: a run, and a row for each fold.

use gauntlet_domain::Envelope;
use gauntlet_domain::experiment::{Phase, WalkForwardCompleted, WalkForwardFailed, walk_forward_run};
use gauntlet_domain::ids::ExperimentId;
use gauntlet_views::schema::{RUNS, WALK_FORWARD_FOLDS};
use gauntlet_views::{Upsert, Value};

use crate::evaluations::with_denied;
use crate::{ONCE, explained, json, observed};

pub(crate) fn completed(event: &WalkForwardCompleted, envelope: &Envelope) -> Vec<Upsert> {
    let run = run(event.experiment_id, "completed", envelope)
        .with("key_metrics", json(&event.metrics))
        .with("summary", json(&event.summary))
        .with("inference", json(&event.inference));
    let run = with_denied(run, &event.denied);
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let folds = (1_i64..).zip(&event.folds).map(|(number, fold)| {
        let segment = &fold.segment;
        let key = vec![event.experiment_id.to_string().into(), number.into()];
        Upsert::new(&WALK_FORWARD_FOLDS, key, ONCE)
            .with("range_from", Value::Timestamp(fold.from.0))
            .with("range_to", Value::Timestamp(fold.to.0))
            .with("trial", segment.trial)
            .with("completed", segment.completed)
            .with("parameters", json(&segment.parameters))
            .with("in_sample", finite(segment.in_sample))
            .with("in_sample_return", finite(segment.in_sample_return))
            .with("value", finite(fold.value))
            .with("total_return", finite(fold.total_return))
            .with("annual_return", finite(fold.annual_return))
    });
    std::iter::once(run).chain(folds).collect()
}

pub(crate) fn failed(event: &WalkForwardFailed, envelope: &Envelope) -> Upsert {
    let said = explained(event.reason.word(), &event.detail);
    run(event.experiment_id, "failed", envelope).with("summary", json(&serde_json::json!({ "failed": said })))
}

fn run(experiment_id: ExperimentId, status: &str, envelope: &Envelope) -> Upsert {
    let phase = Phase::WalkForward;
    let run_id = format!("{}:{phase}", walk_forward_run(experiment_id));
    let run = Upsert::new(&RUNS, vec![experiment_id.to_string().into(), run_id.into()], ONCE)
        .with("status", status)
        .with("phase", phase.word());
    observed(run, envelope)
}
