//! The evaluator of points: each value is that of a walk.

use gauntlet_backtest::Bars;
use gauntlet_domain::Timestamp;
use gauntlet_domain::experiment::{ParameterValue, Parameters, RiskFreeRate};

use crate::case::{Case, cross, rows, walked};
use crate::learned::learned_model;

/// Plan, parameters and bars of which a walk gives the value of a row.
fn as_a_trial(case: &Case, header: &[String], row: &[String]) -> (Case, String) {
    let mut trial = Case {
        plan: case.plan.clone(),
        finalist: Parameters::new(),
        terms: case.terms.clone(),
        bars: Bars::default(),
    };
    trial.bars = case.bars.clone();
    for (name, text) in header.iter().zip(row) {
        let number = || text.parse::<f64>().unwrap();
        match name.as_str() {
            "design" | "value" => {}
            "costs.commission_bps" => trial.plan.costs.commission_bps = number(),
            "costs.slippage_bps" => trial.plan.costs.slippage_bps = number(),
            "costs.latency_bars" => trial.plan.costs.latency_bars = number() as i64,
            "costs.spread" => {
                let times = number();
                let columns = [&mut trial.bars.open_spread, &mut trial.bars.close_spread];
                columns
                    .into_iter()
                    .for_each(|spreads| spreads.iter_mut().for_each(|spread| *spread *= times));
            }
            "stop_atr" => drop(trial.finalist.insert(name.clone(), ParameterValue::Float(number()))),
            _ => drop(trial.finalist.insert(name.clone(), ParameterValue::Int(number() as i64))),
        }
    }
    (trial, row.last().unwrap().clone())
}

fn compare(case: &Case, every: usize) {
    let analysis = case.analyse();
    let (header, rows) = rows(&analysis);
    assert_eq!(header.last().unwrap(), "value");
    let mut compared = 0;
    for row in rows.iter().step_by(every) {
        let (trial, written) = as_a_trial(case, &header, row);
        let value = walked(&trial.plan, &trial.finalist, &trial.bars).metric(&case.plan.objective);
        assert_eq!(written, value.map(|value| value.to_string()).unwrap_or_default(), "{row:?}");
        compared += usize::from(value.is_some());
    }
    assert!(compared > 30, "{compared}");
    eprintln!("{compared} points");
}

#[test]
fn every_point_is_a_walk_to_the_last_bit() {
    compare(&cross(), 1);
}

/// Objectives that are less the better, or that take the whole run, and a risk-free rate: one by one instead of side by side.
#[test]
fn so_are_points_that_cannot_run_side_by_side() {
    let mut case = cross();
    case.plan.objective = "max_drawdown".into();
    case.plan.maximize = false;
    compare(&case, 7);
    let mut case = cross();
    case.plan.objective = "omega".into();
    compare(&case, 7);
    let mut case = cross();
    case.plan.account.risk_free = vec![RiskFreeRate { from: Timestamp(0), rate: 0.04 }];
    compare(&case, 7);
}

#[test]
fn the_value_of_the_finalist_is_that_of_its_walk() {
    let case = cross();
    let analysis = case.analyse();
    assert_eq!(analysis.value.unwrap().to_bits(), case.walked().metric("sharpe").unwrap().to_bits());
    let (header, rows) = rows(&analysis);
    assert_eq!(
        header,
        [
            "design",
            "costs.commission_bps",
            "costs.latency_bars",
            "costs.slippage_bps",
            "costs.spread",
            "fast",
            "slow",
            "stop_atr",
            "value"
        ]
    );
    assert_eq!(rows[0][..8], ["finalist", "0.5", "0", "0.2", "1", "4", "15", "4"]);
    let of = |design: &str| rows.iter().filter(|row| row[0] == design).count();
    let axes = analysis.axes.len();
    assert_eq!(
        (of("neighbours"), of("sobol"), of("morris"), of("pawn")),
        (20, 16 * (axes + 2), 20 * (axes + 1), 512)
    );
    // Ten stresses, and the multiples of the costs.
    let rest = analysis.evaluations - rows.len() as i64 - analysis.stresses.len() as i64;
    assert!(analysis.stresses.len() == 10 && (10..70).contains(&rest), "{rest}");
}

#[test]
fn twice_is_the_same_on_any_number_of_threads() {
    for case in [cross(), learned_model(3)] {
        // The text shows every bit, unlike `==`, to which both zeros are one.
        let once = format!("{:?}", case.analyse());
        for threads in [0, 1, 2, 5] {
            assert_eq!(format!("{:?}", case.on(threads)), once, "{threads} threads");
        }
    }
}

/// Less of one thing changes nothing of another: all see the same numbers.
#[test]
fn figures_do_not_depend_on_what_else_is_asked_for() {
    let (all, mut less) = (cross().analyse(), cross());
    less.terms.methods = vec!["morris".into()];
    less.terms.stresses = vec!["bootstrap_path".into()];
    let less = less.analyse();
    let mut compared = 0;
    for (name, value) in &less.figures {
        // Fewer points: the cliff is sought among fewer.
        if value.is_some() && !name.starts_with("cliff") {
            assert_eq!(value, &all.figures[name], "{name}");
            compared += 1;
        }
    }
    for (axis, same) in less.axes.iter().zip(&all.axes) {
        for (name, value) in axis.figures.iter().filter(|(_, value)| value.is_some()) {
            assert_eq!(value, &same.figures[name], "{name}");
            compared += 1;
        }
        assert!(axis.undefined["sobol_first"].starts_with("not asked for"));
    }
    assert!(compared > 60, "{compared}");
    assert!(less.undefined["costs_x2_return"].starts_with("not asked for") && less.stresses.is_empty());
}
