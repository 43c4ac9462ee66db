//! Technical indicators under their TA-Lib names and conventions.
//!
//! Every indicator has two forms over one recurrence: a struct that is fed a value (or a bar) at a time, as in
//! live trading, and a function over whole columns, as in a backtest. Both perform the same operations in the same
//! order, so they agree to the last bit; a property test holds them to it.
//!
//! A period of 0 is read as 1 throughout, so no indicator can divide by zero or panic.
//!
//! **A new indicator** is a file in this folder, with both forms and its `DEFINITION` (inputs, parameters with defaults and
//! bounds, output columns, warm-up), and a row in the table below. A test holds both forms of every row to each other.
//! The modules are declared by the rows, so `cargo fmt` alone does not find the files: `tests/run` formats every file.

mod definition;
mod extremum;

pub use definition::{Arguments, Column, Definition, Indicator, Input, Parameter, Stream};

/// Declares the module of each row, exports what it lists, and gathers the definitions.
macro_rules! table {
    ($($name:ident: $($export:ident),+;)+) => {
        $(pub mod $name;)+
        $(pub use $name::{$($export),+};)+

        /// Every indicator.
        pub static DEFINITIONS: &[&Definition] = &[$(&$name::DEFINITION),+];
    };
}

table! {
    // File: what it has besides its definition.
    price: price;
    sma: Sma, sma;
    ema: Ema, ema;
    wilder: Wilder, wilder;
    stddev: Stddev, stddev;
    bbands: Bands, BandsColumns, Bbands, bbands;
    rsi: Rsi, rsi;
    roc: Roc, roc;
    macd: Macd, MacdColumns, MacdValue, macd;
    highest: Highest, highest;
    lowest: Lowest, lowest;
    donchian: Channel, ChannelColumns, Donchian, donchian;
    true_range: TrueRange, true_range;
    atr: Atr, atr;
}

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
