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
    /// Distance of the stop from the entry price, in price units; `None` is no stop.
    pub stop_distance: Option<f64>,
    /// What follows when it is hit.
    pub after_stop: AfterStop,
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

/// The signal of every bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// What is wanted at the close of each bar.
    pub targets: Vec<Target>,
    /// Distance of the stop at each bar; `None` is a strategy without stop. Where a stop is wanted but not yet
    /// defined, the signal is flat: no position without its stop.
    pub stop_distances: Option<Series>,
    /// What follows when a stop is hit.
    pub after_stop: AfterStop,
}

impl Signals {
    /// The signal at the close of bar `index`; `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<Signal> {
        let target = *self.targets.get(index)?;
        Some(match &self.stop_distances {
            None => Signal { target, ..Signal::default() },
            Some(distances) => Signal::with_stop(target, distances.get(index), self.after_stop),
        })
    }
}

impl Signal {
    /// A signal that needs a stop: flat while the distance is undefined.
    pub fn with_stop(target: Target, distance: Option<f64>, after_stop: AfterStop) -> Signal {
        match distance {
            Some(_) => Signal { target, stop_distance: distance, after_stop },
            None => Signal::default(),
        }
    }
}

impl AtrStop {
    /// The parameters that a strategy or a learned model takes for it.
    pub(crate) const PARAMETERS: [ParamSpec; 3] = [
        ParamSpec::float(
            "stop_atr",
            0.0,
            0.0,
            1000.0,
            "distance of the stop in average true ranges; 0 is no stop",
        ),
        ParamSpec::int("atr_period", 14, 1, 10_000, "bars in the average true range of the stop"),
        ParamSpec::choice(
            "after_stop",
            &["wait", "reenter"],
            "after a stop, while the same position is wanted: wait until another was, or reenter at the next opening",
        ),
    ];

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

    /// Distances over whole columns.
    pub fn distances(&self, bars: &Bars) -> Series {
        self.distances_with(&mut IndicatorCache::new(bars))
    }

    /// The same with indicators shared with others over the same bars.
    pub fn distances_with(&self, cache: &mut IndicatorCache<'_>) -> Series {
        let ranges = cache.get(&atr::DEFINITION.of_bars(self.period).into());
        let distance = |range: &f64| range * self.multiple;
        Series { first: ranges.first, values: ranges.values.iter().map(distance).collect() }
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
            None => Signal { target, ..Signal::default() },
            Some((stop, atr)) => {
                let distance = atr.update(row.high, row.low, row.close).map(|range| range * stop.multiple);
                Signal::with_stop(target, distance, stop.after)
            }
        }
    }
}
