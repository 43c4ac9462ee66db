//! Donchian channel: the highest high and the lowest low of the last `period` bars, the newest included (TA-Lib
//! `MAX` of highs and `MIN` of lows).

use super::definition::{Definition, Input, Parameter, stream};
use super::{Highest, Lowest, Series, highest, lowest};

/// The channel at one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// Highest high.
    pub upper: f64,
    /// Lowest low.
    pub lower: f64,
}

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Donchian {
    highest: Highest,
    lowest: Lowest,
}

impl Donchian {
    /// A channel of `period` bars.
    pub fn new(period: usize) -> Donchian {
        Donchian { highest: Highest::new(period), lowest: Lowest::new(period) }
    }

    /// Takes the next bar; answers from the `period`-th bar on.
    pub fn update(&mut self, high: f64, low: f64) -> Option<Channel> {
        let (upper, lower) = (self.highest.update(high), self.lowest.update(low));
        Some(Channel { upper: upper?, lower: lower? })
    }
}

/// The two columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelColumns {
    /// Highest high.
    pub upper: Series,
    /// Lowest low.
    pub lower: Series,
}

/// Column form; first defined row is `period - 1`.
pub fn donchian(high: &[f64], low: &[f64], period: usize) -> ChannelColumns {
    ChannelColumns { upper: highest(high, period), lower: lowest(low, period) }
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "donchian",
    summary: "Donchian channel: highest high and lowest low",
    inputs: &[Input::High, Input::Low],
    parameters: &[Parameter::bars("period", 20, "bars in the channel")],
    outputs: &["upper", "lower"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| {
        let channel = donchian(x[0], x[1], a.bars(0));
        vec![channel.upper, channel.lower]
    },
    stream: |a| {
        stream(Donchian::new(a.bars(0)), |state, x| {
            state.update(x[0], x[1]).map(|channel| [channel.upper, channel.lower])
        })
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highs_above_and_lows_below() {
        let columns = donchian(&[3.0, 5.0, 4.0], &[1.0, 2.0, 3.0], 2);
        assert_eq!(columns.upper, Series { first: 1, values: vec![5.0, 5.0] });
        assert_eq!(columns.lower, Series { first: 1, values: vec![1.0, 2.0] });
    }
}
