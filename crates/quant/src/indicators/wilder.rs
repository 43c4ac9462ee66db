//! Wilder's moving average, also called RMA or SMMA: `(previous · (period − 1) + value) / period`, seeded with the
//! mean of the first `period` values. The smoothing inside TA-Lib's `ATR` and `RSI`.

use super::Series;
use super::definition::{Definition, Input, Parameter, stream};

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Wilder {
    period: usize,
    seen: usize,
    /// Sum of the seed while warming up, the average afterwards.
    value: f64,
}

impl Wilder {
    /// An average over `period` values.
    pub fn new(period: usize) -> Wilder {
        Wilder { period: period.max(1), seen: 0, value: 0.0 }
    }

    /// Takes the next value; answers from the `period`-th value on.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let period = self.period as f64;
        if self.seen >= self.period {
            self.value = (self.value * (period - 1.0) + value) / period;
            return Some(self.value);
        }
        self.seen += 1;
        self.value += value;
        if self.seen < self.period {
            return None;
        }
        self.value /= period;
        Some(self.value)
    }
}

/// Column form; first defined row is `period - 1`.
pub fn wilder(values: &[f64], period: usize) -> Series {
    let mut state = Wilder::new(period);
    Series::collect(values.iter().map(|value| state.update(*value)))
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "wilder",
    summary: "Wilder's moving average",
    inputs: &[Input::Close],
    parameters: &[Parameter::bars("period", 14, "bars in the average")],
    outputs: &["wilder"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| vec![wilder(x[0], a.bars(0))],
    stream: |a| stream(Wilder::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_weighs_one_over_period() {
        assert_eq!(wilder(&[1.0, 2.0, 6.0, 12.0], 3), Series { first: 2, values: vec![3.0, 6.0] });
    }
}
