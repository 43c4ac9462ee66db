//! One event of every record, with every optional field set, and what earlier versions of a record said of it.

/// Robustness, risk, selection.
mod selection;

use std::collections::BTreeMap;

use gauntlet_domain::event::{Event, RecordKind};
use gauntlet_domain::experiment::*;
use gauntlet_domain::limits::SubmitRate;
use gauntlet_domain::market::*;
use gauntlet_domain::verdict::{Comparison, Evidence, HOLDOUT, Outcome, Waiver};
use gauntlet_domain::*;

fn instrument() -> String {
    "XAUUSD.OANDA".into()
}

fn spec() -> BarSpec {
    BarSpec::Time { seconds: 3600 }
}

fn calendar() -> Calendar {
    Calendar {
        name: "XCME".into(),
        zone: "America/Chicago".into(),
        first_day: 13_228,
        last_day: 16_435,
        week: vec![WeeklySession { weekday: 0, open_second: -25_200, close_second: 57_600 }],
        holidays: vec![13_507],
        special_days: vec![SpecialDay { day: 13_506, open_second: -25_200, close_second: 43_200 }],
        offsets: vec![ZoneOffset { from_second: 1_143_961_200, offset_seconds: -18_000 }],
    }
}

fn data_ref() -> DataRef {
    DataRef {
        snapshot_id: SnapshotId::derive(&[b"sample"]),
        content_hash: ContentHash::of(b"bars"),
        instrument: instrument(),
        spec: spec(),
        from: Timestamp(1_142_812_800_000_000_000),
        to: Timestamp(1_398_902_400_000_000_000),
        rows: 50_123,
    }
}

fn parameters() -> Parameters {
    BTreeMap::from([
        ("fast".into(), ParameterValue::Int(12)),
        ("kind".into(), ParameterValue::Text("ema".into())),
        ("long_only".into(), ParameterValue::Flag(true)),
        ("stop_atr".into(), ParameterValue::Float(2.5)),
    ])
}

fn metrics() -> Metrics {
    BTreeMap::from([("sharpe".into(), Some(0.1 + 0.2)), ("win_rate".into(), None)])
}

fn denied() -> DeniedOrders {
    BTreeMap::from([("max_leverage".into(), 12), ("rate_limit".into(), 3)])
}

fn verdict(model_id: ModelId) -> Verdict {
    Verdict {
        gate: HOLDOUT.into(),
        statistic: Some(0.25),
        threshold: Some(f64::NEG_INFINITY),
        comparison: Comparison::AtLeast,
        outcome: Outcome::Waived,
        evidence: Evidence {
            data: Some(ContentHash::of(b"bars")),
            metric: "sharpe".into(),
            model_id: Some(model_id),
            numbers: metrics(),
            phase: Some(Phase::Holdout),
            remark: Some("keeps".into()),
        },
        waiver: Some(Waiver {
            author: "ann".into(),
            event: EventId::derive(&[b"waiver"]),
            expires: Timestamp(5),
            reason: "short".into(),
        }),
    }
}

/// What a frame of this version says that was made of the sample: what the version has no field for is undefined.
#[allow(dead_code, reason = "each user takes its part")]
#[allow(clippy::too_many_lines, reason = "an arm for each record that changed")]
pub fn sample_of(kind: RecordKind, version: u32) -> Event {
    match (sample(kind), version) {
        (Event::SnapshotSealed(mut event), 1) => {
            (event.first_open, event.last_close, event.quoted_bars) = (None, None, None);
            event.into()
        }
        (Event::ExperimentCompleted(mut event), 1 | 2) => {
            event.ranking[0].tuning = None;
            if version == 1 {
                event.ranking[0].verdict = Verdict::of_version_1(false, "");
            }
            event.into()
        }
        (Event::EvaluationCompleted(mut event), 1..=3) => {
            (event.denied, event.holdout_denied, event.logic) = Default::default();
            if version < 3 {
                (event.tuning, event.inference) = (Metrics::new(), Metrics::new());
            }
            if version == 1 {
                event.verdict = Verdict::of_version_1(true, "keeps");
            }
            (*event).into()
        }
        // Its strategy is one that is built in.
        (Event::TrainingRequested(mut event), 1..=3) => {
            earlier_account(&mut event.plan.account, version < 3);
            if version == 1 {
                event.addressee = "trainer".into();
                event.plan.metric_set = 1;
            }
            (*event).into()
        }
        (Event::ExperimentStarted(mut event), 1..=3) => {
            earlier_account(&mut event.plan.account, version < 3);
            if version < 3 {
                event.windows.clear();
                event.warnings.clear();
            }
            if version == 1 {
                event.plan.metric_set = 1;
            }
            (*event).into()
        }
        (Event::EvaluationRequested(mut event), 1..=3) => {
            earlier_account(&mut event.plan.account, version < 3);
            if version < 3 {
                event.procedure = None;
            }
            if version == 1 {
                (event.plan.metric_set, event.min_trades) = (1, 0);
            }
            (*event).into()
        }
        (Event::WalkForwardRequested(mut event), 1) => {
            earlier_account(&mut event.plan.account, false);
            (*event).into()
        }
        (Event::WalkForwardCompleted(mut event), 1) => {
            event.denied.clear();
            (*event).into()
        }
        (Event::TrialFamilyRequested(mut event), 1) => {
            earlier_account(&mut event.plan.account, false);
            (*event).into()
        }
        (Event::SensitivityRequested(mut event), 1) => {
            earlier_account(&mut event.plan.account, false);
            event.terms.fits = 128;
            (*event).into()
        }
        (Event::RiskVerdictIssued(mut event), 1) => {
            event.candidates[0].logic = None;
            (*event).into()
        }
        (Event::RiskRequested(mut event), 1) => {
            earlier_account(&mut event.plan.account, false);
            (*event).into()
        }
        (Event::LedgerEntered(mut event), 1..=3) => {
            (event.family, event.representatives, event.series) = (Metrics::new(), Vec::new(), None);
            if version < 3 {
                (event.looks, event.holdout_from, event.holdout_to) = (0, None, None);
            }
            (*event).into()
        }
        (Event::SubmitExperiment(event), 1) => {
            SubmitExperiment { submitted_by: String::new(), ..event }.into()
        }
        (Event::ExperimentSubmitted(mut event), 1) => {
            event.submitted_by.clear();
            (*event).into()
        }
        (Event::SourceCleaned(event), 1 | 2) => {
            let aborted = if version == 1 { String::new() } else { event.aborted };
            SourceCleaned { aborted, bars: Vec::new(), first: None, last: None, ..event }.into()
        }
        (Event::Quote(event), 2) => Quote { received: None, ..event }.into(),
        (Event::Trade(event), 2) => Trade { received: None, ..event }.into(),
        (event, 1) => market_of_version_1(event),
        (event, _) => event,
    }
}

/// Market data before they had a scale.
fn market_of_version_1(event: Event) -> Event {
    match event {
        Event::InstrumentDefined(event) => InstrumentDefined {
            session: event.session,
            cleaning: event.cleaning,
            stamp: event.stamp,
            empty_bars: event.empty_bars,
            ..InstrumentDefined::new(&event.instrument, event.bars, event.price)
        }
        .into(),
        Event::TickBlock(mut event) => {
            event.scale = Scale::USUAL;
            (*event).into()
        }
        Event::BarBlock(mut event) => {
            event.scale = Scale::USUAL;
            (*event).into()
        }
        Event::Quote(event) => Quote { scale: Scale::USUAL, received: None, ..event }.into(),
        Event::Trade(event) => Trade { scale: Scale::USUAL, received: None, ..event }.into(),
        Event::Bar(event) => Bar { scale: Scale::USUAL, ..event }.into(),
        Event::FeedCompleted(event) => FeedCompleted { scale: Scale::USUAL, ..event }.into(),
        Event::GapDetected(event) => GapDetected { count: 1, ..event }.into(),
        Event::CreateSnapshot(event) => CreateSnapshot { revision: 0, ..event }.into(),
        Event::SnapshotDue(event) => SnapshotDue { revision: 0, ..event }.into(),
        event => event,
    }
}

/// An account before it had limits, and the first one before the third version of the plan.
fn earlier_account(account: &mut AccountTerms, is_first: bool) {
    account.limits = None;
    if is_first {
        account.maintenance_margin = 0.0;
        account.risk_free.clear();
    }
}

fn bar() -> Bar {
    Bar {
        instrument: instrument(),
        spec: spec(),
        open_time: Timestamp(0),
        close_time: Timestamp(3_600_000_000_000),
        time: Timestamp(3_600_000_000_000),
        open: Price(1),
        high: Price(4),
        low: Price(0),
        close: Price(3),
        open_spread: Some(Price(2)),
        close_spread: None,
        volume: Quantity(0),
        ticks: 17,
        scale: Scale { price_exponent: -12, size_exponent: -2 },
    }
}

fn window() -> SearchWindow {
    let range =
        |from: i64| FoldRange { train_from: 0, train_to: from, test_from: from + 1, test_to: from + 9 };
    SearchWindow { folds: vec![range(10), range(20)], walk: range(30) }
}

fn segment() -> WalkForwardSegment {
    WalkForwardSegment {
        bars: window().walk,
        trial: Some(204),
        completed: 7,
        parameters: parameters(),
        in_sample: Some(1.25),
        in_sample_return: None,
    }
}

fn plan() -> TrialPlan {
    TrialPlan {
        data: data_ref(),
        strategy: "ml".into(),
        features: vec!["rsi".into(), "roc_24".into()],
        estimator: Some("gbdt".into()),
        costs: CostTerms {
            commission_bps: 0.5,
            quoted_spread: true,
            spread_bps: 0.0,
            slippage_bps: 0.2,
            latency_bars: 1,
        },
        account: AccountTerms {
            currency: "USD".into(),
            capital: 1e5,
            percent: 95.0,
            allow_short: true,
            benchmark: "none".into(),
            maintenance_margin: 0.25,
            risk_free: vec![RiskFreeRate { from: Timestamp(1_142_812_800_000_000_000), rate: 0.045 }],
            limits: Some(OrderLimits {
                max_quantity: Some(10.5),
                max_notional: Some(1e6),
                max_position: Some(20.0),
                max_gross: Some(2e6),
                max_leverage: Some(1.5),
                collar_bps: Some(50),
                max_quote_age_ms: Some(60_000),
                submit_rate: Some(SubmitRate { burst: 2, interval_ms: 3_600_000 }),
                max_repeats: Some(1_000),
            }),
        },
        folds: vec![FoldRange { train_from: 0, train_to: 100, test_from: 124, test_to: 200 }],
        embargo_bars: 12,
        objective: "sharpe".into(),
        maximize: true,
        periods_per_year: 5_876.25,
        seed: 7,
        metric_set: 2,
    }
}

/// The sample of a record.
#[expect(clippy::too_many_lines, reason = "a sample a record, in the order of the table")]
pub fn sample(kind: RecordKind) -> Event {
    let experiment_id = ExperimentId::derive(&[b"sample"]);
    let trial_id = TrialId::derive(&[b"sample"]);
    let model_id = ModelId::derive(&[b"sample"]);
    let source = ContentHash::of(b"file").to_string();
    let config_hash = ContentHash::of(b"{}");
    match kind {
        RecordKind::InstrumentDefined => InstrumentDefined {
            instrument: instrument(),
            currency: "USD".into(),
            bars: vec![spec(), BarSpec::Time { seconds: 60 }],
            price: PriceBasis::Quotes,
            stamp: BarStamp::Close,
            empty_bars: EmptyBars::Fill,
            session: Some(Session { open_second: 79_200, close_second: 75_600 }),
            cleaning: CleaningRules::default(),
            scale: Scale { price_exponent: -12, size_exponent: -2 },
            tick_size: Some(10_000_000_000),
            positive_prices: true,
            asset_class: "future".into(),
            calendar: Some(calendar()),
            limits: CleaningLimits { level_ticks: 20, ..CleaningLimits::default() },
        }
        .into(),
        RecordKind::TickBlock => TickBlock {
            instrument: instrument(),
            source,
            block: 3,
            rows: vec![1, 2, 5],
            sequences: vec![],
            kinds: vec![1, 1, 16],
            times: vec![1_399_240_800_000_000_000, 1_399_240_800_000_000_100, 0],
            prices: vec![1_300_151_000_000, 1_299_968_000_000, -1],
            asks: vec![1_301_801_000_000, 1_301_618_000_000, i64::MAX],
            sizes: vec![],
            ask_sizes: vec![],
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::BarBlock => BarBlock {
            instrument: instrument(),
            source,
            block: 0,
            spec: "time:1h".into(),
            rows: vec![1],
            kinds: vec![1],
            open_times: vec![1_142_812_800_000_000_000],
            opens: vec![554_050_000_000],
            highs: vec![555_950_000_000],
            lows: vec![553_650_000_000],
            closes: vec![555_450_000_000],
            open_spreads: vec![2_500_000_000],
            close_spreads: vec![2_500_000_000],
            volumes: vec![],
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::Quote => Quote {
            instrument: instrument(),
            source,
            sequence: 1,
            time: Timestamp(5),
            bid: Price(1_300_000_000_000),
            ask: Price(1_300_500_000_000),
            bid_size: Some(Quantity(100_000_000)),
            ask_size: None,
            received: Some(Timestamp(7)),
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::Trade => Trade {
            instrument: instrument(),
            source,
            sequence: 2,
            time: Timestamp(6),
            price: Price(1_300_000_000_000),
            size: Quantity(25_000_000),
            side: Some("buy".into()),
            received: Some(Timestamp(8)),
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::FeedCompleted => FeedCompleted {
            instrument: instrument(),
            source,
            name: "a.zip".into(),
            rows: 9,
            blocks: 1,
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::FeedAborted => FeedAborted {
            instrument: instrument(),
            source,
            name: "a.zip".into(),
            rows: 9,
            reason: "the file was cut off while it was read".into(),
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::Bar => bar().into(),
        RecordKind::BarRevised => BarRevised {
            instrument: instrument(),
            spec: spec(),
            revision: 3,
            source,
            from: Timestamp(0),
            to: Timestamp(3_600_000_000_000),
            bar: Some(bar()),
            open_spread: Some(Price(2)),
            close_spread: None,
            since: Some(1),
            scale: Scale { price_exponent: -12, size_exponent: -2 },
        }
        .into(),
        RecordKind::TickRejected => TickRejected {
            instrument: instrument(),
            source,
            reason: Reason::Crossed.code().into(),
            rows: vec![4, 9],
            times: vec![1, 2],
        }
        .into(),
        RecordKind::TickCorrected => TickCorrected {
            instrument: instrument(),
            source,
            reason: Reason::OutOfOrder.code().into(),
            rows: vec![4],
            times: vec![1],
        }
        .into(),
        RecordKind::GapDetected => {
            let (from, to) = (Timestamp(1), Timestamp(2));
            GapDetected { instrument: instrument(), source, row: 8, from, to, count: 3 }.into()
        }
        RecordKind::SourceCleaned => SourceCleaned {
            instrument: instrument(),
            source,
            name: "a.zip".into(),
            rows: 9,
            accepted: 6,
            rejected: vec![ReasonCount { reason: "crossed".into(), count: 2 }],
            corrected: vec![ReasonCount { reason: "out_of_order".into(), count: 1 }],
            gaps: 1,
            aborted: "the file was cut off while it was read".into(),
            first: Some(Timestamp(-1)),
            last: Some(Timestamp(5)),
            bars: vec![spec()],
        }
        .into(),
        RecordKind::CreateSnapshot => {
            let instrument = InstrumentId::new("XAUUSD", "OANDA").unwrap();
            let asked = CreateSnapshot::new(&instrument, spec(), Timestamp(0), Timestamp(9));
            CreateSnapshot { revision: 4, ..asked }.into()
        }
        RecordKind::SnapshotDue => SnapshotDue {
            snapshot_id: SnapshotId::derive(&[b"sample"]),
            instrument: instrument(),
            spec: spec(),
            from: Timestamp(0),
            to: Timestamp(9),
            revision: 4,
        }
        .into(),
        RecordKind::SnapshotSealed => SnapshotSealed {
            snapshot_id: SnapshotId::derive(&[b"sample"]),
            instrument: instrument(),
            spec: spec(),
            from: Timestamp(0),
            to: Timestamp(9),
            content_hash: ContentHash::of(b"bars"),
            rows: 3,
            files: vec![SnapshotFile {
                path: "snapshots/a.parquet".into(),
                sha256: ContentHash::of(b"file"),
                rows: 3,
            }],
            first_open: Some(Timestamp(1_142_812_800_000_000_000)),
            last_close: Some(Timestamp(1_398_902_400_000_000_000)),
            quoted_bars: Some(50_000),
        }
        .into(),
        RecordKind::ConfigRegistered => ConfigRegistered { config_hash, document: "{}".into() }.into(),
        RecordKind::SubmitExperiment => {
            SubmitExperiment { experiment_id, config_hash, document: "{}".into(), submitted_by: "ann".into() }
                .into()
        }
        RecordKind::CancelExperiment => CancelExperiment { experiment_id, reason: "typo".into() }.into(),
        RecordKind::ExperimentSubmitted => ExperimentSubmitted {
            experiment_id,
            name: "gold".into(),
            mandate: "XAUUSD".into(),
            place: 1,
            config_hash,
            document: "{}".into(),
            tuning_snapshot: SnapshotId::derive(&[b"tuning"]),
            holdout_snapshot: SnapshotId::derive(&[b"holdout"]),
            submitted_by: "ann".into(),
        }
        .into(),
        RecordKind::ExperimentStarted => ExperimentStarted {
            experiment_id,
            plan: plan(),
            holdout: data_ref(),
            windows: vec![window()],
            warnings: vec!["no spreads".into()],
        }
        .into(),
        RecordKind::ExperimentCompleted => ExperimentCompleted {
            experiment_id,
            ranking: vec![RankedModel {
                model_id,
                trial: 5,
                tuning: Some(1.5),
                walk_forward: Some(1.25),
                holdout: None,
                verdict: Verdict::undefined(HOLDOUT, Evidence::default()),
            }],
        }
        .into(),
        RecordKind::ExperimentCancelled => {
            ExperimentCancelled { experiment_id, reason: "typo".into() }.into()
        }
        RecordKind::ExperimentFailed => {
            ExperimentFailed { experiment_id, reason: "no_data".into(), detail: "nothing there".into() }
                .into()
        }
        RecordKind::TrainingRequested => TrainingRequested {
            experiment_id,
            trial: 4,
            trial_id,
            parameters: parameters(),
            plan: plan(),
            pruning_thresholds: vec![None, Some(0.5)],
            addressee: "trainer.sklearn".into(),
        }
        .into(),
        RecordKind::TrialCompleted => TrialCompleted {
            experiment_id,
            trial: 4,
            trial_id,
            parameters: parameters(),
            value: Some(-0.25),
            fold_values: vec![Some(0.5), None],
            metrics: metrics(),
        }
        .into(),
        RecordKind::TrialPruned => TrialPruned {
            experiment_id,
            trial: 4,
            trial_id,
            parameters: parameters(),
            fold: 1,
            threshold: 0.5,
            fold_values: vec![Some(0.25), Some(0.125)],
        }
        .into(),
        RecordKind::TrialFailed => TrialFailed {
            experiment_id,
            trial: 4,
            trial_id,
            parameters: parameters(),
            reason: "panicked".into(),
            detail: "index out of range".into(),
        }
        .into(),
        RecordKind::EvaluationRequested => EvaluationRequested {
            experiment_id,
            model_id,
            trial: 4,
            finalist: 1,
            parameters: parameters(),
            plan: plan(),
            holdout: data_ref(),
            holdout_keeps: 0.5,
            min_trades: 10,
            procedure: Some(ProcedureOutcome { value: Some(0.5), total_return: None }),
            addressee: "evaluator".into(),
        }
        .into(),
        RecordKind::EvaluationCompleted => EvaluationCompleted {
            experiment_id,
            model_id,
            trial: 4,
            parameters: parameters(),
            tuning: metrics(),
            walk_forward: metrics(),
            folds: vec![FoldOutcome {
                from: Timestamp(1),
                to: Timestamp(2),
                value: Some(1.0),
                total_return: None,
            }],
            holdout: metrics(),
            verdict: verdict(model_id),
            artifact: Some(ContentHash::of(b"model")),
            inference: metrics(),
            denied: denied(),
            holdout_denied: denied(),
            logic: Some("7".into()),
        }
        .into(),
        RecordKind::WalkForwardRequested => WalkForwardRequested {
            experiment_id,
            plan: plan(),
            segments: vec![segment()],
            addressee: "evaluator".into(),
        }
        .into(),
        RecordKind::WalkForwardCompleted => WalkForwardCompleted {
            experiment_id,
            metrics: metrics(),
            folds: vec![WalkForwardFold {
                segment: segment(),
                from: Timestamp(1),
                to: Timestamp(2),
                value: None,
                total_return: Some(0.25),
                annual_return: Some(0.5),
            }],
            summary: metrics(),
            inference: metrics(),
            denied: denied(),
        }
        .into(),
        RecordKind::WalkForwardFailed => WalkForwardFailed {
            experiment_id,
            reason: "panicked".into(),
            detail: "index out of range".into(),
        }
        .into(),
        RecordKind::EvaluationFailed => EvaluationFailed {
            experiment_id,
            model_id,
            trial: 4,
            reason: "training_failed".into(),
            detail: "one class".into(),
        }
        .into(),
        RecordKind::TradeLogChunk => TradeLogChunk {
            experiment_id,
            model_id,
            phase: "holdout".into(),
            chunk: 0,
            asset: instrument(),
            times: vec![1, 2],
            actions: vec!["buy".into(), "sell".into()],
            prices: vec![1300.5, 1301.25],
            quantities: vec![10.0, 10.0],
            pnls: vec![0.0, 7.5],
        }
        .into(),
        RecordKind::EquityCurveChunk => EquityCurveChunk {
            experiment_id,
            model_id,
            phase: "walk_forward".into(),
            chunk: 0,
            times: vec![1, 2],
            values: vec![1e5, 100_007.5],
        }
        .into(),
        RecordKind::LedgerEntered => LedgerEntered {
            mandate: "XAUUSD".into(),
            experiment_id,
            place: 1,
            data: data_ref(),
            ended: "budget_spent".into(),
            requested: 10,
            completed: 7,
            pruned: 2,
            failed: 1,
            finalists: vec![model_id],
            sharpe: SharpeMoments {
                count: 7,
                mean: Some(0.5),
                variance: Some(0.25),
                skewness: None,
                kurtosis: Some(3.0),
            },
            looks: 50,
            holdout_from: Some(Timestamp(3)),
            holdout_to: Some(Timestamp(4)),
            family: metrics(),
            representatives: vec![1, 4],
            series: Some(ContentHash::of(b"series")),
        }
        .into(),
        other => selection::sample(other),
    }
}
