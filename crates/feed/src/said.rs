//! What a source says of itself to people: what it was understood as, and the text of one of its rows.

use gauntlet_domain::market::{BarStamp, PriceBasis};

use crate::bar_rows::TextTable as _;
use crate::conditions;
use crate::error::FeedError;
use crate::format::Format;
use crate::input::Wrapping;
use crate::parquet_columns::{Batches, Schema};
use crate::source::{Rows, Source};
use crate::text::TextRows;
use crate::understood::{Understood, choices, clock};
use crate::wanted::Wanted;

/// Bytes of text that are held while a row is looked for.
const CHUNK: usize = 256 * 1024;

impl Source {
    /// What it was understood as. The length of bars is known once the first block was read.
    pub fn understood(&self) -> Understood {
        let shape = match &self.rows {
            Rows::Ticks { rows, .. } => rows.reader.shape(),
            Rows::Bars { rows, .. } => rows.reader.shape(),
        };
        let holds = match (self.has_bars(), self.price_basis()) {
            (true, _) => "bars",
            (false, PriceBasis::Quotes) => "quotes",
            (false, _) => "trades",
        };
        let has = |what: &str| shape.columns.iter().any(|column| column.what == what);
        let is_recording = self.format() == Format::BinanceJsonl;
        let symbol =
            self.options.symbol.clone().unwrap_or_else(|| self.options.instrument.symbol().to_owned());
        let market = self.options.market.clone().or_else(|| Wanted::market_of(&self.options));
        let known = match &self.rows {
            Rows::Bars { rows, length, .. } => length.known(&rows.reader.about()),
            Rows::Ticks { .. } => None,
        };
        let mut understood = Understood {
            file: self.file.shown.clone(),
            bytes: self.bytes_total(),
            wrapping: wrapping(self.file.wrapping),
            format: self.format(),
            header_line: self.has_header().then_some(self.found.preamble + 1),
            delimiter: shape.delimiter.map(delimiter),
            time: shape.time,
            clock: clock(shape.is_utc, &self.options),
            date_order: shape.order,
            numbers: shape.numbers,
            sides: shape.sides,
            newest_first: shape.newest_first,
            holds,
            symbol: (has("symbol") || is_recording).then_some(symbol),
            market: market.filter(|_| has("market")),
            spec: known.map(|(spec, _)| spec.to_string()),
            spec_by: known.map(|(_, by)| by),
            stamp: self.stamp(),
            price_basis: match self.price_basis() {
                PriceBasis::Quotes => "the mid of quotes",
                _ => "trades",
            },
            reading: self.identity().reading.clone(),
            source: self.source_hash().to_string(),
            columns: shape.columns,
            unread: shape.unread,
            choices: Vec::new(),
        };
        understood.choices = choices(&understood, shape.is_utc);
        if shape.has_unread_conditions {
            understood.choices.extend(conditions::choices());
        }
        understood
    }

    /// Whether its trades have conditions that nobody has named.
    pub fn has_unread_conditions(&self) -> bool {
        match &self.rows {
            Rows::Ticks { rows, .. } => rows.reader.shape().has_unread_conditions,
            Rows::Bars { .. } => false,
        }
    }

    fn stamp(&self) -> Option<&'static str> {
        let Rows::Bars { rows, .. } = &self.rows else { return None };
        let about = rows.reader.about();
        Some(match (about.has_both_times, about.is_closing || self.options.bar_stamp == BarStamp::Close) {
            (true, _) => "open, by its own columns",
            (false, true) => "close",
            (false, false) => "open",
        })
    }

    fn has_header(&self) -> bool {
        matches!(self.format(), Format::Csv | Format::BarsCsv) && self.found.implied.is_none()
    }

    /// The line and the text of a row as it stands in the file; `None` where the file has no such row. Reads the file from
    /// its beginning.
    pub fn text_of(&self, row: i64) -> Result<Option<(u64, String)>, FeedError> {
        let row = u64::try_from(row).unwrap_or(0);
        if self.format() == Format::Parquet {
            let schema = Schema::of(&self.file)?;
            let mut batches = Batches::open(&self.file, &schema, &schema.flat(), &[], CHUNK / 32)?;
            while batches.advance()? {
                if batches.rows() == row {
                    return Ok(Some(batches.shown()));
                }
            }
            return Ok(None);
        }
        let mut rows = TextRows::new(self.file.text()?.bytes, self.file.shown.clone(), CHUNK);
        rows.skip_to(self.found.preamble)?;
        if self.has_header() {
            rows.header()?;
        }
        // Messages of a recording are numbered by their lines.
        let is_by_line = self.format() == Format::BinanceJsonl;
        while rows.advance()? {
            let number = if is_by_line { rows.line() } else { rows.rows() };
            if number == row {
                return Ok(Some(rows.shown()));
            }
        }
        Ok(None)
    }
}

fn wrapping(wrapping: Wrapping) -> &'static str {
    match wrapping {
        Wrapping::Plain => "plain",
        Wrapping::Gzip => "gzip",
        Wrapping::Zip => "zip",
        Wrapping::Zstd => "zstd",
        Wrapping::Xz => "xz",
        Wrapping::Bzip2 => "bzip2",
        Wrapping::Parquet => "parquet",
    }
}

fn delimiter(byte: u8) -> String {
    match byte {
        b'\t' => "tab".to_owned(),
        byte => char::from(byte).to_string(),
    }
}
