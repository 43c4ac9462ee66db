//! Hours that a zone has twice, as a file has them: found before the first row is read for good. An hour that the file has twice
//! is told apart by the order of its rows; one that it has once can be either, and is asked for.

use crate::error::FeedError;
use crate::format::Options;
use crate::numbers::Cell;
use crate::scan::Unclear;
use crate::text::{TextRows, shortened};
use crate::time::{Clock, DateOrder, day_and_month};
use crate::zone::{Ambiguous, Zone};

/// Times that two rows one behind the other have; more of them are usual in the file.
const REPEATED: usize = 64;

/// What the cells of a column of times say about such hours.
pub(crate) struct Folds {
    zone: Zone,
    /// The clock without its zone in both orders of day and month: which one it is, is known behind the last row.
    clocks: [Clock; 2],
    /// Cells in such an hour.
    cells: Vec<(u64, Vec<u8>)>,
    previous: Vec<u8>,
    /// Cells that equal the one before.
    repeated: Vec<Vec<u8>>,
    has_many_repeated: bool,
}

impl Folds {
    /// `None` where no zone is named.
    pub fn of(options: &Options) -> Option<Folds> {
        let zone = options.clock().ok()?.zone?;
        let mut clock = Clock::new(0);
        clock.format.clone_from(&options.reading.time_format);
        let clocks = [DateOrder::DayFirst, DateOrder::MonthFirst].map(|order| {
            let mut clock = clock.clone();
            (clock.order, clock.twelve_digits_are_dates) = (Some(order), true);
            clock
        });
        let (cells, previous, repeated) = (Vec::new(), Vec::new(), Vec::new());
        Some(Folds { zone, clocks, cells, previous, repeated, has_many_repeated: false })
    }

    /// Looks at what a row says about its time.
    pub fn see(&mut self, text: &[u8], line: u64) {
        if text == self.previous {
            if self.repeated.last().is_none_or(|last| last != text) {
                self.repeated.push(text.to_vec());
            }
            if self.repeated.len() > REPEATED {
                self.has_many_repeated = true;
                self.repeated.clear();
            }
        }
        self.previous.clear();
        self.previous.extend_from_slice(text);
        let orders = if day_and_month(text).is_some() { 2 } else { 1 };
        let zone = &self.zone;
        let may_be_double = self.clocks[..orders]
            .iter_mut()
            .any(|clock| clock.parse(text).is_some_and(|local| zone.double(local).is_some()));
        if !may_be_double {
            return;
        }
        // Of many rows with one time two say all.
        if !matches!(&self.cells[..], [.., (_, a), (_, b)] if a == text && b == text) {
            self.cells.push((line, text.to_vec()));
        }
    }

    /// Tells the clock of the file what its rows show. `Err` asks for what they do not, by the cell of that column.
    pub fn settle(&self, clock: &mut Clock, column: usize, options: &Options) -> Result<(), Unclear> {
        let is_double = |text: &Vec<u8>| clock.double(text).is_some();
        let equal_is_repeated = !self.has_many_repeated && self.repeated.iter().all(is_double);
        let Some(zone) = &mut clock.zone else { return Ok(()) };
        zone.equal_is_repeated = equal_is_repeated;
        let mut reading = clock.clone();
        let mut hours: Vec<(i64, &(u64, Vec<u8>), bool)> = Vec::new();
        for cell in &self.cells {
            let Some((first, _)) = reading.double(&cell.1) else { continue };
            let is_new = hours.last().is_none_or(|(at, ..)| at.abs_diff(first) >= DAY_NANOS);
            if is_new {
                hours.push((first, cell, false));
                reading.zone.iter_mut().for_each(|zone| zone.forget_rows());
            }
            reading.parse(&cell.1);
            if let (Some(hour), Some(zone)) = (hours.last_mut(), &reading.zone) {
                hour.2 = !zone.is_unsettled();
            }
        }
        let open = hours.into_iter().filter(|(.., is_settled)| !is_settled);
        for (at, (line, text), _) in open {
            let Some(said) = options.reading.ambiguous else {
                return Err(asked(*line, text, column, options));
            };
            clock.zone.iter_mut().for_each(|zone| zone.once.push((at, said)));
        }
        Ok(())
    }
}

const DAY_NANOS: u64 = 86_400_000_000_000;

/// The clock of a file with one column of times, the first: told what all of its rows show. `time` gives the local time of a
/// row as text, where it has one. Opens the text only where a zone is named.
pub(crate) fn clock_of(
    open: impl FnOnce() -> Result<TextRows, FeedError>,
    file: &str,
    options: &Options,
    mut time: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<Clock, FeedError> {
    let clock = options.clock();
    let mut clock = clock.map_err(|what| FeedError::Reading { file: file.to_owned(), what })?;
    let Some(mut folds) = Folds::of(options) else { return Ok(clock) };
    let mut rows = open()?;
    loop {
        match rows.advance() {
            Ok(true) => {}
            // Damage is met again, and said, when the rows before it have been read.
            Ok(false) | Err(FeedError::Damaged { .. }) => break,
            Err(error) => return Err(error),
        }
        if let Some(text) = time(rows.text()) {
            folds.see(text.trim_ascii(), rows.line());
        }
    }
    let settled = folds.settle(&mut clock, 0, options);
    settled.map_err(|why| why.into_error(file, &["time".to_owned()]))?;
    Ok(clock)
}

fn asked(line: u64, text: &[u8], column: usize, options: &Options) -> Unclear {
    let zone = options.reading.zone.as_deref().unwrap_or_default();
    let what = format!(
        "is in an hour that the zone has twice ({zone}, when its clock goes back), and no row shows to which of the two it belongs: \
         write {} or {} for such hours, or give the file times in UTC, or with their offset",
        option(Ambiguous::Earlier),
        option(Ambiguous::Later)
    );
    Unclear::Cell(Cell { line, column, text: shortened(text) }, what)
}

fn option(which: Ambiguous) -> &'static str {
    match which {
        Ambiguous::Earlier => "--ambiguous earlier",
        Ambiguous::Later => "--ambiguous later",
    }
}
