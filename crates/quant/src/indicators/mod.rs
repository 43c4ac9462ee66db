//! Technical indicators under their TA-Lib names and conventions.
//!
//! Every indicator has two forms over one recurrence: a struct that is fed a value (or a bar) at a time, as in
//! live trading, and a function over whole columns, as in a backtest. Both perform the same operations in the same
//! order, so they agree to the last bit; a property test holds them to it.
//!
//! A period of 0 is read as 1 throughout, so no indicator can divide by zero or panic.

/// Average true range.
pub mod atr;
/// Bollinger bands.
pub mod bbands;
/// Donchian channel.
pub mod donchian;
/// Exponential moving average.
pub mod ema;
/// Rolling maximum and minimum.
pub mod extremum;
/// Moving average convergence/divergence.
pub mod macd;
/// Rate of change.
pub mod roc;
/// Relative strength index.
pub mod rsi;
/// Simple moving average.
pub mod sma;
/// Rolling standard deviation.
pub mod stddev;
/// Wilder's moving average.
pub mod wilder;

pub use atr::{Atr, TrueRange, atr, true_range};
pub use bbands::{Bands, BandsColumns, Bbands, bbands};
pub use donchian::{Channel, ChannelColumns, Donchian, donchian};
pub use ema::{Ema, ema};
pub use extremum::{Highest, Lowest, highest, lowest};
pub use macd::{Macd, MacdColumns, MacdValue, macd};
pub use roc::{Roc, roc};
pub use rsi::{Rsi, rsi};
pub use sma::{Sma, sma};
pub use stddev::{Stddev, stddev};
pub use wilder::{Wilder, wilder};

/// The values of an indicator over a column: undefined before row `first`, one value a row from there on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// First row that has a value; the number of rows when none has.
    pub first: usize,
    /// The values of rows `first`, `first + 1`, …
    pub values: Vec<f64>,
}

impl Series {
    /// The value at `row`, counted from the beginning of the input column.
    pub fn get(&self, row: usize) -> Option<f64> {
        row.checked_sub(self.first).and_then(|index| self.values.get(index)).copied()
    }

    /// Number of rows of the input column.
    pub fn rows(&self) -> usize {
        self.first + self.values.len()
    }

    /// Gathers what an incremental form answers row by row. Once defined, an indicator stays defined.
    pub fn collect(answers: impl Iterator<Item = Option<f64>>) -> Series {
        let mut series = Series { first: 0, values: Vec::with_capacity(answers.size_hint().0) };
        for answer in answers {
            match answer {
                Some(value) => series.values.push(value),
                None => series.first += 1,
            }
        }
        series
    }
}
