//! `rsi-reversion`: long when the relative strength index falls below `oversold`, short when it rises above
//! `overbought`; out when it is back at `exit`.

use gauntlet_quant::indicators::Rsi;

use super::LiveRule;
use super::indicator_cache::{Column, IndicatorCache};
use crate::bars::BarRow;
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

pub(super) static PARAMETERS: [ParamSpec; 4] = [
    ParamSpec::int("period", 14, 1, 10_000, "changes in the index"),
    ParamSpec::float("oversold", 30.0, 0.0, 100.0, "index below which to buy"),
    ParamSpec::float("overbought", 70.0, 0.0, 100.0, "index above which to sell short"),
    ParamSpec::float("exit", 50.0, 0.0, 100.0, "index at which to leave"),
];

/// The strategy's parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RsiReversion {
    /// Changes in the index.
    pub period: usize,
    /// Index below which to buy.
    pub oversold: f64,
    /// Index above which to sell short.
    pub overbought: f64,
    /// Index at which to leave.
    pub exit: f64,
}

impl RsiReversion {
    /// The rule: what is wanted after a bar with this index.
    fn next(&self, previous: Target, index: f64) -> Target {
        if index < self.oversold {
            Target::Long
        } else if index > self.overbought {
            Target::Short
        } else {
            match previous {
                Target::Long if index >= self.exit => Target::Flat,
                Target::Short if index <= self.exit => Target::Flat,
                held => held,
            }
        }
    }

    pub(super) fn from_params(values: &Resolved) -> RsiReversion {
        RsiReversion {
            period: values.int("period"),
            oversold: values.float("oversold"),
            overbought: values.float("overbought"),
            exit: values.float("exit"),
        }
    }

    pub(super) fn targets(&self, cache: &mut IndicatorCache<'_>) -> Vec<Target> {
        let index = cache.get(Column::Rsi, self.period);
        let mut target = Target::Flat;
        let decide = |row: usize| {
            if let Some(index) = index.get(row) {
                target = self.next(target, index);
            }
            target
        };
        (0..cache.bars().len()).map(decide).collect()
    }

    pub(super) fn live(&self) -> Live {
        Live { rule: *self, index: Rsi::new(self.period), target: Target::Flat }
    }
}

pub(super) struct Live {
    rule: RsiReversion,
    index: Rsi,
    target: Target,
}

impl LiveRule for Live {
    fn on_bar(&mut self, row: &BarRow) -> Target {
        if let Some(index) = self.index.update(row.close) {
            self.target = self.rule.next(self.target, index);
        }
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn in_at_the_extremes_and_out_in_the_middle() {
        let rule = RsiReversion { period: 14, oversold: 30.0, overbought: 70.0, exit: 50.0 };
        assert_eq!(rule.next(Flat, 29.0), Long);
        assert_eq!(rule.next(Long, 49.0), Long);
        assert_eq!(rule.next(Long, 50.0), Flat);
        assert_eq!(rule.next(Flat, 71.0), Short);
        assert_eq!(rule.next(Short, 50.0), Flat);
        assert_eq!(rule.next(Flat, 50.0), Flat);
    }
}
