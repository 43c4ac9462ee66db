//! Whether the time of a row is to be believed, and the rows of a stream in the order of their times.
//!
//! A row far ahead of the time that is confirmed waits for the next three. If most of them are about there, time went there,
//! overnight or after a halt; else its clock was wrong. Nothing that waits moves time, and what waits holds it back: rows come
//! out in the order of time, when no row can come before them any more. What is remembered is bounded.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::ring::Ring;

/// Distances between confirmed times that are remembered.
const INTERVALS: usize = 256;
/// Rows that confirm a time or not.
const FOLLOWING: usize = 3;
/// How many of them have to.
const CONFIRMING: usize = 2;
/// Rows that are put in order at a time, however late rows may be: beyond it the earliest are let go.
const MOST_QUEUED: usize = 65_536;

/// Thresholds of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockRules {
    /// Nanoseconds by which a row may be ahead of the confirmed time.
    pub(crate) ahead: i64,
    /// The same in usual distances between rows, where that is longer.
    pub(crate) intervals: i64,
    /// Nanoseconds by which a row may be behind the confirmed time.
    pub(crate) lateness: i64,
}

impl Default for ClockRules {
    fn default() -> ClockRules {
        ClockRules { ahead: 300 * 1_000_000_000, intervals: 20, lateness: 0 }
    }
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// In the order of time.
    InOrder,
    /// Its clock was ahead of the rows around it.
    Ahead,
    /// Ahead of all rows before it, and the source ended before any could confirm it.
    DecidedAtEnd,
    /// Behind the rows before it by more than rows may be late.
    Late,
}

/// The time of a stream, and its rows that wait. `T` is what a time came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock<T> {
    /// The latest time that is confirmed.
    confirmed: Option<i64>,
    intervals: Ring,
    /// A row far ahead, and what follows it.
    waiting: VecDeque<(i64, T)>,
    /// Rows whose time is confirmed, by time and then in the order in which they came.
    queued: BTreeMap<(i64, u64), T>,
    taken: u64,
}

impl<T> Default for Clock<T> {
    fn default() -> Clock<T> {
        Clock {
            confirmed: None,
            intervals: Ring::of(INTERVALS),
            waiting: VecDeque::new(),
            queued: BTreeMap::new(),
            taken: 0,
        }
    }
}

impl<T> Clock<T> {
    /// The time up to which every row has come out; `None` before the first.
    pub(crate) fn passed(&self, rules: &ClockRules) -> Option<i64> {
        self.confirmed.map(|time| time.saturating_sub(rules.lateness))
    }

    /// Takes the next row. Rows in order come out by time, the others as soon as it is known what they are.
    #[inline]
    pub(crate) fn push(&mut self, rules: &ClockRules, time: i64, of: T, mut out: impl FnMut(T, Timed)) {
        if self.waiting.is_empty() && !self.is_ahead(rules, time) {
            self.confirm(rules, time, of, &mut out);
            return;
        }
        self.waiting.push_back((time, of));
        self.settle(rules, false, &mut out);
    }

    /// What has waited until now waits no longer: the source has ended.
    pub(crate) fn finish(&mut self, rules: &ClockRules, mut out: impl FnMut(T, Timed)) {
        self.settle(rules, true, &mut out);
        while let Some((_, of)) = self.queued.pop_first() {
            out(of, Timed::InOrder);
        }
    }

    fn settle(&mut self, rules: &ClockRules, is_end: bool, out: &mut impl FnMut(T, Timed)) {
        while let Some((time, _)) = self.waiting.front() {
            let time = *time;
            let is_ahead = self.is_ahead(rules, time);
            if is_ahead && self.waiting.len() <= FOLLOWING && !is_end {
                return;
            }
            let following = self.waiting.iter().skip(1).take(FOLLOWING);
            let about = time.saturating_sub(self.allowed(rules));
            let confirming = following.filter(|(other, _)| *other >= about).count();
            // The first rows of all have nothing before them, so those that are there have to do.
            let needed =
                if self.confirmed.is_none() { (self.waiting.len() - 1).min(CONFIRMING) } else { CONFIRMING };
            let is_short = self.waiting.len() <= FOLLOWING;
            let Some((_, of)) = self.waiting.pop_front() else { return };
            if !is_ahead || confirming >= needed {
                self.confirm(rules, time, of, out);
            } else {
                out(of, if is_short { Timed::DecidedAtEnd } else { Timed::Ahead });
            }
        }
    }

    /// Whether a time is too far ahead to be believed at once. Nothing is known of the first.
    #[inline]
    fn is_ahead(&self, rules: &ClockRules, time: i64) -> bool {
        let Some(confirmed) = self.confirmed else { return true };
        let ahead = time.saturating_sub(confirmed);
        // Nearly every row follows the one before it; only for the others distances are looked at.
        ahead > rules.ahead && ahead > self.allowed(rules)
    }

    fn allowed(&self, rules: &ClockRules) -> i64 {
        rules.ahead.max(self.intervals.quantile(1, 2).saturating_mul(rules.intervals))
    }

    #[inline]
    fn confirm(&mut self, rules: &ClockRules, time: i64, of: T, out: &mut impl FnMut(T, Timed)) {
        match self.confirmed {
            Some(confirmed) if time < confirmed.saturating_sub(rules.lateness) => {
                out(of, Timed::Late);
                return;
            }
            Some(confirmed) if time > confirmed => {
                self.intervals.push(time - confirmed);
                self.confirmed = Some(time);
            }
            Some(_) => {}
            None => self.confirmed = Some(time),
        }
        self.queued.insert((time, self.taken), of);
        self.taken += 1;
        let passed = self.passed(rules).unwrap_or(i64::MIN);
        while let Some(first) = self.queued.first_entry() {
            if first.key().0 > passed && self.taken > 0 && self.queued.len() <= MOST_QUEUED {
                return;
            }
            let Some((_, of)) = self.queued.pop_first() else { return };
            out(of, Timed::InOrder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Timed::*;

    const SECOND: i64 = 1_000_000_000;

    /// What came out of rows at these seconds, with the lateness in seconds: rows from 1.
    fn timed(lateness: i64, seconds: &[i64]) -> Vec<(usize, Timed)> {
        let rules = ClockRules { lateness: lateness * SECOND, ..ClockRules::default() };
        let (mut clock, mut told) = (Clock::default(), Vec::new());
        for (row, second) in (1..).zip(seconds) {
            clock.push(&rules, second * SECOND, row, |row, what| told.push((row, what)));
        }
        clock.finish(&rules, |row, what| told.push((row, what)));
        assert_eq!(told.len(), seconds.len(), "each once");
        told
    }

    fn others(told: &[(usize, Timed)]) -> Vec<(usize, Timed)> {
        told.iter().filter(|(_, what)| *what != InOrder).copied().collect()
    }

    #[test]
    fn a_clock_that_is_an_hour_ahead_costs_its_row_alone() {
        let mut seconds: Vec<i64> = (0..100).collect();
        seconds[50] += 3_600;
        assert_eq!(others(&timed(0, &seconds)), [(51, Ahead)]);
        seconds[51] += 3_600;
        assert_eq!(others(&timed(0, &seconds)), [(51, Ahead), (52, Ahead)]);
        // The first row of all.
        let mut seconds: Vec<i64> = (0..10).collect();
        seconds[0] += 3_600;
        assert_eq!(others(&timed(0, &seconds)), [(1, Ahead)]);
    }

    #[test]
    fn a_night_is_no_wrong_clock() {
        let seconds: Vec<i64> = (0..50).chain(60_000..60_050).collect();
        assert_eq!(others(&timed(0, &seconds)), []);
        // Nor is an hour where rows are minutes apart.
        let sparse: Vec<i64> = (0..40).map(|n| n * 240 + if n > 20 { 3_600 } else { 0 }).collect();
        assert_eq!(others(&timed(0, &sparse)), []);
    }

    #[test]
    fn rows_inside_the_lateness_come_out_by_time_and_others_are_late() {
        let told = timed(2, &[10, 12, 11, 13, 13, 9, 20]);
        let in_order: Vec<usize> =
            told.iter().filter(|(_, what)| *what == InOrder).map(|(row, _)| *row).collect();
        assert_eq!(in_order, [1, 3, 2, 4, 5, 7]);
        assert_eq!(others(&told), [(6, Late)]);
    }

    #[test]
    fn the_end_decides_for_what_waits() {
        let seconds: Vec<i64> = (0..20).chain([10_000]).collect();
        assert_eq!(others(&timed(0, &seconds)), [(21, DecidedAtEnd)]);
        let seconds: Vec<i64> = (0..20).chain([10_000, 10_001, 10_002]).collect();
        assert_eq!(others(&timed(0, &seconds)), [], "two that confirm are enough");
        assert_eq!(timed(0, &[5]), [(1, InOrder)]);
        assert_eq!(timed(0, &[]), []);
    }
}
