//! Files without a header: what their columns are where the shape of the first row can be nothing else, and a guess at them to
//! show how they are named by position. The guess is an example in a message, and nothing is read by it.

use crate::time::{Clock, DateOrder, is_time_of_day};

/// Columns of files that are published without a header, where the shape of their first row can be nothing else.
pub(crate) fn known_columns(texts: &[String]) -> Option<&'static [&'static str]> {
    // i is a whole number, n a number, e an epoch of this century in milliseconds or microseconds, b true or false.
    const SHAPES: [(&str, &[&str]); 6] = [
        // Trades and aggregated trades of Binance: spot, then futures.
        ("innnebb", &["trade_id", "price", "qty", "quote", "timestamp", "is_buyer_maker", "best_match"]),
        (
            "inniiebb",
            &["trade_id", "price", "qty", "first", "latest", "timestamp", "is_buyer_maker", "best_match"],
        ),
        ("innneb", &["trade_id", "price", "qty", "quote", "timestamp", "is_buyer_maker"]),
        ("inniieb", &["trade_id", "price", "qty", "first", "latest", "timestamp", "is_buyer_maker"]),
        // Bars of Binance: from and to, what was traded in both currencies, trades, what takers bought.
        (
            "ennnnneninnn",
            &[
                "open_time",
                "open",
                "high",
                "low",
                "close",
                "volume",
                "close_time",
                "quote",
                "trades",
                "taker_base",
                "taker_quote",
                "ignore",
            ],
        ),
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

/// Whether a text is a plain number.
pub(crate) fn is_number(text: &str) -> bool {
    // No infinity and no hexadecimal digits.
    text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

/// Whether a text is a number in any style, or a date or time: what stands in rows and not in a header.
pub(crate) fn is_value(text: &str) -> bool {
    let plain: String =
        text.chars().filter(|letter| !matches!(letter, ',' | '\'' | '$' | '€' | '£' | ' ')).collect();
    is_number(&plain) || is_time(text) || is_time_of_day(text.as_bytes())
}

fn is_time(text: &str) -> bool {
    let parses = |order| {
        let mut clock = Clock::new(0);
        clock.order = Some(order);
        clock.parse(text.as_bytes()).is_some()
    };
    parses(DateOrder::DayFirst) || parses(DateOrder::MonthFirst)
}

/// Options that name the columns of a row with these texts by position, as far as the texts tell them: `--column time=1
/// --column open=2` and so on. `names` are the columns as a header has them, where there is one.
pub(crate) fn example(texts: &[String], names: &[String]) -> String {
    let mut columns = match names {
        [] => by_values(texts),
        names => by_names(texts, names),
    };
    columns.sort_by_key(|(_, index)| *index);
    let options: Vec<String> =
        columns.iter().map(|(what, index)| format!("--column {what}={}", index + 1)).collect();
    options.join(" ")
}

/// The columns of times: a whole time, or a date with the time of day beside it.
fn times(texts: &[String]) -> Vec<(&'static str, usize)> {
    let is_dated = |text: &String| is_time(text) && (!is_number(text) || is_likely_time(text));
    let Some(time) = texts.iter().position(is_dated) else { return vec![("time", 0)] };
    let of_day = texts.get(time + 1).is_some_and(|text| {
        let is_short = matches!(text.len(), 3..=6) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_time_of_day(text.as_bytes()) || (is_short && texts.len() > 6)
    });
    let is_date = !texts[time].contains(':') && texts[time].len() <= 11;
    if of_day && is_date { vec![("date", time), ("time", time + 1)] } else { vec![("time", time)] }
}

/// Whether a plain number is probably a time: a date without separators, or as many digits as a time since 1970 has.
fn is_likely_time(text: &str) -> bool {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_whole = whole == text.len();
    let is_date = is_whole && crate::time::compact_date(text.as_bytes()).is_some();
    is_date || matches!(whole, 12 | 14 | 17) || (matches!(whole, 10 | 13 | 16 | 19) && text.starts_with('1'))
}

fn by_values(texts: &[String]) -> Vec<(&'static str, usize)> {
    let mut columns = times(texts);
    let begin = columns.iter().map(|(_, index)| *index).max().unwrap_or(0) + 1;
    let value = |index: usize| texts.get(index)?.replace(',', ".").parse::<f64>().ok();
    let numbers: Vec<(usize, f64)> =
        (begin..texts.len()).filter_map(|index| Some((index, value(index)?))).collect();
    let are_bars = |open: f64, high: f64, low: f64, close: f64| {
        high >= open.max(close) && low <= open.min(close) && low > 0.0 && high < 10.0 * low
    };
    columns.extend(match numbers[..] {
        [(a, open), (b, high), (c, low), (d, close), ref rest @ ..] if are_bars(open, high, low, close) => {
            let volume = rest.first().map(|(index, _)| ("volume", *index));
            [("open", a), ("high", b), ("low", c), ("close", d)].into_iter().chain(volume).collect()
        }
        [(a, bid), (b, ask), ..] if bid <= ask && ask < 1.01 * bid => vec![("bid", a), ("ask", b)],
        [(a, _), (b, _), ..] => vec![("price", a), ("size", b)],
        [(a, _)] => vec![("price", a)],
        [] => vec![("price", begin)],
    });
    columns
}

/// The columns of a header over several lines, whose names stand over other columns than that of times.
fn by_names(texts: &[String], names: &[String]) -> Vec<(&'static str, usize)> {
    let mut columns = times(texts);
    let taken: Vec<usize> = columns.iter().map(|(_, index)| *index).collect();
    let bars = ["open", "high", "low", "close", "volume"];
    let ticks = ["bid", "ask", "price", "size"];
    let find = |what: &'static str| {
        let is = |(index, name): &(usize, &String)| {
            crate::columns::plain_name(name) == what && !taken.contains(index)
        };
        names.iter().enumerate().find(is).map(|(index, _)| (what, index))
    };
    let found: Vec<(&str, usize)> = bars.into_iter().filter_map(find).collect();
    let found = if found.is_empty() { ticks.into_iter().filter_map(find).collect() } else { found };
    if found.is_empty() {
        return by_values(texts);
    }
    columns.extend(found);
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        line.split(';').map(str::to_owned).collect()
    }

    #[test]
    fn the_example_is_made_of_the_rows_own_columns() {
        for (row, options) in [
            (
                "20240102 170000;1.10427;1.10429;1.10427;1.10429;0",
                "--column time=1 --column open=2 --column high=3 --column low=4 --column close=5 --column volume=6",
            ),
            (
                "2024.01.02;17:00;1.1;1.2;1.0;1.1",
                "--column date=1 --column time=2 --column open=3 --column high=4 --column low=5 --column close=6",
            ),
            ("20240102 170000123;1.10427;1.10429;0", "--column time=1 --column bid=2 --column ask=3"),
            ("1515613200;14500,1;0,01", "--column time=1 --column price=2 --column size=3"),
            ("AAPL;2024-01-02 10:00:00;185.5;100", "--column time=2 --column price=3 --column size=4"),
            ("02.01.2024;185.5", "--column time=1 --column price=2"),
        ] {
            assert_eq!(example(&texts(row), &[]), options, "{row}");
        }
        let names = texts("Price;Close;High;Low;Open;Volume");
        let said = example(&texts("2024-01-02;185.6;188.4;183.8;187.1;82488700"), &names);
        let expected = "--column time=1 --column close=2 --column high=3 --column low=4 --column open=5 --column volume=6";
        assert_eq!(said, expected);
    }

    #[test]
    fn names_are_no_values_and_values_no_names() {
        for name in ["time", "<DATE>", "Adj Close", "005930.KS", "", "bid_px_00", "Volume (BTC)"] {
            assert!(!is_value(name), "{name}");
        }
        for value in ["1.5", "1,234.5", "1'000", "$5", "2024-01-02", "01.02.2024 10:00", "09:30", "-1e-5"] {
            assert!(is_value(value), "{value}");
        }
    }
}
