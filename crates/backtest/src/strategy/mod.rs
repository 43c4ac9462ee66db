//! The strategies. Each is one rule in one file, in two forms that share it: over whole columns for backtests, and
//! bar by bar for live trading.
//!
//! A strategy never sends orders, never knows the account, and never sees a bar beyond the one that has just closed.

/// Bollinger bands, faded.
pub mod bollinger_reversion;
/// Breakouts from the Donchian channel.
pub mod donchian_breakout;
/// Indicators shared by a grid of strategies.
pub mod indicator_cache;
/// Two moving averages.
pub mod ma_cross;
/// Relative strength, faded.
pub mod rsi_reversion;

use std::fmt;

use crate::bars::{BarRow, Bars};
use crate::error::BacktestError;
use crate::params::{ParamSpec, Params, resolve};
use crate::signal::{AtrStop, LiveStop, Signal, Signals, Target};
use bollinger_reversion::BollingerReversion;
use donchian_breakout::DonchianBreakout;
use indicator_cache::IndicatorCache;
use ma_cross::MaCross;
use rsi_reversion::RsiReversion;

/// What trades bar by bar: a strategy or a trained model.
pub trait Strategy {
    /// Takes the bar that has just closed and answers what is wanted from the next opening on.
    fn on_bar(&mut self, row: &BarRow) -> Signal;
}

/// The strategies by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StrategyKind {
    /// `ma-cross`
    MaCross,
    /// `donchian-breakout`
    DonchianBreakout,
    /// `rsi-reversion`
    RsiReversion,
    /// `bollinger-reversion`
    BollingerReversion,
}

/// Every strategy takes these too.
static STOP_PARAMETERS: [ParamSpec; 2] = [
    ParamSpec::float(
        "stop_atr",
        0.0,
        0.0,
        1000.0,
        "distance of the stop in average true ranges; 0 is no stop",
    ),
    ParamSpec::int("atr_period", 14, 1, 10_000, "bars in the average true range of the stop"),
];

impl StrategyKind {
    /// All strategies.
    pub const ALL: [StrategyKind; 4] = [
        StrategyKind::MaCross,
        StrategyKind::DonchianBreakout,
        StrategyKind::RsiReversion,
        StrategyKind::BollingerReversion,
    ];

    /// The name in an experiment.
    pub fn name(self) -> &'static str {
        match self {
            StrategyKind::MaCross => "ma-cross",
            StrategyKind::DonchianBreakout => "donchian-breakout",
            StrategyKind::RsiReversion => "rsi-reversion",
            StrategyKind::BollingerReversion => "bollinger-reversion",
        }
    }

    /// The strategy of that name; a refusal lists the known ones.
    pub fn parse(name: &str) -> Result<StrategyKind, BacktestError> {
        StrategyKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            BacktestError::unknown("strategy", name, StrategyKind::ALL.iter().map(|kind| kind.name()))
        })
    }

    /// The parameters that it takes.
    pub fn parameters(self) -> Vec<&'static ParamSpec> {
        let own: &'static [ParamSpec] = match self {
            StrategyKind::MaCross => &ma_cross::PARAMETERS,
            StrategyKind::DonchianBreakout => &donchian_breakout::PARAMETERS,
            StrategyKind::RsiReversion => &rsi_reversion::PARAMETERS,
            StrategyKind::BollingerReversion => &bollinger_reversion::PARAMETERS,
        };
        own.iter().chain(&STOP_PARAMETERS).collect()
    }

    /// The strategy with these parameters; unknown names and values out of bounds are refused.
    pub fn build(self, params: &Params) -> Result<StrategySpec, BacktestError> {
        let values = resolve(self.name(), &self.parameters(), params)?;
        let rule = match self {
            StrategyKind::MaCross => Rule::MaCross(MaCross::from_params(&values)),
            StrategyKind::DonchianBreakout => Rule::DonchianBreakout(DonchianBreakout::from_params(&values)),
            StrategyKind::RsiReversion => Rule::RsiReversion(RsiReversion::from_params(&values)),
            StrategyKind::BollingerReversion => {
                Rule::BollingerReversion(BollingerReversion::from_params(&values))
            }
        };
        let multiple = values.float("stop_atr");
        let stop = (multiple > 0.0).then(|| AtrStop { multiple, period: values.int("atr_period") });
        Ok(StrategySpec { rule, stop })
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A strategy with all its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrategySpec {
    /// When to hold what.
    pub rule: Rule,
    /// The stop, if there is one.
    pub stop: Option<AtrStop>,
}

/// When to hold what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Two moving averages.
    MaCross(MaCross),
    /// Breakouts from the Donchian channel.
    DonchianBreakout(DonchianBreakout),
    /// Relative strength, faded.
    RsiReversion(RsiReversion),
    /// Bollinger bands, faded.
    BollingerReversion(BollingerReversion),
}

impl StrategySpec {
    /// Batch form: the signal of every bar.
    pub fn signals(&self, bars: &Bars) -> Signals {
        self.signals_with(&mut IndicatorCache::new(bars))
    }

    /// Batch form with indicators shared with other strategies over the same bars.
    pub fn signals_with(&self, cache: &mut IndicatorCache<'_>) -> Signals {
        let targets = match &self.rule {
            Rule::MaCross(rule) => rule.targets(cache),
            Rule::DonchianBreakout(rule) => rule.targets(cache),
            Rule::RsiReversion(rule) => rule.targets(cache),
            Rule::BollingerReversion(rule) => rule.targets(cache),
        };
        Signals { targets, stop_distances: self.stop.map(|stop| stop.distances(cache.bars())) }
    }

    /// Bar-by-bar form, before its first bar.
    pub fn live(&self) -> LiveStrategy {
        let rule: Box<dyn LiveRule + Send> = match self.rule {
            Rule::MaCross(rule) => Box::new(rule.live()),
            Rule::DonchianBreakout(rule) => Box::new(rule.live()),
            Rule::RsiReversion(rule) => Box::new(rule.live()),
            Rule::BollingerReversion(rule) => Box::new(rule.live()),
        };
        LiveStrategy { rule, stop: LiveStop::new(self.stop) }
    }
}

/// A rule that is fed bar by bar.
pub(crate) trait LiveRule {
    fn on_bar(&mut self, row: &BarRow) -> Target;
}

/// A strategy that is fed bar by bar.
pub struct LiveStrategy {
    rule: Box<dyn LiveRule + Send>,
    stop: LiveStop,
}

impl Strategy for LiveStrategy {
    fn on_bar(&mut self, row: &BarRow) -> Signal {
        let target = self.rule.on_bar(row);
        self.stop.signal(row, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in StrategyKind::ALL {
            assert_eq!(StrategyKind::parse(kind.name()), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_strategy_is_refused_with_the_nearest() {
        let error = StrategyKind::parse("ma-crosss").unwrap_err().to_string();
        assert!(error.starts_with("strategy 'ma-crosss' is not known: did you mean 'ma-cross'?"), "{error}");
        assert!(error.contains("donchian-breakout"), "{error}");
    }

    #[test]
    fn every_strategy_builds_from_its_defaults_and_takes_a_stop() {
        for kind in StrategyKind::ALL {
            assert_eq!(kind.build(&Params::new()).unwrap().stop, None);
            let params = Params::from([("stop_atr".to_owned(), 2.0.into())]);
            assert_eq!(kind.build(&params).unwrap().stop, Some(AtrStop { multiple: 2.0, period: 14 }));
        }
    }
}
