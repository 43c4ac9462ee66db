//! Trade logs and equity curves of one phase, in chunks of bounded size.

use std::ops::Range;

use gauntlet_backtest::{Bars, Outcome, Target};
use gauntlet_domain::experiment::{
    EquityCurveChunk, EvaluationRequested, Phase, TradeLogChunk, TrialPlan, WalkForwardRequested,
    walk_forward_run,
};
use gauntlet_domain::{Event, ExperimentId, ModelId};

/// Rows in a full chunk. Part of the format: chunks are events.
const ROWS_PER_CHUNK: usize = 8192;

/// Which run.
pub(crate) struct Run {
    experiment_id: ExperimentId,
    model_id: ModelId,
    phase: Phase,
}

impl Run {
    /// A finalist in one phase.
    pub(crate) fn of(request: &EvaluationRequested, phase: Phase) -> Run {
        Run { experiment_id: request.experiment_id, model_id: request.model_id, phase }
    }

    /// The walk-forward of an experiment.
    pub(crate) fn walk_forward(request: &WalkForwardRequested) -> Run {
        let experiment_id = request.experiment_id;
        Run { experiment_id, model_id: walk_forward_run(experiment_id), phase: Phase::WalkForward }
    }
}

/// What a run did, fill by fill and bar by bar.
pub(crate) struct Series<'a> {
    run: Run,
    plan: &'a TrialPlan,
    /// Equity carried over the segments.
    equity: f64,
    curve: Vec<(i64, f64)>,
    fills: Vec<Fill>,
}

struct Fill {
    time: i64,
    action: &'static str,
    price: f64,
    quantity: f64,
    pnl: f64,
}

impl<'a> Series<'a> {
    pub(crate) fn new(run: Run, plan: &'a TrialPlan) -> Series<'a> {
        Series { run, plan, equity: plan.account.capital, curve: Vec::new(), fills: Vec::new() }
    }

    /// Adds a segment. Its equity goes on where the one before ended; its fills are those of the account's own capital.
    pub(crate) fn push(&mut self, bars: &Bars, range: Range<usize>, outcome: &Outcome) {
        for (bar, bar_return) in range.zip(&outcome.returns) {
            self.equity *= 1.0 + bar_return;
            self.curve.push((bars.close_time[bar], self.equity));
        }
        for trade in &outcome.trades {
            let (entry, exit) = if trade.side == Target::Long { ("buy", "sell") } else { ("sell", "buy") };
            let quantity = trade.quantity;
            let (time, price) = (trade.entry_time, trade.entry_price);
            self.fills.push(Fill { time, action: entry, price, quantity, pnl: 0.0 });
            let (time, price) = (trade.exit_time, trade.exit_price);
            self.fills.push(Fill { time, action: exit, price, quantity, pnl: trade.pnl });
        }
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        let Run { experiment_id, model_id, phase } = self.run;
        let plan = self.plan;
        let mut events = Vec::new();
        for (chunk, fills) in (0..).zip(self.fills.chunks(ROWS_PER_CHUNK)) {
            events.push(
                TradeLogChunk {
                    experiment_id,
                    model_id,
                    phase: phase.clone(),
                    chunk,
                    asset: plan.data.instrument.clone(),
                    times: fills.iter().map(|fill| fill.time).collect(),
                    actions: fills.iter().map(|fill| fill.action.to_owned()).collect(),
                    prices: fills.iter().map(|fill| fill.price).collect(),
                    quantities: fills.iter().map(|fill| fill.quantity).collect(),
                    pnls: fills.iter().map(|fill| fill.pnl).collect(),
                }
                .into(),
            );
        }
        for (chunk, points) in (0..).zip(self.curve.chunks(ROWS_PER_CHUNK)) {
            events.push(
                EquityCurveChunk {
                    experiment_id,
                    model_id,
                    phase: phase.clone(),
                    chunk,
                    times: points.iter().map(|(time, _)| *time).collect(),
                    values: points.iter().map(|(_, value)| *value).collect(),
                }
                .into(),
            );
        }
        events
    }
}
