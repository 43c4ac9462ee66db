//! The columns of tables by their names, and times in them.

use crate::format::Reading;
use crate::time::{Clock, Unit, is_time_of_day, since_epoch};

// Names are compared as letters and digits only: `bid_price`, `Bid Price` and `bidPrice` are one. In each list the
// first name that the table has is taken.

/// When it happened, by the venue's clock.
pub(crate) const EVENT_TIMES: &[(&str, Option<Unit>)] = &[
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
    ("gmttime", None),
];
/// A name that says that a clock is somebody's own.
pub(crate) const LOCAL_TIME: &str = "localtime";

/// When it was recorded: stands in where the venue sends no time.
pub(crate) const RECORDER_TIMES: &[(&str, Option<Unit>)] = &[
    ("localtsns", Some(Unit::Nanos)),
    ("localtsus", Some(Unit::Micros)),
    ("localtsms", Some(Unit::Millis)),
    ("localts", None),
    ("localtimestamp", None),
    (LOCAL_TIME, None),
    ("receivedat", None),
    ("tsrecv", None),
];
pub(crate) const PRICES: &[&str] = &["price", "last", "lastprice", "tradeprice"];
pub(crate) const BIDS: &[&str] = &["bid", "bidprice", "bestbid", "bestbidprice", "bidpx00", "bidpx"];
pub(crate) const ASKS: &[&str] =
    &["ask", "askprice", "offer", "offerprice", "bestask", "bestaskprice", "askpx00", "askpx"];
pub(crate) const SIZES: &[&str] = &["size", "amount", "qty", "quantity", "volume", "lastsize", "tradesize"];
pub(crate) const TOTALS: &[&str] = &["dayvolume", "cumulativevolume", "totalvolume"];
pub(crate) const BID_SIZES: &[&str] = &[
    "bidsize",
    "bidqty",
    "bidquantity",
    "bidamount",
    "bidvolume",
    "bestbidsize",
    "bestbidqty",
    "bidsz00",
    "bidsz",
];
pub(crate) const ASK_SIZES: &[&str] = &[
    "asksize",
    "askqty",
    "askquantity",
    "askamount",
    "askvolume",
    "offersize",
    "bestasksize",
    "bestaskqty",
    "asksz00",
    "asksz",
];
pub(crate) const SIDES: &[&str] = &["side", "takerside", "aggressor", "aggressorside"];
pub(crate) const CONDITIONS: &[&str] =
    &["condition", "conditions", "cond", "conds", "salecondition", "saleconditions"];
pub(crate) const MAKERS: &[&str] = &["buyerismaker", "isbuyermaker"];
/// What may hold symbols, where it tells rows apart.
const NAMES: &[&str] = &[
    "name",
    "stock",
    "code",
    "contract",
    "security",
    "asset",
    "sym",
    "ric",
    "isin",
    "secid",
    "stockcode",
    "instrumentname",
    "instrumentid",
    "securityid",
    "symroot",
    "tic",
    "permno",
    "cusip",
    "sedol",
    "figi",
    "coin",
    "token",
    "currencypair",
    "strike",
    "expiry",
    "expiration",
    "expirydate",
    "expirationdate",
    "maturity",
];
/// Columns of symbols.
pub(crate) const SYMBOLS: &[&str] = &["symbol", "ticker", "instrument", "pair", "product", "productid"];
pub(crate) const SEQUENCES: &[&str] =
    &["sequence", "seq", "sequenceno", "tradeid", "aggtradeid", "updateid", "u", "t"];
pub(crate) const MARKETS: &[&str] = &["market"];
/// The day of a time that is only a time of day.
const DATES: &[&str] = &["date", "day", "tradedate", "tradingdate"];
/// What a row of a market by order is.
pub(crate) const ACTIONS: &[&str] = &["action"];

/// What `--column` can name, and the names that are found without it.
pub(crate) const ROLES: [(&str, &[&str]); 18] = [
    ("time", &[]),
    ("date", DATES),
    ("price", PRICES),
    ("bid", BIDS),
    ("ask", ASKS),
    ("size", SIZES),
    ("bid_size", BID_SIZES),
    ("ask_size", ASK_SIZES),
    ("side", SIDES),
    ("conditions", CONDITIONS),
    ("id", SEQUENCES),
    ("symbol", SYMBOLS),
    ("market", MARKETS),
    ("open", &["open", "o"]),
    ("high", &["high", "h"]),
    ("low", &["low", "l"]),
    ("close", &["close", "c"]),
    ("volume", &["volume", "vol", "v"]),
];

/// Names of a header as they are found, where somebody has said which column is what. `Err` says what does not fit.
pub(crate) fn named_columns(names: &[String], reading: &Reading) -> Result<Vec<String>, String> {
    let mut named = names.to_vec();
    let is_in = |name: &String, list: &[&str]| list.contains(&plain_name(name).as_str());
    for (role, column) in &reading.named() {
        let Some((_, usual)) = ROLES.iter().find(|(known, _)| known == role) else {
            let known: Vec<&str> = ROLES.iter().map(|(role, _)| *role).collect();
            return Err(format!(
                "--column {role}={column}: {role} is not known, use one of {}",
                known.join(", ")
            ));
        };
        let wanted = plain_name(column);
        let named_so = names.iter().position(|name| name == column || plain_name(name) == wanted);
        let position = || column.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index < names.len());
        let Some(index) = named_so.or_else(position) else {
            return Err(format!(
                "--column {role}={column}: there is no such column, only {}",
                crate::input::listed(names)
            ));
        };
        for (other, name) in named.iter_mut().enumerate() {
            let is_time = *role == "time"
                && (EVENT_TIMES
                    .iter()
                    .any(|(usual, _)| plain_name(name) == *usual && !DATES.contains(usual)));
            let is_quote = *role == "price" && (is_in(name, BIDS) || is_in(name, ASKS));
            if other != index && (is_in(name, usual) || is_time || is_quote) {
                // No list has it.
                *name = String::from("-");
            }
        }
        named[index] = match role.as_str() {
            "id" => "sequence".to_owned(),
            other => other.to_owned(),
        };
    }
    Ok(named)
}

/// A name as it is compared.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The first of `wanted` among the plain names.
pub(crate) fn column(names: &[String], wanted: &[&str]) -> Option<usize> {
    wanted.iter().find_map(|wanted| names.iter().position(|name| name == wanted))
}

/// The column of volumes in units of the instrument itself, where its name says more than that: `Volume BTC` of BTC-USD,
/// `Volume (BTC)`, `volumefrom`. `symbol` is the wanted one.
pub(crate) fn own_volume(names: &[String], symbol: &str) -> Option<usize> {
    let symbol = plain_name(symbol);
    names.iter().position(|name| match name.strip_prefix("volume").or_else(|| name.strip_suffix("volume")) {
        Some("base" | "from") => true,
        Some(unit) => unit.len() >= 2 && symbol.starts_with(unit),
        None => false,
    })
}

/// What to know where no column is read as volume and some look like one.
pub(crate) fn unread_volumes(names: &[String], role: &str) -> Option<String> {
    let is_like = |name: &&String| {
        let plain = plain_name(name);
        ["volume", "amount", "quantity", "qty"].iter().any(|word| plain.contains(word))
    };
    let like: Vec<&str> = names.iter().filter(is_like).map(String::as_str).collect();
    (!like.is_empty()).then(|| {
        format!(
            "no column is read as {role}, so that every row has {role} 0, and these may be it: {}: name it with --column {role}=NAME",
            like.join(", ")
        )
    })
}

/// A column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeColumn {
    pub index: usize,
    /// Unit of its numbers, if the name says.
    pub unit: Option<Unit>,
    /// The column of dates, where this one has only times of day.
    pub date: Option<usize>,
}

pub(crate) fn time_column(names: &[String], wanted: &[(&str, Option<Unit>)]) -> Option<TimeColumn> {
    wanted.iter().find_map(|(wanted, unit)| {
        names.iter().position(|name| name == wanted).map(|index| TimeColumn {
            index,
            unit: *unit,
            date: None,
        })
    })
}

/// The column by which the rows of a bars file are dated.
pub(crate) fn bar_time_column(names: &[String]) -> Option<TimeColumn> {
    let local = || time_column(names, &[(LOCAL_TIME, None)]);
    time_column(names, EVENT_TIMES).or_else(local).or_else(|| {
        // A data frame writes its index without a name, first.
        let unnamed = names.first().is_some_and(String::is_empty);
        unnamed.then_some(TimeColumn { index: 0, unit: None, date: None })
    })
}

/// The column by which the rows of a file of several symbols are told apart.
pub(crate) fn symbol_column(names: &[String]) -> Option<usize> {
    column(names, SYMBOLS)
}

/// A column whose name leaves open whether rows are told apart by it.
pub(crate) fn name_column(names: &[String]) -> Option<usize> {
    column(names, NAMES)
}

impl TimeColumn {
    /// Takes the column of dates that stands beside times of day. `first_row` is the first row's text at an index.
    pub fn with_date(self, names: &[String], first_row: impl Fn(usize) -> Option<Vec<u8>>) -> TimeColumn {
        let date = column(names, DATES).filter(|date| *date != self.index);
        let is_of_day = first_row(self.index).is_some_and(|text| is_time_of_day(&text));
        TimeColumn { date: date.filter(|_| is_of_day && self.unit.is_none()), ..self }
    }

    /// The columns that it is read from.
    pub fn columns(self) -> impl Iterator<Item = usize> {
        self.date.into_iter().chain([self.index])
    }

    pub fn parse(self, text: &[u8], clock: &mut Clock) -> Option<i64> {
        match self.unit {
            // What was said about the times says it of their unit too.
            Some(unit) if clock.format.is_none() => since_epoch(text, Some(unit)),
            _ => clock.parse(text),
        }
    }

    /// The time of a row that stands behind another one in it.
    pub fn parse_behind(self, text: &[u8], other: i64, clock: &mut Clock) -> Option<i64> {
        clock.zone.iter_mut().for_each(|zone| zone.behind = Some(other));
        let time = self.parse(text, clock);
        clock.zone.iter_mut().for_each(|zone| zone.behind = None);
        time
    }

    /// The time of a row whose text at an index is `field`.
    #[inline]
    pub fn of_row<'a>(self, field: &impl Fn(usize) -> Option<&'a [u8]>, clock: &mut Clock) -> Option<i64> {
        if self.date.is_none() {
            return self.parse(field(self.index).unwrap_or_default(), clock);
        }
        let mut room = [0; 64];
        clock.parse(self.text(field, &mut room)?)
    }

    /// What a row says about its time: date and time of day joined by a space.
    pub fn text<'a, 'b>(
        self,
        field: &impl Fn(usize) -> Option<&'a [u8]>,
        room: &'b mut [u8; 64],
    ) -> Option<&'b [u8]> {
        let parts =
            [self.date, Some(self.index)].into_iter().flatten().map(|index| field(index).unwrap_or_default());
        let mut length = 0;
        for part in parts {
            if length > 0 {
                room[length] = b' ';
                length += 1;
            }
            // A space has to fit behind it.
            room.get_mut(length..length + part.len() + 1)?[..part.len()].copy_from_slice(part);
            length += part.len();
        }
        Some(&room[..length])
    }
}
