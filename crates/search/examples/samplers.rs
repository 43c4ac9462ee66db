//! How well samplers do on five functions: the quartiles of the best value over the seeds, for each budget and lag.
//!
//! `cargo run --release -p gauntlet-search --example samplers -- LAG TRIALS SEEDS SAMPLER…`
#![allow(clippy::print_stdout, clippy::expect_used)] // a measurement to be read off

#[path = "../tests/common/functions.rs"]
mod functions;

use functions::{FUNCTIONS, quantile};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|text| text.parse::<usize>().ok());
    let (lag, trials) = (number(0).expect("a lag"), number(1).expect("a number of trials"));
    let seeds = number(2).expect("a number of seeds") as u64;
    for function in FUNCTIONS {
        for sampler in &arguments[3..] {
            let mut best: Vec<f64> = (0..seeds)
                .map(|seed| function.search(sampler, seed, lag as u64, trials)[trials - 1])
                .collect();
            best.sort_by(f64::total_cmp);
            let [first, middle, third] = [0.25, 0.5, 0.75].map(|share| quantile(&best, share));
            println!(
                "{:12} lag {lag} trials {trials}: {first:10.5} {middle:10.5} {third:10.5}  {sampler}",
                function.name
            );
        }
    }
}
