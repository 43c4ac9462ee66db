//! Bars in tables with named columns: which column is what, and one row to one bar. Shared by CSV and Parquet.

use gauntlet_domain::market::TickKind;

use crate::block::{Bar, BarColumns, Fault};
use crate::columns::{
    TimeColumn, bar_time_column, column, name_column, named_columns, own_volume, plain_name, symbol_column,
    time_column,
};
use crate::format::Reading;
use crate::numbers::NumberStyle;
use crate::time::{Clock, Unit, half_of_day, is_time_of_day};
use crate::units::Units;
use crate::wanted::Wanted;

/// When a bar begins. Preferred to any other time: a file that has it says which end its other times are.
pub(crate) const OPEN_TIMES: &[(&str, Option<Unit>)] = &[
    ("opentime", None),
    ("opentimems", Some(Unit::Millis)),
    ("opentimestamp", None),
    ("starttime", None),
    ("periodstart", None),
];
/// When a bar ends.
pub(crate) const CLOSE_TIMES: &[(&str, Option<Unit>)] = &[
    ("closetime", None),
    ("closetimems", Some(Unit::Millis)),
    ("closetimestamp", None),
    ("endtime", None),
    ("periodend", None),
];
pub(crate) const DATES: &[&str] = &["date", "tradedate", "tradingday", "day"];
const CLOSES: &[&str] = &["close", "c"];
/// The close beside open, high and low, where there is no column of that name and no bid.
pub(crate) const LAST_PRICES: &[&str] = &["price", "last", "lastprice", "closelast"];
/// Prices of a file that has adjusted ones alone.
const ADJUSTED: [&str; 4] = ["adjopen", "adjhigh", "adjlow", "adjclose"];
/// With one of these a price is that of a ticker, whose open, high and low are the day's so far.
const BIDS: &[&str] = &["bid", "bidprice", "bestbid"];
const PERIODS: &[&str] = &["per", "period", "timeframe", "interval"];
pub(crate) const ONLY_PRICES: &[&str] = &["close", "price", "value", "adjclose"];

/// Units in which open and close may lie beyond high and low, and one part in so many of the price: what is left of a
/// product of floating-point numbers.
const NOISE_UNITS: i64 = 2;
const NOISE_PARTS: i64 = 500_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prices {
    Bar { open: usize, high: usize, low: usize, close: usize },
    One(usize),
}

/// Which column is what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BarLayout {
    pub time: TimeColumn,
    /// The time of day, where `time` is only the date.
    of_day: Option<usize>,
    /// The other end, where `time` is the beginning.
    pub close_time: Option<TimeColumn>,
    /// `time` is the end of a bar.
    pub is_closing: bool,
    pub symbol: Option<usize>,
    /// A column of names, which are symbols where they differ.
    pub names: Option<usize>,
    /// How long the bars are, by their own words.
    pub period: Option<usize>,
    prices: Prices,
    /// Spreads at the open and at the close.
    pub spreads: Option<(usize, usize)>,
    volume: Option<usize>,
}

/// Names of a header as they are found, where somebody has said which column is what. `Err` says what does not fit.
pub(crate) fn bar_names(names: &[String], reading: &Reading) -> Result<Vec<String>, String> {
    let mut named = named_columns(names, reading)?;
    let columns = &reading.columns;
    let has = |role: &str| columns.iter().any(|(named, _)| named == role);
    for (name, original) in named.iter_mut().zip(names) {
        let plain = plain_name(original);
        let is_end = [OPEN_TIMES, CLOSE_TIMES].concat().iter().any(|(usual, _)| plain == *usual);
        if has("time") && is_end {
            // A name that says which end of the bar the time is stays.
            *name = if name == "time" { original.clone() } else { String::from("-") };
        }
        if has("price") && name != "price" && ONLY_PRICES.contains(&plain.as_str()) {
            *name = String::from("-");
        }
    }
    Ok(named)
}

/// True for the header of bars: it has open, high, low and close.
pub(crate) fn has_bars(plain: &[String]) -> bool {
    bar_prices(plain).is_some()
}

fn bar_prices(plain: &[String]) -> Option<Prices> {
    let either = |long: &str, short: &str| column(plain, &[long, short]);
    let close = || match column(plain, BIDS) {
        None => column(plain, LAST_PRICES),
        Some(_) => None,
    };
    let usual =
        [either("open", "o"), either("high", "h"), either("low", "l"), column(plain, CLOSES).or_else(close)];
    // Never some of one kind and some of the other.
    let adjusted = || ADJUSTED.map(|name| column(plain, &[name]));
    [usual, adjusted()].into_iter().find_map(|columns| match columns {
        [Some(open), Some(high), Some(low), Some(close)] => Some(Prices::Bar { open, high, low, close }),
        _ => None,
    })
}

impl BarLayout {
    /// Finds the columns by their names. `first_row` is the text of the first row's field at an index: it tells a column of
    /// times of day from one of whole times.
    pub fn find(
        names: &[String],
        wanted: &Wanted,
        first_row: impl Fn(usize) -> Option<Vec<u8>>,
    ) -> Option<BarLayout> {
        let plain: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
        let opening = time_column(&plain, OPEN_TIMES);
        let closing = time_column(&plain, CLOSE_TIMES);
        let is_of_day = |index: &usize| {
            first_row(*index).is_some_and(|text| of_day(&text).is_some() || is_time_of_day(&text))
        };
        let date = column(&plain, DATES);
        let of_day = date.and_then(|_| column(&plain, &["time", "timeofday"]).filter(is_of_day));
        let dated =
            date.filter(|_| of_day.is_some()).map(|index| TimeColumn { index, unit: None, date: None });
        let short = || column(&plain, &["t"]).map(|index| TimeColumn { index, unit: None, date: None });
        let usual = dated.or_else(|| bar_time_column(&plain)).or_else(short);
        let time = opening.or(usual).or(closing)?;
        let symbol = symbol_column(&plain);
        let period = column(&plain, PERIODS);
        let is_price = |index: &usize| {
            let others = [
                Some(time.index),
                of_day,
                closing.map(|time| time.index),
                symbol,
                period,
                name_column(&plain),
            ];
            !others.contains(&Some(*index))
        };
        let one = || {
            let values: Vec<usize> = (0..names.len()).filter(is_price).collect();
            let named = values.iter().find(|index| wanted.is_symbol(names[**index].as_bytes())).copied();
            let only = (values.len() == 1).then(|| values[0]);
            named.or(only).or_else(|| column(&plain, ONLY_PRICES)).map(Prices::One)
        };
        Some(BarLayout {
            time,
            of_day: of_day.filter(|_| opening.is_none()),
            close_time: closing.filter(|closing| *closing != time),
            is_closing: opening.is_none() && usual.is_none(),
            symbol,
            names: name_column(&plain).filter(|index| symbol.is_none() && *index != time.index),
            period,
            prices: bar_prices(&plain).or_else(one)?,
            spreads: column(&plain, &["openspread"]).zip(column(&plain, &["closespread"])),
            volume: column(&plain, &["volume", "vol", "v", "adjvolume"])
                .or_else(|| own_volume(&plain, wanted.symbol())),
        })
    }

    pub fn columns(&self) -> BarColumns {
        BarColumns { spreads: self.spreads.is_some(), volumes: self.volume.is_some() }
    }

    /// The one price column of a file without open, high and low.
    pub fn one_price(&self) -> Option<usize> {
        match self.prices {
            Prices::One(index) => Some(index),
            Prices::Bar { .. } => None,
        }
    }

    /// Columns of prices, spreads among them.
    pub fn price_columns(&self) -> impl Iterator<Item = usize> {
        let prices = match self.prices {
            Prices::Bar { open, high, low, close } => vec![open, high, low, close],
            Prices::One(index) => vec![index],
        };
        prices.into_iter().chain(self.spreads.into_iter().flat_map(|(open, close)| [open, close]))
    }

    pub fn volume_column(&self) -> Option<usize> {
        self.volume
    }

    /// Columns of times, those of times of day apart.
    pub fn time_columns(&self) -> impl Iterator<Item = usize> {
        [self.time.index].into_iter().chain(self.close_time.map(|time| time.index))
    }

    /// What a row says about its time; date and time of day are joined by a space, as they are or in one way of writing them.
    pub fn time_text<'a: 'b, 'b>(
        &self,
        field: impl Fn(usize) -> Option<&'a [u8]>,
        as_is: bool,
        room: &'b mut [u8; 64],
    ) -> Option<&'b [u8]> {
        let date = field(self.time.index).unwrap_or_default();
        let Some(index) = self.of_day else { return Some(date) };
        let written = field(index).unwrap_or_default();
        let plain = if as_is { None } else { of_day(written) };
        let time = plain.as_ref().map_or(written, |time| &time[..]);
        let length = date.len() + 1 + time.len();
        let joined = room.get_mut(..length)?;
        joined[..date.len()].copy_from_slice(date);
        joined[date.len()] = b' ';
        joined[date.len() + 1..].copy_from_slice(time);
        Some(joined)
    }

    /// What is in each column that is read.
    pub fn roles(&self) -> Vec<(&'static str, usize)> {
        let time = match (self.of_day, self.is_closing) {
            (Some(_), _) => "date",
            (None, true) => "time of closing",
            (None, false) => "time",
        };
        let mut roles = vec![(time, self.time.index)];
        match self.prices {
            Prices::Bar { open, high, low, close } => {
                roles.extend([("open", open), ("high", high), ("low", low), ("close", close)]);
            }
            Prices::One(index) => roles.push(("price", index)),
        }
        let spreads = self.spreads.unzip();
        let others = [
            ("time of day", self.of_day),
            ("time of closing", self.close_time.map(|time| time.index)),
            ("volume", self.volume),
            ("open_spread", spreads.0),
            ("close_spread", spreads.1),
            ("symbol", self.symbol),
            ("length", self.period),
        ];
        roles.extend(others.into_iter().filter_map(|(what, index)| index.map(|index| (what, index))));
        roles
    }

    /// Every column that is read.
    pub fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.roles().into_iter().map(|(_, index)| index).collect();
        used.sort_unstable();
        used.dedup();
        used
    }
}

/// Turns rows into bars.
#[derive(Debug)]
pub(crate) struct BarTable {
    pub layout: BarLayout,
    pub wanted: Wanted,
    pub clock: Clock,
    pub style: NumberStyle,
    pub units: Units,
}

/// A cell that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellFault {
    pub fault: Fault,
    pub column: usize,
}

impl BarTable {
    /// True when the row is of the wanted symbol.
    pub fn is_wanted<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>) -> bool {
        match self.layout.symbol {
            Some(index) => self.wanted.is_row(Some(field(index).unwrap_or_default()), None) == Ok(true),
            None => true,
        }
    }

    /// When the row's bar begins, or ends where the file has only ends.
    pub fn time<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]>) -> Option<i64> {
        let mut room = [0; 64];
        let text = self.layout.time_text(field, self.clock.format.is_some(), &mut room)?;
        self.layout.time.parse(text, &mut self.clock)
    }

    /// Nanoseconds since midnight by the row's own writing, of a bar at this time.
    pub fn time_of_day<'a>(&self, time: i64, field: impl Fn(usize) -> Option<&'a [u8]>) -> i64 {
        let text = field(self.layout.of_day.unwrap_or(self.layout.time.index)).unwrap_or_default();
        let is_written = self.layout.of_day.is_some() || text.contains(&b':');
        let is_run = match text.len() {
            14 | 17 => true,
            12 => self.clock.twelve_digits_are_dates,
            _ => false,
        };
        if self.layout.time.unit.is_none() && is_run && text.iter().all(u8::is_ascii_digit) {
            return written_of_day(&text[8..text.len().min(14)]).unwrap_or_default();
        }
        let is_in_date = |byte: &u8| matches!(byte, b'-' | b'/' | b'.') || byte.is_ascii_alphabetic();
        let is_date = || text.len() == 8 || text.iter().any(is_in_date);
        match is_written.then(|| written_of_day(text)).flatten() {
            Some(nanos) => nanos,
            None if self.layout.time.unit.is_none() && is_date() => 0,
            None => time.rem_euclid(86_400_000_000_000),
        }
    }

    /// How long the row's bar is by its two times.
    pub fn length<'a>(&mut self, open: i64, field: impl Fn(usize) -> Option<&'a [u8]>) -> Option<i64> {
        let close = self.layout.close_time?;
        close.parse_behind(field(close.index)?, open, &mut self.clock)?.checked_sub(open)
    }

    /// The bar of a wanted row.
    pub fn bar<'a>(&mut self, field: impl Fn(usize) -> Option<&'a [u8]> + Copy) -> Result<Bar, CellFault> {
        let column = self.layout.time.index;
        let time = self.time(field).ok_or_else(|| CellFault { fault: Fault::bad_time(), column })?;
        let number = |column: usize| {
            let text = field(column).unwrap_or_default();
            let fault = |fault| CellFault { fault, column };
            if is_missing(text) {
                return Err(fault(Fault { missing: true, ..Fault::new(TickKind::NotANumber, Some(time)) }));
            }
            self.units.price(self.style.plain_price(text, &mut [0; 64]), time).map_err(fault)
        };
        let (open, high, low, close) = match self.layout.prices {
            Prices::Bar { open, high, low, close } => {
                (number(open)?, number(high)?, number(low)?, number(close)?)
            }
            Prices::One(index) => {
                let price = number(index)?;
                (price, price, price, price)
            }
        };
        let (open_spread, close_spread) = match self.layout.spreads {
            Some((open, close)) => (number(open)?, number(close)?),
            None => (0, 0),
        };
        let volume = self.volume(field, time)?;
        let bar = Bar { open_time: time, open, high, low, close, open_spread, close_spread, volume };
        Ok(without_noise(bar))
    }

    /// A bar whose volume is not known is still a bar.
    fn volume<'a>(&self, field: impl Fn(usize) -> Option<&'a [u8]>, time: i64) -> Result<i64, CellFault> {
        let Some(column) = self.layout.volume else { return Ok(0) };
        let text = field(column).unwrap_or_default();
        if is_missing(text) {
            return Ok(0);
        }
        let volume = self.units.size(self.style.plain_volume(text, &mut [0; 64]), time);
        volume.map_err(|fault| CellFault { fault, column })
    }
}

/// Open and close that lie beyond high and low by less than the prices are known.
fn without_noise(bar: Bar) -> Bar {
    let noise = bar.high.saturating_abs() / NOISE_PARTS + NOISE_UNITS;
    let is_noise = |beyond: i64| (1..=noise).contains(&beyond);
    let within = |price: i64| match (price.saturating_sub(bar.high), bar.low.saturating_sub(price)) {
        (above, _) if is_noise(above) => bar.high,
        (_, below) if is_noise(below) => bar.low,
        _ => price,
    };
    Bar { open: within(bar.open), close: within(bar.close), ..bar }
}

/// What data sources write for no value.
pub(crate) fn is_missing(text: &[u8]) -> bool {
    matches!(text, b"" | b"." | b"-" | b"NaN" | b"nan" | b"NA" | b"N/A" | b"null" | b"None")
}

/// Hours, minutes and seconds of `9:30`, `09:30:15`, `93015`, `0930` as `HH:MM:SS`.
fn of_day(text: &[u8]) -> Option<[u8; 8]> {
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let mut time = *b"00:00:00";
    if let Some(colon) = text.iter().position(|byte| *byte == b':') {
        let (hours, rest) = (&text[..colon], &text[colon..]);
        let rest = match rest.iter().position(|byte| *byte == b'.') {
            Some(point) if rest[point + 1..].iter().all(|byte| *byte == b'0') => &rest[..point],
            _ => rest,
        };
        let is_time = digits(hours)
            && matches!(hours.len(), 1 | 2)
            && (rest.len() == 3 || (rest.len() == 6 && rest[3] == b':' && digits(&rest[4..])))
            && digits(&rest[1..3]);
        if !is_time {
            return None;
        }
        time[2 - hours.len()..2].copy_from_slice(hours);
        time[2..2 + rest.len()].copy_from_slice(rest);
        return Some(time);
    }
    if !digits(text) || !(3..=6).contains(&text.len()) {
        return None;
    }
    // Without seconds up to four digits; leading zeros may be lost.
    let (width, seconds) = if text.len() > 4 { (6, true) } else { (4, false) };
    let mut six = *b"000000";
    six[width - text.len()..width].copy_from_slice(text);
    time[..2].copy_from_slice(&six[..2]);
    time[3..5].copy_from_slice(&six[2..4]);
    if seconds {
        time[6..].copy_from_slice(&six[4..]);
    }
    Some(time)
}

/// Nanoseconds since midnight of the `HH:MM:SS` in a time; `None` without one.
fn written_of_day(text: &[u8]) -> Option<i64> {
    let begin = match text.iter().position(|byte| *byte == b':') {
        Some(colon) => text[..colon].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1),
        None => 0,
    };
    let rest = &text[begin..];
    let end = rest.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b':')).unwrap_or(rest.len());
    let time = of_day(&rest[..end])?;
    let two = |at: usize| i64::from(time[at] - b'0') * 10 + i64::from(time[at + 1] - b'0');
    let hour = match half_of_day(&rest[end..]) {
        (Some(half), _) => two(0) % 12 + half,
        (None, _) => two(0),
    };
    Some(((hour * 60 + two(3)) * 60 + two(6)) * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Options, Reading};
    use crate::time::DateOrder;
    use gauntlet_domain::InstrumentId;

    fn table(header: &str, row: &str) -> Option<BarTable> {
        let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let row: Vec<Vec<u8>> = row.split(',').map(|text| text.as_bytes().to_vec()).collect();
        let wanted = Wanted::new(&options);
        let layout = BarLayout::find(&names, &wanted, |index| row.get(index).cloned())?;
        let mut clock = Clock::new(0);
        clock.order = Some(DateOrder::MonthFirst);
        Some(BarTable { layout, wanted, clock, style: NumberStyle::default(), units: Units::default() })
    }

    fn bar(header: &str, row: &str) -> Result<Bar, CellFault> {
        let fields: Vec<&[u8]> = row.split(',').map(str::as_bytes).collect();
        table(header, row).unwrap().bar(|index| fields.get(index).copied())
    }

    fn opening(header: &str, row: &str) -> String {
        gauntlet_domain::Timestamp(bar(header, row).unwrap().open_time).to_string()
    }

    #[test]
    fn the_opening_time_is_preferred_to_any_other() {
        let made = "time,open_time,close_time,open,high,low,close,volume,ticks";
        let row = "2024-03-04T10:01:00Z,2024-03-04T10:00:00Z,2024-03-04T10:01:00Z,1,1,1,1,1,1";
        assert_eq!(opening(made, row), "2024-03-04T10:00:00Z");
        let found = table(made, row).unwrap().layout;
        assert!(!found.is_closing && found.close_time.is_some());
        let found = table("close_time,open,high,low,close", "2024-03-04,1,1,1,1").unwrap().layout;
        assert!(found.is_closing && found.close_time.is_none());
    }

    #[test]
    fn date_and_time_of_day_are_joined() {
        let header = "Date,Time,Open,High,Low,Close,Volume";
        for (date, time, expected) in [
            ("2024.03.04", "15:30", "2024-03-04T15:30:00Z"),
            ("20240304", "153005", "2024-03-04T15:30:05Z"),
            ("20240304", "93000", "2024-03-04T09:30:00Z"),
            ("03/04/2024", "9:30", "2024-03-04T09:30:00Z"),
            ("2024-03-04", "0930", "2024-03-04T09:30:00Z"),
            ("2024-03-04", "09:30:00.000", "2024-03-04T09:30:00Z"),
        ] {
            assert_eq!(opening(header, &format!("{date},{time},1,1,1,1,1")), expected);
        }
        assert!(bar(header, "2024-03-04,10:00,1,1,1,1,1").is_ok());
        // A whole time beside the date stands for itself.
        assert_eq!(opening(header, "2024-03-04,1709544600,1,1,1,1,1"), "2024-03-04T09:30:00Z");
    }

    #[test]
    fn columns_that_somebody_names_are_taken() {
        let names = ["open_time", "close_time", "adj close", "close", "px"].map(str::to_owned);
        let named = |column: (&str, &str)| {
            bar_names(
                &names,
                &Reading { columns: vec![(column.0.to_owned(), column.1.to_owned())], ..Reading::default() },
            )
            .unwrap()
            .join(",")
        };
        assert_eq!(named(("time", "close_time")), "-,close_time,adj close,close,px");
        assert_eq!(named(("price", "px")), "open_time,close_time,-,-,price");
        assert_eq!(named(("close", "px")), "open_time,close_time,adj close,-,close");
    }

    #[test]
    fn short_names_and_a_price_for_the_close_are_bars() {
        let found = table("t,o,h,l,c,v", "1709546400000,10,11,9,10.5,100").unwrap().layout;
        assert_eq!(found.used(), [0, 1, 2, 3, 4, 5]);
        let found = bar("Date,Price,Open,High,Low,Vol.", "03/04/2024,17,16,18,15,1.20M").unwrap();
        assert_eq!((found.close, found.open), (17_000_000_000, 16_000_000_000));
        assert_eq!(found.volume, 120_000_000_000_000);
        let ticker = ["timestamp", "open", "high", "low", "price", "bid", "ask"].map(str::to_owned);
        assert!(!has_bars(&ticker));
    }

    #[test]
    fn noise_of_floating_point_is_rounded_away_and_more_is_not() {
        let header = "Date,Open,High,Low,Close";
        let noisy = bar(header, "2024-03-04,10.10000000149,10.1,9,8.9999999999").unwrap();
        assert_eq!((noisy.open, noisy.close), (10_100_000_000, 9_000_000_000));
        let wrong = bar(header, "2024-03-04,10.1001,10.1,9,10").unwrap();
        assert_eq!(wrong.open, 10_100_100_000);
    }

    #[test]
    fn a_cell_that_cannot_be_read_is_known() {
        let header = "Date,Open,High,Low,Close,Volume";
        let fault = |row| bar(header, row).unwrap_err();
        let large = fault("2024-03-04,1,1,1,1,1.2E+11");
        assert_eq!((large.column, large.fault.kind), (5, TickKind::OutOfRange));
        assert_eq!(bar(header, "2024-03-04,1,1,1,1,9.2E+10").unwrap().volume, 9_200_000_000_000_000_000);
        assert_eq!(fault("2024-03-04,1,x,1,1,1").column, 2);
        assert_eq!(fault("yesterday,1,1,1,1,1").column, 0);
        assert!(fault("2024-03-04,1,1,NaN,1,1").fault.missing);
    }

    #[test]
    fn the_time_of_day_is_that_of_the_file() {
        let header = "Date,Close";
        let of = |text: &'static str| {
            let mut table = table(header, &format!("{text},1")).unwrap();
            let time = table.clock.parse(text.as_bytes()).unwrap();
            table.time_of_day(time, |_| Some(text.as_bytes()))
        };
        for midnight in
            ["2024-03-04", "20240304", "3/4/2024", "2024-03-04 00:00:00-05:00", "1709510400", "-86400"]
        {
            assert_eq!(of(midnight), 0, "{midnight}");
        }
        assert_eq!(of("2024-03-07 16:00:02"), 57_602_000_000_000);
        assert_eq!(of("2024-03-04T16:00:02-05:00"), 57_602_000_000_000);
        assert_eq!(of("1709510401"), 1_000_000_000);
        assert_eq!(of("3/4/2024 12:00:00 AM"), 0);
        assert_eq!(of("3/4/2024 1:00:00 PM"), 46_800_000_000_000);
        assert_eq!(of("20240304000000"), 0);
        assert_eq!(of("Mar 4, 2024"), 0);
    }
}
