//! The last values of a stream, and what is usual among them.

use serde::{Deserialize, Serialize};

/// The last values of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring {
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

    /// The values, in no order.
    pub(crate) fn values(&self) -> std::slice::Iter<'_, i64> {
        self.values.iter()
    }

    /// The value at a rank of `share / of`, the lower one of two; 0 of nothing.
    pub(crate) fn quantile(&self, share: usize, of: usize) -> i64 {
        let mut values = self.values.clone();
        let rank = values.len().saturating_sub(1) * share / of;
        if values.is_empty() { 0 } else { *values.select_nth_unstable(rank).1 }
    }
}

/// The last values of a stream in their order of size as well: for ranks that are asked for at nearly every value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Ring", into = "Ring")]
pub(crate) struct RankedRing {
    ring: Ring,
    ranked: Vec<i64>,
}

impl From<Ring> for RankedRing {
    fn from(ring: Ring) -> RankedRing {
        let mut ranked = ring.values.clone();
        ranked.sort_unstable();
        RankedRing { ring, ranked }
    }
}

impl From<RankedRing> for Ring {
    fn from(ranked: RankedRing) -> Ring {
        ranked.ring
    }
}

impl RankedRing {
    pub(crate) fn of(size: usize) -> RankedRing {
        Ring::of(size).into()
    }

    pub(crate) fn len(&self) -> usize {
        self.ranked.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, value: i64) {
        let place = |ranked: &[i64], value: i64| ranked.partition_point(|other| *other < value);
        let Some(oldest) = self.ring.push(value) else {
            self.ranked.insert(place(&self.ranked, value), value);
            return;
        };
        // The values between the one that leaves and the one that comes move by one place.
        let from = place(&self.ranked, oldest);
        let to = place(&self.ranked, value);
        if to > from {
            self.ranked.copy_within(from + 1..to, from);
            self.ranked[to - 1] = value;
        } else {
            self.ranked.copy_within(to..from, to + 1);
            self.ranked[to] = value;
        }
    }

    /// As [`Ring::quantile`].
    #[inline]
    pub(crate) fn quantile(&self, share: usize, of: usize) -> i64 {
        self.ranked.get(self.ranked.len().saturating_sub(1) * share / of).copied().unwrap_or_default()
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
    fn one_stretch_in_ten_is_left_out() {
        let mut stretches = Stretches::default();
        for value in 0..64 * 20 {
            stretches.push(if value < 64 { 1_000 } else { value % 7 });
        }
        assert_eq!(stretches.large(), 6);
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_the_last_values(values in prop::collection::vec(0..20_i64, 0..60), size in 1..9_usize) {
            let (mut ring, mut ranked) = (Ring::of(size), RankedRing::of(size));
            for value in values {
                ring.push(value);
                ranked.push(value);
                for share in [0, 50, 98, 100] {
                    prop_assert_eq!(ranked.quantile(share, 100), ring.quantile(share, 100));
                }
            }
            let saved = serde_json::to_string(&ranked).unwrap();
            prop_assert_eq!(serde_json::from_str::<RankedRing>(&saved).unwrap(), ranked);
        }
    }
}
