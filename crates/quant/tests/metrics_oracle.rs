//! Every metric on real return series against libraries that this project did not write.
//!
//! `oracles/metrics_oracle.json` holds series, expected values and the source of each (library, function, and what
//! was converted); `oracles/metrics_oracle.py` wrote it.

use std::collections::BTreeSet;

use gauntlet_quant::metrics::drawdown_table::drawdown_table;
use gauntlet_quant::metrics::{DEFINITIONS, Inputs, OnlineMoments, all};
use serde_json::Value;

/// Relative. The libraries sum in another order and take powers from another library; agreement is usually 1e-13.
const TOLERANCE: f64 = 1e-9;

/// What the oracle file holds. A test that compares less than this reads the wrong file.
const VALUES: usize = 137;

fn cases() -> Vec<Value> {
    let text = include_str!("oracles/metrics_oracle.json");
    let document: Value = serde_json::from_str(text).expect("the oracle file is JSON");
    document["cases"].as_array().expect("the oracle file has cases").clone()
}

fn series(case: &Value, key: &str) -> Option<Vec<f64>> {
    let numbers = case.get(key)?.as_array().expect("a series is an array");
    Some(numbers.iter().map(|number| number.as_f64().expect("a series holds numbers")).collect())
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("no number '{key}'"))
}

#[test]
fn every_metric_agrees_with_the_library_that_offers_it() {
    let mut compared = 0;
    let mut metrics = BTreeSet::new();
    let mut worst: f64 = 0.0;
    let mut wrong = Vec::new();
    for case in cases() {
        let returns = series(&case, "returns").unwrap();
        let (benchmark, trade_pnls) = (series(&case, "benchmark"), series(&case, "trade_pnls"));
        let positions = series(&case, "positions");
        let actual = all(&Inputs {
            returns: &returns,
            benchmark: benchmark.as_deref(),
            trade_pnls: trade_pnls.as_deref(),
            positions: positions.as_deref(),
            periods_per_year: number(&case, "periods_per_year"),
            risk_free: number(&case, "risk_free"),
        });
        let expected = case["expected"].as_object().unwrap();
        assert_eq!(actual.iter().filter(|(_, value)| value.is_some()).count(), expected.len());
        for (name, value) in actual {
            let Some(oracle) = expected.get(name) else {
                assert_eq!(value, None, "{name} of {} has no oracle", case["name"]);
                continue;
            };
            let (value, wanted) = (value.unwrap_or(f64::NAN), number(oracle, "value"));
            let error = (value - wanted).abs() / wanted.abs().max(f64::MIN_POSITIVE);
            if error <= TOLERANCE {
                worst = worst.max(error);
            } else {
                wrong.push(format!(
                    "{name} of {}: {value}, {} gives {wanted}",
                    case["name"], oracle["source"]
                ));
            }
            metrics.insert(name);
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= VALUES, "compared only {compared} values");
    assert_eq!(metrics.len(), DEFINITIONS.len(), "a metric without an oracle");
    println!("compared {compared} values of {} metrics, largest relative error {worst:e}", metrics.len());
}

#[test]
fn one_pass_over_real_returns_agrees_with_the_libraries_too() {
    let mut compared = 0;
    for case in cases() {
        let mut moments = OnlineMoments::new();
        series(&case, "returns").unwrap().into_iter().for_each(|r| moments.push(r));
        let sharpe = moments.sharpe(number(&case, "risk_free"), number(&case, "periods_per_year"));
        for (name, value) in [
            ("total_return", moments.total_return()),
            ("sharpe", sharpe),
            ("max_drawdown", moments.max_drawdown()),
        ] {
            let wanted = number(&case["expected"][name], "value");
            assert!(
                (value.unwrap() - wanted).abs() <= TOLERANCE * wanted.abs(),
                "{name} of {}",
                case["name"]
            );
            compared += 1;
        }
    }
    assert!(compared >= 9, "compared only {compared} values");
}

#[test]
fn every_drawdown_is_where_the_library_finds_it() {
    let mut compared = 0;
    for case in cases() {
        let returns = series(&case, "returns").unwrap();
        let (table, wanted) = (drawdown_table(&returns), case["drawdowns"].as_array().unwrap());
        assert_eq!(table.len(), wanted.len(), "{}", case["name"]);
        for (ours, theirs) in table.iter().zip(wanted) {
            let last_below = ours.end.unwrap_or(returns.len()) - 1;
            let places = [ours.start, ours.trough, last_below, ours.periods].map(|place| place as f64);
            let named = ["start", "trough", "last_below", "periods"].map(|key| number(theirs, key));
            assert_eq!(places, named, "{}", case["name"]);
            let depth = number(theirs, "depth");
            assert!((ours.depth - depth).abs() <= TOLERANCE * depth, "{} is not {depth}", ours.depth);
            compared += 1;
        }
    }
    assert!(compared >= 60, "compared only {compared} drawdowns");
    println!("compared {compared} drawdowns");
}
