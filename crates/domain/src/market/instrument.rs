//! What an instrument is, and how its data are cleaned and aggregated.

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;

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
    /// Thresholds of the cleaning rules.
    pub cleaning: CleaningRules,
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

/// Thresholds of the cleaning rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleaningRules {
    /// How far a tick may lie behind the latest one and still be put in its place, in nanoseconds.
    pub lateness_nanos: i64,
    /// Size of a one-tick jump that counts as an outlier when the next tick takes three quarters of it back,
    /// in hundredths of a basis point; 0 turns the rule off.
    pub outlier_centi_bps: i64,
    /// A price beyond this multiple of the previous one, up or down, that is not taken back is still absurd;
    /// 0 turns the rule off.
    pub absurd_factor: i64,
    /// Silence between ticks that is reported as a gap, in nanoseconds.
    pub gap_nanos: i64,
    /// How long a feed may repeat the same quote before the repeats count as stale, in nanoseconds.
    pub stale_nanos: i64,
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
        }
    }

    /// All that it says, as JSON without spaces, fields in the order of the schema: what its id is made of.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: texts, whole numbers and lists of them become JSON")
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
