//! The circuit breaker of a feed: so many rows refused that the file was probably read wrongly.
//!
//! It trips when more than 1 % of at least 100 rows are refused for reasons that point at a wrong reading, or 100 in a row
//! for one of them. Duplicates, crossed, locked and stale quotes and rows outside the session are faults of data that were
//! read rightly. A value that the file itself says is missing says nothing either, unless most rows have none: then another
//! column was probably meant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gauntlet_domain::market::{Reason, TickRejected};
use serde::Serialize;

/// Rows from which on shares of them are judged.
const FEWEST_ROWS: i64 = 100;

/// Refused rows of one reason, one behind the other, that are no chance.
const LONGEST_RUN: i64 = 100;

/// One row in so many may be refused.
const ONE_IN: i64 = 100;

/// Blocks whose rows are remembered. Rows that wait are decided long before so many have come behind them.
const REMEMBERED_BLOCKS: usize = 8;

/// Reasons that do not point at a wrong reading.
const INNOCENT: [Reason; 5] =
    [Reason::Duplicate, Reason::Crossed, Reason::Locked, Reason::Stale, Reason::OutOfSession];

/// Why it tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trip {
    /// The reason for which most rows, or all of a run, were refused.
    pub reason: String,
    /// Rows refused for reasons that point at a wrong reading; those of the run, if it was one.
    pub refused: i64,
    /// Rows that were looked at.
    pub of: i64,
    /// The rows lie one behind the other.
    pub in_a_row: bool,
    /// The row that began it, by its number in the file.
    pub row: i64,
}

/// Watches what cleaning refuses.
#[derive(Debug, Default)]
pub struct Breaker {
    rows: i64,
    refused: i64,
    missing: i64,
    reasons: BTreeMap<String, Counted>,
    blocks: VecDeque<Numbers>,
}

/// Rows refused for one reason.
#[derive(Debug, Default)]
struct Counted {
    count: i64,
    first_row: i64,
    /// Place of the last one, how many lie right before it, itself among them, and the first of these.
    last_place: i64,
    run: i64,
    run_row: i64,
}

/// Numbers of a block's rows.
#[derive(Debug)]
struct Numbers {
    /// Place of the first row among all.
    begin: i64,
    rows: Vec<i64>,
    missing: BTreeSet<i64>,
}

impl Breaker {
    /// Takes note of a block's rows, by their numbers in the file, and of those among them that the file says have no value.
    pub fn block(&mut self, rows: &[i64], missing: &[i64]) {
        let missing = missing.iter().copied().collect();
        self.blocks.push_back(Numbers { begin: self.rows, rows: rows.to_vec(), missing });
        if self.blocks.len() > REMEMBERED_BLOCKS {
            self.blocks.pop_front();
        }
        self.rows += rows.len() as i64;
    }

    /// Takes note of rows that were refused. Gives a reason to stop at once.
    pub fn refused(&mut self, rejected: &TickRejected) -> Option<Trip> {
        if INNOCENT.iter().any(|innocent| innocent.code() == rejected.reason) {
            return None;
        }
        let mut trip = None;
        for row in &rejected.rows {
            let place = self.place(*row);
            if place.is_some_and(|(_, is_missing)| is_missing) {
                self.missing += 1;
                continue;
            }
            self.refused += 1;
            let (of, place) = (self.rows, place.map_or(i64::MIN, |(place, _)| place));
            let counted = self.reasons.entry(rejected.reason.clone()).or_default();
            if counted.count == 0 {
                counted.first_row = *row;
            }
            counted.count += 1;
            if counted.run > 0 && place == counted.last_place + 1 {
                counted.run += 1;
            } else {
                (counted.run, counted.run_row) = (1, *row);
            }
            counted.last_place = place;
            if counted.run == LONGEST_RUN {
                let (reason, row) = (rejected.reason.clone(), counted.run_row);
                trip = trip.or(Some(Trip { reason, refused: LONGEST_RUN, of, in_a_row: true, row }));
            }
        }
        trip
    }

    /// Whether too large a share of all rows so far was refused.
    pub fn share(&self) -> Option<Trip> {
        if self.rows < FEWEST_ROWS {
            return None;
        }
        if 2 * self.missing > self.rows {
            let (reason, row) = (Reason::NotANumber.code().to_owned(), self.first_missing());
            return Some(Trip { reason, refused: self.missing, of: self.rows, in_a_row: false, row });
        }
        if ONE_IN * self.refused <= self.rows {
            return None;
        }
        let (reason, most) = self.reasons.iter().max_by_key(|(_, counted)| counted.count)?;
        let (reason, row) = (reason.clone(), most.first_row);
        Some(Trip { reason, refused: self.refused, of: self.rows, in_a_row: false, row })
    }

    /// The place of a row among all, and whether the file says that it has no value.
    fn place(&self, row: i64) -> Option<(i64, bool)> {
        // Nearly always of the last block.
        self.blocks.iter().rev().find_map(|block| {
            let index = match block.rows.binary_search(&row) {
                Ok(index) => index,
                // Bars that were put in order, and files that are newest first.
                Err(_) if block.rows.is_sorted() => return None,
                Err(_) => block.rows.iter().position(|other| *other == row)?,
            };
            Some((block.begin + index as i64, block.missing.contains(&row)))
        })
    }

    fn first_missing(&self) -> i64 {
        self.blocks.iter().find_map(|block| block.missing.first()).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(reason: Reason, rows: impl IntoIterator<Item = i64>) -> TickRejected {
        let rows: Vec<i64> = rows.into_iter().collect();
        TickRejected {
            instrument: "X.Y".into(),
            source: "s".into(),
            reason: reason.code().into(),
            times: rows.clone(),
            rows,
        }
    }

    fn after(rows: i64, refused: &[TickRejected]) -> (Option<Trip>, Option<Trip>) {
        let mut breaker = Breaker::default();
        breaker.block(&(1..=rows).collect::<Vec<_>>(), &[]);
        let runs: Vec<Trip> = refused.iter().filter_map(|rejected| breaker.refused(rejected)).collect();
        (runs.first().cloned(), breaker.share())
    }

    #[test]
    fn one_percent_is_the_limit_of_at_least_a_hundred_rows() {
        assert_eq!(after(99, &[rejected(Reason::BadTime, 1..=50)]).1, None, "too few rows");
        assert_eq!(after(1000, &[rejected(Reason::Outlier, 1..=10)]).1, None);
        let parts = [rejected(Reason::Outlier, 7..=12), rejected(Reason::BadTime, 20..=24)];
        let trip = after(1000, &parts).1.unwrap();
        let expected = Trip { reason: "outlier".into(), refused: 11, of: 1000, in_a_row: false, row: 7 };
        assert_eq!(trip, expected);
    }

    #[test]
    fn a_hundred_in_a_row_for_one_reason_are_enough_wherever_blocks_end() {
        let (run, share) = after(100_000, &[rejected(Reason::Late, 501..=599)]);
        assert_eq!((run, share), (None, None));
        let run = after(100_000, &[rejected(Reason::Late, 501..=550), rejected(Reason::Late, 551..=600)]).0;
        assert_eq!(run.map(|trip| (trip.row, trip.refused, trip.in_a_row)), Some((501, 100, true)));
        let apart = [rejected(Reason::Late, 1..=99), rejected(Reason::Outlier, 100..=198)];
        assert_eq!(after(100_000, &apart).0, None, "of two reasons");
        let mut breaker = Breaker::default();
        breaker.block(&(1..=60).collect::<Vec<_>>(), &[]);
        assert_eq!(breaker.refused(&rejected(Reason::Late, 1..=60)), None);
        breaker.block(&(161..=220).collect::<Vec<_>>(), &[]);
        let trip = breaker.refused(&rejected(Reason::Late, 161..=200)).unwrap();
        assert_eq!(trip.row, 1, "rows of others between them do not count");
    }

    #[test]
    fn faults_of_data_that_were_read_rightly_trip_nothing() {
        for reason in INNOCENT {
            assert_eq!(after(1000, &[rejected(reason, 1..=1000)]), (None, None), "{reason:?}");
        }
    }

    #[test]
    fn missing_values_trip_nothing_until_most_rows_have_none() {
        let rows: Vec<i64> = (1..=1000).rev().collect();
        for (missing, trips) in [(500, false), (501, true)] {
            let mut breaker = Breaker::default();
            breaker.block(&rows, &(1..=missing).collect::<Vec<_>>());
            assert_eq!(breaker.refused(&rejected(Reason::NotANumber, 1..=missing)), None);
            assert_eq!(breaker.share().is_some(), trips, "{missing}");
        }
    }
}
