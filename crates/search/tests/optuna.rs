//! Optuna as the oracle. The records in `oracles/` were made by the scripts beside them and carry the
//! versions.

use crate::functions;
use gauntlet_search::pruner::{Median, decide};
use gauntlet_search::{
    Ask, Choice, Decision, Direction, FoldHistory, FoldState, Observation, Outcome, Parameters, Pruner,
    SamplerKind, Search, Space,
};
use serde_json::{Value as Json, json};

const SEEDS: u64 = 20;
const TRIALS: u64 = 100;

/// How much worse than Optuna's our median may be, as a share of what Optuna gains over random search.
/// Medians of 20 seeds scatter by about this much.
const MARGIN: f64 = 0.10;

fn number(params: &Parameters, name: &str) -> f64 {
    params[name].as_number().unwrap()
}

/// The coordinates of a point, by name.
fn coordinates(p: &Parameters) -> Vec<f64> {
    p.values().map(|value| value.as_number().unwrap()).collect()
}

fn branin(p: &Parameters) -> f64 {
    functions::branin(&coordinates(p))
}

fn hartmann6(p: &Parameters) -> f64 {
    functions::hartmann6(&coordinates(p))
}

fn quadratic(p: &Parameters) -> f64 {
    [1.0, -2.0, 3.0, -4.0].iter().enumerate().map(|(i, c)| (number(p, &format!("x{i}")) - c).powi(2)).sum()
}

fn mixed(p: &Parameters) -> f64 {
    let shift = match p["kind"].to_string().as_str() {
        "a" => 1.0,
        "b" => 0.0,
        _ => 2.0,
    };
    let (period, stop) = (number(p, "period"), number(p, "stop"));
    shift + libm::log(period / 40.0).powi(2) + libm::log(stop / 0.1).powi(2)
}

type Problem = (&'static str, Json, fn(&Parameters) -> f64);

fn problems() -> [Problem; 4] {
    let cube = |n: usize, low: f64, high: f64| {
        let row = |i: usize| (format!("x{i}"), json!({ "float": [low, high] }));
        Json::Object((0..n).map(row).collect())
    };
    [
        ("branin", json!({ "x": { "float": [-5, 10] }, "y": { "float": [0, 15] } }), branin),
        ("hartmann6", cube(6, 0.0, 1.0), hartmann6),
        ("quadratic", cube(4, -10.0, 10.0), quadratic),
        (
            "mixed",
            json!({
                "kind": { "categorical": ["a", "b", "c"] },
                "period": { "int": [5, 400], "log": true },
                "stop": { "float": [0.001, 10.0], "log": true },
            }),
            mixed,
        ),
    ]
}

fn best_value(
    sampler: &str,
    space: &Space,
    objective: fn(&Parameters) -> f64,
    direction: Direction,
    seed: u64,
) -> f64 {
    let sampler: Choice<SamplerKind> = sampler.parse().unwrap();
    let sign = if direction == Direction::Maximize { -1.0 } else { 1.0 };
    let mut search = Search::new(space.clone(), &sampler, direction, seed, 1).unwrap();
    let mut best = f64::INFINITY;
    for trial in 0..TRIALS {
        let Ask::Trial(params) = search.ask() else { panic!("trial {trial}") };
        let value = objective(&params);
        best = best.min(value);
        search.observe(Observation { trial, params, outcome: Outcome::Completed(sign * value) });
    }
    best
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn recorded(record: &Json, problem: &str, sampler: &str) -> f64 {
    let values = record["best"][problem][sampler].as_array().unwrap();
    assert_eq!(values.len() as u64, SEEDS);
    median(values.iter().map(|v| v.as_f64().unwrap()).collect())
}

#[test]
fn tpe_finds_what_optunas_tpe_finds_and_more_than_random_search() {
    let record: Json = serde_json::from_str(include_str!("oracles/tpe.json")).unwrap();
    assert_eq!(record["trials"], TRIALS);
    let mut failures = Vec::new();
    for (name, document, objective) in problems() {
        let space = Space::from_json(&document).unwrap();
        let ours = |sampler: &str| {
            let best = |seed| best_value(sampler, &space, objective, Direction::Minimize, seed);
            median((0..SEEDS).map(best).collect())
        };
        let (random, random_optuna) = (ours("random"), recorded(&record, name, "random"));
        for (ours_is, sampler) in [("tpe", "tpe_independent"), ("tpe()", "tpe_multivariate")] {
            let tpe = ours(ours_is);
            let optuna = recorded(&record, name, sampler);
            let share = (tpe - optuna) / (random_optuna - optuna);
            println!(
                "{name:10} {sampler:16} ours {tpe:9.5} optuna {optuna:9.5} random {random:9.5} (optuna's {random_optuna:9.5}) behind by {:.1} %",
                100.0 * share
            );
            if share > MARGIN || tpe > random - 0.25 * (random - optuna).abs() {
                failures.push(format!("{name} {sampler}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn maximising_is_minimising_the_negative() {
    let (_, document, objective) = &problems()[0];
    let space = Space::from_json(document).unwrap();
    for seed in 0..3 {
        let minimised = best_value("tpe()", &space, *objective, Direction::Minimize, seed);
        let maximised = best_value("tpe()", &space, *objective, Direction::Maximize, seed);
        assert_eq!(minimised, maximised);
    }
}

#[test]
fn the_median_pruner_decides_as_optunas() {
    let record: Json = serde_json::from_str(include_str!("oracles/pruner.json")).unwrap();
    let values = |json: &Json| json.as_array().unwrap().iter().map(Json::as_f64).collect::<Vec<_>>();
    let (mut compared, mut pruned) = (0, 0);
    for case in record["cases"].as_array().unwrap() {
        let direction: Direction = serde_json::from_value(case["direction"].clone()).unwrap();
        let count = |name: &str| case[name].as_u64().unwrap() as usize;
        let mut pruner = Median::new(count("startup_trials"), count("warmup_folds"));
        let trial = |json: &Json| FoldHistory {
            state: serde_json::from_value::<FoldState>(json["state"].clone()).unwrap(),
            values: values(&json["folds"]),
        };
        let history: Vec<FoldHistory> = case["history"].as_array().unwrap().iter().map(trial).collect();
        history.iter().for_each(|trial| pruner.observe(trial));
        let thresholds = pruner.thresholds();
        let own = values(&case["own"]);
        for (fold, expected) in case["prune"].as_array().unwrap().iter().enumerate() {
            // With nothing defined and no threshold, Optuna prunes and we keep: nobody knows better.
            if own[..=fold].iter().all(Option::is_none) && thresholds.get(fold).copied().flatten().is_none() {
                continue;
            }
            let decision = decide(&thresholds, fold, &own[..=fold], direction);
            assert_eq!(decision == Decision::Prune, expected.as_bool().unwrap(), "fold {fold} of {case}");
            compared += 1;
            pruned += usize::from(decision == Decision::Prune);
        }
    }
    println!("compared {compared} decisions, {pruned} of them to prune");
    assert!(compared > 300 && pruned > 30, "{compared} {pruned}");
}
