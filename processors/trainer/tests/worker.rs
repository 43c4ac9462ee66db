//! A trial from request to answer: completed, pruned, or failed in words.
#![allow(clippy::unwrap_used)]

#[path = "../../../crates/walkforward/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use gauntlet_backtest::Bars;
use gauntlet_domain::experiment::*;
use gauntlet_domain::market::Bar;
use gauntlet_domain::{ContentHash, Event, ExperimentId, TrialId};
use gauntlet_processor::data::{BarReader, DataError};
use gauntlet_processor::worker::{Answering, Worker};
use gauntlet_search::{Decision, Direction, pruner};
use gauntlet_trainer::Trainer;
use gauntlet_walkforward::{Segments, Walk};
use proptest::prelude::*;

const BARS: usize = 600;
const FOLDS: usize = 5;

/// What the data source does when it is asked for bars.
enum Source {
    Holds(Arc<Vec<Bar>>),
    Lacks,
    Rests,
    Panics,
}

/// A data source that counts how often it was asked.
struct Lake {
    source: Source,
    asked: AtomicUsize,
}

impl BarReader for Lake {
    fn bars(&self, _: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.source {
            Source::Holds(bars) => Ok(bars.clone()),
            Source::Lacks => Err(DataError::Unavailable("no such snapshot".into())),
            Source::Rests => Err(DataError::Retry("the lake does not answer".into())),
            Source::Panics => panic!("the lake is dry"),
        }
    }
}

fn lake(source: Source) -> Lake {
    Lake { source, asked: AtomicUsize::new(0) }
}

fn full() -> Lake {
    lake(Source::Holds(Arc::new(market(&swing(BARS)))))
}

fn request() -> TrainingRequested {
    TrainingRequested {
        experiment_id: ExperimentId::derive(&[b"e"]),
        trial: 12,
        trial_id: TrialId::derive(&[b"e", b"12"]),
        parameters: parameters(&[("fast", int(3)), ("slow", int(12))]),
        plan: plan("ma-cross", BARS, folds(BARS, FOLDS, 0)),
        pruning_thresholds: vec![],
        addressee: "trainer".into(),
    }
}

fn answer(request: &TrainingRequested) -> Event {
    let mut events = Trainer::default().run(&request.clone().into(), &full()).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn completed(request: &TrainingRequested) -> TrialCompleted {
    match answer(request) {
        Event::TrialCompleted(completed) => completed,
        other => panic!("{other:?}"),
    }
}

fn failed(event: &Event) -> (&str, &str) {
    match event {
        Event::TrialFailed(failed) => (failed.reason.word(), &failed.detail),
        other => panic!("{other:?}"),
    }
}

// A trial that runs to its end.

#[test]
fn a_trial_reports_its_objective_after_each_fold_over_all_folds_so_far() {
    let request = request();
    let completed = completed(&request);
    let bars: Bars = market(&swing(BARS)).iter().collect();
    let mut walk = Walk::new(&request.plan, &request.parameters, &bars).unwrap();
    let mut segments = Segments::of(&request.plan);
    let mut expected = Vec::new();
    while let Some((range, outcome)) = walk.next_fold().unwrap() {
        segments.push(&bars, range, &outcome);
        expected.push(segments.metric("sharpe"));
    }
    assert!(expected.iter().all(Option::is_some));
    assert_eq!((completed.value, &completed.fold_values), (expected[FOLDS - 1], &expected));
    assert_eq!(completed.metrics, segments.key_metrics("sharpe"));
    let TrainingRequested { experiment_id, trial, trial_id, parameters, .. } = request;
    let identity = (completed.experiment_id, completed.trial, completed.trial_id, completed.parameters);
    assert_eq!(identity, (experiment_id, trial, trial_id, parameters));
}

#[test]
fn an_objective_against_the_benchmark_is_undefined_without_one() {
    let mut request = request();
    request.plan.objective = "beta".into();
    assert!(completed(&request).value.is_some());
    request.plan.account.benchmark = "none".into();
    let completed = completed(&request);
    assert_eq!((completed.value, completed.metrics["beta"]), (None, None));
    assert!(completed.metrics["sharpe"].is_some());
}

#[test]
fn a_learned_model_runs_through_the_same_folds() {
    let features = ["return(1)", "return(5)"];
    let plan = TrialPlan { embargo_bars: 10, ..learned("gbdt", &features, BARS, folds(BARS, FOLDS, 8)) };
    let parameters = parameters(&[("trees", int(5)), ("horizon_bars", int(4))]);
    let completed = completed(&TrainingRequested { plan, parameters, ..request() });
    assert!(completed.value.unwrap() > 0.0, "a swing can be learned: {completed:?}");
}

#[test]
fn the_same_request_gives_the_same_answer_from_any_trainer_and_thread() {
    let expected = answer(&request());
    let (trainer, lake) = (Trainer::default(), full());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let events = trainer.run(&request().into(), &lake).unwrap();
                assert_eq!(events, std::slice::from_ref(&expected));
            });
        }
    });
}

#[test]
fn trials_over_one_snapshot_read_it_once() {
    let (trainer, lake) = (Trainer::default(), full());
    for trial in 0..3 {
        trainer.run(&TrainingRequested { trial, ..request() }.into(), &lake).unwrap();
    }
    assert_eq!(lake.asked.load(Ordering::Relaxed), 1);
    let mut other = request();
    other.plan.data.content_hash = ContentHash::of(b"other");
    trainer.run(&other.into(), &lake).unwrap();
    assert_eq!(lake.asked.load(Ordering::Relaxed), 2);
}

// Pruning.

#[test]
fn a_trial_is_given_up_after_the_fold_where_it_falls_behind() {
    let values = completed(&request()).fold_values;
    let behind = values[..3].iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max) + 0.1;
    let thresholds = vec![None, None, Some(behind), Some(-1e9), None];
    let Event::TrialPruned(pruned) =
        answer(&TrainingRequested { pruning_thresholds: thresholds, ..request() })
    else {
        panic!("not pruned");
    };
    assert_eq!((pruned.fold, pruned.threshold, &pruned.fold_values[..]), (2, behind, &values[..3]));
    assert_eq!((pruned.trial, pruned.trial_id), (12, request().trial_id));
}

#[test]
fn after_the_last_fold_nothing_is_pruned_any_more() {
    let mut pruning_thresholds = vec![None; FOLDS];
    pruning_thresholds[FOLDS - 1] = Some(1e9);
    let request = TrainingRequested { pruning_thresholds, ..request() };
    assert_eq!(completed(&request).fold_values.len(), FOLDS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_pruned_exactly_where_the_pruner_decides(
        maximize in any::<bool>(),
        offsets in prop::collection::vec(prop::option::weighted(0.7, -20.0..20.0_f64), 0..7),
    ) {
        let mut request = request();
        request.plan.maximize = maximize;
        let values = completed(&request).fold_values;
        let threshold = |(fold, offset): (usize, &Option<f64>)| {
            offset.map(|offset| values.get(fold).copied().flatten().unwrap_or(0.0) + offset)
        };
        request.pruning_thresholds = offsets.iter().enumerate().map(threshold).collect();
        let direction = if maximize { Direction::Maximize } else { Direction::Minimize };
        let prunes = |fold: &usize| {
            pruner::decide(&request.pruning_thresholds, *fold, &values[..=*fold], direction) == Decision::Prune
        };
        let expected = (0..FOLDS - 1).find(prunes);
        match answer(&request) {
            Event::TrialPruned(pruned) => {
                prop_assert_eq!(Some(pruned.fold as usize), expected);
                prop_assert_eq!(pruned.fold_values.len() as i64, pruned.fold + 1);
            }
            Event::TrialCompleted(completed) => prop_assert_eq!((expected, completed.fold_values), (None, values)),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

// Several at once.

/// Requests of a few plans: rules with and without stops, costs of every kind, objectives that can and cannot be kept up
/// without columns, thresholds that prune, parameters that are refused, folds beyond the bars, and other events.
fn mixed() -> impl Strategy<Value = Vec<Event>> {
    let terms = (0..3_usize, 0..4_usize, any::<bool>(), 0..3_i64, 0..5_usize, any::<bool>());
    let plan = terms.prop_map(|(costs, objective, allow_short, latency_bars, folds_, has_benchmark)| {
        let name = ["ma-cross", "donchian-breakout", "rsi-reversion", "bollinger-reversion"][folds_ % 4];
        let mut plan = plan(name, BARS, folds(BARS, folds_, 0));
        plan.costs.quoted_spread = costs == 0;
        plan.costs.spread_bps = if costs == 1 { 3.0 } else { 0.0 };
        plan.costs.latency_bars = latency_bars;
        plan.account.allow_short = allow_short;
        plan.account.percent = if costs == 2 { 30.0 } else { 100.0 };
        plan.account.capital = if folds_ == 3 && costs == 2 { 0.0 } else { plan.account.capital };
        plan.account.benchmark = if has_benchmark { "buy-and-hold" } else { "none" }.into();
        plan.objective = ["sharpe", "profit_factor", "omega", "time_in_market"][objective].into();
        plan.maximize = objective != 3;
        if folds_ == 4 && costs == 1 {
            // The last fold begins after the last bar.
            let beyond = FoldRange { test_from: BARS as i64 + 9, test_to: BARS as i64 + 9, ..plan.folds[3] };
            plan.folds.push(beyond);
        }
        plan
    });
    let plans = prop::collection::vec(plan, 1..4);
    let thresholds = prop::collection::vec(prop::option::weighted(0.5, -3.0..3.0_f64), 0..6);
    let trial = (0..4_usize, 1..30_i64, prop_oneof![Just(0.0), 0.5..4.0_f64], thresholds);
    (plans, prop::collection::vec(trial, 1..24)).prop_map(|(plans, trials)| {
        let event = |(index, (which, window, stop, pruning_thresholds))| -> Event {
            let plan: &TrialPlan = &plans[which % plans.len()];
            let own = match plan.strategy.as_str() {
                "ma-cross" => "fast",
                "donchian-breakout" => "entry",
                _ => "period",
            };
            let own = if window == 13 { "periodd" } else { own };
            if window == 17 {
                let experiment_id = request().experiment_id;
                return CancelExperiment { experiment_id, reason: String::new() }.into();
            }
            TrainingRequested {
                trial: index as i64,
                parameters: parameters(&[(own, int(window)), ("stop_atr", float(stop))]),
                plan: plan.clone(),
                pruning_thresholds,
                ..request()
            }
            .into()
        };
        trials.into_iter().enumerate().map(event).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn several_at_once_are_answered_like_one_by_one(events in mixed()) {
        let requests: Vec<&Event> = events.iter().collect();
        let together = Trainer::default().run_many(&requests, &full());
        prop_assert_eq!(together.len(), requests.len());
        let trainer = Trainer::default();
        for (event, answer) in events.iter().zip(together) {
            // The text shows every bit, unlike `==`, to which both zeros are one.
            let alone = trainer.run(event, &full());
            prop_assert_eq!(format!("{alone:?}"), format!("{answer:?}"));
        }
    }
}

#[test]
fn what_cannot_be_answered_together_is_answered_for_each() {
    let other = TrainingRequested { trial: 13, ..request() };
    let events: [Event; 2] = [request().into(), other.into()];
    let requests: Vec<&Event> = events.iter().collect();
    for answer in Trainer::default().run_many(&requests, &lake(Source::Lacks)) {
        assert!(matches!(answer, Err(DataError::Unavailable(_))));
    }
    for answer in Trainer::default().run_many(&requests, &lake(Source::Rests)) {
        assert!(matches!(answer, Err(DataError::Retry(_))));
    }
    assert!(Trainer::default().run_many(&[], &full()).is_empty());
}

#[test]
fn rules_gather_and_learned_models_do_not() {
    let trainer = Trainer::default();
    assert!(trainer.gathers(&request().into()));
    let plan = learned("gbdt", &["return(1)"], BARS, folds(BARS, FOLDS, 8));
    assert!(!trainer.gathers(&TrainingRequested { plan, ..request() }.into()));
}

// Failures.

#[test]
fn parameters_that_the_strategy_does_not_take_are_an_answer() {
    let answer = answer(&TrainingRequested { parameters: parameters(&[("fats", int(3))]), ..request() });
    let (reason, detail) = failed(&answer);
    assert_eq!(reason, "invalid_parameters");
    assert!(detail.contains("did you mean 'fast'"), "{detail}");
}

#[test]
fn too_little_to_learn_from_is_an_answer() {
    let plan = learned("logistic", &["sma_distance(500)"], BARS, folds(BARS, FOLDS, 0));
    let answer = answer(&TrainingRequested { plan, parameters: Parameters::new(), ..request() });
    assert_eq!(
        failed(&answer),
        (
            "training_failed",
            "0 labelled rows with 0 positive are too few to train on: \
         widen the training range, shorten horizon_bars, or lower label_threshold"
        )
    );
}

#[test]
fn a_missing_snapshot_is_no_answer() {
    let error = Trainer::default().run(&request().into(), &lake(Source::Lacks)).unwrap_err();
    assert!(matches!(&error, DataError::Unavailable(why) if why == "no such snapshot"), "{error}");
}

#[test]
fn a_lake_that_does_not_answer_is_asked_again_later() {
    let trainer = Trainer::default();
    let error = trainer.run(&request().into(), &lake(Source::Rests)).unwrap_err();
    assert!(matches!(error, DataError::Retry(_)), "{error}");
    assert_eq!(trainer.run(&request().into(), &full()).unwrap(), [answer(&request())]);
}

#[test]
fn a_panic_is_an_answer_and_harms_no_later_trial() {
    let trainer = Trainer::default();
    let request_ = Event::from(request());
    assert!(catch_unwind(AssertUnwindSafe(|| trainer.run(&request_, &lake(Source::Panics)))).is_err());
    let events = trainer.panicked(&request_, "the lake is dry");
    assert_eq!(failed(&events[0]), ("panicked", "the lake is dry"));
    assert_eq!(trainer.run(&request_, &full()).unwrap(), [answer(&request())]);
}

#[test]
fn other_events_are_not_its_business() {
    let event: Event =
        CancelExperiment { experiment_id: request().experiment_id, reason: String::new() }.into();
    assert_eq!(Trainer::default().run(&event, &full()).unwrap(), []);
    assert_eq!(Trainer::default().panicked(&event, "x"), []);
}

#[test]
fn a_request_is_answered_by_whom_it_names_and_by_nobody_else() {
    let trainer = Trainer::default();
    let named = |addressee: &str| {
        trainer.is_mine(&TrainingRequested { addressee: addressee.into(), ..request() }.into())
    };
    assert!(named("trainer"));
    for other in ["trainer.sklearn", "trainer.", "evaluator", ""] {
        assert!(!named(other), "{other}");
    }
}
