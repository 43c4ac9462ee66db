//! The cleaning ledger: rows by source and reason within one step, and the running counts of a source.

use std::collections::BTreeMap;

use gauntlet_domain::market::{GapDetected, Reason, ReasonCount, TickCorrected, TickRejected};
use gauntlet_domain::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sources::Sources;

/// A row of a source: number of the source, row in it, event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Number of the source among those of its instrument.
    pub source: u32,
    /// Row in the source.
    pub row: i64,
    /// Event time, nanoseconds.
    pub time: i64,
}

/// Rows and times of them, in columns.
type Columns = (Vec<i64>, Vec<i64>);

/// Silences that follow each other row by row: the row that ended the first, the last time before it, the first time after the
/// last.
struct Silence {
    row: i64,
    from: i64,
    to: i64,
    count: i64,
}

/// What one step left out, put right or flagged of one source, and the gaps that it met there.
#[derive(Default)]
struct Entries {
    rejected: BTreeMap<Reason, Columns>,
    corrected: BTreeMap<Reason, Columns>,
    gaps: Vec<Silence>,
    accepted: i64,
    /// Earliest and latest time of the accepted rows.
    times: Option<(i64, i64)>,
}

/// What one step left out, put right or flagged. Nearly always of one source; rows that wait may be of an earlier one.
#[derive(Default)]
pub struct Ledger {
    sources: Vec<(u32, Entries)>,
}

impl Ledger {
    /// Leaves a row out.
    pub fn reject(&mut self, reason: Reason, of: Origin) {
        add(self.of(of.source).rejected.entry(reason).or_default(), of);
    }

    /// Keeps a row that was put right, or of which there is something to say.
    pub fn correct(&mut self, reason: Reason, of: Origin) {
        add(self.of(of.source).corrected.entry(reason).or_default(), of);
    }

    /// A silence from a time to that of a row.
    pub fn gap(&mut self, from: i64, of: Origin) {
        let gaps = &mut self.of(of.source).gaps;
        match gaps.last_mut().filter(|last| last.to == from) {
            Some(last) => (last.to, last.count) = (of.time, last.count + 1),
            None => gaps.push(Silence { row: of.row, from, to: of.time, count: 1 }),
        }
    }

    /// A row that went into bars, or whose time alone counts.
    #[inline]
    pub fn accept(&mut self, of: Origin) {
        let entries = self.of(of.source);
        entries.accepted += 1;
        entries.times = Some(widened(entries.times, (of.time, of.time)));
    }

    #[inline]
    fn of(&mut self, source: u32) -> &mut Entries {
        let at = match self.sources.iter().position(|(number, _)| *number == source) {
            Some(at) => at,
            None => {
                self.sources.push((source, Entries::default()));
                self.sources.len() - 1
            }
        };
        &mut self.sources[at].1
    }

    /// Adds to the counts of the sources and gives the reports of this step: one a source and reason.
    pub fn into_events(self, instrument: &str, sources: &mut Sources) -> Vec<Event> {
        let mut events = Vec::new();
        for (number, entries) in self.sources {
            if let Some(source) = sources.get_mut(number) {
                entries.into_events(instrument, &source.name, &mut source.counts, &mut events);
            }
        }
        events
    }
}

/// Two stretches of time as one.
#[inline]
fn widened(stretch: Option<(i64, i64)>, (from, to): (i64, i64)) -> (i64, i64) {
    stretch.map_or((from, to), |(first, last)| (first.min(from), last.max(to)))
}

fn add((rows, times): &mut Columns, of: Origin) {
    rows.push(of.row);
    times.push(of.time);
}

impl Entries {
    fn into_events(self, instrument: &str, source: &str, counts: &mut Counts, events: &mut Vec<Event>) {
        counts.accepted += self.accepted;
        if let Some(times) = self.times {
            counts.times = Some(widened(counts.times, times));
        }
        counts.gaps += self.gaps.iter().map(|gap| gap.count).sum::<i64>();
        let (instrument, source) = (|| instrument.to_owned(), || source.to_owned());
        for (reason, (rows, times)) in self.rejected {
            *counts.rejected.entry(reason).or_default() += rows.len() as i64;
            let reason = reason.code().into();
            events.push(
                TickRejected { instrument: instrument(), source: source(), reason, rows, times }.into(),
            );
        }
        for (reason, (rows, times)) in self.corrected {
            *counts.corrected.entry(reason).or_default() += rows.len() as i64;
            let reason = reason.code().into();
            events.push(
                TickCorrected { instrument: instrument(), source: source(), reason, rows, times }.into(),
            );
        }
        for Silence { row, from, to, count } in self.gaps {
            let (from, to) = (Timestamp(from), Timestamp(to));
            events.push(
                GapDetected { instrument: instrument(), source: source(), row, from, to, count }.into(),
            );
        }
    }
}

/// Counts of a source so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that went into bars.
    pub accepted: i64,
    /// Rows left out, by reason.
    pub rejected: BTreeMap<Reason, i64>,
    /// Rows put right or flagged, by reason; they are among the accepted.
    pub corrected: BTreeMap<Reason, i64>,
    /// Gaps that ended in it.
    pub gaps: i64,
    /// Earliest and latest event time of the rows that went into bars.
    pub times: Option<(i64, i64)>,
}

impl Counts {
    /// What came of the rows is undone: those that were not left out for another reason count for nothing.
    pub fn undo(&mut self, rows: i64) {
        let left_out: i64 = self.rejected.values().sum();
        *self = Counts { rejected: std::mem::take(&mut self.rejected), ..Counts::default() };
        if rows > left_out {
            self.rejected.insert(Reason::Aborted, rows - left_out);
        }
    }
}

/// Counts in the form that events carry.
pub fn reason_counts(counts: &BTreeMap<Reason, i64>) -> Vec<ReasonCount> {
    counts.iter().map(|(reason, count)| ReasonCount { reason: reason.code().into(), count: *count }).collect()
}
