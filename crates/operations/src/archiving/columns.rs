//! What the archive says of each record for people: whose it is, and its fields by name, a column for each record of the
//! topic. Prices, sizes and times of market data are in natural units, and the rows of a block a list.

use gauntlet_domain::market::{Bar, BarBlock, Quote, TickBlock, TickKind, Trade};
use gauntlet_domain::plain::Plain;
use gauntlet_domain::plain::Shape::{self, Bool, Double, Long, Text, Time};
use gauntlet_domain::{Event, Price, Quantity, RecordKind, Scale, Timestamp, Topic};
use gauntlet_log::Record;
use gauntlet_runtime::events;
use gauntlet_wire::{Codec, WireError};

/// Columns before those of the records.
const OWN: [&str; 4] = ["event_id", "record", "writer", "experiment"];

/// The columns of a topic.
pub(super) fn columns(topic: &Topic) -> Vec<(String, Shape)> {
    let own = OWN.iter().map(|name| ((*name).to_owned(), Text));
    own.chain(topic.records().map(|kind| (snake_case(kind.name()), shape(kind)))).collect()
}

/// What the columns of a topic say of a record; nothing of one that is no event of the topic.
///
/// # Errors
/// Where the registry cannot say now what a record is.
pub(super) fn values(codec: &Codec, topic: &Topic, record: &Record) -> Result<Vec<Plain>, WireError> {
    let recorded = match events::read(codec, record) {
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => return Ok(Vec::new()),
        Ok(recorded) => recorded,
    };
    let (event, envelope) = (&recorded.event, &recorded.envelope);
    let body = match market(event) {
        Some(body) => body,
        None => codec.plain(record.value.as_deref())?.1,
    };
    let mut body = Some(body);
    let own = [
        Plain::Text(envelope.id.to_string()),
        event.kind().name().into(),
        envelope.source.as_str().into(),
        event.experiment().map(|id| Plain::Text(id.to_string())).unwrap_or(Plain::Absent),
    ];
    let bodies = topic.records().map(|kind| match kind == event.kind() {
        true => body.take().unwrap_or(Plain::Absent),
        false => Plain::Absent,
    });
    Ok(own.into_iter().chain(bodies).collect())
}

/// `TrialCompleted` as `trial_completed`.
pub(super) fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// A tick of a block. A trade has no ask, and the numbers of a row that could not be read mean nothing.
const TICK: [(&str, Shape); 8] = [
    ("row", Long),
    ("sequence", Long),
    ("kind", Text),
    ("time", Time),
    ("price", Double),
    ("ask", Double),
    ("size", Double),
    ("ask_size", Double),
];

/// A bar of a block of ready-made ones.
const READY_BAR: [(&str, Shape); 10] = [
    ("row", Long),
    ("is_readable", Bool),
    ("open_time", Time),
    ("open", Double),
    ("high", Double),
    ("low", Double),
    ("close", Double),
    ("open_spread", Double),
    ("close_spread", Double),
    ("volume", Double),
];

const QUOTE: [(&str, Shape); 9] = [
    ("instrument", Text),
    ("source", Text),
    ("sequence", Long),
    ("time", Time),
    ("bid", Double),
    ("ask", Double),
    ("bid_size", Double),
    ("ask_size", Double),
    ("received", Time),
];

const TRADE: [(&str, Shape); 8] = [
    ("instrument", Text),
    ("source", Text),
    ("sequence", Long),
    ("time", Time),
    ("price", Double),
    ("size", Double),
    ("side", Text),
    ("received", Time),
];

const BAR: [(&str, Shape); 13] = [
    ("instrument", Text),
    ("spec", Text),
    ("open_time", Time),
    ("close_time", Time),
    ("time", Time),
    ("open", Double),
    ("high", Double),
    ("low", Double),
    ("close", Double),
    ("open_spread", Double),
    ("close_spread", Double),
    ("volume", Double),
    ("ticks", Long),
];

fn shape(kind: RecordKind) -> Shape {
    match kind {
        RecordKind::TickBlock => {
            let ticks = Shape::list(Shape::record(TICK));
            Shape::record([("instrument", Text), ("source", Text), ("block", Long), ("ticks", ticks)])
        }
        RecordKind::BarBlock => {
            let bars = Shape::list(Shape::record(READY_BAR));
            Shape::record([
                ("instrument", Text),
                ("source", Text),
                ("block", Long),
                ("spec", Text),
                ("bars", bars),
            ])
        }
        RecordKind::Quote => Shape::record(QUOTE),
        RecordKind::Trade => Shape::record(TRADE),
        RecordKind::Bar => Shape::record(BAR),
        kind => gauntlet_wire::shape(kind).clone(),
    }
}

/// Market data in the shapes above; `None` of every other event.
fn market(event: &Event) -> Option<Plain> {
    Some(match event {
        Event::TickBlock(block) => tick_block(block),
        Event::BarBlock(block) => bar_block(block),
        Event::Quote(quote) => self::quote(quote),
        Event::Trade(trade) => self::trade(trade),
        Event::Bar(bar) => self::bar(bar),
        _ => return None,
    })
}

/// Numbers in natural units.
#[derive(Clone, Copy)]
struct Natural(Scale);

impl Natural {
    fn price(self, price: Price) -> Plain {
        Plain::Double(self.0.price(price))
    }

    fn size(self, size: Quantity) -> Plain {
        Plain::Double(self.0.size(size))
    }

    /// The price in a row of a column, which may be empty.
    fn price_at(self, column: &[i64], row: usize) -> Plain {
        column.get(row).map_or(Plain::Absent, |price| self.price(Price(*price)))
    }

    /// The size in a row of a column, which may be empty.
    fn size_at(self, column: &[i64], row: usize) -> Plain {
        column.get(row).map_or(Plain::Absent, |size| self.size(Quantity(*size)))
    }
}

fn long_at(column: &[i64], row: usize) -> Plain {
    column.get(row).map_or(Plain::Absent, |value| Plain::Long(*value))
}

fn time(time: Timestamp) -> Plain {
    Plain::Time(time.0)
}

fn tick_block(block: &TickBlock) -> Plain {
    let units = Natural(block.scale);
    let tick = |row: usize| {
        let code = block.kinds.get(row).copied().unwrap_or_default();
        let kind = TickKind::from_code(code);
        let name = kind.map_or_else(|| code.to_string(), |kind| snake_case(&format!("{kind:?}")));
        // The numbers of a row that could not be read mean nothing, and a trade has no ask.
        let is_quote = matches!(kind, Some(TickKind::Quote | TickKind::ReceivedQuote));
        let is_readable = code < TickKind::NotANumber as u8;
        let readable = |value: Plain, means: bool| if is_readable && means { value } else { Plain::Absent };
        Plain::Record(vec![
            long_at(&block.rows, row),
            long_at(&block.sequences, row),
            Plain::Text(name),
            readable(Plain::Time(block.times[row]), true),
            readable(units.price_at(&block.prices, row), true),
            readable(units.price_at(&block.asks, row), is_quote),
            readable(units.size_at(&block.sizes, row), true),
            readable(units.size_at(&block.ask_sizes, row), is_quote),
        ])
    };
    let ticks = Plain::List((0..block.len()).map(tick).collect());
    let source = block.source.as_str();
    Plain::Record(vec![block.instrument.as_str().into(), source.into(), block.block.into(), ticks])
}

fn bar_block(block: &BarBlock) -> Plain {
    let units = Natural(block.scale);
    let bar = |row: usize| {
        let is_readable = block.kinds.get(row) == Some(&1);
        let readable = |value: Plain| if is_readable { value } else { Plain::Absent };
        let price = |column: &[i64]| readable(units.price_at(column, row));
        Plain::Record(vec![
            long_at(&block.rows, row),
            Plain::Bool(is_readable),
            readable(Plain::Time(block.open_times[row])),
            price(&block.opens),
            price(&block.highs),
            price(&block.lows),
            price(&block.closes),
            price(&block.open_spreads),
            price(&block.close_spreads),
            readable(units.size_at(&block.volumes, row)),
        ])
    };
    Plain::Record(vec![
        block.instrument.as_str().into(),
        block.source.as_str().into(),
        block.block.into(),
        block.spec.as_str().into(),
        Plain::List((0..block.open_times.len()).map(bar).collect()),
    ])
}

fn quote(quote: &Quote) -> Plain {
    let units = Natural(quote.scale);
    let size = |size: Option<Quantity>| size.map_or(Plain::Absent, |size| units.size(size));
    Plain::Record(vec![
        quote.instrument.as_str().into(),
        quote.source.as_str().into(),
        quote.sequence.into(),
        time(quote.time),
        units.price(quote.bid),
        units.price(quote.ask),
        size(quote.bid_size),
        size(quote.ask_size),
        quote.received.map_or(Plain::Absent, time),
    ])
}

fn trade(trade: &Trade) -> Plain {
    let units = Natural(trade.scale);
    Plain::Record(vec![
        trade.instrument.as_str().into(),
        trade.source.as_str().into(),
        trade.sequence.into(),
        time(trade.time),
        units.price(trade.price),
        units.size(trade.size),
        trade.side.as_deref().into(),
        trade.received.map_or(Plain::Absent, time),
    ])
}

fn bar(bar: &Bar) -> Plain {
    let units = Natural(bar.scale);
    let spread = |spread: Option<Price>| spread.map_or(Plain::Absent, |spread| units.price(spread));
    Plain::Record(vec![
        bar.instrument.as_str().into(),
        Plain::Text(bar.spec.to_string()),
        time(bar.open_time),
        time(bar.close_time),
        time(bar.time),
        units.price(bar.open),
        units.price(bar.high),
        units.price(bar.low),
        units.price(bar.close),
        spread(bar.open_spread),
        spread(bar.close_spread),
        units.size(bar.volume),
        bar.ticks.into(),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use gauntlet_domain::topics;

    /// Whether a value is one of a shape.
    fn fits(shape: &Shape, plain: &Plain) -> bool {
        match (shape, plain) {
            (_, Plain::Absent)
            | (Bool, Plain::Bool(_))
            | (Long, Plain::Long(_))
            | (Double, Plain::Double(_))
            | (Text, Plain::Text(_))
            | (Time, Plain::Time(_)) => true,
            (Shape::List(of), Plain::List(values)) => values.iter().all(|value| fits(of, value)),
            (Shape::Record(fields), Plain::Record(values)) => {
                fields.len() == values.len()
                    && fields.iter().zip(values).all(|((_, shape), value)| fits(shape, value))
            }
            _ => false,
        }
    }

    #[test]
    fn ticks_are_rows_in_natural_units_and_what_means_nothing_is_absent() {
        let block = TickBlock {
            instrument: "A.B".into(),
            source: "s".into(),
            block: 2,
            rows: vec![1, 2, 3],
            sequences: vec![],
            kinds: vec![1, 3, 16],
            times: vec![10, 20, 30],
            prices: vec![1_500_000_000, 1_600_000_000, 7],
            asks: vec![1_750_000_000, 0, 7],
            sizes: vec![200_000_000, 50_000_000, 7],
            ask_sizes: vec![],
            scale: Scale::USUAL,
        };
        let plain = market(&Event::from(block)).unwrap();
        assert!(fits(&shape(RecordKind::TickBlock), &plain));
        let Plain::Record(fields) = &plain else { panic!("{plain:?}") };
        let (absent, double) = (|| Plain::Absent, Plain::Double);
        let tick = |row, kind: &str, rest: [Plain; 5]| {
            let [time, price, ask, size, ask_size] = rest;
            Plain::Record(vec![Plain::Long(row), absent(), kind.into(), time, price, ask, size, ask_size])
        };
        let expected = vec![
            tick(1, "quote", [Plain::Time(10), double(1.5), double(1.75), double(2.0), absent()]),
            tick(2, "buy", [Plain::Time(20), double(1.6), absent(), double(0.5), absent()]),
            tick(3, "not_a_number", [absent(), absent(), absent(), absent(), absent()]),
        ];
        assert_eq!(fields[3], Plain::List(expected));
    }

    #[test]
    fn bars_quotes_and_trades_have_the_shapes_of_their_columns() {
        let spec = "time:1h".parse().unwrap();
        let bar = Bar {
            instrument: "A.B".into(),
            spec,
            open_time: Timestamp(0),
            close_time: Timestamp(1),
            time: Timestamp(1),
            open: Price(1_000_000_000),
            high: Price(2_000_000_000),
            low: Price(500_000_000),
            close: Price(1_250_000_000),
            open_spread: None,
            close_spread: Some(Price(1_000_000)),
            volume: Quantity(300_000_000),
            ticks: 4,
            scale: Scale::USUAL,
        };
        let block = BarBlock {
            spec: "time:1h".into(),
            kinds: vec![1, 17],
            open_times: vec![0, 1],
            opens: vec![1, 1],
            ..BarBlock::default()
        };
        let quote = Quote {
            instrument: "A.B".into(),
            source: "s".into(),
            sequence: 1,
            time: Timestamp(5),
            bid: Price(1),
            ask: Price(2),
            bid_size: None,
            ask_size: Some(Quantity(1)),
            scale: Scale::USUAL,
            received: Some(Timestamp(6)),
        };
        let trade = Trade {
            instrument: "A.B".into(),
            source: "s".into(),
            sequence: 1,
            time: Timestamp(5),
            price: Price(1),
            size: Quantity(2),
            side: Some("buy".into()),
            scale: Scale::USUAL,
            received: None,
        };
        for event in [Event::from(bar), block.into(), quote.into(), trade.into()] {
            let plain = market(&event).unwrap();
            assert!(fits(&shape(event.kind()), &plain), "{plain:?}");
            let Plain::Record(fields) = &plain else { panic!("{plain:?}") };
            assert!(fields.iter().filter(|field| **field != Plain::Absent).count() >= 5, "{plain:?}");
        }
    }

    #[test]
    fn every_topic_has_a_column_for_each_of_its_records() {
        for topic in topics::ALL {
            let columns = columns(topic);
            assert_eq!(columns.len(), OWN.len() + topic.records().count());
            assert!(columns.iter().all(|(name, _)| *name == name.to_lowercase()));
        }
        assert_eq!(snake_case("TrialCompleted"), "trial_completed");
    }
}
