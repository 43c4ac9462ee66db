//! Which rows were delivered before.
//!
//! A venue numbers its rows, and after a lost connection it may send some again. A row is a repetition when its number and its
//! content were among the last ones; a smaller number that was not is a row that is late, and a number that stays while the
//! content changes is no number at all. Without numbers two equal trades are two trades, and a quote that repeats the one before
//! it to the last digit, size and nanosecond says nothing new.

use serde::{Deserialize, Serialize};

use crate::clean::Row;
use crate::ring::Ring;

/// Numbered rows that are remembered.
const WINDOW: usize = 1024;

/// What was delivered of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivered {
    /// The greatest number so far: a greater one is new without a look at the others.
    greatest: Option<i64>,
    /// Digests of the last numbered rows.
    rows: Ring,
    /// Digest of the row before, where rows have no numbers.
    before: Option<i64>,
}

impl Default for Delivered {
    fn default() -> Delivered {
        Delivered { greatest: None, rows: Ring::of(WINDOW), before: None }
    }
}

impl Delivered {
    /// Whether a row was delivered before; it is remembered.
    #[inline]
    pub(crate) fn repeats(&mut self, row: &Row, is_quote: bool, on_venue_clock: bool) -> bool {
        if row.sequence.is_none() && !is_quote {
            return false;
        }
        // The recorder's clock is another at each delivery.
        let digest = digest(row, on_venue_clock || row.sequence.is_none());
        let Some(number) = row.sequence else {
            return self.before.replace(digest) == Some(digest);
        };
        if self.greatest.is_some_and(|greatest| number <= greatest) {
            if self.rows.contains(digest) {
                return true;
            }
        } else {
            self.greatest = Some(number);
        }
        self.rows.push(digest);
        false
    }
}

/// A row in 64 bits: its number, prices, sizes and, where it is part of what the venue says, its time.
fn digest(row: &Row, with_time: bool) -> i64 {
    let time = if with_time { row.time } else { 0 };
    let sizes = [row.size, row.ask_size].map(|size| size.unwrap_or(i64::MIN));
    let values = [row.sequence.unwrap_or_default(), time, row.price, row.ask, sizes[0], sizes[1]];
    values.into_iter().fold(i64::from(row.kind), |digest, value| mixed(digest ^ value))
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit of the value.
#[inline]
fn mixed(value: i64) -> i64 {
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
        rows.iter().map(|row| delivered.repeats(row, is_quote, true)).collect()
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
