//! Bars in CSV with a header, or one price a row: open, high, low and close are then that price.
//!
//! A file that is newest first is turned round, so that its bars come in order of time under their own row numbers.

use std::collections::VecDeque;

use gauntlet_domain::market::{ROWS_PER_BLOCK, TickKind};

use crate::block::{Bar, BarColumns, Fault, Reader, Row, price, quantity};
use crate::columns::{TimeColumn, bar_time_column, column, named_columns, plain_name, symbol_column};
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::listed;
use crate::text::{Fields, TextRows, separator};
use crate::time::Clock;
use crate::wanted::Wanted;

/// Longest text that is turned round in memory.
const TURNED_BYTES: u64 = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prices {
    Bar { open: usize, high: usize, low: usize, close: usize },
    One(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Layout {
    time: TimeColumn,
    symbol: Option<usize>,
    prices: Prices,
    volume: Option<usize>,
}

impl Layout {
    fn find(names: &[String], wanted: &Wanted) -> Option<Layout> {
        let plain: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
        let find = |name| column(&plain, &[name]);
        let time = bar_time_column(&plain)?;
        let symbol = symbol_column(&plain);
        let prices = match (find("open"), find("high"), find("low"), find("close")) {
            (Some(open), Some(high), Some(low), Some(close)) => Prices::Bar { open, high, low, close },
            _ => {
                let values: Vec<usize> =
                    (0..names.len()).filter(|index| *index != time.index && Some(*index) != symbol).collect();
                let named = values.iter().find(|index| wanted.is_symbol(names[**index].as_bytes())).copied();
                let only = (values.len() == 1).then(|| values[0]);
                Prices::One(
                    named.or(only).or_else(|| column(&plain, &["close", "price", "value", "adjclose"]))?,
                )
            }
        };
        Some(Layout { time, symbol, prices, volume: column(&plain, &["volume", "vol"]) })
    }

    fn bar<'a>(&self, field: impl Fn(usize) -> Option<&'a [u8]>, clock: &mut Clock) -> Result<Bar, Fault> {
        let text = |index: usize| field(index).unwrap_or_default();
        let time = self.time.parse(text(self.time.index), clock).ok_or_else(Fault::bad_time)?;
        let number = |index: usize| {
            let text = text(index);
            if is_missing(text) {
                return Err(Fault { missing: true, ..Fault::new(TickKind::NotANumber, Some(time)) });
            }
            price(text, time)
        };
        let (open, high, low, close) = match self.prices {
            Prices::Bar { open, high, low, close } => {
                (number(open)?, number(high)?, number(low)?, number(close)?)
            }
            Prices::One(index) => {
                let price = number(index)?;
                (price, price, price, price)
            }
        };
        // A bar whose volume is not known is still a bar.
        let volume = match self.volume.map(text) {
            Some(text) if !is_missing(text) => quantity(text, time)?,
            _ => 0,
        };
        Ok(Bar { open_time: time, open, high, low, close, volume, ..Bar::default() })
    }
}

/// What data sources write for no value.
fn is_missing(text: &[u8]) -> bool {
    matches!(text, b"" | b"." | b"-" | b"NaN" | b"nan" | b"NA" | b"N/A" | b"null" | b"None")
}

pub(crate) struct CsvBars {
    rows: TextRows,
    fields: Fields,
    separator: u8,
    layout: Layout,
    wanted: Wanted,
    clock: Clock,
    /// Rows read ahead, to see in which order they are.
    ahead: Option<VecDeque<Row<Bar>>>,
    first_fault: Option<(u64, String)>,
}

impl CsvBars {
    pub fn new(mut rows: TextRows, options: &Options) -> Result<CsvBars, FeedError> {
        let mut fields = Fields::default();
        let header = rows.header()?;
        let separator = separator(header);
        fields.split(header, separator);
        let names = fields.texts(header);
        let wanted = Wanted::new(options);
        let reading = |what| FeedError::Reading { file: rows.file().to_owned(), what };
        let named = named_columns(&names, &options.reading.columns).map_err(reading)?;
        let layout = Layout::find(&named, &wanted).ok_or_else(|| FeedError::MissingColumns {
            file: rows.file().to_owned(),
            format: Format::BarsCsv,
            needed: format!(
                "a date (date, datetime, timestamp) and open, high, low, close, or one price column ({}, close)",
                wanted.symbol()
            ),
            found: listed(&names),
            hint: "or use --format csv if these are ticks",
        })?;
        let clock =
            options.clock().map_err(|what| FeedError::Reading { file: rows.file().to_owned(), what })?;
        Ok(CsvBars { rows, fields, separator, layout, wanted, clock, ahead: None, first_fault: None })
    }

    /// Reads times on a clock that knows more of the file than its options say.
    pub fn on(self, clock: Clock) -> CsvBars {
        CsvBars { clock, ..self }
    }

    pub fn columns(&self) -> BarColumns {
        BarColumns { spreads: false, volumes: self.layout.volume.is_some() }
    }

    /// The next row in the file's order.
    fn read(&mut self) -> Result<Option<Row<Bar>>, FeedError> {
        while self.rows.advance()? {
            let line = self.rows.text();
            self.fields.split(line, self.separator);
            let field = |index| self.fields.get(line, index);
            let symbol = self.layout.symbol.map(|index| field(index).unwrap_or_default());
            if symbol.is_some() && self.wanted.is_row(symbol, None) != Ok(true) {
                continue;
            }
            let data = self.layout.bar(field, &mut self.clock);
            if data.is_err_and(|fault| !fault.missing) && self.first_fault.is_none() {
                self.first_fault = Some(self.rows.shown());
            }
            return Ok(Some(Row { number: self.rows.rows() as i64, data }));
        }
        self.wanted.finish(self.rows.file())?;
        Ok(None)
    }

    /// Reads the first block's rows, and all rows where those are newest first.
    fn look_ahead(&mut self) -> Result<VecDeque<Row<Bar>>, FeedError> {
        let mut ahead = VecDeque::new();
        while ahead.len() < ROWS_PER_BLOCK
            && let Some(row) = self.read()?
        {
            ahead.push_back(row);
        }
        let time = |row: &Row<Bar>| row.data.ok().map(|bar| bar.open_time);
        let (first, last) = (ahead.iter().find_map(time), ahead.iter().rev().find_map(time));
        if last < first {
            while let Some(row) = self.read()? {
                if self.rows.bytes() > TURNED_BYTES {
                    return Err(FeedError::NewestFirst { file: self.rows.file().to_owned() });
                }
                ahead.push_back(row);
            }
            ahead.make_contiguous().reverse();
        }
        Ok(ahead)
    }
}

impl Reader<Bar> for CsvBars {
    fn next(&mut self) -> Result<Option<Row<Bar>>, FeedError> {
        let ahead = match &mut self.ahead {
            Some(ahead) => ahead,
            None => {
                let ahead = self.look_ahead()?;
                self.ahead.insert(ahead)
            }
        };
        match ahead.pop_front() {
            Some(row) => Ok(Some(row)),
            None => self.read(),
        }
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn fault_line(&self) -> (u64, String) {
        self.first_fault.clone().unwrap_or_else(|| self.rows.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;

    fn read(symbol: &str, text: &str) -> Result<Vec<Row<Bar>>, FeedError> {
        let mut options = Options::new(InstrumentId::new(symbol, "TEST").unwrap());
        options.reading.date_order = Some(crate::time::DateOrder::MonthFirst);
        let rows = TextRows::new(Box::new(std::io::Cursor::new(text.to_owned())), "file".into(), 64);
        let mut bars = CsvBars::new(rows, &options)?;
        let mut read = Vec::new();
        while let Some(row) = bars.next()? {
            read.push(row);
        }
        Ok(read)
    }

    #[test]
    fn a_file_that_is_newest_first_is_turned_round_under_its_own_row_numbers() {
        let text = "Date,Open,High,Low,Close\n2023-04-14,3,3,3,3\n2023-04-13,2,2,2,2\n2023-04-12,1,1,1,1\n";
        let rows = read("X", text).unwrap();
        let seen: Vec<(i64, i64)> = rows.iter().map(|row| (row.number, row.data.unwrap().close)).collect();
        assert_eq!(seen, [(3, 1_000_000_000), (2, 2_000_000_000), (1, 3_000_000_000)]);
    }

    #[test]
    fn the_symbol_picks_a_column_of_a_matrix_and_missing_values_are_faults() {
        let rows = read("MSFT", "Date,AAPL,MSFT\n1/4/1999,1,2\n1/5/1999,1,.\n1/6/1999,1,x\n").unwrap();
        let bar = rows[0].data.unwrap();
        assert_eq!(
            (bar.open, bar.high, bar.low, bar.close),
            (2_000_000_000, 2_000_000_000, 2_000_000_000, 2_000_000_000)
        );
        assert!(rows[1].data.unwrap_err().missing);
        assert!(!rows[2].data.unwrap_err().missing);
        let error = read("IBM", "Date,AAPL,MSFT\n1/4/1999,1,2\n").unwrap_err();
        assert!(error.to_string().contains("or one price column (IBM, close)"), "{error}");
    }

    #[test]
    fn an_absent_symbol_is_an_error_that_lists_the_others() {
        let text = "Ticker,Date,Open,High,Low,Close\nAAPL,2000-03-01,1,1,1,1\nMSFT,2000-03-01,1,1,1,1\n";
        assert_eq!(read("aapl", text).unwrap().len(), 1);
        let error = read("IBM", text).unwrap_err();
        assert!(error.to_string().contains("no row of IBM, but of AAPL, MSFT"), "{error}");
    }

    #[test]
    fn a_large_file_that_is_newest_first_is_refused() {
        let mut text = String::from("timestamp,close\n");
        (0..1_200_000).rev().for_each(|second| text.push_str(&format!("17000{second:07}.00,1\n")));
        let error = read("X", &text).unwrap_err();
        assert!(error.to_string().ends_with("sort it oldest first"), "{error}");
    }
}
