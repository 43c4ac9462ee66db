//! Which column of a file is what.
//!
//! The dates are the column that is named date, time, datetime or timestamp in any case, or else the first of several
//! columns where it holds dates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gauntlet_domain::Timestamp;

use super::cells::{Line, cells};
use super::{Column, Wanted, bad};
use crate::refusal::Refusal;

/// Names of a column of dates, in any case.
const DATE_COLUMNS: [&str; 4] = ["date", "time", "datetime", "timestamp"];

/// The columns of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The dates; its values stay empty.
    pub date: Option<Column>,
    /// The columns of numbers that are read; without values yet.
    pub numbers: Vec<Column>,
    /// Whether the first line that is not blank names the columns.
    pub has_header: bool,
    /// All columns, for messages.
    all: Vec<Column>,
}

/// A file without a number.
pub fn no_numbers(file: &str, wanted: Wanted) -> Refusal {
    let remedy = match wanted {
        Wanted::LastColumn => "give a CSV with a value a line",
        Wanted::AllColumns => "give a header, then lines of a date and a number for each column",
    };
    Refusal::BadInput(format!("{file}: there is no number in it: {remedy}"))
}

impl Layout {
    /// Of a file's lines.
    pub fn of(file: &str, lines: &[Line<'_>], wanted: Wanted) -> Result<Layout, Refusal> {
        let Some(first) = lines.first() else { return Err(no_numbers(file, wanted)) };
        let bad = |what: String| bad(file, first.number, &what);
        let names = cells(first.text).map_err(|what| bad(what.into()))?;
        let date = match wanted {
            Wanted::LastColumn => date_of(&names).or_else(|| undeclared_date(&names, lines)),
            Wanted::AllColumns => Some(date_of(&names).unwrap_or(0)),
        };
        let mut beside_date = (0..names.len()).filter(|index| Some(*index) != date);
        let (wanted, has_header) = match wanted {
            Wanted::LastColumn => {
                let value = beside_date.next_back().unwrap_or(0);
                (vec![value], is_header(&names, date, value))
            }
            Wanted::AllColumns => {
                let beside: Vec<usize> = beside_date.collect();
                check_names(&names, date, &beside).map_err(bad)?;
                (beside, true)
            }
        };
        let column = |index: usize| Column {
            number: index + 1,
            name: if has_header { names[index].to_string() } else { String::new() },
            values: vec![],
        };
        Ok(Layout {
            date: date.map(column),
            numbers: wanted.into_iter().map(column).collect(),
            has_header,
            all: (0..names.len()).map(column).collect(),
        })
    }

    /// Whether a row has as many cells as the first.
    pub fn check_count(&self, cells: usize) -> Result<(), String> {
        let count = self.all.len();
        let where_it_ends = match self.all.get(cells) {
            Some(missing) => format!("none for {missing}"),
            None if cells > count => format!("and column {} is not in it", count + 1),
            None => return Ok(()),
        };
        Err(format!(
            "{cells} cells where the first row has {count}, {where_it_ends}: give one for each column"
        ))
    }
}

/// The column that is named as dates are.
fn date_of(names: &[Cow<'_, str>]) -> Option<usize> {
    let is_name = |cell: &Cow<'_, str>| DATE_COLUMNS.contains(&cell.to_lowercase().as_str());
    names.iter().position(is_name).filter(|_| names.len() > 1)
}

/// The first of several columns, where any of its cells is a date.
fn undeclared_date(names: &[Cow<'_, str>], lines: &[Line<'_>]) -> Option<usize> {
    let begins_with_date =
        |line: &Line<'_>| cells(line.text).is_ok_and(|cells| cells.first().is_some_and(|cell| is_date(cell)));
    (names.len() > 1 && lines.iter().any(begins_with_date)).then_some(0)
}

fn is_date(cell: &str) -> bool {
    cell.parse::<Timestamp>().is_ok()
}

/// A first row with a date and a broken number is a broken row, not a header.
fn is_header(names: &[Cow<'_, str>], date: Option<usize>, value: usize) -> bool {
    names[value].parse::<f64>().is_err() && !date.is_some_and(|date| is_date(&names[date]))
}

/// Whether a first row names every column of numbers, each by a name of its own.
fn check_names(names: &[Cow<'_, str>], date: Option<usize>, numbers: &[usize]) -> Result<(), String> {
    let of_dates = &names[date.unwrap_or(0)];
    if is_date(of_dates) || of_dates.parse::<f64>().is_ok() {
        return Err(format!(
            "'{of_dates}' where the header should be: give a first line such as date,trial_1"
        ));
    }
    if numbers.is_empty() {
        return Err("one column: give a date first, then a column of numbers for each name".into());
    }
    let mut seen = BTreeMap::new();
    for index in numbers {
        let (name, number) = (&names[*index], index + 1);
        if name.is_empty() {
            return Err(format!("column {number} has no name: give it one in the header"));
        }
        if let Some(first) = seen.insert(name, number) {
            return Err(format!(
                "column {number} ('{name}') has the name of column {first}: give each its own"
            ));
        }
    }
    Ok(())
}
