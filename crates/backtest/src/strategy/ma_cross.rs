//! `ma-cross`: long while the fast average of closes is above the slow one, short while it is below. When they are
//! equal, the position stays what it was: only a cross changes it.

use gauntlet_quant::indicators::{self, Column, ema, sma};

use super::definition::{Definition, Rule, is_above};
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

/// Its row in the table.
pub static DEFINITION: Definition = Definition::of::<MaCross, 2>(
    "ma-cross",
    "long while the fast average of closes is above the slow one, short while it is below; equal averages keep the position",
    &PARAMETERS,
);

static PARAMETERS: [ParamSpec; 3] = [
    ParamSpec::int("fast", 10, 1, 10_000, "bars in the fast average"),
    ParamSpec::int("slow", 50, 1, 10_000, "bars in the slow average"),
    ParamSpec::choice("kind", &["sma", "ema"], "simple or exponential averages"),
];

#[derive(Clone, Copy)]
struct MaCross {
    average: &'static indicators::Definition,
    fast: usize,
    slow: usize,
}

impl Rule<2> for MaCross {
    fn new(values: &Resolved) -> MaCross {
        let average = if values.text("kind") == "ema" { &ema::DEFINITION } else { &sma::DEFINITION };
        MaCross { average, fast: values.int("fast"), slow: values.int("slow") }
    }

    fn columns(&self) -> [Column; 2] {
        [self.fast, self.slow].map(|bars| self.average.of_bars(bars).into())
    }

    #[inline(always)]
    fn decide(&self, held: Target, &[fast, slow]: &[f64; 2], _: Option<&[f64; 2]>) -> Target {
        if is_above(fast, slow) {
            Target::Long
        } else if is_above(slow, fast) {
            Target::Short
        } else {
            held
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn equal_averages_keep_the_position() {
        let rule = MaCross { average: &sma::DEFINITION, fast: 10, slow: 50 };
        let next = |held, fast, slow| rule.decide(held, &[fast, slow], None);
        assert_eq!(next(Flat, 2.0, 1.0), Long);
        assert_eq!(next(Long, 1.0, 1.0), Long);
        assert_eq!(next(Long, 1.0, 2.0), Short);
        assert_eq!(next(Flat, 1.0, 1.0), Flat);
        // Averages of one price differ by what their running sums have rounded.
        let sum = (0..7).fold(0.0, |sum, _| sum + 1.1);
        assert_ne!(sum / 7.0, 1.1);
        assert_eq!((next(Flat, sum / 7.0, 1.1), next(Flat, 1.1, sum / 7.0)), (Flat, Flat));
    }
}
