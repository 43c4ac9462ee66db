//! True range (TA-Lib `TRANGE`): the largest distance between the high, the low and the close before. The first bar has
//! none, because it has no close before it.

use super::Series;
use super::definition::{Definition, Input, stream};

/// Incremental form.
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

/// True range of columns of equal length; first defined row is 1.
pub fn true_range(high: &[f64], low: &[f64], close: &[f64]) -> Series {
    let mut state = TrueRange::new();
    Series::collect(bars(high, low, close).map(|(high, low, close)| state.update(high, low, close)))
}

/// Rows of three columns.
pub(super) fn bars<'a>(
    high: &'a [f64],
    low: &'a [f64],
    close: &'a [f64],
) -> impl Iterator<Item = (f64, f64, f64)> + 'a {
    high.iter().zip(low).zip(close).map(|((high, low), close)| (*high, *low, *close))
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "true_range",
    summary: "true range",
    inputs: &[Input::High, Input::Low, Input::Close],
    parameters: &[],
    outputs: &["true_range"],
    first: |_| 1,
    columns: |x, _| vec![true_range(x[0], x[1], x[2])],
    stream: |_| stream(TrueRange::new(), |state, x| Some([state.update(x[0], x[1], x[2])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_as_range() {
        let ranges = true_range(&[10.0, 15.0, 13.0], &[9.0, 14.0, 9.0], &[9.5, 14.5, 10.0]);
        assert_eq!(ranges, Series { first: 1, values: vec![5.5, 5.5] });
    }
}
