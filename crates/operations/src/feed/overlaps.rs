//! What other files say about the same times: the same bytes under another reading, and rows that were fed before.

use std::collections::BTreeMap;

use gauntlet_domain::market::Reason;
use gauntlet_feed::Source;
use gauntlet_views::schema;

use super::long;
use crate::node::Node;
use crate::refusal::Refusal;

/// What to know when the same bytes were fed before under another reading.
pub(super) fn other_readings(node: &Node, source: &Source) -> Result<Vec<String>, Refusal> {
    let instrument = source.instrument().as_str();
    let rows = node.views.partition(&schema::SOURCES, &[instrument.into()], None)?;
    let text = |row: &gauntlet_views::Row, column| {
        row.get(column).and_then(|value| value.as_text()).map(str::to_owned).unwrap_or_default()
    };
    // What was given up counts for nothing.
    let kept = rows.iter().filter(|row| text(row, "status") == "cleaned");
    let said = kept.filter_map(|row| {
        let (hash, name) = (text(row, "source"), text(row, "name"));
        let reading = source.identity().other_reading(&hash, &name)?;
        let how = if reading.is_empty() { "without any option that was kept".to_owned() } else { format!("with {reading}") };
        Some(format!(
            "the same bytes were fed before, read {how} ({} rows), and both readings are kept: rows that are equal in both are \
             left out as duplicate, others as late where they lie before what is there; to have this reading alone, feed it \
             into another --dir",
            long(row, "rows")
        ))
    });
    Ok(said.collect())
}

/// What to know of rows that were refused because of other files: `alone` is what cleaning says of the file by itself.
pub(super) fn said(alone: &BTreeMap<String, i64>, rejected: &BTreeMap<String, i64>) -> Vec<String> {
    let more = |reason: Reason| {
        let of = |counts: &BTreeMap<String, i64>| counts.get(reason.code()).copied().unwrap_or(0);
        of(rejected) - of(alone)
    };
    let mut said = Vec::new();
    let same = more(Reason::Duplicate);
    if same > 0 {
        said.push(format!(
            "{same} rows are in another file that was fed before, and are counted once (duplicate)"
        ));
    }
    let behind = more(Reason::Late) + more(Reason::OutOfOrder);
    if behind > 0 {
        said.push(format!(
            "{behind} rows are left out because another file had come to later times before; of more than the last 1,024 ticks, or \
             4,096 bars, nobody remembers whether it has them as well (late, or out_of_order for bars): what was fed first stays; feed files in the order of their times"
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_that_other_files_have_or_have_passed() {
        let counts = |pairs: &[(&str, i64)]| -> BTreeMap<String, i64> {
            pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
        };
        let alone = counts(&[("late", 2), ("outlier", 1)]);
        assert!(said(&alone, &alone).is_empty(), "the file's own rows are no news");
        let both = said(&alone, &counts(&[("late", 5), ("out_of_order", 1), ("duplicate", 3)]));
        assert!(
            both[0].starts_with("3 rows are in another file") && both[1].starts_with("4 rows are left out"),
            "{both:?}"
        );
    }
}
