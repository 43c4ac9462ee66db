//! `bollinger-reversion`: long when the close falls below the lower Bollinger band, short when it rises above the
//! upper one; out when it is back at the middle.

use gauntlet_quant::indicators::{Bands, Bbands};

use super::LiveRule;
use super::indicator_cache::{Column, IndicatorCache};
use crate::bars::BarRow;
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

pub(super) static PARAMETERS: [ParamSpec; 2] = [
    ParamSpec::int("period", 20, 1, 10_000, "bars in the bands"),
    ParamSpec::float("width", 2.0, 0.0, 100.0, "standard deviations from the middle to a band"),
];

/// The strategy's parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BollingerReversion {
    /// Bars in the bands.
    pub period: usize,
    /// Standard deviations from the middle to a band.
    pub width: f64,
}

/// The rule: what is wanted after a bar with this close.
fn next(previous: Target, close: f64, bands: Bands) -> Target {
    if close < bands.lower {
        Target::Long
    } else if close > bands.upper {
        Target::Short
    } else {
        match previous {
            Target::Long if close >= bands.middle => Target::Flat,
            Target::Short if close <= bands.middle => Target::Flat,
            held => held,
        }
    }
}

impl BollingerReversion {
    pub(super) fn from_params(values: &Resolved) -> BollingerReversion {
        BollingerReversion { period: values.int("period"), width: values.float("width") }
    }

    pub(super) fn targets(&self, cache: &mut IndicatorCache<'_>) -> Vec<Target> {
        let (mean, deviation) = (cache.get(Column::Sma, self.period), cache.get(Column::Stddev, self.period));
        let close = &cache.bars().close;
        let mut target = Target::Flat;
        let decide = |row: usize| {
            if let (Some(mean), Some(deviation)) = (mean.get(row), deviation.get(row)) {
                target = next(target, close[row], Bands::around(mean, deviation, self.width));
            }
            target
        };
        (0..close.len()).map(decide).collect()
    }

    pub(super) fn live(&self) -> Live {
        Live { bands: Bbands::new(self.period, self.width), target: Target::Flat }
    }
}

pub(super) struct Live {
    bands: Bbands,
    target: Target,
}

impl LiveRule for Live {
    fn on_bar(&mut self, row: &BarRow) -> Target {
        if let Some(bands) = self.bands.update(row.close) {
            self.target = next(self.target, row.close, bands);
        }
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn in_outside_the_bands_and_out_at_the_middle() {
        let bands = Bands { upper: 12.0, middle: 10.0, lower: 8.0 };
        assert_eq!(next(Flat, 7.9, bands), Long);
        assert_eq!(next(Long, 9.9, bands), Long);
        assert_eq!(next(Long, 10.0, bands), Flat);
        assert_eq!(next(Flat, 12.1, bands), Short);
        assert_eq!(next(Short, 10.0, bands), Flat);
        assert_eq!(next(Flat, 11.0, bands), Flat);
    }
}
