//! Experiments, and a world that answers training requests in any order.
#![allow(dead_code, reason = "each user takes its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;

use gauntlet_domain::experiment::*;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{ContentHash, Event, Recorded};
use gauntlet_processor::harness::recorded;
use gauntlet_processor::machine::{Machine, Output};
use gauntlet_search::{Decision, Direction, pruner};
use gauntlet_tuner::Tuner;
use serde_json::{Value, json};

pub const FOLDS: usize = 4;

/// An experiment with these tuning settings.
pub fn spec(name: &str, tuning: Value) -> ExperimentSpec {
    serde_json::from_value(json!({
        "name": name,
        "data": { "instrument": "XAUUSD", "venue": "OANDA", "bars": "time:1h", "from": "2020-01-01", "to": "2020-04-01" },
        "model": { "strategy": "ma-cross", "parameters": {
            "fast": { "int": [5, 60] }, "slow": { "int": [40, 400], "when": "slow > fast" }, "stop_atr": { "float": [1.0, 9.0] }
        } },
        "tuning": tuning,
        "validation": { "finalists": 3, "holdout_keeps": 0.25 },
    }))
    .unwrap()
}

pub fn submitted(spec: &ExperimentSpec) -> Event {
    let (tuning, holdout) = spec.snapshots().unwrap();
    ExperimentSubmitted {
        experiment_id: spec.experiment_id(),
        name: spec.name.clone(),
        mandate: spec.mandate(),
        place: 3,
        config_hash: spec.config_hash(),
        document: spec.canonical_json(),
        tuning_snapshot: tuning.snapshot_id,
        holdout_snapshot: holdout.snapshot_id,
        submitted_by: String::new(),
    }
    .into()
}

pub fn started(spec: &ExperimentSpec) -> ExperimentStarted {
    let (tuning, holdout) = spec.snapshots().unwrap();
    let data = |command: gauntlet_domain::market::CreateSnapshot| DataRef {
        content_hash: ContentHash::of(command.snapshot_id.0.as_bytes()),
        snapshot_id: command.snapshot_id,
        instrument: command.instrument,
        spec: command.spec,
        from: command.from,
        to: command.to,
        rows: 500,
    };
    let fold =
        |i: i64| FoldRange { train_from: 0, train_to: i * 100, test_from: i * 100, test_to: (i + 1) * 100 };
    ExperimentStarted {
        experiment_id: spec.experiment_id(),
        plan: TrialPlan {
            data: data(tuning),
            strategy: spec.model.strategy.clone(),
            features: Vec::new(),
            estimator: None,
            costs: CostTerms {
                commission_bps: 0.5,
                quoted_spread: true,
                spread_bps: 0.0,
                slippage_bps: 0.2,
                latency_bars: 0,
            },
            account: AccountTerms {
                currency: "USD".into(),
                capital: 1e5,
                percent: 95.0,
                allow_short: true,
                benchmark: "none".into(),
                maintenance_margin: 0.0,
                risk_free: vec![],
                limits: None,
            },
            folds: (1..=FOLDS as i64).map(fold).collect(),
            embargo_bars: 0,
            objective: spec.tuning.objective.clone(),
            maximize: spec.tuning.direction == Direction::Maximize,
            periods_per_year: 6000.0,
            seed: 7,
            metric_set: 1,
        },
        holdout: data(holdout),
        windows: Vec::new(),
        warnings: Vec::new(),
    }
}

fn number(request: &TrainingRequested, name: &str) -> f64 {
    match &request.parameters[name] {
        ParameterValue::Int(int) => *int as f64,
        ParameterValue::Float(float) => *float,
        other => panic!("{other:?}"),
    }
}

/// What a trainer might answer: a function of the request alone, with trials that fail, fall behind, or are undefined.
pub fn answer(request: &TrainingRequested) -> Event {
    let TrainingRequested { experiment_id, trial, trial_id, parameters, .. } = request.clone();
    if trial % 13 == 6 {
        let (reason, detail) = ("training_failed".into(), "no".into());
        return TrialFailed { experiment_id, trial, trial_id, parameters, reason, detail }.into();
    }
    let value =
        1.0 - (number(request, "fast") / 60.0 - 0.4).abs() - (number(request, "stop_atr") - 3.0).abs() / 9.0;
    let direction = request.plan.direction();
    let mut fold_values = Vec::new();
    for fold in 0..FOLDS {
        let wobble = ((trial + 1) * (fold as i64 + 3) * 7919 % 101) as f64 / 500.0;
        fold_values.push((trial % 11 != 5).then_some(value + wobble));
        let thresholds = &request.pruning_thresholds;
        if fold + 1 < FOLDS && pruner::decide(thresholds, fold, &fold_values, direction) == Decision::Prune {
            let (fold, threshold) = (fold as i64, thresholds[fold].unwrap());
            return TrialPruned { experiment_id, trial, trial_id, parameters, fold, threshold, fold_values }
                .into();
        }
    }
    let value = fold_values[FOLDS - 1];
    let metrics = Metrics::from([("sharpe".into(), value)]);
    TrialCompleted { experiment_id, trial, trial_id, parameters, value, fold_values, metrics }.into()
}

/// How a search went.
#[derive(Default)]
pub struct Played {
    /// Everything that went into the machine.
    pub history: Vec<Event>,
    /// Requests by trial.
    pub requests: Vec<TrainingRequested>,
    /// Everything else that came out, in order.
    pub rest: Vec<Output>,
    /// What is answered when all trials are over.
    family: Option<Event>,
    /// Most trials that were asked for beyond the contiguous prefix of results.
    pub furthest_ahead: i64,
}

/// Runs an experiment to its end; `choose` picks which of so many waiting requests is answered next.
pub fn play(spec: &ExperimentSpec, mut choose: impl FnMut(usize) -> usize) -> Played {
    let mut machine = Tuner::default();
    let mut played = Played::default();
    let mut waiting = Vec::new();
    let mut answered = BTreeSet::new();
    let mut take = |event: Event, played: &mut Played, waiting: &mut Vec<TrainingRequested>| {
        for output in machine.step(recorded(event.clone()).input()) {
            match output.event {
                Event::TrainingRequested(request) => {
                    assert!(!output.raced);
                    waiting.push(*request.clone());
                    played.requests.push(*request);
                }
                Event::TrialFamilyRequested(request) => played.family = Some(measured(&request)),
                _ => played.rest.push(output),
            }
        }
        played.history.push(event);
    };
    take(submitted(spec), &mut played, &mut waiting);
    take(started(spec).into(), &mut played, &mut waiting);
    let mut prefix = 0;
    while !waiting.is_empty() {
        while answered.remove(&prefix) {
            prefix += 1;
        }
        played.furthest_ahead = played.furthest_ahead.max(played.requests.last().unwrap().trial + 1 - prefix);
        let request = waiting.remove(choose(waiting.len()));
        answered.insert(request.trial);
        take(answer(&request), &mut played, &mut waiting);
    }
    if let Some(measured) = played.family.take() {
        take(measured, &mut played, &mut waiting);
    }
    played
}

/// What an evaluator might answer about the trials together.
pub fn measured(request: &TrialFamilyRequested) -> Event {
    TrialFamilyMeasured {
        experiment_id: request.experiment_id,
        figures: Metrics::from([
            ("pbo".into(), Some(0.25)),
            ("trials".into(), Some(request.trials.len() as f64)),
        ]),
        undefined: Default::default(),
        representatives: request.trials.iter().map(|trial| trial.trial).take(1).collect(),
        series: None,
    }
    .into()
}

/// The answer as the program behind `external:NAME` writes it.
pub fn from_outside(name: &str, event: Event) -> Recorded {
    let mut recorded = recorded(event);
    recorded.envelope.source = format!("trainer.{name}");
    recorded
}
