//! Rows on their way into blocks: what a format's reader yields, and the columns that it ends up in.

use gauntlet_domain::market::{BarBlock, ROWS_PER_BLOCK, TickBlock, TickKind};
use gauntlet_domain::{BarSpec, Scale};

use crate::error::FeedError;
use crate::understood::Shape;

/// Yields the rows of one instrument in one file, in the source's order. One implementation a format.
pub(crate) trait Reader<T>: Send {
    /// The next row; `None` at the end of the file. Of no use after an error.
    fn next(&mut self) -> Result<Option<Row<T>>, FeedError>;

    /// Data rows read so far, whatever instrument they are of.
    fn rows_read(&self) -> u64;

    /// The number and text of a line that cannot be read, for messages; asked after a row with a fault.
    fn fault_line(&self) -> (u64, String);

    /// The cell of that line that cannot be read, in words; asked with it.
    fn fault_cell(&self) -> Option<String> {
        None
    }

    /// What was found out about how the rows are written.
    fn shape(&self) -> Shape;

    /// What is known of the file besides its rows, so far.
    fn about(&self) -> About {
        About::default()
    }
}

/// What is known of a file besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// How long its bars are, where it says so.
    pub spec: Option<BarSpec>,
    /// Its times are days.
    pub is_dated: bool,
    /// Its times are ends of bars.
    pub is_closing: bool,
    /// It has the beginning and the end of each bar.
    pub has_both_times: bool,
    /// What a person should know of how it was read.
    pub warnings: Vec<String>,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<T> {
    /// Number in the source, from 1.
    pub number: i64,
    /// What could be read.
    pub data: Result<T, Fault>,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// A kind from 16 on.
    pub kind: TickKind,
    /// The row's time, where it could be read.
    pub time: Option<i64>,
    /// A value that the source says is missing: a fault of the data, but no sign of another format.
    pub missing: bool,
}

impl Fault {
    pub fn new(kind: TickKind, time: Option<i64>) -> Fault {
        Fault { kind, time, missing: false }
    }

    pub fn bad_time() -> Fault {
        Fault::new(TickKind::BadTime, None)
    }
}

/// A readable tick; units as in [`TickBlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick {
    pub kind: TickKind,
    pub time: i64,
    pub sequence: i64,
    pub price: i64,
    pub ask: i64,
    pub size: i64,
    pub ask_size: i64,
}

/// Which optional columns the ticks of a source have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TickColumns {
    pub sequences: bool,
    pub sizes: bool,
    pub ask_sizes: bool,
}

/// A readable bar; units as in [`BarBlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bar {
    pub open_time: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub open_spread: i64,
    pub close_spread: i64,
    pub volume: i64,
}

/// Which optional columns the bars of a source have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BarColumns {
    pub spreads: bool,
    pub volumes: bool,
}

/// Code of a readable bar.
const READABLE: u8 = 1;

/// Puts one row into the block. `before` is the time of the row before; returns this row's.
pub(crate) fn push_tick(block: &mut TickBlock, columns: TickColumns, row: Row<Tick>, before: i64) -> i64 {
    let tick = row.data.unwrap_or_else(|fault| Tick {
        kind: fault.kind,
        time: fault.time.unwrap_or(before),
        sequence: 0,
        price: 0,
        ask: 0,
        size: 0,
        ask_size: 0,
    });
    block.rows.push(row.number);
    block.kinds.push(tick.kind as u8);
    block.times.push(tick.time);
    block.prices.push(tick.price);
    block.asks.push(tick.ask);
    if columns.sequences {
        block.sequences.push(tick.sequence);
    }
    if columns.sizes {
        block.sizes.push(tick.size);
    }
    if columns.ask_sizes {
        block.ask_sizes.push(tick.ask_size);
    }
    tick.time
}

/// Drops the ask columns of a block without a quote.
pub(crate) fn finish_ticks(block: &mut TickBlock) {
    let is_quote = |code: &u8| [TickKind::Quote as u8, TickKind::ReceivedQuote as u8].contains(code);
    if !block.kinds.iter().any(is_quote) {
        block.asks = Vec::new();
        block.ask_sizes = Vec::new();
    }
}

/// Puts one row into the block. `before` is the time of the row before; returns this row's.
pub(crate) fn push_bar(block: &mut BarBlock, columns: BarColumns, row: Row<Bar>, before: i64) -> i64 {
    let (kind, bar) = match row.data {
        Ok(bar) => (READABLE, bar),
        Err(fault) => (fault.kind as u8, Bar { open_time: fault.time.unwrap_or(before), ..Bar::default() }),
    };
    block.rows.push(row.number);
    block.kinds.push(kind);
    block.open_times.push(bar.open_time);
    block.opens.push(bar.open);
    block.highs.push(bar.high);
    block.lows.push(bar.low);
    block.closes.push(bar.close);
    if columns.spreads {
        block.open_spreads.push(bar.open_spread);
        block.close_spreads.push(bar.close_spread);
    }
    if columns.volumes {
        block.volumes.push(bar.volume);
    }
    bar.open_time
}

/// An empty block with room for all its rows in the columns that every source has.
pub(crate) fn new_tick_block(instrument: String, source: String, block: i64, scale: Scale) -> TickBlock {
    TickBlock {
        scale,
        instrument,
        source,
        block,
        rows: Vec::with_capacity(ROWS_PER_BLOCK),
        kinds: Vec::with_capacity(ROWS_PER_BLOCK),
        times: Vec::with_capacity(ROWS_PER_BLOCK),
        prices: Vec::with_capacity(ROWS_PER_BLOCK),
        asks: Vec::with_capacity(ROWS_PER_BLOCK),
        ..TickBlock::default()
    }
}
