//! Live ticks: quotes and trades that are records of their own.

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StructArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};
use gauntlet_domain::Event;
use gauntlet_domain::market::TickKind;
use gauntlet_operations::range::TickFields;

/// A tick. Price and size of a quote are those of its bid.
#[derive(Debug, Clone, PartialEq)]
pub struct Single {
    pub instrument: String,
    pub source: String,
    pub told: TickFields,
    pub time: i64,
    pub price: Option<f64>,
    pub ask: Option<f64>,
    pub size: Option<f64>,
    pub ask_size: Option<f64>,
    pub sequence: i64,
}

/// What a trade of a side says.
fn trade(side: Option<&str>) -> Option<TickFields> {
    TickFields::of(match side {
        Some("buy") => TickKind::Buy,
        Some("sell") => TickKind::Sell,
        _ => TickKind::Trade,
    })
}

impl Single {
    /// The tick of an event, where it is one.
    pub fn of(event: &Event) -> Option<Single> {
        match event {
            Event::Quote(quote) => Some(Single {
                instrument: quote.instrument.clone(),
                source: quote.source.clone(),
                told: TickFields::of(TickKind::Quote)?,
                time: quote.time.0,
                price: Some(quote.scale.price(quote.bid)),
                ask: Some(quote.scale.price(quote.ask)),
                size: quote.bid_size.map(|size| quote.scale.size(size)),
                ask_size: quote.ask_size.map(|size| quote.scale.size(size)),
                sequence: quote.sequence,
            }),
            Event::Trade(of) => Some(Single {
                instrument: of.instrument.clone(),
                source: of.source.clone(),
                told: trade(of.side.as_deref())?,
                time: of.time.0,
                price: Some(of.scale.price(of.price)),
                ask: None,
                size: Some(of.scale.size(of.size)),
                ask_size: None,
                sequence: of.sequence,
            }),
            _ => None,
        }
    }
}

/// The live ticks among archived records.
pub fn of_archive(read: &RecordBatch) -> Vec<Single> {
    let of = |name: &str| read.column_by_name(name).and_then(|column| column.as_struct_opt());
    let mut singles = Vec::new();
    // Of one partition they come in the order of the log within each kind; no order is promised between rows.
    for (column, is_quote) in [(of("quote"), true), (of("trade"), false)] {
        let Some(column) = column else { continue };
        let valid = (0..column.len()).filter(|row| column.is_valid(*row));
        singles.extend(valid.filter_map(|row| of_row(column, row, is_quote)));
    }
    singles
}

fn of_row(of: &StructArray, row: usize, is_quote: bool) -> Option<Single> {
    let column = |name: &str| of.column_by_name(name).filter(|column| column.is_valid(row));
    let text = |name: &str| column(name).map(|column| column.as_string::<i32>().value(row));
    let double = |name: &str| column(name).map(|column| column.as_primitive::<Float64Type>().value(row));
    let names = if is_quote { ["bid", "bid_size"] } else { ["price", "size"] };
    Some(Single {
        instrument: text("instrument")?.to_owned(),
        source: text("source")?.to_owned(),
        told: if is_quote { TickFields::of(TickKind::Quote)? } else { trade(text("side"))? },
        time: column("time")?.as_primitive::<TimestampNanosecondType>().value(row),
        price: double(names[0]),
        ask: double("ask"),
        size: double(names[1]),
        ask_size: double("ask_size"),
        sequence: column("sequence")?.as_primitive::<Int64Type>().value(row),
    })
}
