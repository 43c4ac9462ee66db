//! Whether the time of a row is to be believed, and the rows of a stream in the order of their times.
//!
//! A row far ahead of the time that is confirmed waits for the next three. If most of them are about there, time went there,
//! overnight or after a halt; else its clock was wrong. Nothing that waits moves time, and what waits holds it back: rows come
//! out in the order of time, when no row can come before them any more. What is remembered is bounded.
//!
//! A row of a live feed may come with the recorder's own time, which is the present. It is judged by that and never waits.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::ring::CountedRing;

/// Distances between confirmed times that are remembered.
const INTERVALS: usize = 256;
/// Rows that confirm a time or not.
const FOLLOWING: usize = 3;
/// A last row, which nothing follows, may be ahead by this many times the longest silence before it.
const SILENCES: i64 = 3;
/// With fewer distances than this nothing is known of how far apart rows are.
const KNOWN: usize = 8;
/// Rows that are put in order at a time, however late rows may be: beyond it the earliest are let go.
const MOST_QUEUED: usize = 65_536;

/// Thresholds of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockRules {
    /// Nanoseconds by which a row may be ahead of the confirmed time.
    pub(crate) ahead: i64,
    /// The same in usual distances between rows, where that is longer.
    pub(crate) intervals: i64,
    /// Nanoseconds by which a row may be behind the confirmed time.
    pub(crate) lateness: i64,
}

#[cfg(test)]
impl Default for ClockRules {
    fn default() -> ClockRules {
        ClockRules { ahead: 300 * 1_000_000_000, intervals: 20, lateness: 0 }
    }
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timed {
    /// In the order of time.
    InOrder,
    /// Behind rows that came before it by no more than rows may be late: put in its place.
    Reordered,
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
    intervals: CountedRing,
    /// A row far ahead, and what follows it.
    waiting: VecDeque<(i64, T)>,
    /// Rows whose time is confirmed, by time and then in the order in which they came.
    queued: VecDeque<(i64, Timed, T)>,
    /// Time of the latest row that came out in order.
    latest: i64,
}

impl<T> Default for Clock<T> {
    fn default() -> Clock<T> {
        Clock {
            confirmed: None,
            intervals: CountedRing::of(INTERVALS),
            waiting: VecDeque::new(),
            queued: VecDeque::new(),
            latest: i64::MIN,
        }
    }
}

impl<T> Clock<T> {
    /// The time before which no further row comes out in order; `None` before the first row.
    #[inline]
    pub(crate) fn passed(&self, rules: &ClockRules) -> Option<i64> {
        let passed = self.confirmed?.saturating_sub(rules.lateness).max(self.latest);
        Some(self.queued.front().map_or(passed, |(time, ..)| passed.min(*time)))
    }

    /// Takes the next row, with the present where its recorder said it. Rows in order come out by time, the others as soon as
    /// it is known what they are.
    #[inline]
    pub(crate) fn push(
        &mut self,
        rules: &ClockRules,
        time: i64,
        present: Option<i64>,
        of: T,
        mut out: impl FnMut(T, Timed),
    ) {
        if let Some(present) = present {
            self.push_live(rules, time, present, of, &mut out);
            return;
        }
        if self.waiting.is_empty() && !self.is_ahead(rules, time) {
            self.confirm(rules, time, of, &mut out);
            return;
        }
        self.waiting.push_back((time, of));
        self.settle(rules, false, &mut out);
    }

    /// A row whose recorder knew the present. What waits came before it, so the same present decides on it.
    fn push_live(
        &mut self,
        rules: &ClockRules,
        time: i64,
        present: i64,
        of: T,
        out: &mut impl FnMut(T, Timed),
    ) {
        if self.is_beyond(rules, present, time) {
            out(of, Timed::Ahead);
            return;
        }
        while let Some((time, of)) = self.waiting.pop_front() {
            if self.is_beyond(rules, present, time) {
                out(of, Timed::Ahead);
            } else {
                self.confirm(rules, time, of, out);
            }
        }
        self.confirm(rules, time, of, out);
    }

    /// What has waited until now waits no longer: the source has ended. Time stays where it is: rows of the next source may be
    /// as late as those of this one.
    pub(crate) fn finish(&mut self, rules: &ClockRules, mut out: impl FnMut(T, Timed)) {
        self.settle(rules, true, &mut out);
        while let Some((_, timed, of)) = self.queued.pop_front() {
            out(of, timed);
        }
    }

    fn settle(&mut self, rules: &ClockRules, is_end: bool, out: &mut impl FnMut(T, Timed)) {
        while let Some((time, _)) = self.waiting.front() {
            let time = *time;
            let is_ahead = self.is_ahead(rules, time);
            if is_ahead && self.waiting.len() <= FOLLOWING && !is_end {
                return;
            }
            let is_short = self.waiting.len() <= FOLLOWING;
            let is_believed = !is_ahead || self.is_confirmed(rules, time);
            let Some((_, of)) = self.waiting.pop_front() else { return };
            if is_believed {
                self.confirm(rules, time, of, out);
            } else {
                out(of, if is_short { Timed::DecidedAtEnd } else { Timed::Ahead });
            }
        }
    }

    /// Whether most of the rows that follow the one in front, far ahead, are about there too. Where none follow, whether there
    /// has been such a silence before.
    fn is_confirmed(&self, rules: &ClockRules, time: i64) -> bool {
        let following = self.waiting.len().saturating_sub(1).min(FOLLOWING);
        let about = time.saturating_sub(self.allowed(rules));
        let there = self.waiting.iter().skip(1).take(FOLLOWING).filter(|(other, _)| *other >= about).count();
        match self.confirmed {
            Some(confirmed) if following == 0 => {
                let longest = self.intervals.ring().quantile(1, 1);
                self.intervals.ring().len() < KNOWN
                    || time.saturating_sub(confirmed) <= longest.saturating_mul(SILENCES)
            }
            None if following == 0 => true,
            _ => 2 * there > following,
        }
    }

    /// Whether a time is too far ahead to be believed at once. Nothing is known of the first.
    #[inline]
    fn is_ahead(&self, rules: &ClockRules, time: i64) -> bool {
        self.confirmed.is_none_or(|confirmed| self.is_beyond(rules, confirmed, time))
    }

    /// Whether a time is ahead of another by more than a row may be.
    #[inline]
    fn is_beyond(&self, rules: &ClockRules, from: i64, time: i64) -> bool {
        let ahead = time.saturating_sub(from);
        // Nearly every row follows the one before it; only for the others distances are looked at.
        ahead > rules.ahead && ahead > self.allowed(rules)
    }

    /// How far ahead a row may be.
    #[inline]
    pub(crate) fn allowed(&self, rules: &ClockRules) -> i64 {
        // Nearly always the usual distance is too short to count: then it need not be known.
        if rules.intervals <= 0 || self.intervals.is_median_at_most(rules.ahead / rules.intervals) {
            return rules.ahead;
        }
        rules.ahead.max(self.intervals.ring().quantile(1, 2).saturating_mul(rules.intervals))
    }

    #[inline]
    fn confirm(&mut self, rules: &ClockRules, time: i64, of: T, out: &mut impl FnMut(T, Timed)) {
        let confirmed = self.confirmed.unwrap_or(time);
        if time < confirmed.saturating_sub(rules.lateness) || time < self.latest {
            out(of, Timed::Late);
            return;
        }
        if time >= confirmed {
            if time > confirmed {
                self.intervals.push(time - confirmed);
            }
            self.confirmed = Some(time);
            if rules.lateness == 0 && self.queued.is_empty() {
                self.latest = time;
                out(of, Timed::InOrder);
                return;
            }
            self.queued.push_back((time, Timed::InOrder, of));
        } else {
            let place = self.queued.partition_point(|(other, ..)| *other <= time);
            self.queued.insert(place, (time, Timed::Reordered, of));
        }
        let passed = self.confirmed.unwrap_or(time).saturating_sub(rules.lateness);
        while let Some((time, ..)) = self.queued.front() {
            if *time > passed && self.queued.len() <= MOST_QUEUED {
                return;
            }
            let Some((time, timed, of)) = self.queued.pop_front() else { return };
            self.latest = time;
            out(of, timed);
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
            clock.push(&rules, second * SECOND, None, row, |row, what| told.push((row, what)));
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
            told.iter().filter(|(_, what)| *what != Late).map(|(row, _)| *row).collect();
        assert_eq!(in_order, [1, 3, 2, 4, 5, 7]);
        assert_eq!(others(&told), [(3, Reordered), (6, Late)]);
    }

    /// What came out of rows at these seconds, each with the second at which its recorder had it, and after which row.
    fn live(lateness: i64, rows: &[(i64, Option<i64>)]) -> Vec<(usize, Timed, usize)> {
        let rules = ClockRules { lateness: lateness * SECOND, ..ClockRules::default() };
        let (mut clock, mut told) = (Clock::default(), Vec::new());
        for (row, (second, received)) in (1..).zip(rows) {
            let present = received.map(|second| second * SECOND);
            clock.push(&rules, second * SECOND, present, row, |of, what| told.push((of, what, row)));
        }
        clock.finish(&rules, |of, what| told.push((of, what, 0)));
        assert_eq!(told.len(), rows.len(), "each once");
        told
    }

    #[test]
    fn the_recorders_clock_decides_at_once() {
        // A night and a halt: no row waits, nor does the first of all.
        let seconds = (0..50).chain(60_000..60_050).chain([200_000]);
        let rows: Vec<_> = seconds.map(|second| (second, Some(second + 1))).collect();
        assert!(live(0, &rows).iter().all(|(row, what, after)| *what == InOrder && row == after));
        // 301 s ahead of the present is left out at once, also as the first row; 300 s are not.
        let seconds: Vec<_> = (0..50).map(|second| (second, Some(second))).collect();
        let told = live(0, &[&[(301, Some(0))], &seconds[..], &[(351, Some(50)), (350, Some(50))]].concat());
        let others: Vec<_> =
            told.iter().filter(|(row, what, after)| *what != InOrder || row != after).collect();
        assert_eq!(others, [&(1, Ahead, 1), &(52, Ahead, 52)]);
        // What is late is late, and what is late by little is put in its place.
        let told = live(2, &[(10, Some(10)), (12, Some(12)), (11, Some(12)), (9, Some(12)), (14, Some(14))]);
        assert_eq!(
            told,
            [(1, InOrder, 2), (4, Late, 4), (3, Reordered, 5), (2, InOrder, 5), (5, InOrder, 0)]
        );
        // A row without it is judged as before.
        let told = live(0, &[(0, Some(0)), (10_000, None), (1, None), (2, None), (3, None)]);
        assert_eq!(told[1], (2, Ahead, 5));
    }

    #[test]
    fn the_recorders_clock_decides_for_what_waits_too() {
        let rows = [(0, Some(0)), (10_000, None), (10_001, Some(10_001))];
        assert_eq!(live(0, &rows), [(1, InOrder, 1), (2, InOrder, 3), (3, InOrder, 3)]);
        let rows = [(0, Some(0)), (10_000, None), (1, Some(1)), (2, None)];
        assert_eq!(live(0, &rows), [(1, InOrder, 1), (2, Ahead, 3), (3, InOrder, 3), (4, InOrder, 4)]);
        // A row that is wrong itself says nothing of others.
        let rows = [(0, Some(0)), (10_000, None), (9_000, Some(1)), (10_001, Some(10_001))];
        assert_eq!(live(0, &rows), [(1, InOrder, 1), (3, Ahead, 3), (2, InOrder, 4), (4, InOrder, 4)]);
    }

    #[test]
    fn the_end_decides_for_what_waits() {
        let seconds: Vec<i64> = (0..20).chain([10_000]).collect();
        assert_eq!(others(&timed(0, &seconds)), [(21, DecidedAtEnd)]);
        let seconds: Vec<i64> = (0..20).chain([10_000, 10_001]).collect();
        assert_eq!(others(&timed(0, &seconds)), [], "all that follow confirm it");
        let seconds: Vec<i64> = (0..20).chain([10_000, 21, 10_002]).collect();
        assert_eq!(others(&timed(0, &seconds)), [(21, DecidedAtEnd), (23, DecidedAtEnd)]);
        let seconds: Vec<i64> = (0..20).chain(5_000..5_020).chain([15_000]).collect();
        assert_eq!(others(&timed(0, &seconds)), [], "it has been silent as long before");
        assert_eq!(timed(0, &[5]), [(1, InOrder)]);
        assert_eq!(timed(0, &[]), []);
    }
}
