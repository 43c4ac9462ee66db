//! Risk figures of real and made return series, and tests of forecasts, against libraries that this project did not write.
//!
//! `oracles/risk_oracle.json` holds series, expected values, sources and versions; `oracles/risk_oracle.py` wrote it. The tests
//! print what they compared and the largest difference.

use std::collections::BTreeMap;

use gauntlet_quant::inference::Undefined;
use gauntlet_quant::risk::{FIGURES, Hits, LikelihoodRatio, cornish_fisher};
use serde_json::Value;

use crate::inference_oracle::{Comparison, numbers};

/// Relative. That of the entropic value at risk is between two minimisers.
const TOLERANCE: f64 = 1e-9;

pub(crate) fn oracle() -> Value {
    serde_json::from_str(include_str!("oracles/risk_oracle.json")).expect("the oracle file is JSON")
}

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn figure(name: &str, returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    let figure = FIGURES.iter().find(|figure| figure.name == name);
    (figure.unwrap_or_else(|| panic!("no figure {name}")).of)(returns, alpha)
}

#[test]
fn figures_of_libraries() {
    let oracle = oracle();
    let mut compared: BTreeMap<&str, Comparison> = BTreeMap::new();
    let mut valid = [0, 0];
    for case in rows(&oracle["cases"]) {
        let returns = numbers(&case["returns"]);
        for at in rows(&case["figures"]) {
            let alpha = number(&at["alpha"]);
            let is_valid = cornish_fisher(&returns, alpha).unwrap().is_valid;
            assert_eq!(Some(is_valid), at["cornish_fisher_valid"].as_bool(), "{} {alpha}", case["name"]);
            valid[usize::from(is_valid)] += 1;
            for (name, values) in at["expected"].as_object().unwrap() {
                let value = figure(name, &returns, alpha).unwrap();
                for expected in rows(values) {
                    let compared = compared.entry(name).or_default();
                    compared.near(value, number(&expected["value"]), TOLERANCE);
                }
            }
        }
    }
    assert!(valid[0] > 5 && valid[1] > 5, "{valid:?}");
    assert_eq!(compared.len(), FIGURES.len(), "a figure without an oracle");
    for (name, comparison) in compared {
        println!("{}", comparison.tell(name, 17));
    }
}

#[test]
fn forecasts_of_libraries() {
    let oracle = oracle();
    let mut compared: BTreeMap<&str, Comparison> = BTreeMap::new();
    for test in rows(&oracle["backtests"]) {
        let mut returns = vec![0.0; number(&test["periods"]) as usize];
        let (alpha, at) = (number(&test["alpha"]), numbers(&test["hits"]));
        at.iter().for_each(|period| returns[*period as usize] = -1.0);
        let hits = Hits::of(&returns, &vec![0.5; returns.len()]).unwrap();
        assert_eq!(hits.count(), at.len());
        let ours: [(&str, Result<LikelihoodRatio, Undefined>); 3] = [
            ("kupiec", hits.kupiec(alpha)),
            ("christoffersen", hits.independence()),
            ("conditional_coverage", hits.conditional_coverage(alpha)),
        ];
        for (name, ours) in ours {
            let Some(expected) = test["expected"].get(name) else {
                assert_eq!(ours, Err(Undefined::NotTestable), "{name} of {}", test["name"]);
                continue;
            };
            for expected in rows(expected) {
                let compared = compared.entry(name).or_default();
                compared.near(ours.unwrap().lr, number(&expected["lr"]), TOLERANCE);
                compared.near(ours.unwrap().p, number(&expected["p"]), TOLERANCE);
            }
        }
    }
    for (name, comparison) in compared {
        println!("{}", comparison.tell(name, 14));
    }
}
