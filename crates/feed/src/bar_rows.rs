//! Bars of one file: what it is as a whole, found by a scan of its first rows, and its rows in order of time.
//!
//! Bars need not come in order: a file that is newest first is turned round, and rows out of place are put in their place
//! within a window of rows. Row numbers stay those of the file. Never drops a row.

use std::collections::VecDeque;

use gauntlet_domain::{BarSpec, Timestamp};

use crate::bar_scan::Scan;
use crate::bar_table::{BarTable, CellFault};
use crate::block::{About, Bar, Reader, Row};
use crate::error::FeedError;
use crate::format::Options;
use crate::numbers::Cell;
use crate::scan::{cell_error, check_end, contradiction};
use crate::text::shortened;
use crate::turned::TURNED_BYTES;
use crate::understood::{Shape, columns, numbers, written};

/// Rows by which a file is understood, and among which a row finds its place.
pub(crate) const WINDOW_ROWS: usize = 100_000;

/// Pairs of rows of one time that a warning names.
const NAMED_PAIRS: usize = 3;

/// Rows of fields as text. One implementation for CSV, one for Parquet.
pub(crate) trait TextTable: Send {
    /// Goes to the next row; false at the end.
    fn advance(&mut self) -> Result<bool, FeedError>;

    /// The current row's text at an index; `None` where there is none.
    fn field(&self, index: usize) -> Option<&[u8]>;

    /// Number of the current row, from 1.
    fn rows(&self) -> u64;

    /// Bytes of text up to the current row, or an estimate.
    fn bytes(&self) -> u64;

    /// Number of the current row's line.
    fn line(&self) -> u64;

    /// Number and text of the current row's line.
    fn shown(&self) -> (u64, String);

    /// The file, for messages.
    fn file(&self) -> &str;

    /// What parts its fields, where it is a text.
    fn delimiter(&self) -> Option<u8> {
        None
    }
}

/// Reads bars.
pub(crate) struct BarReader<T> {
    rows: T,
    names: Vec<String>,
    table: BarTable,
    about: About,
    /// The row whose time of day is not an opening time: the number of the day that is not over.
    live_row: Option<i64>,
    /// Rows read ahead, in order of time; the time is that of the row before where one cannot be read.
    window: Option<VecDeque<(i64, Row<Bar>)>>,
    ended: bool,
    latest_time: i64,
    moved_rows: u64,
    /// The latest readable row that was given out.
    before: Option<(i64, Bar)>,
    different_pairs: Vec<String>,
    pairs: usize,
    first_fault: Option<(u64, String)>,
    first_time: Vec<u8>,
    newest_first: bool,
}

impl<T: TextTable> BarReader<T> {
    /// `scanned` and `rows` are the same file, each at its first row; `names` are the columns as the file has them.
    pub fn new(
        scanned: T,
        rows: T,
        mut table: BarTable,
        names: &[String],
        options: &Options,
    ) -> Result<BarReader<T>, FeedError> {
        let mut scan = Scan::default();
        table.wanted.column = table.layout.symbol.and_then(|column| names.get(column).cloned());
        let (about, live_row) = scan.look(scanned, &mut table, names, options)?;
        Ok(BarReader {
            rows,
            names: names.to_vec(),
            table,
            about,
            live_row,
            window: None,
            ended: false,
            latest_time: i64::MIN,
            moved_rows: 0,
            before: None,
            different_pairs: Vec::new(),
            pairs: 0,
            first_fault: None,
            first_time: scan.first_time,
            newest_first: scan.newest_first,
        })
    }

    /// Says what is known of the length from elsewhere than the rows.
    pub fn of_spec(mut self, spec: Option<BarSpec>) -> BarReader<T> {
        self.about.spec = spec.or(self.about.spec);
        self
    }

    pub fn columns(&self) -> crate::block::BarColumns {
        self.table.layout.columns()
    }

    /// The next row in the file's order, under the time that puts it in its place.
    fn read(&mut self) -> Result<Option<(i64, Row<Bar>)>, FeedError> {
        while !self.ended {
            if !self.rows.advance()? {
                self.ended = true;
                self.table.wanted.finish(self.rows.file())?;
                check_end(&self.table.clock, self.rows.file())?;
                break;
            }
            let (rows, table) = (&self.rows, &mut self.table);
            let field = |index| rows.field(index);
            if !table.is_wanted(field) {
                continue;
            }
            let number = rows.rows() as i64;
            let mut data = match table.bar(field) {
                Ok(bar) => Ok(bar),
                Err(found) if found.fault.missing => Err(found.fault),
                Err(found) => return self.unreadable(number, found).map(Some),
            };
            if self.live_row == Some(number)
                && let Ok(bar) = &mut data
            {
                bar.open_time -= table.time_of_day(bar.open_time, field);
            }
            let time = data.map_or_else(|fault| fault.time, |bar| Some(bar.open_time));
            self.latest_time = time.unwrap_or(self.latest_time);
            return Ok(Some((self.latest_time, Row { number, data })));
        }
        Ok(None)
    }

    /// A row with a fault; an error where it could be read in another way than the rest of the file.
    #[cold]
    fn unreadable(&mut self, number: i64, found: CellFault) -> Result<(i64, Row<Bar>), FeedError> {
        let text = self.rows.field(found.column).unwrap_or_default();
        if let Some(what) = contradiction(&self.table.clock, found.fault.kind, text) {
            let cell = Cell { line: self.rows.line(), column: found.column, text: shortened(text) };
            return Err(cell_error(self.rows.file(), &self.names, cell, what));
        }
        if self.first_fault.is_none() {
            self.first_fault = Some(self.rows.shown());
        }
        self.latest_time = found.fault.time.unwrap_or(self.latest_time);
        Ok((self.latest_time, Row { number, data: Err(found.fault) }))
    }

    /// Reads the window's rows, and all rows where those are newest first, and puts them in order.
    fn look_ahead(&mut self) -> Result<VecDeque<(i64, Row<Bar>)>, FeedError> {
        let mut ahead = VecDeque::new();
        while ahead.len() < WINDOW_ROWS
            && let Some(row) = self.read()?
        {
            ahead.push_back(row);
        }
        if is_newest_first(&ahead) {
            while let Some(row) = self.read()? {
                if self.rows.bytes() > TURNED_BYTES {
                    return Err(FeedError::NewestFirst { file: self.rows.file().to_owned() });
                }
                ahead.push_back(row);
            }
            ahead.make_contiguous().reverse();
        }
        let rows = ahead.make_contiguous();
        let mut latest = i64::MIN;
        for (time, _) in rows.iter() {
            self.moved_rows += u64::from(*time < latest);
            latest = latest.max(*time);
        }
        if self.moved_rows > 0 {
            rows.sort_by_key(|(time, _)| *time);
        }
        Ok(ahead)
    }

    /// Takes note of two rows of one time that say different things.
    fn compare(&mut self, row: &Row<Bar>) {
        let Ok(bar) = row.data else { return };
        if let Some((number, before)) = self.before
            && before.open_time == bar.open_time
        {
            if before != bar {
                self.pairs += 1;
                if self.different_pairs.len() < NAMED_PAIRS {
                    let time = Timestamp(bar.open_time);
                    let what = format!(
                        "rows {number} and {} are both of {time} and differ: row {number} comes first",
                        row.number
                    );
                    self.different_pairs.push(what);
                }
            }
            return;
        }
        self.before = Some((row.number, bar));
    }
}

/// True when most rows lie before the row before them.
fn is_newest_first(rows: &VecDeque<(i64, Row<Bar>)>) -> bool {
    let times = || rows.iter().filter(|(_, row)| row.data.is_ok()).map(|(time, _)| *time);
    let steps = times().zip(times().skip(1)).fold((0_u64, 0_u64), |(back, on), (before, after)| {
        (back + u64::from(after < before), on + u64::from(after > before))
    });
    steps.0 > steps.1
}

impl<T: TextTable> Reader<Bar> for BarReader<T> {
    fn next(&mut self) -> Result<Option<Row<Bar>>, FeedError> {
        let mut window = match self.window.take() {
            Some(window) => window,
            None => self.look_ahead()?,
        };
        if let Some((time, row)) = self.read()? {
            if window.back().is_some_and(|(latest, _)| time < *latest) {
                let place = window.partition_point(|(other, _)| *other <= time);
                window.insert(place, (time, row));
                self.moved_rows += 1;
            } else {
                window.push_back((time, row));
            }
        }
        let row = window.pop_front().map(|(_, row)| row);
        self.window = Some(window);
        row.iter().for_each(|row| self.compare(row));
        Ok(row)
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn shape(&self) -> Shape {
        let layout = &self.table.layout;
        let (columns, unread) = columns(&layout.roles(), &self.names);
        let (time, is_utc) = written(&self.table.clock, layout.time.unit, &self.first_time);
        let delimiter = self.rows.delimiter();
        Shape {
            delimiter,
            columns,
            unread,
            time,
            is_utc,
            order: self.table.clock.order,
            numbers: delimiter.map(|_| numbers(self.table.style)),
            sides: None,
            newest_first: self.newest_first,
            has_unread_conditions: false,
        }
    }

    fn fault_line(&self) -> (u64, String) {
        self.first_fault.clone().unwrap_or_else(|| self.rows.shown())
    }

    fn about(&self) -> About {
        let mut about = self.about.clone();
        if self.moved_rows > 0 {
            about
                .warnings
                .push(format!("rows out of order of time that were put in their place: {}", self.moved_rows));
        }
        about.warnings.extend(self.different_pairs.iter().cloned());
        if self.pairs > self.different_pairs.len() {
            about.warnings.push(format!("pairs of rows of one time that differ: {}", self.pairs));
        }
        about
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bars_csv::csv_bars;
    use crate::text::TextRows;
    use gauntlet_domain::InstrumentId;

    /// Rows with their opening times in seconds, and what is known of the file.
    fn read(text: &str) -> Result<(Vec<(i64, i64)>, About), FeedError> {
        let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
        let open = || {
            let bytes = std::io::Cursor::new(text.to_owned());
            Ok(TextRows::new(Box::new(bytes), "file".into(), 4_096))
        };
        let mut bars = csv_bars(open, None, &options, crate::units::Units::default())?;
        let mut rows = Vec::new();
        while let Some(row) = bars.next()? {
            rows.push((row.number, row.data.map_or(-1, |bar| bar.open_time / 1_000_000_000)));
        }
        Ok((rows, bars.about()))
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn rows_out_of_place_find_it_wherever_the_window_ends() {
        let row = |second: usize| format!("{},1\n", 1_700_000_000 + second);
        for swapped in [5, WINDOW_ROWS - 1, WINDOW_ROWS, WINDOW_ROWS + 5] {
            let mut order: Vec<usize> = (0..WINDOW_ROWS + 10).collect();
            order.swap(swapped, swapped - 1);
            let text: String = order.into_iter().map(row).collect();
            let (rows, about) = read(&format!("timestamp,close\n{text}")).unwrap();
            let in_order = |rows: &[(i64, i64)]| rows.windows(2).all(|pair| pair[0].1 < pair[1].1);
            assert!(rows.len() == WINDOW_ROWS + 10 && in_order(&rows), "{swapped}");
            assert!(about.warnings.iter().any(|what| what.ends_with("put in their place: 1")), "{swapped}");
        }
    }

    #[test]
    fn rows_of_one_time_that_differ_are_named_and_repeated_ones_are_not() {
        let header = "Date,Open,High,Low,Close\n";
        let (rows, about) =
            read(&format!("{header}2024-03-04,1,1,1,1\n2024-03-05,1,1,1,1\n2024-03-05,1,2,1,1\n")).unwrap();
        assert_eq!(rows.len(), 3);
        let said = "rows 2 and 3 are both of 2024-03-05T00:00:00Z and differ: row 2 comes first";
        assert_eq!(about.warnings, [said]);
        let repeated = read(&format!("{header}2024-03-04,1,1,1,1\n2024-03-04,1,1,1,1\n")).unwrap();
        assert_eq!((repeated.0.len(), repeated.1.warnings.len()), (2, 0));
    }

    #[test]
    fn the_row_of_a_day_that_is_not_over_is_of_that_day() {
        let header = "Date,Open,High,Low,Close\n";
        let days = "2024-03-05,1,1,1,1\n2024-03-06,1,1,1,1\n";
        let (rows, about) = read(&format!("{header}{days}2024-03-07 16:00:02,1,1,1,1\n")).unwrap();
        assert_eq!(rows[2], (3, 1_709_769_600));
        assert!(about.is_dated && about.warnings[0].contains("read as the bar of that day"), "{about:?}");
        let two = "2024-03-07 16:00:02,1,1,1,1\n2024-03-08 16:00:02,1,1,1,1\n";
        let (rows, about) = read(&format!("{header}{days}{two}")).unwrap();
        assert!(rows[2].1 == 1_709_827_202 && !about.is_dated, "{about:?}");
    }

    #[test]
    fn a_file_of_which_most_rows_cannot_be_read_is_refused_with_the_cell() {
        let said = refused("Date,Open,High,Low,Close\n2024-03-04,1,1,one,1\n2024-03-05,1,1,1,x\n");
        let cell = "2 of the first 2 rows cannot be read, the first at line 2: Low 'one' is no number";
        assert!(said.contains(cell), "{said}");
        let said = refused("Date,Close\nMonday,1\n");
        assert!(said.contains("line 2: Date 'Monday' is no time"), "{said}");
        let said = refused("Date,Close\n2024-03-04,\"1,000\"\n");
        assert!(
            said.contains("line 2, column Close: '1,000' may be a thousand or a decimal comma"),
            "{said}"
        );
        let one = read("Date,Open,High,Low,Close\n2024-03-04,1,1,one,1\n2024-03-05,1,1,1,1\n").unwrap();
        assert_eq!(one.0, [(1, -1), (2, 1_709_596_800)], "one of two stays a row with a fault");
    }

    #[test]
    fn rows_behind_the_window_settle_and_contradict_as_those_in_it() {
        let mut text = String::from("Date,Close\n");
        (0..WINDOW_ROWS).for_each(|second| text.push_str(&format!("{},999.5\n", 1_700_000_000 + second)));
        let said = refused(&(text.clone() + "1700200000,\"999,5\"\n"));
        assert!(
            said.contains("line 100002, column Close: '999,5' has a decimal comma, but '999.5' in line 2"),
            "{said}"
        );
        assert_eq!(read(&(text.clone() + "1700200000,\"1,000.5\"\n")).unwrap().0.len(), WINDOW_ROWS + 1);
        assert_eq!(read(&(text + "Total,1\n")).unwrap().0.len(), WINDOW_ROWS + 1);
        let mut text = String::from("Date,Close\n");
        (0..WINDOW_ROWS).for_each(|_| text.push_str("04/03/2024,1\n"));
        assert!(refused(&text).ends_with("write --day-first or --month-first"));
        let rows = read(&(text + "13/03/2024,1\n")).unwrap().0;
        assert_eq!(rows[0].1, 1_709_510_400, "the last row shows that the day is first");
    }

    #[test]
    fn the_order_of_day_and_month_is_that_of_all_rows_or_asked_for() {
        let (rows, _) = read("Date,Close\n04/03/2024,1\n13/03/2024,1\n").unwrap();
        assert_eq!(rows[0].1, 1_709_510_400);
        let said = refused("Date,Time,Close\n04/03/2024,09:30,1\n05/03/2024,09:30,1\n");
        assert!(said.ends_with("write --day-first or --month-first"), "{said}");
    }

    #[test]
    fn numbers_since_the_epoch_have_one_unit() {
        let (rows, _) = read("time,close\n0,1\n86400000,1\n1709596800000,1\n").unwrap();
        assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), [0, 86_400, 1_709_596_800]);
        let (rows, _) = read("time,close\n20240304,1\n20240305,1\n").unwrap();
        assert_eq!(rows[1].1, 1_709_596_800);
    }

    #[test]
    fn how_numbers_are_written_is_decided_from_all_rows() {
        let text = "Date,Close\n2024-03-04,999\n2024-03-05,\"1,000\"\n2024-03-06,\"1,000.5\"\n";
        assert_eq!(read(text).unwrap().0.len(), 3);
        let comma = read("Date;Close\n2024-03-04;999,5\n2024-03-05;1.000,5\n").unwrap();
        assert!(comma.0.iter().all(|row| row.1 > 0), "{comma:?}");
    }
}
