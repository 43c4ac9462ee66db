//! Tells a file's format from its first line.

use crate::bar_table::{bar_names, has_bars};
use crate::columns::{bar_time_column, plain_name};
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::headerless::{example, is_number, is_value, known_columns};
use crate::input::{SourceFile, Wrapping};
use crate::table::TickLayout;
use crate::text::{Fields, TextRows, separator, shortened};
use crate::time::compact_date;
use crate::wanted::Wanted;

/// Lines before the header that are looked at.
const PREAMBLE_LINES: u64 = 32;

/// Lines that a header has at most.
const HEADER_LINES: u64 = 8;

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
    /// How to name the columns of a row that stands where a header would.
    by_position: Option<String>,
}

/// The format to read the file in: the one asked for, unless the file is clearly another, or the one found.
pub(crate) fn format_of(file: &SourceFile, options: &Options) -> Result<Found, FeedError> {
    if let Some(found) = by_position(file, options)? {
        return Ok(found);
    }
    let Look { format, found, fields, trades, preamble, implied, by_position } = look_at(file, options)?;
    let begin = |asked| Found { format: asked, told: format, preamble, implied };
    let asked = match (options.format, format, by_position) {
        (None | Some(Format::Csv | Format::BarsCsv), None, Some(example)) => {
            return Err(FeedError::NoHeader { file: file.shown.clone(), found, example });
        }
        (None, None, None) => return Err(FeedError::UnknownFormat { file: file.shown.clone(), found }),
        (None, Some(found), _) => return Ok(begin(found)),
        (Some(asked), ..) => asked,
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

/// How to read a text whose columns were named by their positions: behind comments, with or without a header; `None` where they
/// were not.
fn by_position(file: &SourceFile, options: &Options) -> Result<Option<Found>, FeedError> {
    let reading = &options.reading;
    let is_text = file.wrapping != Wrapping::Parquet
        && matches!(options.format, None | Some(Format::Csv | Format::BarsCsv));
    if !reading.is_by_position() || !is_text {
        return Ok(None);
    }
    let mut rows = TextRows::new(file.text()?.bytes, file.shown.clone(), 64 * 1024);
    rows.skip_to(reading.skip_lines)?;
    let mut preamble = reading.skip_lines;
    while rows.advance()? && is_comment(rows.text()) {
        preamble = rows.line();
    }
    let (line, mut fields) = (rows.text(), Fields::default());
    fields.split(line, separator(line));
    let has_header = !fields.texts(line).iter().any(|text| is_value(text));
    let last = reading.columns.iter().filter_map(|(_, name)| name.parse::<usize>().ok()).max().unwrap_or(0);
    let names = || (1..=last.min(10_000)).map(|position| position.to_string()).collect();
    let shown = if reading.has_bars() { Format::BarsCsv } else { Format::Csv };
    let format = options.format.unwrap_or(shown);
    Ok(Some(Found { format, told: Some(format), preamble, implied: (!has_header).then(names) }))
}

fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"#") || line.starts_with(b"%")
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
            by_position: None,
        });
    }
    let text = file.text()?;
    let trades = is_trade_file(&file.name) || text.entry.as_deref().is_some_and(is_trade_file);
    let mut rows = TextRows::new(text.bytes, file.shown.clone(), 64 * 1024);
    let skipped = options.reading.skip_lines;
    rows.skip_to(skipped)?;
    let line = rows.header()?.to_vec();
    if line.is_empty() && rows.text().is_empty() {
        return Err(FeedError::Empty { file: file.shown.clone(), what: "not one line" });
    }
    let mut look = look_at_line(&line, rows.line(), trades, options);
    look.preamble = skipped;
    let header_line = rows.line();
    if look.format.is_none() {
        look = look_behind_titles(&mut rows, trades, options)?.unwrap_or(look);
    } else if matches!(look.format, Some(Format::Csv | Format::BarsCsv)) && look.implied.is_none() {
        check_header(&mut rows, &line, header_line, options)?;
    }
    Ok(look)
}

/// An error where the lines behind a header belong to it: they have no values, and lines with values follow.
fn check_header(rows: &mut TextRows, header: &[u8], from: u64, options: &Options) -> Result<(), FeedError> {
    let wanted = Wanted::new(options);
    let mut of_symbol: Vec<bool> = Vec::new();
    let mut fields = Fields::default();
    let separator = separator(header);
    let mut to = from;
    while to < from + HEADER_LINES {
        // What cannot be read is met again.
        if !rows.advance().unwrap_or(false) {
            return Ok(());
        }
        fields.split(rows.text(), separator);
        let texts = fields.texts(rows.text());
        if texts.len() < 2 {
            return Ok(());
        }
        if texts.iter().any(|text| is_value(text)) {
            if to == from {
                return Ok(());
            }
            fields.split(header, separator);
            let mut names = fields.texts(header);
            // Of several symbols the columns are those under the wanted one.
            names
                .iter_mut()
                .zip(&of_symbol)
                .filter(|(_, is_wanted)| !**is_wanted)
                .for_each(|(name, _)| name.clear());
            let example = example(&texts, &names);
            return Err(FeedError::LongHeader { file: rows.file().to_owned(), from, to, example });
        }
        if texts.iter().any(|text| wanted.is_symbol(text.as_bytes())) {
            of_symbol = texts.iter().map(|text| wanted.is_symbol(text.as_bytes())).collect();
        }
        to = rows.line();
    }
    Ok(())
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
        if !is_comment(line) {
            fields.split(line, separator(line));
            let texts = fields.texts(line);
            if texts.len() > 1 && texts.iter().any(|text| is_value(text)) {
                let look = look_at_line(line, rows.line(), trades, options);
                return Ok((most_fields == 0 && rows.line() > 1 && look.format.is_none()).then_some(look));
            }
            most_fields = most_fields.max(texts.len());
        }
        let before = rows.line();
        let Ok(line) = rows.header().map(<[u8]>::to_vec) else { return Ok(None) };
        if line.is_empty() {
            return Ok(None);
        }
        let look = look_at_line(&line, rows.line(), trades, options);
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

fn look_at_line(line: &[u8], number: u64, trades: bool, options: &Options) -> Look {
    let place = if number == 1 { "its first line".to_owned() } else { format!("its line {number}") };
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
        by_position: texts.iter().any(|text| is_value(text)).then(|| example(&texts, &[])),
    };
    let looks_like = |what: &str| format!("{place} '{}' looks like {what}", shortened(line));

    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits >= 16 && line[digits..].starts_with(b" {") {
        return look(Some(Format::BinanceJsonl), looks_like("recorded messages"));
    }
    let is_dated = line.get(..8).and_then(compact_date).is_some()
        && line.get(8) == Some(&b' ')
        && line.get(11) == Some(&b':');
    if is_dated && separator == b',' {
        let format = matches!(texts.len(), 6 | 11).then_some(Format::LeanBar);
        return look(format, looks_like(&format!("a bar file of Lean with {} columns", texts.len())));
    }
    if let Some(names) = known_columns(&texts) {
        let implied = Some(names.iter().map(|name| (*name).to_owned()).collect());
        let (format, what) = match names.contains(&"open") {
            true => (Format::BarsCsv, "bars without a header"),
            false => (Format::Csv, "ticks without a header"),
        };
        return Look { implied, ..look(Some(format), looks_like(what)) };
    }
    if texts.iter().all(|text| is_number(text)) {
        return look_at_numbers(&texts, trades, &look, &looks_like);
    }
    let is_header = !texts.iter().any(|text| is_value(text));
    let Ok(names) = bar_names(&texts, &options.reading) else {
        let format = is_header.then_some(Format::Csv).filter(|_| texts.len() > 1);
        return look(format, format!("{place} is '{}'", shortened(line)));
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
    if is_header {
        look(None, format!("{place} is '{}'", shortened(line)))
    } else {
        look(None, looks_like("a row without a header"))
    }
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
        (count, true) => Look {
            by_position: None,
            ..look(None, looks_like(&format!("a trade file of Lean with {count} columns, which is not read")))
        },
        (count, false) => look(None, looks_like(&format!("a row of {count} numbers without a header"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;

    fn look(line: &str, trades: bool) -> Look {
        look_at_line(line.as_bytes(), 1, trades, &Options::new(InstrumentId::new("X", "TEST").unwrap()))
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
