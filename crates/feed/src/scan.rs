//! What all rows say about how a file is written, before the first of them is published: the order of day and month, dates
//! without separators, the style of numbers, the order of rows. What they leave open is asked for, and what contradicts
//! them refuses the file before anything of it is published, wherever in the file it stands.

use gauntlet_domain::market::TickKind;

use crate::bar_rows::TextTable;
use crate::columns::plain_name;
use crate::conditions::ConditionCells;
use crate::contracts::Contracts;
use crate::error::FeedError;
use crate::format::Options;
use crate::numbers::{Cell, Evidence, NumberStyle, is_number_in_another_style};
use crate::row_kinds::RowKinds;
use crate::table::TickLayout;
use crate::time::{Clock, day_and_month, is_time_of_day};
use crate::times::Times;
use crate::wanted::Wanted;
use crate::zone::{UNSETTLED, Zone};

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

impl Scan {
    /// Tells the columns what the rows show of them.
    pub fn settle(&self, layout: &mut TickLayout) {
        if self.signed_sizes && layout.size_without_side().is_some() {
            layout.sign_is_side();
        }
        if self.ids_differ {
            layout.forget_ids();
        }
    }
}

/// Rows by which a table is known of which no column is text.
pub(crate) const ORDERED_ROWS: u64 = 4096;

/// Looks at the rows of a table of ticks behind its header. Only columns that are text in the file say how it is written.
pub(crate) fn scan_ticks<T: TextTable>(
    mut rows: T,
    names: &[String],
    layout: &TickLayout,
    options: &Options,
    is_text: impl Fn(usize) -> bool,
    most_rows: u64,
) -> Result<Scan, FeedError> {
    let (mut times, mut numbers) = (Times::new(layout.time, options), Evidence::default());
    let (mut sizes, mut conditions, mut ids) = (Signs::default(), ConditionCells::default(), Vec::new());
    let (mut of_day, mut wanted) = (None, Wanted::new(options));
    let has_times = layout.time.columns().any(&is_text);
    let mut columns = layout.numbers();
    columns.retain(|(column, _)| is_text(*column));
    let size = layout.size_without_side();
    let mut kinds = RowKinds::of(names, layout, options);
    let mut contracts = Contracts::of(names, layout, options);
    while rows.rows() < most_rows && next(&mut rows)? {
        let field = |index| rows.field(index);
        if of_day.is_none() && sizes.sizes == 0 {
            let is_of_day = |column: &usize| field(*column).is_some_and(is_time_of_day);
            of_day = (0..names.len()).filter(|column| *column != layout.time.index).find(is_of_day);
        }
        if has_times {
            times.see(&field, rows.line());
            if times.needs_places() && layout.is_wanted(&mut wanted, field) == Ok(true) {
                let mut room = [0; 64];
                times.see_place(layout.time.text(&field, &mut room).unwrap_or_default(), rows.line());
            }
        } else {
            times.see_order(field(layout.time.index).unwrap_or_default());
        }
        for (column, is_price) in &columns {
            numbers.see(field(*column).unwrap_or_default(), rows.line(), *column, *is_price);
        }
        kinds.see(field, rows.line());
        contracts.see(field, rows.line());
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
    let unclear = |cell: Cell, what: String| cell_error(rows.file(), names, cell, what);
    let clock = times.clock(options).map_err(|why| why.into_error(rows.file(), names))?;
    let asked = kinds.check(names).and_then(|()| contracts.check(names));
    asked.map_err(|why| why.into_error(rows.file(), names))?;
    let numbers = numbers.style(options.reading.decimal).map_err(|why| unclear(why.cell, why.what))?;
    let of_day = of_day.and_then(|column| names.get(column)).map(String::as_str);
    let of_day = of_day.or_else(|| times.has_several_of_a_date().then(|| named_of_day(names, layout))?);
    times.check_dates(&clock, of_day).map_err(|why| why.into_error(rows.file(), names))?;
    let newest_first = times.newest_first(&clock);
    let signed_sizes = sizes.are_sides();
    let ids_differ = are_different_ids(ids);
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

/// A column that is not read and is called like a time of day.
fn named_of_day<'a>(names: &'a [String], layout: &TickLayout) -> Option<&'a str> {
    let roles = layout.roles();
    let is_of_day = |(at, name): &(usize, &String)| {
        let name = plain_name(name);
        let is_called_so =
            ["ofday", "time", "hour", "second", "millis"].iter().any(|word| name.contains(word));
        is_called_so && !roles.iter().any(|(_, read)| read == at)
    };
    names.iter().enumerate().find(is_of_day).map(|(_, name)| name.as_str())
}

/// Whether each text could be an id of hexadecimal digits, and no two are one.
fn are_different_ids(mut ids: Vec<Vec<u8>>) -> bool {
    let seen = ids.len();
    let are_hexadecimal = ids.iter().all(|id| is_hexadecimal(id));
    ids.sort_unstable();
    ids.dedup();
    are_hexadecimal && seen > 1 && ids.len() == seen
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
