//! Documents and the events around them.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use gauntlet_domain::experiment::*;
use gauntlet_domain::market::{CreateSnapshot, SnapshotDue};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{ContentHash, Event, ExperimentId, ModelId, Verdict};
use serde_json::{Value, json};

/// A document that can run.
pub fn document() -> Value {
    json!({
        "name": "trend",
        "data": { "instrument": "XAUUSD", "venue": "OANDA", "bars": "time:1h", "from": "2020-01-01", "to": "2020-04-01" },
        "model": { "strategy": "ma-cross", "parameters": { "fast": { "int": [5, 20] }, "slow": { "int": [30, 90] } } },
        "tuning": { "trials": 20 }
    })
}

/// The same document with another value at `path`, `tuning.trials`.
pub fn with(path: &str, value: Value) -> Value {
    let mut document = document();
    let mut place = &mut document;
    for key in path.split('.') {
        place = &mut place[key];
    }
    *place = value;
    document
}

pub fn spec(document: &Value) -> ExperimentSpec {
    serde_json::from_value(document.clone()).unwrap()
}

pub fn id(document: &Value) -> ExperimentId {
    spec(document).experiment_id()
}

pub fn submit(document: &Value) -> Event {
    let spec = spec(document);
    SubmitExperiment {
        experiment_id: spec.experiment_id(),
        config_hash: spec.config_hash(),
        document: spec.canonical_json(),
        submitted_by: String::new(),
    }
    .into()
}

pub fn cancel(document: &Value) -> Event {
    CancelExperiment { experiment_id: id(document), reason: "enough".into() }.into()
}

fn sealed(command: CreateSnapshot, rows: i64) -> Event {
    SnapshotDue::from(&command).sealed(ContentHash::of(command.snapshot_id.0.as_bytes()), rows).into()
}

pub fn tuning_sealed(document: &Value, rows: i64) -> Event {
    sealed(spec(document).snapshots().unwrap().0, rows)
}

pub fn holdout_sealed(document: &Value, rows: i64) -> Event {
    sealed(spec(document).snapshots().unwrap().1, rows)
}

pub fn model(trial: i64) -> ModelId {
    ModelId::derive(&[&trial.to_be_bytes()])
}

pub fn ledger(document: &Value, finalists: &[i64]) -> Event {
    let spec = spec(document);
    let (tuning, _) = spec.snapshots().unwrap();
    LedgerEntered {
        mandate: spec.mandate(),
        experiment_id: spec.experiment_id(),
        place: 1,
        data: DataRef {
            snapshot_id: tuning.snapshot_id,
            content_hash: ContentHash::of(b""),
            instrument: tuning.instrument,
            spec: tuning.spec,
            from: tuning.from,
            to: tuning.to,
            rows: 1000,
        },
        ended: "budget_spent".into(),
        requested: 20,
        completed: 3,
        pruned: 12,
        failed: 5,
        finalists: finalists.iter().map(|trial| model(*trial)).collect(),
        sharpe: SharpeMoments { count: 0, mean: None, variance: None, skewness: None, kurtosis: None },
        looks: 0,
        holdout_from: None,
        holdout_to: None,
        family: Metrics::new(),
        representatives: Vec::new(),
        series: None,
    }
    .into()
}

pub fn evaluated(document: &Value, trial: i64, tuning: Option<f64>) -> Event {
    let objective = spec(document).tuning.objective;
    let metrics = |value| Metrics::from([(objective.clone(), value), ("win_rate".into(), Some(0.5))]);
    EvaluationCompleted {
        experiment_id: id(document),
        model_id: model(trial),
        trial,
        parameters: Parameters::new(),
        tuning: metrics(tuning),
        walk_forward: Metrics::new(),
        folds: vec![],
        holdout: metrics(Some(0.25)),
        verdict: Verdict::of_version_1(trial % 2 == 0, ""),
        artifact: None,
        inference: Metrics::new(),
        denied: DeniedOrders::new(),
        holdout_denied: DeniedOrders::new(),
        logic: Some("7".into()),
    }
    .into()
}

pub fn not_evaluated(document: &Value, trial: i64) -> Event {
    EvaluationFailed {
        experiment_id: id(document),
        model_id: model(trial),
        trial,
        reason: "training_failed".into(),
        detail: "no".into(),
    }
    .into()
}

/// Every order of some events.
pub fn orders(events: &[Event]) -> Vec<Vec<Event>> {
    orders_of(events)
}

/// Every order of some things.
pub fn orders_of<E: Clone>(events: &[E]) -> Vec<Vec<E>> {
    if events.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for first in 0..events.len() {
        let mut rest = events.to_vec();
        let event = rest.remove(first);
        all.extend(orders_of(&rest).into_iter().map(|order| [vec![event.clone()], order].concat()));
    }
    all
}
