//! Rolling standard deviation (TA-Lib `STDDEV` with one deviation): of the population, so divided by `period`.
//!
//! TA-Lib keeps running sums of values and squares, which cancel badly when the deviation is small against the
//! price. Here every window is summed afresh, oldest value first, after subtracting its oldest value: O(period) a
//! value, accurate to rounding, and exactly zero on flat prices.

use std::collections::VecDeque;

use super::Series;
use super::definition::{Definition, Input, Parameter, stream};

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Stddev {
    period: usize,
    window: VecDeque<f64>,
}

impl Stddev {
    /// The deviation of `period` values.
    pub fn new(period: usize) -> Stddev {
        let period = period.max(1);
        Stddev { period, window: VecDeque::with_capacity(period + 1) }
    }

    /// Takes the next value; answers from the `period`-th value on.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        self.window.push_back(value);
        if self.window.len() > self.period {
            self.window.pop_front();
        }
        (self.window.len() == self.period).then(|| deviation(self.window.iter().copied(), self.period))
    }
}

/// Column form; first defined row is `period - 1`.
pub fn stddev(values: &[f64], period: usize) -> Series {
    let period = period.max(1);
    let deviations = values.windows(period).map(|window| deviation(window.iter().copied(), period)).collect();
    Series { first: values.len().min(period - 1), values: deviations }
}

fn deviation(window: impl Iterator<Item = f64> + Clone, period: usize) -> f64 {
    let origin = window.clone().next().unwrap_or(0.0);
    let mean = window.clone().fold(0.0, |sum, value| sum + (value - origin)) / period as f64;
    let squares = window.fold(0.0, |sum, value| {
        let distance = (value - origin) - mean;
        sum + distance * distance
    });
    (squares / period as f64).sqrt()
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "stddev",
    summary: "rolling standard deviation of the population",
    inputs: &[Input::Close],
    parameters: &[Parameter::bars("period", 20, "bars in the deviation")],
    outputs: &["stddev"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| vec![stddev(x[0], a.bars(0))],
    stream: |a| stream(Stddev::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_population_deviation_of_a_known_set() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(stddev(&values, 8), Series { first: 7, values: vec![2.0] });
    }

    #[test]
    fn a_flat_price_has_exactly_none() {
        assert_eq!(stddev(&[0.1; 7], 5).values, [0.0; 3]);
    }
}
