//! Bars a second of trials side by side, as the trainer runs rules of one plan, against the same trials one by one:
//! 435 pairs of moving averages over 45,031 bars in four folds, on one core. The last bit of every result is compared.
//! Time is what the thread had of a processor, as Linux counts it, so that other work on the machine slows it down only by
//! what it takes of caches and of a core's other thread.
//!
//! `cargo run --release -p gauntlet-walkforward --example grid_rate`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use gauntlet_domain::experiment::Metrics;
use gauntlet_walkforward::{Model, Segments, SideBySide, Walk};

const BARS: usize = 45_031;
const ROUNDS: usize = 5;

fn main() {
    let bars = common::swing(BARS);
    let pairs: Vec<_> = (2..32).flat_map(|slow| (2..slow).map(move |fast| (fast, slow))).collect();
    let tried: Vec<_> = pairs
        .iter()
        .map(|(fast, slow)| common::parameters(&[("fast", common::int(*fast)), ("slow", common::int(*slow))]))
        .collect();
    for allow_short in [false, true] {
        let mut plan = common::plan("ma-cross", BARS, common::folds(BARS, 4, 0));
        plan.account.allow_short = allow_short;
        let judged: i64 = plan.folds.iter().map(|fold| fold.test_to - fold.test_from).sum();
        let (mut together, mut alone) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let began = processor_seconds();
            let rules: Vec<_> = tried
                .iter()
                .map(|parameters| match Model::of(&plan, parameters).unwrap() {
                    Model::Rule(rule) => rule,
                    Model::Learned(_) => unreachable!("a plan of rules"),
                })
                .collect();
            let mut walk = SideBySide::new(&plan, &rules, &bars).unwrap();
            let all: Vec<usize> = (0..rules.len()).collect();
            (0..plan.folds.len()).for_each(|fold| walk.fold(fold, &all));
            let side_by_side: Vec<Metrics> = all.iter().map(|rule| walk.key_metrics(*rule)).collect();
            together = together.min(processor_seconds() - began);
            let began = processor_seconds();
            let one_by_one: Vec<Metrics> = tried
                .iter()
                .map(|parameters| {
                    let (mut walk, mut segments) =
                        (Walk::new(&plan, parameters, &bars).unwrap(), Segments::of(&plan));
                    while let Some((range, outcome)) = walk.next_fold().unwrap() {
                        segments.push(&bars, range, &outcome);
                    }
                    segments.key_metrics(&plan.objective)
                })
                .collect();
            alone = alone.min(processor_seconds() - began);
            assert_eq!(side_by_side, one_by_one);
        }
        let rate = |seconds: f64| judged as f64 * tried.len() as f64 / seconds / 1e6;
        println!(
            "{}: side by side {:.1} M bars/s, one by one {:.1}, ratio {:.1}; best of {ROUNDS} rounds",
            if allow_short { "long and short" } else { "long only" },
            rate(together),
            rate(alone),
            alone / together
        );
    }
}

/// How long this thread has run so far.
fn processor_seconds() -> f64 {
    // The count is brought up to date when the thread gives the processor away.
    std::thread::yield_now();
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: u64 = counts.split(' ').next().unwrap().parse().unwrap();
    nanoseconds as f64 / 1e9
}
