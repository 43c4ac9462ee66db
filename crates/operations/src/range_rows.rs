//! Bars and ticks in natural units, as rows of answers and files.

use gauntlet_domain::market::{Bar, TickBlock, TickKind};
use gauntlet_domain::{Price, Quantity, Timestamp};
use gauntlet_lake::table::{Cells, ColumnKind};
use serde::Serialize;

use crate::rows::as_text;

/// A bar in natural units.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BarRow {
    /// Start of its interval.
    #[serde(serialize_with = "as_text")]
    pub open_time: Timestamp,
    /// End of its interval.
    #[serde(serialize_with = "as_text")]
    pub close_time: Timestamp,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Sum of the sizes of trades.
    pub volume: f64,
    /// Ticks in it.
    pub ticks: i64,
    /// Ask minus bid at the first quote.
    pub open_spread: Option<f64>,
    /// Ask minus bid at the last quote.
    pub close_spread: Option<f64>,
}

/// A tick in natural units.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TickRow {
    /// Event time.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// `quote`, `trade`, `buy`, `sell`, `last`, `book`, `received_quote`, `volume_only`, `auction`.
    pub kind: &'static str,
    /// Best bid of a quote.
    pub bid: Option<f64>,
    /// Best ask of a quote.
    pub ask: Option<f64>,
    /// Its size.
    pub bid_size: Option<f64>,
    /// Its size.
    pub ask_size: Option<f64>,
    /// Price of a trade.
    pub price: Option<f64>,
    /// Size of a trade.
    pub size: Option<f64>,
    /// The venue's own numbering.
    pub sequence: Option<i64>,
    /// Row in the source, from 1.
    pub row: i64,
    /// SHA-256 of the source, or the id of its stream.
    pub source: String,
}

impl From<&Bar> for BarRow {
    fn from(bar: &Bar) -> BarRow {
        let price = |price: Price| bar.scale.price(price);
        BarRow {
            open_time: bar.open_time,
            close_time: bar.close_time,
            open: price(bar.open),
            high: price(bar.high),
            low: price(bar.low),
            close: price(bar.close),
            volume: bar.scale.size(bar.volume),
            ticks: bar.ticks,
            open_spread: bar.open_spread.map(price),
            close_spread: bar.close_spread.map(price),
        }
    }
}

/// Which fields of a tick mean something, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickFields {
    /// Its name.
    pub word: &'static str,
    /// Its numbers are best bid and ask; else price and size of a trade.
    pub is_quote: bool,
    /// It has a price.
    pub has_price: bool,
    /// Its size means something.
    pub has_size: bool,
}

impl TickFields {
    /// What a kind says; `None` of a row that could not be read.
    pub fn of(kind: TickKind) -> Option<TickFields> {
        let told =
            |word, is_quote, has_price, has_size| Some(TickFields { word, is_quote, has_price, has_size });
        match kind {
            TickKind::Quote => told("quote", true, true, true),
            TickKind::ReceivedQuote => told("received_quote", true, true, true),
            TickKind::Trade => told("trade", false, true, true),
            TickKind::Buy => told("buy", false, true, true),
            TickKind::Sell => told("sell", false, true, true),
            TickKind::VolumeOnly => told("volume_only", false, true, true),
            TickKind::Auction => told("auction", false, true, true),
            TickKind::Last => told("last", false, true, false),
            TickKind::Book => told("book", false, false, false),
            TickKind::NotANumber | TickKind::BadTime | TickKind::OutOfRange | TickKind::TotalDecreased => {
                None
            }
        }
    }

    /// What a kind of this name says, as the archive writes it; `None` of a row that could not be read.
    pub fn named(word: &str) -> Option<TickFields> {
        (0..16).filter_map(TickKind::from_code).filter_map(TickFields::of).find(|told| told.word == word)
    }
}

/// A row of a block; `None` of one that could not be read.
pub(crate) fn tick(block: &TickBlock, at: usize) -> Option<TickRow> {
    let told = TickFields::of(TickKind::from_code(*block.kinds.get(at)?)?)?;
    let number = |column: &[i64]| column.get(at).copied();
    let price = |column: &[i64]| number(column).map(|price| block.scale.price(Price(price)));
    let size = |column: &[i64]| number(column).map(|size| block.scale.size(Quantity(size)));
    let first = price(&block.prices).filter(|_| told.has_price);
    let first_size = size(&block.sizes).filter(|_| told.has_size);
    Some(TickRow {
        time: Timestamp(number(&block.times)?),
        kind: told.word,
        bid: first.filter(|_| told.is_quote),
        ask: price(&block.asks).filter(|_| told.is_quote),
        bid_size: first_size.filter(|_| told.is_quote),
        ask_size: size(&block.ask_sizes).filter(|_| told.is_quote),
        price: first.filter(|_| !told.is_quote),
        size: first_size.filter(|_| !told.is_quote),
        sequence: number(&block.sequences),
        row: number(&block.rows)?,
        source: block.source.clone(),
    })
}

/// Columns of a file of bars.
pub const BAR_COLUMNS: [(&str, ColumnKind); 10] = [
    ("open_time", ColumnKind::Time),
    ("close_time", ColumnKind::Time),
    ("open", ColumnKind::Double),
    ("high", ColumnKind::Double),
    ("low", ColumnKind::Double),
    ("close", ColumnKind::Double),
    ("volume", ColumnKind::Double),
    ("ticks", ColumnKind::Long),
    ("open_spread", ColumnKind::Double),
    ("close_spread", ColumnKind::Double),
];

/// Columns of a file of ticks.
pub const TICK_COLUMNS: [(&str, ColumnKind); 11] = [
    ("time", ColumnKind::Time),
    ("kind", ColumnKind::Text),
    ("bid", ColumnKind::Double),
    ("ask", ColumnKind::Double),
    ("bid_size", ColumnKind::Double),
    ("ask_size", ColumnKind::Double),
    ("price", ColumnKind::Double),
    ("size", ColumnKind::Double),
    ("sequence", ColumnKind::Long),
    ("row", ColumnKind::Long),
    ("source", ColumnKind::Text),
];

/// The values of bars, by column.
pub fn bar_cells(rows: &[BarRow]) -> Vec<Cells> {
    let double = |of: fn(&BarRow) -> f64| Cells::Double(rows.iter().map(|row| Some(of(row))).collect());
    let spread = |of: fn(&BarRow) -> Option<f64>| Cells::Double(rows.iter().map(of).collect());
    vec![
        Cells::Time(rows.iter().map(|row| Some(row.open_time.0)).collect()),
        Cells::Time(rows.iter().map(|row| Some(row.close_time.0)).collect()),
        double(|row| row.open),
        double(|row| row.high),
        double(|row| row.low),
        double(|row| row.close),
        double(|row| row.volume),
        Cells::Long(rows.iter().map(|row| Some(row.ticks)).collect()),
        spread(|row| row.open_spread),
        spread(|row| row.close_spread),
    ]
}

/// The values of ticks, by column.
pub(crate) fn tick_cells(rows: &[TickRow]) -> Vec<Cells> {
    let double = |of: fn(&TickRow) -> Option<f64>| Cells::Double(rows.iter().map(of).collect());
    vec![
        Cells::Time(rows.iter().map(|row| Some(row.time.0)).collect()),
        Cells::Text(rows.iter().map(|row| Some(row.kind.to_owned())).collect()),
        double(|row| row.bid),
        double(|row| row.ask),
        double(|row| row.bid_size),
        double(|row| row.ask_size),
        double(|row| row.price),
        double(|row| row.size),
        Cells::Long(rows.iter().map(|row| row.sequence).collect()),
        Cells::Long(rows.iter().map(|row| Some(row.row)).collect()),
        Cells::Text(rows.iter().map(|row| Some(row.source.clone())).collect()),
    ]
}
