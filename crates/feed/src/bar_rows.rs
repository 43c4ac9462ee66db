//! Bars of one file: what it is as a whole, found by a scan of its first rows, and its rows in order of time.
//!
//! Bars need not come in order: a file that is newest first is turned round, and rows out of place are put in their place
//! within a window of rows. Row numbers stay those of the file. Never drops a row.

use std::collections::VecDeque;

use gauntlet_domain::market::TickKind;
use gauntlet_domain::{BarSpec, Timestamp};

use crate::bar_table::{BarTable, CellFault, is_missing};
use crate::block::{About, Bar, Reader, Row};
use crate::epoch_unit::EpochNumbers;
use crate::error::FeedError;
use crate::number_style::SeenNumbers;
use crate::spacing::{Lengths, spec_named};

/// Rows by which a file is understood, and among which a row finds its place.
const WINDOW_ROWS: usize = 100_000;

/// Longest text that is turned round in memory.
const TURNED_BYTES: u64 = 16 << 20;

/// Text of cells that is kept for a second look.
const KEPT_BYTES: usize = 16 << 20;

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
}

/// Reads bars.
pub(crate) struct BarReader<T> {
    rows: T,
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
}

impl<T: TextTable> BarReader<T> {
    /// `scanned` and `rows` are the same file, each at its first row; `names` are the columns as the file has them.
    pub fn new(
        scanned: T,
        rows: T,
        mut table: BarTable,
        names: &[String],
    ) -> Result<BarReader<T>, FeedError> {
        let mut scan = Scan::default();
        let (about, live_row) = scan.look(scanned, &mut table, names)?;
        Ok(BarReader {
            rows,
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
                break;
            }
            let (rows, table) = (&self.rows, &mut self.table);
            let field = |index| rows.field(index);
            if !table.is_wanted(field) {
                continue;
            }
            let number = rows.rows() as i64;
            let mut data = table.bar(field).map_err(|found| found.fault);
            if data.is_err_and(|fault| !fault.missing) && self.first_fault.is_none() {
                self.first_fault = Some(rows.shown());
            }
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

/// Cells of the first rows, one after the other: how they are read is known only when all were seen.
struct KeptCells {
    /// Columns that are kept, rising.
    used: Vec<usize>,
    text: Vec<u8>,
    /// Begin and end of each cell in `text`, row by row.
    cells: Vec<Option<(u32, u32)>>,
    /// Row and line of each.
    places: Vec<(i64, u64)>,
}

impl KeptCells {
    fn new(used: Vec<usize>) -> KeptCells {
        KeptCells { used, text: Vec::new(), cells: Vec::new(), places: Vec::new() }
    }

    fn has_room(&self) -> bool {
        self.places.len() < WINDOW_ROWS && self.text.len() < KEPT_BYTES
    }

    fn push<T: TextTable>(&mut self, rows: &T) {
        for index in &self.used {
            let begin = self.text.len() as u32;
            let cell = rows.field(*index);
            self.text.extend_from_slice(cell.unwrap_or_default());
            self.cells.push(cell.map(|_| (begin, self.text.len() as u32)));
        }
        self.places.push((rows.rows() as i64, rows.line()));
    }

    fn cell(&self, row: usize, index: usize) -> Option<&[u8]> {
        let column = self.used.binary_search(&index).ok()?;
        let (begin, end) = self.cells[row * self.used.len() + column]?;
        Some(&self.text[begin as usize..end as usize])
    }
}

/// What the first rows of a file say about all.
#[derive(Default)]
struct Scan {
    numbers: SeenNumbers,
    epochs: EpochNumbers,
    close_epochs: EpochNumbers,
    rows: u64,
    faults: u64,
    first_fault: Option<(u64, String, CellFault, String)>,
    lengths: Lengths,
    /// A word for the length that all rows share; `Some(None)` where they differ.
    period: Option<Option<String>>,
    latest: Option<i64>,
    /// Rows whose time has a time of day: how many, the last of them and its time.
    of_day: u64,
    last_of_day: Option<(i64, i64)>,
}

impl Scan {
    fn look<T: TextTable>(
        &mut self,
        mut rows: T,
        table: &mut BarTable,
        names: &[String],
    ) -> Result<(About, Option<i64>), FeedError> {
        let file = rows.file().to_owned();
        let wanted = table.wanted.clone();
        let mut kept = KeptCells::new(table.layout.used());
        while kept.has_room() && rows.advance()? {
            if table.is_wanted(|index| rows.field(index)) {
                self.see_styles(table, |index| rows.field(index));
                kept.push(&rows);
            }
        }
        table.wanted = wanted;
        let contradiction = |what: String| FeedError::Columns { file: file.clone(), what };
        table.style = self.numbers.style().map_err(contradiction)?;
        table.layout.time.unit = table.layout.time.unit.or(self.epochs.unit());
        if let Some(close) = &mut table.layout.close_time {
            close.unit = close.unit.or(self.close_epochs.unit());
        }
        for (at, place) in kept.places.iter().enumerate() {
            self.see_row(table, names, *place, |index| kept.cell(at, index));
        }
        self.judge(&file)?;
        Ok(self.about(table, names))
    }

    fn see_styles<'a>(&mut self, table: &BarTable, field: impl Fn(usize) -> Option<&'a [u8]>) {
        let layout = &table.layout;
        for index in layout.price_columns().chain(layout.volume_column()) {
            self.numbers.see(field(index).unwrap_or_default());
        }
        self.epochs.see(field(layout.time.index).unwrap_or_default());
        if let Some(close) = layout.close_time {
            self.close_epochs.see(field(close.index).unwrap_or_default());
        }
    }

    fn see_row<'a>(
        &mut self,
        table: &mut BarTable,
        names: &[String],
        (number, line): (i64, u64),
        field: impl Fn(usize) -> Option<&'a [u8]> + Copy,
    ) {
        self.rows += 1;
        // Bars of trades have none, also where there is a column for them.
        table.layout.spreads = table.layout.spreads.filter(|(open, close)| {
            [open, close].iter().all(|at| !is_missing(field(**at).unwrap_or_default()))
        });
        let found = table.bar(field);
        if let Err(found) = found
            && !found.fault.missing
        {
            self.faults += 1;
            let cell = || String::from_utf8_lossy(field(found.column).unwrap_or_default()).into_owned();
            let name = || names.get(found.column).cloned().unwrap_or_default();
            self.first_fault.get_or_insert_with(|| (line, name(), found, cell()));
        }
        if let Some(period) = table.layout.period.and_then(field) {
            match &self.period {
                None => self.period = Some(Some(String::from_utf8_lossy(period).into_owned())),
                Some(Some(before)) if before.as_bytes() == period => {}
                Some(_) => self.period = Some(None),
            }
        }
        let Some(time) = table.time(field) else { return };
        self.latest = self.latest.max(Some(time));
        if let Some(length) = table.length(time, field) {
            self.lengths.see(length);
        }
        if table.time_of_day(time, field) != 0 {
            self.of_day += 1;
            self.last_of_day = Some((time, number));
        }
    }

    /// Most rows that cannot be read: the first of them, with its cell and the reason.
    fn judge(&self, file: &str) -> Result<(), FeedError> {
        let Some((line, name, found, cell)) = &self.first_fault else { return Ok(()) };
        if 2 * self.faults <= self.rows {
            return Ok(());
        }
        let why = match found.fault.kind {
            TickKind::BadTime => {
                "no time that is known: write it like 2024-03-04 10:00:00 or as seconds since the epoch"
            }
            TickKind::OutOfRange => {
                "out of range (a price may be 9223372036 and a volume 92233720368 at most): divide the column, by 1000 for example"
            }
            _ => "no number: write it like 17513.22, or leave the cell empty where there is none",
        };
        let (bad, of) = (self.faults, self.rows);
        let what = format!(
            "{bad} of the first {of} rows cannot be read, the first at line {line}: {name} '{cell}' is {why}"
        );
        Err(FeedError::Columns { file: file.to_owned(), what })
    }

    fn about(&self, table: &BarTable, names: &[String]) -> (About, Option<i64>) {
        let live = self
            .last_of_day
            .filter(|(time, _)| self.of_day == 1 && self.rows > 2 && Some(*time) == self.latest);
        let mut warnings = Vec::new();
        if let Some(column) = table.layout.one_price() {
            let name = names.get(column).map(String::as_str).unwrap_or_default();
            warnings.push(format!(
                "the file has one price a row ({name}) and no open, high and low: each bar is that price throughout, so \
                 what happens inside a bar, such as a stop, is not seen"
            ));
        }
        if let Some((time, number)) = live {
            let at = Timestamp(time);
            warnings.push(format!(
                "row {number} is of {at} in a file of days: it is read as the bar of that day"
            ));
        }
        let spec = self.lengths.spec().or_else(|| spec_named(self.period.as_ref()?.as_ref()?));
        let is_dated = self.rows > 0 && (self.of_day == 0 || live.is_some());
        let is_closing = table.layout.is_closing;
        let has_both_times = table.layout.close_time.is_some();
        (About { spec, is_dated, is_closing, has_both_times, warnings }, live.map(|(_, number)| number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bars_csv::csv_bars;
    use crate::format::Options;
    use crate::text::TextRows;
    use crate::time::Clock;
    use gauntlet_domain::InstrumentId;

    /// Rows with their opening times in seconds, and what is known of the file.
    fn read(text: &str) -> Result<(Vec<(i64, i64)>, About), FeedError> {
        let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
        let open = || {
            let bytes = std::io::Cursor::new(text.to_owned());
            Ok(TextRows::new(Box::new(bytes), "file".into(), 4_096))
        };
        let mut bars = csv_bars(open, &options, Clock::new(0))?;
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
        assert!(said.contains("'1,000' may be thousands or decimals"), "{said}");
        let one = read("Date,Open,High,Low,Close\n2024-03-04,1,1,one,1\n2024-03-05,1,1,1,1\n").unwrap();
        assert_eq!(one.0, [(1, -1), (2, 1_709_596_800)], "one of two stays a row with a fault");
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
