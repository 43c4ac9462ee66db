//! Figures from the points of an analysis, by scipy, SALib, statsmodels and numpy (`oracles/robustness_oracle.py`).

use std::collections::BTreeMap;

use crate::case::{cross, figure, walked};

type Numbers = BTreeMap<String, f64>;

fn near(what: &str, value: Option<f64>, expected: f64) {
    let value = value.unwrap_or_else(|| panic!("{what} is undefined"));
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{what}: {value} is not {expected}");
}

/// The points as the oracle has read them, and what it says of them. To record the points again after a change of what is
/// evaluated: `RECORD=1 cargo test -p gauntlet-robustness oracle`, then run the script.
#[test]
fn figures_are_those_of_other_libraries() {
    let mut case = cross();
    case.terms.methods = vec!["sobol".into(), "morris".into()];
    case.terms.samples = 32;
    let analysis = case.analyse();
    if std::env::var_os("RECORD").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles/robustness_points.csv");
        std::fs::write(path, &analysis.points).unwrap();
    }
    let recorded = include_bytes!("oracles/robustness_points.csv");
    assert!(analysis.points == recorded, "other points than the oracle has read");
    let oracle: serde_json::Value =
        serde_json::from_str(include_str!("oracles/robustness_oracle.json")).unwrap();
    let mut compared = 0;
    let whole: Numbers = serde_json::from_value(oracle["figures"].clone()).unwrap();
    for (name, expected) in whole {
        near(&name, analysis.figures[&name], expected);
        compared += 1;
    }
    let axes: BTreeMap<String, Numbers> = serde_json::from_value(oracle["axes"].clone()).unwrap();
    assert_eq!(axes.len(), analysis.axes.len());
    for axis in &analysis.axes {
        for (name, expected) in &axes[&axis.name] {
            near(&format!("{} {name}", axis.name), axis.figures[name], *expected);
            compared += 1;
        }
    }
    eprintln!("{compared} figures");
    assert!(compared >= 6 + 7 * 8, "{compared}");
}

/// The standard error of an annual Sharpe ratio is that of one bar, times the root of the bars of a year.
#[test]
fn neighbours_are_within_the_error_that_inference_gives() {
    let case = cross();
    let analysis = case.analyse();
    let numbers = gauntlet_walkforward::inference::inference(&walked(&case.plan, &case.finalist, &case.bars));
    let error = numbers["standard_error"].unwrap() * 6000.0_f64.sqrt();
    let limit = analysis.value.unwrap() - error;
    let (_, rows) = crate::case::rows(&analysis);
    let values = rows.iter().filter(|row| row[0] == "neighbours");
    let values: Vec<f64> = values.map(|row| row.last().unwrap().parse().unwrap()).collect();
    let share = values.iter().filter(|value| **value >= limit).count() as f64 / 20.0;
    assert_eq!(figure(&analysis, "plateau_within_error"), share);
    assert!(share > 0.0 && share < 1.0, "{share}");
}
