//! Trade logs and equity curves: a row an entry of a chunk. A chunk's columns are as long as its times; if one is
//! shorter, rows end with it.

use gauntlet_domain::Event;
use gauntlet_domain::experiment::{EquityCurveChunk, TradeLogChunk};
use gauntlet_views::schema::{EQUITY_CURVES, SERIES_CHUNKS, TRADE_LOGS};
use gauntlet_views::{Upsert, Value};

use crate::ONCE;

pub(crate) fn trades(chunk: &TradeLogChunk) -> Vec<Upsert> {
    let run_id = format!("{}:{}", chunk.model_id, chunk.phase);
    let numbers = chunk.prices.iter().zip(&chunk.quantities).zip(&chunk.pnls);
    let entries = chunk.times.iter().zip(&chunk.actions).zip(numbers);
    entries
        .zip(0_i64..)
        .map(|(((&time, action), ((&price, &quantity), &pnl)), index)| {
            // Chunk and place in it: unique in the run, in the order of the fills, whatever the size of chunks.
            let sequence = chunk.chunk << 32 | index;
            let key = vec![run_id.as_str().into(), Value::Timestamp(time), sequence.into()];
            Upsert::new(&TRADE_LOGS, key, ONCE)
                .with("asset", chunk.asset.as_str())
                .with("action", action.as_str())
                .with("price", price)
                .with("quantity", quantity)
                .with("pnl", pnl)
        })
        .collect()
}

pub(crate) fn equity(chunk: &EquityCurveChunk) -> Vec<Upsert> {
    let run_id = format!("{}:{}", chunk.model_id, chunk.phase);
    let points = chunk.times.iter().zip(&chunk.values);
    points
        .map(|(&time, &value)| {
            let key = vec![run_id.as_str().into(), Value::Timestamp(time)];
            Upsert::new(&EQUITY_CURVES, key, ONCE).with("portfolio_value", value)
        })
        .collect()
}

/// The row of a chunk for stores that leave series on the log; `None` of every other event. Where it lies is not in it.
pub fn chunk(event: &Event) -> Option<Upsert> {
    let (view, model, phase, chunk) = match event {
        Event::TradeLogChunk(chunk) => (TRADE_LOGS.name, chunk.model_id, &chunk.phase, chunk.chunk),
        Event::EquityCurveChunk(chunk) => (EQUITY_CURVES.name, chunk.model_id, &chunk.phase, chunk.chunk),
        _ => return None,
    };
    let key = vec![format!("{model}:{phase}").into(), view.into(), chunk.into()];
    Some(Upsert::new(&SERIES_CHUNKS, key, ONCE))
}
