//! Events of a small history of the pipeline, one function a kind.

use std::collections::BTreeMap;

use gauntlet_domain::access::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::market::*;
use gauntlet_domain::robustness::*;
use gauntlet_domain::selection::*;
use gauntlet_domain::verdict::{Comparison, Evidence, HOLDOUT, judge};
use gauntlet_domain::*;

pub const HOUR: i64 = 3_600_000_000_000;
pub const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

pub fn recorded(event: impl Into<Event>) -> Recorded {
    let event = event.into();
    let id = event.id();
    let envelope = Envelope {
        id,
        causation: id,
        correlation: id,
        source: "test".into(),
        recorded_at: NOW,
        logic: None,
        took_micros: Some(2_500_000),
        decided_at: None,
        trace: None,
    };
    Recorded { event, envelope }
}

pub fn experiment(name: &str) -> ExperimentId {
    ExperimentId::derive(&[name.as_bytes()])
}

pub fn trial(number: i64) -> TrialId {
    TrialId::derive(&[&number.to_be_bytes()])
}

pub fn model(number: i64) -> ModelId {
    ModelId::derive(&[&number.to_be_bytes()])
}

pub fn hash(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

pub fn metrics(pairs: &[(&str, Option<f64>)]) -> Metrics {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

pub fn parameters(fast: i64) -> Parameters {
    BTreeMap::from([("stop".into(), ParameterValue::Float(2.0)), ("fast".into(), ParameterValue::Int(fast))])
}

pub fn command(from: i64, to: i64) -> CreateSnapshot {
    let instrument = InstrumentId::new("XAUUSD", "OANDA").unwrap();
    CreateSnapshot::new(&instrument, BarSpec::Time { seconds: 3600 }, Timestamp(from), Timestamp(to))
}

pub fn due(command: &CreateSnapshot) -> SnapshotDue {
    command.into()
}

pub fn sealed(command: &CreateSnapshot) -> SnapshotSealed {
    let files = vec![SnapshotFile { path: "snapshots/a.parquet".into(), sha256: hash("file"), rows: 100 }];
    SnapshotSealed { files, ..due(command).sealed(hash("bars"), 100) }
}

pub fn data(command: &CreateSnapshot) -> DataRef {
    DataRef {
        snapshot_id: command.snapshot_id,
        content_hash: hash("bars"),
        instrument: command.instrument.clone(),
        spec: command.spec,
        from: command.from,
        to: command.to,
        rows: 100,
    }
}

pub fn tuning() -> CreateSnapshot {
    command(0, 100 * HOUR)
}

pub fn holdout() -> CreateSnapshot {
    command(100 * HOUR, 125 * HOUR)
}

pub fn submitted(name: &str, place: i64) -> ExperimentSubmitted {
    let document = format!(r#"{{"name":"{name}","description":"about {name}","data":{{}}}}"#);
    ExperimentSubmitted {
        experiment_id: experiment(name),
        name: name.into(),
        mandate: "XAUUSD".into(),
        place,
        config_hash: hash(&document),
        document,
        tuning_snapshot: tuning().snapshot_id,
        holdout_snapshot: holdout().snapshot_id,
        submitted_by: "ann".into(),
    }
}

/// From its fixture: rows show nothing of the plan, which grows with the stages that read it.
pub fn started(name: &str) -> ExperimentStarted {
    let frame = include_bytes!("../../../../schemas/fixtures/019-ExperimentStarted.v1.bin");
    match gauntlet_wire::codec::Codec::default().decode(Some(frame)).unwrap() {
        Event::ExperimentStarted(event) => ExperimentStarted { experiment_id: experiment(name), ..*event },
        other => panic!("the fixture holds {other:?}"),
    }
}

pub fn trial_completed(name: &str, number: i64) -> TrialCompleted {
    TrialCompleted {
        experiment_id: experiment(name),
        trial: number,
        trial_id: trial(number),
        parameters: parameters(number),
        value: Some(0.1 + 0.2 * number as f64),
        fold_values: vec![Some(0.5)],
        metrics: metrics(&[("win_rate", None), ("sharpe", Some(0.1 + 0.2))]),
    }
}

pub fn trial_pruned(name: &str, number: i64) -> TrialPruned {
    TrialPruned {
        experiment_id: experiment(name),
        trial: number,
        trial_id: trial(number),
        parameters: parameters(number),
        fold: 1,
        threshold: 0.5,
        fold_values: vec![Some(0.25), Some(0.125)],
    }
}

pub fn trial_failed(name: &str, number: i64, reason: &str) -> TrialFailed {
    TrialFailed {
        experiment_id: experiment(name),
        trial: number,
        trial_id: trial(number),
        parameters: parameters(number),
        reason: reason.into(),
        detail: "index out of range".into(),
    }
}

/// At least half of the first finalist's Sharpe ratio, of which the second has 0.75.
pub fn verdict(number: i64) -> Verdict {
    let evidence = Evidence {
        metric: "sharpe".into(),
        phase: Some(Phase::Holdout),
        numbers: metrics(&[("walk_forward", Some(1.0))]),
        ..Evidence::default()
    };
    let statistic = (number > 0).then_some(0.75);
    judge(HOLDOUT, statistic, Comparison::AtLeast, Some(0.5), evidence)
}

pub fn evaluated(name: &str, number: i64) -> EvaluationCompleted {
    EvaluationCompleted {
        experiment_id: experiment(name),
        model_id: model(number),
        trial: number,
        parameters: parameters(number),
        tuning: metrics(&[
            ("beta", Some(0.5)),
            ("max_drawdown", Some(0.25 / (number as f64 + 1.0))),
            ("sharpe", Some(number as f64)),
            ("sortino", None),
        ]),
        walk_forward: Metrics::new(),
        folds: vec![],
        holdout: metrics(&[("sharpe", Some(0.75)), ("max_drawdown", None)]),
        verdict: verdict(number),
        artifact: (number == 2).then(|| hash("model")),
        inference: metrics(&[("psr", Some(0.75))]),
        denied: DeniedOrders::new(),
        holdout_denied: DeniedOrders::new(),
        logic: Some("7".into()),
    }
}

/// A walk-forward of two folds; the search before the second one chose nothing.
pub fn walked(name: &str) -> WalkForwardCompleted {
    let fold = |fold: i64, trial: Option<i64>| WalkForwardFold {
        segment: WalkForwardSegment {
            bars: FoldRange {
                train_from: 0,
                train_to: 10 * fold,
                test_from: 10 * fold,
                test_to: 10 * fold + 10,
            },
            trial,
            completed: trial.map_or(0, |_| 5),
            parameters: trial.map(parameters).unwrap_or_default(),
            in_sample: trial.map(|_| 1.5),
            in_sample_return: trial.map(|_| 0.5),
        },
        from: Timestamp(10 * fold * HOUR),
        to: Timestamp((10 * fold + 10) * HOUR),
        value: trial.map(|_| 0.75),
        total_return: Some(0.125),
        annual_return: trial.map(|_| 0.25),
    };
    WalkForwardCompleted {
        experiment_id: experiment(name),
        metrics: metrics(&[("sharpe", Some(0.5))]),
        folds: vec![fold(1, Some(10)), fold(2, None)],
        summary: metrics(&[("efficiency", Some(0.5)), ("flat_folds", Some(1.0))]),
        inference: metrics(&[("psr", Some(0.625))]),
        denied: DeniedOrders::new(),
    }
}

pub fn trades(number: i64, phase: &str, chunk: i64, entries: i64) -> TradeLogChunk {
    let each = |value: f64| (0..entries).map(|i| value + i as f64).collect::<Vec<_>>();
    TradeLogChunk {
        experiment_id: experiment("gold"),
        model_id: model(number),
        phase: phase.into(),
        chunk,
        asset: "XAUUSD.OANDA".into(),
        // Several fills at one time, within and across chunks.
        times: (0..entries).map(|i| (chunk * entries + i) / 3 * HOUR).collect(),
        actions: (0..entries).map(|i| if i % 2 == 0 { "buy" } else { "sell" }.to_owned()).collect(),
        prices: each(1_300.5),
        quantities: each(10.0),
        pnls: each(0.0),
    }
}

pub fn equity(number: i64, phase: &str, chunk: i64, entries: i64) -> EquityCurveChunk {
    EquityCurveChunk {
        experiment_id: experiment("gold"),
        model_id: model(number),
        phase: phase.into(),
        chunk,
        times: (0..entries).map(|i| (chunk * entries + i) * HOUR).collect(),
        values: (0..entries).map(|i| 1e5 + i as f64).collect(),
    }
}

pub fn entered(name: &str, place: i64, ended: &str) -> LedgerEntered {
    LedgerEntered {
        mandate: "XAUUSD".into(),
        experiment_id: experiment(name),
        place,
        data: data(&tuning()),
        ended: ended.into(),
        requested: 8,
        completed: 5,
        pruned: 2,
        failed: 1,
        finalists: vec![model(2), model(1)],
        sharpe: SharpeMoments {
            count: 5,
            mean: Some(0.5),
            variance: Some(0.25),
            skewness: None,
            kurtosis: Some(3.0),
        },
        looks: 40,
        holdout_from: Some(Timestamp(HOUR)),
        holdout_to: None,
        family: Metrics::new(),
        representatives: Vec::new(),
        series: None,
    }
}

pub fn rejected(source: &str, reason: &str) -> TickRejected {
    TickRejected {
        instrument: "XAUUSD.OANDA".into(),
        source: source.into(),
        reason: reason.into(),
        rows: vec![4, 9],
        times: vec![1, 1],
    }
}

pub fn corrected(source: &str, reason: &str) -> TickCorrected {
    let TickRejected { instrument, source, reason, rows, times } = rejected(source, reason);
    TickCorrected { instrument, source, reason, rows, times }
}

pub fn gap(source: &str) -> GapDetected {
    GapDetected {
        instrument: "XAUUSD.OANDA".into(),
        source: source.into(),
        row: 8,
        from: Timestamp(HOUR),
        to: Timestamp(3 * HOUR),
        count: 2,
    }
}

pub fn cleaned(source: &str) -> SourceCleaned {
    let count = |reason: &str, count| ReasonCount { reason: reason.into(), count };
    SourceCleaned {
        aborted: String::new(),
        instrument: "XAUUSD.OANDA".into(),
        source: source.into(),
        name: "gold.csv".into(),
        rows: 100,
        accepted: 97,
        rejected: vec![count("stale", 1), count("crossed", 2)],
        corrected: vec![],
        gaps: 1,
        first: Some(Timestamp(HOUR)),
        last: Some(Timestamp(9 * HOUR)),
        bars: vec![BarSpec::Time { seconds: 60 }, BarSpec::Time { seconds: 3600 }],
    }
}

/// A policy, what became of a finalist when things were moved, its risk, two decisions about it and a waiver between them.
#[allow(clippy::too_many_lines, reason = "one course of events, told in its order")]
pub fn selection() -> Vec<Event> {
    let (experiment_id, model_id, trial) = (experiment("gold"), model(1), 1);
    let figures = metrics(&[("plateau", Some(0.5)), ("cliff_distance", None)]);
    let undefined = Reasons::from([("cliff_distance".into(), "no point is below half".into())]);
    let policy = PolicyRef { name: "default".into(), hash: hash("gates") };
    let candidate = |attempt| Candidate {
        mandate: "XAUUSD".into(),
        experiment_id,
        place: 1,
        model_id,
        trial,
        rank: 1,
        attempt,
        version_hash: hash("version"),
        verdicts_hash: hash("verdicts"),
        waivers_hash: hash("waivers"),
        policy: policy.clone(),
        verdicts: vec![verdict(1)],
        figures: figures.clone(),
        undefined: undefined.clone(),
        series: None,
        submitted_by: "ann".into(),
    };
    let waive = Waive {
        mandate: "XAUUSD".into(),
        model_id,
        version_hash: hash("version"),
        gate: "plateau".into(),
        author: "ben".into(),
        reason: "seen".into(),
        expires: NOW,
    };
    let command = Event::from(waive.clone()).id();
    let axis =
        AxisSensitivity { name: "fast".into(), figures: figures.clone(), undefined: undefined.clone() };
    let stress = Stress { name: "costs_x2".into(), figures: figures.clone(), without_effect: true };
    vec![
        PolicyRegistered {
            mandate: "XAUUSD".into(),
            name: "loose".into(),
            policy_hash: hash("policy"),
            document: "{}".into(),
            author: "ann".into(),
        }
        .into(),
        TokenIssued {
            token: "0123456789abcdef".into(),
            hash: hash("secret"),
            name: "nightly".into(),
            person: "ann".into(),
            scopes: vec!["read".into()],
            issued_by: "ann".into(),
            expires: Timestamp(HOUR),
        }
        .into(),
        TokenRevoked { token: "0123456789abcdef".into(), revoked_by: "ben".into(), reason: "lost".into() }
            .into(),
        CommandAudited {
            actor: "ann".into(),
            by: "session".into(),
            action: "POST /api/v1/experiments".into(),
            key: "k".into(),
            request_hash: hash("request"),
            subject: experiment_id.to_string(),
            events: vec![],
            address: "127.0.0.1".into(),
        }
        .into(),
        SensitivityReported {
            experiment_id,
            model_id,
            trial,
            value: Some(0.5),
            figures: figures.clone(),
            undefined: undefined.clone(),
            axes: vec![axis],
            stresses: vec![stress],
            evaluations: 99,
            points: Some(hash("points")),
            remarks: vec!["the box was halved".into()],
        }
        .into(),
        RiskMeasured {
            experiment_id,
            model_id,
            trial,
            figures: figures.clone(),
            undefined: undefined.clone(),
            series: Some(hash("series")),
        }
        .into(),
        CandidateRejected { candidate: candidate(1), failed: vec!["plateau".into()] }.into(),
        ExperimentJudged {
            mandate: "XAUUSD".into(),
            experiment_id,
            place: 1,
            judgement: "rejected".into(),
            selected: None,
            policy: policy.clone(),
        }
        .into(),
        WaiverGranted { waive: waive.clone(), command }.into(),
        CandidateSelected { candidate: candidate(2), replaces: Some(model(0)) }.into(),
        WaiverRefused { waive, command: model_command(), detail: "expired".into() }.into(),
    ]
}

fn model_command() -> EventId {
    EventId::derive(&[b"another command"])
}
