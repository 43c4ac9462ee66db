//! Metrics over joined segments.

use crate::common::*;
use gauntlet_backtest::{Bars, Outcome};
use gauntlet_domain::experiment::{AccountTerms, RiskFreeRate, TrialPlan};
use gauntlet_domain::{OrderLimits, Timestamp};
use gauntlet_quant::inference::Trials;
use gauntlet_quant::metrics::annual::risk_free_per_period;
use gauntlet_quant::metrics::{self, Input, Inputs};
use gauntlet_walkforward::inference::{deflated, inference};
use gauntlet_walkforward::report::KEY_METRICS;
use gauntlet_walkforward::{Segments, SideBySide, Walk, hold_out};

fn cross() -> TrialPlan {
    plan("ma-cross", 600, folds(600, 3, 0))
}

fn segments() -> Segments {
    segments_of(&cross())
}

fn segments_of(plan: &TrialPlan) -> Segments {
    let bars = swing(600);
    let mut walk = Walk::new(plan, &parameters(&[("fast", int(3)), ("slow", int(12))]), &bars).unwrap();
    let mut segments = Segments::of(plan);
    while let Some((range, outcome)) = walk.next_fold().unwrap() {
        segments.push(&bars, range, &outcome);
    }
    segments
}

/// What ranks a trial is what its finalist's report says, to the last bit.
#[test]
fn one_metric_alone_is_the_one_among_all() {
    let mut of_four = [cross(), cross(), cross(), cross()];
    of_four[1].account.benchmark = "none".into();
    of_four[2].account.risk_free = vec![RiskFreeRate { from: Timestamp(0), rate: 0.03 }];
    of_four[3].account = AccountTerms { benchmark: "none".into(), ..of_four[2].account.clone() };
    for plan in of_four {
        let segments = segments_of(&plan);
        let all = segments.all_metrics();
        assert_eq!(all.len(), metrics::DEFINITIONS.len());
        for (name, value) in &all {
            assert_eq!(segments.metric(name).map(f64::to_bits), value.map(f64::to_bits), "{name}");
        }
        assert_eq!(all["beta"].is_some(), plan.account.has_benchmark());
    }
}

#[test]
fn key_metrics_are_those_and_the_objective() {
    let keys = segments().key_metrics("beta");
    assert_eq!(keys.len(), KEY_METRICS.len() + 1);
    assert!(keys["beta"].is_some());
    assert_eq!(segments().key_metrics("sharpe").len(), KEY_METRICS.len());
}

#[test]
fn the_benchmark_holds_the_same_bars_from_the_close_before_them() {
    let mut bars: Bars = swing(6);
    bars.close = vec![100.0, 110.0, 121.0, 0.0, 50.0, 75.0];
    bars.open[0] = 80.0;
    let outcome = |bars: usize, units: f64| Outcome {
        returns: vec![0.25; bars],
        equity: vec![1250.0; bars],
        positions: vec![units; bars],
        ..Outcome::default()
    };
    let mut segments = Segments::of(&cross());
    segments.push(&bars, 0..2, &outcome(2, 4.0));
    segments.push(&bars, 2..6, &outcome(4, -2.0));
    let expected = [0.25, 0.1, 0.1, -1.0, 0.0, 0.5];
    assert_eq!(segments.benchmark.len(), 6);
    // Units at the close before over the equity there, 1000.
    assert_eq!(segments.exposures, [0.32, 0.4, -0.22, -0.242, 0.0, -0.1]);
    for (got, wanted) in segments.benchmark.iter().zip(expected) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }
}

#[test]
fn an_unknown_metric_is_undefined() {
    assert_eq!(segments().metric("luck"), None);
    assert_eq!(Segments::of(&cross()).metric("sharpe"), None);
}

fn with_rates(rates: &[(i64, f64)]) -> TrialPlan {
    let mut plan = cross();
    plan.account.risk_free =
        rates.iter().map(|(from, rate)| RiskFreeRate { from: Timestamp(*from), rate: *rate }).collect();
    plan
}

fn close(got: Option<f64>, wanted: Option<f64>, what: &str) {
    match (got, wanted) {
        (Some(got), Some(wanted)) => {
            assert!((got - wanted).abs() <= 1e-11 * wanted.abs().max(1.0), "{what}: {got} is not {wanted}");
        }
        _ => assert_eq!(got, wanted, "{what}"),
    }
}

/// One rate for all bars gives what the metrics themselves make of an annual rate.
#[test]
fn a_single_risk_free_rate_is_that_of_the_metrics() {
    let plan = with_rates(&[(0, 0.045)]);
    let (segments, without) = (segments_of(&plan), segments());
    let wanted = metrics::all(&Inputs {
        returns: &segments.returns,
        benchmark: Some(&segments.benchmark),
        trade_pnls: Some(&segments.running.trade_pnls),
        positions: Some(&segments.positions),
        periods_per_year: plan.periods_per_year,
        risk_free: 0.045,
    });
    let (got, plain) = (segments.all_metrics(), without.all_metrics());
    let mut moved = 0;
    for (name, wanted) in wanted {
        close(got[name], wanted, name);
        if got[name] != plain[name] {
            assert!(metrics::by_name(name).unwrap().takes(Input::RiskFree), "{name}");
            moved += 1;
        }
    }
    assert!(moved >= 7, "{moved} metrics moved");
    let keys = segments.key_metrics("omega");
    assert_eq!((keys["sharpe"], keys["omega"]), (got["sharpe"], got["omega"]));
}

/// The rate of a bar is the latest that held when it opened.
#[test]
fn a_rate_holds_until_the_next() {
    let bars = swing(600);
    let change = bars.open_time[400];
    let plan = with_rates(&[(i64::MIN, 0.01), (change, 0.08)]);
    let segments = segments_of(&plan);
    let first = plan.folds[0].test_from as usize;
    let free = |rate: f64| risk_free_per_period(rate, plan.periods_per_year).unwrap();
    let beyond: Vec<f64> = (first..)
        .zip(&segments.returns)
        .map(|(bar, value)| value - if bars.open_time[bar] < change { free(0.01) } else { free(0.08) })
        .collect();
    close(segments.metric("sharpe"), metrics::sharpe(&beyond, 0.0, plan.periods_per_year), "sharpe");
    let per_bar = metrics::sharpe(&beyond, 0.0, 1.0);
    close(inference(&segments)["sharpe"], per_bar, "what the interval is of");
    assert_ne!(inference(&segments)["excess_sharpe"], inference(&self::segments())["excess_sharpe"]);
}

#[test]
fn a_rate_of_a_year_of_unknown_length_is_undefined_and_not_zero() {
    let plan = TrialPlan { periods_per_year: 0.0, ..with_rates(&[(0, 0.045)]) };
    let segments = segments_of(&plan);
    assert_eq!((segments.metric("omega"), segments.all_metrics()["omega"]), (None, None));
    assert!(segments.metric("total_return").is_some());
    let known = inference(&segments);
    assert_eq!((known["sharpe"], known["excess_sharpe"]), (None, None));
}

#[test]
fn trials_with_a_risk_free_rate_run_one_by_one() {
    let bars = swing(600);
    assert!(SideBySide::takes(&cross(), &bars));
    assert!(!SideBySide::takes(&with_rates(&[(0, 0.045)]), &bars));
}

#[test]
fn trials_with_limits_run_one_by_one_and_say_what_was_denied() {
    let (bars, mut plan) = (swing(600), cross());
    plan.account.limits = Some(OrderLimits { max_repeats: Some(3), ..OrderLimits::default() });
    assert!(!SideBySide::takes(&plan, &bars));
    let refused = SideBySide::new(&plan, &[], &bars).map(drop).unwrap_err().to_string();
    assert_eq!(refused, "account.limits are not checked side by side: run the model by itself");
    let (limited, free) = (segments_of(&plan), segments());
    assert!(limited.running.trade_pnls.len() <= 3 && free.running.trade_pnls.len() > 3);
    assert!(limited.denied_orders().keys().eq(["repeat_throttle"]), "{:?}", limited.denied_orders());
    assert!(free.denied_orders().is_empty());
    // Out of reach, they change no bit, over the folds and on the hold-out.
    plan.account.limits = Some(OrderLimits { max_repeats: Some(1_000_000), ..OrderLimits::default() });
    assert_eq!(format!("{:?}", segments_of(&plan).running), format!("{:?}", free.running));
    let parameters = parameters(&[("fast", int(3)), ("slow", int(12))]);
    let held = |plan: &TrialPlan| format!("{:?}", hold_out(plan, &parameters, &bars, 300).unwrap().outcome);
    assert_eq!(held(&plan), held(&cross()));
}

#[test]
fn what_is_annual_is_undefined_without_the_bars_of_a_year() {
    let returns: Vec<f64> = (0..100).map(|bar| 0.001 * f64::from(bar % 7 - 2)).collect();
    let of = |periods_per_year: f64| {
        let mut plan = TrialPlan { periods_per_year, ..cross() };
        plan.account.benchmark = "none".into();
        let mut segments = Segments::of(&plan);
        segments.returns.clone_from(&returns);
        inference(&segments)
    };
    let (known, unknown) = (of(252.0), of(0.0));
    for annual in ["low", "high", "periods_per_year"] {
        assert!(known[annual].is_some() && unknown[annual].is_none(), "{annual}");
    }
    assert_eq!((known["sharpe"], known["psr"]), (unknown["sharpe"], unknown["psr"]));
    let counted = Trials::merged(10, 10, 1.0).unwrap();
    assert!(deflated(&known, "", &counted).is_some());
    assert_eq!(deflated(&unknown, "", &counted), None);
}
