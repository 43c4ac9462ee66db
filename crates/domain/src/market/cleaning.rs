//! What cleaning says of rows: what it left out, what it put right, and how a source ended.

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::time::Timestamp;

/// Why cleaning rejected, corrected or reported something. Text in events, so that an old reader can pass on a
/// code that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Bid above ask.
    Crossed,
    /// Bid equal to ask.
    Locked,
    /// Price zero or negative.
    NonPositivePrice,
    /// Size zero or negative.
    NonPositiveSize,
    /// NaN, infinite or unreadable number.
    NotANumber,
    /// Unreadable time.
    BadTime,
    /// Far from the prices before it, and those after it are not.
    Outlier,
    /// A numbered row that was delivered before, or a quote that repeats the one before it to the last digit, size and
    /// nanosecond.
    Duplicate,
    /// Behind the latest row: put in its place. Of bars: behind what is final.
    OutOfOrder,
    /// Silence longer than the instrument allows.
    Gap,
    /// The same quote for longer than the instrument allows.
    Stale,
    /// A number too large to hold.
    OutOfRange,
    /// A running total that went down.
    TotalDecreased,
    /// Open, high, low and close that contradict each other.
    InconsistentBar,
    /// Behind the latest row by more than rows may be late.
    Late,
    /// Its clock was far ahead of the rows around it.
    ClockAhead,
    /// Far ahead of all rows before it, and the source ended before others could confirm it.
    DecidedAtEnd,
    /// The first price of a level far from the one before it, which has lasted: kept.
    LevelShift,
    /// A spread far wider than those before it.
    WideSpread,
    /// Outside the trading hours of the instrument.
    OutOfSession,
    /// An auction or a block whose price lies off the level: kept.
    BlockTrade,
    /// On a day of which the calendar of the instrument says nothing.
    NoCalendar,
    /// A bar that was delivered before comes again with other numbers: a revision of the first one.
    Revised,
    /// Rows of a source that was given up: they count for nothing.
    Aborted,
    /// No multiple of the tick size that the instrument is said to have: kept.
    OffTick,
    /// A trade of which only the size counts: kept.
    VolumeOnly,
}

impl Reason {
    /// The code as in events and on the command line.
    pub fn code(self) -> &'static str {
        use Reason::*;
        match self {
            Crossed => "crossed",
            Locked => "locked",
            NonPositivePrice => "non_positive_price",
            NonPositiveSize => "non_positive_size",
            NotANumber => "not_a_number",
            BadTime => "bad_time",
            Outlier => "outlier",
            Duplicate => "duplicate",
            OutOfOrder => "out_of_order",
            Gap => "gap",
            Stale => "stale",
            OutOfRange => "out_of_range",
            TotalDecreased => "total_decreased",
            InconsistentBar => "inconsistent_bar",
            Late => "late",
            ClockAhead => "clock_ahead",
            DecidedAtEnd => "decided_at_end",
            LevelShift => "level_shift",
            WideSpread => "wide_spread",
            OutOfSession => "out_of_session",
            BlockTrade => "block_trade",
            NoCalendar => "no_calendar",
            Revised => "revised",
            Aborted => "aborted",
            OffTick => "off_tick",
            VolumeOnly => "volume_only",
        }
    }
}

/// Rows of one block that were left out for the same reason, in columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRejected {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The source of the rows.
    pub source: String,
    /// Code of a [`Reason`].
    pub reason: String,
    /// Row numbers in the source.
    pub rows: Vec<i64>,
    /// Event times of the rows, nanoseconds.
    pub times: Vec<i64>,
}

/// Rows that were kept for the same reason and put right or flagged, in columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickCorrected {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The source of the rows.
    pub source: String,
    /// Code of a [`Reason`].
    pub reason: String,
    /// Row numbers in the source.
    pub rows: Vec<i64>,
    /// Event times of the rows, nanoseconds.
    pub times: Vec<i64>,
}

/// Silence in the data, or several of them that follow each other row by row within one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapDetected {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The source in which the silence ended.
    pub source: String,
    /// The row that ended it; of several the first.
    pub row: i64,
    /// Last event time before the silence.
    pub from: Timestamp,
    /// First event time after it; of several after the last.
    pub to: Timestamp,
    /// Silences; before version 2 always one.
    #[serde(default = "one")]
    pub count: i64,
}

fn one() -> i64 {
    1
}

/// A count by reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// Code of a [`Reason`].
    pub reason: String,
    /// How many rows.
    pub count: i64,
}

/// What cleaning made of a whole source; answers [`FeedCompleted`](crate::market::FeedCompleted).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCleaned {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// SHA-256 of the source file.
    pub source: String,
    /// File name, for people.
    pub name: String,
    /// Rows read.
    pub rows: i64,
    /// Rows that went into bars.
    pub accepted: i64,
    /// Rows left out, by reason.
    pub rejected: Vec<ReasonCount>,
    /// Rows put right or flagged, by reason; they are among the accepted.
    pub corrected: Vec<ReasonCount>,
    /// Gaps that ended in this source.
    pub gaps: i64,
    /// Why the source was given up before its end; empty where it was not.
    #[serde(default)]
    pub aborted: String,
    /// Earliest event time of the accepted rows; `None` where there are none, and before version 3.
    #[serde(default)]
    pub first: Option<Timestamp>,
    /// Latest event time of the accepted rows.
    #[serde(default)]
    pub last: Option<Timestamp>,
    /// Specs of the bars that it holds, or that its ticks make.
    #[serde(default)]
    pub bars: Vec<BarSpec>,
}
