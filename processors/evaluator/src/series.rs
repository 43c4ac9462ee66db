//! Trade logs and equity curves of one phase, in chunks of bounded size.

use std::ops::Range;

use gauntlet_backtest::{Bars, Outcome, Target};
use gauntlet_domain::Event;
use gauntlet_domain::experiment::{EquityCurveChunk, EvaluationRequested, Phase, TradeLogChunk};

/// Rows in a full chunk. Part of the format: chunks are events.
const ROWS_PER_CHUNK: usize = 8192;

/// What a run did, fill by fill and bar by bar.
pub(crate) struct Series<'a> {
    request: &'a EvaluationRequested,
    phase: Phase,
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
    pub(crate) fn new(request: &'a EvaluationRequested, phase: Phase) -> Series<'a> {
        let equity = request.plan.account.capital;
        Series { request, phase, equity, curve: Vec::new(), fills: Vec::new() }
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
        let EvaluationRequested { experiment_id, model_id, plan, .. } = self.request;
        let mut events = Vec::new();
        for (chunk, fills) in (0..).zip(self.fills.chunks(ROWS_PER_CHUNK)) {
            events.push(
                TradeLogChunk {
                    experiment_id: *experiment_id,
                    model_id: *model_id,
                    phase: self.phase.clone(),
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
                    experiment_id: *experiment_id,
                    model_id: *model_id,
                    phase: self.phase.clone(),
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
