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

    #[inline]
    pub(crate) fn last(&self) -> Option<i64> {
        let at = if self.next == 0 { self.values.len() } else { self.next };
        self.values.get(at.checked_sub(1)?).copied()
    }

    #[inline]
    pub(crate) fn push(&mut self, value: i64) {
        match self.values.get_mut(self.next) {
            Some(oldest) => *oldest = value,
            None => self.values.push(value),
        }
        self.next = (self.next + 1) % self.size;
    }

    /// The value at a rank of `share / of`, the lower one of two; 0 of nothing.
    pub(crate) fn quantile(&self, share: usize, of: usize) -> i64 {
        let mut values = self.values.clone();
        let rank = values.len().saturating_sub(1) * share / of;
        if values.is_empty() { 0 } else { *values.select_nth_unstable(rank).1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_keep_the_last_values() {
        let mut ring = Ring::of(3);
        assert_eq!((ring.last(), ring.quantile(1, 2)), (None, 0));
        for (value, middle) in [(5, 5), (1, 1), (9, 5), (7, 7), (8, 8), (2, 7)] {
            ring.push(value);
            assert_eq!((ring.last(), ring.quantile(1, 2)), (Some(value), middle));
        }
    }
}
