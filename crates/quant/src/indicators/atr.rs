//! Average true range (TA-Lib `ATR`): Wilder's average of the true range. The first bar has no true range, because
//! it has no close before it.

use super::{Series, Wilder};

/// Incremental true range (TA-Lib `TRANGE`).
#[derive(Debug, Clone, Default)]
pub struct TrueRange {
    previous_close: Option<f64>,
}

impl TrueRange {
    /// A range that has seen no bar.
    pub fn new() -> TrueRange {
        TrueRange::default()
    }

    /// Takes the next bar; answers from the second bar on.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let previous = self.previous_close.replace(close)?;
        Some((high - low).max((high - previous).abs()).max((low - previous).abs()))
    }
}

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Atr {
    range: TrueRange,
    average: Wilder,
}

impl Atr {
    /// An average over `period` true ranges.
    pub fn new(period: usize) -> Atr {
        Atr { range: TrueRange::new(), average: Wilder::new(period) }
    }

    /// Takes the next bar; answers from bar `period` on, counted from 0.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.range.update(high, low, close)?;
        self.average.update(range)
    }
}

/// True range of columns of equal length; first defined row is 1.
pub fn true_range(high: &[f64], low: &[f64], close: &[f64]) -> Series {
    let mut state = TrueRange::new();
    Series::collect(bars(high, low, close).map(|(high, low, close)| state.update(high, low, close)))
}

/// Average true range of columns of equal length; first defined row is `period`.
pub fn atr(high: &[f64], low: &[f64], close: &[f64], period: usize) -> Series {
    let mut state = Atr::new(period);
    Series::collect(bars(high, low, close).map(|(high, low, close)| state.update(high, low, close)))
}

fn bars<'a>(high: &'a [f64], low: &'a [f64], close: &'a [f64]) -> impl Iterator<Item = (f64, f64, f64)> + 'a {
    high.iter().zip(low).zip(close).map(|((high, low), close)| (*high, *low, *close))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_as_range() {
        let ranges = true_range(&[10.0, 15.0, 13.0], &[9.0, 14.0, 9.0], &[9.5, 14.5, 10.0]);
        assert_eq!(ranges, Series { first: 1, values: vec![5.5, 5.5] });
    }

    #[test]
    fn the_first_average_needs_period_ranges() {
        let series = atr(&[10.0, 15.0, 13.0], &[9.0, 14.0, 9.0], &[9.5, 14.5, 10.0], 2);
        assert_eq!(series, Series { first: 2, values: vec![5.5] });
    }
}
