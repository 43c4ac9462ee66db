//! A series from a CSV: the last column of numbers, in the order of time, with dates where the file has them.

use std::path::Path;

use gauntlet_domain::Timestamp;

use super::SeriesKind;
use crate::dated_csv::{Column, DatedNumbers, Wanted};
use crate::levels;
use crate::refusal::Refusal;

/// Numbers in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// The file, for messages.
    pub(crate) name: String,
    /// The date of each value, ascending; none where the file has no dates.
    pub(crate) times: Option<Vec<Timestamp>>,
    pub(crate) values: Vec<f64>,
    /// Line of the file of each value.
    pub(crate) lines: Vec<usize>,
    /// What was done to the order of the rows.
    pub(crate) turned: Option<String>,
}

impl Series {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Series, Refusal> {
        Series::checked(path, |_| Ok(()))
    }

    /// Reads a file of returns or equity; refuses equity that would be taken for returns.
    pub(crate) fn read_kind(path: &Path, kind: SeriesKind) -> Result<Series, Refusal> {
        Series::checked(path, |column| match kind {
            SeriesKind::Returns => levels::check_returns(column),
            SeriesKind::Equity => Ok(()),
        })
    }

    fn checked(path: &Path, check: impl Fn(&Column) -> Result<(), String>) -> Result<Series, Refusal> {
        let numbers = DatedNumbers::read(path, Wanted::LastColumn)?;
        let bad = |what| Refusal::BadInput(format!("{}: {what}: give --kind equity", numbers.file));
        numbers.columns.iter().try_for_each(check).map_err(bad)?;
        let turned = numbers.turned();
        let DatedNumbers { file: name, times, columns, lines, .. } = numbers;
        let values = columns.into_iter().next().map(|column| column.values).unwrap_or_default();
        Ok(Series { name, times, values, lines, turned })
    }

    /// A file and a line of it, for messages.
    pub(crate) fn place(&self, index: usize) -> String {
        format!("{}:{}", self.name, self.lines[index])
    }
}
