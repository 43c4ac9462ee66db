//! The cleaning ledger: rows by reason within one step, and the running counts of a source.

use std::collections::BTreeMap;

use gauntlet_domain::Event;
use gauntlet_domain::market::{Reason, ReasonCount, TickCorrected, TickRejected};
use serde::{Deserialize, Serialize};

/// Rows that one step left out or put right, and the gaps that it met.
#[derive(Default)]
pub struct Ledger {
    rejected: BTreeMap<Reason, (Vec<i64>, Vec<i64>)>,
    corrected: BTreeMap<Reason, (Vec<i64>, Vec<i64>)>,
    /// Row that ended the silence, last time before it, first time after it.
    pub gaps: Vec<(i64, i64, i64)>,
    /// Rows that went into bars.
    pub accepted: i64,
}

impl Ledger {
    /// Leaves a row out.
    pub fn reject(&mut self, reason: Reason, row: i64, time: i64) {
        let (rows, times) = self.rejected.entry(reason).or_default();
        rows.push(row);
        times.push(time);
    }

    /// Keeps a row that was put right.
    pub fn correct(&mut self, reason: Reason, row: i64, time: i64) {
        let (rows, times) = self.corrected.entry(reason).or_default();
        rows.push(row);
        times.push(time);
    }

    /// The reports of this step, one a reason.
    pub fn into_events(self, instrument: &str, source: &str, counts: &mut Counts) -> Vec<Event> {
        counts.accepted += self.accepted;
        counts.gaps += self.gaps.len() as i64;
        if self.rejected.is_empty() && self.corrected.is_empty() && self.gaps.is_empty() {
            return Vec::new();
        }
        let (instrument, source) = (instrument.to_owned(), source.to_owned());
        let mut events = Vec::new();
        for (reason, (rows, times)) in self.rejected {
            *counts.rejected.entry(reason).or_default() += rows.len() as i64;
            let (instrument, source) = (instrument.clone(), source.clone());
            let reason = reason.code().into();
            events.push(TickRejected { instrument, source, reason, rows, times }.into());
        }
        for (reason, (rows, times)) in self.corrected {
            *counts.corrected.entry(reason).or_default() += rows.len() as i64;
            let (instrument, source) = (instrument.clone(), source.clone());
            let reason = reason.code().into();
            events.push(TickCorrected { instrument, source, reason, rows, times }.into());
        }
        for (row, from, to) in self.gaps {
            let (instrument, source) = (instrument.clone(), source.clone());
            let (from, to) = (gauntlet_domain::Timestamp(from), gauntlet_domain::Timestamp(to));
            events.push(gauntlet_domain::market::GapDetected { instrument, source, row, from, to }.into());
        }
        events
    }
}

/// Counts of a source so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that went into bars.
    pub accepted: i64,
    /// Rows left out, by reason.
    pub rejected: BTreeMap<Reason, i64>,
    /// Rows put right, by reason.
    pub corrected: BTreeMap<Reason, i64>,
    /// Gaps that ended in it.
    pub gaps: i64,
}

/// Counts in the form that events carry.
pub fn reason_counts(counts: &BTreeMap<Reason, i64>) -> Vec<ReasonCount> {
    counts.iter().map(|(reason, count)| ReasonCount { reason: reason.code().into(), count: *count }).collect()
}
