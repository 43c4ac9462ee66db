//! `ma-cross`: long while the fast average of closes is above the slow one, short while it is below. When they are
//! equal, the position stays what it was: only a cross changes it.

use gauntlet_quant::indicators::{Ema, Sma};

use super::LiveRule;
use super::indicator_cache::{Column, IndicatorCache};
use crate::bars::BarRow;
use crate::params::{ParamSpec, Resolved};
use crate::signal::Target;

pub(super) static PARAMETERS: [ParamSpec; 3] = [
    ParamSpec::int("fast", 10, 1, 10_000, "bars in the fast average"),
    ParamSpec::int("slow", 50, 1, 10_000, "bars in the slow average"),
    ParamSpec::choice("kind", &["sma", "ema"], "simple or exponential averages"),
];

/// The strategy's parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaCross {
    /// Bars in the fast average.
    pub fast: usize,
    /// Bars in the slow average.
    pub slow: usize,
    /// Which averages.
    pub kind: AverageKind,
}

/// Which moving average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AverageKind {
    /// Simple.
    Sma,
    /// Exponential.
    Ema,
}

/// The rule: what is wanted after a bar at which both averages are defined.
fn next(previous: Target, fast: f64, slow: f64) -> Target {
    if fast > slow {
        Target::Long
    } else if fast < slow {
        Target::Short
    } else {
        previous
    }
}

impl MaCross {
    pub(super) fn from_params(values: &Resolved) -> MaCross {
        let kind = if values.text("kind") == "ema" { AverageKind::Ema } else { AverageKind::Sma };
        MaCross { fast: values.int("fast"), slow: values.int("slow"), kind }
    }

    pub(super) fn targets(&self, cache: &mut IndicatorCache<'_>) -> Vec<Target> {
        let column = match self.kind {
            AverageKind::Sma => Column::Sma,
            AverageKind::Ema => Column::Ema,
        };
        let (fast, slow) = (cache.get(column, self.fast), cache.get(column, self.slow));
        let mut target = Target::Flat;
        let decide = |row: usize| {
            if let (Some(fast), Some(slow)) = (fast.get(row), slow.get(row)) {
                target = next(target, fast, slow);
            }
            target
        };
        (0..cache.bars().len()).map(decide).collect()
    }

    pub(super) fn live(&self) -> Live {
        let average = |period| match self.kind {
            AverageKind::Sma => Average::Sma(Sma::new(period)),
            AverageKind::Ema => Average::Ema(Ema::new(period)),
        };
        Live { fast: average(self.fast), slow: average(self.slow), target: Target::Flat }
    }
}

enum Average {
    Sma(Sma),
    Ema(Ema),
}

impl Average {
    fn update(&mut self, value: f64) -> Option<f64> {
        match self {
            Average::Sma(average) => average.update(value),
            Average::Ema(average) => average.update(value),
        }
    }
}

pub(super) struct Live {
    fast: Average,
    slow: Average,
    target: Target,
}

impl LiveRule for Live {
    fn on_bar(&mut self, row: &BarRow) -> Target {
        if let (Some(fast), Some(slow)) = (self.fast.update(row.close), self.slow.update(row.close)) {
            self.target = next(self.target, fast, slow);
        }
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Target::*;

    #[test]
    fn equal_averages_keep_the_position() {
        assert_eq!(next(Flat, 2.0, 1.0), Long);
        assert_eq!(next(Long, 1.0, 1.0), Long);
        assert_eq!(next(Long, 1.0, 2.0), Short);
        assert_eq!(next(Flat, 1.0, 1.0), Flat);
    }
}
