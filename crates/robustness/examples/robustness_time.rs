//! What each part of an analysis takes: a moving-average cross with a stop, three parameters, over 38,975 hourly bars, on one
//! thread. A part is the difference to the analysis without it.
//!
//! `cargo run --release -p gauntlet-robustness --example robustness_time`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../../walkforward/tests/common/mod.rs"]
mod common;

use std::time::Instant;

use gauntlet_domain::robustness::SensitivityTerms;
use gauntlet_domain::spec::{SensitivityMethod, StressName};
use gauntlet_robustness::{Analysis, analyse_on};

const BARS: usize = 38_975;

fn main() {
    let bars = common::swing(BARS);
    let plan = common::plan("ma-cross", BARS, common::folds(BARS, 4, 0));
    let finalist = common::parameters(&[
        ("fast", common::int(4)),
        ("slow", common::int(15)),
        ("stop_atr", common::float(4.0)),
    ]);
    let terms = |methods: &[SensitivityMethod], stresses: &[StressName]| SensitivityTerms {
        methods: methods.iter().map(ToString::to_string).collect(),
        samples: 512,
        neighbours: 64,
        fits: 128,
        paths: 1_000,
        stresses: stresses.iter().map(ToString::to_string).collect(),
        space: r#"{"fast":{"int":[2,10]},"slow":{"int":[11,60]},"stop_atr":{"float":[1.0,8.0]}}"#.into(),
    };
    let timed = |threads, methods: &[SensitivityMethod], stresses: &[StressName]| -> (f64, Analysis) {
        let began = Instant::now();
        let analysis = analyse_on(threads, &plan, &finalist, &terms(methods, stresses), &bars).unwrap();
        (began.elapsed().as_secs_f64(), analysis)
    };
    let (base, _) = timed(1, &[], &[]);
    println!("{base:7.3} s  finalist, neighbours, slices, break-even");
    for method in SensitivityMethod::ALL {
        println!("{:7.3} s  {method}", timed(1, &[*method], &[]).0 - base);
    }
    for stress in StressName::ALL {
        println!("{:7.3} s  {stress}", timed(1, &[], &[*stress]).0 - base);
    }
    let (one, analysis) = timed(1, SensitivityMethod::ALL, StressName::ALL);
    let (two, again) = timed(2, SensitivityMethod::ALL, StressName::ALL);
    assert_eq!(analysis, again);
    println!("{one:7.3} s  all on one thread, {two:.3} s on two; {} runs", analysis.evaluations);
    for (name, value) in &analysis.figures {
        println!("{name} {value:?} {}", analysis.undefined.get(name).map_or("", String::as_str));
    }
    for axis in &analysis.axes {
        println!("{} {:?}", axis.name, axis.figures);
    }
    println!("{:#?}", analysis.remarks);
}
