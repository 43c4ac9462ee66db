//! A learned model: few fits, and costs without any.

use std::collections::BTreeSet;

use gauntlet_domain::experiment::TrialPlan;

use crate::case::{Case, cross, figure, rows};
use crate::common::*;

pub fn learned_model(count: usize) -> Case {
    let features = ["return(1)", "return(5)", "sma_distance(10)", "range"];
    let mut case = cross();
    case.plan =
        TrialPlan { costs: case.plan.costs, ..learned("logistic", &features, BARS, folds(BARS, count, 12)) };
    case.finalist = parameters(&[("horizon_bars", int(4)), ("threshold", float(0.02))]);
    case.terms.space = r#"{"horizon_bars":{"int":[2,8]},"threshold":{"float":[0.0,0.1]}}"#.into();
    case.terms.neighbours = 64;
    case.terms.paths = 30;
    case.bars = swing(BARS);
    case
}

const BARS: usize = 2000;

#[test]
fn a_learned_model_is_fitted_128_times_at_most() {
    for count in [1, 3, 10, 40] {
        let case = learned_model(count);
        let analysis = case.analyse();
        assert_eq!(analysis.value.unwrap().to_bits(), case.walked().metric("sharpe").unwrap().to_bits());
        let (header, rows) = rows(&analysis);
        let place = |name: &str| header.iter().position(|known| known == name).unwrap();
        let strategies: BTreeSet<[&String; 2]> =
            rows.iter().map(|row| ["horizon_bars", "threshold"].map(|name| &row[place(name)])).collect();
        // What has the finalist's horizon learns what the finalist has learned.
        let others = strategies.iter().filter(|[horizon, _]| *horizon != "4").count();
        assert!((1 + others) * count <= 128, "{others} sets beside the finalist, {count} folds");
        let of = |design: &str| rows.iter().filter(|row| row[0] == design).count();
        assert_eq!(of("sobol"), 16 * (4 + 2));
        match count {
            1 => assert_eq!(of("neighbours"), 63),
            3 => assert_eq!((of("neighbours"), slice_points(&rows)), (20, 5 + 11)),
            // Eleven sets are left, five of them for neighbours, and the five values of the horizon. A threshold takes no fit.
            10 => assert_eq!((of("neighbours"), slice_points(&rows)), (5, 5 + 11)),
            _ => {
                // Two sets are left: too few for neighbours and for the five values of the horizon.
                assert_eq!((of("neighbours"), slice_points(&rows)), (0, 11));
                let horizon = analysis.axes.iter().find(|axis| axis.name == "horizon_bars").unwrap();
                assert!(horizon.undefined["slice_range"].contains("no fits are left"));
                assert!(analysis.undefined["plateau"].contains("at most 128 times"));
            }
        }
        assert!(analysis.remarks.iter().any(|remark| remark.starts_with("neighbourhood: ")));
    }
}

/// Points of the slices along the two parameters of the model, where the costs are the plan's: along four axes of costs there
/// are 11, 3, 11 and 11, of which one each is the finalist.
fn slice_points(rows: &[Vec<String>]) -> usize {
    rows.iter().filter(|row| row[0] == "slice").count() - (11 + 3 + 11 + 11)
}

#[test]
fn global_methods_are_of_the_costs_alone() {
    let analysis = learned_model(3).analyse();
    for axis in &analysis.axes {
        let is_cost = axis.name.starts_with("costs.");
        for name in ["sobol_total", "morris_mu", "pawn_median"] {
            assert_eq!(axis.figures[name].is_some(), is_cost, "{} {name}", axis.name);
        }
        assert!(is_cost || axis.undefined["sobol_total"].contains("at most 128 times"));
    }
    assert!(
        analysis.remarks.iter().any(|remark| remark.starts_with("sobol, morris, pawn: over the costs alone"))
    );
    assert!(analysis.remarks.iter().any(|remark| remark.starts_with("bootstrap_path: ")));
    assert!(analysis.undefined["market_path_drawdown"].contains("rules only"));
    assert!(figure(&analysis, "path_drawdown") > 0.0);
}
