//! Numbers of dates from a CSV file: the one reader of every tool that takes a series or a table of returns.
//!
//! Consumes a file, answers `DatedNumbers` whose dates ascend strictly. Blank lines are left out, every row has as many
//! cells as the first, and a cell that is read is a finite number. A file with the newest row first is turned round, which
//! the answer says; any other order, and a date that is there twice, is refused. What a number means is not known here.

/// A line in cells.
mod cells;
/// Which column is what.
mod layout;

use std::fmt;
use std::path::Path;

use gauntlet_domain::Timestamp;

use crate::refusal::{Refusal, unreadable};

use cells::{Line, cells, lines};
use layout::Layout;

/// Which columns of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The last column that is not the dates. Header and dates may be missing; other columns may hold anything.
    LastColumn,
    /// Every column beside the dates, by the names in a header. Dates are required.
    AllColumns,
}

/// Numbers in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedNumbers {
    /// The file, for messages.
    pub file: String,
    /// The date of each row, ascending; none where the file has no dates.
    pub times: Option<Vec<Timestamp>>,
    /// The columns that were asked for, at least one; each has a value for each row.
    pub columns: Vec<Column>,
    /// Line of the file of each row.
    pub lines: Vec<usize>,
    /// Whether the file has the newest row first.
    pub is_turned: bool,
}

/// A column of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its place in the file, the first being 1.
    pub number: usize,
    /// Its name in the header; empty where there is none.
    pub name: String,
    /// Its numbers, in the order of the dates.
    pub values: Vec<f64>,
}

/// As messages name it.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}", self.number)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " ('{}')", self.name) }
    }
}

impl DatedNumbers {
    /// Reads a file.
    pub fn read(path: &Path, wanted: Wanted) -> Result<DatedNumbers, Refusal> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        DatedNumbers::parse(path.display().to_string(), &text, wanted)
    }

    fn parse(file: String, text: &str, wanted: Wanted) -> Result<DatedNumbers, Refusal> {
        let lines = lines(text);
        let layout = Layout::of(&file, &lines, wanted)?;
        let mut numbers = DatedNumbers {
            file,
            times: layout.date.as_ref().map(|_| vec![]),
            columns: layout.numbers.clone(),
            lines: vec![],
            is_turned: false,
        };
        for line in lines.iter().skip(usize::from(layout.has_header)) {
            numbers.push(line, &layout)?;
        }
        if numbers.lines.is_empty() {
            return Err(layout::no_numbers(&numbers.file, wanted));
        }
        numbers.in_order()
    }

    fn push(&mut self, line: &Line<'_>, layout: &Layout) -> Result<(), Refusal> {
        let bad = |what: String| bad(&self.file, line.number, &what);
        let cells = cells(line.text).map_err(|what| bad(what.into()))?;
        layout.check_count(cells.len()).map_err(bad)?;
        if let (Some(column), Some(times)) = (&layout.date, &mut self.times) {
            let time = cells[column.number - 1].parse::<Timestamp>();
            times.push(time.map_err(|error| bad(format!("{column}: {error}")))?);
        }
        for column in &mut self.columns {
            let value = value(&cells[column.number - 1]).map_err(|what| bad(format!("{column}: {what}")))?;
            column.values.push(value);
        }
        self.lines.push(line.number);
        Ok(())
    }

    /// Oldest first, each date once.
    fn in_order(mut self) -> Result<DatedNumbers, Refusal> {
        let Some(times) = &self.times else { return Ok(self) };
        let is_descending = times.len() > 1 && times[1] < times[0];
        let follows = |pair: &[Timestamp]| if is_descending { pair[1] < pair[0] } else { pair[1] > pair[0] };
        if let Some(before) = times.windows(2).position(|pair| !follows(pair)) {
            let at = before + 1;
            let time = Label::of(times).text(times[at]);
            let first = times[..at].iter().position(|earlier| *earlier == times[at]);
            let what = match first {
                Some(first) => {
                    format!("{time} is there twice, first on line {}: keep one row a date", self.lines[first])
                }
                None => {
                    format!("{time} is not in order after line {}: sort the rows by date", self.lines[before])
                }
            };
            return Err(bad(&self.file, self.lines[at], &what));
        }
        if is_descending {
            self.times.iter_mut().for_each(|times| times.reverse());
            self.columns.iter_mut().for_each(|column| column.values.reverse());
            self.lines.reverse();
            self.is_turned = true;
        }
        Ok(self)
    }

    /// A file and the line of a row, for messages.
    pub fn place(&self, row: usize) -> String {
        format!("{}:{}", self.file, self.lines[row])
    }

    /// What was done to the order of the rows, for whoever owns the file.
    pub fn turned(&self) -> Option<String> {
        self.is_turned.then(|| format!("{}: newest first, turned round", self.file))
    }
}

fn value(cell: &str) -> Result<f64, String> {
    if cell.is_empty() {
        return Err("the cell is empty: give a number, or leave the row out".into());
    }
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("'{cell}' is not finite: give a number, or leave the row out")),
        Err(_) => Err(format!("'{cell}' is not a number: write one such as 0.05")),
    }
}

fn bad(file: &str, line: usize, what: &str) -> Refusal {
    Refusal::BadInput(format!("{file}:{line}: {what}"))
}

/// How dates of a file are written: without a time of day where none has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    is_daily: bool,
}

impl Label {
    /// For these dates.
    pub fn of(times: &[Timestamp]) -> Label {
        Label { is_daily: times.iter().all(|time| time.seconds().rem_euclid(86_400) == 0) }
    }

    /// A date as text.
    pub fn text(self, time: Timestamp) -> String {
        let text = time.to_string();
        let end = if self.is_daily { text.find('T').unwrap_or(text.len()) } else { text.len() };
        text[..end].to_owned()
    }
}

#[cfg(test)]
mod tests;
