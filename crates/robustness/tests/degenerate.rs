//! Finalists and spaces of which little can be said: a reason for each, and no panic.

use gauntlet_backtest::{BacktestError, Bars};
use gauntlet_domain::experiment::{CostTerms, ParameterValue};
use gauntlet_robustness::{Analysis, analyse_on};

use crate::case::{Case, cross, figure, rows};
use crate::common::*;

fn reason<'a>(analysis: &'a Analysis, name: &str) -> &'a str {
    &analysis.undefined[name]
}

#[test]
fn a_rule_that_never_trades_has_no_score() {
    let mut case = cross();
    case.finalist = parameters(&[("fast", int(4)), ("slow", int(5000)), ("stop_atr", float(4.0))]);
    case.terms.space =
        r#"{"fast":{"int":[2,10]},"slow":{"int":[5000,5060]},"stop_atr":{"float":[1.0,8.0]}}"#.into();
    let analysis = case.analyse();
    assert_eq!(analysis.value, None);
    for name in ["plateau", "plateau_within_error", "neighbours_median", "cliff_distance", "cliff_radius"] {
        assert!(reason(&analysis, name).contains("no value at the finalist"), "{}", reason(&analysis, name));
    }
    assert_eq!(figure(&analysis, "break_even_cost_multiple"), 0.0);
    assert_eq!(figure(&analysis, "costs_x2_return"), 0.0);
    assert!(analysis.stresses.iter().all(|stress| stress.without_effect));
    for name in ["path_sharpe_low", "loss_probability", "market_path_sharpe_low"] {
        assert_eq!(reason(&analysis, name), "the series does not vary");
    }
    assert_eq!(figure(&analysis, "market_loss_probability"), 0.0);
    assert_eq!(reason(&analysis, "sobol_converged"), "an input is not a finite number");
    assert_eq!(analysis.axes[0].undefined["slice_range"], "an input is not a finite number");
}

#[test]
fn a_space_of_one_point_has_no_neighbours_and_costs_still_vary() {
    let mut case = cross();
    case.terms.space = r#"{"fast": 4, "slow": {"int": [15, 15]}, "stop_atr": 4.0}"#.into();
    let analysis = case.analyse();
    for name in ["plateau", "plateau_low", "plateau_within_error", "neighbours_low"] {
        assert!(reason(&analysis, name).contains("nothing varies"), "{}", reason(&analysis, name));
    }
    assert!(analysis.axes.iter().all(|axis| axis.name.starts_with("costs.")));
    assert!(analysis.axes[0].figures["sobol_total"].is_some());
}

#[test]
fn without_costs_the_latency_is_the_only_axis_of_them() {
    let mut case = cross();
    case.plan.costs = CostTerms {
        commission_bps: 0.0,
        quoted_spread: true,
        spread_bps: 0.0,
        slippage_bps: 0.0,
        latency_bars: 1,
    };
    case.bars.open_spread.fill(0.0);
    case.bars.close_spread.fill(0.0);
    let analysis = case.analyse();
    let names: Vec<&str> = analysis.axes.iter().map(|axis| axis.name.as_str()).collect();
    assert_eq!(names, ["costs.latency_bars", "fast", "slow", "stop_atr"]);
    assert!(
        reason(&analysis, "break_even_cost_multiple").starts_with("nothing costs anything in this document")
    );
}

fn with_condition(condition: &str) -> Case {
    let mut case = cross();
    case.terms.space = format!(
        r#"{{"fast":{{"int":[2,40]}},"slow":{{"int":[5,60],"when":"{condition}"}},"stop_atr":{{"float":[1.0,8.0]}}}}"#
    );
    case
}

#[test]
fn a_condition_cuts_the_box_and_one_that_leaves_no_box_leaves_the_other_methods() {
    let analysis = with_condition("slow > fast").analyse();
    assert!(analysis.remarks.iter().any(|remark| remark.starts_with("sobol: conditions cut the space")));
    let analysis_of = |name: &str, analysis: &Analysis| {
        let axis = analysis.axes.iter().find(|axis| axis.name == "fast").unwrap();
        (axis.figures[name], axis.undefined.get(name).cloned())
    };
    for name in ["sobol_total", "morris_mu", "pawn_median", "slice_range"] {
        assert!(analysis_of(name, &analysis).0.is_some(), "{name}: {:?}", analysis_of(name, &analysis).1);
    }
    // The finalist lies on the edge of what is allowed, so every box round it is cut.
    let mut case = with_condition("stop_atr <= 6.0");
    case.finalist.insert("stop_atr".into(), float(6.0));
    let analysis = case.analyse();
    let remark = analysis.remarks.iter().find(|remark| remark.starts_with("sobol: ")).unwrap();
    assert!(remark.contains("infeasible"), "{remark}");
    assert_eq!(analysis_of("sobol_total", &analysis).0, None);
    assert!(analysis_of("sobol_total", &analysis).1.unwrap().contains("infeasible"));
    assert!(reason(&analysis, "sobol_converged").contains("infeasible"));
    for name in ["morris_mu", "pawn_median", "slice_range"] {
        assert!(analysis_of(name, &analysis).0.is_some(), "{name}: {:?}", analysis_of(name, &analysis).1);
    }
}

#[test]
fn fewer_bars_than_a_block_takes_are_too_few() {
    let mut case = cross();
    case.bars = swing(30);
    case.plan.folds = folds(30, 2, 0);
    let analysis = case.analyse();
    for name in ["path_drawdown", "market_path_drawdown", "regime_profit_share"] {
        let reason = reason(&analysis, name);
        assert!(
            reason.starts_with("too few observations") || reason == "the series does not vary",
            "{reason}"
        );
    }
}

#[test]
fn neither_bars_nor_folds() {
    for (bars, count) in [(0, 0), (0, 3), (900, 0)] {
        let mut case = cross();
        case.bars = swing(bars);
        case.plan.folds = folds(bars, count, 0);
        let analysis = case.analyse();
        assert_eq!(analysis.value, None);
        assert!(analysis.figures["break_even_cost_multiple"].is_none());
        assert!(analysis.figures["path_drawdown"].is_none());
    }
    let mut case = cross();
    case.bars = Bars::default();
    assert_eq!(case.analyse().value, None);
}

#[test]
fn an_objective_that_is_undefined_everywhere() {
    let mut case = cross();
    case.plan.objective = "no-such-metric".into();
    let analysis = case.analyse();
    assert_eq!(analysis.value, None);
    assert!(analysis.stresses.iter().all(|stress| stress.figures["value"].is_none()));
    assert!(figure(&analysis, "costs_x2_return").is_finite());
    // The bars of a year are not known: no annual Sharpe ratio.
    let mut case = cross();
    case.plan.periods_per_year = 0.0;
    assert_eq!(case.analyse().value, None);
}

#[test]
fn prices_that_are_not_positive_have_no_ratios() {
    let mut case = cross();
    case.bars.low[700] = -1.0;
    let analysis = case.analyse();
    assert_eq!(reason(&analysis, "market_path_drawdown"), "the formula has no value for these inputs");
    assert!(analysis.figures["path_drawdown"].is_some());
}

#[test]
fn terms_that_no_design_takes_are_reasons() {
    let mut case = cross();
    case.terms.samples = 500;
    case.terms.neighbours = 1;
    case.terms.paths = -3;
    case.terms.methods.push("fourier".into());
    let analysis = case.analyse();
    assert!(reason(&analysis, "sobol_converged").contains("power of two"));
    assert!(reason(&analysis, "plateau").contains("1 samples"));
    assert_eq!(reason(&analysis, "loss_probability"), "the formula has no value for these inputs");
    assert_eq!(reason(&analysis, "market_loss_probability"), "the formula has no value for these inputs");
    assert!(analysis.remarks.iter().any(|remark| remark.contains("fourier")));
    assert!(analysis.axes[4].figures["morris_mu"].is_some());
}

#[test]
fn a_finalist_outside_its_space_and_a_space_that_is_none_are_refused() {
    let refused =
        |case: &Case| analyse_on(2, &case.plan, &case.finalist, &case.terms, &case.bars).unwrap_err();
    let mut case = cross();
    case.finalist.insert("fast".into(), int(11));
    let error = refused(&case);
    assert!(
        matches!(&error, BacktestError::BadParameter { owner, .. } if owner == "the finalist"),
        "{error}"
    );
    let mut case = cross();
    case.terms.space = "{".into();
    assert!(
        refused(&case).to_string().contains("of the sensitivity analysis is refused"),
        "{}",
        refused(&case)
    );
    let mut case = cross();
    case.plan.costs.commission_bps = -1.0;
    assert!(refused(&case).to_string().starts_with("costs.commission_bps is -1"));
}

#[test]
fn choices_have_a_range_and_no_slope() {
    let mut case = cross();
    case.finalist.insert("kind".into(), ParameterValue::Text("ema".into()));
    case.terms.space = case.terms.space.replacen('{', r#"{"kind":{"categorical":["sma","ema"]},"#, 1);
    let analysis = case.analyse();
    let axis = analysis.axes.iter().find(|axis| axis.name == "kind").unwrap();
    assert!(axis.figures["slice_range"].unwrap() > 0.0 && axis.figures["sobol_total"].is_some());
    assert!(axis.undefined["slice_steepest"].contains("no order"));
    assert_eq!(axis.figures["slice_best_at_edge"], Some(0.0));
    // 4 axes of the strategy and 4 of the costs.
    let rows = rows(&analysis).1;
    assert_eq!(rows.iter().filter(|row| row[0] == "sobol").count(), 16 * (8 + 2));
}

/// Parameters that the model refuses are points without a value, and near ones are cliffs.
#[test]
fn refused_parameters_have_no_value() {
    let mut case = cross();
    case.terms.space = case.terms.space.replace(r#""fast":{"int":[2,10]}"#, r#""fast":{"int":[-6,10]}"#);
    let analysis = case.analyse();
    let rows = rows(&analysis).1;
    let refused = rows.iter().filter(|row| row[5].starts_with('-') || row[5] == "0");
    let refused: Vec<_> = refused.collect();
    assert!(refused.len() > 100 && refused.iter().all(|row| row.last().unwrap().is_empty()));
    assert_eq!(reason(&analysis, "sobol_converged"), "an input is not a finite number");
    assert!(figure(&analysis, "cliff_distance") <= 4.0 / 17.0 + 1e-9);
}
