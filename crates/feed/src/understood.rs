//! What a file was understood as, in words that a person can check: its wrapping and format, which column is what, how times
//! and numbers are written, what its rows are, and which options would have it understood otherwise.

use serde::Serialize;

use crate::format::{Format, Options};
use crate::numbers::NumberStyle;
use crate::time::{Clock, DateOrder, Unit, compact_date};

/// What a reader found out about the rows of its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub delimiter: Option<u8>,
    pub columns: Vec<ColumnUse>,
    /// Columns that are not read.
    pub unread: Vec<String>,
    /// How times are written.
    pub time: String,
    /// Times are instants by themselves: they have a zone, or count from 1970.
    pub is_utc: bool,
    pub order: Option<DateOrder>,
    pub numbers: Option<String>,
    pub sides: Option<&'static str>,
    pub newest_first: bool,
    /// There are conditions of trades that are not read.
    pub has_unread_conditions: bool,
}

/// A column and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnUse {
    /// What is in it: time, price, size and so on.
    pub what: &'static str,
    /// Its name in the header; its position where there is none.
    pub name: String,
    /// Its position, from 1.
    pub position: usize,
}

/// An option that would have a file understood otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// As it is written on the command line.
    pub option: String,
    /// When to write it.
    pub when: String,
}

/// What a file was understood as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Understood {
    /// The path as given.
    pub file: String,
    /// The file's length in bytes.
    pub bytes: u64,
    /// What its bytes are wrapped in: plain, gzip, zip, zstd, xz, bzip2, parquet.
    pub wrapping: &'static str,
    /// The format it is read in.
    pub format: Format,
    /// The line of its header; `None` where it has none.
    pub header_line: Option<u64>,
    /// What parts its fields; `None` where the format says it.
    pub delimiter: Option<String>,
    /// Which column is what.
    pub columns: Vec<ColumnUse>,
    /// Columns that are not read.
    pub unread: Vec<String>,
    /// How its times are written.
    pub time: String,
    /// Which clock its times are on.
    pub clock: String,
    /// Whether the day or the month is first, where its dates are written so.
    pub date_order: Option<DateOrder>,
    /// How its numbers are written; `None` where they are no text.
    pub numbers: Option<String>,
    /// How the side of a trade is known.
    pub sides: Option<&'static str>,
    /// Whether the newest row is first; it is turned round then.
    pub newest_first: bool,
    /// trades, quotes or bars.
    pub holds: &'static str,
    /// Whose rows are read, where the file says whose they are.
    pub symbol: Option<String>,
    /// The market whose rows are read, where the file has one.
    pub market: Option<String>,
    /// How long its bars are, once its first block was read.
    pub spec: Option<String>,
    /// How that is known.
    pub spec_by: Option<&'static str>,
    /// Which end of its bars its times are.
    pub stamp: Option<&'static str>,
    /// What makes the prices of bars: trades, or the mid of quotes.
    pub price_basis: &'static str,
    /// What was said about it, in its canonical form; empty where nothing was.
    pub reading: String,
    /// The hash by which it is known when it is fed.
    pub source: String,
    /// Options that would have it understood otherwise.
    pub choices: Vec<Choice>,
}

/// The uses of columns that have these names, and the names of the others.
pub(crate) fn columns(roles: &[(&'static str, usize)], names: &[String]) -> (Vec<ColumnUse>, Vec<String>) {
    let name = |index: usize| match names.get(index) {
        Some(name) if !name.is_empty() => name.clone(),
        _ => (index + 1).to_string(),
    };
    let uses = roles.iter().map(|(what, index)| ColumnUse { what, name: name(*index), position: index + 1 });
    let is_read = |index: &usize| roles.iter().any(|(_, read)| read == index);
    (uses.collect(), (0..names.len()).filter(|index| !is_read(index)).map(name).collect())
}

/// How a column of times is written, by its first cell, and whether its times are instants by themselves.
pub(crate) fn written(clock: &Clock, unit: Option<Unit>, cell: &[u8]) -> (String, bool) {
    let shown = crate::text::shortened(cell);
    let since = |unit: Unit| (format!("{} since 1970 ({shown})", unit.name()), true);
    if let Some(format) = &clock.format {
        return (format!("{format} ({shown})"), clock.is_instant(cell));
    }
    if let Some(unit) = unit {
        return since(unit);
    }
    if !cell.is_empty() && cell.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-')) {
        let digits = cell.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_all = digits == cell.len();
        let date = match digits {
            8 if compact_date(cell).is_some() => Some("YYYYMMDD"),
            12 if clock.twelve_digits_are_dates => Some("YYYYMMDDHHMM"),
            14 if is_all => Some("YYYYMMDDHHMMSS"),
            17 if is_all && compact_date(&cell[..8]).is_some() => Some("YYYYMMDDHHMMSSmmm"),
            _ => None,
        };
        return match date {
            Some(date) => (format!("{date} ({shown})"), false),
            None if is_all || cell.contains(&b'.') && !cell.contains(&b'-') => since(Unit::of_digits(digits)),
            None => (format!("a date ({shown})"), false),
        };
    }
    let is_instant = clock.is_instant(cell);
    let zone = if is_instant { "with its zone" } else { "without a zone" };
    let of_day = if cell.contains(&b':') { "date and time" } else { "date" };
    (format!("{of_day} {zone} ({shown})"), is_instant)
}

/// Which clock times without a zone are on.
pub(crate) fn clock(is_utc: bool, options: &Options) -> String {
    if is_utc {
        return "UTC, by the times themselves".to_owned();
    }
    if let Some(zone) = &options.reading.zone {
        return zone.clone();
    }
    match options.utc_offset_seconds {
        0 => "UTC, since nothing else was said".to_owned(),
        seconds => {
            let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
            format!("UTC{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
        }
    }
}

/// How numbers are written.
pub(crate) fn numbers(style: NumberStyle) -> String {
    if style.thirty_seconds {
        return "prices in points and 32nds".to_owned();
    }
    let mut text = if style.decimal_comma { "decimal comma" } else { "decimal point" }.to_owned();
    match style.thousands {
        Some(b' ') => text.push_str(", a space between thousands"),
        Some(mark) => text.push_str(&format!(", '{}' between thousands", char::from(mark))),
        None => {}
    }
    if style.lakhs {
        text.push_str(", groups as in India");
    }
    if let Some(currency) = style.currency {
        text.push_str(&format!(", amounts in {currency}"));
    }
    text
}

/// Options that would have a file understood otherwise.
pub(crate) fn choices(it: &Understood, is_utc: bool) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut put = |option: &str, when: String| choices.push(Choice { option: option.to_owned(), when });
    if !is_utc {
        put("--zone NAME", format!("its times are on a clock with summer time, not {}", it.clock));
        put("--utc-offset ±HH:MM", format!("its times are on another clock than {}", it.clock));
    }
    match it.date_order {
        Some(DateOrder::DayFirst) => put("--month-first", "1/2/2017 is 2 January".to_owned()),
        Some(DateOrder::MonthFirst) => put("--day-first", "1/2/2017 is 1 February".to_owned()),
        None => {}
    }
    if matches!(it.format, Format::Csv | Format::BarsCsv | Format::Parquet) {
        put("--time-format FORMAT", "its times are written otherwise, such as %d.%m.%y %H:%M:%S".to_owned());
        let among = if it.unread.is_empty() {
            "another column holds what is named, or the columns have no header (positions from 1)".to_owned()
        } else {
            format!("another column holds it; not read: {}", it.unread.join(", "))
        };
        put("--column WHAT=NAME", among);
    }
    match it.numbers.as_deref() {
        Some(text) if text.starts_with("decimal comma") => {
            put("--decimal .", "the point is the decimal mark".into())
        }
        Some(text) if text.starts_with("decimal point") => {
            put("--decimal ,", "the comma is the decimal mark".into())
        }
        _ => {}
    }
    if it.holds == "bars" {
        put("--spec SPEC", "its bars are of another length, such as time:5m".to_owned());
        match it.stamp {
            Some("open") => put("--stamp close", "its times are the ends of its bars".to_owned()),
            Some("close") => put("--stamp open", "its times are the beginnings of its bars".to_owned()),
            _ => {}
        }
    }
    if it.columns.iter().any(|column| column.what == "market") {
        put("--market NAME", "rows of another market are wanted".to_owned());
    }
    if matches!(it.format, Format::Csv | Format::BarsCsv) {
        let other = if it.format == Format::Csv { Format::BarsCsv } else { Format::Csv };
        put(&format!("--format {other}"), format!("its rows are {}", other.row_shape()));
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_times_are_written_is_said_with_the_first_of_them() {
        let clock = Clock::new(0);
        for (cell, unit, said, is_utc) in [
            ("1709546400", None, "seconds since 1970 (1709546400)", true),
            ("1709546400.25", None, "seconds since 1970 (1709546400.25)", true),
            ("1709546400123", None, "milliseconds since 1970 (1709546400123)", true),
            ("5", Some(Unit::Nanos), "nanoseconds since 1970 (5)", true),
            ("20240304", None, "YYYYMMDD (20240304)", false),
            ("20240304101500", None, "YYYYMMDDHHMMSS (20240304101500)", false),
            ("2024-03-04", None, "a date (2024-03-04)", false),
            ("2024-03-04 10:15:00", None, "date and time without a zone (2024-03-04 10:15:00)", false),
            ("2024-03-04T10:15:00Z", None, "date and time with its zone (2024-03-04T10:15:00Z)", true),
        ] {
            assert_eq!(written(&clock, unit, cell.as_bytes()), (said.to_owned(), is_utc), "{cell}");
        }
    }

    #[test]
    fn how_numbers_are_written_is_said_in_words() {
        let style = NumberStyle { decimal_comma: true, thousands: Some(b'.'), ..NumberStyle::default() };
        assert_eq!(numbers(style), "decimal comma, '.' between thousands");
        assert_eq!(numbers(NumberStyle::default()), "decimal point");
    }
}
