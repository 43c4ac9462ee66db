//! Tells a file's format from its first line.

use crate::bar_table::has_bars;
use crate::error::FeedError;
use crate::format::Format;
use crate::input::{SourceFile, Wrapping};
use crate::table::{TickLayout, bar_time_column, plain_name};
use crate::text::{Fields, TextRows, separator, shortened};
use crate::time::compact_date;

/// What a file looks like.
struct Look {
    format: Option<Format>,
    /// What was seen, for messages.
    found: String,
    /// Fields of the first line.
    fields: usize,
    /// The name says that these are trades of Lean.
    trades: bool,
}

/// The format to read the file in: the one asked for, unless the file is clearly another, or the one found.
pub(crate) fn format_of(file: &SourceFile, asked: Option<Format>) -> Result<Format, FeedError> {
    let look = look_at(file)?;
    let Some(asked) = asked else {
        let unknown = FeedError::UnknownFormat { file: file.shown.clone(), found: look.found };
        return look.format.ok_or(unknown);
    };
    let acceptable = match (asked, look.format) {
        (asked, Some(found)) if asked == found => true,
        // The header's columns decide between these two: their readers say what is missing.
        (Format::Csv | Format::BarsCsv, Some(Format::Csv | Format::BarsCsv) | None) => true,
        (_, Some(_)) | (Format::Parquet, None) => false,
        // The first row itself may be unreadable.
        (Format::LeanQuote, None) => look.fields == 3 && !look.trades,
        (Format::LeanBar, None) => matches!(look.fields, 6 | 11),
        (Format::BinanceJsonl, None) => true,
    };
    if acceptable {
        return Ok(asked);
    }
    let fix = look.format.map(|format| format!(": use --format {format}")).unwrap_or_default();
    Err(FeedError::WrongFormat { file: file.shown.clone(), asked, found: format!("{}{fix}", look.found) })
}

fn look_at(file: &SourceFile) -> Result<Look, FeedError> {
    if file.wrapping == Wrapping::Parquet {
        return Ok(Look {
            format: Some(Format::Parquet),
            found: "it is a Parquet file".to_owned(),
            fields: 0,
            trades: false,
        });
    }
    let text = file.text()?;
    let trades = is_trade_file(&file.name) || text.entry.as_deref().is_some_and(is_trade_file);
    let mut rows = TextRows::new(text.bytes, file.shown.clone(), 64 * 1024);
    let line = rows.header()?;
    if line.is_empty() {
        return Err(FeedError::Empty { file: file.shown.clone(), what: "not one line" });
    }
    Ok(look_at_line(line, trades))
}

/// Lean names its files by what is in them: `20140504_quote.zip`, `20140504_trade.zip`.
fn is_trade_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("_trade") && !name.contains("quote")
}

fn look_at_line(line: &[u8], trades: bool) -> Look {
    let mut fields = Fields::default();
    let separator = separator(line);
    fields.split(line, separator);
    let texts = fields.texts(line);
    let look = |format: Option<Format>, found: String| Look { format, found, fields: texts.len(), trades };
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
        let count = texts.len();
        return match (count, trades) {
            (3, false) => look(Some(Format::LeanQuote), looks_like("quotes of Lean")),
            (_, true) => look(
                None,
                looks_like(&format!("a trade file of Lean with {count} columns, which is not read")),
            ),
            _ => look(None, looks_like(&format!("a row of {count} numbers without a header"))),
        };
    }
    let plain: Vec<String> = texts.iter().map(|name| plain_name(name)).collect();
    let has_bars = has_bars(&plain);
    let is_header = !texts.iter().any(|text| is_number(text));
    if is_header && has_bars {
        return look(Some(Format::BarsCsv), looks_like("the header of bars"));
    }
    if is_header && TickLayout::find(&texts, |_| None).is_ok() {
        return look(Some(Format::Csv), looks_like("the header of ticks"));
    }
    if is_header && texts.len() >= 2 && bar_time_column(&plain).is_some() {
        return look(Some(Format::BarsCsv), looks_like("the header of dated prices"));
    }
    look(None, format!("its first line is '{}'", shortened(line)))
}

fn is_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(look_at_line(line.as_bytes(), false).format, format, "{line}");
        }
        assert_eq!(look_at_line(b"1,2,3", true).format, None);
    }
}
