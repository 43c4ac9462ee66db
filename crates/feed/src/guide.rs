//! What files may look like, in words: `gauntlet feed --help` and `docs/files.md`.

use crate::bar_table;
use crate::columns::{self, ROLES};
use crate::format::Format;
use crate::time::Unit;

/// A kind of column, and the names by which it is found. They are compared by letters and digits alone, so `Bid Price`,
/// `bid_price` and `bidPrice` are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name for `--column`.
    pub role: &'static str,
    /// In which files, where ticks and bars have other names for it.
    pub of: Option<&'static str>,
    /// Names in a header.
    pub names: Vec<&'static str>,
}

/// Every kind of column.
pub fn columns() -> Vec<Column> {
    let times = |of, lists: &[&[(&'static str, Option<Unit>)]]| Column {
        role: "time",
        of: Some(of),
        names: lists.concat().into_iter().map(|(name, _)| name).collect(),
    };
    let of_ticks = times("ticks", &[columns::EVENT_TIMES, columns::RECORDER_TIMES]);
    let of_bars = times("bars", &[bar_table::OPEN_TIMES, columns::EVENT_TIMES, bar_table::CLOSE_TIMES]);
    let others = ROLES.iter().filter(|(role, _)| *role != of_ticks.role).map(|(role, usual)| {
        // Bars have names of their own for these.
        let more: &[&[&str]] = match *role {
            "date" => &[bar_table::DATES],
            "close" => &[bar_table::ONLY_PRICES, bar_table::LAST_PRICES],
            _ => &[],
        };
        let mut names = usual.to_vec();
        for name in more.concat() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Column { role, of: None, names }
    });
    let others: Vec<Column> = others.collect();
    [of_ticks, of_bars].into_iter().chain(others).collect()
}

/// How a row of each format is made, and a beginning that would do: a header and one row where it has a header.
pub fn formats() -> [(Format, &'static str, &'static [&'static str]); 6] {
    let shape = |format: Format| match format {
        Format::Parquet => "columns of csv, or of bars-csv",
        other => other.row_shape(),
    };
    Format::ALL.map(|format| (format, shape(format), example(format)))
}

fn example(format: Format) -> &'static [&'static str] {
    match format {
        Format::Csv => &["time,bid,ask", "2024-03-04T15:30:00.250Z,1.08542,1.08545"],
        Format::BarsCsv => {
            &["date,open,high,low,close,volume", "2024-03-04,2082.1,2119.8,2079.6,2114.5,18421"]
        }
        Format::LeanQuote => &["55800250,1.08542,1.08545"],
        Format::LeanBar => &["20240304 15:30,2082.1,2119.8,2079.6,2114.5,18421"],
        Format::BinanceJsonl => &["1709566200250000000 {\"stream\":\"btcusdt@bookTicker\",\"data\":{…}}"],
        // It has no text.
        Format::Parquet => &[],
    }
}

/// How times may be written, each with one that means 15:30 of 4 March 2024, UTC, or its midnight.
pub const TIMES: [(&str, &str); 9] = [
    (
        "2024-03-04T15:30:00Z",
        "a date and a time of day, with T or a space; digits of a fraction down to nanoseconds",
    ),
    (
        "2024-03-04 16:30:00+01:00",
        "an offset, Z, UTC or GMT behind it is that of its row, whatever --zone says",
    ),
    ("2024-03-04", "a date alone is its midnight, or a bar's day"),
    ("20240304 153000", "digits alone: also 20240304, 20240304153000 and 20240304153000000"),
    ("4 Mar 2024 15:30", "a month by its English name"),
    (
        "3/4/2024 3:30 PM",
        "all rows together say whether the day or the month is first, or --day-first, --month-first",
    ),
    ("04.03.2024 15:30", "likewise"),
    ("1709566200", "seconds since 1970, also with a fraction"),
    (
        "1709566200000",
        "milliseconds, and microseconds and nanoseconds, told apart by all numbers of the column",
    ),
];

/// What decides where times have no zone.
pub const CLOCKS: [&str; 5] = [
    "Times without a zone are UTC, or of the clock that --utc-offset or --zone gives.",
    "A column of times of day (15:30) takes its dates from a column of dates.",
    "Anything else is read with --time-format, in the letters of strftime.",
    "A time of bars is when they open; --stamp close says that it is when they close.",
    "How long bars are is told by their spacing, or by --spec.",
];

/// All of it as text of a command's help.
pub fn text() -> String {
    let mut text = String::from("Formats, by --format where the file does not tell:\n");
    for (format, shape, example) in formats() {
        text.push_str(&format!("  {:<14} {shape}\n", format.name()));
        example.iter().for_each(|line| text.push_str(&format!("  {:<14}   {line}\n", "")));
    }
    text.push_str("\nColumns of csv, bars-csv and parquet, by names in the header (letters and digits count, capitals do not), or by --column:\n");
    for Column { role, of, names } in columns() {
        let role = of.map_or_else(|| role.to_owned(), |of| format!("{role} of {of}"));
        text.push_str(&format!("  {role:<14} {}\n", names.join(" ")));
    }
    text.push_str("\nTimes:\n");
    TIMES.iter().for_each(|(example, what)| text.push_str(&format!("  {example:<27} {what}\n")));
    CLOCKS.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    text.push_str("\nfeed --dry-run shows what a file is understood as, and publishes nothing.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::format_of;
    use crate::input::SourceFile;
    use crate::time::{Clock, DateOrder};

    #[test]
    fn every_example_of_a_time_is_the_moment_that_is_said() {
        for (example, _) in TIMES {
            // With a point between them the day is first.
            let order = if example.contains('.') { DateOrder::DayFirst } else { DateOrder::MonthFirst };
            let mut clock = Clock::new(0);
            clock.order = Some(order);
            let seconds = clock.parse(example.as_bytes()).map(|nanos| nanos / 1_000_000_000);
            let wanted =
                if example.len() == 10 && example.contains('-') { 1_709_510_400 } else { 1_709_566_200 };
            assert_eq!(seconds, Some(wanted), "{example}");
        }
    }

    #[test]
    fn every_example_of_a_file_is_taken_for_its_format() {
        let folder = tempfile::tempdir().unwrap();
        for (format, _, lines) in formats().into_iter().filter(|(_, _, lines)| !lines.is_empty()) {
            let name = if format == Format::LeanQuote { "20240304_quote.csv" } else { "file.csv" };
            let path = folder.path().join(name);
            std::fs::write(&path, lines.join("\n").replace('…', "\"s\":\"BTCUSDT\"") + "\n").unwrap();
            let options =
                crate::Options::new(gauntlet_domain::InstrumentId::new("BTCUSDT", "BINANCE").unwrap());
            let file = SourceFile::inspect(&path, &path, &options.stop).unwrap();
            assert_eq!(format_of(&file, &options).unwrap().format, format);
        }
    }

    #[test]
    fn every_column_has_a_name_by_which_it_is_found() {
        for Column { role, names, .. } in columns() {
            let plain = |name: &&str| columns::plain_name(name) == **name;
            assert!(!names.is_empty() && names.iter().all(plain), "{role}: {names:?}");
        }
    }
}
