//! The same points and values as SALib and scipy, recorded by `oracles/sensitivity_oracle.py`.

use gauntlet_domain::experiment::Parameters;
use gauntlet_sensitivity::Point;
use gauntlet_sensitivity::morris::{distance, elementary_effects, farthest};
use gauntlet_sensitivity::pawn::{pawn, report};
use gauntlet_sensitivity::plateau::wilson;
use gauntlet_sensitivity::sobol::SobolDesign;
use serde_json::Value;

use crate::functions::{g_function, ishigami, unit_space};

fn record() -> Value {
    serde_json::from_str(include_str!("oracles/sensitivity_oracle.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn each<'a>(record: &'a Value, method: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    record[method].as_object().unwrap().iter()
}

#[track_caller]
fn close(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{ours} is not {theirs}");
}

#[test]
fn sobol_indices_are_those_of_scipy_and_salib() {
    let record = record();
    let mut compared = 0;
    for (_, case) in each(&record, "sobol") {
        let axes = case["dimensions"].as_u64().unwrap() as usize;
        let design =
            SobolDesign::new(&unit_space(axes), None, case["rows"].as_u64().unwrap() as u32, 1).unwrap();
        let values: Vec<Option<f64>> = numbers(&case["values"]).into_iter().map(Some).collect();
        let report = design.report(&values).unwrap();
        for axis in 0..axes {
            let index = report.indices[axis].unwrap();
            close(index.first, numbers(&case["first"])[axis], 1e-12);
            close(index.total, numbers(&case["total"])[axis], 1e-12);
            close(index.first, numbers(&case["salib"]["first_centred"])[axis], 1e-12);
            close(index.total, numbers(&case["salib"]["total"])[axis], 1e-12);
            // Centred by the mean of all values: another estimator of the same index.
            close(index.first, numbers(&case["salib"]["first"])[axis], 1e-4);
            compared += 5;
        }
    }
    assert_eq!(compared, 5 * (3 + 4));
}

#[test]
fn elementary_effects_are_those_of_salib() {
    let record = record();
    let mut compared = 0;
    for (name, case) in each(&record, "morris") {
        let axes = case["dimensions"].as_u64().unwrap() as usize;
        let (points, values) = (rows(&case["points"]), numbers(&case["values"]));
        let function = if name.starts_with("g_") { g_function } else { ishigami };
        points.iter().zip(&values).for_each(|(point, value)| close(function(point), *value, 1e-12));
        let effects: Vec<Vec<f64>> = points
            .chunks(axes + 1)
            .zip(values.chunks(axes + 1))
            .map(|(points, values)| {
                elementary_effects(points, values).into_iter().map(Option::unwrap).collect()
            })
            .collect();
        let count = effects.len() as f64;
        for axis in 0..axes {
            let column = || effects.iter().map(|row| row[axis]);
            let mu = column().sum::<f64>() / count;
            close(mu, numbers(&case["mu"])[axis], 1e-12);
            close(column().map(f64::abs).sum::<f64>() / count, numbers(&case["mu_star"])[axis], 1e-12);
            let sigma = (column().map(|e| (e - mu) * (e - mu)).sum::<f64>() / (count - 1.0)).sqrt();
            close(sigma, numbers(&case["sigma"])[axis], 1e-11);
            compared += 3;
        }
    }
    assert_eq!(compared, 3 * 2 * (3 + 4));
}

/// SALib looks at every choice of four of twelve, in single precision; ours grows greedily, so it may fall short a little.
#[test]
fn distances_are_those_of_salib_and_the_greedy_choice_is_close_to_the_best() {
    let record = record();
    let mut compared = 0;
    for (name, case) in each(&record, "morris") {
        let axes = case["dimensions"].as_u64().unwrap() as usize;
        let points = rows(&case["points"]);
        let trajectories: Vec<Vec<Vec<f64>>> = points.chunks(axes + 1).map(<[_]>::to_vec).collect();
        let theirs = rows(&case["distances"]);
        for (one, row) in theirs.iter().enumerate() {
            for (other, expected) in row[..one].iter().enumerate() {
                let ours = distance(&trajectories[one], &trajectories[other]);
                close(ours, *expected, 1e-5);
                compared += 1;
            }
        }
        let chosen = farthest(&trajectories, 4);
        let squares = chosen.iter().enumerate().flat_map(|(i, one)| {
            let trajectories = &trajectories;
            chosen[..i].iter().map(move |other| distance(&trajectories[*one], &trajectories[*other]).powi(2))
        });
        let (score, best) = (squares.sum::<f64>().sqrt(), case["best_of_four"].as_f64().unwrap());
        eprintln!("{name}: {score} of {best}");
        assert!(score <= best + 1e-4 && score > 0.95 * best, "{name}: {score} of {best}");
    }
    assert_eq!(compared, 4 * 66);
}

#[test]
fn pawn_distances_are_those_of_scipy_over_closed_slices() {
    let record = record();
    let mut compared = 0;
    for (name, case) in each(&record, "pawn") {
        let (points, values) = (rows(&case["points"]), numbers(&case["values"]));
        for axis in 0..3 {
            let inputs: Vec<f64> = points.iter().map(|point| point[axis]).collect();
            let index = pawn(&inputs, &values).unwrap();
            close(index.median, numbers(&case["median"])[axis], 1e-12);
            close(index.max, numbers(&case["max"])[axis], 1e-12);
            // One value of a slice of 25 is left out there.
            let open = numbers(&case["salib"]["median"])[axis];
            if name == "ishigami" {
                close(index.median, open, 1.0 / 25.0);
            }
            compared += 2;
        }
        // The whole report says the same of the same sample.
        let points = points.into_iter().map(|unit| Point { unit, params: Parameters::default() });
        let points: Vec<Point> = points.collect();
        let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
        let report = report(&points, &values, 1).unwrap();
        close(report.indices[1].unwrap().max, numbers(&case["max"])[1], 1e-12);
    }
    // Of the tied input SALib loses the highest quarter.
    let tied = &record["pawn"]["tied"];
    assert!(numbers(&tied["median"])[0] - numbers(&tied["salib"]["median"])[0] > 0.05);
    assert_eq!(compared, 12);
}

#[test]
fn wilson_intervals_are_those_of_scipy() {
    let record = record();
    let cases = record["wilson"].as_array().unwrap();
    for case in cases {
        let [count, total] = ["count", "total"].map(|key| case[key].as_u64().unwrap() as usize);
        let interval = wilson(count, total).unwrap();
        close(interval.low, case["low"].as_f64().unwrap(), 1e-12);
        close(interval.high, case["high"].as_f64().unwrap(), 1e-12);
    }
    assert_eq!(cases.len(), 5);
}
