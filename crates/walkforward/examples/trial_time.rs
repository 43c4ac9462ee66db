//! How long a trial of a learned model takes: 50,000 bars, 12 features, 100 trees, 5 folds.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use gauntlet_walkforward::{Segments, Walk};

fn main() {
    let bars = common::swing(50_000);
    let plan = common::learned("gbdt", &[], bars.len(), common::folds(bars.len(), 5, 24));
    let began = Instant::now();
    let mut walk = Walk::new(&plan, &common::parameters(&[]), &bars).unwrap();
    let prepared = began.elapsed();
    let mut segments = Segments::of(&plan);
    while let Some((range, outcome)) = walk.next_fold().unwrap() {
        segments.push(&bars, range, &outcome);
    }
    let sharpe = segments.metric("sharpe");
    println!("one by one: Walk, what the trainer runs for learned models");
    println!("prepared in {prepared:?}, whole trial in {:?}, sharpe {sharpe:?}", began.elapsed());
}
