//! Moving average convergence/divergence (TA-Lib `MACD`): fast less slow exponential average, its own exponential
//! average (the signal) and the difference of the two (the histogram). As in TA-Lib, both averages are first defined
//! at the same row, so the fast one skips the first `slow - fast` values, and nothing is shown before the signal is.

use super::definition::{Definition, Input, Parameter, stream};
use super::{Ema, Series};

/// The indicator at one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdValue {
    /// Fast less slow average.
    pub macd: f64,
    /// Average of `macd`.
    pub signal: f64,
    /// `macd` less `signal`.
    pub histogram: f64,
}

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Values that the fast average has yet to skip.
    skip: usize,
}

impl Macd {
    /// Averages over `fast` and `slow` values (exchanged when given the wrong way round, as in TA-Lib), and one of
    /// the difference over `signal`.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Macd {
        let (fast, slow) = (fast.min(slow).max(1), fast.max(slow).max(1));
        Macd { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), skip: slow - fast }
    }

    /// Takes the next value; answers from row `slow + signal - 2` on.
    pub fn update(&mut self, value: f64) -> Option<MacdValue> {
        let slow = self.slow.update(value);
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        let macd = self.fast.update(value)? - slow?;
        let signal = self.signal.update(macd)?;
        Some(MacdValue { macd, signal, histogram: macd - signal })
    }
}

/// The three columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MacdColumns {
    /// Fast less slow average.
    pub macd: Series,
    /// Average of `macd`.
    pub signal: Series,
    /// `macd` less `signal`.
    pub histogram: Series,
}

/// Column form; first defined row is `slow + signal - 2`.
pub fn macd(values: &[f64], fast: usize, slow: usize, signal: usize) -> MacdColumns {
    let mut state = Macd::new(fast, slow, signal);
    let rows: Vec<Option<MacdValue>> = values.iter().map(|value| state.update(*value)).collect();
    let column = |pick: fn(MacdValue) -> f64| Series::collect(rows.iter().map(|row| row.map(pick)));
    MacdColumns {
        macd: column(|row| row.macd),
        signal: column(|row| row.signal),
        histogram: column(|row| row.histogram),
    }
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "macd",
    summary: "moving average convergence/divergence",
    inputs: &[Input::Close],
    parameters: &[
        Parameter::bars("fast", 12, "bars in the fast average"),
        Parameter::bars("slow", 26, "bars in the slow average"),
        Parameter::bars("signal", 9, "bars in the average of the difference"),
    ],
    outputs: &["macd", "signal", "histogram"],
    first: |a| a.bars(0).max(a.bars(1)) + a.bars(2) - 2,
    columns: |x, a| {
        let columns = macd(x[0], a.bars(0), a.bars(1), a.bars(2));
        vec![columns.macd, columns.signal, columns.histogram]
    },
    stream: |a| {
        stream(Macd::new(a.bars(0), a.bars(1), a.bars(2)), |state, x| {
            state.update(x[0]).map(|value| [value.macd, value.signal, value.histogram])
        })
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_a_constant_distance_between_its_averages() {
        let line: Vec<f64> = (0..60).map(f64::from).collect();
        let columns = macd(&line, 12, 26, 9);
        assert_eq!((columns.macd.first, columns.macd.values.len()), (33, 27));
        assert!(columns.macd.values.iter().all(|distance| (distance - 7.0).abs() < 1e-9));
        assert!(columns.histogram.values.iter().all(|distance| distance.abs() < 1e-9));
    }
}
