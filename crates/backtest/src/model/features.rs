//! Features by name: `return(5)`, `rsi(14)`, `hour_sin`. Each is a function of the bars up to and including its own.
//!
//! There is one form only, bar by bar; the columns for training are what it answers over the training bars, so what
//! a model sees live is what it was trained on. Ratios with a zero denominator are 0.

use std::fmt;
use std::str::FromStr;

use gauntlet_quant::indicators::{Atr, Bbands, Roc, Rsi, Sma, Stddev};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bars::{BarRow, Bars};
use crate::error::BacktestError;

/// A feature with its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// `return(n)`: close over close `n` bars before, less one.
    Return(usize),
    /// `rsi(n)`: relative strength index, scaled to −1 … 1.
    Rsi(usize),
    /// `atr_ratio(n)`: average true range over close.
    AtrRatio(usize),
    /// `sma_distance(n)`: close over its simple average, less one.
    SmaDistance(usize),
    /// `bollinger(n)`: distance of the close from its average in standard deviations.
    Bollinger(usize),
    /// `volatility(n)`: standard deviation of the one-bar returns.
    Volatility(usize),
    /// `volume_ratio(n)`: volume over its simple average, less one.
    VolumeRatio(usize),
    /// `range`: high less low, over close.
    Range,
    /// `hour_sin`: sine of the time of day (UTC, at the close).
    HourSin,
    /// `hour_cos`: its cosine.
    HourCos,
    /// `weekday_sin`: sine of the time of the week.
    WeekdaySin,
    /// `weekday_cos`: its cosine.
    WeekdayCos,
}

/// The features of a model that names none.
pub const DEFAULT_FEATURES: [Feature; 12] = [
    Feature::Return(1),
    Feature::Return(5),
    Feature::Return(20),
    Feature::Rsi(14),
    Feature::AtrRatio(14),
    Feature::SmaDistance(20),
    Feature::SmaDistance(100),
    Feature::Bollinger(20),
    Feature::Volatility(20),
    Feature::Range,
    Feature::HourSin,
    Feature::HourCos,
];

/// Largest period of a feature.
const MAX_PERIOD: usize = 10_000;

impl Feature {
    /// Names as written, with `n` for a period.
    pub const KNOWN: [&'static str; 12] = [
        "return(n)",
        "rsi(n)",
        "atr_ratio(n)",
        "sma_distance(n)",
        "bollinger(n)",
        "volatility(n)",
        "volume_ratio(n)",
        "range",
        "hour_sin",
        "hour_cos",
        "weekday_sin",
        "weekday_cos",
    ];
}

impl FromStr for Feature {
    type Err = BacktestError;

    fn from_str(text: &str) -> Result<Feature, BacktestError> {
        let unknown = || BacktestError::unknown("feature", text, Feature::KNOWN.into_iter());
        let (name, period) = match text.strip_suffix(')').and_then(|open| open.split_once('(')) {
            None => (text, None),
            Some((name, period)) => {
                let period = period.trim().parse().ok().filter(|period| (1..=MAX_PERIOD).contains(period));
                let bad = || BacktestError::BadParameter {
                    owner: "the model".to_owned(),
                    name: "features".to_owned(),
                    value: format!("'{text}'"),
                    expected: format!("a period from 1 to {MAX_PERIOD} in the brackets"),
                };
                (name, Some(period.ok_or_else(bad)?))
            }
        };
        Ok(match (name, period) {
            ("return", Some(period)) => Feature::Return(period),
            ("rsi", Some(period)) => Feature::Rsi(period),
            ("atr_ratio", Some(period)) => Feature::AtrRatio(period),
            ("sma_distance", Some(period)) => Feature::SmaDistance(period),
            ("bollinger", Some(period)) => Feature::Bollinger(period),
            ("volatility", Some(period)) => Feature::Volatility(period),
            ("volume_ratio", Some(period)) => Feature::VolumeRatio(period),
            ("range", None) => Feature::Range,
            ("hour_sin", None) => Feature::HourSin,
            ("hour_cos", None) => Feature::HourCos,
            ("weekday_sin", None) => Feature::WeekdaySin,
            ("weekday_cos", None) => Feature::WeekdayCos,
            _ => return Err(unknown()),
        })
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feature::Return(period) => write!(f, "return({period})"),
            Feature::Rsi(period) => write!(f, "rsi({period})"),
            Feature::AtrRatio(period) => write!(f, "atr_ratio({period})"),
            Feature::SmaDistance(period) => write!(f, "sma_distance({period})"),
            Feature::Bollinger(period) => write!(f, "bollinger({period})"),
            Feature::Volatility(period) => write!(f, "volatility({period})"),
            Feature::VolumeRatio(period) => write!(f, "volume_ratio({period})"),
            Feature::Range => f.write_str("range"),
            Feature::HourSin => f.write_str("hour_sin"),
            Feature::HourCos => f.write_str("hour_cos"),
            Feature::WeekdaySin => f.write_str("weekday_sin"),
            Feature::WeekdayCos => f.write_str("weekday_cos"),
        }
    }
}

impl Serialize for Feature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Feature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Feature, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Features of consecutive bars, a row a bar: row `first` is the first bar at which all of them are defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// First bar with a row; the number of bars when none has.
    pub first: usize,
    /// Values in a row.
    pub columns: usize,
    /// All rows, one after the other.
    pub values: Vec<f64>,
}

impl Features {
    /// The features of every bar.
    pub fn of(bars: &Bars, features: &[Feature]) -> Features {
        let mut state = FeatureState::new(features);
        let mut table = Features { first: 0, columns: features.len(), values: Vec::new() };
        for row in bars.rows() {
            match state.update(&row) {
                Some(values) => table.values.extend_from_slice(values),
                None => table.first += 1,
            }
        }
        table
    }

    /// The features at a bar.
    pub fn row(&self, bar: usize) -> Option<&[f64]> {
        let start = bar.checked_sub(self.first)? * self.columns;
        self.values.get(start..start + self.columns).filter(|row| !row.is_empty())
    }
}

/// Computes features bar by bar.
pub(crate) struct FeatureState {
    states: Vec<State>,
    values: Vec<f64>,
}

/// What a feature remembers.
enum State {
    Return(Roc),
    Rsi(Rsi),
    AtrRatio(Atr),
    SmaDistance(Sma),
    Bollinger(Bbands),
    Volatility(Roc, Stddev),
    VolumeRatio(Sma),
    Range,
    /// Of a day or week of so many nanoseconds.
    Sine(i64),
    Cosine(i64),
}

const DAY: i64 = 86_400 * gauntlet_domain::time::NANOS_PER_SECOND;

impl FeatureState {
    pub(crate) fn new(features: &[Feature]) -> FeatureState {
        let state = |feature: &Feature| match *feature {
            Feature::Return(period) => State::Return(Roc::new(period)),
            Feature::Rsi(period) => State::Rsi(Rsi::new(period)),
            Feature::AtrRatio(period) => State::AtrRatio(Atr::new(period)),
            Feature::SmaDistance(period) => State::SmaDistance(Sma::new(period)),
            Feature::Bollinger(period) => State::Bollinger(Bbands::new(period, 1.0)),
            Feature::Volatility(period) => State::Volatility(Roc::new(1), Stddev::new(period)),
            Feature::VolumeRatio(period) => State::VolumeRatio(Sma::new(period)),
            Feature::Range => State::Range,
            Feature::HourSin => State::Sine(DAY),
            Feature::HourCos => State::Cosine(DAY),
            Feature::WeekdaySin => State::Sine(7 * DAY),
            Feature::WeekdayCos => State::Cosine(7 * DAY),
        };
        FeatureState { states: features.iter().map(state).collect(), values: vec![0.0; features.len()] }
    }

    /// Takes the next bar; answers once every feature is defined.
    pub(crate) fn update(&mut self, row: &BarRow) -> Option<&[f64]> {
        let mut defined = true;
        for (state, value) in self.states.iter_mut().zip(&mut self.values) {
            match state.update(row) {
                Some(new) => *value = new,
                None => defined = false,
            }
        }
        defined.then_some(&self.values)
    }
}

impl State {
    fn update(&mut self, row: &BarRow) -> Option<f64> {
        match self {
            State::Return(roc) => roc.update(row.close).map(|percent| percent / 100.0),
            State::Rsi(rsi) => rsi.update(row.close).map(|index| index / 50.0 - 1.0),
            State::AtrRatio(atr) => {
                atr.update(row.high, row.low, row.close).map(|range| ratio(range, row.close))
            }
            State::SmaDistance(sma) => sma.update(row.close).map(|mean| ratio(row.close - mean, mean)),
            State::Bollinger(bands) => {
                let bands = bands.update(row.close)?;
                Some(ratio(row.close - bands.middle, bands.upper - bands.middle))
            }
            State::Volatility(roc, deviation) => {
                let change = roc.update(row.close)?;
                deviation.update(change).map(|deviation| deviation / 100.0)
            }
            State::VolumeRatio(sma) => sma.update(row.volume).map(|mean| ratio(row.volume - mean, mean)),
            State::Range => Some(ratio(row.high - row.low, row.close)),
            State::Sine(cycle) => Some(libm::sin(angle(row.close_time, *cycle))),
            State::Cosine(cycle) => Some(libm::cos(angle(row.close_time, *cycle))),
        }
    }
}

fn ratio(numerator: f64, denominator: f64) -> f64 {
    let ratio = numerator / denominator;
    if ratio.is_finite() { ratio } else { 0.0 }
}

fn angle(time: i64, cycle: i64) -> f64 {
    std::f64::consts::TAU * (time.rem_euclid(cycle) as f64 / cycle as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for feature in DEFAULT_FEATURES {
            assert_eq!(feature.to_string().parse(), Ok(feature));
        }
        assert_eq!("volume_ratio(7)".parse(), Ok(Feature::VolumeRatio(7)));
    }

    #[test]
    fn an_unknown_feature_is_refused_with_the_nearest() {
        let error = "rsj(14)".parse::<Feature>().unwrap_err().to_string();
        assert!(error.contains("did you mean 'rsi(n)'"), "{error}");
        assert!("rsi".parse::<Feature>().is_err());
        assert!("rsi(0)".parse::<Feature>().unwrap_err().to_string().contains("a period from 1 to 10000"));
    }

    #[test]
    fn noon_is_half_way_round() {
        let noon = BarRow { close_time: DAY / 2, ..BarRow::default() };
        let bars: Bars = [noon].into_iter().collect();
        let table = Features::of(&bars, &[Feature::HourCos, Feature::Range]);
        assert_eq!(table.row(0), Some(&[-1.0, 0.0][..]));
        assert_eq!(table.row(1), None);
    }
}
