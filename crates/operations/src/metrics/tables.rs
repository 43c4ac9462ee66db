//! Tables of a series: its deepest drawdowns, and its returns by month and by year.

use gauntlet_domain::Timestamp;
use gauntlet_quant::metrics::{top_drawdowns, total_return};
use serde::Serialize;

use super::held::Held;

/// Drawdowns in the table.
const SHOWN: usize = 5;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;
/// What of an RFC 3339 time names its month, and its year.
const MONTH: usize = "2024-01".len();
const YEAR: usize = "2024".len();

/// Where in a series: its date, or its number, the first return being 1, where there are no dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// A date.
    Date(String),
    /// A number of a return.
    Number(usize),
}

/// A stretch below the peak of wealth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrawdownRow {
    /// The first period that ended below the peak.
    pub start: Place,
    /// The deepest.
    pub trough: Place,
    /// The period that was at the peak again; none while it lasts.
    pub end: Option<Place>,
    /// Fall from the peak, a positive fraction.
    pub depth: f64,
    /// Periods below the peak.
    pub periods: usize,
    /// Whole days from the start to the end, or to the last date while it lasts; none without dates.
    pub days: Option<i64>,
}

/// The return of a month or a year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeriodReturn {
    /// 2024-01, or 2024.
    pub period: String,
    /// Compounded, over the rows that are dated in it.
    #[serde(rename = "return")]
    pub value: Option<f64>,
}

/// The deepest drawdowns, deepest first.
pub(super) fn drawdowns(held: &Held) -> Vec<DrawdownRow> {
    let (times, label) = (held.times.as_deref(), held.label());
    let place = |at: usize| match (times, label) {
        (Some(times), Some(label)) => Place::Date(label.text(times[at])),
        _ => Place::Number(at + 1),
    };
    let days = |from: usize, to: Option<usize>| {
        let times = times?;
        let last = times[to.unwrap_or(times.len() - 1)];
        Some(last.0.saturating_sub(times[from].0) / NANOS_PER_DAY)
    };
    let rows = top_drawdowns(&held.returns, SHOWN).into_iter().map(|one| DrawdownRow {
        start: place(one.start),
        trough: place(one.trough),
        end: one.end.map(place),
        depth: one.depth,
        periods: one.periods,
        days: days(one.start, one.end),
    });
    rows.collect()
}

/// Returns by month.
pub(super) fn monthly(held: &Held) -> Option<Vec<PeriodReturn>> {
    by(held, MONTH)
}

/// Returns by year.
pub(super) fn yearly(held: &Held) -> Option<Vec<PeriodReturn>> {
    by(held, YEAR)
}

/// Compounded over the stretches whose dates begin with the same text of this length.
fn by(held: &Held, length: usize) -> Option<Vec<PeriodReturn>> {
    let times = held.times.as_deref()?;
    let period = |time: &Timestamp| time.to_string().chars().take(length).collect::<String>();
    let periods: Vec<String> = times.iter().map(period).collect();
    let mut from = 0;
    let rows = periods.chunk_by(|a, b| a == b).map(|rows| {
        let returns = &held.returns[from..from + rows.len()];
        from += rows.len();
        PeriodReturn { period: rows[0].clone(), value: total_return(returns) }
    });
    Some(rows.collect())
}
