//! Bars and ticks of a range as text.

use gauntlet_operations::range::{BarRow, Ranged, TickRow};

use crate::table::table;

/// The rows, or where they were written.
pub fn ranged(answer: &Ranged) -> String {
    if let Some(out) = &answer.out {
        return format!("{} rows of {} in {}", answer.rows, answer.instrument, out.display());
    }
    match (&answer.bars, &answer.ticks) {
        (Some(bars), _) if !bars.is_empty() => of_bars(bars),
        (_, Some(ticks)) if !ticks.is_empty() => of_ticks(ticks),
        _ => format!("there is nothing of {} in this range", answer.instrument),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn of_bars(bars: &[BarRow]) -> String {
    let head = [
        "open_time",
        "close_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "ticks",
        "open_spread",
        "close_spread",
    ];
    let row = |bar: &BarRow| {
        let prices = [bar.open, bar.high, bar.low, bar.close, bar.volume].map(|value| value.to_string());
        let mut row = vec![bar.open_time.to_string(), bar.close_time.to_string()];
        row.extend(prices);
        row.extend([bar.ticks.to_string(), number(bar.open_spread), number(bar.close_spread)]);
        row
    };
    table(&head, bars.iter().map(row))
}

fn of_ticks(ticks: &[TickRow]) -> String {
    let head = ["time", "kind", "bid", "ask", "bid_size", "ask_size", "price", "size", "row"];
    let row = |tick: &TickRow| {
        let numbers = [tick.bid, tick.ask, tick.bid_size, tick.ask_size, tick.price, tick.size].map(number);
        let mut row = vec![tick.time.to_string(), tick.kind.to_owned()];
        row.extend(numbers);
        row.push(tick.row.to_string());
        row
    };
    table(&head, ticks.iter().map(row))
}
