//! What all rows say about how a file is written, before the first of them is published: the order of day and month, dates
//! without separators, the style of numbers, the order of rows. What they leave open is asked for, and what contradicts
//! them refuses the file before anything of it is published, wherever in the file it stands.

use gauntlet_domain::market::TickKind;

use crate::bar_rows::TextTable;
use crate::columns::TimeColumn;
use crate::conditions::ConditionCells;
use crate::error::FeedError;
use crate::format::Options;
use crate::numbers::{Cell, Evidence, NumberStyle, is_number_in_another_style};
use crate::table::TickLayout;
use crate::text::shortened;
use crate::time::{
    Clock, DateOrder, day_and_month, is_abbreviation, is_date_of_ten_digits, is_date_of_twelve_digits,
    is_time_of_day,
};
use crate::zone::{UNSETTLED, Zone};

/// Rows whose order is looked at.
const ORDERED_ROWS: usize = 4096;

/// Rows whose ids are looked at.
const ID_ROWS: usize = 64;

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub clock: Clock,
    pub numbers: NumberStyle,
    pub newest_first: bool,
    /// Sizes below zero are there, as often as sold amounts would be.
    pub signed_sizes: bool,
    /// The first time as it is written.
    pub first_time: Vec<u8>,
    /// What stands in the column of symbols are ids in hexadecimal digits, each another.
    pub ids_differ: bool,
    /// Cells of conditions that are not read.
    pub conditions: ConditionCells,
}

/// Looks at the rows of a table of ticks behind its header. Only columns that are text in the file say how it is written.
pub(crate) fn scan_ticks<T: TextTable>(
    mut rows: T,
    names: &[String],
    layout: &TickLayout,
    options: &Options,
    is_text: impl Fn(usize) -> bool,
) -> Result<Scan, FeedError> {
    let (mut times, mut numbers) = (Times::new(layout.time), Evidence::default());
    let (mut sizes, mut conditions, mut ids) = (Signs::default(), ConditionCells::default(), Vec::new());
    let has_times = layout.time.columns().any(&is_text);
    let mut columns = layout.numbers();
    columns.retain(|(column, _)| is_text(*column));
    let size = layout.size_without_side();
    while next(&mut rows)? {
        let field = |index| rows.field(index);
        if has_times {
            times.see(&field, rows.line());
        }
        for (column, is_price) in &columns {
            numbers.see(field(*column).unwrap_or_default(), rows.line(), *column, *is_price);
        }
        sizes.see(size.and_then(field).unwrap_or_default());
        if let Some(cell) = layout.unread_conditions().and_then(field) {
            conditions.see(cell);
        }
        if let Some(id) = layout.symbol.and_then(field)
            && ids.len() < ID_ROWS
        {
            ids.push(id.to_vec());
        }
    }
    let seen = ids.len();
    let are_hexadecimal = ids.iter().all(|id| is_hexadecimal(id));
    ids.sort_unstable();
    ids.dedup();
    let unclear = |cell: Cell, what: String| cell_error(rows.file(), names, cell, what);
    let clock = times.clock(options).map_err(|why| why.into_error(rows.file(), names))?;
    let numbers = numbers.style(options.reading.decimal).map_err(|why| unclear(why.cell, why.what))?;
    let newest_first = times.newest_first(&clock);
    let signed_sizes = sizes.are_sides();
    let ids_differ = are_hexadecimal && seen > 1 && ids.len() == seen;
    let first_time = times.first();
    Ok(Scan { clock, numbers, newest_first, signed_sizes, first_time, ids_differ, conditions })
}

/// Signs of sizes.
#[derive(Default)]
struct Signs {
    sizes: u64,
    below_zero: u64,
}

impl Signs {
    fn see(&mut self, size: &[u8]) {
        self.sizes += u64::from(!size.is_empty());
        self.below_zero += u64::from(size.first() == Some(&b'-'));
    }

    /// A few below zero are faults, which cleaning finds.
    fn are_sides(&self) -> bool {
        self.below_zero >= 2 && self.below_zero * 5 >= self.sizes
    }
}

/// Whether a text could be a UUID or another id of hexadecimal digits, and no symbol.
fn is_hexadecimal(text: &[u8]) -> bool {
    text.len() >= 8
        && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
        && text.iter().any(u8::is_ascii_digit)
}

/// The next row; damage is met again, and said, when the rows before it have been read.
fn next(rows: &mut impl TextTable) -> Result<bool, FeedError> {
    match rows.advance() {
        Err(FeedError::Damaged { .. }) => Ok(false),
        other => other,
    }
}

/// An error about a cell, by its column's name.
pub(crate) fn cell_error(file: &str, names: &[String], cell: Cell, what: String) -> FeedError {
    let column = names.get(cell.column).filter(|name| !name.is_empty());
    FeedError::Cell {
        file: file.to_owned(),
        line: cell.line,
        column: column.cloned().unwrap_or_else(|| (cell.column + 1).to_string()),
        text: cell.text,
        what,
    }
}

/// Why a cell that cannot be read as the first rows are could be read in another way; `None` for a cell that is no time and no
/// number in any.
pub(crate) fn contradiction(clock: &Clock, kind: TickKind, text: &[u8]) -> Option<String> {
    match kind {
        TickKind::BadTime if clock.undecided => Some(format!("is behind {UNSETTLED}")),
        TickKind::BadTime if clock.format.is_none() && is_date_of_other_order(text) => {
            Some("has day and month in another order than the rows before it: split the file".to_owned())
        }
        TickKind::NotANumber if is_number_in_another_style(text) => Some(
            "is written in another way than the numbers before it (decimal mark, thousands, currency): split the \
             file, or name its decimal mark with --decimal"
                .to_owned(),
        ),
        _ => None,
    }
}

fn is_date_of_other_order(text: &[u8]) -> bool {
    day_and_month(text).is_some_and(|(a, b)| a.min(b) <= 12 && a.max(b) <= 31)
}

/// At the end of a file: an error when its last rows are in an hour that the zone has twice.
pub(crate) fn check_end(clock: &Clock, file: &str) -> Result<(), FeedError> {
    if clock.zone.as_ref().is_some_and(Zone::is_unsettled) {
        let what = format!("--zone: its last rows are in {UNSETTLED}");
        return Err(FeedError::Reading { file: file.to_owned(), what });
    }
    Ok(())
}

/// What does not fit.
pub(crate) enum Unclear {
    Cell(Cell, String),
    Asked(String),
}

impl Unclear {
    pub fn into_error(self, file: &str, names: &[String]) -> FeedError {
        match self {
            Unclear::Cell(cell, what) => cell_error(file, names, cell, what),
            Unclear::Asked(what) => FeedError::Reading { file: file.to_owned(), what },
        }
    }
}

/// Whether a text is of a kind that can be read in one way alone: `2024-03-04` and what follows, up to a digit or a Z, or as
/// many digits as milliseconds, microseconds and nanoseconds of our time have. Most texts are; the others are looked at one
/// by one.
fn says_nothing_new(text: &[u8]) -> bool {
    let is_iso = text.len() >= 10 && text[4] == b'-' && text[7] == b'-';
    let ends_plainly = || text.last().is_some_and(|last| last.is_ascii_digit() || *last == b'Z');
    if is_iso {
        return text[..4].iter().all(u8::is_ascii_digit) && ends_plainly();
    }
    matches!(text.len(), 13 | 16 | 19) && text.iter().all(u8::is_ascii_digit)
}

/// What the cells of a column of times say.
pub(crate) struct Times {
    column: TimeColumn,
    /// Numbers, and those too small for any time since 1970 that somebody traded at.
    numbers: u64,
    small: u64,
    first_small: Option<Cell>,
    exponent: Option<Cell>,
    twelve_digits: Option<Cell>,
    no_twelve_digits: Option<Cell>,
    ten_digits: Option<Cell>,
    no_ten_digits: bool,
    either: Option<Cell>,
    day_first: Option<Cell>,
    month_first: Option<Cell>,
    abbreviation: Option<Cell>,
    of_day: Option<Cell>,
    /// The first cells, for their order.
    cells: Vec<Vec<u8>>,
}

impl Times {
    pub fn new(column: TimeColumn) -> Times {
        Times {
            column,
            numbers: 0,
            small: 0,
            first_small: None,
            exponent: None,
            twelve_digits: None,
            no_twelve_digits: None,
            ten_digits: None,
            no_ten_digits: false,
            either: None,
            day_first: None,
            month_first: None,
            abbreviation: None,
            of_day: None,
            cells: Vec::new(),
        }
    }

    fn see<'a>(&mut self, field: &impl Fn(usize) -> Option<&'a [u8]>, line: u64) {
        let mut room = [0; 64];
        if let Some(text) = self.column.text(field, &mut room) {
            self.see_text(text, line);
        }
    }

    /// Looks at what a row says about its time.
    pub fn see_text(&mut self, text: &[u8], line: u64) {
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        if self.cells.len() < ORDERED_ROWS {
            self.cells.push(text.to_vec());
        } else if says_nothing_new(text) {
            self.numbers += u64::from(text[4] != b'-');
            return;
        }
        let index = self.column.index;
        let cell = || Cell { line, column: index, text: shortened(text) };
        if text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
            && text.iter().filter(|byte| matches!(byte, b'.' | b'-')).count() <= 1
        {
            self.see_number(text, cell);
            return;
        }
        if let Some((a, b)) = day_and_month(text) {
            self.either.get_or_insert_with(cell);
            if a > 12 && b <= 12 {
                self.day_first.get_or_insert_with(cell);
            }
            if b > 12 && a <= 12 {
                self.month_first.get_or_insert_with(cell);
            }
        }
        if is_time_of_day(text) {
            self.of_day.get_or_insert_with(cell);
        }
        let last = text.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let is_other = !matches!(last, b"UTC" | b"GMT")
            && !last.eq_ignore_ascii_case(b"AM")
            && !last.eq_ignore_ascii_case(b"PM");
        if last.len() < text.len() && is_abbreviation(last) && is_other {
            self.abbreviation.get_or_insert_with(cell);
        }
    }

    fn see_number(&mut self, text: &[u8], cell: impl Fn() -> Cell) {
        self.numbers += 1;
        if text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
            self.exponent.get_or_insert_with(&cell);
            return;
        }
        let whole = text.iter().take_while(|byte| **byte != b'.').count();
        let is_date = crate::time::compact_date(text).is_some();
        if whole <= 8 && !is_date {
            self.small += 1;
            self.first_small.get_or_insert_with(&cell);
        }
        if whole == 12 {
            let is_date = is_date_of_twelve_digits(text);
            let kind = if is_date { &mut self.twelve_digits } else { &mut self.no_twelve_digits };
            kind.get_or_insert_with(&cell);
        }
        if is_date_of_ten_digits(text) {
            self.ten_digits.get_or_insert_with(&cell);
        } else {
            self.no_ten_digits = true;
        }
    }

    /// The first of them as it is written.
    pub fn first(&self) -> Vec<u8> {
        self.cells.first().cloned().unwrap_or_default()
    }

    /// The one way to read all of them.
    pub fn clock(&self, options: &Options) -> Result<Clock, Unclear> {
        let mut clock = options.clock().map_err(Unclear::Asked)?;
        if clock.format.is_none() && self.column.unit.is_none() {
            self.check_numbers(&mut clock)?;
            self.check_texts(&mut clock)?;
        }
        self.check_zone(&clock, options)?;
        Ok(clock)
    }

    fn check_numbers(&self, clock: &mut Clock) -> Result<(), Unclear> {
        let unclear = |cell: &Cell, what: &str| Err(Unclear::Cell(cell.clone(), what.to_owned()));
        if let Some(cell) = &self.exponent {
            return unclear(
                cell,
                "is a time with an exponent, as a spreadsheet writes it when it drops the last digits: export the column \
                 as a whole number or as text",
            );
        }
        if let Some(cell) = &self.first_small
            && self.small == self.numbers
        {
            return unclear(
                cell,
                "is no date: it may be seconds of a day, or the day number of a spreadsheet: write whole dates such as \
                 2017-01-02 09:30:00 into the column, or name another one with --column time=NAME",
            );
        }
        match (&self.twelve_digits, &self.no_twelve_digits) {
            (Some(_), None) => clock.twelve_digits_are_dates = true,
            (Some(date), Some(number)) => {
                let Cell { line, text, .. } = number;
                let what = format!(
                    "may be a date (YYYYMMDDHHMM) or milliseconds, and '{text}' in line {line} is no date: say which with \
                     --time-format %Y%m%d%H%M, or name another column with --column time=NAME"
                );
                return unclear(date, &what);
            }
            _ => {}
        }
        match &self.ten_digits {
            Some(cell) if !self.no_ten_digits => unclear(
                cell,
                "may be a date and hour or seconds since 1970: say which with --time-format %Y%m%d%H or --time-format %s",
            ),
            _ => Ok(()),
        }
    }

    fn check_texts(&self, clock: &mut Clock) -> Result<(), Unclear> {
        let unclear = |cell: &Cell, what: &str| Err(Unclear::Cell(cell.clone(), what.to_owned()));
        if let Some(cell) = &self.of_day {
            return unclear(
                cell,
                "is a time of day without a date: name the column of dates with --column date=NAME",
            );
        }
        if let Some(cell) = self.abbreviation.as_ref().filter(|_| clock.zone.is_none()) {
            return unclear(
                cell,
                "has the letters of a time zone, which are not the same everywhere: name the zone, such as --zone \
                 America/New_York",
            );
        }
        let found = match (&self.day_first, &self.month_first) {
            (Some(day), Some(month)) => {
                let Cell { line, text, .. } = month;
                let what =
                    format!("has the day first, but '{text}' in line {line} the month: split the file");
                return unclear(day, &what);
            }
            (Some(_), None) => Some(DateOrder::DayFirst),
            (None, Some(_)) => Some(DateOrder::MonthFirst),
            (None, None) => None,
        };
        match (clock.order, found, &self.either) {
            (Some(asked), Some(found), Some(_)) if asked != found => {
                let (cell, option) = match found {
                    DateOrder::DayFirst => (&self.day_first, "--day-first"),
                    DateOrder::MonthFirst => (&self.month_first, "--month-first"),
                };
                let what = format!("is no date of that order: write {option}");
                cell.as_ref().map_or(Ok(()), |cell| unclear(cell, &what))
            }
            (None, None, Some(cell)) => unclear(
                cell,
                "may have the day or the month first, and no row of the file shows which: write --day-first or \
                 --month-first",
            ),
            (asked, found, _) => {
                clock.order = asked.or(found);
                Ok(())
            }
        }
    }

    /// A zone beside an offset has to have that offset at the beginning of the file.
    fn check_zone(&self, clock: &Clock, options: &Options) -> Result<(), Unclear> {
        let mut reading = clock.clone();
        let first = self.cells.iter().find_map(|cell| reading.parse(cell));
        let (Some(zone), Some(first), true) = (&clock.zone, first, options.utc_offset_seconds != 0) else {
            return Ok(());
        };
        if zone.is_offset(first, options.utc_offset_seconds) {
            return Ok(());
        }
        let name = options.reading.zone.as_deref().unwrap_or_default();
        Err(Unclear::Asked(format!(
            "--utc-offset is not the offset of --zone {name} at its first row: leave --utc-offset away"
        )))
    }

    /// Whether time falls from row to row.
    pub fn newest_first(&self, clock: &Clock) -> bool {
        let mut clock = clock.clone();
        let parse = |cell: &Vec<u8>| self.column.parse(cell, &mut clock);
        let times: Vec<i64> = self.cells.iter().filter_map(parse).collect();
        let falls = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
        let rises = times.windows(2).filter(|pair| pair[1] > pair[0]).count();
        falls >= 2 && falls > 10 * rises
    }
}
