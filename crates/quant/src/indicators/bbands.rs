//! Bollinger bands (TA-Lib `BBANDS` over `SMA`): the mean and `width` population standard deviations around it.

use super::definition::{Definition, Input, Parameter, stream};
use super::{Series, Sma, Stddev, sma, stddev};

/// The bands at one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bands {
    /// Mean plus `width` deviations.
    pub upper: f64,
    /// The mean.
    pub middle: f64,
    /// Mean less `width` deviations.
    pub lower: f64,
}

impl Bands {
    /// Bands of `width` deviations around a mean.
    pub fn around(middle: f64, deviation: f64, width: f64) -> Bands {
        let reach = deviation * width;
        Bands { upper: middle + reach, middle, lower: middle - reach }
    }
}

/// Incremental form.
#[derive(Debug, Clone)]
pub struct Bbands {
    mean: Sma,
    deviation: Stddev,
    width: f64,
}

impl Bbands {
    /// Bands over `period` values, `width` deviations wide on each side.
    pub fn new(period: usize, width: f64) -> Bbands {
        Bbands { mean: Sma::new(period), deviation: Stddev::new(period), width }
    }

    /// Takes the next value; answers from the `period`-th value on.
    pub fn update(&mut self, value: f64) -> Option<Bands> {
        let (mean, deviation) = (self.mean.update(value), self.deviation.update(value));
        Some(Bands::around(mean?, deviation?, self.width))
    }
}

/// The three columns.
#[derive(Debug, Clone, PartialEq)]
pub struct BandsColumns {
    /// Mean plus `width` deviations.
    pub upper: Series,
    /// The mean.
    pub middle: Series,
    /// Mean less `width` deviations.
    pub lower: Series,
}

/// Column form; first defined row is `period - 1`.
pub fn bbands(values: &[f64], period: usize, width: f64) -> BandsColumns {
    let middle = sma(values, period);
    let bands: Vec<Bands> = middle
        .values
        .iter()
        .zip(stddev(values, period).values)
        .map(|(mean, deviation)| Bands::around(*mean, deviation, width))
        .collect();
    let column =
        |pick: fn(&Bands) -> f64| Series { first: middle.first, values: bands.iter().map(pick).collect() };
    BandsColumns { upper: column(|bands| bands.upper), lower: column(|bands| bands.lower), middle }
}

/// Its row in the table.
pub static DEFINITION: Definition = Definition {
    name: "bbands",
    summary: "Bollinger bands: a mean and deviations around it",
    inputs: &[Input::Close],
    parameters: &[
        Parameter::bars("period", 20, "bars in the bands"),
        Parameter::number("width", 2.0, 0.0, 100.0, "deviations from the mean to a band"),
    ],
    outputs: &["upper", "middle", "lower"],
    first: |a| a.bars(0) - 1,
    columns: |x, a| {
        let bands = bbands(x[0], a.bars(0), a.number(1));
        vec![bands.upper, bands.middle, bands.lower]
    },
    stream: |a| {
        stream(Bbands::new(a.bars(0), a.number(1)), |state, x| {
            state.update(x[0]).map(|bands| [bands.upper, bands.middle, bands.lower])
        })
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_lie_width_deviations_from_the_mean() {
        let columns = bbands(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 8, 1.5);
        assert_eq!(
            (columns.upper.values[0], columns.middle.values[0], columns.lower.values[0]),
            (8.0, 5.0, 2.0)
        );
    }
}
