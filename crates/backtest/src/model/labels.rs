//! Labels: whether the price will be higher. The only place that looks ahead, for training only.

use std::ops::Range;

use crate::bars::Bars;

/// Labels of consecutive bars.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// First bar with a label.
    pub first: usize,
    /// Whether close over close, `horizon` bars on, exceeds the threshold.
    pub up: Vec<bool>,
}

impl Labels {
    /// Labels of the bars of `range`. A bar whose horizon ends beyond the range has none (it is purged), so that no
    /// label knows a price of the bars after the range.
    pub fn of(bars: &Bars, range: Range<usize>, horizon: usize, threshold: f64) -> Labels {
        let range = bars.clamp(range);
        let horizon = horizon.max(1);
        let close = &bars.close[range.clone()];
        let later = close.get(horizon..).unwrap_or_default();
        let up = close.iter().zip(later).map(|(now, later)| *later > *now * (1.0 + threshold)).collect();
        Labels { first: range.start, up }
    }

    /// The label of a bar.
    pub fn get(&self, bar: usize) -> Option<bool> {
        bar.checked_sub(self.first).and_then(|index| self.up.get(index)).copied()
    }

    /// Bars with a label.
    pub fn bars(&self) -> Range<usize> {
        self.first..self.first + self.up.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bars::BarRow;

    #[test]
    fn labels_that_would_look_past_the_range_are_dropped() {
        let bars: Bars = [1.0, 3.0, 2.0, 4.0, 0.0]
            .into_iter()
            .map(|close| BarRow { close, ..BarRow::default() })
            .collect();
        assert_eq!(Labels::of(&bars, 0..4, 2, 0.0), Labels { first: 0, up: vec![true, true] });
        assert_eq!(Labels::of(&bars, 1..5, 1, 0.0), Labels { first: 1, up: vec![false, true, false] });
        assert_eq!(Labels::of(&bars, 0..3, 1, 2.0).up, [false, false], "more than 200% is wanted");
        assert!(Labels::of(&bars, 3..5, 7, 0.0).up.is_empty());
        assert!(Labels::of(&bars, 9..12, 1, 0.0).up.is_empty());
    }
}
