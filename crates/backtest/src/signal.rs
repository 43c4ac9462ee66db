//! What a strategy wants after a bar has closed.

use gauntlet_quant::indicators::{Atr, Series, atr};

use crate::bars::{BarRow, Bars};
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
}

/// A stop some average true ranges away from the entry price.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AtrStop {
    /// Distance in average true ranges.
    pub multiple: f64,
    /// Bars in the average.
    pub period: usize,
}

/// The signal of every bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// What is wanted at the close of each bar.
    pub targets: Vec<Target>,
    /// Distance of the stop at each bar; `None` is a strategy without stop. Where a stop is wanted but not yet
    /// defined, the signal is flat: no position without its stop.
    pub stop_distances: Option<Series>,
}

impl Signals {
    /// The signal at the close of bar `index`; `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<Signal> {
        let target = *self.targets.get(index)?;
        Some(match &self.stop_distances {
            None => Signal { target, stop_distance: None },
            Some(distances) => Signal::with_stop(target, distances.get(index)),
        })
    }
}

impl Signal {
    /// A signal that needs a stop: flat while the distance is undefined.
    pub fn with_stop(target: Target, distance: Option<f64>) -> Signal {
        match distance {
            Some(_) => Signal { target, stop_distance: distance },
            None => Signal::default(),
        }
    }
}

impl AtrStop {
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
    stop: Option<(Atr, f64)>,
}

impl LiveStop {
    pub(crate) fn new(stop: Option<AtrStop>) -> LiveStop {
        LiveStop { stop: stop.map(|stop| (Atr::new(stop.period), stop.multiple)) }
    }

    /// Takes the bar and puts the stop, if one is wanted, to the target.
    pub(crate) fn signal(&mut self, row: &BarRow, target: Target) -> Signal {
        match &mut self.stop {
            None => Signal { target, stop_distance: None },
            Some((atr, multiple)) => {
                let distance = atr.update(row.high, row.low, row.close).map(|range| range * *multiple);
                Signal::with_stop(target, distance)
            }
        }
    }
}
