//! The last values of a stream, and what is usual among them.

use std::cell::Cell;

use serde::{Deserialize, Deserializer, Serialize};

/// The last values of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring {
    #[serde(deserialize_with = "exact")]
    values: Vec<i64>,
    /// Where the next value goes.
    next: usize,
    size: usize,
}

impl Ring {
    pub(crate) fn of(size: usize) -> Ring {
        Ring { values: Vec::new(), next: 0, size }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<i64> {
        let at = if self.next == 0 { self.values.len() } else { self.next };
        self.values.get(at.checked_sub(1)?).copied()
    }

    /// The one whose place the next takes; `None` while there is room.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.values.get(self.next).copied().filter(|_| self.values.len() == self.size)
    }

    /// Whether a value is among them.
    pub(crate) fn contains(&self, value: i64) -> bool {
        self.values.contains(&value)
    }

    /// Takes in a value; gives the oldest, whose place it takes.
    #[inline]
    pub(crate) fn push(&mut self, value: i64) -> Option<i64> {
        let oldest = match self.values.get_mut(self.next) {
            Some(oldest) => Some(std::mem::replace(oldest, value)),
            None => {
                self.values.push(value);
                None
            }
        };
        self.next = if self.next + 1 == self.size { 0 } else { self.next + 1 };
        oldest
    }

    /// How many of the values are below one.
    #[inline]
    pub(crate) fn below(&self, value: i64) -> usize {
        self.values.iter().map(|other| usize::from(*other < value)).sum()
    }

    /// The values, in no order.
    pub(crate) fn values(&self) -> std::slice::Iter<'_, i64> {
        self.values.iter()
    }

    /// The value at a rank of `share / of`, the lower one of two; 0 of nothing.
    pub(crate) fn quantile(&self, share: usize, of: usize) -> i64 {
        if self.values.is_empty() {
            0
        } else {
            *self.values.clone().select_nth_unstable(self.rank(share, of)).1
        }
    }

    /// As [`Ring::quantile`], for a value that it probably is: counting tells whether it is, without moving the others.
    pub(crate) fn quantile_near(&self, share: usize, of: usize, probable: i64) -> i64 {
        let rank = self.rank(share, of);
        let is_it = self.below(probable) <= rank
            && probable.checked_add(1).is_some_and(|next| self.below(next) > rank);
        if is_it { probable } else { self.quantile(share, of) }
    }

    /// Whether the value at a rank of `share / of` is at least this one.
    #[inline]
    pub(crate) fn is_quantile_at_least(&self, share: usize, of: usize, value: i64) -> bool {
        !self.values.is_empty() && self.below(value) <= self.rank(share, of)
    }

    fn rank(&self, share: usize, of: usize) -> usize {
        self.values.len().saturating_sub(1) * share / of
    }
}

/// Reads values into no more room than they need: most streams are quiet, and there may be thousands of them.
fn exact<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
    // Copied and not shrunk: an allocator leaves in its place what becomes shorter by less than a half.
    Vec::deserialize(from).map(|values: Vec<i64>| values.as_slice().to_vec())
}

/// The last values of a stream, and how many of them a limit allows: whether the median is within a limit that stays the same
/// is known at every value without a look at the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Ring", into = "Ring")]
pub(crate) struct CountedRing {
    ring: Ring,
    /// The limit that was asked for last, and how many values are within it: what is known of the values, no state of its own.
    within: Cell<(i64, usize)>,
}

impl PartialEq for CountedRing {
    fn eq(&self, other: &CountedRing) -> bool {
        self.ring == other.ring
    }
}

impl Eq for CountedRing {}

impl From<Ring> for CountedRing {
    fn from(ring: Ring) -> CountedRing {
        let within = Cell::new((i64::MAX, ring.len()));
        CountedRing { ring, within }
    }
}

impl From<CountedRing> for Ring {
    fn from(counted: CountedRing) -> Ring {
        counted.ring
    }
}

impl CountedRing {
    pub(crate) fn of(size: usize) -> CountedRing {
        Ring::of(size).into()
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    #[inline]
    pub(crate) fn push(&mut self, value: i64) {
        let oldest = self.ring.push(value);
        let (most, count) = self.within.get_mut();
        *count += usize::from(value <= *most);
        *count -= usize::from(oldest.is_some_and(|oldest| oldest <= *most));
    }

    /// Whether the median, the lower one of two, is at most so large; of nothing it is 0.
    #[inline]
    pub(crate) fn is_median_at_most(&self, most: i64) -> bool {
        if most != self.within.get().0 {
            self.within.set((most, self.ring.values().filter(|value| **value <= most).count()));
        }
        if self.ring.is_empty() { most >= 0 } else { self.within.get().1 > self.ring.rank(1, 2) }
    }
}

/// Values in a stretch, and stretches that are remembered.
const STRETCH: usize = 64;

/// The largest value of each of the last stretches: what a quiet minute does not forget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretches {
    largest: Ring,
    /// The one of them that nine in ten do not exceed.
    large: i64,
    /// Values of the stretch that is under way, and the largest of them.
    current: (usize, i64),
}

impl Default for Stretches {
    fn default() -> Stretches {
        Stretches { largest: Ring::of(STRETCH), large: 0, current: (0, 0) }
    }
}

impl Stretches {
    #[inline]
    pub(crate) fn push(&mut self, value: i64) {
        self.current = (self.current.0 + 1, self.current.1.max(value));
        if self.current.0 == STRETCH {
            self.largest.push(self.current.1);
            self.large = self.largest.quantile(9, 10);
            self.current = (0, 0);
        }
    }

    /// The largest value of a stretch, as nine in ten have it at most; 0 before the first has ended.
    #[inline]
    pub(crate) fn large(&self) -> i64 {
        self.large
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rings_keep_the_last_values() {
        let mut ring = Ring::of(3);
        assert_eq!((ring.last(), ring.quantile(1, 2)), (None, 0));
        for (value, middle) in [(5, 5), (1, 1), (9, 5), (7, 7), (8, 8), (2, 7)] {
            ring.push(value);
            assert_eq!((ring.last(), ring.quantile(1, 2)), (Some(value), middle));
        }
        assert!(ring.contains(8) && !ring.contains(9));
    }

    #[test]
    fn a_ring_that_is_read_back_takes_no_more_room_than_its_values() {
        let mut ring = Ring::of(384);
        for value in 0..40 {
            ring.push(value);
        }
        let read: Ring = serde_json::from_str(&serde_json::to_string(&ring).unwrap()).unwrap();
        assert_eq!((&read, read.values.capacity()), (&ring, 40));
    }

    #[test]
    fn one_stretch_in_ten_is_left_out() {
        let mut stretches = Stretches::default();
        for value in 0..64 * 20 {
            stretches.push(if value < 64 { 1_000 } else { value % 7 });
        }
        assert_eq!(stretches.large(), 6);
    }

    proptest! {
        #[test]
        fn what_counting_tells_of_a_rank_is_what_sorting_tells(
            values in prop::collection::vec(0..20_i64, 0..60),
            size in 1..9_usize,
            asked in -1..21_i64,
        ) {
            let mut ring = Ring::of(size);
            for (n, value) in values.iter().enumerate() {
                ring.push(*value);
                let mut sorted = values[(n + 1).saturating_sub(size)..=n].to_vec();
                sorted.sort_unstable();
                for share in [0, 50, 98, 100] {
                    let expected = sorted[(sorted.len() - 1) * share / 100];
                    prop_assert_eq!(ring.quantile(share, 100), expected);
                    prop_assert_eq!(ring.quantile_near(share, 100, asked), expected);
                    prop_assert_eq!(ring.is_quantile_at_least(share, 100, asked), expected >= asked);
                }
            }
        }

        #[test]
        fn a_counted_limit_holds_as_a_sorted_one(
            values in prop::collection::vec((0..20_i64, 0..20_i64), 0..80),
            size in 1..9_usize,
        ) {
            let (mut ring, mut counted) = (Ring::of(size), CountedRing::of(size));
            for (value, most) in values {
                ring.push(value);
                counted.push(value);
                prop_assert_eq!(counted.is_median_at_most(most), ring.quantile(1, 2) <= most);
                // The same limit again, after a value that came meanwhile.
                ring.push(value / 2);
                counted.push(value / 2);
                prop_assert_eq!(counted.is_median_at_most(most), ring.quantile(1, 2) <= most);
                prop_assert_eq!(counted.ring(), &ring);
            }
            let saved = serde_json::to_string(&counted).unwrap();
            prop_assert_eq!(&saved, &serde_json::to_string(&ring).unwrap(), "the count is no part of the state");
            prop_assert_eq!(serde_json::from_str::<CountedRing>(&saved).unwrap(), counted);
        }
    }
}
