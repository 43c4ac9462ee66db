//! Volatility regimes, resampled paths and break-even costs of real return series against libraries that this project did not
//! write.
//!
//! `oracles/paths_oracle.json` holds expected values, sources and versions for series of `oracles/inference_oracle.json` and
//! `oracles/risk_oracle.json`; `oracles/paths_oracle.py` wrote it. The tests print what they compared and the largest difference.

use gauntlet_quant::inference::{Undefined, monte_carlo_error};
use gauntlet_quant::risk::{
    Quantiles, RegimeLimits, Regimes, break_even, first_crossing, path_block_length, resampled,
};
use serde_json::Value;

use crate::inference_oracle::{Comparison, all_series, numbers, oracle as series_oracle};
use crate::risk_oracle::oracle as risk_oracle;

fn oracle() -> Value {
    serde_json::from_str(include_str!("oracles/paths_oracle.json")).expect("the oracle file is JSON")
}

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

/// The series of that name in the oracle of risk.
fn named(name: &Value) -> Vec<f64> {
    let risk = risk_oracle();
    numbers(&rows(&risk["cases"]).iter().find(|case| case["name"] == *name).expect("a series")["returns"])
}

fn compare_regimes(compared: &mut Comparison, returns: &[f64], reference: &[f64], expected: &Value) {
    let limits = numbers(&expected["limits"]);
    let own = RegimeLimits::of(reference).unwrap();
    let is_given = expected["given"] == true;
    let own = if is_given { RegimeLimits { low: limits[0], high: limits[1] } } else { own };
    compared.near(own.low, limits[0], 1e-10);
    compared.near(own.high, limits[1], 1e-10);
    let of = Regimes::of(returns, reference, own).unwrap();
    for (place, regime) in of.by_volatility.iter().enumerate() {
        let wanted = |name: &str| expected[name][place].as_f64().expect("a number");
        assert_eq!(regime.observations as f64, wanted("observations"), "{expected}");
        compared.near(regime.mean.unwrap(), wanted("mean"), 1e-9);
        compared.near(regime.sharpe.unwrap(), wanted("sharpe"), 1e-9);
        if expected["profit_share"].is_null() {
            assert_eq!(regime.profit_share, Err(Undefined::NotTestable));
        } else {
            compared.near(regime.profit_share.unwrap(), wanted("profit_share"), 1e-9);
        }
    }
}

#[test]
fn regimes_of_volatility() {
    let (oracle, series) = (oracle(), all_series(&series_oracle()));
    let mut compared = Comparison::default();
    for expected in rows(&oracle["regimes"]) {
        let of = |name: &str| &series[expected[name].as_f64().unwrap() as usize];
        compare_regimes(&mut compared, of("returns"), of("reference"), expected);
    }
    println!("{}", compared.tell("regimes, 510 days", 46 * 8));
    let mut compared = Comparison::default();
    for expected in rows(&oracle["long_regimes"]) {
        let returns = named(&expected["name"]);
        compare_regimes(&mut compared, &returns, &returns, expected);
    }
    println!("{}", compared.tell("regimes of longer series", 6 * 8));
}

#[test]
fn multiples_of_costs() {
    let (oracle, series) = (oracle(), all_series(&series_oracle()));
    let (mut compared, mut of_grid) = (Comparison::default(), Comparison::default());
    for expected in rows(&oracle["break_even"]) {
        let gross = &series[expected["series"].as_f64().unwrap() as usize];
        let costs: Vec<f64> = gross
            .iter()
            .enumerate()
            .map(|(at, value)| 0.0001 * (at % 3) as f64 + 0.005 * value.abs())
            .collect();
        compared.near(break_even(gross, &costs).unwrap(), expected["multiple"].as_f64().unwrap(), 1e-11);
        let points = rows(&expected["points"]).iter().map(numbers).map(|point| (point[0], point[1]));
        let points: Vec<(f64, f64)> = points.collect();
        of_grid.near(first_crossing(&points).unwrap(), expected["first_crossing"].as_f64().unwrap(), 1e-11);
    }
    println!("{}", compared.tell("break-even multiples", 24));
    println!("{}", of_grid.tell("crossings of grids", 24));
}

#[test]
fn quantiles_of_an_independent_simulation() {
    let oracle = oracle();
    let replicates = oracle["replicates"].as_u64().unwrap() as u32;
    let (mut lengths, mut compared) = (Comparison::default(), 0);
    for expected in rows(&oracle["resampled"]) {
        let returns = named(&expected["name"]);
        let length = path_block_length(&returns).unwrap();
        lengths.near(length, expected["block_length"].as_f64().unwrap(), 1e-9);
        let of = resampled(&returns, length, 3, replicates).unwrap();
        let figures: [(&str, Result<Quantiles, Undefined>); 3] =
            [("sharpe", of.sharpe), ("final_wealth", of.final_wealth), ("max_drawdown", of.max_drawdown)];
        for (name, quantiles) in figures {
            let quantiles = quantiles.unwrap();
            let theirs = numbers(&expected["quantiles"][name]).into_iter();
            let errors = numbers(&expected["errors"][name]).into_iter();
            let ours = [quantiles.low, quantiles.median, quantiles.high];
            for ((value, theirs), error) in ours.into_iter().zip(theirs).zip(errors) {
                // Of the difference of two simulations of this size; the error is itself estimated over 20 batches.
                let distance = (value - theirs).abs() / (error * 2_f64.sqrt());
                assert!(distance < 5.0, "{name} of {}: {value} is not {theirs} ± {error}", expected["name"]);
                compared += 1;
            }
        }
        let (loss, theirs) = (of.loss.unwrap(), expected["loss"].as_f64().unwrap());
        let bound = 4.0 * monte_carlo_error(theirs, replicates) * 2_f64.sqrt();
        println!("{}: P(loss) {:.4} against {theirs:.4}, bound {bound:.4}", expected["name"], loss.share);
        assert!((loss.share - theirs).abs() <= bound);
    }
    println!("{}", lengths.tell("block lengths", 6));
    println!("{compared} quantiles");
    assert_eq!(compared, 54);
}
