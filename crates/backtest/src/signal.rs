//! What a strategy wants after a bar has closed.

use gauntlet_quant::indicators::{Atr, Series, atr};

use crate::bars::{BarRow, Bars};
use crate::params::{ParamSpec, Resolved};
use crate::strategy::indicator_cache::IndicatorCache;

/// Direction of the position that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Sold short.
    Short,
    /// No position.
    #[default]
    Flat,
    /// Bought.
    Long,
}

impl Target {
    /// −1, 0 or +1.
    pub fn sign(self) -> f64 {
        match self {
            Target::Short => -1.0,
            Target::Flat => 0.0,
            Target::Long => 1.0,
        }
    }
}

/// Decided at the close of a bar, filled at a later opening.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Signal {
    /// The position that is wanted.
    pub target: Target,
    /// The stop of that position; `None` is no stop.
    pub stop: Option<Stop>,
}

/// A stop of a position that is not open yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Distance from the entry price, in price units.
    pub distance: f64,
    /// What follows when it is hit.
    pub after: AfterStop,
}

/// The stop of an open position.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct StopLevel {
    /// The mid that ends the position.
    pub(crate) mid: f64,
    /// What follows then.
    pub(crate) after: AfterStop,
}

impl Stop {
    /// Where it lies for a position of this side and price.
    #[inline]
    pub(crate) fn level(self, side: Target, price: f64) -> StopLevel {
        StopLevel { mid: price - side.sign() * self.distance, after: self.after }
    }
}

/// What follows when a stop was hit and the same position is still wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterStop {
    /// Nothing until something else has been wanted.
    #[default]
    Wait,
    /// It is opened again at the next opening.
    Reenter,
}

impl AfterStop {
    fn is_wait(&self) -> bool {
        *self == AfterStop::Wait
    }
}

/// A stop some average true ranges away from the entry price.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AtrStop {
    /// Distance in average true ranges.
    pub multiple: f64,
    /// Bars in the average.
    pub period: usize,
    /// What follows when it is hit.
    #[serde(default, skip_serializing_if = "AfterStop::is_wait")]
    pub after: AfterStop,
}

/// The parameters of a stop, which every strategy and every learned model takes.
pub(crate) static STOP_PARAMETERS: [ParamSpec; 3] = [
    ParamSpec::float(
        "stop_atr",
        0.0,
        0.0,
        1000.0,
        "distance of the stop from the fill price of the entry, in average true ranges; 0 is no stop",
    ),
    ParamSpec::int(
        "atr_period",
        14,
        1,
        10_000,
        "bars in the average true range of the stop, which is Wilder's",
    ),
    ParamSpec::choice(
        "after_stop",
        &["wait", "reenter"],
        "after a stop, while the same position is wanted: wait until another was, or reenter at the next opening",
    ),
];

/// The signal of every bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// What is wanted at the close of each bar.
    pub targets: Vec<Target>,
    /// The stop at each bar; `None` is a strategy without stop. Where a stop is wanted but not yet defined, the signal is
    /// flat: no position without its stop.
    pub stops: Option<Stops>,
}

/// The stop of every bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Stops {
    /// Distance from the entry price, in price units.
    pub distances: Series,
    /// What follows when one is hit.
    pub after: AfterStop,
}

impl Stops {
    /// The stop of a position that is decided at the close of bar `index`; `None` where it is undefined.
    pub fn get(&self, index: usize) -> Option<Stop> {
        Some(Stop { distance: self.distances.get(index)?, after: self.after })
    }
}

impl Signals {
    /// The signal at the close of bar `index`; `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<Signal> {
        let target = *self.targets.get(index)?;
        Some(match &self.stops {
            None => Signal { target, stop: None },
            Some(stops) => Signal::with_stop(target, stops.get(index)),
        })
    }
}

impl Signal {
    /// A signal that needs a stop: flat while that is undefined.
    pub fn with_stop(target: Target, stop: Option<Stop>) -> Signal {
        match stop {
            Some(_) => Signal { target, stop },
            None => Signal::default(),
        }
    }
}

impl AtrStop {
    /// The stop that these parameters describe, if any.
    pub(crate) fn of(values: &Resolved) -> Option<AtrStop> {
        let multiple = values.float("stop_atr");
        let after = if values.text("after_stop") == "reenter" { AfterStop::Reenter } else { AfterStop::Wait };
        (multiple > 0.0).then(|| AtrStop { multiple, period: values.int("atr_period"), after })
    }

    /// The first bar, from 0, at which its distance is defined.
    pub fn warm_up(&self) -> usize {
        atr::DEFINITION.of_bars(self.period).first()
    }

    /// The stop of every bar.
    pub fn stops(&self, bars: &Bars) -> Stops {
        self.stops_with(&mut IndicatorCache::new(bars))
    }

    /// The same with indicators shared with others over the same bars.
    pub fn stops_with(&self, cache: &mut IndicatorCache<'_>) -> Stops {
        let ranges = cache.get(&atr::DEFINITION.of_bars(self.period).into());
        let distance = |range: &f64| range * self.multiple;
        let distances = Series { first: ranges.first, values: ranges.values.iter().map(distance).collect() };
        Stops { distances, after: self.after }
    }
}

/// The stop of a strategy that is fed bar by bar.
#[derive(Debug, Clone)]
pub(crate) struct LiveStop {
    stop: Option<(AtrStop, Atr)>,
}

impl LiveStop {
    pub(crate) fn new(stop: Option<AtrStop>) -> LiveStop {
        LiveStop { stop: stop.map(|stop| (stop, Atr::new(stop.period))) }
    }

    /// Takes the bar and puts the stop, if one is wanted, to the target.
    pub(crate) fn signal(&mut self, row: &BarRow, target: Target) -> Signal {
        match &mut self.stop {
            None => Signal { target, stop: None },
            Some((stop, atr)) => {
                let range = atr.update(row.high, row.low, row.close);
                let of = |range: f64| Stop { distance: range * stop.multiple, after: stop.after };
                Signal::with_stop(target, range.map(of))
            }
        }
    }
}
