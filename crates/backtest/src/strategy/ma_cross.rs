//! `ma-cross`: long while the fast average of closes is above the slow one, short while it is below. When they are
//! equal, the position stays what it was. With `signal: cross` the first position is taken when they first cross after
//! the warm-up, not for what they are there.

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

static PARAMETERS: [ParamSpec; 4] = [
    ParamSpec::int("fast", 10, 1, 10_000, "bars in the fast average"),
    ParamSpec::int("slow", 50, 1, 10_000, "bars in the slow average"),
    ParamSpec::choice("kind", &["sma", "ema"], "simple or exponential averages"),
    ParamSpec::choice(
        "signal",
        &["level", "cross"],
        "take the first position for how the averages stand, or only when they cross",
    ),
];

#[derive(Clone, Copy)]
struct MaCross {
    average: &'static indicators::Definition,
    fast: usize,
    slow: usize,
    waits_for_cross: bool,
}

impl Rule<2> for MaCross {
    fn new(values: &Resolved) -> MaCross {
        let average = if values.text("kind") == "ema" { &ema::DEFINITION } else { &sma::DEFINITION };
        let waits_for_cross = values.text("signal") == "cross";
        MaCross { average, fast: values.int("fast"), slow: values.int("slow"), waits_for_cross }
    }

    fn columns(&self) -> [Column; 2] {
        [self.fast, self.slow].map(|bars| self.average.of_bars(bars).into())
    }

    #[inline(always)]
    fn decide(&self, held: Target, now: &[f64; 2], before: Option<&[f64; 2]>) -> Target {
        let wanted = side(now);
        let is_new = |before: &[f64; 2]| side(before) != wanted;
        // Once there is a position, the averages change sides only where they cross.
        let counts = !self.waits_for_cross || held != Target::Flat || before.is_some_and(is_new);
        if wanted == Target::Flat || !counts { held } else { wanted }
    }
}

/// Which average is above the other; flat when they are equal.
#[inline(always)]
fn side(&[fast, slow]: &[f64; 2]) -> Target {
    if is_above(fast, slow) {
        Target::Long
    } else if is_above(slow, fast) {
        Target::Short
    } else {
        Target::Flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn equal_averages_keep_the_position() {
        let rule = MaCross { average: &sma::DEFINITION, fast: 10, slow: 50, waits_for_cross: false };
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
    #[test]
    fn a_cross_is_waited_for_where_that_is_asked() {
        let rule = MaCross { average: &sma::DEFINITION, fast: 10, slow: 50, waits_for_cross: true };
        let next = |held, before: Option<[f64; 2]>, now: [f64; 2]| rule.decide(held, &now, before.as_ref());
        let (above, below, equal) = ([2.0, 1.0], [1.0, 2.0], [1.0, 1.0]);
        // It stands above from the first bar on: that is no cross.
        assert_eq!(next(Flat, None, above), Flat);
        assert_eq!(next(Flat, Some(above), above), Flat);
        assert_eq!(next(Flat, Some(above), equal), Flat);
        assert_eq!(next(Flat, Some(above), below), Short);
        assert_eq!(next(Flat, Some(equal), above), Long);
        assert_eq!(next(Short, Some(below), above), Long);
        // A cross over several bars of equal averages counts when it is through.
        assert_eq!(next(Long, Some(above), equal), Long);
        assert_eq!(next(Long, Some(equal), below), Short);
    }
}
