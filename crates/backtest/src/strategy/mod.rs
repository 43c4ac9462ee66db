//! The strategies. Each is one rule in one file, over the indicators that the file declares; the form over whole columns
//! for backtests and the form bar by bar for live trading both follow from it.
//!
//! A strategy never sends orders, never knows the account, and never sees a bar beyond the one that has just closed.
//!
//! **A new strategy** is a file in this folder with its parameters, its rule and its `DEFINITION`, and a row in the table
//! below. Documents can name it at once, and the property tests of this crate hold it to what every strategy must be. The
//! modules are declared by the rows, so `cargo fmt` alone does not find the files: `tests/run` formats every file.

mod definition;
/// Indicators shared by a grid of strategies.
pub mod indicator_cache;
/// What a strategy wants at each bar, in bits.
pub(crate) mod target_bits;

pub use definition::Definition;

use crate::bars::{BarRow, Bars};
use crate::error::BacktestError;
use crate::params::Resolved;
use crate::signal::{AtrStop, LiveStop, Signal, Signals};
use definition::LiveRule;
use indicator_cache::IndicatorCache;
use target_bits::TargetBits;

/// Declares the module of each row and gathers the definitions.
macro_rules! table {
    ($($name:ident;)+) => {
        $(pub mod $name;)+

        /// Every strategy.
        pub static DEFINITIONS: &[&Definition] = &[$(&$name::DEFINITION),+];
    };
}

table! {
    ma_cross;
    donchian_breakout;
    rsi_reversion;
    bollinger_reversion;
}

/// The strategy of that name; a refusal lists the known ones.
pub fn by_name(name: &str) -> Result<&'static Definition, BacktestError> {
    let known = || DEFINITIONS.iter().map(|definition| definition.name);
    DEFINITIONS
        .iter()
        .copied()
        .find(|definition| definition.name == name)
        .ok_or_else(|| BacktestError::unknown("strategy", name, known()))
}

/// What trades bar by bar: a strategy or a trained model.
pub trait Strategy {
    /// Takes the bar that has just closed and answers what is wanted from the next opening on.
    fn on_bar(&mut self, row: &BarRow) -> Signal;
}

/// A strategy with all its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategySpec {
    /// Which strategy.
    pub definition: &'static Definition,
    /// Its own parameters.
    values: Resolved,
    /// The stop, if there is one.
    pub stop: Option<AtrStop>,
}

impl StrategySpec {
    /// The first bar, from 0, at which it can want a position: its columns and its stop are defined.
    pub fn warm_up(&self) -> usize {
        let stop = self.stop.map_or(0, |stop| stop.warm_up());
        self.definition.warm_up(&self.values).max(stop)
    }

    /// Batch form: the signal of every bar.
    pub fn signals(&self, bars: &Bars) -> Signals {
        self.signals_with(&mut IndicatorCache::new(bars))
    }

    /// Batch form with indicators shared with other strategies over the same bars.
    pub fn signals_with(&self, cache: &mut IndicatorCache<'_>) -> Signals {
        let targets = self.targets_with(cache).iter().take(cache.bars().len()).collect();
        Signals { targets, stops: self.stop.map(|stop| stop.stops_with(cache)) }
    }

    /// The targets of the batch form, a bit a bar.
    pub(crate) fn targets_with(&self, cache: &mut IndicatorCache<'_>) -> TargetBits {
        self.definition.rule(&self.values).targets(cache)
    }

    /// Bar-by-bar form, before its first bar.
    pub fn live(&self) -> LiveStrategy {
        LiveStrategy { rule: self.definition.rule(&self.values).live(), stop: LiveStop::new(self.stop) }
    }
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
    use crate::params::Params;
    use crate::signal::AfterStop;

    #[test]
    fn names_read_back() {
        for definition in DEFINITIONS {
            assert_eq!(by_name(definition.name), Ok(*definition));
        }
    }

    #[test]
    fn an_unknown_strategy_is_refused_with_the_nearest() {
        let error = by_name("ma-crosss").unwrap_err().to_string();
        assert!(error.starts_with("strategy 'ma-crosss' is not known: did you mean 'ma-cross'?"), "{error}");
        assert!(error.contains("donchian-breakout"), "{error}");
    }

    #[test]
    fn every_strategy_builds_from_its_defaults_and_takes_a_stop() {
        for definition in DEFINITIONS {
            assert_eq!(definition.build(&Params::new()).unwrap().stop, None);
            let params = Params::from([("stop_atr".to_owned(), 2.0.into())]);
            assert_eq!(
                definition.build(&params).unwrap().stop,
                Some(AtrStop { multiple: 2.0, period: 14, after: AfterStop::Wait })
            );
        }
    }
}
