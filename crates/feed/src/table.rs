//! Ticks in tables with named columns: which column is what, and one row to one tick. Shared by CSV and Parquet.

use gauntlet_domain::market::TickKind;

use crate::block::{Fault, Tick, TickColumns};
use crate::columns::{
    ACTIONS, ASK_SIZES, ASKS, BID_SIZES, BIDS, CONDITIONS, EVENT_TIMES, MAKERS, MARKETS, PRICES,
    RECORDER_TIMES, SEQUENCES, SIDES, SIZES, TOTALS, TimeColumn, column, name_column, plain_name,
    symbol_column, time_column, unread_volumes,
};
use crate::conditions::Conditions;
use crate::format::{Options, Reading};
use crate::numbers::NumberStyle;
use crate::time::Clock;
use crate::units::Units;
use crate::wanted::Wanted;

/// Columns of numbers at most.
pub(crate) const NUMBERS: usize = 4;

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
    /// The size's sign: sold below zero.
    OfSize,
}

/// Which column is what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TickLayout {
    pub time: TimeColumn,
    pub recorder_time: Option<TimeColumn>,
    prices: Prices,
    pub symbol: Option<usize>,
    /// The column of symbols is one of ids in which text stands.
    symbol_is_id: bool,
    /// A column of names, which are symbols where they differ.
    pub names: Option<usize>,
    market: Option<usize>,
    sequence: Option<usize>,
    /// Rows that are no trades say so here.
    action: Option<usize>,
    /// Conditions of trades, read or not.
    conditions: Option<usize>,
    /// What of them is read.
    named_conditions: Option<Conditions>,
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
        let is_trades = matches!(prices, Prices::Trade { .. });
        let time = time.with_date(&names, &first_row);
        Ok(TickLayout {
            time,
            recorder_time: event_time.and(recorder_time),
            prices,
            symbol: symbol_column(&names).or(id.filter(|index| !is_number(index))),
            symbol_is_id: symbol_column(&names).is_none(),
            names: name_column(&names).filter(|_| symbol_column(&names).is_none()),
            market: find(MARKETS),
            sequence: find(SEQUENCES).or(id).filter(is_number),
            action: find(ACTIONS).filter(|_| is_trades),
            conditions: find(CONDITIONS).filter(|_| is_trades),
            named_conditions: None,
        })
    }

    /// Reads conditions where somebody has said what their codes mean. `Err` says what does not fit.
    pub fn read_conditions(&mut self, reading: &Reading, names: &[String]) -> Result<(), String> {
        self.named_conditions = Conditions::said(reading, self.conditions, !self.makes_quotes(), names)?;
        Ok(())
    }

    /// The column of conditions that is read.
    pub fn conditions(&self) -> Option<usize> {
        self.named_conditions.as_ref().map(|conditions| conditions.column)
    }

    /// The column of conditions where nobody has said what they mean.
    pub fn unread_conditions(&self) -> Option<usize> {
        self.conditions.filter(|_| self.named_conditions.is_none())
    }

    /// The column of sizes of trades; `None` for quotes, and where there is none.
    pub fn size(&self) -> Option<usize> {
        match self.prices {
            Prices::Trade { size: Size::Each(index), .. } => Some(index),
            _ => None,
        }
    }

    /// Columns of numbers, and whether they are prices.
    pub fn numbers(&self) -> Vec<(usize, bool)> {
        match self.prices {
            Prices::Quote { bid, ask, bid_size, ask_size } => {
                let sizes = bid_size.into_iter().chain(ask_size).map(|index| (index, false));
                [(bid, true), (ask, true)].into_iter().chain(sizes).collect()
            }
            Prices::Trade { price, size, .. } => {
                let size = match size {
                    Size::None => None,
                    Size::Each(index) | Size::Total(index) => Some((index, false)),
                };
                [(price, true)].into_iter().chain(size).collect()
            }
        }
    }

    /// The column of sizes whose sign could be the side.
    pub fn size_without_side(&self) -> Option<usize> {
        match self.prices {
            Prices::Trade { size: Size::Each(index), side: Side::Unknown, .. } => Some(index),
            _ => None,
        }
    }

    /// Takes the sign of sizes as the side.
    pub fn sign_is_side(&mut self) {
        if let Prices::Trade { side, .. } = &mut self.prices {
            *side = Side::OfSize;
        }
    }

    /// Takes a column of names for one of symbols.
    pub fn take_names(&mut self, column: usize) {
        (self.symbol, self.symbol_is_id) = (Some(column), false);
    }

    /// Takes ids for no symbols.
    pub fn forget_ids(&mut self) {
        self.symbol = self.symbol.filter(|_| !self.symbol_is_id);
    }

    /// Whether sizes are a running total, which only counts forwards.
    pub fn is_total(&self) -> bool {
        matches!(self.prices, Prices::Trade { size: Size::Total(_), .. })
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

    /// True when a row is of the symbol and market that are wanted. `Err` names two markets where none is.
    pub fn is_wanted<'a>(
        &self,
        wanted: &mut Wanted,
        field: impl Fn(usize) -> Option<&'a [u8]>,
    ) -> Result<bool, String> {
        if self.symbol.is_none() && self.market.is_none() {
            return Ok(true);
        }
        let text = |index: Option<usize>| index.map(|index| field(index).unwrap_or_default());
        wanted.is_row(text(self.symbol), text(self.market))
    }

    /// What is in each column that is read.
    pub fn roles(&self) -> Vec<(&'static str, usize)> {
        let of_prices = match self.prices {
            Prices::Quote { bid, ask, bid_size, ask_size } => {
                [("bid", Some(bid)), ("ask", Some(ask)), ("bid_size", bid_size), ("ask_size", ask_size)]
            }
            Prices::Trade { price, size, side } => {
                let size = match size {
                    Size::None => ("size", None),
                    Size::Each(index) => ("size", Some(index)),
                    Size::Total(index) => ("volume of the day so far", Some(index)),
                };
                let side = match side {
                    Side::Unknown | Side::OfSize => ("side", None),
                    Side::Named(index) => ("side", Some(index)),
                    Side::BuyerIsMaker(index) => ("buyer is maker", Some(index)),
                };
                [("price", Some(price)), size, side, ("", None)]
            }
        };
        let others = [
            ("date", self.time.date),
            ("time", Some(self.time.index)),
            ("time of the recorder", self.recorder_time.map(|column| column.index)),
            ("symbol", self.symbol),
            ("market", self.market),
            ("id", self.sequence),
            ("action", self.action),
            ("conditions", self.conditions()),
        ];
        let all = others.into_iter().chain(of_prices);
        all.filter_map(|(what, index)| index.map(|index| (what, index))).collect()
    }

    /// What a person should know of the columns of a file with these names.
    pub fn warnings(&self, names: &[String]) -> Vec<String> {
        match self.prices {
            Prices::Trade { size: Size::None, .. } => unread_volumes(names, "size").into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// How the side of a trade is known.
    pub fn sides(&self) -> Option<&'static str> {
        match self.prices {
            Prices::Trade { side: Side::Named(_), .. } => Some("by a column of sides"),
            Prices::Trade { side: Side::BuyerIsMaker(_), .. } => Some("by whether the buyer was the maker"),
            Prices::Trade { side: Side::OfSize, .. } => Some("by the sign of sizes: sold below zero"),
            Prices::Trade { side: Side::Unknown, .. } => Some("not known"),
            Prices::Quote { .. } => None,
        }
    }

    /// Every column that is read.
    pub fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.roles().into_iter().map(|(_, index)| index).collect();
        used.sort_unstable();
        used.dedup();
        used
    }
}

/// Turns rows into ticks.
#[derive(Debug)]
pub(crate) struct TickTable {
    pub layout: TickLayout,
    pub wanted: Wanted,
    pub clock: Clock,
    /// How numbers are written that are text.
    pub numbers: NumberStyle,
    /// Columns of numbers that are no text in the file, whatever the style of the others.
    pub typed: [Option<usize>; NUMBERS],
    units: Units,
    /// The symbol's last running total.
    total: Option<i64>,
}

impl TickTable {
    pub fn new(layout: TickLayout, options: &Options, clock: Clock, units: Units) -> TickTable {
        let numbers = NumberStyle::default();
        let typed = [None; NUMBERS];
        TickTable { layout, wanted: Wanted::new(options), clock, numbers, typed, units, total: None }
    }

    /// True when the row is wanted. `field` is the text at an index; `None` where there is none.
    pub fn is_wanted<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>) -> Result<bool, String> {
        self.layout.is_wanted(&mut self.wanted, field)
    }

    /// The tick of a wanted row.
    pub fn tick<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>) -> Result<Tick, Fault> {
        let text = |index: usize| field(index).unwrap_or_default();
        let time = match self.layout.recorder_time {
            Some(recorder) if text(self.layout.time.index).is_empty() => {
                recorder.of_row(&field, &mut self.clock)
            }
            _ => self.layout.time.of_row(&field, &mut self.clock),
        };
        let time = time.ok_or_else(Fault::bad_time)?;
        let sequence = match self.layout.sequence.map(text) {
            None | Some([]) => 0,
            Some(text) => integer(text).ok_or(Fault::new(TickKind::NotANumber, Some(time)))?,
        };
        let tick = Tick { kind: TickKind::Trade, time, sequence, price: 0, ask: 0, size: 0, ask_size: 0 };
        if let Some(action) = self.layout.action.map(text)
            && !is_trade_action(action)
        {
            return Ok(Tick { kind: TickKind::Book, ..tick });
        }
        let (numbers, typed, units) = (self.numbers, self.typed, self.units.clone());
        let style = |index| style_of(numbers, typed, index);
        let as_price = |index| units.price(style(index).plain_price(text(index), &mut [0; 64]), time);
        let as_size = |index| units.size(style(index).plain(text(index), &mut [0; 64]), time);
        let as_total = |index| units.total(style(index).plain(text(index), &mut [0; 64]), time);
        match self.layout.prices {
            Prices::Quote { bid, ask, bid_size, ask_size } => Ok(Tick {
                kind: TickKind::Quote,
                price: as_price(bid)?,
                ask: as_price(ask)?,
                size: bid_size.map_or(Ok(0), as_size)?,
                ask_size: ask_size.map_or(Ok(0), as_size)?,
                ..tick
            }),
            Prices::Trade { price: index, size, side } => {
                let is_total = matches!(size, Size::Total(_));
                // The total first: it has to be followed even past a row whose price is no number.
                let size = match size {
                    Size::None => Ok(0),
                    Size::Each(index) => as_size(index),
                    Size::Total(index) => as_total(index).and_then(|total| self.difference(total, time)),
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
                    Side::OfSize if size.is_ok_and(|size| size < 0) => TickKind::Sell,
                    Side::OfSize => TickKind::Buy,
                };
                let condition = self.layout.named_conditions.as_ref();
                let kind = match condition.and_then(|named| named.kind(text(named.column))) {
                    // A total that did not move is no print of an auction.
                    Some(TickKind::Auction) if kind == TickKind::Last => kind,
                    named => named.unwrap_or(kind),
                };
                let size = if side == Side::OfSize { size.map(|size| size.saturating_abs()) } else { size };
                Ok(Tick { kind, price: as_price(index)?, size: size?, ..tick })
            }
        }
    }

    /// The cell by which a row cannot be read.
    pub fn faulty<'a>(
        &self,
        field: impl Fn(usize) -> Option<&'a [u8]>,
        fault: TickKind,
    ) -> Option<(usize, &'a [u8])> {
        let text = |index: usize| field(index).unwrap_or_default();
        if fault == TickKind::BadTime {
            return Some((self.layout.time.index, text(self.layout.time.index)));
        }
        let units = Units::of(self.units.scale);
        let is_bad = |(index, is_price): &(usize, bool)| {
            let mut room = [0; 64];
            let (text, style) = (text(*index), style_of(self.numbers, self.typed, *index));
            let plain =
                if *is_price { style.plain_price(text, &mut room) } else { style.plain(text, &mut room) };
            if *is_price { units.price(plain, 0).is_err() } else { units.size(plain, 0).is_err() }
        };
        let bad = self.layout.numbers().into_iter().find(is_bad).map(|(index, _)| index);
        bad.or(self.layout.sequence).map(|index| (index, text(index)))
    }

    /// Whether a quote has one side and not the other: that is a fault, and no value that is missing.
    pub fn is_one_sided<'a>(&self, field: impl Fn(usize) -> Option<&'a [u8]>) -> bool {
        let has = |index: usize| field(index).is_some_and(|text| !text.trim_ascii().is_empty());
        matches!(self.layout.prices, Prices::Quote { bid, ask, .. } if has(bid) != has(ask))
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

/// How the numbers of a column are written.
#[inline]
fn style_of(numbers: NumberStyle, typed: [Option<usize>; NUMBERS], index: usize) -> NumberStyle {
    if typed.contains(&Some(index)) { NumberStyle::default() } else { numbers }
}

/// Trades among the orders of a market by order: `T` of Databento. Fills repeat them from the other side.
fn is_trade_action(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"t") || text.eq_ignore_ascii_case(b"trade")
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
    use crate::time::Unit;

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
        assert_eq!(found.time, TimeColumn { index: 1, unit: Some(Unit::Millis), date: None });
        assert_eq!(found.recorder_time, Some(TimeColumn { index: 0, unit: Some(Unit::Nanos), date: None }));
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
}
