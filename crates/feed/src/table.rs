//! Ticks in tables with named columns: which column is what, and one row to one tick. Shared by CSV and Parquet.

use gauntlet_domain::market::TickKind;

use crate::block::{Fault, Tick, TickColumns, price, quantity};
use crate::error::FeedError;
use crate::format::Options;
use crate::time::{Clock, Unit, since_epoch};

// Names are compared as letters and digits only: `bid_price`, `Bid Price` and `bidPrice` are one. In each list the
// first name that the table has is taken.

/// When it happened, by the venue's clock.
const EVENT_TIMES: &[(&str, Option<Unit>)] = &[
    ("tradetsms", Some(Unit::Millis)),
    ("transactiontsms", Some(Unit::Millis)),
    ("tradetime", None),
    ("transactiontime", None),
    ("transacttime", None),
    ("eventtsms", Some(Unit::Millis)),
    ("eventtime", None),
    ("exchangetimestamp", None),
    ("timestamp", None),
    ("timestampms", Some(Unit::Millis)),
    ("timestampus", Some(Unit::Micros)),
    ("timestampns", Some(Unit::Nanos)),
    ("time", None),
    ("datetime", None),
    ("date", None),
    ("ts", None),
    ("tsms", Some(Unit::Millis)),
    ("tsus", Some(Unit::Micros)),
    ("tsns", Some(Unit::Nanos)),
    ("tsevent", None),
];
/// When it was recorded: stands in where the venue sends no time.
const RECORDER_TIMES: &[(&str, Option<Unit>)] = &[
    ("localtsns", Some(Unit::Nanos)),
    ("localtsus", Some(Unit::Micros)),
    ("localtsms", Some(Unit::Millis)),
    ("localts", None),
    ("localtimestamp", None),
    ("localtime", None),
    ("receivedat", None),
    ("tsrecv", None),
];
const PRICES: &[&str] = &["price", "last", "lastprice", "tradeprice"];
const BIDS: &[&str] = &["bid", "bidprice", "bestbid", "bestbidprice"];
const ASKS: &[&str] = &["ask", "askprice", "offer", "offerprice", "bestask", "bestaskprice"];
const SIZES: &[&str] = &["size", "amount", "qty", "quantity", "volume", "lastsize", "tradesize"];
const TOTALS: &[&str] = &["dayvolume", "cumulativevolume", "totalvolume"];
const BID_SIZES: &[&str] =
    &["bidsize", "bidqty", "bidquantity", "bidamount", "bidvolume", "bestbidsize", "bestbidqty"];
const ASK_SIZES: &[&str] =
    &["asksize", "askqty", "askquantity", "askamount", "askvolume", "offersize", "bestasksize", "bestaskqty"];
const SIDES: &[&str] = &["side", "takerside", "aggressor", "aggressorside"];
const MAKERS: &[&str] = &["buyerismaker", "isbuyermaker"];
const SYMBOLS: &[&str] = &["symbol", "ticker", "instrument", "pair", "product", "productid"];
const SEQUENCES: &[&str] = &["sequence", "seq", "sequenceno", "tradeid", "aggtradeid", "updateid", "u", "t"];
const MARKETS: &[&str] = &["market"];

/// A name as it is compared.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The first of `wanted` among the plain names.
pub(crate) fn column(names: &[String], wanted: &[&str]) -> Option<usize> {
    wanted.iter().find_map(|wanted| names.iter().position(|name| name == wanted))
}

/// A column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeColumn {
    pub index: usize,
    /// Unit of its numbers, if the name says.
    pub unit: Option<Unit>,
}

pub(crate) fn time_column(names: &[String], wanted: &[(&str, Option<Unit>)]) -> Option<TimeColumn> {
    wanted.iter().find_map(|(wanted, unit)| {
        names.iter().position(|name| name == wanted).map(|index| TimeColumn { index, unit: *unit })
    })
}

/// The column by which the rows of a bars file are dated.
pub(crate) fn bar_time_column(names: &[String]) -> Option<TimeColumn> {
    time_column(names, EVENT_TIMES).or_else(|| {
        // A data frame writes its index without a name, first.
        let unnamed = names.first().is_some_and(String::is_empty);
        unnamed.then_some(TimeColumn { index: 0, unit: None })
    })
}

/// The column by which the rows of a file of several symbols are told apart.
pub(crate) fn symbol_column(names: &[String]) -> Option<usize> {
    column(names, SYMBOLS)
}

impl TimeColumn {
    pub fn parse(self, text: &[u8], clock: Clock) -> Option<i64> {
        match self.unit {
            Some(unit) => since_epoch(text, Some(unit)),
            None => clock.parse(text),
        }
    }
}

/// Where a row's price is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prices {
    Quote { bid: usize, ask: usize, bid_size: Option<usize>, ask_size: Option<usize> },
    Trade { price: usize, size: Size, side: Side },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    None,
    Each(usize),
    /// The day's volume so far.
    Total(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Unknown,
    Named(usize),
    BuyerIsMaker(usize),
}

/// Which column is what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TickLayout {
    pub time: TimeColumn,
    pub recorder_time: Option<TimeColumn>,
    prices: Prices,
    symbol: Option<usize>,
    market: Option<usize>,
    sequence: Option<usize>,
}

impl TickLayout {
    /// Finds the columns by their names. `first_row` is the text of the first row's field at an index: it tells a
    /// column `id` of symbols from one of numbers. The error names what is missing.
    pub fn find(
        names: &[String],
        first_row: impl Fn(usize) -> Option<Vec<u8>>,
    ) -> Result<TickLayout, &'static str> {
        let names: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
        let find = |wanted| column(&names, wanted);
        let is_number = |index: &usize| first_row(*index).is_none_or(|text| integer(&text).is_some());
        let event_time = time_column(&names, EVENT_TIMES);
        let recorder_time = time_column(&names, RECORDER_TIMES);
        let prices = match (find(BIDS), find(ASKS), find(PRICES)) {
            (Some(bid), Some(ask), _) => {
                Some(Prices::Quote { bid, ask, bid_size: find(BID_SIZES), ask_size: find(ASK_SIZES) })
            }
            (_, _, Some(price)) => {
                let size = match (find(SIZES), find(TOTALS)) {
                    (Some(size), _) => Size::Each(size),
                    (None, Some(total)) => Size::Total(total),
                    (None, None) => Size::None,
                };
                let side = match (find(SIDES), find(MAKERS)) {
                    (Some(side), _) => Side::Named(side),
                    (None, Some(maker)) => Side::BuyerIsMaker(maker),
                    (None, None) => Side::Unknown,
                };
                Some(Prices::Trade { price, size, side })
            }
            _ => None,
        };
        let (time, prices) = match (event_time.or(recorder_time), prices) {
            (Some(time), Some(prices)) => (time, prices),
            (None, Some(_)) => return Err("a time (timestamp, time, datetime, date, ts)"),
            (Some(_), None) => return Err("a price (price, last) or a bid and an ask"),
            (None, None) => {
                return Err("a time (timestamp, time, datetime, date, ts) and a price, or a bid and an ask");
            }
        };
        let id = column(&names, &["id"]);
        Ok(TickLayout {
            time,
            recorder_time: event_time.and(recorder_time),
            prices,
            symbol: symbol_column(&names).or(id.filter(|index| !is_number(index))),
            market: find(MARKETS),
            sequence: find(SEQUENCES).or(id).filter(is_number),
        })
    }

    /// Which optional columns the ticks have.
    pub fn columns(&self) -> TickColumns {
        let (sizes, ask_sizes) = match self.prices {
            Prices::Quote { bid_size, ask_size, .. } => (bid_size.is_some(), ask_size.is_some()),
            Prices::Trade { size, .. } => (size != Size::None, false),
        };
        TickColumns { sequences: self.sequence.is_some(), sizes, ask_sizes }
    }

    /// True when rows are quotes, not trades.
    pub fn makes_quotes(&self) -> bool {
        matches!(self.prices, Prices::Quote { .. })
    }

    /// Columns that tell whose a row is: symbol and market.
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        self.symbol.into_iter().chain(self.market)
    }

    /// Every column that is read.
    pub fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.keys().chain(self.sequence).chain([self.time.index]).collect();
        used.extend(self.recorder_time.map(|column| column.index));
        match self.prices {
            Prices::Quote { bid, ask, bid_size, ask_size } => {
                used.extend([bid, ask]);
                used.extend(bid_size.into_iter().chain(ask_size));
            }
            Prices::Trade { price, size, side } => {
                used.push(price);
                if let Size::Each(index) | Size::Total(index) = size {
                    used.push(index);
                }
                if let Side::Named(index) | Side::BuyerIsMaker(index) = side {
                    used.push(index);
                }
            }
        }
        used.sort_unstable();
        used.dedup();
        used
    }
}

/// Which rows are wanted, and which others there were.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    symbol: String,
    market: Option<String>,
    /// The symbol as it is compared.
    key: Vec<u8>,
    /// Market of the rows that matched so far, where none is wanted.
    seen_market: Option<Vec<u8>>,
    matched: bool,
    others: Vec<String>,
}

impl Wanted {
    pub fn new(options: &Options) -> Wanted {
        let symbol = options.symbol.clone().unwrap_or_else(|| options.instrument.symbol().to_owned());
        let venue = options.instrument.venue();
        let suffix = venue.rsplit_once(['_', '-']).map(|(_, market)| market.to_ascii_lowercase());
        Wanted {
            key: symbol_key(symbol.as_bytes()).collect(),
            market: options.market.clone().or(suffix),
            symbol,
            seen_market: None,
            matched: false,
            others: Vec::new(),
        }
    }

    /// The symbol as asked for.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// True when a row or column of this symbol is wanted; case and punctuation don't matter.
    pub fn is_symbol(&self, symbol: &[u8]) -> bool {
        symbol_key(symbol).eq(self.key.iter().copied())
    }

    /// True when a row of this symbol and market, as far as the file has them, is wanted. `Err` names the two
    /// markets of the symbol where none was asked for.
    pub fn is_row(&mut self, symbol: Option<&[u8]>, market: Option<&[u8]>) -> Result<bool, String> {
        let market_fits = match (&self.market, market) {
            (Some(wanted), Some(market)) => market.eq_ignore_ascii_case(wanted.as_bytes()),
            _ => true,
        };
        if !symbol.is_none_or(|symbol| self.is_symbol(symbol)) || !market_fits {
            self.note_other(symbol, market);
            return Ok(false);
        }
        self.matched = true;
        if let (None, Some(market)) = (&self.market, market) {
            match &self.seen_market {
                None => self.seen_market = Some(market.to_vec()),
                Some(seen) if seen != market => {
                    let names = [seen, market].map(|name| String::from_utf8_lossy(name).into_owned());
                    return Err(names.join(", "));
                }
                Some(_) => {}
            }
        }
        Ok(true)
    }

    /// At the end of a file with rows: an error when none was wanted.
    pub fn finish(&self, file: &str) -> Result<(), FeedError> {
        if self.matched || self.others.is_empty() {
            return Ok(());
        }
        let wanted = match &self.market {
            Some(market) => format!("{} in market {market}", self.symbol),
            None => self.symbol.clone(),
        };
        Err(FeedError::NoMatch { file: file.to_owned(), wanted, found: self.others.join(", ") })
    }

    fn note_other(&mut self, symbol: Option<&[u8]>, market: Option<&[u8]>) {
        if self.others.len() < 10 {
            let text = |bytes: &[u8]| crate::text::shortened(bytes);
            let other = match (symbol, market) {
                (Some(symbol), Some(market)) => format!("{} in market {}", text(symbol), text(market)),
                (Some(name), None) => text(name),
                (None, market) => format!("market {}", text(market.unwrap_or_default())),
            };
            if !self.others.contains(&other) {
                self.others.push(other);
            }
        }
    }
}

fn symbol_key(symbol: &[u8]) -> impl Iterator<Item = u8> {
    symbol.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase)
}

/// Turns rows into ticks.
#[derive(Debug)]
pub(crate) struct TickTable {
    pub layout: TickLayout,
    pub wanted: Wanted,
    pub clock: Clock,
    /// The symbol's last running total.
    total: Option<i64>,
}

impl TickTable {
    pub fn new(layout: TickLayout, options: &Options) -> TickTable {
        let clock = Clock::new(options.utc_offset_seconds);
        TickTable { layout, wanted: Wanted::new(options), clock, total: None }
    }

    /// True when the row is wanted. `field` is the text at an index; `None` where there is none.
    pub fn is_wanted<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>) -> Result<bool, String> {
        if self.layout.symbol.is_none() && self.layout.market.is_none() {
            return Ok(true);
        }
        let text = |index: Option<usize>| index.map(|index| field(index).unwrap_or_default());
        self.wanted.is_row(text(self.layout.symbol), text(self.layout.market))
    }

    /// The tick of a wanted row.
    pub fn tick<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>) -> Result<Tick, Fault> {
        let text = |index: usize| field(index).unwrap_or_default();
        let event_time = text(self.layout.time.index);
        let time = match self.layout.recorder_time {
            Some(recorder) if event_time.is_empty() => recorder.parse(text(recorder.index), self.clock),
            _ => self.layout.time.parse(event_time, self.clock),
        };
        let time = time.ok_or_else(Fault::bad_time)?;
        let sequence = match self.layout.sequence.map(text) {
            None | Some([]) => 0,
            Some(text) => integer(text).ok_or(Fault::new(TickKind::NotANumber, Some(time)))?,
        };
        let tick = Tick { kind: TickKind::Trade, time, sequence, price: 0, ask: 0, size: 0, ask_size: 0 };
        match self.layout.prices {
            Prices::Quote { bid, ask, bid_size, ask_size } => Ok(Tick {
                kind: TickKind::Quote,
                price: price(text(bid), time)?,
                ask: price(text(ask), time)?,
                size: bid_size.map_or(Ok(0), |index| quantity(text(index), time))?,
                ask_size: ask_size.map_or(Ok(0), |index| quantity(text(index), time))?,
                ..tick
            }),
            Prices::Trade { price: index, size, side } => {
                let is_total = matches!(size, Size::Total(_));
                // The total first: it has to be followed even past a row whose price is no number.
                let size = match size {
                    Size::None => Ok(0),
                    Size::Each(index) => quantity(text(index), time),
                    Size::Total(index) => {
                        quantity(text(index), time).and_then(|total| self.difference(total, time))
                    }
                };
                let kind = match side {
                    // A total that did not move says nothing about a trade; the price is news all the same.
                    Side::Unknown if is_total && size == Ok(0) => TickKind::Last,
                    Side::Unknown => TickKind::Trade,
                    Side::Named(index) => side_of(text(index)),
                    Side::BuyerIsMaker(index) => match text(index) {
                        b"true" | b"True" | b"TRUE" | b"1" => TickKind::Sell,
                        b"false" | b"False" | b"FALSE" | b"0" => TickKind::Buy,
                        _ => TickKind::Trade,
                    },
                };
                Ok(Tick { kind, price: price(text(index), time)?, size: size?, ..tick })
            }
        }
    }

    /// What was traded since the row before; nothing is known of what was traded before the first.
    fn difference(&mut self, total: i64, time: i64) -> Result<i64, Fault> {
        match self.total.replace(total).map_or(Some(0), |before| total.checked_sub(before)) {
            Some(size @ 0..) => Ok(size),
            Some(_) => Err(Fault::new(TickKind::TotalDecreased, Some(time))),
            None => Err(Fault::new(TickKind::OutOfRange, Some(time))),
        }
    }
}

fn side_of(text: &[u8]) -> TickKind {
    let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()));
    if is(&["buy", "b", "bid"]) {
        TickKind::Buy
    } else if is(&["sell", "s", "ask"]) {
        TickKind::Sell
    } else {
        TickKind::Trade
    }
}

/// A whole number, also as data frames write it: `17.0`.
fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;

    fn layout(names: &str, row: &str) -> Result<TickLayout, &'static str> {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let row: Vec<Vec<u8>> = row.split(',').map(|text| text.as_bytes().to_vec()).collect();
        TickLayout::find(&names, |index| row.get(index).cloned())
    }

    #[test]
    fn an_id_is_a_symbol_when_it_is_no_number() {
        let symbols = layout("timestamp,id,price,dayVolume", "1,TSLA,2,3").unwrap();
        assert_eq!((symbols.symbol, symbols.sequence), (Some(1), None));
        let numbers = layout("timestamp,id,price", "1,17,2").unwrap();
        assert_eq!((numbers.symbol, numbers.sequence), (None, Some(1)));
    }

    #[test]
    fn names_are_read_without_case_and_punctuation() {
        let found =
            layout("Local TS (ns),Transaction_TS-ms,Bid Price,BID_SIZE,offer,askSize,update_id", "").unwrap();
        assert_eq!(found.time, TimeColumn { index: 1, unit: Some(Unit::Millis) });
        assert_eq!(found.recorder_time, Some(TimeColumn { index: 0, unit: Some(Unit::Nanos) }));
        assert_eq!(found.prices, Prices::Quote { bid: 2, ask: 4, bid_size: Some(3), ask_size: Some(5) });
        assert_eq!(found.columns(), TickColumns { sequences: true, sizes: true, ask_sizes: true });
        assert_eq!(found.used(), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(layout("a,price", "").unwrap_err().starts_with("a time"));
        assert!(layout("time,bid", "").unwrap_err().starts_with("a price"));
        assert!(layout("a,b", "").unwrap_err().contains(" and a price"));
    }

    #[test]
    fn the_venue_names_the_market() {
        let options = Options::new(InstrumentId::new("BTCUSDT", "BINANCE_USDM").unwrap());
        let mut wanted = Wanted::new(&options);
        assert_eq!(wanted.is_row(Some(b"btcusdt"), Some(b"usdm")), Ok(true));
        assert_eq!(wanted.is_row(Some(b"BTCUSDT"), Some(b"spot")), Ok(false));
        let options = Options::new(InstrumentId::new("BTC-USDT", "BINANCE").unwrap());
        let mut wanted = Wanted::new(&options);
        assert_eq!(wanted.is_row(Some(b"BTCUSDT"), Some(b"usdm")), Ok(true));
        assert_eq!(wanted.is_row(Some(b"BTCUSDT"), Some(b"spot")), Err("usdm, spot".into()));
    }
}
