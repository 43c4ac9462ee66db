//! What an instrument is, and how its data are cleaned and aggregated.

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::decimal::Scale;
use crate::market::Calendar;

/// What an instrument is and how its data are cleaned and aggregated. Travels in the instrument's own partition
/// ahead of the data that it governs, so every decision made with it is reproducible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentDefined {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Currency of the price.
    pub currency: String,
    /// Specs that are built from ticks.
    pub bars: Vec<BarSpec>,
    /// Which ticks make the prices of bars.
    pub price: PriceBasis,
    /// Event time at which a bar is stamped.
    pub stamp: BarStamp,
    /// What happens to an interval without ticks.
    pub empty_bars: EmptyBars,
    /// Ticks outside are left out of bars, and bars are aligned to its opening; `None` is round the clock.
    pub session: Option<Session>,
    /// Times and switches of the cleaning rules.
    pub cleaning: CleaningRules,
    /// Of all its prices and sizes; the first definition fixes it.
    #[serde(default)]
    pub scale: Scale,
    /// Smallest move of a price, in units of the scale; told from the data where it is not said.
    #[serde(default)]
    pub tick_size: Option<i64>,
    /// A price of zero or less is no price.
    #[serde(default)]
    pub positive_prices: bool,
    /// `stock`, `future`, `fx`, `crypto`, `option`, `bond`, `index`; empty where nobody said.
    #[serde(default)]
    pub asset_class: String,
    /// Sessions by date, in the place of [`session`](Self::session).
    #[serde(default)]
    pub calendar: Option<Calendar>,
    /// Limits of the cleaning rules.
    #[serde(default)]
    pub limits: CleaningLimits,
}

/// Which ticks make the prices of bars; the others add spread or volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceBasis {
    /// Written by a newer version.
    Unknown,
    /// The mid of bid and ask.
    Quotes,
    /// Trades and last prices.
    Trades,
}

/// Which end of its interval stamps a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BarStamp {
    /// Written by a newer version.
    Unknown,
    /// The end: when the bar is known.
    Close,
    /// The beginning, as many charts have it.
    Open,
}

/// What an interval without ticks gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyBars {
    /// Written by a newer version.
    Unknown,
    /// No bar.
    Skip,
    /// A flat bar at the last close with zero volume, at most up to the next session's opening.
    Fill,
}

/// Trading hours of every day, in seconds of the UTC day; a closing at or before the opening is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Opening, 0 to 86,399.
    pub open_second: i64,
    /// Closing, 0 to 86,400.
    pub close_second: i64,
}

/// Times and switches of the cleaning rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleaningRules {
    /// How far a tick may lie behind the latest one and still be put in its place, in nanoseconds.
    pub lateness_nanos: i64,
    /// 0 turns the rule of levels off. What else it says belonged to a rule of before.
    pub outlier_centi_bps: i64,
    /// Belonged to a rule of before; it says nothing any more.
    pub absurd_factor: i64,
    /// Silence between ticks that is reported as a gap, in nanoseconds.
    pub gap_nanos: i64,
    /// How long a feed may repeat the same quote before the repeats count as stale, in nanoseconds.
    pub stale_nanos: i64,
}

/// Limits of the cleaning rules, in multiples of what is usual; 0 turns a rule off. What each is for is in
/// `docs/market-data.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CleaningLimits {
    /// How far ahead of all rows before it a row may be, in nanoseconds.
    pub clock_ahead_nanos: i64,
    /// The same in usual distances between rows, where that is more.
    pub clock_intervals: i64,
    /// Usual moves that a price may be off its level.
    pub level_medians: i64,
    /// Smallest moves that a price may be off its level.
    pub level_ticks: i64,
    /// Large moves that a price may be off its level: of the 98th percentile, and the largest of nine stretches in ten.
    pub level_tails: i64,
    /// Usual spreads that a spread may be wide.
    pub spread_medians: i64,
    /// Largest spreads of nine stretches in ten that a spread may be wide.
    pub spread_tails: i64,
    /// Usual sizes from which on a trade off the level is a block.
    pub block_sizes: i64,
}

impl Default for CleaningLimits {
    fn default() -> CleaningLimits {
        CleaningLimits {
            clock_ahead_nanos: 300 * crate::time::NANOS_PER_SECOND,
            clock_intervals: 20,
            level_medians: 12,
            level_ticks: 12,
            level_tails: 3,
            spread_medians: 50,
            spread_tails: 20,
            block_sizes: 20,
        }
    }
}

/// A definition as version 1 of its record had it.
#[derive(Serialize)]
struct Version1<'a> {
    instrument: &'a str,
    currency: &'a str,
    bars: &'a [BarSpec],
    price: PriceBasis,
    stamp: BarStamp,
    empty_bars: EmptyBars,
    session: Option<Session>,
    cleaning: CleaningRules,
}

impl InstrumentDefined {
    /// The definition of an instrument about which nothing else was said.
    pub fn new(instrument: &str, bars: Vec<BarSpec>, price: PriceBasis) -> InstrumentDefined {
        InstrumentDefined {
            instrument: instrument.to_owned(),
            currency: "USD".into(),
            bars,
            price,
            stamp: BarStamp::Close,
            empty_bars: EmptyBars::Skip,
            session: None,
            cleaning: CleaningRules::default(),
            scale: Scale::USUAL,
            tick_size: None,
            positive_prices: false,
            asset_class: String::new(),
            calendar: None,
            limits: CleaningLimits::default(),
        }
    }

    /// All that it says, as JSON without spaces, fields in the order of the schema: what its id is made of. One that says
    /// nothing of what version 2 added has the JSON, and with it the id, that it had before.
    pub fn to_json(&self) -> String {
        let InstrumentDefined {
            instrument, currency, bars, price, stamp, empty_bars, session, cleaning, ..
        } = self;
        let version_1 = Version1 {
            instrument,
            currency,
            bars,
            price: *price,
            stamp: *stamp,
            empty_bars: *empty_bars,
            session: *session,
            cleaning: *cleaning,
        };
        let plain = InstrumentDefined {
            currency: currency.clone(),
            stamp: *stamp,
            empty_bars: *empty_bars,
            session: *session,
            cleaning: *cleaning,
            ..InstrumentDefined::new(instrument, bars.clone(), *price)
        };
        let json =
            if plain == *self { serde_json::to_string(&version_1) } else { serde_json::to_string(self) };
        json.expect("invariant: texts, whole numbers and lists of them become JSON")
    }
}

impl Default for CleaningRules {
    fn default() -> Self {
        const SECOND: i64 = crate::time::NANOS_PER_SECOND;
        CleaningRules {
            lateness_nanos: 0,
            outlier_centi_bps: 400,
            absurd_factor: 10,
            gap_nanos: 900 * SECOND,
            stale_nanos: 600 * SECOND,
        }
    }
}
