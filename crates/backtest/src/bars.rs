//! Bars in columns, as the kernel reads them.

use std::ops::Range;

use gauntlet_domain::market::Bar;
use gauntlet_quant::indicators::Input;

/// Columns of equal length, oldest bar first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bars {
    /// Start of the interval, nanoseconds since the epoch.
    pub open_time: Vec<i64>,
    /// End of the interval, nanoseconds since the epoch.
    pub close_time: Vec<i64>,
    /// First price.
    pub open: Vec<f64>,
    /// Highest price.
    pub high: Vec<f64>,
    /// Lowest price.
    pub low: Vec<f64>,
    /// Last price.
    pub close: Vec<f64>,
    /// Ask minus bid at the opening; 0 where the source has none.
    pub open_spread: Vec<f64>,
    /// Ask minus bid at the close; 0 where the source has none.
    pub close_spread: Vec<f64>,
    /// Sum of trade sizes; 0 where the source has none.
    pub volume: Vec<f64>,
}

/// One bar out of the columns, or fresh from the market.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BarRow {
    /// Start of the interval, nanoseconds since the epoch.
    pub open_time: i64,
    /// End of the interval, nanoseconds since the epoch.
    pub close_time: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Ask minus bid at the opening, or 0.
    pub open_spread: f64,
    /// Ask minus bid at the close, or 0.
    pub close_spread: f64,
    /// Sum of trade sizes, or 0.
    pub volume: f64,
}

impl BarRow {
    /// What an indicator reads.
    pub fn input(&self, input: Input) -> f64 {
        match input {
            Input::Open => self.open,
            Input::High => self.high,
            Input::Low => self.low,
            Input::Close => self.close,
            Input::Volume => self.volume,
        }
    }
}

impl From<&Bar> for BarRow {
    fn from(bar: &Bar) -> BarRow {
        let price = |price| bar.scale.price(price);
        BarRow {
            open_time: bar.open_time.0,
            close_time: bar.close_time.0,
            open: price(bar.open),
            high: price(bar.high),
            low: price(bar.low),
            close: price(bar.close),
            open_spread: price(bar.open_spread.unwrap_or_default()),
            close_spread: price(bar.close_spread.unwrap_or_default()),
            volume: bar.scale.size(bar.volume),
        }
    }
}

impl Bars {
    /// Number of bars.
    pub fn len(&self) -> usize {
        self.close.len()
    }

    /// True when there is no bar.
    pub fn is_empty(&self) -> bool {
        self.close.is_empty()
    }

    /// The column that an indicator reads.
    pub fn input(&self, input: Input) -> &[f64] {
        match input {
            Input::Open => &self.open,
            Input::High => &self.high,
            Input::Low => &self.low,
            Input::Close => &self.close,
            Input::Volume => &self.volume,
        }
    }

    /// Appends a bar.
    pub fn push(&mut self, row: BarRow) {
        self.open_time.push(row.open_time);
        self.close_time.push(row.close_time);
        self.open.push(row.open);
        self.high.push(row.high);
        self.low.push(row.low);
        self.close.push(row.close);
        self.open_spread.push(row.open_spread);
        self.close_spread.push(row.close_spread);
        self.volume.push(row.volume);
    }

    /// The bar at `index`, which must be below [`Bars::len`].
    #[inline]
    pub fn row(&self, index: usize) -> BarRow {
        BarRow {
            open_time: self.open_time[index],
            close_time: self.close_time[index],
            open: self.open[index],
            high: self.high[index],
            low: self.low[index],
            close: self.close[index],
            open_spread: self.open_spread[index],
            close_spread: self.close_spread[index],
            volume: self.volume[index],
        }
    }

    /// All bars in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = BarRow> + '_ {
        (0..self.len()).map(|index| self.row(index))
    }

    /// A copy of the bars in `range`, cut at the end of the columns.
    pub fn slice(&self, range: Range<usize>) -> Bars {
        let range = self.clamp(range);
        range.map(|index| self.row(index)).collect()
    }

    /// The bars whose interval lies within `[from, to]`, times in nanoseconds, as a range of indices.
    pub fn range_of_times(&self, from: i64, to: i64) -> Range<usize> {
        let start = self.open_time.partition_point(|time| *time < from);
        let end = self.close_time.partition_point(|time| *time <= to);
        start..end.max(start)
    }

    /// `range` cut at the end of the columns.
    pub fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.len());
        range.start.min(end)..end
    }
}

impl FromIterator<BarRow> for Bars {
    fn from_iter<I: IntoIterator<Item = BarRow>>(rows: I) -> Bars {
        let mut bars = Bars::default();
        rows.into_iter().for_each(|row| bars.push(row));
        bars
    }
}

impl<'a> FromIterator<&'a Bar> for Bars {
    fn from_iter<I: IntoIterator<Item = &'a Bar>>(bars: I) -> Bars {
        bars.into_iter().map(BarRow::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> Bars {
        (0..5).map(|i| BarRow { open_time: i * 10, close_time: i * 10 + 10, ..BarRow::default() }).collect()
    }

    #[test]
    fn a_range_of_times_keeps_whole_bars_only() {
        assert_eq!(bars().range_of_times(10, 40), 1..4);
        assert_eq!(bars().range_of_times(11, 39), 2..3);
        assert_eq!(bars().range_of_times(90, 95), 5..5);
    }

    #[test]
    fn a_slice_is_cut_at_the_end() {
        assert_eq!(bars().slice(3..9).open_time, [30, 40]);
        assert!(bars().slice(7..9).is_empty());
    }
}
