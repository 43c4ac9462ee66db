//! The cleaning ledger: every row that was rejected or corrected, every gap, and the sum for each source.

use std::collections::BTreeMap;

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::{GapDetected, Reason, ReasonCount, SourceCleaned, TickCorrected, TickRejected};
use gauntlet_views::schema::{QUALITY, SOURCES};
use gauntlet_views::{Upsert, Value};

use crate::{ONCE, json};

pub(crate) fn rejected(event: &TickRejected) -> Vec<Upsert> {
    let rows = event.rows.iter().zip(&event.times);
    rows.map(|(&row, &time)| {
        mark(&event.instrument, (time, row, &event.reason, &event.source)).with("action", "rejected")
    })
    .collect()
}

pub(crate) fn corrected(event: &TickCorrected) -> Vec<Upsert> {
    let rows = event.rows.iter().zip(&event.times);
    rows.map(|(&row, &time)| {
        mark(&event.instrument, (time, row, &event.reason, &event.source)).with("action", "corrected")
    })
    .collect()
}

pub(crate) fn gap(event: &GapDetected) -> Upsert {
    mark(&event.instrument, (event.from.0, event.row, Reason::Gap.code(), &event.source))
        .with("action", "gap")
        .with("until", Value::Timestamp(event.to.0))
        .with("gaps", event.count)
}

pub(crate) fn cleaned(event: &SourceCleaned) -> Upsert {
    Upsert::new(&SOURCES, vec![event.instrument.as_str().into(), event.source.as_str().into()], ONCE)
        .with("name", event.name.as_str())
        .with("rows", event.rows)
        .with("accepted", event.accepted)
        .with("rejected", by_reason(&event.rejected))
        .with("corrected", by_reason(&event.corrected))
        .with("gaps", event.gaps)
        .with("data_from", event.first.map_or(Value::Null, |first| Value::Timestamp(first.0)))
        .with("data_to", event.last.map_or(Value::Null, |last| Value::Timestamp(last.0)))
        .with("bars", event.bars.iter().map(BarSpec::to_string).collect::<Vec<_>>().join(", "))
        .with("status", if event.aborted.is_empty() { "cleaned" } else { "aborted" })
}

fn mark(instrument: &str, (time, row, reason, source): (i64, i64, &str, &str)) -> Upsert {
    let key = vec![instrument.into(), Value::Timestamp(time), row.into(), reason.into(), source.into()];
    Upsert::new(&QUALITY, key, ONCE)
}

/// Counts as a JSON object with sorted keys.
fn by_reason(counts: &[ReasonCount]) -> String {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for count in counts {
        let sum = sums.entry(&count.reason).or_default();
        *sum = sum.saturating_add(count.count);
    }
    json(&sums)
}
