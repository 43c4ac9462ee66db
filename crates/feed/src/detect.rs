//! Tells a file's format from its first line.

use crate::bar_table::{bar_names, has_bars};
use crate::columns::{bar_time_column, plain_name};
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::{SourceFile, Wrapping};
use crate::table::TickLayout;
use crate::text::{Fields, TextRows, separator, shortened};
use crate::time::{Clock, compact_date};

/// Lines before the header that are looked at.
const PREAMBLE_LINES: u64 = 32;

/// How to begin reading a file.
#[derive(Debug)]
pub(crate) struct Found {
    pub format: Format,
    /// The format that the file shows by itself.
    pub told: Option<Format>,
    /// Lines of comments and titles before the header.
    pub preamble: u64,
    /// Columns of a file without a header.
    pub implied: Option<Vec<String>>,
}

/// What a file looks like.
struct Look {
    format: Option<Format>,
    /// What was seen, for messages.
    found: String,
    /// Fields of the first line.
    fields: usize,
    /// The name says that these are trades of Lean.
    trades: bool,
    preamble: u64,
    implied: Option<Vec<String>>,
}

/// The format to read the file in: the one asked for, unless the file is clearly another, or the one found.
pub(crate) fn format_of(file: &SourceFile, options: &Options) -> Result<Found, FeedError> {
    let reading = &options.reading;
    if reading.is_by_position()
        && file.wrapping != Wrapping::Parquet
        && matches!(options.format, None | Some(Format::Csv))
    {
        let last =
            reading.columns.iter().filter_map(|(_, name)| name.parse::<usize>().ok()).max().unwrap_or(0);
        let implied = Some((1..=last.min(10_000)).map(|position| position.to_string()).collect());
        return Ok(Found { format: Format::Csv, told: Some(Format::Csv), preamble: 0, implied });
    }
    let Look { format, found, fields, trades, preamble, implied } = look_at(file, options)?;
    let begin = |asked| Found { format: asked, told: format, preamble, implied };
    let Some(asked) = options.format else {
        let unknown = FeedError::UnknownFormat { file: file.shown.clone(), found };
        return format.map(begin).ok_or(unknown);
    };
    let acceptable = match (asked, format) {
        (asked, Some(found)) if asked == found => true,
        // The header's columns decide between these two: their readers say what is missing.
        (Format::Csv | Format::BarsCsv, Some(Format::Csv | Format::BarsCsv) | None) => true,
        (_, Some(_)) | (Format::Parquet, None) => false,
        // The first row itself may be unreadable.
        (Format::LeanQuote, None) => fields == 3 && !trades,
        (Format::LeanBar, None) => matches!(fields, 6 | 11),
        (Format::BinanceJsonl, None) => true,
    };
    if acceptable {
        return Ok(begin(asked));
    }
    let fix = format.map(|format| format!(": use --format {format}")).unwrap_or_default();
    Err(FeedError::WrongFormat { file: file.shown.clone(), asked, found: format!("{found}{fix}") })
}

fn look_at(file: &SourceFile, options: &Options) -> Result<Look, FeedError> {
    if file.wrapping == Wrapping::Parquet {
        return Ok(Look {
            format: Some(Format::Parquet),
            found: "it is a Parquet file".to_owned(),
            fields: 0,
            trades: false,
            preamble: 0,
            implied: None,
        });
    }
    let text = file.text()?;
    let trades = is_trade_file(&file.name) || text.entry.as_deref().is_some_and(is_trade_file);
    let mut rows = TextRows::new(text.bytes, file.shown.clone(), 64 * 1024);
    let line = rows.header()?.to_vec();
    if line.is_empty() && rows.text().is_empty() {
        return Err(FeedError::Empty { file: file.shown.clone(), what: "not one line" });
    }
    let first = look_at_line(&line, trades, options);
    if first.format.is_some() {
        return Ok(first);
    }
    Ok(look_behind_titles(&mut rows, trades, options)?.unwrap_or(first))
}

/// Looks for a header behind comments, and titles that have fewer fields and no number. A line that is too long, or damage,
/// ends the search.
fn look_behind_titles(
    rows: &mut TextRows,
    trades: bool,
    options: &Options,
) -> Result<Option<Look>, FeedError> {
    let mut most_fields = 0;
    let mut fields = Fields::default();
    while rows.line() < PREAMBLE_LINES {
        let line = rows.text();
        if !line.starts_with(b"#") && !line.starts_with(b"%") {
            fields.split(line, separator(line));
            let texts = fields.texts(line);
            if texts.len() > 1 && texts.iter().any(|text| is_number(text)) {
                return Ok(None);
            }
            most_fields = most_fields.max(texts.len());
        }
        let before = rows.line();
        let Ok(line) = rows.header() else { return Ok(None) };
        if line.is_empty() {
            return Ok(None);
        }
        let look = look_at_line(line, trades, options);
        if matches!(look.format, Some(Format::Csv | Format::BarsCsv))
            && look.implied.is_none()
            && look.fields > most_fields
        {
            return Ok(Some(Look { preamble: before, ..look }));
        }
    }
    Ok(None)
}

/// Lean names its files by what is in them: `20140504_quote.zip`, `20140504_trade.zip`.
fn is_trade_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("_trade") && !name.contains("quote")
}

fn look_at_line(line: &[u8], trades: bool, options: &Options) -> Look {
    let mut fields = Fields::default();
    let separator = separator(line);
    fields.split(line, separator);
    let texts = fields.texts(line);
    let look = |format: Option<Format>, found: String| Look {
        format,
        found,
        fields: texts.len(),
        trades,
        preamble: 0,
        implied: None,
    };
    let looks_like = |what: &str| format!("its first line '{}' looks like {what}", shortened(line));

    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits >= 16 && line[digits..].starts_with(b" {") {
        return look(Some(Format::BinanceJsonl), looks_like("recorded messages"));
    }
    let dated = line.get(..8).and_then(compact_date).is_some() && line.get(8) == Some(&b' ');
    if dated {
        let format = matches!(texts.len(), 6 | 11).then_some(Format::LeanBar);
        return look(format, looks_like(&format!("a bar file of Lean with {} columns", texts.len())));
    }
    if texts.iter().all(|text| is_number(text)) {
        return look_at_numbers(&texts, trades, &look, &looks_like);
    }
    if let Some(names) = columns_without_header(&texts) {
        let implied = Some(names.iter().map(|name| (*name).to_owned()).collect());
        return Look { implied, ..look(Some(Format::Csv), looks_like("ticks without a header")) };
    }
    let is_header = !texts.iter().any(|text| is_number(text));
    let Ok(names) = bar_names(&texts, &options.reading.columns) else {
        let format = is_header.then_some(Format::Csv).filter(|_| texts.len() > 1);
        return look(format, format!("its first line is '{}'", shortened(line)));
    };
    let plain: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
    let has_bars = has_bars(&plain);
    if is_header && has_bars {
        return look(Some(Format::BarsCsv), looks_like("the header of bars"));
    }
    if is_header && TickLayout::find(&names, |_| None).is_ok() {
        return look(Some(Format::Csv), looks_like("the header of ticks"));
    }
    if is_header && texts.len() >= 2 && bar_time_column(&plain).is_some() {
        return look(Some(Format::BarsCsv), looks_like("the header of dated prices"));
    }
    look(None, format!("its first line is '{}'", shortened(line)))
}

fn look_at_numbers(
    texts: &[String],
    trades: bool,
    look: &dyn Fn(Option<Format>, String) -> Look,
    looks_like: &dyn Fn(&str) -> String,
) -> Look {
    // Milliseconds of a day, in a file of Lean.
    let is_of_day = texts[0]
        .split('.')
        .next()
        .and_then(|whole| whole.parse().ok())
        .is_some_and(|ms: u64| ms < 86_400_000);
    match (texts.len(), trades) {
        (3, false) if is_of_day => look(Some(Format::LeanQuote), looks_like("quotes of Lean")),
        (count, true) => {
            look(None, looks_like(&format!("a trade file of Lean with {count} columns, which is not read")))
        }
        (count, false) => look(None, looks_like(&format!("a row of {count} numbers without a header"))),
    }
}

/// Columns of files that are published without a header, where the shape of their first row can be nothing else.
fn columns_without_header(texts: &[String]) -> Option<&'static [&'static str]> {
    // i is a whole number, n a number, e an epoch of this century in milliseconds or microseconds, b true or false.
    const SHAPES: [(&str, &[&str]); 5] = [
        // Trades and aggregated trades of Binance: spot, then futures.
        ("innnebb", &["trade_id", "price", "qty", "quote", "timestamp", "is_buyer_maker", "best_match"]),
        (
            "inniiebb",
            &["trade_id", "price", "qty", "first", "latest", "timestamp", "is_buyer_maker", "best_match"],
        ),
        ("innneb", &["trade_id", "price", "qty", "quote", "timestamp", "is_buyer_maker"]),
        ("inniieb", &["trade_id", "price", "qty", "first", "latest", "timestamp", "is_buyer_maker"]),
        // TrueFX: a pair of currencies, a time, bid and ask.
        ("pdnn", &["symbol", "time", "bid", "ask"]),
    ];
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = |text: &str| Clock::new(0).parse(text.as_bytes()).is_some() && text.contains(' ');
    let is_pair = |text: &str| {
        text.len() == 7 && text.as_bytes()[3] == b'/' && !text.bytes().any(|b| b.is_ascii_digit())
    };
    let fits = |text: &str, kind: char| match kind {
        'i' => is_whole(text),
        'n' => is_number(text),
        'e' => is_whole(text) && matches!(text.len(), 13 | 16) && text.starts_with('1'),
        'b' => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
        'd' => is_date(text),
        _ => is_pair(text),
    };
    let shape = SHAPES.iter().find(|(shape, _)| {
        shape.len() == texts.len() && texts.iter().zip(shape.chars()).all(|(text, kind)| fits(text, kind))
    });
    shape.map(|(_, names)| *names)
}

fn is_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;

    fn look(line: &str, trades: bool) -> Look {
        look_at_line(line.as_bytes(), trades, &Options::new(InstrumentId::new("X", "TEST").unwrap()))
    }

    #[test]
    fn a_shape_without_a_header_is_known_only_where_it_is_certain() {
        for (line, price) in [
            ("4300000001,93576.00,0.0010,93.57,1735689600061234,True,True", Some(1)),
            ("26129,0.01633102,4.70443515,27781,27781,1498793709153,true,true", Some(1)),
            ("3,100.1,0.5,50.05,1609459200123,false", Some(1)),
            ("4300000001,93576.00,0.0010,93.57,17356896,True,True", None),
            ("1709546400,65000.1,0.01", None),
            ("86400000,1.1,1.2", None),
        ] {
            let look = look(line, false);
            let found = look.implied.and_then(|names| names.iter().position(|name| name == "price"));
            assert_eq!(found, price, "{line}");
            assert_eq!(look.format.is_some(), price.is_some(), "{line}");
        }
        assert!(look("EUR/USD,20240304 10:00:00.123,1.08510,1.08512", false).implied.is_some());
    }

    #[test]
    fn a_first_line_tells_the_format() {
        for (line, format) in [
            ("79200613.0668,1299.968,1301.618", Some(Format::LeanQuote)),
            ("20060320 00:00,552.8,554.7,552.4,554.2,0,555.3,557.2,554.9,556.7,0", Some(Format::LeanBar)),
            ("20141201 00:00,300,370,300,370,0.05655554", Some(Format::LeanBar)),
            ("20141201 00:00,300", None),
            (r#"1723161253937085768 {"stream":"btcusdt@depth@100ms","data":{}}"#, Some(Format::BinanceJsonl)),
            (r#""symbol","side","price","amount","timestamp""#, Some(Format::Csv)),
            ("Date,Open,High,Low,Close,Adj Close,Volume", Some(Format::BarsCsv)),
            ("Date,DCOILWTICO", Some(Format::BarsCsv)),
            ("1,2,3,4", None),
            ("hello", None),
            ("2014-05-01,1,2,3,4", None),
        ] {
            assert_eq!(look(line, false).format, format, "{line}");
        }
        assert_eq!(look("1,2,3", true).format, None);
    }
}
