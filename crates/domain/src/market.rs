//! Market data: what feeds publish, and what cleaning, aggregation and sealing make of it.
//!
//! Commands: `CreateSnapshot`. Facts: everything else. A block holds many rows of one instrument in columns,
//! because the cost of a record on the log is per record, not per row.

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::decimal::{Price, Quantity};
use crate::ids::{ContentHash, InstrumentId, SnapshotId};
use crate::time::Timestamp;

/// Rows in a full [`TickBlock`] or [`BarBlock`]. Part of the format, not a setting: block boundaries decide event
/// ids, so the same file gives the same events everywhere.
pub const ROWS_PER_BLOCK: usize = 4096;

/// What one row of a [`TickBlock`] is. Codes 16 and above mark a row that the importer could not read; it travels
/// on so that cleaning can enter it in the ledger, and its numbers mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TickKind {
    /// Best bid and ask.
    Quote = 1,
    /// A trade whose aggressor is not known.
    Trade = 2,
    /// A trade in which the buyer was the aggressor.
    Buy = 3,
    /// A trade in which the seller was the aggressor.
    Sell = 4,
    /// A last price that says nothing about a size.
    Last = 5,
    /// A change deeper in the book: its time counts, it has no price.
    Book = 6,
    /// Best bid and ask stamped by the recorder, not by the venue: not ordered against the venue's times.
    ReceivedQuote = 7,
    /// A price or size that is NaN, infinite or no number.
    NotANumber = 16,
    /// A time that cannot be read.
    BadTime = 17,
    /// A number too large to hold.
    OutOfRange = 18,
    /// A running total (day volume) that went down.
    TotalDecreased = 19,
}

impl TickKind {
    /// The kind for a code in a block; `None` for a code of a newer version.
    pub fn from_code(code: u8) -> Option<TickKind> {
        use TickKind::*;
        [Quote, Trade, Buy, Sell, Last, Book, ReceivedQuote, NotANumber, BadTime, OutOfRange, TotalDecreased]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }
}

/// Rows of one instrument from one source, in the source's order. Columns have one entry a row, or are empty where
/// the source has no such column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TickBlock {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// SHA-256 of the source file, or an id that the feed gives its stream.
    pub source: String,
    /// Number of this block in its source and instrument, from 0.
    pub block: i64,
    /// Row number in the source, from 1.
    pub rows: Vec<i64>,
    /// The venue's own numbering; empty when it has none.
    pub sequences: Vec<i64>,
    /// Codes of [`TickKind`].
    #[serde(with = "serde_bytes_column")]
    pub kinds: Vec<u8>,
    /// Event time in nanoseconds since the epoch, UTC.
    pub times: Vec<i64>,
    /// Bid of a quote or price of a trade, in billionths.
    pub prices: Vec<i64>,
    /// Ask of a quote in billionths, 0 for a trade; empty when the block has only trades.
    pub asks: Vec<i64>,
    /// Bid size of a quote or size of a trade, in hundred-millionths; empty when the source has no sizes.
    pub sizes: Vec<i64>,
    /// Ask size of a quote, in hundred-millionths; empty when the source has none.
    pub ask_sizes: Vec<i64>,
}

impl TickBlock {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// True when the block has no row.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

/// `bytes` in formats that have them, without a dependency for it.
mod serde_bytes_column {
    use serde::de::{Deserializer, SeqAccess, Visitor};

    pub fn serialize<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// One best bid and ask as a live feed publishes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The feed's stream id.
    pub source: String,
    /// The feed's own numbering in the stream, from 1, without gaps.
    pub sequence: i64,
    /// Event time.
    pub time: Timestamp,
    /// Best bid.
    pub bid: Price,
    /// Best ask.
    pub ask: Price,
    /// Size at the bid, if known.
    pub bid_size: Option<Quantity>,
    /// Size at the ask, if known.
    pub ask_size: Option<Quantity>,
}

/// One trade as a live feed publishes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The feed's stream id.
    pub source: String,
    /// The feed's own numbering in the stream, from 1, without gaps.
    pub sequence: i64,
    /// Event time.
    pub time: Timestamp,
    /// Price.
    pub price: Price,
    /// Size.
    pub size: Quantity,
    /// `buy` or `sell`, the aggressor's side, if known.
    pub side: Option<String>,
}

/// Bars that were bought ready-made, in the source's order; columns as in [`TickBlock`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BarBlock {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// SHA-256 of the source file.
    pub source: String,
    /// Number of this block in its source and instrument, from 0.
    pub block: i64,
    /// The bars' spec, `time:1h`.
    pub spec: String,
    /// Row number in the source, from 1.
    pub rows: Vec<i64>,
    /// Code 1 for a readable row, else a code of [`TickKind`] from 16 on.
    #[serde(with = "serde_bytes_column")]
    pub kinds: Vec<u8>,
    /// Start of each bar, nanoseconds since the epoch, UTC.
    pub open_times: Vec<i64>,
    /// Open, in billionths: of the mid where the source has bid and ask.
    pub opens: Vec<i64>,
    /// High, in billionths.
    pub highs: Vec<i64>,
    /// Low, in billionths.
    pub lows: Vec<i64>,
    /// Close, in billionths.
    pub closes: Vec<i64>,
    /// Ask minus bid at the open, in billionths; empty when the source has no quotes.
    pub open_spreads: Vec<i64>,
    /// Ask minus bid at the close, in billionths; empty when the source has no quotes.
    pub close_spreads: Vec<i64>,
    /// Volume, in hundred-millionths; empty when the source has none.
    pub volumes: Vec<i64>,
}

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

/// The end of a source was published: everything before it in the partition is all there is of that source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCompleted {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// SHA-256 of the source file.
    pub source: String,
    /// File name without folders, for people.
    pub name: String,
    /// Rows of this instrument that were read.
    pub rows: i64,
    /// Blocks that were published.
    pub blocks: i64,
}

/// One closed bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// Start of the interval.
    pub open_time: Timestamp,
    /// End of the interval: the first moment at which the bar is known.
    pub close_time: Timestamp,
    /// The stamp: one of the two times above, as the instrument defines it.
    pub time: Timestamp,
    /// First price: the mid of quotes, or the trade price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Ask minus bid at the first quote; none for trades.
    pub open_spread: Option<Price>,
    /// Ask minus bid at the last quote; none for trades.
    pub close_spread: Option<Price>,
    /// Sum of trade sizes; zero when the source has none.
    pub volume: Quantity,
    /// Ticks in the bar; zero for a filled or ready-made bar.
    pub ticks: i64,
}

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
    /// A jump that the next tick takes back, or an absurd price.
    Outlier,
    /// The venue's own numbering repeats, or a quote repeats the one before it to the last digit and nanosecond.
    Duplicate,
    /// Behind the latest tick.
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

/// Rows of one block that were kept but put right for the same reason, in columns.
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

/// Silence in the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapDetected {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The source in which the silence ended.
    pub source: String,
    /// The row that ended it.
    pub row: i64,
    /// Last event time before the silence.
    pub from: Timestamp,
    /// First event time after it.
    pub to: Timestamp,
}

/// A count by reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// Code of a [`Reason`].
    pub reason: String,
    /// How many rows.
    pub count: i64,
}

/// What cleaning made of a whole source; answers [`FeedCompleted`].
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
    /// Rows put right, by reason; they are among the accepted.
    pub corrected: Vec<ReasonCount>,
    /// Gaps that ended in this source.
    pub gaps: i64,
}

/// Command: seal the bars of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSnapshot {
    /// Derived from the fields below.
    pub snapshot_id: SnapshotId,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time, inclusive.
    pub from: Timestamp,
    /// Last close time, inclusive: a bar belongs to the range when it closes at or before this moment.
    pub to: Timestamp,
}

impl CreateSnapshot {
    /// The command for a range; the id is a function of the arguments.
    pub fn new(instrument: &InstrumentId, spec: BarSpec, from: Timestamp, to: Timestamp) -> CreateSnapshot {
        let snapshot_id = SnapshotId::derive(&[
            instrument.as_str().as_bytes(),
            spec.to_string().as_bytes(),
            &from.0.to_be_bytes(),
            &to.0.to_be_bytes(),
        ]);
        CreateSnapshot { snapshot_id, instrument: instrument.as_str().to_owned(), spec, from, to }
    }
}

/// Event time has passed the end of a range that was asked for: its bars are final and can be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotDue {
    /// The snapshot asked for.
    pub snapshot_id: SnapshotId,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time, inclusive.
    pub from: Timestamp,
    /// Last close time, inclusive.
    pub to: Timestamp,
}

/// One file of a sealed snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Path in the lake.
    pub path: String,
    /// SHA-256 of the file's bytes.
    pub sha256: ContentHash,
    /// Bars in the file.
    pub rows: i64,
}

/// The bars of a range are on the lake under their content hash and will never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSealed {
    /// The snapshot asked for.
    pub snapshot_id: SnapshotId,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time asked for.
    pub from: Timestamp,
    /// Last close time asked for.
    pub to: Timestamp,
    /// SHA-256 over the canonical bytes of the bars: the data's identity, whatever the file format.
    pub content_hash: ContentHash,
    /// Bars.
    pub rows: i64,
    /// Where they lie.
    pub files: Vec<SnapshotFile>,
}
