//! A rule that always holds, on prices that rise by one a bar: every stress can be computed on paper.

use gauntlet_backtest::{BarRow, Bars};
use gauntlet_domain::OrderLimits;
use gauntlet_domain::experiment::{CostTerms, FoldRange};
use gauntlet_robustness::Analysis;

use crate::case::{Case, cross, figure};
use crate::common::*;

const FIRST: usize = 40;
const LAST: usize = 119;

/// Opens at 100, 101, …; closes where the next bar opens.
fn rising() -> Bars {
    let row = |index: usize| {
        let open = 100.0 + index as f64;
        BarRow {
            open_time: index as i64 * HOUR,
            close_time: (index as i64 + 1) * HOUR,
            open,
            high: open + 1.25,
            low: open - 0.25,
            close: open + 1.0,
            open_spread: 0.5,
            close_spread: 0.5,
            volume: 1.0,
        }
    };
    (0..=LAST).map(row).collect()
}

fn holds(costs: CostTerms) -> Case {
    let mut case = cross();
    let train = FoldRange { train_from: 0, train_to: 40, test_from: 40, test_to: 80 };
    case.plan.folds = vec![train, FoldRange { train_to: 80, test_from: 80, test_to: 120, ..train }];
    case.plan.costs = costs;
    case.plan.account.percent = 100.0;
    case.plan.account.allow_short = false;
    case.plan.objective = "total_return".into();
    case.finalist = parameters(&[("fast", int(2)), ("slow", int(4))]);
    case.terms.space = r#"{"fast": {"int": [2, 3]}, "slow": {"int": [4, 9]}}"#.into();
    case.bars = rising();
    case
}

const COSTS: CostTerms = CostTerms {
    commission_bps: 10.0,
    quoted_spread: false,
    spread_bps: 40.0,
    slippage_bps: 5.0,
    latency_bars: 0,
};

/// Bought with everything at the opening of a bar, sold at the last close: total return.
fn held(bought_at: f64, [commission, spread, slippage]: [f64; 3]) -> f64 {
    let (commission, half, slippage) = (commission / 1e4, spread / 2e4, slippage / 1e4);
    let buy = bought_at * (1.0 + half) * (1.0 + slippage) * (1.0 + commission);
    let sell = (101.0 + LAST as f64) * (1.0 - half) * (1.0 - slippage) * (1.0 - commission);
    sell / buy - 1.0
}

fn stress<'a>(analysis: &'a Analysis, name: &str) -> &'a gauntlet_domain::robustness::Stress {
    analysis.stresses.iter().find(|stress| stress.name == name).unwrap()
}

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-12, "{value} is not {expected}");
}

#[test]
fn costs_are_multiplied_together_and_one_by_one() {
    let analysis = holds(COSTS).analyse();
    let first = 100.0 + FIRST as f64;
    near(analysis.value.unwrap(), held(first, [10.0, 40.0, 5.0]));
    let expected = [
        ("costs_x2", [20.0, 80.0, 10.0]),
        ("costs_x2.commission", [20.0, 40.0, 5.0]),
        ("costs_x2.spread", [10.0, 80.0, 5.0]),
        ("costs_x2.slippage", [10.0, 40.0, 10.0]),
        ("costs_x4", [40.0, 160.0, 20.0]),
        ("costs_x4.commission", [40.0, 40.0, 5.0]),
        ("costs_x4.spread", [10.0, 160.0, 5.0]),
        ("costs_x4.slippage", [10.0, 40.0, 20.0]),
    ];
    for (name, costs) in expected {
        let stress = stress(&analysis, name);
        near(stress.figures["total_return"].unwrap(), held(first, costs));
        assert_eq!(stress.figures["value"], stress.figures["total_return"]);
        assert_eq!((stress.figures["trade_count"], stress.without_effect), (Some(1.0), false));
    }
    near(figure(&analysis, "costs_x2_return"), held(first, [20.0, 80.0, 10.0]));
    near(figure(&analysis, "costs_x4_return"), held(first, [40.0, 160.0, 20.0]));
    let names: Vec<&str> = analysis.stresses.iter().map(|stress| stress.name.as_str()).collect();
    let mut wanted: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    wanted.extend(["delay_1_bar", "latency_x10"]);
    assert_eq!(names, wanted);
}

#[test]
fn stresses_and_points_trade_under_the_limits_of_the_account() {
    // An order for 100,000 at 139, the close before bar 40, is above 95,000; so is every later one.
    let mut case = holds(COSTS);
    case.plan.account.limits = Some(OrderLimits { max_notional: Some(95_000.0), ..OrderLimits::default() });
    let analysis = case.analyse();
    assert_eq!(analysis.value, Some(0.0));
    let traded = |name| stress(&analysis, name).figures["trade_count"];
    assert_eq!((traded("costs_x2"), traded("costs_x4.spread")), (Some(0.0), Some(0.0)));
    // Limits beyond reach change no figure.
    case.plan.account.limits = Some(OrderLimits { max_notional: Some(1e12), ..OrderLimits::default() });
    let (limited, free) = (case.analyse(), holds(COSTS).analyse());
    assert_eq!(limited.value, free.value);
    assert_eq!(format!("{:?}", limited.stresses), format!("{:?}", free.stresses));
    assert_eq!(format!("{:?}", limited.figures), format!("{:?}", free.figures));
}

#[test]
fn a_delay_buys_a_bar_later_and_ten_times_no_latency_is_none() {
    let analysis = holds(COSTS).analyse();
    let costs = [10.0, 40.0, 5.0];
    // The first signals were decided long before the first judged bar: a delay changes nothing of a rule that always holds.
    assert!(stress(&analysis, "delay_1_bar").without_effect);
    near(figure(&analysis, "delay_1_bar_return"), held(140.0, costs));
    assert!(stress(&analysis, "latency_x10").without_effect);

    // Judged from the beginning, slow averages are known at bar 3, so the order fills at bar 4.
    let mut case = holds(CostTerms { latency_bars: 1, ..COSTS });
    case.plan.folds[0] = FoldRange { train_from: 0, train_to: 1, test_from: 0, test_to: 80 };
    let analysis = case.analyse();
    near(analysis.value.unwrap(), held(105.0, costs));
    near(figure(&analysis, "delay_1_bar_return"), held(106.0, costs));
    assert!(!stress(&analysis, "delay_1_bar").without_effect);
    near(stress(&analysis, "latency_x10").figures["total_return"].unwrap(), held(114.0, costs));
    assert!(!stress(&analysis, "latency_x10").without_effect);
}

#[test]
fn the_costs_that_a_gain_bears_are_those_of_the_equation() {
    // Only a commission of 100 bps: (1 - c/100)·220 = (1 + c/100)·140.
    let commission = CostTerms { commission_bps: 100.0, spread_bps: 0.0, slippage_bps: 0.0, ..COSTS };
    let multiple = figure(&holds(commission).analyse(), "break_even_cost_multiple");
    assert!((multiple - 100.0 * 80.0 / 360.0).abs() <= 5e-4, "{multiple}");
    // Quoted spreads of 0.5 alone: 220 - c/4 = 140 + c/4.
    let quoted =
        CostTerms { quoted_spread: true, commission_bps: 0.0, spread_bps: 0.0, slippage_bps: 0.0, ..COSTS };
    let multiple = figure(&holds(quoted).analyse(), "break_even_cost_multiple");
    assert!((multiple - 160.0).abs() <= 5e-4, "{multiple}");
    // All three, in the equation of the whole.
    let multiple = figure(&holds(COSTS).analyse(), "break_even_cost_multiple");
    let at = |c: f64| held(140.0, [10.0 * c, 40.0 * c, 5.0 * c]);
    assert!(at(multiple - 5e-4) > 0.0 && at(multiple + 5e-4) < 0.0, "{multiple}");
}

#[test]
fn what_gains_at_a_thousand_times_its_costs_bears_at_least_that() {
    // (1 - c/1e7)·220 is above (1 + c/1e7)·140 up to c = 2,222,222.
    let tiny = CostTerms { commission_bps: 0.001, spread_bps: 0.0, slippage_bps: 0.0, ..COSTS };
    let analysis = holds(tiny).analyse();
    assert_eq!(figure(&analysis, "break_even_cost_multiple"), 1000.0);
    assert!(analysis.remarks.iter().any(|remark| remark.contains("gains at 1000 times its costs")));
    let more = CostTerms { commission_bps: 10.0, spread_bps: 0.0, slippage_bps: 0.0, ..COSTS };
    let analysis = holds(more).analyse();
    assert!((figure(&analysis, "break_even_cost_multiple") - 1000.0 * 80.0 / 360.0).abs() <= 5e-4);
    assert!(analysis.remarks.iter().all(|remark| !remark.contains("times its costs")));
}

#[test]
fn a_loser_bears_no_costs_and_what_costs_nothing_bears_all() {
    let free = CostTerms { commission_bps: 0.0, spread_bps: 0.0, slippage_bps: 0.0, ..COSTS };
    let analysis = holds(free.clone()).analyse();
    assert!(
        analysis.undefined["break_even_cost_multiple"].starts_with("nothing costs anything in this document")
    );
    assert_eq!(figure(&analysis, "costs_x4_return"), analysis.value.unwrap());
    assert!(analysis.stresses.iter().all(|stress| stress.without_effect));
    // Prices that fall, bought by a rule that buys a fall: fast and slow change places.
    let mut case = holds(COSTS);
    for column in [&mut case.bars.open, &mut case.bars.high, &mut case.bars.low, &mut case.bars.close] {
        column.iter_mut().for_each(|price| *price = 300.0 - *price);
    }
    std::mem::swap(&mut case.bars.high, &mut case.bars.low);
    case.finalist = parameters(&[("fast", int(9)), ("slow", int(4))]);
    case.terms.space = r#"{"fast": {"int": [7, 9]}, "slow": {"int": [3, 5]}}"#.into();
    let analysis = case.analyse();
    assert!(analysis.value.unwrap() < -0.5);
    assert_eq!(figure(&analysis, "break_even_cost_multiple"), 0.0);
    for name in ["plateau", "neighbours_low", "cliff_distance", "cliff_radius"] {
        assert!(analysis.undefined[name].contains("a loser has no plateau"), "{}", analysis.undefined[name]);
    }
    assert_eq!(analysis.figures["regime_profit_share"], None);
}

/// The gain does not depend on the parameters, only on the costs: so says every method.
#[test]
fn what_does_not_matter_has_no_influence() {
    let analysis = holds(COSTS).analyse();
    for name in ["plateau", "plateau_high", "neighbours_median", "neighbours_low"] {
        near(figure(&analysis, name), 1.0);
    }
    assert!(analysis.undefined["plateau_within_error"].contains("Sharpe ratio only"));
    let axis = |name: &str| analysis.axes.iter().find(|axis| axis.name == name).unwrap();
    let names: Vec<&str> = analysis.axes.iter().map(|axis| axis.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "costs.commission_bps",
            "costs.latency_bars",
            "costs.slippage_bps",
            "costs.spread_bps",
            "fast",
            "slow"
        ]
    );
    for name in ["fast", "slow", "costs.latency_bars"] {
        assert_eq!(axis(name).figures["slice_range"], Some(0.0));
        assert_eq!(axis(name).figures["sobol_total"], Some(0.0));
        assert_eq!(axis(name).figures["morris_mu_star"], Some(0.0));
    }
    // From 0 to 20, 80 and 10 bps: two commissions, two half spreads, two slippages.
    let range = |costs| held(140.0, costs);
    let [low, high] = [13.0, 7.0].map(|commission| range([commission, 40.0, 5.0]));
    near(axis("costs.commission_bps").figures["slice_range"].unwrap(), high - low);
    assert_eq!(axis("costs.commission_bps").figures["slice_best_at_edge"], Some(1.0));
    let totals = ["costs.spread_bps", "costs.commission_bps", "costs.slippage_bps"]
        .map(|name| axis(name).figures["sobol_total"].unwrap());
    // Sensitivities per basis point are 1 : 2 : 2, widths 80 : 20 : 10, so variances 16 : 4 : 1.
    assert!((totals[0] * 21.0 - 16.0).abs() < 2.0 && (totals[1] * 21.0 - 4.0).abs() < 1.0, "{totals:?}");
    assert!((totals[2] * 21.0 - 1.0).abs() < 0.5, "{totals:?}");
    assert!(axis("costs.spread_bps").figures["morris_mu"].unwrap() < 0.0);
}
