//! `rsi-reversion`: long when the relative strength index falls below `oversold`, short when it rises above
//! `overbought`; out when it is back at `exit`.

use gauntlet_quant::indicators::{Column, rsi};

use super::definition::{Definition, Rule};
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

/// Its row in the table.
pub static DEFINITION: Definition = Definition::of::<RsiReversion, 1>(
    "rsi-reversion",
    "long when the relative strength index falls below oversold, short when it rises above overbought; out when it is back at exit",
    &PARAMETERS,
);

static PARAMETERS: [ParamSpec; 4] = [
    ParamSpec::int("period", 14, 1, 10_000, "changes in the index"),
    ParamSpec::float("oversold", 30.0, 0.0, 100.0, "index below which to buy"),
    ParamSpec::float("overbought", 70.0, 0.0, 100.0, "index above which to sell short"),
    ParamSpec::float("exit", 50.0, 0.0, 100.0, "index at which to leave"),
];

#[derive(Clone, Copy)]
struct RsiReversion {
    period: usize,
    oversold: f64,
    overbought: f64,
    exit: f64,
}

impl Rule<1> for RsiReversion {
    fn new(values: &Resolved) -> RsiReversion {
        RsiReversion {
            period: values.int("period"),
            oversold: values.float("oversold"),
            overbought: values.float("overbought"),
            exit: values.float("exit"),
        }
    }

    fn columns(&self) -> [Column; 1] {
        [rsi::DEFINITION.of_bars(self.period).into()]
    }

    #[inline(always)]
    fn decide(&self, held: Target, &[index]: &[f64; 1], _: Option<&[f64; 1]>) -> Target {
        if index < self.oversold {
            Target::Long
        } else if index > self.overbought {
            Target::Short
        } else {
            match held {
                Target::Long if index >= self.exit => Target::Flat,
                Target::Short if index <= self.exit => Target::Flat,
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
    fn in_at_the_extremes_and_out_in_the_middle() {
        let rule = RsiReversion { period: 14, oversold: 30.0, overbought: 70.0, exit: 50.0 };
        let next = |held, index| rule.decide(held, &[index], None);
        assert_eq!(next(Flat, 29.0), Long);
        assert_eq!(next(Long, 49.0), Long);
        assert_eq!(next(Long, 50.0), Flat);
        assert_eq!(next(Flat, 71.0), Short);
        assert_eq!(next(Short, 50.0), Flat);
        assert_eq!(next(Flat, 50.0), Flat);
    }
}
