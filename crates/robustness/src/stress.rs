//! One thing made worse, and how much costs the finalist bears. Every stress is a run of its own.

use gauntlet_backtest::{Costs, Spread, Trade};
use gauntlet_domain::experiment::Metrics;
use gauntlet_domain::robustness::Stress;
use gauntlet_domain::spec::StressName;

use crate::evaluator::Evaluator;
use crate::figures::{Figures, Reason};

/// Multiples of the costs between which the first loss is looked for, rising.
const MULTIPLES: [f64; 37] = [
    0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 16.0,
    20.0, 25.0, 32.0, 40.0, 50.0, 64.0, 80.0, 100.0, 128.0, 160.0, 200.0, 256.0, 320.0, 400.0, 512.0, 640.0,
    800.0, 1000.0,
];

/// Width at which the bisection ends.
const EXACT: f64 = 1e-3;

/// What a run says of itself.
const RUN: [&str; 4] = ["value", "total_return", "max_drawdown", "trade_count"];

/// The costs with commission, spread and slippage so many times what they are. The latency stays.
pub(crate) fn times(costs: &Costs, [commission, spread, slippage]: [f64; 3]) -> Costs {
    Costs {
        commission_bps: costs.commission_bps * commission,
        spread: match costs.spread {
            Spread::Quoted => Spread::QuotedTimes(spread),
            Spread::QuotedTimes(times) => Spread::QuotedTimes(times * spread),
            Spread::FixedBps(bps) => Spread::FixedBps(bps * spread),
            Spread::None => Spread::None,
        },
        slippage_bps: costs.slippage_bps * slippage,
        latency_bars: costs.latency_bars,
    }
}

/// Runs the stresses that are asked for; `usual` are the finalist's own trades.
pub(crate) fn stresses(
    evaluator: &mut Evaluator<'_>,
    asked: &[StressName],
    (objective, usual): (&str, &[Trade]),
    figures: &mut Figures,
) -> Vec<Stress> {
    let mut stresses = Vec::new();
    for stress in asked {
        for (name, costs) in variants(*stress, &evaluator.terrain.costs) {
            let (segments, trades) = evaluator.own.trade(&costs);
            evaluator.evaluations += 1;
            let metric = |name: &str| segments.metric(if name == "value" { objective } else { name });
            let numbers: Metrics = RUN.iter().map(|name| ((*name).to_owned(), metric(name))).collect();
            let figure = format!("{name}_return");
            if matches!(name.as_str(), "costs_x2" | "costs_x4" | "delay_1_bar") {
                figures.set(&figure, numbers["total_return"].ok_or(Reason::NoScore));
            }
            stresses.push(Stress { name, figures: numbers, without_effect: trades == usual });
        }
    }
    stresses
}

/// Names and costs of the runs of a stress.
fn variants(stress: StressName, costs: &Costs) -> Vec<(String, Costs)> {
    let multiples = |multiple: f64| {
        let of = |part: &str, each: [f64; 3]| (format!("{stress}{part}"), times(costs, each));
        vec![
            of("", [multiple; 3]),
            of(".commission", [multiple, 1.0, 1.0]),
            of(".spread", [1.0, multiple, 1.0]),
            of(".slippage", [1.0, 1.0, multiple]),
        ]
    };
    let late = |latency_bars: u32| vec![(stress.to_string(), Costs { latency_bars, ..*costs })];
    match stress {
        StressName::CostsX2 => multiples(2.0),
        StressName::CostsX4 => multiples(4.0),
        StressName::Delay => late(costs.latency_bars.saturating_add(1)),
        StressName::Latency => late(costs.latency_bars.saturating_mul(10)),
        StressName::Paths | StressName::Regimes => Vec::new(),
    }
}

/// The multiple of commission, spread and slippage at which the finalist first gains nothing, to within half of 1e-3. The path
/// depends on the costs where sizes follow the equity, so each multiple is a run. A finalist that gains at the largest of
/// [`MULTIPLES`] bears at least that: it is the value, and a remark says so.
pub(crate) fn break_even(evaluator: &mut Evaluator<'_>, remarks: &mut Vec<String>) -> Result<f64, Reason> {
    let costs = evaluator.terrain.costs;
    if costs.commission_bps == 0.0 && costs.slippage_bps == 0.0 && !evaluator.pays_spread() {
        return Err(Reason::NoCosts);
    }
    let mut gain = |multiple: f64| {
        evaluator.evaluations += 1;
        let (segments, _) = evaluator.own.trade(&times(&costs, [multiple; 3]));
        segments.metric("total_return").ok_or(Reason::NoScore)
    };
    let mut low = 0.0;
    for high in MULTIPLES {
        if gain(high)? > 0.0 {
            low = high;
        } else if high == 0.0 {
            return Ok(0.0);
        } else {
            return bisect(low, high, gain);
        }
    }
    remarks.push(format!(
        "break_even_cost_multiple: it gains at {low} times its costs, the largest multiple that is looked at, and may bear more"
    ));
    Ok(low)
}

/// Where a gain ends between a multiple with one and a multiple without.
fn bisect(
    mut low: f64,
    mut high: f64,
    mut gain: impl FnMut(f64) -> Result<f64, Reason>,
) -> Result<f64, Reason> {
    while high - low > EXACT {
        let middle = f64::midpoint(low, high);
        if gain(middle)? > 0.0 { low = middle } else { high = middle }
    }
    Ok(f64::midpoint(low, high))
}
