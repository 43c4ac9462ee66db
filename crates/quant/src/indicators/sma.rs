//! Simple moving average (TA-Lib `SMA`): the mean of the last `period` values.
//!
//! A running sum, as in TA-Lib: add the newest value, divide, subtract the oldest. O(1) a value; rounding error
//! grows with the length of the history like that of any running sum (about 1e-12 relative over 50,000 prices).

use std::collections::VecDeque;

use super::Series;
use super::definition::{Definition, Input, Parameter, stream};

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Sma {
    period: usize,
    window: VecDeque<f64>,
    sum: f64,
}

impl Sma {
    /// An average over `period` values.
    pub fn new(period: usize) -> Sma {
        let period = period.max(1);
        Sma { period, window: VecDeque::with_capacity(period), sum: 0.0 }
    }

    /// Takes the next value; answers from the `period`-th value on.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        self.sum += value;
        self.window.push_back(value);
        if self.window.len() < self.period {
            return None;
        }
        let mean = self.sum / self.period as f64;
        self.sum -= self.window.pop_front()?;
        Some(mean)
    }
}

/// Column form; first defined row is `period - 1`.
pub fn sma(values: &[f64], period: usize) -> Series {
    let period = period.max(1);
    if values.len() < period {
        return Series { first: values.len(), values: Vec::new() };
    }
    let warm_up = &values[..period - 1];
    let mut sum = warm_up.iter().fold(0.0, |sum, value| sum + value);
    let means = values[period - 1..]
        .iter()
        .zip(values)
        .map(|(newest, oldest)| {
            sum += newest;
            let mean = sum / period as f64;
            sum -= oldest;
            mean
        })
        .collect();
    Series { first: period - 1, values: means }
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "sma",
    summary: "simple moving average",
    inputs: &[Input::Close],
    parameters: &[Parameter::bars("period", 20, "bars in the average")],
    outputs: &["sma"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| vec![sma(x[0], a.bars(0))],
    stream: |a| stream(Sma::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_last_three() {
        assert_eq!(sma(&[1.0, 2.0, 6.0, 10.0], 3), Series { first: 2, values: vec![3.0, 6.0] });
    }

    #[test]
    fn too_short_a_column_has_no_value() {
        assert_eq!(sma(&[1.0, 2.0], 3), Series { first: 2, values: vec![] });
        assert_eq!(sma(&[], 3), Series { first: 0, values: vec![] });
    }
}
