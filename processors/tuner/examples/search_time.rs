//! How long the machine takes for 10,000 trials, results and all, without the training itself.
#![allow(clippy::print_stdout)] // a measurement to be read off

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use serde_json::json;

fn main() {
    for pruner in ["none", "median"] {
        let tuning = json!({ "sampler": "random", "pruner": pruner, "trials": 10_000, "parallelism": 16 });
        let spec = common::spec("time", tuning);
        let began = Instant::now();
        let played = common::play(&spec, |waiting| waiting / 2);
        println!("pruner {pruner}: {} trials in {:?}", played.requests.len(), began.elapsed());
    }
}
