//! `bollinger-reversion`: long when the close falls below the lower Bollinger band, short when it rises above the
//! upper one; out when it is back at the middle.

use gauntlet_quant::indicators::{Bands, Column, price, sma, stddev};

use super::definition::{Definition, Rule, is_above};
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

/// Its row in the table.
pub static DEFINITION: Definition = Definition::of::<BollingerReversion, 3>(
    "bollinger-reversion",
    "long when the close falls below the lower Bollinger band, short when it rises above the upper one; out when it is back at the middle",
    &PARAMETERS,
);

static PARAMETERS: [ParamSpec; 2] = [
    ParamSpec::int("period", 20, 1, 10_000, "bars in the bands"),
    ParamSpec::float("width", 2.0, 0.0, 100.0, "standard deviations from the middle to a band"),
];

#[derive(Clone, Copy)]
struct BollingerReversion {
    period: usize,
    width: f64,
}

impl Rule<3> for BollingerReversion {
    fn new(values: &Resolved) -> BollingerReversion {
        BollingerReversion { period: values.int("period"), width: values.float("width") }
    }

    /// The parts of the bands rather than the bands: bands of every width share them.
    fn columns(&self) -> [Column; 3] {
        let (mean, deviation) =
            (sma::DEFINITION.of_bars(self.period), stddev::DEFINITION.of_bars(self.period));
        [price::DEFINITION.of(&[]).into(), mean.into(), deviation.into()]
    }

    #[inline(always)]
    fn decide(&self, held: Target, &[close, mean, deviation]: &[f64; 3], _: Option<&[f64; 3]>) -> Target {
        let bands = Bands::around(mean, deviation, self.width);
        if is_above(bands.lower, close) {
            Target::Long
        } else if is_above(close, bands.upper) {
            Target::Short
        } else {
            match held {
                Target::Long if !is_above(bands.middle, close) => Target::Flat,
                Target::Short if !is_above(close, bands.middle) => Target::Flat,
                held => held,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn in_outside_the_bands_and_out_at_the_middle() {
        let rule = BollingerReversion { period: 20, width: 2.0 };
        // Bands at 8, 10 and 12.
        let next = |held, close| rule.decide(held, &[close, 10.0, 1.0], None);
        assert_eq!(next(Flat, 7.9), Long);
        assert_eq!(next(Long, 9.9), Long);
        assert_eq!(next(Long, 10.0), Flat);
        assert_eq!(next(Flat, 12.1), Short);
        assert_eq!(next(Short, 10.0), Flat);
        assert_eq!(next(Flat, 11.0), Flat);
        // A market that stands still is at its middle, whatever the running sums have rounded.
        let still = |close: f64| rule.decide(Flat, &[close, 10.0, 0.0], None);
        assert_eq!((still(10.0_f64.next_up()), still(10.0_f64.next_down())), (Flat, Flat));
    }
}
