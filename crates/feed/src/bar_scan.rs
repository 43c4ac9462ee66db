//! What the first rows of a file of bars say about all of it: how times and numbers are written, how long its bars are.

use std::collections::BTreeMap;

use gauntlet_domain::Timestamp;
use gauntlet_domain::market::TickKind;

use crate::bar_rows::{TextTable, WINDOW_ROWS};
use crate::bar_table::{BarTable, CellFault, is_missing};
use crate::block::{About, Bar};
use crate::columns::{plain_name, unread_volumes};
use crate::epoch_unit::EpochNumbers;
use crate::error::FeedError;
use crate::format::Options;
use crate::input::listed;
use crate::numbers::Evidence;
use crate::scan::cell_error;
use crate::spacing::{Lengths, spec_named};
use crate::times::Times;
use crate::understood::columns;

/// Text of cells that is kept for a second look.
const KEPT_BYTES: usize = 16 << 20;

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
pub(crate) struct Scan {
    numbers: Evidence,
    epochs: EpochNumbers,
    close_epochs: EpochNumbers,
    rows: u64,
    faults: u64,
    first_fault: Option<(u64, String, CellFault, String)>,
    lengths: Lengths,
    /// A word for the length that all rows share; `Some(None)` where they differ.
    period: Option<Option<String>>,
    /// Two words for different lengths.
    two_periods: Option<[String; 2]>,
    /// The first bar of each time, and rows that say something else of such a time.
    bars: BTreeMap<i64, Bar>,
    /// A row has a volume that is not 0.
    has_volume: bool,
    others: u64,
    first_other: Option<(u64, i64)>,
    latest: Option<i64>,
    /// Rows whose time has a time of day: how many, the last of them and its time.
    of_day: u64,
    last_of_day: Option<(i64, i64)>,
    /// The first time as it is written.
    pub first_time: Vec<u8>,
    /// Time falls from row to row.
    pub newest_first: bool,
}

impl Scan {
    /// Looks at the first rows: sets how the table reads times and numbers. Gives what is known of the file and its live row.
    pub fn look<T: TextTable>(
        &mut self,
        mut rows: T,
        table: &mut BarTable,
        names: &[String],
        options: &Options,
    ) -> Result<(About, Option<i64>), FeedError> {
        let file = rows.file().to_owned();
        let wanted = table.wanted.clone();
        let mut times = Times::new(table.layout.time, options);
        let mut kept = KeptCells::new(table.layout.used());
        while rows.advance()? {
            if table.is_wanted(|index| rows.field(index)) {
                self.see_styles(table, &mut times, rows.line(), |index| rows.field(index));
                if kept.has_room() {
                    kept.push(&rows);
                }
            }
        }
        table.wanted = wanted;
        let style = self.numbers.style(options.reading.decimal);
        table.style = style.map_err(|why| cell_error(&file, names, why.cell, why.what))?;
        let clock = times.clock(options).map_err(|why| why.into_error(&file, names))?;
        times.check_local(&clock, names, options).map_err(|why| why.into_error(&file, names))?;
        self.first_time = times.first();
        self.newest_first = times.newest_first(&clock);
        table.clock = clock.clone();
        if clock.format.is_none() {
            table.layout.time.unit = table.layout.time.unit.or(self.epochs.unit());
            if let Some(close) = &mut table.layout.close_time {
                close.unit = close.unit.or(self.close_epochs.unit());
            }
        }
        for (at, place) in kept.places.iter().enumerate() {
            self.see_row(table, names, *place, |index| kept.cell(at, index));
        }
        table.clock = clock;
        self.judge(&file)?;
        self.check_alone(table, &file, names)?;
        self.bars = BTreeMap::new();
        Ok(self.about(table, names))
    }

    fn see_styles<'a>(
        &mut self,
        table: &BarTable,
        times: &mut Times,
        line: u64,
        field: impl Fn(usize) -> Option<&'a [u8]> + Copy,
    ) {
        let layout = &table.layout;
        for index in layout.price_columns() {
            self.numbers.see(field(index).unwrap_or_default(), line, index, true);
        }
        if let Some(index) = layout.volume_column() {
            self.numbers.see_volume(field(index).unwrap_or_default(), line, index);
        }
        let mut room = [0; 64];
        if let Some(text) = layout.time_text(field, table.clock.format.is_some(), &mut room) {
            times.see_text(text, line);
            times.see_place(text, line);
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
            match &mut self.period {
                None => self.period = Some(Some(String::from_utf8_lossy(period).into_owned())),
                Some(Some(before)) if before.as_bytes() == period => {}
                Some(before) => {
                    let period = String::from_utf8_lossy(period).into_owned();
                    let both = before.take().map(|before| [before, period]);
                    let differ = both.filter(|both| {
                        let [one, other] = both.each_ref().map(|word| spec_named(word));
                        one.is_some() && other.is_some() && one != other
                    });
                    self.two_periods = self.two_periods.take().or(differ);
                }
            }
        }
        self.has_volume |= found.is_ok_and(|bar| bar.volume != 0);
        if let Ok(bar) = found
            && *self.bars.entry(bar.open_time).or_insert(bar) != bar
        {
            self.others += 1;
            self.first_other.get_or_insert((line, bar.open_time));
        }
        let time = match found {
            Ok(bar) => Some(bar.open_time),
            Err(found) => found.fault.time,
        };
        let Some(time) = time else { return };
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
                "out of range (a price may be 9223372036 and a volume 92233720368 at most): say what one is worth with --price-scale 1e-9 where prices are whole numbers of fixed point, or divide the column, by 1000 for example"
            }
            _ => "no number: write it like 17513.22, or leave the cell empty where there is none",
        };
        let (bad, of) = (self.faults, self.rows);
        let what = format!(
            "{bad} of the first {of} rows cannot be read, the first at line {line}: {name} '{cell}' is {why}"
        );
        Err(FeedError::Columns { file: file.to_owned(), what })
    }

    /// Bars of several instruments, or of several lengths, are picked by a column.
    fn check_alone(&self, table: &BarTable, file: &str, names: &[String]) -> Result<(), FeedError> {
        let refused = |what| Err(FeedError::Columns { file: file.to_owned(), what });
        if let Some([one, other]) = &self.two_periods {
            let column = table.layout.period.and_then(|index| names.get(index));
            let column = column.map(String::as_str).unwrap_or_default();
            return refused(format!(
                "its rows are bars of several lengths, '{one}' and '{other}' in column {column}: pick those of one with \
                 --only '{column}={one}'"
            ));
        }
        let Some((line, time)) =
            self.first_other.filter(|_| self.rows >= 8 && self.others * 5 >= self.rows * 2)
        else {
            return Ok(());
        };
        let unread = columns(&table.layout.roles(), names).1;
        let (others, rows, time) = (self.others, self.rows, Timestamp(time));
        refused(format!(
            "{others} of the first {rows} rows are of a time that another row has with other numbers, the first at line {line} \
             ({time}): it seems to hold several instruments or lengths of bars: pick one with --only COLUMN=VALUE (columns that are \
             not read: {}), or split the file",
            listed(&unread)
        ))
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
        if table.layout.one_price().is_none() && table.layout.volume_column().is_none() {
            warnings.extend(unread_volumes(names, "volume"));
        }
        warnings.extend(table.layout.volume_column().and_then(|column| self.no_volume(names, column)));
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

    /// What to know where every volume is 0 and another column may have it, as MetaTrader has the counts of ticks.
    fn no_volume(&self, names: &[String], column: usize) -> Option<String> {
        let is_like = |(at, name): &(usize, &String)| *at != column && plain_name(name).contains("vol");
        let like: Vec<&str> =
            names.iter().enumerate().filter(is_like).map(|(_, name)| name.as_str()).collect();
        (!self.has_volume && self.rows > 0 && !like.is_empty()).then(|| {
            format!(
                "the volume is 0 in every row, and these may be it: {}: name it with --column volume=NAME",
                like.join(", ")
            )
        })
    }
}
