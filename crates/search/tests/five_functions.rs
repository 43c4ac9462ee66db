//! The default search against Optuna's on five functions. The record in `oracles/` was made by the script beside it.

use crate::functions::{FUNCTIONS, quantile};
use gauntlet_search::{Choice, SamplerKind};
use serde_json::Value as Json;

const SEEDS: u64 = 15;
const BUDGETS: [usize; 2] = [100, 200];

#[test]
fn the_median_is_not_worse_than_the_third_quartile_of_optunas_default() {
    let record: Json = serde_json::from_str(include_str!("oracles/functions.json")).unwrap();
    assert_eq!(record["seeds"], SEEDS);
    let default = Choice::<SamplerKind>::of_document("tpe").unwrap().to_string();
    let mut behind = Vec::new();
    for function in FUNCTIONS {
        let runs: Vec<Vec<f64>> =
            (0..SEEDS).map(|seed| function.search(&default, seed, 1, BUDGETS[1])).collect();
        for budget in BUDGETS {
            let mut best: Vec<f64> = runs.iter().map(|run| run[budget - 1]).collect();
            best.sort_by(f64::total_cmp);
            let quartiles = &record["best"][function.name][budget.to_string()]["quartiles"];
            let [first, middle, third] = [0, 1, 2].map(|i| quartiles[i].as_f64().unwrap());
            let median = quantile(&best, 0.5);
            println!(
                "{:12} {budget}: median {median:9.4}; optuna {first:9.4} {middle:9.4} {third:9.4}",
                function.name
            );
            if median > third {
                behind.push((function.name, budget));
            }
        }
    }
    assert!(behind.is_empty(), "{behind:?}");
}
