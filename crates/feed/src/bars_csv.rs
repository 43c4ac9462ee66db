//! Bars in CSV with a header, or one price a row: open, high, low and close are then that price.

use crate::bar_rows::{BarReader, TextTable};
use crate::bar_table::{BarLayout, BarTable, bar_names};
use crate::csv_head::CsvHead;
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::listed;
use crate::numbers::NumberStyle;
use crate::text::{Fields, TextRows};
use crate::units::Units;
use crate::wanted::{Wanted, differ};

/// Rows of a CSV.
pub(crate) struct CsvRows {
    rows: TextRows,
    fields: Fields,
    separator: u8,
}

impl CsvRows {
    /// The rows that follow, parted by `separator`.
    pub fn behind(rows: TextRows, separator: u8) -> CsvRows {
        CsvRows { rows, fields: Fields::default(), separator }
    }
}

impl TextTable for CsvRows {
    fn advance(&mut self) -> Result<bool, FeedError> {
        let is_row = self.rows.advance()?;
        if is_row {
            self.fields.split(self.rows.text(), self.separator);
        }
        Ok(is_row)
    }

    fn field(&self, index: usize) -> Option<&[u8]> {
        self.fields.get(self.rows.text(), index)
    }

    fn rows(&self) -> u64 {
        self.rows.rows()
    }

    fn bytes(&self) -> u64 {
        self.rows.bytes()
    }

    fn line(&self) -> u64 {
        self.rows.line()
    }

    fn shown(&self) -> (u64, String) {
        self.rows.shown()
    }

    fn file(&self) -> &str {
        self.rows.file()
    }

    fn delimiter(&self) -> Option<u8> {
        Some(self.separator)
    }
}

/// Opens the bars of a CSV; `open` opens its text at the beginning. `implied` are the columns of a file without a header.
pub(crate) fn csv_bars(
    open: impl Fn() -> Result<TextRows, FeedError>,
    implied: Option<&[String]>,
    options: &Options,
    units: Units,
) -> Result<BarReader<CsvRows>, FeedError> {
    let rows = || {
        let mut rows = open()?;
        let head = CsvHead::take(&mut rows, implied)?;
        Ok((CsvRows::behind(rows, head.separator), head))
    };
    let (first, head) = rows()?;
    let wanted = Wanted::new(options);
    let reading = |what| FeedError::Reading { file: first.file().to_owned(), what };
    let named = bar_names(&head.names, &options.reading).map_err(reading)?;
    let layout = BarLayout::find(&named, &wanted, |index| head.first(index));
    let mut layout = layout.ok_or_else(|| FeedError::MissingColumns {
        file: first.file().to_owned(),
        format: Format::BarsCsv,
        needed: format!(
            "a date (date, datetime, timestamp) and open, high, low, close, or one price column ({}, close)",
            wanted.symbol()
        ),
        found: listed(&head.names),
        hint: "or use --format csv if these are ticks",
    })?;
    let clock = options.clock().map_err(reading)?;
    if let Some(column) = layout.names
        && differ(rows()?.0, column)?
    {
        layout.symbol = Some(column);
    }
    let table = BarTable { layout, wanted, clock, style: NumberStyle::default(), units };
    BarReader::new(first, rows()?.0, table, &head.names, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Bar, Reader, Row};
    use gauntlet_domain::InstrumentId;

    fn read(symbol: &str, text: &str) -> Result<Vec<Row<Bar>>, FeedError> {
        let mut options = Options::new(InstrumentId::new(symbol, "TEST").unwrap());
        options.reading.date_order = Some(crate::time::DateOrder::MonthFirst);
        let open = || Ok(TextRows::new(Box::new(std::io::Cursor::new(text.to_owned())), "file".into(), 64));
        let mut bars = csv_bars(open, None, &options, Units::default())?;
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

    #[test]
    fn a_last_price_beside_open_high_and_low_is_the_close_and_adjusted_prices_are_bars() {
        for header in [
            "Date,Open,High,Low,Last,Volume",
            "Date,Open,High,Low,Close/Last,Volume",
            "Date,Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume",
        ] {
            let rows =
                read("X", &format!("{header}\n2024-03-04,10,12,9,11,5\n2024-03-05,11,13,10,12,5\n")).unwrap();
            let bar = rows[0].data.unwrap();
            let unit = 1_000_000_000;
            assert_eq!(
                [bar.open, bar.high, bar.low, bar.close],
                [10, 12, 9, 11].map(|price| price * unit),
                "{header}"
            );
            assert_eq!(bar.volume, 500_000_000, "{header}");
        }
        // Adjusted closes beside unadjusted prices are no closes of theirs.
        let mixed =
            read("X", "Date,Open,High,Low,Adj Close\n2024-03-04,10,12,9,5\n2024-03-05,11,13,10,6\n").unwrap();
        assert_eq!(mixed[0].data.unwrap().high, 5_000_000_000, "one price a row");
    }

    #[test]
    fn rows_of_several_instruments_or_lengths_are_asked_for_and_never_mixed() {
        let of_days = |rows: &dyn Fn(u32) -> String| (1..9).map(rows).collect::<String>();
        let header = "Date,station,Open,High,Low,Close\n";
        let two = of_days(&|day| format!("2024-03-0{day},a,1,1,1,1\n2024-03-0{day},b,2,2,2,2\n"));
        let error = read("X", &format!("{header}{two}")).unwrap_err().to_string();
        assert!(
            error.contains("8 of the first 16 rows are of a time that another row has with other numbers"),
            "{error}"
        );
        assert!(
            error.contains("line 3 (2024-03-01T00:00:00Z)") && error.contains("not read: station"),
            "{error}"
        );
        // The same rows twice are deliveries, and a few that differ are named one by one.
        let twice = of_days(&|day| format!("2024-03-0{day},a,1,1,1,1\n").repeat(2));
        assert_eq!(read("X", &format!("{header}{twice}")).unwrap().len(), 16);
        let strikes = of_days(&|day| format!("2024-03-0{day},100,1,1,1,1\n2024-03-0{day},110,2,2,2,2\n"));
        let error =
            read("X", &format!("Date,strike,Open,High,Low,Close\n{strikes}")).unwrap_err().to_string();
        assert!(error.contains("--only strike=100"), "{error}");
        let lengths = of_days(&|day| {
            format!("2024-03-04 10:0{day}:00,1m,1,1,1,1\n2024-03-04 10:0{day}:00,5m,1,1,1,1\n")
        });
        let error =
            read("X", &format!("time,interval,open,high,low,close\n{lengths}")).unwrap_err().to_string();
        assert!(
            error.contains("'1m' and '5m' in column interval: pick those of one with --only 'interval=1m'"),
            "{error}"
        );
    }

    #[test]
    fn times_with_and_without_an_offset_in_one_column_are_asked_for() {
        let header = "time,open,high,low,close\n";
        let mixed =
            "2024-03-04 10:00:00,1,1,1,1\n2024-03-04 10:01:00+01:00,1,1,1,1\n2024-03-04 10:02:00,1,1,1,1\n";
        let error = read("X", &format!("{header}{mixed}")).unwrap_err().to_string();
        let words = "line 2, column time: '2024-03-04 10:00:00' has no offset from UTC, and '2024-03-04 10:01:00+01:00' in line 3 has one";
        assert!(error.contains(words) && error.contains("--zone UTC"), "{error}");
        let alike = format!("{header}{}", mixed.replace("+01:00", ""));
        assert_eq!(read("X", &alike).unwrap().len(), 3);
    }

    #[test]
    fn volumes_that_are_all_zero_beside_another_column_of_volumes_are_said() {
        let warned = |volume: u32| {
            let rows: String = (1..5).map(|day| format!("2024-03-0{day},1,1,1,1,7,{volume}\n")).collect();
            let text = format!("Date,Open,High,Low,Close,<TICKVOL>,<VOL>\n{rows}");
            let open = || Ok(TextRows::new(Box::new(std::io::Cursor::new(text.clone())), "file".into(), 64));
            let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
            csv_bars(open, None, &options, Units::default()).unwrap().about().warnings
        };
        assert!(
            warned(0)[0].starts_with("the volume is 0 in every row, and these may be it: <TICKVOL>"),
            "{:?}",
            warned(0)
        );
        assert!(warned(3).is_empty());
    }
}
