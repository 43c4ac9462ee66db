//! The unit of a column of numbers since the epoch, decided once from all that were looked at.
//!
//! A number by itself shows its unit by its length, but not near 1970: 86400000 is a day in milliseconds and years in
//! seconds. In a file that goes on to our time the longest numbers tell.

use crate::time::{Unit, compact_date};

/// Lengths of the numbers of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EpochNumbers {
    /// Digits before the point in the longest and in the shortest.
    longest: usize,
    shortest: Option<usize>,
    /// Some number is not of our time by its own length, which is so in 2001 and later.
    has_early: bool,
    /// Eight digits that are a date.
    has_dates: bool,
}

impl EpochNumbers {
    /// Takes note of a cell; what is no plain number says nothing.
    pub fn see(&mut self, text: &[u8]) {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let whole = text.split(|byte| *byte == b'.').next().unwrap_or(text);
        if whole.is_empty() || !whole.iter().all(u8::is_ascii_digit) {
            return;
        }
        self.has_dates |= compact_date(text).is_some();
        let digits = whole.len();
        self.longest = self.longest.max(digits);
        self.shortest = Some(self.shortest.map_or(digits, |shortest| shortest.min(digits)));
        self.has_early |= !matches!(digits, 10 | 13 | 16 | 19);
    }

    /// [`unit`](Self::unit) of whole numbers of which the smallest and the largest are known; `None` where that depends on
    /// those between them.
    pub fn between(least: i64, most: i64) -> Option<Option<Unit>> {
        let digits = |number: i64| number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
        // Eight digits may be a date, and numbers on both sides of zero have any length.
        let is_plain = least > 0 && digits(least) > 8;
        let same = Unit::of_digits(digits(least)) == Unit::of_digits(digits(most));
        (is_plain && same).then_some(None)
    }

    /// The unit of all, where some would show another by themselves; `None` where each may show its own, as after a venue
    /// went from milliseconds to microseconds, or where there are no numbers.
    pub fn unit(self) -> Option<Unit> {
        let (longest, shortest) = (Unit::of_digits(self.longest), Unit::of_digits(self.shortest?));
        (longest != shortest && self.has_early && !self.has_dates).then_some(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(cells: &[&str]) -> Option<Unit> {
        let mut numbers = EpochNumbers::default();
        cells.iter().for_each(|cell| numbers.see(cell.as_bytes()));
        numbers.unit()
    }

    #[test]
    fn the_longest_numbers_tell_the_unit_of_those_near_1970() {
        assert_eq!(unit(&["0", "86400000", "1709546400000"]), Some(Unit::Millis));
        assert_eq!(unit(&["-86400000000000", "1709546400000000000"]), Some(Unit::Nanos));
        assert_eq!(unit(&["1709546400", "1709546401.5"]), None, "they show it themselves");
    }

    #[test]
    fn the_smallest_and_the_largest_tell_the_unit_where_they_are_of_one() {
        assert_eq!(EpochNumbers::between(1_709_546_400_000, 1_709_632_800_000), Some(None));
        assert_eq!(EpochNumbers::between(86_400_000, 1_709_546_400_000), None, "those between decide");
        assert_eq!(EpochNumbers::between(1_735_689_599_999, 1_735_689_600_000_000), None);
        assert_eq!(EpochNumbers::between(20_240_304, 20_240_305), None, "may be dates");
        assert_eq!(EpochNumbers::between(-5, 1_709_546_400_000), None);
    }

    #[test]
    fn a_switch_of_units_in_our_time_keeps_each_numbers_own() {
        assert_eq!(unit(&["1735689599999", "1735689600000000"]), None);
        assert_eq!(unit(&["2024-03-04", ""]), None);
        assert_eq!(unit(&["20240304", "1709546400000"]), None, "dates are no numbers");
    }
}
