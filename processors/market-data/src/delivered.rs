//! Which rows were delivered before.
//!
//! A venue numbers its rows, and after a lost connection it may send some again. A row is a repetition when its number and its
//! content were among the last ones; a smaller number that was not is a row that is late, and a number that stays while the
//! content changes is no number at all. Without numbers two equal trades of a source are two trades, and a quote that repeats
//! the one before it to the last digit, size and nanosecond says nothing new. An equal row of another source is the same row: a
//! file that has grown, or one that overlaps with the one before it.

use gauntlet_domain::market::Reason;
use serde::{Deserialize, Serialize};

use crate::ring::Ring;
use crate::rows::Row;

/// Rows that are remembered.
const WINDOW: usize = 1024;

/// What was delivered of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivered {
    /// The greatest number so far: a greater one is new without a look at the others.
    greatest: Option<i64>,
    /// Digests of the last rows, the sources that they came from, and their times.
    rows: Ring,
    sources: Ring,
    times: Ring,
    /// The source of the row before and the latest time of its rows, and the latest time of the sources before it.
    current: Option<(u32, i64)>,
    others: Option<i64>,
}

impl Default for Delivered {
    fn default() -> Delivered {
        let [rows, sources, times] = [(); 3].map(|()| Ring::of(WINDOW));
        Delivered { greatest: None, rows, sources, times, current: None, others: None }
    }
}

impl Delivered {
    /// Why a row does not count: it was delivered before, or is of a time that another source has had and older than what is
    /// remembered, so that nobody can tell. Any other is remembered. On the recorder's clock a row has another time at each
    /// delivery.
    #[inline]
    pub(crate) fn refuses(
        &mut self,
        row: &Row,
        source: u32,
        is_quote: bool,
        on_venue_clock: bool,
    ) -> Option<Reason> {
        self.moves_to(source, row.time);
        let digest = digest(row, on_venue_clock || row.sequence.is_none());
        let is_of_others = self.others.is_some_and(|until| row.time <= until);
        let is_repeated = match row.sequence {
            Some(number) => match self.greatest {
                Some(greatest) if number <= greatest => self.rows.contains(digest),
                _ => {
                    self.greatest = Some(number);
                    false
                }
            },
            None if is_quote && self.rows.last() == Some(digest) => true,
            None => is_of_others && self.is_of_another(digest, source),
        };
        if is_repeated {
            return Some(Reason::Duplicate);
        }
        // It must not take the place of one by which others are known.
        if is_of_others && self.times.oldest().is_some_and(|oldest| row.time <= oldest) {
            return Some(Reason::Late);
        }
        self.rows.push(digest);
        self.sources.push(i64::from(source));
        self.times.push(row.time);
        None
    }

    #[inline]
    fn moves_to(&mut self, source: u32, time: i64) {
        match &mut self.current {
            Some((current, latest)) if *current == source => *latest = time.max(*latest),
            current => {
                self.others = self.others.max(current.map(|(_, latest)| latest));
                *current = Some((source, time));
            }
        }
    }

    fn is_of_another(&self, digest: i64, source: u32) -> bool {
        let mut rows = self.rows.values().zip(self.sources.values());
        rows.any(|(row, of)| *row == digest && *of != i64::from(source))
    }
}

/// A row in 64 bits: its kind, number, prices, sizes and, where it is part of what the venue says, its time.
fn digest(row: &Row, with_time: bool) -> i64 {
    let time = if with_time { row.time } else { 0 };
    let [size, ask_size] = [row.size, row.ask_size].map(|size| size.unwrap_or(i64::MIN));
    let kind = i64::from(row.kind);
    digest_of([kind, row.sequence.unwrap_or_default(), time, row.price, row.ask, size, ask_size])
}

/// Seven numbers in 64 bits: each times an odd number of its own, added up, so that none has to wait for another.
#[inline]
pub(crate) fn digest_of(values: [i64; 7]) -> i64 {
    let products = values.into_iter().zip(FACTORS).map(|(value, factor)| value.wrapping_mul(factor));
    mixed(products.fold(0, i64::wrapping_add))
}

/// The first outputs of SplitMix64 for the seed 0, made odd.
const FACTORS: [i64; 7] = {
    let (mut factors, mut at) = ([0; 7], 0);
    while at < factors.len() {
        factors[at] = mixed((at as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)) | 1;
        at += 1;
    }
    factors
};

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit of the value.
#[inline]
const fn mixed(value: i64) -> i64 {
    let mut bits = (value as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(number: Option<i64>, time: i64, price: i64) -> Row {
        Row { kind: 2, sequence: number, time, price, size: Some(1), ..Row::default() }
    }

    fn repeated(rows: &[Row], is_quote: bool) -> Vec<bool> {
        let mut delivered = Delivered::default();
        rows.iter().map(|row| delivered.refuses(row, 0, is_quote, true).is_some()).collect()
    }

    #[test]
    fn rows_of_a_file_that_has_grown_are_counted_once() {
        let mut delivered = Delivered::default();
        let rows = [trade(None, 0, 5), trade(None, 0, 5), trade(None, 1, 5), trade(None, 2, 5)];
        let mut of = |source: u32, rows: &[Row]| -> Vec<bool> {
            rows.iter().map(|row| delivered.refuses(row, source, false, true).is_some()).collect()
        };
        assert_eq!(of(0, &rows[..3]), [false; 3]);
        assert_eq!(of(1, &rows), [true, true, true, false]);
        assert_eq!(of(2, &[trade(None, 1, 6)]), [false], "another trade of the same time");
    }

    #[test]
    fn a_file_of_more_rows_than_are_remembered_is_counted_once_however_often_it_comes() {
        for numbered in [false, true] {
            let number = |n: i64| numbered.then_some(n);
            let rows: Vec<Row> = (0..3000).map(|n| trade(number(n + 1), n / 3, n % 7)).collect();
            let mut delivered = Delivered::default();
            let mut of = |source: u32, rows: &[Row]| -> Vec<Option<Reason>> {
                rows.iter().map(|row| delivered.refuses(row, source, false, true)).collect()
            };
            assert!(of(0, &rows).iter().all(Option::is_none));
            for source in 1..4 {
                let again = of(source, &rows);
                let count = |reason| again.iter().filter(|refused| **refused == Some(reason)).count();
                assert_eq!((count(Reason::Duplicate), count(Reason::Late)), (1024, 3000 - 1024));
            }
            let grown = [&rows[2000..], &[trade(number(3001), 1000, 1)]].concat();
            assert_eq!(of(4, &grown).iter().filter(|refused| refused.is_none()).count(), 1);
        }
    }

    #[test]
    fn a_row_that_comes_again_is_a_repetition_also_after_others() {
        let rows = [trade(Some(1), 0, 5), trade(Some(2), 1, 5), trade(Some(1), 0, 5), trade(Some(3), 2, 5)];
        assert_eq!(repeated(&rows, false), [false, false, true, false]);
    }

    #[test]
    fn a_smaller_number_that_never_came_is_late_and_no_repetition() {
        let rows = [trade(Some(1), 0, 5), trade(Some(3), 2, 5), trade(Some(2), 1, 5)];
        assert_eq!(repeated(&rows, false), [false; 3]);
    }

    #[test]
    fn a_number_that_stays_is_none() {
        let rows = [trade(Some(0), 0, 5), trade(Some(0), 1, 6), trade(Some(0), 2, 7)];
        assert_eq!(repeated(&rows, false), [false; 3]);
    }

    #[test]
    fn without_numbers_equal_trades_are_two_and_equal_quotes_one() {
        let rows = [trade(None, 0, 5), trade(None, 0, 5)];
        assert_eq!(repeated(&rows, false), [false; 2]);
        let quote = Row { kind: 1, ask: 6, ..trade(None, 0, 5) };
        let larger = Row { size: Some(2), ..quote };
        let later = Row { time: 1, ..larger };
        assert_eq!(repeated(&[quote, quote, larger, larger, later], true), [false, true, false, true, false]);
    }
}
