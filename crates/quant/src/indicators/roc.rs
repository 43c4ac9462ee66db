//! Rate of change (TA-Lib `ROC`): `100 · (value / value[period rows before] − 1)`; zero where that value is zero,
//! as in TA-Lib.

use std::collections::VecDeque;

use super::Series;
use super::definition::{Definition, Input, Parameter, stream};

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Roc {
    period: usize,
    window: VecDeque<f64>,
}

impl Roc {
    /// The change over `period` rows.
    pub fn new(period: usize) -> Roc {
        let period = period.max(1);
        Roc { period, window: VecDeque::with_capacity(period + 1) }
    }

    /// Takes the next value; answers from value `period` on, counted from 0.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        self.window.push_back(value);
        if self.window.len() <= self.period {
            return None;
        }
        self.window.pop_front().map(|before| change(before, value))
    }
}

/// Column form; first defined row is `period`.
pub fn roc(values: &[f64], period: usize) -> Series {
    let period = period.max(1);
    let later = values.get(period..).unwrap_or_default();
    Series {
        first: values.len().min(period),
        values: values.iter().zip(later).map(|(before, value)| change(*before, *value)).collect(),
    }
}

fn change(before: f64, value: f64) -> f64 {
    if before == 0.0 { 0.0 } else { (value / before - 1.0) * 100.0 }
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "roc",
    summary: "rate of change, in percent",
    inputs: &[Input::Close],
    parameters: &[Parameter::bars("period", 10, "bars between the two values")],
    outputs: &["roc"],
    first: |a| a.bars(0),
    columns: |x, a| vec![roc(x[0], a.bars(0))],
    stream: |a| stream(Roc::new(a.bars(0)), |state, x| Some([state.update(x[0])?])),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_over_two_rows() {
        assert_eq!(
            roc(&[4.0, 5.0, 6.0, 0.0, 1.0, 9.0], 2).values,
            [50.0, -100.0, (1.0 / 6.0 - 1.0) * 100.0, 0.0]
        );
    }
}
