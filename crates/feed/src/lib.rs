//! Importers: the bytes of a market-data file in, [`TickBlock`](gauntlet_domain::market::TickBlock)s or
//! [`BarBlock`](gauntlet_domain::market::BarBlock)s out.
//!
//! ```no_run
//! # fn main() -> Result<(), gauntlet_feed::FeedError> {
//! # let instrument = gauntlet_domain::InstrumentId::new("EURUSD", "FXCM").expect("a symbol");
//! let mut options = gauntlet_feed::Options::new(instrument);
//! options.utc_offset_seconds = -5 * 3600;
//! let mut source = gauntlet_feed::open("20140501_quote.zip".as_ref(), &options)?;
//! while let Some(block) = source.next_block()? {
//!     // publish the block
//! }
//! # Ok(()) }
//! ```
//!
//! 1. Streams: buffers of a few hundred kilobytes and one block, whatever the file's size. The one exception are bars,
//!    whose first 100,000 rows are looked at together and put in order; a file that is newest first is turned round in
//!    memory when its text is below 16 MiB.
//! 2. The same file gives the same blocks: every block but the last has
//!    [`ROWS_PER_BLOCK`](gauntlet_domain::market::ROWS_PER_BLOCK) rows, however the bytes arrive.
//! 3. Prices and sizes go from decimal text to scaled integers, never through binary floating point.
//! 4. A row that cannot be read stays in the block under its fault code, with its own time where that is readable,
//!    else the time of the row before; its numbers are 0. A file that is not what it is said to be is a
//!    [`FeedError`].
//!
//! Never cleans: crossed quotes, jumps and disorder pass through as they are.

// In reading order: the interface, what all formats share, one file per format.

/// What the caller says about a file.
mod format;

/// What goes wrong.
mod error;

/// The way in, and the cutting into blocks.
mod source;

/// What files may look like, in words.
pub mod guide;

/// How long a file's bars are.
mod spacing;

/// How a file's instrument is defined.
pub mod definition;

/// What makes a source the one that it is.
mod identity;

/// What a file was understood as.
mod understood;

/// What a source says of itself.
mod row_kinds;
mod said;

/// Asked to stop.
mod stop;

/// Rows between a reader and a block.
mod block;

/// What the columns of a file without a header probably are.
mod headerless;

/// A file's format from its first line.
mod detect;

/// Unwrapping and checking of bytes.
mod input;

/// Encodings of text.
mod encoding;

/// Bytes to text.
mod decode;

/// Lines and fields.
mod text;

/// Times of every kind.
mod time;
/// What the cells of a column of times say together.
mod times;

/// Hours that they have twice.
mod folds;
/// Clocks with daylight saving.
mod zone;

/// How numbers are written.
mod numbers;

/// Prices in 32nds.
mod thirty_seconds;

/// Columns by their names.
mod columns;

/// Whose rows are read.
mod wanted;

/// Conditions of trades.
mod conditions;
/// Contracts beside a symbol.
mod contracts;

/// Decimal text to integers, and the scale that they need.
mod units;

/// The unit of a column of numbers since the epoch.
mod epoch_unit;

/// Named columns to ticks, for CSV and Parquet.
mod table;

/// Quotes of Lean.
mod lean_quote;

/// Bars of Lean.
mod lean_bar;

/// What many rows say about how a file is written.
mod scan;

/// What stands before the rows of a CSV.
mod csv_head;

/// Ticks that are newest first.
mod turned;

/// Ticks in CSV.
mod csv;

/// Columns of Parquet as text.
mod parquet_columns;

/// Ticks and bars in Parquet.
mod parquet;

/// Recorded messages of Binance.
mod binance;

/// Named columns to bars, for CSV and Parquet.
mod bar_table;

/// Bars of one file, understood as a whole and in order.
mod bar_rows;

/// What the first rows of bars say about all.
mod bar_scan;

/// Bars in CSV.
mod bars_csv;

pub use definition::{BarRules, definition};
pub use encoding::Encoding;
pub use error::FeedError;
pub use format::{Format, Options, Reading};
pub use identity::Identity;
pub use source::{Block, Source, check_beginning, open, open_as};
pub use stop::Stop;
pub use time::DateOrder;
pub use understood::{Choice, ColumnUse, Understood};
pub use zone::Ambiguous;
