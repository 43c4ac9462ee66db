//! A finalist from request to answer: the walk, the hold-out, the series; and failures in words.
#![allow(clippy::unwrap_used)]

#[path = "../../../crates/walkforward/tests/common/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};

use common::*;
use gauntlet_backtest::Bars;
use gauntlet_domain::experiment::*;
use gauntlet_domain::market::Bar;
use gauntlet_domain::{ContentHash, Event, ExperimentId, ModelId, OrderLimits};
use gauntlet_evaluator::Evaluator;
use gauntlet_processor::data::{ArtifactStore, BarReader, DataError};
use gauntlet_processor::worker::{Answering, Worker};
use gauntlet_walkforward::{Segments, Walk, hold_out};

const TUNING: usize = 480;
const HELD: usize = 160;

/// A lake with two snapshots, each of which may fail.
struct Lake {
    tuning: Result<Vec<Bar>, DataError>,
    holdout: Result<Vec<Bar>, DataError>,
    /// Artifacts stored, or why they cannot be.
    artifacts: Result<Mutex<Vec<Vec<u8>>>, DataError>,
}

impl BarReader for Lake {
    fn bars(&self, hash: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        let snapshot = if *hash == ContentHash::of(b"tuning") { &self.tuning } else { &self.holdout };
        snapshot.clone().map(Arc::new)
    }
}

impl ArtifactStore for Lake {
    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError> {
        self.artifacts.as_ref().map_err(Clone::clone)?.lock().unwrap().push(bytes.to_vec());
        Ok(ContentHash::of(bytes))
    }
}

fn unavailable() -> DataError {
    DataError::Unavailable("gone".into())
}

fn rests() -> DataError {
    DataError::Retry("the lake does not answer".into())
}

/// Tuning and hold-out cut from the same bars.
fn lake(bars: &Bars, tuning: usize) -> Lake {
    let (before, after) = (bars.slice(0..tuning), bars.slice(tuning..bars.len()));
    Lake { tuning: Ok(market(&before)), holdout: Ok(market(&after)), artifacts: Ok(Mutex::default()) }
}

fn full() -> Lake {
    lake(&swing(TUNING + HELD), TUNING)
}

fn request_of(plan: TrialPlan, parameters: Parameters) -> EvaluationRequested {
    let holdout =
        DataRef { content_hash: ContentHash::of(b"holdout"), rows: HELD as i64, ..plan.data.clone() };
    EvaluationRequested {
        experiment_id: ExperimentId::derive(&[b"e"]),
        model_id: ModelId::derive(&[b"e", b"12"]),
        trial: 12,
        finalist: 1,
        parameters,
        plan,
        holdout,
        holdout_keeps: 0.5,
        min_trades: 1,
        procedure: None,
        addressee: "evaluator".into(),
    }
}

fn rule() -> EvaluationRequested {
    let parameters = parameters(&[("fast", int(3)), ("slow", int(12)), ("stop_atr", float(2.0))]);
    request_of(plan("ma-cross", TUNING, folds(TUNING, 3, 0)), parameters)
}

fn learned_model() -> EvaluationRequested {
    let plan = learned("gbdt", &["return(1)", "return(5)"], TUNING, folds(TUNING, 3, 8));
    request_of(plan, parameters(&[("trees", int(5)), ("horizon_bars", int(4))]))
}

/// What came out, sorted out.
struct Answer {
    trades: Vec<TradeLogChunk>,
    equity: Vec<EquityCurveChunk>,
    completed: EvaluationCompleted,
}

fn answer(request: &EvaluationRequested, lake: &Lake) -> Answer {
    let (mut trades, mut equity, mut completed) = (Vec::new(), Vec::new(), None);
    for event in Evaluator.run(&request.clone().into(), (lake, lake)).unwrap() {
        assert!(completed.is_none(), "the outcome comes last");
        match event {
            Event::TradeLogChunk(chunk) => trades.push(*chunk),
            Event::EquityCurveChunk(chunk) => equity.push(chunk),
            Event::EvaluationCompleted(outcome) => completed = Some(*outcome),
            other => panic!("{other:?}"),
        }
    }
    Answer { trades, equity, completed: completed.unwrap() }
}

impl Answer {
    fn trades(&self, phase: &str) -> &TradeLogChunk {
        self.trades.iter().find(|chunk| chunk.phase == phase.into()).unwrap()
    }

    fn equity(&self, phase: &str) -> &EquityCurveChunk {
        self.equity.iter().find(|chunk| chunk.phase == phase.into()).unwrap()
    }
}

/// Bars as the evaluator reads them.
fn read(bars: &Bars) -> Bars {
    market(bars).iter().collect()
}

// What it reports.

#[test]
fn the_walk_is_that_of_a_trial_and_every_fold_is_reported_alone() {
    for request in [rule(), learned_model()] {
        let completed = answer(&request, &full()).completed;
        let (plan, bars) = (&request.plan, read(&swing(TUNING)));
        let mut walk = Walk::new(plan, &request.parameters, &bars).unwrap();
        let mut walked = Segments::of(plan);
        for fold in &completed.folds {
            let (range, outcome) = walk.next_fold().unwrap().unwrap();
            let mut alone = Segments::of(plan);
            alone.push(&bars, range.clone(), &outcome);
            assert_eq!(
                (fold.from.0, fold.to.0),
                (bars.open_time[range.start], bars.close_time[range.end - 1])
            );
            assert_eq!(fold.value, alone.metric("sharpe"));
            assert_eq!(fold.total_return, alone.metric("total_return"));
            walked.push(&bars, range, &outcome);
        }
        assert_eq!(completed.folds.len(), 3);
        assert_eq!(completed.tuning, walked.metrics_of(1));
        assert!(completed.tuning["sharpe"].is_some());
        assert_eq!((completed.model_id, completed.trial), (request.model_id, 12));
    }
}

#[test]
fn the_hold_out_is_the_walk_s_continuation_and_its_model_is_stored() {
    for request in [rule(), learned_model()] {
        let lake = full();
        let completed = answer(&request, &lake).completed;
        let joined = read(&swing(TUNING + HELD));
        let held = hold_out(&request.plan, &request.parameters, &joined, TUNING).unwrap();
        let mut segments = Segments::of(&request.plan);
        segments.push(&joined, held.range, &held.outcome);
        assert_eq!(completed.holdout, segments.metrics_of(1));
        let stored = lake.artifacts.unwrap().into_inner().unwrap();
        assert_eq!(stored, held.artifact.iter().map(|artifact| artifact.to_bytes()).collect::<Vec<_>>());
        assert_eq!(completed.artifact, stored.first().map(|bytes| ContentHash::of(bytes)));
    }
}

#[test]
fn the_walk_never_sees_the_hold_out() {
    for request in [rule(), learned_model()] {
        let bars = swing(TUNING + HELD);
        let before = answer(&request, &lake(&bars, TUNING));
        let after = answer(&request, &lake(&altered(&bars, TUNING..TUNING + HELD), TUNING));
        assert_eq!(before.completed.tuning, after.completed.tuning);
        assert_eq!(before.completed.folds, after.completed.folds);
        assert_eq!(before.completed.artifact, after.completed.artifact);
        assert_eq!(before.trades("tuning"), after.trades("tuning"));
        assert_eq!(before.equity("tuning"), after.equity("tuning"));
        assert_ne!(before.completed.holdout, after.completed.holdout);
    }
}

#[test]
fn the_last_tuning_bars_warm_the_hold_out_up() {
    let bars = swing(TUNING + HELD);
    let before = answer(&rule(), &lake(&bars, TUNING));
    let after = answer(&rule(), &lake(&altered(&bars, TUNING - 6..TUNING), TUNING));
    assert_ne!(before.completed.holdout, after.completed.holdout);
    let first = before.equity("holdout").times[0];
    assert_eq!(first, bars.close_time[TUNING], "warm-up bars are not judged");
}

#[test]
fn the_verdict_follows_the_share_to_be_kept() {
    let completed =
        |holdout_keeps| answer(&EvaluationRequested { holdout_keeps, ..rule() }, &full()).completed;
    let (walked, held) =
        (completed(0.5).tuning["sharpe"].unwrap(), completed(0.5).holdout["sharpe"].unwrap());
    assert!(walked > 0.0 && held > 0.0);
    let kept = held / walked;
    assert!(completed(kept * 0.99).verdict.passes());
    let refused = completed(kept * 1.01);
    assert!(!refused.verdict.passes());
    let said = refused.verdict.sentence();
    assert!(said.starts_with("refused: sharpe "), "{said}");
}

#[test]
fn the_same_request_gives_the_same_answer() {
    for request in [rule(), learned_model()] {
        let events = || Evaluator.run(&request.clone().into(), (&full(), &full())).unwrap();
        assert_eq!(events(), events());
    }
}

/// Two folds, traded by two choices.
fn walk_request() -> WalkForwardRequested {
    let request = rule();
    let chosen = [[3, 12], [2, 20]];
    let segment = |(bars, [fast, slow]): (&FoldRange, [i64; 2])| WalkForwardSegment {
        bars: *bars,
        trial: Some(20 + fast),
        completed: 9,
        parameters: parameters(&[("fast", int(fast)), ("slow", int(slow))]),
        in_sample: Some(2.0),
        in_sample_return: Some(0.5),
    };
    WalkForwardRequested {
        experiment_id: request.experiment_id,
        segments: request.plan.folds.iter().zip(chosen).map(segment).collect(),
        plan: request.plan,
        addressee: "evaluator".into(),
    }
}

fn walked(request: &WalkForwardRequested, lake: &Lake) -> Vec<Event> {
    Evaluator.run(&request.clone().into(), (lake, lake)).unwrap()
}

/// Its number is that of its series: what is exported can be checked.
#[test]
fn a_walk_forward_is_a_run_of_the_experiment_and_its_metrics_are_those_of_its_equity() {
    let request = walk_request();
    let events = walked(&request, &full());
    let Some(Event::WalkForwardCompleted(completed)) = events.last() else { panic!("{events:?}") };
    let mut values: Vec<f64> = Vec::new();
    for event in &events {
        match event {
            Event::EquityCurveChunk(chunk) => {
                assert_eq!(event.key(), format!("{}:walk_forward", request.experiment_id));
                values.extend(&chunk.values);
            }
            Event::TradeLogChunk(chunk) => assert_eq!(chunk.phase, Phase::WalkForward),
            Event::WalkForwardCompleted(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(values.len(), 240);
    let total = completed.metrics["total_return"].unwrap();
    assert!((values[239] / 100_000.0 - 1.0 - total).abs() < 1e-9 * total.abs().max(1.0));
    assert_eq!(completed.folds.len(), 2);
    let joined = completed.folds.iter().fold(1.0, |all, fold| all * (1.0 + fold.total_return.unwrap()));
    assert!((joined - 1.0 - total).abs() < 1e-9 * total.abs().max(1.0));
    assert_eq!(completed.inference["observations"], Some(240.0));
    assert_eq!(completed.summary["drift.fast"], Some(1.0));
    assert_eq!(completed.folds[1].segment, request.segments[1]);
}

#[test]
fn a_walk_forward_never_sees_the_hold_out_nor_a_fold_what_follows_it() {
    let (request, bars) = (walk_request(), swing(TUNING + HELD));
    let before = walked(&request, &lake(&bars, TUNING));
    assert_eq!(before, walked(&request, &lake(&altered(&bars, TUNING..TUNING + HELD), TUNING)));
    let later = walked(&request, &lake(&altered(&bars, 241..TUNING), TUNING));
    let first = |events: &[Event]| match events.last() {
        Some(Event::WalkForwardCompleted(completed)) => completed.folds[0].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(first(&before).total_return, first(&later).total_return);
}

#[test]
fn a_walk_forward_that_cannot_be_computed_says_why() {
    let mut request = walk_request();
    request.segments[1].parameters = parameters(&[("fist", int(3))]);
    let [Event::WalkForwardFailed(failed)] = &walked(&request, &full())[..] else {
        panic!("it was computed")
    };
    assert_eq!(failed.reason.word(), "training_failed");
    assert!(failed.detail.contains("fast"), "{}", failed.detail);
    let gone = Lake { tuning: Err(unavailable()), ..full() };
    let error = Evaluator.run(&walk_request().into(), (&gone, &gone)).unwrap_err();
    assert!(matches!(error, DataError::Unavailable(_)), "{error}");
    let panicked = Evaluator.panicked(&walk_request().into(), "boom");
    assert!(matches!(&panicked[..], [Event::WalkForwardFailed(failed)] if failed.detail == "boom"));
}

// Limits.

#[test]
fn a_finalist_whose_orders_are_all_denied_never_trades_and_says_why() {
    let mut request = rule();
    request.plan.account.limits = Some(OrderLimits { max_quantity: Some(0.001), ..OrderLimits::default() });
    let answer = answer(&request, &full());
    let completed = &answer.completed;
    assert_eq!((completed.tuning["trade_count"], completed.holdout["trade_count"]), (Some(0.0), Some(0.0)));
    assert!(!completed.verdict.passes());
    for denied in [&completed.denied, &completed.holdout_denied] {
        assert!(denied.keys().eq(["max_quantity"]) && denied["max_quantity"] > 0, "{denied:?}");
    }
    let free = self::answer(&rule(), &full()).completed;
    assert!(free.denied.is_empty() && free.holdout_denied.is_empty());
}

#[test]
fn a_walk_forward_is_one_account_under_its_limits() {
    let mut request = walk_request();
    request.plan.account.limits = Some(OrderLimits { max_repeats: Some(1), ..OrderLimits::default() });
    let lake = full();
    let events = Evaluator.run(&request.into(), (&lake, &lake)).unwrap();
    let Some(Event::WalkForwardCompleted(completed)) = events.last() else { panic!("{events:?}") };
    assert!(completed.denied.keys().eq(["repeat_throttle"]), "{:?}", completed.denied);
    assert!(completed.metrics["trade_count"] <= Some(1.0));
}

// Series.

#[test]
fn equity_grows_by_every_return_from_segment_to_segment() {
    let request = rule();
    let (answer, bars) = (answer(&request, &full()), read(&swing(TUNING)));
    let mut walk = Walk::new(&request.plan, &request.parameters, &bars).unwrap();
    let (mut equity, mut expected) = (request.plan.account.capital, Vec::new());
    while let Some((_, outcome)) = walk.next_fold().unwrap() {
        for bar_return in outcome.returns {
            equity *= 1.0 + bar_return;
            expected.push(equity);
        }
    }
    let curve = answer.equity("tuning");
    assert_eq!(curve.values, expected);
    assert_eq!(curve.times, bars.close_time[120..TUNING]);
    let total = answer.completed.tuning["total_return"].unwrap();
    let capital = request.plan.account.capital;
    assert!((curve.values.last().unwrap() / capital - 1.0 - total).abs() < 1e-9 * total.abs().max(1.0));
}

#[test]
fn profits_of_the_fills_add_up_to_the_equity() {
    let request = rule();
    let answer = answer(&request, &full());
    let capital = request.plan.account.capital;
    // Either is one account.
    for phase in ["tuning", "holdout"] {
        let profits: f64 = answer.trades(phase).pnls.iter().sum();
        let last = answer.equity(phase).values.last().unwrap();
        assert!(
            (capital + profits - last).abs() < 1e-6 * capital,
            "{phase}: {profits} does not lead to {last}"
        );
    }
}

#[test]
fn a_trade_is_two_fills_in_the_order_of_time() {
    let answer = answer(&rule(), &full());
    for (phase, metrics) in [("tuning", &answer.completed.tuning), ("holdout", &answer.completed.holdout)] {
        let log = answer.trades(phase);
        assert_eq!(log.times.len() as f64, 2.0 * metrics["trade_count"].unwrap());
        assert!(log.times.is_sorted() && !log.times.is_empty());
        for trade in 0..log.times.len() / 2 {
            let (entry, exit) = (2 * trade, 2 * trade + 1);
            assert_eq!(log.pnls[entry], 0.0);
            assert_eq!(log.quantities[entry], log.quantities[exit]);
            assert_ne!(log.actions[entry], log.actions[exit]);
            let sign = if log.actions[entry] == "buy" { 1.0 } else { -1.0 };
            let gross = sign * (log.prices[exit] - log.prices[entry]) * log.quantities[entry];
            assert!(log.pnls[exit] < gross, "fees are in it");
        }
        assert_eq!(log.asset, "XAUUSD.OANDA");
    }
}

#[test]
fn long_series_come_in_numbered_chunks() {
    let (tuning, held) = (18_000, 10_000);
    let plan = plan("ma-cross", tuning, folds(tuning, 1, 0));
    let request = request_of(plan, parameters(&[("fast", int(2)), ("slow", int(3))]));
    let answer = answer(&request, &lake(&swing(tuning + held), tuning));
    for (phase, bars) in [("tuning", 9_000), ("holdout", 10_000)] {
        let chunks: Vec<_> = answer.equity.iter().filter(|chunk| chunk.phase == phase.into()).collect();
        let sizes: Vec<_> =
            chunks.iter().map(|chunk| (chunk.chunk, chunk.times.len(), chunk.values.len())).collect();
        assert_eq!(sizes, [(0, 8192, 8192), (1, bars - 8192, bars - 8192)]);
        assert!(chunks.iter().flat_map(|chunk| &chunk.times).is_sorted());
    }
    let fills: usize =
        answer.trades.iter().filter(|chunk| chunk.phase == Phase::Holdout).map(|c| c.times.len()).sum();
    assert_eq!(fills as f64, 2.0 * answer.completed.holdout["trade_count"].unwrap());
}

// Failures.

fn failure(request: &EvaluationRequested, lake: &Lake) -> (String, String) {
    match Evaluator.run(&request.clone().into(), (lake, lake)).unwrap().as_slice() {
        [Event::EvaluationFailed(failed)] => (failed.reason.word().to_owned(), failed.detail.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn data_that_are_gone_and_a_lake_that_rests_are_no_answers() {
    let broken: [fn(DataError) -> Lake; 3] = [
        |error| Lake { tuning: Err(error), ..full() },
        |error| Lake { holdout: Err(error), ..full() },
        |error| Lake { artifacts: Err(error), ..full() },
    ];
    for lake in broken {
        for error in [unavailable(), rests()] {
            let lake = lake(error.clone());
            let said = Evaluator.run(&learned_model().into(), (&lake, &lake)).unwrap_err();
            assert_eq!(said.to_string(), error.to_string());
        }
    }
}

#[test]
fn what_cannot_be_trained_is_an_answer() {
    let mut request = learned_model();
    request.plan.features = vec!["sma_distance(9000)".into()];
    let (reason, detail) = failure(&request, &full());
    assert_eq!(reason, "training_failed");
    assert!(detail.starts_with("0 labelled rows"), "{detail}");
}

/// Other metrics than the plan asks for would be another record of the same run.
#[test]
fn a_set_of_metrics_that_is_not_there_is_named() {
    for set in [-1, 0, 99, i64::MAX] {
        let named = format!("plan.metric_set is {set}, and this release has the versions 1 to ");
        let mut request = rule();
        request.plan.metric_set = set;
        let (reason, detail) = failure(&request, &full());
        assert_eq!(reason, "training_failed");
        assert!(detail.starts_with(&named), "{detail}");
        let mut request = walk_request();
        request.plan.metric_set = set;
        let events = walked(&request, &full());
        let [Event::WalkForwardFailed(failed)] = events.as_slice() else { panic!("{events:?}") };
        assert!(failed.detail.starts_with(&named), "{}", failed.detail);
    }
}

#[test]
fn a_panic_is_an_answer() {
    let events = Evaluator.panicked(&rule().into(), "boom");
    let [Event::EvaluationFailed(failed)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((failed.reason.word(), failed.detail.as_str()), ("panicked", "boom"));
    assert_eq!((failed.model_id, failed.trial), (rule().model_id, 12));
}

#[test]
fn other_events_are_not_its_business() {
    let event: Event = CancelExperiment { experiment_id: rule().experiment_id, reason: String::new() }.into();
    assert_eq!(Evaluator.run(&event, (&full(), &full())).unwrap(), []);
    assert_eq!(Evaluator.panicked(&event, "x"), []);
}
