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

/// What one step left out, put right or flagged of one source, and the gaps that it met there.
#[derive(Default)]
struct Entries {
    rejected: BTreeMap<Reason, Columns>,
    corrected: BTreeMap<Reason, Columns>,
    /// Row that ended the silence, last time before it, first time after it.
    gaps: Vec<(i64, i64, i64)>,
    accepted: i64,
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
        self.of(of.source).gaps.push((of.row, from, of.time));
    }

    /// A row that went into bars, or whose time alone counts.
    #[inline]
    pub fn accept(&mut self, source: u32) {
        self.of(source).accepted += 1;
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

fn add((rows, times): &mut Columns, of: Origin) {
    rows.push(of.row);
    times.push(of.time);
}

impl Entries {
    fn into_events(self, instrument: &str, source: &str, counts: &mut Counts, events: &mut Vec<Event>) {
        counts.accepted += self.accepted;
        counts.gaps += self.gaps.len() as i64;
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
        for (row, from, to) in self.gaps {
            let (from, to) = (Timestamp(from), Timestamp(to));
            events.push(GapDetected { instrument: instrument(), source: source(), row, from, to }.into());
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
}

/// Counts in the form that events carry.
pub fn reason_counts(counts: &BTreeMap<Reason, i64>) -> Vec<ReasonCount> {
    counts.iter().map(|(reason, count)| ReasonCount { reason: reason.code().into(), count: *count }).collect()
}
