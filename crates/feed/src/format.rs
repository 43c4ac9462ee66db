//! What the caller says about a file: its format, its clock, and which of its rows are wanted.

use std::fmt;
use std::str::FromStr;

use gauntlet_domain::market::BarStamp;
use gauntlet_domain::names::{UnknownName, find};
use gauntlet_domain::{BarSpec, InstrumentId, Scale};
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::stop::Stop;
use crate::time::{Clock, DateOrder};
use crate::zone::{Ambiguous, Zone};

/// Formats that can be read. Text formats may be plain, packed by gzip, zstd, xz or bzip2, or the only CSV of a zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Quotes of Lean: milliseconds since midnight, bid, ask; no header; the date is in the file name.
    LeanQuote,
    /// Trades or quotes with a header; columns are found by their usual names.
    Csv,
    /// Trades or quotes in Parquet; columns are found by the same names as in CSV.
    Parquet,
    /// A recording of Binance websocket streams: nanoseconds of the recorder's clock, a space, one JSON message.
    BinanceJsonl,
    /// Bars, or one price a row, with a header.
    BarsCsv,
    /// Hourly or daily bars of Lean: `YYYYMMDD HH:MM`, then bid and ask bars or a trade bar; no header.
    LeanBar,
}

impl Format {
    /// Every format, in the order of the command line's help.
    pub const ALL: [Format; 6] = [
        Format::LeanQuote,
        Format::Csv,
        Format::Parquet,
        Format::BinanceJsonl,
        Format::BarsCsv,
        Format::LeanBar,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::LeanQuote => "lean-quote",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::BinanceJsonl => "binance-jsonl",
            Format::BarsCsv => "bars-csv",
            Format::LeanBar => "lean-bar",
        }
    }

    /// Whether its columns are found by their names.
    pub(crate) fn is_table(self) -> bool {
        matches!(self, Format::Csv | Format::BarsCsv | Format::Parquet)
    }

    /// What a row of the format looks like, for messages.
    pub(crate) fn row_shape(self) -> &'static str {
        match self {
            Format::LeanQuote => "milliseconds since midnight, bid, ask",
            Format::Csv => "a time and a price, or a time, a bid and an ask",
            Format::Parquet => "a time and a price, or a time, a bid and an ask",
            Format::BinanceJsonl => "nanoseconds, a space, one JSON message",
            Format::BarsCsv => "a date and open, high, low, close, or a date and one price",
            Format::LeanBar => "YYYYMMDD HH:MM and ten columns of bid and ask bars or five of a trade bar",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("format", name, &Format::ALL, |format| format.name()).copied()
    }
}

/// What somebody says about how a file is written, where the file does not settle it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The time zone of times without one, by its name in the time zone database: `America/New_York`.
    pub zone: Option<String>,
    /// Which instant a time of the zone is that it has twice and the file once.
    #[serde(default)]
    pub ambiguous: Option<Ambiguous>,
    /// What comes first in `1/2/2017`.
    pub date_order: Option<DateOrder>,
    /// Columns by what is in them: `("price", "Last")`. A number that is no name in the header is a position, from 1.
    pub columns: Vec<(String, String)>,
    /// The column by which rows of several symbols are told apart, and the value of those that are read.
    #[serde(default)]
    pub only: Option<(String, String)>,
    /// How times are written, in the letters of `strftime`.
    pub time_format: Option<String>,
    /// How the characters of a text are written, where no byte order mark says it.
    #[serde(default)]
    pub encoding: Option<Encoding>,
    /// Lines before the header, or before the first row where there is none.
    #[serde(default)]
    pub skip_lines: u64,
    /// Prices are whole numbers of ten to the power of less this: 9 where one is a billionth, 0 where they are as they stand.
    #[serde(default)]
    pub price_digits: Option<u8>,
    /// The decimal mark, `.` or `,`.
    pub decimal: Option<char>,
    /// Codes of conditions of trades whose size counts and whose price does not.
    #[serde(default)]
    pub volume_only: Vec<String>,
    /// Codes of conditions of trades of an auction or a block.
    #[serde(default)]
    pub auction: Vec<String>,
}

impl Reading {
    /// Whether a column that only bars have was named.
    pub(crate) fn has_bars(&self) -> bool {
        let is_of_bar = |(what, _): &(String, String)| matches!(&what[..], "open" | "high" | "low" | "close");
        self.columns.iter().any(is_of_bar)
    }

    /// Columns by what is in them, that of symbols among them.
    pub(crate) fn named(&self) -> Vec<(String, String)> {
        let symbol = self.only.iter().map(|(column, _)| ("symbol".to_owned(), column.clone()));
        self.columns.iter().cloned().chain(symbol).collect()
    }

    /// Whether columns are named, and all of them by their positions.
    pub(crate) fn is_by_position(&self) -> bool {
        !self.columns.is_empty() && self.columns.iter().all(|(_, name)| name.parse::<usize>().is_ok())
    }
}

/// How to read a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whose data these are; goes into every block.
    pub instrument: InstrumentId,
    /// The file's format; `None` finds out.
    pub format: Option<Format>,
    /// The file's clock, seconds east of UTC: event time = file time - offset. Applies to times without a zone;
    /// RFC 3339 times with a zone and epoch numbers are UTC already.
    pub utc_offset_seconds: i32,
    /// Picks the rows of a file with a symbol column, or the column of a price matrix; `None` is the instrument's
    /// symbol. Compared without regard to case and punctuation: `BTC-USD` is `BTCUSD`.
    pub symbol: Option<String>,
    /// Picks the rows of a file with a market column (`spot`, `usdm`, `cm`); `None` is what follows the last `_` or
    /// `-` of the instrument's venue: `BINANCE_USDM` reads `usdm`.
    pub market: Option<String>,
    /// Which bars a bars file holds; `None` takes what the file says, its distances where they leave no doubt, or Lean's
    /// folder name.
    pub bar_spec: Option<BarSpec>,
    /// Which end of its bars the times of a bars file are.
    pub bar_stamp: BarStamp,
    /// How the file is written, where it does not settle that itself.
    pub reading: Reading,
    /// The scale of the instrument; `None` where its first data fix it: what the file's first rows need.
    pub scale: Option<Scale>,
    /// How often it was fed before and given up, read in this way.
    pub given_up: u32,
    /// Raised when reading is to end.
    pub stop: Stop,
}

impl Options {
    /// Everything found out from the file; its clock is UTC.
    pub fn new(instrument: InstrumentId) -> Options {
        Options {
            instrument,
            format: None,
            utc_offset_seconds: 0,
            symbol: None,
            market: None,
            bar_spec: None,
            bar_stamp: BarStamp::Open,
            reading: Reading::default(),
            scale: None,
            given_up: 0,
            stop: Stop::default(),
        }
    }

    /// The clock as far as it is said here.
    pub(crate) fn clock(&self) -> Result<Clock, String> {
        let mut clock = Clock::new(self.utc_offset_seconds);
        if let Some(name) = &self.reading.zone {
            clock.zone = Some(Zone::named(name).ok_or_else(|| {
                let instead = match Zone::nearest(name) {
                    Some(nearest) => format!("did you mean {nearest}?"),
                    None => "write a name such as America/New_York".to_owned(),
                };
                format!("--zone {name} is not in the time zone database: {instead}")
            })?);
        }
        clock.order = self.reading.date_order;
        clock.format.clone_from(&self.reading.time_format);
        Ok(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_back_from_their_names() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "excel".parse::<Format>().unwrap_err();
        assert!(error.to_string().starts_with("unknown format `excel`: use one of lean-quote"), "{error}");
        let error = "parquett".parse::<Format>().unwrap_err();
        assert!(error.to_string().contains("did you mean `parquet`?"), "{error}");
    }
}
