//! Exponential moving average (TA-Lib `EMA`): weight `2 / (period + 1)`, seeded with the mean of the first
//! `period` values.

use super::Series;
use super::definition::{Definition, Input, Parameter, stream};

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Ema {
    period: usize,
    weight: f64,
    seen: usize,
    /// Sum of the seed while warming up, the average afterwards.
    value: f64,
}

impl Ema {
    /// An average over `period` values.
    pub fn new(period: usize) -> Ema {
        let period = period.max(1);
        Ema { period, weight: 2.0 / (period as f64 + 1.0), seen: 0, value: 0.0 }
    }

    /// Takes the next value; answers from the `period`-th value on.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        if self.seen >= self.period {
            self.value += (value - self.value) * self.weight;
            return Some(self.value);
        }
        self.seen += 1;
        self.value += value;
        if self.seen < self.period {
            return None;
        }
        self.value /= self.period as f64;
        Some(self.value)
    }
}

/// Column form; first defined row is `period - 1`.
pub fn ema(values: &[f64], period: usize) -> Series {
    let mut state = Ema::new(period);
    Series::collect(values.iter().map(|value| state.update(*value)))
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "ema",
    summary: "exponential moving average",
    inputs: &[Input::Close],
    parameters: &[Parameter::bars("period", 20, "bars in the average")],
    outputs: &["ema"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| vec![ema(x[0], a.bars(0))],
    stream: |a| stream(Ema::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_the_mean_and_the_weight_two_over_period_plus_one() {
        assert_eq!(ema(&[1.0, 2.0, 6.0, 11.0], 3), Series { first: 2, values: vec![3.0, 7.0] });
    }
}
