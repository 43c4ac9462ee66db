//! Market data: what feeds publish, and what cleaning, aggregation and sealing make of it.
//!
//! Commands: `CreateSnapshot`. Facts: everything else. A block holds many rows of one instrument in columns,
//! because the cost of a record on the log is per record, not per row.

/// Trading sessions.
mod calendar;
/// What cleaning says of rows.
mod cleaning;
/// What an instrument is.
mod instrument;
/// Revisions of bars.
mod revision;
/// Snapshots of bars.
mod snapshot;

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::decimal::{Price, Quantity, Scale};
use crate::time::Timestamp;

pub use calendar::{Calendar, SpecialDay, WeeklySession, ZoneOffset};
pub use cleaning::{GapDetected, Reason, ReasonCount, SourceCleaned, TickCorrected, TickRejected};
pub use instrument::{
    BarStamp, CleaningLimits, CleaningRules, EmptyBars, InstrumentDefined, PriceBasis, Session,
};
pub use revision::{BarRevised, Change};
pub use snapshot::{CreateSnapshot, SnapshotDue, SnapshotFile, SnapshotSealed};

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
    /// A trade of which only the size counts: an average price, one that is derived from another, a late report. Its side is
    /// not known.
    VolumeOnly = 8,
    /// A trade of an auction or a block: its price counts and is never refused for its level. Its side is not known.
    Auction = 9,
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
    #[inline]
    pub fn from_code(code: u8) -> Option<TickKind> {
        use TickKind::*;
        Some(match code {
            1 => Quote,
            2 => Trade,
            3 => Buy,
            4 => Sell,
            5 => Last,
            6 => Book,
            7 => ReceivedQuote,
            8 => VolumeOnly,
            9 => Auction,
            16 => NotANumber,
            17 => BadTime,
            18 => OutOfRange,
            19 => TotalDecreased,
            _ => return None,
        })
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
    /// Bid of a quote or price of a trade, in units of the scale.
    pub prices: Vec<i64>,
    /// Ask of a quote in units of the scale, 0 for a trade; empty when the block has only trades.
    pub asks: Vec<i64>,
    /// Bid size of a quote or size of a trade, in units of the scale; empty when the source has no sizes.
    pub sizes: Vec<i64>,
    /// Ask size of a quote, in units of the scale; empty when the source has none.
    pub ask_sizes: Vec<i64>,
    /// Of all prices and sizes here.
    #[serde(default)]
    pub scale: Scale,
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
    /// Of all prices and sizes here.
    #[serde(default)]
    pub scale: Scale,
    /// When the recorder had it, by its own clock; `None` where that is not said. A row that has it is judged by it and never
    /// waits for those that follow.
    #[serde(default)]
    pub received: Option<Timestamp>,
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
    /// Of all prices and sizes here.
    #[serde(default)]
    pub scale: Scale,
    /// When the recorder had it, by its own clock; `None` where that is not said. A row that has it is judged by it and never
    /// waits for those that follow.
    #[serde(default)]
    pub received: Option<Timestamp>,
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
    /// Open, in units of the scale: of the mid where the source has bid and ask.
    pub opens: Vec<i64>,
    /// High, in units of the scale.
    pub highs: Vec<i64>,
    /// Low, in units of the scale.
    pub lows: Vec<i64>,
    /// Close, in units of the scale.
    pub closes: Vec<i64>,
    /// Ask minus bid at the open, in units of the scale; empty when the source has no quotes.
    pub open_spreads: Vec<i64>,
    /// Ask minus bid at the close, in units of the scale; empty when the source has no quotes.
    pub close_spreads: Vec<i64>,
    /// Volume, in units of the scale; empty when the source has none.
    pub volumes: Vec<i64>,
    /// Of all prices and sizes here.
    #[serde(default)]
    pub scale: Scale,
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
    /// Of all prices and sizes here.
    #[serde(default)]
    pub scale: Scale,
}

/// A source was given up before its end: nothing more of it comes. What waits to be judged is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAborted {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The source.
    pub source: String,
    /// File name without folders, for people.
    pub name: String,
    /// Rows of this instrument that were published.
    pub rows: i64,
    /// Why, in a sentence.
    pub reason: String,
    /// Of the source's prices and sizes.
    pub scale: Scale,
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
    /// Of all prices and sizes here.
    #[serde(default)]
    pub scale: Scale,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_code_and_no_other_code_has_a_kind() {
        let known: Vec<u8> = (0..=u8::MAX).filter(|code| TickKind::from_code(*code).is_some()).collect();
        assert_eq!(known, [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19]);
        assert!(known.iter().all(|code| TickKind::from_code(*code).is_some_and(|kind| kind as u8 == *code)));
    }
}
