//! Searches of an experiment: which bars each looks at, and which bars it never sees.

use crate::common::*;
use gauntlet_domain::Event;
use gauntlet_domain::experiment::{ExperimentStarted, FoldRange, SearchWindow};
use gauntlet_domain::market::SnapshotSealed;
use gauntlet_experiments::Experiments;
use gauntlet_processor::decider::Folded;
use gauntlet_processor::harness::run;
use serde_json::{Value, json};

/// The document as the gateway submits it now.
fn current(validation: Value) -> Value {
    let mut document = document();
    document["validation"] = validation;
    document["validation"]["scheme_version"] = json!(2);
    document["account"] = json!({ "periods_per_year": 6000.0 });
    document
}

fn learned(mut document: Value) -> Value {
    document["model"] = json!({ "strategy": "ml", "features": ["rsi(14)"] });
    document
}

/// How it starts over so many tuning bars; `Err` is why it fails.
fn started(document: &Value, bars: i64) -> Result<ExperimentStarted, (String, String)> {
    let history = [submit(document), tuning_sealed(document, bars), holdout_sealed(document, 300)];
    match run::<Folded<Experiments>>(&history).pop() {
        Some(Event::ExperimentStarted(started)) => Ok(*started),
        Some(Event::ExperimentFailed(failed)) => Err((failed.reason.word().to_owned(), failed.detail)),
        other => panic!("{other:?}"),
    }
}

fn judged(folds: &[FoldRange]) -> Vec<(i64, i64)> {
    folds.iter().map(|fold| (fold.test_from, fold.test_to)).collect()
}

fn trained(folds: &[FoldRange]) -> Vec<(i64, i64)> {
    folds.iter().map(|fold| (fold.train_from, fold.train_to)).collect()
}

#[test]
fn a_search_before_a_fold_looks_at_all_that_lies_before_it_and_at_nothing_else() {
    let document = current(json!({ "folds": 3, "purge": 10 }));
    let started = started(&document, 1200).unwrap();
    // Over all tuning bars, for the finalists.
    assert_eq!(judged(&started.plan.folds), [(0, 240), (240, 480), (480, 720), (720, 960), (960, 1200)]);
    let windows: Vec<_> = started.windows.iter().map(|window| judged(&window.folds)).collect();
    assert_eq!(windows[0], [(0, 58), (58, 116), (116, 174), (174, 232), (232, 290)]);
    assert_eq!((windows[1][0], windows[1][4]), ((0, 118), (472, 590)));
    assert_eq!((windows[2][0], windows[2][4]), ((0, 178), (712, 890)));
    let walks: Vec<_> = started.windows.iter().map(|window| window.walk).collect();
    assert_eq!(trained(&walks), [(0, 290), (0, 590), (0, 890)]);
    assert_eq!(judged(&walks), [(300, 600), (600, 900), (900, 1200)]);
}

#[test]
fn a_rolling_search_forgets_what_lies_before_its_window() {
    let document = current(json!({ "folds": 3, "mode": "rolling" }));
    let started = started(&document, 1200).unwrap();
    let ends: Vec<_> = started.windows.iter().map(|w| (w.folds[0].test_from, w.folds[4].test_to)).collect();
    assert_eq!(ends, [(0, 300), (300, 600), (600, 900)]);
}

/// Three quarters to fit, the purge or the latency between, the rest to score on.
#[test]
fn a_learned_model_is_scored_on_what_it_was_not_fitted_to() {
    let document = learned(current(json!({ "folds": 1, "purge": 5 })));
    let begun = started(&document, 800).unwrap();
    assert_eq!(trained(&begun.plan.folds), [(0, 595); 5]);
    assert_eq!((judged(&begun.plan.folds)[0], judged(&begun.plan.folds)[4]), ((600, 640), (760, 800)));
    let SearchWindow { folds, walk } = &begun.windows[0];
    assert_eq!(trained(folds), [(0, 291); 5]);
    assert_eq!((judged(folds)[0], judged(folds)[4]), ((296, 316), (376, 395)));
    assert_eq!((walk.train_to, walk.test_from, walk.test_to), (395, 400, 800));
    let mut late = document;
    late["costs"] = json!({ "latency_ms": 9.0 * 3_600_000.0 });
    assert_eq!(trained(&started(&late, 800).unwrap().plan.folds), [(0, 591); 5]);
}

/// Nobody here knows what it does with the bars, so it is scored on none that it may have been fitted to.
#[test]
fn a_program_outside_is_scored_like_a_learned_model() {
    let current = current(json!({ "folds": 2, "purge": 5 }));
    let mut outside = current.clone();
    outside["model"] =
        json!({ "strategy": "external:sklearn", "parameters": { "depth": { "int": [1, 9] } } });
    let (outside, learned) = (started(&outside, 900).unwrap(), started(&learned(current), 900).unwrap());
    assert_eq!(outside.plan.strategy, "external:sklearn");
    assert_eq!(outside.plan.folds, learned.plan.folds);
    assert_eq!(outside.windows, learned.windows);
    assert_eq!((outside.windows.len(), outside.plan.folds[0].train_to), (2, 670));
    assert_eq!(outside.plan.estimator, None);
}

#[test]
fn a_fold_with_too_little_before_it_is_named() {
    let too_few = |document: &Value, bars: i64| {
        let (reason, detail) = started(document, bars).unwrap_err();
        assert_eq!(reason, "too_few_bars");
        detail
    };
    let detail = too_few(&current(json!({ "folds": 9 })), 40);
    assert!(detail.starts_with("the search before fold 1 has 4 bars"), "{detail}");
    assert!(detail.contains("use fewer folds, a shorter purge, or a longer period"), "{detail}");
    let detail = too_few(&learned(current(json!({ "folds": 4, "purge": 12 }))), 120);
    assert!(detail.contains("which follow what a model is fitted to"), "{detail}");
}

#[test]
fn a_rule_that_never_warms_up_is_refused_and_one_that_seldom_does_is_said() {
    // From 29 to 89 bars before the first position, and half of the bars before the only fold.
    let document = current(json!({ "folds": 1 }));
    let warned =
        |document: &Value, bars: i64| started(document, bars).map(|started| started.warnings.join("; "));
    // The last bar before the fold has to open after the one at which all is there.
    assert_eq!(warned(&document, 182).unwrap(), "");
    let seldom = warned(&document, 180).unwrap();
    assert!(
        seldom.starts_with(
            "the search before fold 1: ma-cross warms up for 29 to 89 bars, by its parameters, and there are 90: \
             parameters that need more never trade"
        ),
        "{seldom}"
    );
    assert!(seldom.ends_with("use smaller parameters, fewer folds, or a longer period"), "{seldom}");
    // None trades before the fold: it stays flat, and the search over all bars goes on.
    assert!(warned(&document, 62).unwrap().contains("there are 31: parameters that need more never trade"));
    assert!(warned(&document, 60).unwrap().contains("there are 30: it never trades"));
    assert!(warned(&document, 31).is_ok());
    let (reason, detail) = warned(&document, 30).unwrap_err();
    assert_eq!(reason, "too_few_bars");
    assert_eq!(
        detail,
        "model.parameters: ma-cross warms up for 29 to 89 bars, by its parameters, and there are 30 tuning bars: no trial \
         could trade; use smaller parameters or a longer period"
    );
    // An order that fills two bars later needs them too.
    let mut late = document.clone();
    late["costs"] = json!({ "latency_ms": 2.0 * 3_600_000.0 });
    assert!(warned(&late, 32).is_err() && warned(&late, 33).is_ok());
    // One search over all bars; and what is no rule needs what it needs.
    let fixed = current(json!({ "folds": 1, "scheme": "fixed" }));
    assert!(warned(&fixed, 31).is_ok() && warned(&fixed, 30).is_err());
    assert_eq!(warned(&learned(current(json!({ "folds": 1 }))), 60).unwrap(), "");
}

/// The stop warms up too, and a rolling window does so on what lies before it.
#[test]
fn the_longest_warm_up_decides() {
    let mut document = current(json!({ "folds": 3, "mode": "rolling" }));
    document["model"]["parameters"] = json!({
        "fast": 2, "slow": { "categorical": [40, 5] }, "stop_atr": { "float": [0.0, 2.0] }, "atr_period": 200
    });
    let warnings = |bars| started(&document, bars).unwrap().warnings.join("; ");
    assert!(warnings(400).contains("ma-cross warms up for 4 to 200 bars"), "{}", warnings(400));
    assert_eq!(warnings(1200), "");
}

#[test]
fn a_spread_that_the_data_do_not_have_is_said() {
    let warned = |spread: Value, quoted: Option<i64>| {
        let mut document = current(json!({}));
        document["costs"] = json!({ "spread": spread });
        let seal = |event: Event, quoted_bars: Option<i64>| {
            let Event::SnapshotSealed(sealed) = event else { unreachable!() };
            SnapshotSealed { quoted_bars, ..sealed }.into()
        };
        let history = [
            submit(&document),
            seal(tuning_sealed(&document, 1200), quoted),
            seal(holdout_sealed(&document, 300), quoted.map(|_| 0)),
        ];
        match run::<Folded<Experiments>>(&history).pop() {
            Some(Event::ExperimentStarted(started)) => started.warnings.join("; "),
            other => panic!("{other:?}"),
        }
    };
    let none = warned(json!("quoted"), Some(0));
    assert!(none.starts_with("costs.spread is quoted and no bar has a quoted spread"), "{none}");
    assert!(warned(json!("quoted"), Some(1200)).contains("300 of 1500 bars have no quoted spread"));
    for (spread, quoted) in [(json!("none"), Some(0)), (json!(2.0), Some(0)), (json!("quoted"), None)] {
        assert_eq!(warned(spread, quoted), "");
    }
}

#[test]
fn bars_in_a_year_are_counted_from_the_first_bar_to_the_last() {
    let year = 365 * 86_400 * 1_000_000_000_i64;
    let of = |document: &Value, first: i64, last: i64| {
        let seal = |event: Event, open: Option<i64>, close: Option<i64>| {
            let Event::SnapshotSealed(sealed) = event else { unreachable!() };
            let time = |nanos: Option<i64>| nanos.map(gauntlet_domain::Timestamp);
            SnapshotSealed { first_open: time(open), last_close: time(close), ..sealed }.into()
        };
        let history = [
            submit(document),
            seal(tuning_sealed(document, 1200), Some(first), None),
            seal(holdout_sealed(document, 300), None, Some(last)),
        ];
        run::<Folded<Experiments>>(&history).pop().unwrap()
    };
    let mut document = current(json!({}));
    document["account"] = json!({});
    // A year and a half was asked for; the bars cover two years, or half of one.
    document["data"]["from"] = json!("2019-01-01");
    document["data"]["to"] = json!("2020-07-01");
    let Event::ExperimentStarted(started) = of(&document, 0, 2 * year) else { panic!("it did not start") };
    assert!((started.plan.periods_per_year - 1500.0 / 730.0 * 365.25).abs() < 1e-9);
    let Event::ExperimentFailed(failed) = of(&document, 0, year / 2) else { panic!("it started") };
    assert_eq!(failed.reason.word(), "invalid_document");
    assert!(
        failed
            .detail
            .starts_with("account.periods_per_year: the objective is of a year, the bars cover 182.5 days"),
        "{}",
        failed.detail
    );
    document["account"] = json!({ "periods_per_year": 252.0 });
    let Event::ExperimentStarted(started) = of(&document, 0, year / 2) else { panic!("it did not start") };
    assert_eq!(started.plan.periods_per_year, 252.0);
}

#[test]
fn a_period_that_begins_before_its_data_is_refused_with_the_date_to_write() {
    let day = 86_400 * 1_000_000_000_i64;
    let of = |from: &str, gap_days: i64| {
        let mut document = current(json!({}));
        document["data"]["from"] = json!(from);
        document["data"]["to"] = json!("2020-01-01");
        let begins: gauntlet_domain::Timestamp = from.parse().unwrap();
        let Event::SnapshotSealed(sealed) = tuning_sealed(&document, 1200) else { unreachable!() };
        let first_open = Some(gauntlet_domain::Timestamp(begins.0 + gap_days * day));
        let tuning = SnapshotSealed { first_open, ..sealed }.into();
        run::<Folded<Experiments>>(&[submit(&document), tuning, holdout_sealed(&document, 300)])
            .pop()
            .unwrap()
    };
    // Ten years may begin 36 days early, a year a week, a month a day and a half.
    for (from, fits, beyond) in [("2010-01-01", 36, 37), ("2019-01-01", 7, 8), ("2019-12-01", 1, 2)] {
        assert!(matches!(of(from, fits), Event::ExperimentStarted(_)), "{from} {fits}");
        let Event::ExperimentFailed(failed) = of(from, beyond) else { panic!("{from} started") };
        assert_eq!(failed.reason.word(), "invalid_document");
        assert!(
            failed.detail.starts_with(&format!("data.from: the period begins on {from}")),
            "{}",
            failed.detail
        );
        assert!(failed.detail.contains("write from: 20"), "{}", failed.detail);
    }
}

#[test]
fn tuning_bars_that_are_too_few_for_any_search_are_said_to_be() {
    let (reason, detail) = started(&current(json!({ "folds": 1 })), 4).unwrap_err();
    assert_eq!(reason, "too_few_bars");
    assert!(detail.starts_with("the search over all tuning bars has 4 bars"), "{detail}");
}
