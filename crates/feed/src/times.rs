//! What the cells of a column of times say together: the order of day and month, dates without separators, units, zones.

use crate::columns::{LOCAL_TIME, TimeColumn, plain_name};
use crate::folds::Folds;
use crate::format::Options;
use crate::numbers::Cell;
use crate::scan::Unclear;
use crate::text::shortened;
use crate::time::{
    Clock, DateOrder, Unit, day_and_month, is_abbreviation, is_date_of_ten_digits, is_date_of_twelve_digits,
    is_time_of_day,
};

/// Rows whose order is looked at.
const ORDERED_ROWS: usize = crate::scan::ORDERED_ROWS as usize;

/// Whether a cell is a date and nothing behind it.
fn is_date_alone(text: &[u8]) -> bool {
    let parts: Vec<&[u8]> = text.split(|byte| matches!(byte, b'-' | b'/' | b'.')).collect();
    let are_numbers =
        parts.iter().all(|part| matches!(part.len(), 1..=4) && part.iter().all(u8::is_ascii_digit));
    crate::time::compact_date(text).is_some() || (parts.len() == 3 && are_numbers)
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

/// Whether a text with a time of day has an offset from UTC behind it; `None` without a time of day, and where letters that may
/// be a zone's stand there.
fn has_offset(text: &[u8]) -> Option<bool> {
    let of_day = &text[text.iter().position(|byte| *byte == b':')?..];
    match of_day.last()? {
        b'Z' | b'z' => Some(true),
        last if last.is_ascii_digit() => Some(of_day.iter().any(|byte| matches!(byte, b'+' | b'-'))),
        _ => None,
    }
}

/// Whether 18 digits are a time between 2000 and 2040 in hundreds of nanoseconds since 1601 or the year 1.
fn is_hundreds(text: &[u8]) -> bool {
    matches!(&text[..4], [b'1', b'2', b'6'..=b'9', _] | [b'1', b'3', _, _] | [b'6', b'3' | b'4', _, _])
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
    /// Numbers that are hundreds of nanoseconds since the year 1 or 1601, where they are of our time.
    hundreds: u64,
    first_hundreds: Option<Cell>,
    either: Option<Cell>,
    day_first: Option<Cell>,
    month_first: Option<Cell>,
    abbreviation: Option<Cell>,
    of_day: Option<Cell>,
    /// Times with an offset of their own, and such without.
    with_offset: Option<Cell>,
    without_offset: Option<Cell>,
    first: Option<Cell>,
    folds: Option<Folds>,
    /// The first cells, for their order.
    cells: Vec<Vec<u8>>,
}

impl Times {
    pub fn new(column: TimeColumn, options: &Options) -> Times {
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
            hundreds: 0,
            first_hundreds: None,
            either: None,
            day_first: None,
            month_first: None,
            abbreviation: None,
            of_day: None,
            with_offset: None,
            without_offset: None,
            first: None,
            folds: Folds::of(options),
            cells: Vec::new(),
        }
    }

    /// Looks at what a row says about its time, by its columns.
    pub fn see<'a>(&mut self, field: &impl Fn(usize) -> Option<&'a [u8]>, line: u64) {
        let mut room = [0; 64];
        if let Some(text) = self.column.text(field, &mut room) {
            self.see_text(text, line);
        }
    }

    /// Looks at the time of a wanted row beside those before it, where an hour may be there twice.
    pub fn see_place(&mut self, text: &[u8], line: u64) {
        if let Some(folds) = &mut self.folds {
            folds.see(text.trim_ascii(), line);
        }
    }

    /// Looks at the time of a row that is no text in the file, for its order alone.
    pub fn see_order(&mut self, text: &[u8]) {
        if self.cells.len() < ORDERED_ROWS && !text.is_empty() {
            self.cells.push(text.to_vec());
        }
    }

    /// Whether places of rows say anything.
    pub fn needs_places(&self) -> bool {
        self.folds.is_some()
    }

    /// Looks at what a row says about its time.
    pub fn see_text(&mut self, text: &[u8], line: u64) {
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        let index = self.column.index;
        let cell = || Cell { line, column: index, text: shortened(text) };
        match has_offset(text) {
            Some(true) if self.with_offset.is_none() => self.with_offset = Some(cell()),
            Some(false) if self.without_offset.is_none() => self.without_offset = Some(cell()),
            _ => {}
        }
        if self.cells.len() < ORDERED_ROWS {
            self.cells.push(text.to_vec());
        } else if says_nothing_new(text) {
            self.numbers += u64::from(text[4] != b'-');
            return;
        }
        self.first.get_or_insert_with(cell);
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
        if whole == 18 && is_hundreds(text) {
            self.hundreds += 1;
            self.first_hundreds.get_or_insert_with(&cell);
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
        if clock.format.is_none() {
            self.check_unit()?;
        }
        if clock.format.is_none() && self.column.unit.is_none() {
            self.check_numbers(&mut clock)?;
            self.check_texts(&mut clock)?;
        }
        self.check_zone(&clock, options)?;
        self.check_offsets(&clock, options)?;
        let newest_first = self.newest_first(&clock);
        if let (Some(folds), Some(zone)) = (&self.folds, &mut clock.zone) {
            zone.newest_first = newest_first;
            folds.settle(&mut clock, self.column.index, options)?;
        }
        Ok(clock)
    }

    /// Whether two rows that follow each other are of one date: ticks of one day have happened at several times.
    pub fn has_several_of_a_date(&self) -> bool {
        self.cells.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Ticks beside whose dates there is a column of times of day, of that name, need both.
    pub fn check_dates(&self, clock: &Clock, of_day: Option<&str>) -> Result<(), Unclear> {
        let is_said = self.column.date.is_some() || clock.format.is_some();
        let Some((date, of_day)) = self.first.as_ref().zip(of_day).filter(|_| !is_said) else {
            return Ok(());
        };
        if !self.cells.iter().all(|cell| is_date_alone(cell)) {
            return Ok(());
        }
        let what = format!(
            "is a date without a time of day: name the columns of both with --column date=NAME --column time={of_day}; if a day is \
             all that is known, say so with --time-format, such as --time-format %Y-%m-%d"
        );
        Err(Unclear::Cell(date.clone(), what))
    }

    /// Bars of a column that says that its times are local need their own offsets, or a zone.
    pub fn check_local(&self, clock: &Clock, names: &[String], options: &Options) -> Result<(), Unclear> {
        let is_local = names.get(self.column.index).is_some_and(|name| plain_name(name) == LOCAL_TIME);
        let is_said = options.reading.zone.is_some() || options.utc_offset_seconds != 0;
        match &self.first {
            Some(first) if is_local && !is_said && !clock.is_instant(first.text.as_bytes()) => {
                let what = "is a local time, and nothing says of which place: name its zone, such as --zone Europe/Berlin, or --zone UTC";
                Err(Unclear::Cell(first.clone(), what.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// A name of a column that says a unit in which all of its numbers would lie near 1970, while by their lengths they are
    /// of our time, is probably wrong.
    fn check_unit(&self) -> Result<(), Unclear> {
        let Some(named) = self.column.unit else { return Ok(()) };
        let digits = |cell: &Vec<u8>| cell.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some(first) = &self.first else { return Ok(()) };
        let is_coarser = |cell: &Vec<u8>| {
            let digits = digits(cell);
            matches!(digits, 10 | 13 | 16) && Unit::of_digits(digits) as u8 > named as u8
        };
        if !self.cells.iter().all(is_coarser) {
            return Ok(());
        }
        let what = "would be near 1970 in the unit that the name of its column says, and of our time in another: name the column \
                    with --column time=NAME, and its numbers tell their unit by their length"
            .to_owned();
        Err(Unclear::Cell(first.clone(), what))
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
        if let Some(cell) = self.first_hundreds.as_ref().filter(|_| self.hundreds == self.numbers) {
            return unclear(
                cell,
                "would be of 1974 or 1990 as nanoseconds since 1970, and of our time as hundreds of nanoseconds since 1601 or \
                 the year 1, as Windows and .NET count them: write dates such as 2017-01-02 09:30:00 into the column",
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

    /// Times with an offset of their own do not say on which clock those without one are.
    fn check_offsets(&self, clock: &Clock, options: &Options) -> Result<(), Unclear> {
        let is_said = clock.zone.is_some() || clock.format.is_some() || options.utc_offset_seconds != 0;
        match (&self.without_offset, &self.with_offset) {
            (Some(without), Some(Cell { line, text, .. })) if !is_said => {
                let what = format!(
                    "has no offset from UTC, and '{text}' in line {line} has one: name the zone of the times without one, such as \
                     --zone America/New_York, or --zone UTC"
                );
                Err(Unclear::Cell(without.clone(), what))
            }
            _ => Ok(()),
        }
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
