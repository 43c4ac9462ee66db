//! Metrics over joined segments.

use crate::common::*;
use gauntlet_backtest::{Bars, Outcome};
use gauntlet_quant::metrics;
use gauntlet_walkforward::report::KEY_METRICS;
use gauntlet_walkforward::{Segments, Walk, objective_of};

const YEAR: f64 = 6000.0;

fn segments() -> Segments {
    let bars = swing(600);
    let plan = plan("ma-cross", 600, folds(600, 3, 0));
    let mut walk = Walk::new(&plan, &parameters(&[("fast", int(3)), ("slow", int(12))]), &bars).unwrap();
    let mut segments = Segments::default();
    while let Some((range, outcome)) = walk.next_fold().unwrap() {
        segments.push(&bars, range, &outcome);
    }
    segments
}

/// What ranks a trial is what its finalist's report says, to the last bit.
#[test]
fn one_metric_alone_is_the_one_among_all() {
    let segments = segments();
    for with_benchmark in [true, false] {
        let all = segments.all_metrics(YEAR, with_benchmark);
        assert_eq!(all.len(), metrics::DEFINITIONS.len());
        for (name, value) in &all {
            let alone = objective_of(&segments, name, YEAR, with_benchmark);
            assert_eq!(alone.map(f64::to_bits), value.map(f64::to_bits), "{name}");
        }
        assert_eq!(all["beta"].is_some(), with_benchmark);
    }
}

#[test]
fn key_metrics_are_those_and_the_objective() {
    let keys = segments().key_metrics(YEAR, true, "beta");
    assert_eq!(keys.len(), KEY_METRICS.len() + 1);
    assert!(keys["beta"].is_some());
    assert_eq!(segments().key_metrics(YEAR, true, "sharpe").len(), KEY_METRICS.len());
}

#[test]
fn the_benchmark_holds_the_same_bars_from_the_close_before_them() {
    let mut bars: Bars = swing(6);
    bars.close = vec![100.0, 110.0, 121.0, 0.0, 50.0, 75.0];
    bars.open[0] = 80.0;
    let outcome = |bars: usize, units: f64| Outcome {
        returns: vec![0.25; bars],
        equity: vec![1250.0; bars],
        positions: vec![units; bars],
        ..Outcome::default()
    };
    let mut segments = Segments::default();
    segments.push(&bars, 0..2, &outcome(2, 4.0));
    segments.push(&bars, 2..6, &outcome(4, -2.0));
    let expected = [0.25, 0.1, 0.1, -1.0, 0.0, 0.5];
    assert_eq!(segments.benchmark.len(), 6);
    // Units at the close before over the equity there, 1000.
    assert_eq!(segments.exposures, [0.32, 0.4, -0.22, -0.242, 0.0, -0.1]);
    for (got, wanted) in segments.benchmark.iter().zip(expected) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }
}

#[test]
fn an_unknown_metric_is_undefined() {
    assert_eq!(objective_of(&segments(), "luck", YEAR, true), None);
    assert_eq!(objective_of(&Segments::default(), "sharpe", YEAR, true), None);
}
