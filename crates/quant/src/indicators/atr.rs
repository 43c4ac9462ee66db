//! Average true range (TA-Lib `ATR`): Wilder's average of the true range.

use super::definition::{Definition, Input, Parameter, stream};
use super::true_range::bars;
use super::{Series, TrueRange, Wilder};

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

/// Average true range of columns of equal length; first defined row is `period`.
pub fn atr(high: &[f64], low: &[f64], close: &[f64], period: usize) -> Series {
    let mut state = Atr::new(period);
    Series::collect(bars(high, low, close).map(|(high, low, close)| state.update(high, low, close)))
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "atr",
    summary: "average true range",
    inputs: &[Input::High, Input::Low, Input::Close],
    parameters: &[Parameter::bars("period", 14, "true ranges in the average")],
    outputs: &["atr"],
    first: |a| a.bars(0),
    columns: |x, a| vec![atr(x[0], x[1], x[2], a.bars(0))],
    stream: |a| stream(Atr::new(a.bars(0)), |state, x| Some([state.update(x[0], x[1], x[2])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_average_needs_period_ranges() {
        let series = atr(&[10.0, 15.0, 13.0], &[9.0, 14.0, 9.0], &[9.5, 14.5, 10.0], 2);
        assert_eq!(series, Series { first: 2, values: vec![5.5] });
    }
}
