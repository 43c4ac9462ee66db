//! The way in: opens a file in its format and cuts its rows into blocks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gauntlet_domain::market::{BarBlock, PriceBasis, ROWS_PER_BLOCK, TickBlock};
use gauntlet_domain::{ContentHash, InstrumentId, Scale};

use crate::bars_csv::csv_bars;
use crate::binance::{self, BinanceMessages};
use crate::block::{
    Bar, BarColumns, Reader, Row, Tick, TickColumns, finish_ticks, new_tick_block, push_bar, push_tick,
};
use crate::conditions;
use crate::csv::{CsvTicks, Scanned};
use crate::detect::{Found, format_of};
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::identity::{Identity, canonical};
use crate::input::{SourceFile, Wrapping};
use crate::lean_bar::{self, LeanBars, spec_by_path};
use crate::lean_quote::{self, LeanQuotes};
use crate::parquet::{ParquetTicks, parquet_bars};
use crate::scan::Scan;
use crate::spacing::BarLength;
use crate::text::TextRows;
use crate::units::{Units, Watch};

/// Bytes of text, or rows of Parquet times 32, that are held at a time.
const CHUNK: usize = 256 * 1024;

/// Rows that say which scale their numbers need.
const SCANNED_ROWS: usize = 100_000;

/// Rows by which a file is judged to be in the format.
const TRIED_ROWS: u64 = 100;

/// Rows of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Ticks.
    Ticks(TickBlock),
    /// Bars.
    Bars(BarBlock),
}

/// A file being read. After an error it is of no further use.
pub struct Source {
    pub(crate) file: SourceFile,
    pub(crate) found: Found,
    pub(crate) options: Options,
    identity: Identity,
    hash: String,
    scale: Scale,
    blocks: i64,
    pub(crate) rows: Rows,
    /// Numbers of rows of the last block that the file says have no value.
    missing: Vec<i64>,
}

/// What a file of ticks was found to be at its first opening: the second does not look again.
#[derive(Default)]
struct Scans {
    csv: Option<Scanned>,
    parquet: Option<Scan>,
}

pub(crate) enum Rows {
    Ticks { rows: Tried<Tick>, columns: TickColumns, basis: PriceBasis },
    Bars { rows: Tried<Bar>, columns: BarColumns, length: BarLength },
}

/// Opens a file: finds out its format where `options` leaves it open, reads it once for its hash, and checks that
/// it has what its format needs. Errors in rows and in compressed data come out of [`Source::next_block`].
pub fn open(path: &Path, options: &Options) -> Result<Source, FeedError> {
    open_as(path, path, options)
}

/// [`open`] for a file that people know by another path, `shown`: messages name it, and its name is taken from it.
pub fn open_as(path: &Path, shown: &Path, options: &Options) -> Result<Source, FeedError> {
    open_in_chunks(path, shown, options, CHUNK).map_err(|error| interruption(error, shown, options))
}

/// Whether a file begins like one of a format that is read. For the first part of one that is not there as a whole yet;
/// what needs the end of the file is not looked at.
pub fn check_beginning(path: &Path, shown: &Path, options: &Options) -> Result<(), FeedError> {
    let mut file = SourceFile::inspect(path, shown, &options.stop)?;
    file.encoding = options.reading.encoding;
    match file.wrapping {
        Wrapping::Zip | Wrapping::Parquet => Ok(()),
        _ => match format_of(&file, options) {
            Err(FeedError::Damaged { .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        },
    }
}

/// Whatever an error says, reading was interrupted once that was asked for.
fn interruption(error: FeedError, shown: &Path, options: &Options) -> FeedError {
    if options.stop.is_raised() {
        FeedError::Interrupted { file: shown.display().to_string() }
    } else {
        error
    }
}

/// [`open`] with another size of buffers, which changes no block.
fn open_in_chunks(path: &Path, shown: &Path, options: &Options, chunk: usize) -> Result<Source, FeedError> {
    let mut file = SourceFile::inspect(path, shown, &options.stop)?;
    file.encoding = options.reading.encoding;
    let found = format_of(&file, options)?;
    let is_of_text = options.reading.encoding.is_some() || options.reading.skip_lines > 0;
    if is_of_text && found.format == Format::Parquet {
        let what = "--encoding and --skip-lines are for text, and this is a Parquet file: leave them away"
            .to_owned();
        return Err(FeedError::Reading { file: file.shown.clone(), what });
    }
    if !found.format.is_table() && (!options.reading.columns.is_empty() || options.reading.decimal.is_some())
    {
        let what = format!(
            "--column and --decimal are not for {} files, whose columns are fixed: leave them away",
            found.format
        );
        return Err(FeedError::Reading { file: file.shown.clone(), what });
    }
    let check_conditions = |has_bars| {
        conditions::check_format(&options.reading, found.format, has_bars)
            .map_err(|what| FeedError::Reading { file: file.shown.clone(), what })
    };
    check_conditions(false)?;
    let mut scanned = Scans::default();
    let needed = scale_of(&file, &found, options, &mut scanned, chunk)?;
    let scale = options.scale.unwrap_or(needed);
    if needed.price_exponent < scale.price_exponent || needed.size_exponent > scale.size_exponent {
        let what = format!(
            "its numbers need {needed}, and {} has {scale} since it was first defined or fed: feed them as another \
             instrument, or into another directory with a document for `gauntlet instrument set` that has `decimals: \
             {{ price: {}, size: {} }}`",
            options.instrument,
            needed.price_digits(),
            needed.size_digits()
        );
        return Err(FeedError::Reading { file: file.shown.clone(), what });
    }
    let units = Units::of(scale).with_price_digits(options.reading.price_digits);
    let rows = open_rows(&file, &found, options, units, &mut scanned, chunk)?;
    let has_bars = matches!(rows, Rows::Bars { .. });
    check_conditions(has_bars)?;
    let reading = canonical(&found, options, has_bars);
    let identity = Identity { file: file.hash()?, reading };
    let (hash, options) = (identity.source().to_string(), options.clone());
    Ok(Source { file, found, options, identity, hash, scale, blocks: 0, rows, missing: Vec::new() })
}

/// The scale that the file's first rows need. Faults in them are said by who reads them for good.
fn scale_of(
    file: &SourceFile,
    found: &Found,
    options: &Options,
    scanned: &mut Scans,
    chunk: usize,
) -> Result<Scale, FeedError> {
    let watch = Arc::new(Watch::default());
    let units = Units::watched(&watch).with_price_digits(options.reading.price_digits);
    let (are_quotes, are_ticks) = match open_rows(file, found, options, units, scanned, chunk)? {
        Rows::Ticks { mut rows, basis, .. } => {
            for _ in 0..SCANNED_ROWS {
                if !matches!(rows.reader.next(), Ok(Some(_))) {
                    break;
                }
            }
            (basis == PriceBasis::Quotes, true)
        }
        // They have been looked at together.
        Rows::Bars { .. } => (false, false),
    };
    let refused =
        watch.fixed_point().filter(|_| options.reading.price_digits.is_none() && found.format.is_table());
    refused.map_or(Ok(()), |what| Err(FeedError::Reading { file: file.shown.clone(), what }))?;
    Ok(watch.scale(are_quotes, are_ticks))
}

fn open_rows(
    file: &SourceFile,
    found: &Found,
    options: &Options,
    units: Units,
    scanned: &mut Scans,
    chunk: usize,
) -> Result<Rows, FeedError> {
    let ticks = |reader: Box<dyn Reader<Tick>>, columns, has_trades: bool| Rows::Ticks {
        rows: Tried::new(reader),
        columns,
        basis: if has_trades { PriceBasis::Trades } else { PriceBasis::Quotes },
    };
    let bars = |reader: Box<dyn Reader<Bar>>, columns, spec| Rows::Bars {
        rows: Tried::new(reader),
        columns,
        length: BarLength::new(spec, options.bar_stamp),
    };
    let text = || {
        let text = file.text()?;
        let mut rows = TextRows::new(text.bytes, file.shown.clone(), chunk);
        rows.skip_to(found.preamble)?;
        Ok((rows, text.entry))
    };
    Ok(match found.format {
        Format::LeanQuote => {
            let (entry, open) = (text()?.1, || Ok(text()?.0));
            let reader = LeanQuotes::new(open, &file.name, entry.as_deref(), options, units)?;
            ticks(Box::new(reader), lean_quote::COLUMNS, false)
        }
        Format::BinanceJsonl => {
            let has_trades = binance::has_trades(text()?.0, options)?;
            ticks(Box::new(BinanceMessages::new(text()?.0, options, units)), binance::COLUMNS, has_trades)
        }
        Format::Parquet => {
            let batch_rows = (chunk / 32).max(1);
            if let Some(reader) = parquet_bars(file, options, batch_rows, units.clone())? {
                let columns = reader.columns();
                bars(Box::new(reader), columns, options.bar_spec)
            } else {
                let reader = ParquetTicks::new(file, options, batch_rows, units, &mut scanned.parquet)?;
                let (columns, has_trades) = (reader.columns(), reader.has_trades());
                ticks(Box::new(reader), columns, has_trades)
            }
        }
        Format::Csv => {
            let reader =
                CsvTicks::new(|| Ok(text()?.0), found.implied.as_deref(), options, units, &mut scanned.csv)?;
            let (columns, has_trades) = (reader.columns(), reader.has_trades());
            ticks(Box::new(reader), columns, has_trades)
        }
        Format::BarsCsv => {
            let reader = csv_bars(|| Ok(text()?.0), found.implied.as_deref(), options, units)?;
            let columns = reader.columns();
            bars(Box::new(reader), columns, options.bar_spec)
        }
        Format::LeanBar => {
            let clock = lean_bar::clock(|| Ok(text()?.0), &file.shown, options)?;
            let reader = LeanBars::new(text()?.0, clock, units)?.map_err(|found| FeedError::WrongFormat {
                file: file.shown.clone(),
                asked: Format::LeanBar,
                found: format!("its first row has {found} columns"),
            })?;
            let columns = reader.columns();
            bars(Box::new(reader), columns, options.bar_spec.or_else(|| spec_by_path(&file.path)))
        }
    })
}

impl Source {
    /// The hash by which the source is known: of the file's bytes and of how they are read.
    pub fn source_hash(&self) -> ContentHash {
        self.identity.source()
    }

    /// What makes it the source that it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whose data these are.
    pub fn instrument(&self) -> &InstrumentId {
        &self.options.instrument
    }

    /// The file's name without folders.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// What one unit of its prices and sizes is.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The format that it is read in.
    pub fn format(&self) -> Format {
        self.found.format
    }

    /// What makes the prices of its bars: trades where the file has any, whichever row they begin at, else quotes.
    pub fn price_basis(&self) -> PriceBasis {
        match &self.rows {
            Rows::Ticks { basis, .. } => *basis,
            Rows::Bars { columns, .. } if columns.spreads => PriceBasis::Quotes,
            Rows::Bars { .. } => PriceBasis::Trades,
        }
    }

    /// True for a file of bars.
    pub fn has_bars(&self) -> bool {
        matches!(self.rows, Rows::Bars { .. })
    }

    /// What a person should know of how the file is read, as far as it was read.
    pub fn warnings(&self) -> Vec<String> {
        match &self.rows {
            Rows::Ticks { rows, .. } => rows.reader.about().warnings,
            Rows::Bars { rows, .. } => rows.reader.about().warnings,
        }
    }

    /// The file's length.
    pub fn bytes_total(&self) -> u64 {
        self.file.bytes
    }

    /// Bytes of the file that were read so far, for a progress bar; an estimate by rows for Parquet.
    pub fn bytes_read(&self) -> u64 {
        self.file.read.load(Ordering::Relaxed)
    }

    /// Data rows that were read so far, whatever instrument they are of. May be ahead of the blocks.
    pub fn rows_read(&self) -> u64 {
        match &self.rows {
            Rows::Ticks { rows, .. } => rows.reader.rows_read(),
            Rows::Bars { rows, .. } => rows.reader.rows_read(),
        }
    }

    /// Numbers of the rows of the last block that the file says have no value: not read wrongly, but not there.
    pub fn missing(&self) -> &[i64] {
        &self.missing
    }

    /// The next block: full, unless it is the last. `None` at the end of the file, which has to be as it was when it was
    /// opened.
    pub fn next_block(&mut self) -> Result<Option<Block>, FeedError> {
        let stopped = |error| FeedError::Io { file: self.file.shown.clone(), source: error };
        let block = self.options.stop.check().map_err(stopped);
        let block = block.and_then(|()| self.read_block()).and_then(|block| match block {
            None => self.file.check_unchanged().map(|()| None),
            block => Ok(block),
        });
        block.map_err(|error| interruption(error, Path::new(&self.file.shown), &self.options))
    }

    fn read_block(&mut self) -> Result<Option<Block>, FeedError> {
        let (instrument, source) = (self.options.instrument.to_string(), self.hash.clone());
        let (shown, format) = (&self.file.shown, self.found.format);
        self.missing.clear();
        let missing = &mut self.missing;
        let block = match &mut self.rows {
            Rows::Ticks { rows, columns, .. } => {
                let mut block = new_tick_block(instrument, source, self.blocks, self.scale);
                rows.take_block(shown, format, missing, |row, before| {
                    push_tick(&mut block, *columns, row, before)
                })?;
                finish_ticks(&mut block);
                (!block.is_empty()).then_some(Block::Ticks(block))
            }
            Rows::Bars { rows, columns, length } => {
                let (block, scale) = (self.blocks, self.scale);
                let mut block = BarBlock { instrument, source, block, scale, ..BarBlock::default() };
                rows.take_block(shown, format, missing, |row, before| {
                    push_bar(&mut block, *columns, row, before)
                })?;
                if block.rows.is_empty() {
                    None
                } else {
                    let given = length.give_to(&mut block, &rows.reader.about());
                    given.map_err(|what| FeedError::BarLength { file: shown.clone(), what })?;
                    Some(Block::Bars(block))
                }
            }
        };
        self.blocks += i64::from(block.is_some());
        Ok(block)
    }
}

/// A reader whose first rows are watched: when most of them cannot be read, the file is of another format.
pub(crate) struct Tried<T> {
    pub reader: Box<dyn Reader<T>>,
    /// Time of the row before.
    before: i64,
    tried: u64,
    bad: u64,
    first_bad: Option<(u64, String)>,
    judged: bool,
}

impl<T> Tried<T> {
    fn new(reader: Box<dyn Reader<T>>) -> Tried<T> {
        Tried { reader, before: 0, tried: 0, bad: 0, first_bad: None, judged: false }
    }

    /// Gives a block's worth of rows, or those that are left, to `push`, which returns their time.
    fn take_block(
        &mut self,
        file: &str,
        format: Format,
        missing: &mut Vec<i64>,
        mut push: impl FnMut(Row<T>, i64) -> i64,
    ) -> Result<(), FeedError> {
        for _ in 0..ROWS_PER_BLOCK {
            let Some(row) = self.reader.next()? else {
                if self.reader.rows_read() == 0 {
                    return Err(FeedError::Empty { file: file.to_owned(), what: "it has no data row" });
                }
                return self.judge(file, format);
            };
            if !self.judged {
                self.watch(&row);
                if self.tried == TRIED_ROWS {
                    self.judge(file, format)?;
                }
            }
            if row.data.as_ref().is_err_and(|fault| fault.missing) {
                missing.push(row.number);
            }
            self.before = push(row, self.before);
        }
        Ok(())
    }

    fn watch(&mut self, row: &Row<T>) {
        self.tried += 1;
        if row.data.as_ref().is_err_and(|fault| !fault.missing) {
            self.bad += 1;
            self.first_bad.get_or_insert_with(|| {
                let (line, text) = self.reader.fault_line();
                let cell = self.reader.fault_cell().map(|cell| format!(", {cell}")).unwrap_or_default();
                (line, format!("'{text}'{cell}"))
            });
        }
    }

    fn judge(&mut self, file: &str, format: Format) -> Result<(), FeedError> {
        self.judged = true;
        if 2 * self.bad <= self.tried {
            return Ok(());
        }
        let (line, text) = self.first_bad.take().unwrap_or_default();
        Err(FeedError::Unreadable {
            file: file.to_owned(),
            format,
            bad: self.bad,
            of: self.tried,
            line,
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;
    use std::io::Write;

    fn blocks(path: &Path, options: &Options, chunk: usize) -> Vec<Block> {
        let mut source = open_in_chunks(path, path, options, chunk).unwrap();
        std::iter::from_fn(|| source.next_block().unwrap()).collect()
    }

    #[test]
    fn blocks_do_not_depend_on_the_size_of_buffers() {
        let folder = tempfile::tempdir().unwrap();
        let quotes = folder.path().join("20140504_quote.csv");
        let text: String = (0..10_000).map(|row| format!("{},1.{row:05},1.5\n", row * 1_000)).collect();
        std::fs::write(&quotes, &text).unwrap();
        let trades = folder.path().join("trades.csv.gz");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"time,price,size,side\n").unwrap();
        for row in 0..9_000 {
            writeln!(gzip, "{},1.{row:05},2,buy", 1_700_000_000 + row).unwrap();
        }
        std::fs::write(&trades, gzip.finish().unwrap()).unwrap();
        let options = Options::new(InstrumentId::new("EURUSD", "TEST").unwrap());
        for (path, rows) in [(&quotes, 10_000), (&trades, 9_000)] {
            let expected = blocks(path, &options, CHUNK);
            let lengths = expected.iter().map(|block| match block {
                Block::Ticks(block) => block.len(),
                Block::Bars(block) => block.rows.len(),
            });
            assert_eq!(
                lengths.collect::<Vec<_>>(),
                [ROWS_PER_BLOCK, ROWS_PER_BLOCK, rows - 2 * ROWS_PER_BLOCK]
            );
            for chunk in [7, 64, 1_000, 65_536] {
                assert!(blocks(path, &options, chunk) == expected, "chunks of {chunk} give other blocks");
            }
        }
    }
}
