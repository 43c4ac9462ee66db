//! Recordings of Binance's websocket streams: nanoseconds of the recorder's clock, a space, one message.
//!
//! Trades and best quotes make ticks, numbered as the venue does. A depth update or snapshot makes a tick without a
//! price, because its time takes part in the order of the venue's messages; without a time it makes none. The time is
//! the transaction's, else the event's; a best quote of spot has neither and takes the recorder's, and says so by its
//! kind.

use gauntlet_domain::market::TickKind;
use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::block::{Fault, Reader, Row, Tick, TickColumns};
use crate::error::FeedError;
use crate::format::Options;
use crate::text::TextRows;
use crate::time::{Unit, since_epoch};
use crate::understood::Shape;
use crate::units::Units;
use crate::wanted::Wanted;

pub(crate) const COLUMNS: TickColumns = TickColumns { sequences: true, sizes: true, ask_sizes: true };

/// One message of a combined stream, or a snapshot of the book, which has times at most.
#[derive(Deserialize)]
struct Message<'a> {
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "T")]
    transaction_ms: Option<i64>,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
}

/// A change of the book below its top.
#[derive(Deserialize)]
struct Depth<'a> {
    s: Option<&'a str>,
    #[serde(rename = "T")]
    transaction_ms: Option<i64>,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    s: &'a str,
    t: i64,
    p: &'a str,
    q: &'a str,
    /// The buyer is the maker.
    m: bool,
    #[serde(rename = "T")]
    transaction_ms: Option<i64>,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
}

#[derive(Deserialize)]
struct BookTicker<'a> {
    s: &'a str,
    u: i64,
    b: &'a str,
    #[serde(rename = "B")]
    bid_size: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    ask_size: &'a str,
    #[serde(rename = "T")]
    transaction_ms: Option<i64>,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
}

pub(crate) struct BinanceMessages {
    rows: TextRows,
    wanted: Wanted,
    units: Units,
}

impl BinanceMessages {
    pub fn new(rows: TextRows, options: &Options, units: Units) -> BinanceMessages {
        // A recording is of one market, and its messages don't say which.
        BinanceMessages { rows, wanted: Wanted::new(options), units }
    }
}

/// True when a recording has a trade of the instrument, wherever its first one is: the bars of a recording are of its
/// trades then.
pub(crate) fn has_trades(mut rows: TextRows, options: &Options) -> Result<bool, FeedError> {
    let trades = memchr::memmem::Finder::new("@trade");
    let mut wanted = Wanted::new(options);
    while rows.advance()? {
        if trades.find(rows.text()).is_some()
            && let Ok(Some(tick)) = parse(rows.text(), &mut wanted, &Units::default())
            && matches!(tick.kind, TickKind::Buy | TickKind::Sell)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Reader<Tick> for BinanceMessages {
    fn next(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        while self.rows.advance()? {
            if let Some(data) = parse(self.rows.text(), &mut self.wanted, &self.units).transpose() {
                return Ok(Some(Row { number: self.rows.line() as i64, data }));
            }
        }
        self.wanted.finish(self.rows.file())?;
        Ok(None)
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn shape(&self) -> Shape {
        let time = "the venue's milliseconds, or nanoseconds of the recorder where it sends none".to_owned();
        Shape { time, is_utc: true, sides: Some("by whether the buyer was the maker"), ..Shape::default() }
    }

    fn fault_line(&self) -> (u64, String) {
        self.rows.shown()
    }
}

/// The tick of a line; `None` when the line makes none.
fn parse(line: &[u8], wanted: &mut Wanted, units: &Units) -> Result<Option<Tick>, Fault> {
    let (recorded, json) = line.split_at(memchr(b' ', line).unwrap_or(line.len()));
    let recorded = since_epoch(recorded, Some(Unit::Nanos)).ok_or_else(Fault::bad_time)?;
    let malformed = |_| Fault::new(TickKind::NotANumber, None);
    let message: Message = serde_json::from_slice(json).map_err(malformed)?;
    let (Some(stream), Some(data)) = (message.stream, message.data) else {
        return book(message.transaction_ms.or(message.event_ms));
    };
    let is_wanted =
        |wanted: &mut Wanted, symbol: &str| wanted.is_row(Some(symbol.as_bytes()), None) == Ok(true);
    match stream.split_once('@').map(|(_, kind)| kind) {
        Some("trade") => {
            let trade: Trade = serde_json::from_str(data.get()).map_err(malformed)?;
            if !is_wanted(wanted, trade.s) {
                return Ok(None);
            }
            let time = time(trade.transaction_ms.or(trade.event_ms), recorded)?;
            Ok(Some(Tick {
                kind: if trade.m { TickKind::Sell } else { TickKind::Buy },
                time,
                sequence: trade.t,
                price: units.price(trade.p.as_bytes(), time)?,
                ask: 0,
                size: units.size(trade.q.as_bytes(), time)?,
                ask_size: 0,
            }))
        }
        Some("bookTicker") => {
            let quote: BookTicker = serde_json::from_str(data.get()).map_err(malformed)?;
            if !is_wanted(wanted, quote.s) {
                return Ok(None);
            }
            let venue_ms = quote.transaction_ms.or(quote.event_ms);
            let time = time(venue_ms, recorded)?;
            Ok(Some(Tick {
                kind: if venue_ms.is_some() { TickKind::Quote } else { TickKind::ReceivedQuote },
                time,
                sequence: quote.u,
                price: units.price(quote.b.as_bytes(), time)?,
                ask: units.price(quote.a.as_bytes(), time)?,
                size: units.size(quote.bid_size.as_bytes(), time)?,
                ask_size: units.size(quote.ask_size.as_bytes(), time)?,
            }))
        }
        _ => {
            let depth: Depth = serde_json::from_str(data.get()).map_err(malformed)?;
            match depth.s {
                Some(symbol) if is_wanted(wanted, symbol) => book(depth.transaction_ms.or(depth.event_ms)),
                _ => Ok(None),
            }
        }
    }
}

/// A change of the book: a time without a price.
fn book(venue_ms: Option<i64>) -> Result<Option<Tick>, Fault> {
    let Some(ms) = venue_ms else { return Ok(None) };
    let time = ms.checked_mul(1_000_000).ok_or_else(Fault::bad_time)?;
    Ok(Some(Tick { kind: TickKind::Book, time, sequence: 0, price: 0, ask: 0, size: 0, ask_size: 0 }))
}

fn time(venue_ms: Option<i64>, recorded: i64) -> Result<i64, Fault> {
    match venue_ms {
        None => Ok(recorded),
        Some(ms) => ms.checked_mul(1_000_000).ok_or_else(Fault::bad_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;

    fn line(text: &str) -> Result<Option<Tick>, Fault> {
        let options = Options::new(InstrumentId::new("BTCUSDT", "BINANCE").unwrap());
        parse(text.as_bytes(), &mut Wanted::new(&options), &Units::default())
    }

    #[test]
    fn a_maker_who_buys_is_hit_by_a_seller() {
        let trade = r#"1723161254087896568 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
        let expected = Tick {
            kind: TickKind::Sell,
            time: 1_723_161_255_342_000_000,
            sequence: 3_735_683_259,
            price: 61_837_630_000_000,
            ask: 0,
            size: 2_000_000,
            ask_size: 0,
        };
        assert_eq!(line(trade), Ok(Some(expected)));
        let buy = line(&trade.replace(r#""m":true"#, r#""m":false"#)).unwrap().unwrap();
        assert_eq!(buy.kind, TickKind::Buy);
    }

    #[test]
    fn a_quote_without_a_time_takes_the_recorders() {
        let quote = r#"1723161254087891268 {"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#;
        let expected = Tick {
            kind: TickKind::ReceivedQuote,
            time: 1_723_161_254_087_891_268,
            sequence: 50_093_239_212,
            price: 61_837_630_000_000,
            ask: 61_837_640_000_000,
            size: 378_826_000,
            ask_size: 154_698_000,
        };
        assert_eq!(line(quote), Ok(Some(expected)));
    }

    #[test]
    fn a_change_of_the_book_is_a_time_without_a_price() {
        let depth =
            r#"1 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":7,"T":6,"s":"BTCUSDT"}}"#;
        let tick = line(depth).unwrap().unwrap();
        assert_eq!((tick.kind, tick.time, tick.price), (TickKind::Book, 6_000_000, 0));
        let snapshot = r#"1 {"lastUpdateId":5,"E":9,"T":8,"bids":[],"asks":[]}"#;
        assert_eq!(line(snapshot).unwrap().unwrap().time, 8_000_000);
    }

    #[test]
    fn messages_without_a_time_and_other_symbols_make_no_tick() {
        for text in [
            r#"1 {"stream":"ethusdt@depth","data":{"e":"depthUpdate","E":7,"s":"ETHUSDT"}}"#,
            r#"1 {"lastUpdateId":5,"bids":[],"asks":[]}"#,
            r#"1 {"stream":"ethusdt@bookTicker","data":{"u":1,"s":"ETHUSDT","b":"1","B":"1","a":"1","A":"1"}}"#,
        ] {
            assert_eq!(line(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn broken_messages_are_faults() {
        let number = Fault::new(TickKind::NotANumber, None);
        assert_eq!(line(r#"5 {"stream":"btcusdt@trade","data":{"#), Err(number));
        assert_eq!(line(r#"5 {"stream":"btcusdt@trade","data":{"s":"BTCUSDT"}}"#), Err(number));
        assert_eq!(line("5"), Err(number));
        assert_eq!(line(r#"x {}"#), Err(Fault::bad_time()));
        let nan = r#"5 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"NaN","B":"1","a":"1","A":"1"}}"#;
        assert_eq!(line(nan), Err(Fault::new(TickKind::NotANumber, Some(5))));
    }
}
