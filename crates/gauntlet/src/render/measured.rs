//! Every metric of a series as text, in sections, with the tables that go with them and what they rest on.

use gauntlet_operations::metrics::{DrawdownRow, Measured, PeriodReturn, Place};
use gauntlet_quant::metrics::{Definition, Direction, Input, Unit, by_name};

use super::periods_a_year;
use crate::table::{number, table};

/// A heading, and which metrics stand under it; a metric stands under the first that takes it.
type Section = (&'static str, fn(&Definition) -> bool);

const SECTIONS: [Section; 5] = [
    ("against the benchmark", |metric| metric.takes(Input::Benchmark)),
    ("trades and positions", |metric| metric.takes(Input::Trades) || metric.takes(Input::Positions)),
    ("ratios", |metric| metric.unit == Unit::Ratio || metric.direction == Direction::Neutral),
    ("risk", |metric| metric.direction == Direction::LowerIsBetter),
    ("returns", |_| true),
];

/// Every metric and what it is, and the tables.
pub fn measured(answer: &Measured) -> String {
    let of = |section: usize| {
        let rows = answer.metrics.iter().filter(move |(name, _)| placed(name) == Some(section));
        let rows = rows.map(|(name, value)| {
            let summary = by_name(name).map_or("", |definition| definition.summary);
            vec![(*name).to_owned(), number(*value), summary.to_owned()]
        });
        format!("{}\n{}", SECTIONS[section].0, table(&["metric", "value", "what it is"], rows))
    };
    // Returns first; nothing about trades or a benchmark that is not there.
    let shown = [Some(4), Some(3), Some(2), answer.joined.as_ref().map(|_| 0)];
    let mut parts: Vec<String> = shown.into_iter().flatten().map(of).collect();
    if !answer.top_drawdowns.is_empty() {
        parts.push(format!("deepest drawdowns\n{}", drawdowns(&answer.top_drawdowns)));
    }
    if let Some(years) = &answer.yearly_returns {
        parts.push(format!("returns by year\n{}", periods("year", years)));
    }
    if let Some(months) = &answer.monthly_returns {
        parts.push(format!("returns by month\n{}", periods("month", months)));
    }
    parts.push(conventions(answer));
    parts.join("\n\n")
}

fn placed(name: &str) -> Option<usize> {
    let metric = by_name(name)?;
    SECTIONS.iter().position(|(_, takes)| takes(metric))
}

fn drawdowns(rows: &[DrawdownRow]) -> String {
    let place = |place: &Place| match place {
        Place::Date(date) => date.clone(),
        Place::Number(number) => number.to_string(),
    };
    let rows = rows.iter().map(|row| {
        let end = row.end.as_ref().map_or_else(|| "-".to_owned(), place);
        let days = row.days.map_or_else(|| "-".to_owned(), |days| days.to_string());
        let depth = number(Some(row.depth));
        vec![place(&row.start), place(&row.trough), end, depth, row.periods.to_string(), days]
    });
    table(&["start", "trough", "end", "depth", "periods", "days"], rows)
}

fn periods(name: &str, rows: &[PeriodReturn]) -> String {
    table(&[name, "return"], rows.iter().map(|row| vec![row.period.clone(), number(row.value)]))
}

/// What differs from series to series; the rest is in the JSON.
fn conventions(answer: &Measured) -> String {
    let of = &answer.conventions;
    let year = periods_a_year(of.periods_per_year, &of.periods_per_year_from);
    let mut lines =
        vec![format!("{} returns; {year}", of.returns), format!("risk-free: {}", of.risk_free_from)];
    if let Some(joined) = &answer.joined {
        let range = match (&joined.first, &joined.last) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        lines.push(format!(
            "benchmark: {} of {} rows and {} of the benchmark joined{range}",
            joined.joined, joined.series, joined.benchmark
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use gauntlet_quant::metrics::DEFINITIONS;

    use super::*;

    #[test]
    fn every_metric_has_a_section_and_every_section_a_metric() {
        for (section, (heading, _)) in SECTIONS.iter().enumerate() {
            let count = DEFINITIONS.iter().filter(|metric| placed(metric.name) == Some(section)).count();
            assert!(count > 3, "{heading}: {count}");
        }
        assert!(DEFINITIONS.iter().all(|metric| placed(metric.name).is_some()));
    }
}
