//! Relative strength index (TA-Lib `RSI`): `100 · gain / (gain + loss)` over Wilder's averages of the rises and the
//! falls between closes. Zero when there was no movement at all, as in TA-Lib.

use super::definition::{Definition, Input, Parameter, stream};
use super::{Series, Wilder};

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Rsi {
    previous: Option<f64>,
    gains: Wilder,
    losses: Wilder,
}

impl Rsi {
    /// An index over `period` changes.
    pub fn new(period: usize) -> Rsi {
        Rsi { previous: None, gains: Wilder::new(period), losses: Wilder::new(period) }
    }

    /// Takes the next value; answers from value `period` on, counted from 0.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let change = value - self.previous.replace(value)?;
        let gain = self.gains.update(change.max(0.0));
        let loss = self.losses.update((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        let movement = gain + loss;
        Some(if movement > 0.0 { 100.0 * (gain / movement) } else { 0.0 })
    }
}

/// Column form; first defined row is `period`.
pub fn rsi(values: &[f64], period: usize) -> Series {
    let mut state = Rsi::new(period);
    Series::collect(values.iter().map(|value| state.update(*value)))
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "rsi",
    summary: "relative strength index",
    inputs: &[Input::Close],
    parameters: &[Parameter::bars("period", 14, "changes in the index")],
    outputs: &["rsi"],
    first: |a| a.bars(0),
    columns: |x, a| vec![rsi(x[0], a.bars(0))],
    stream: |a| stream(Rsi::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_up_one_down_of_equal_size_is_two_thirds() {
        let series = rsi(&[10.0, 11.0, 10.0, 11.0], 3);
        assert_eq!(series.first, 3);
        assert!((series.values[0] - 200.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_flat_price_is_zero_and_a_rising_one_a_hundred() {
        assert_eq!(rsi(&[5.0; 4], 2).values, [0.0, 0.0]);
        assert_eq!(rsi(&[1.0, 2.0, 3.0], 2).values, [100.0]);
    }
}
