//! A series from a CSV: the last column of numbers, in the order of time, with dates where the file has them.

use std::path::Path;

use gauntlet_domain::Timestamp;

use crate::dated_csv::{DatedNumbers, Wanted};
use crate::refusal::Refusal;

/// Numbers in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// The file, for messages.
    pub(super) name: String,
    /// The date of each value, ascending; none where the file has no dates.
    pub(super) times: Option<Vec<Timestamp>>,
    pub(super) values: Vec<f64>,
    /// Line of the file of each value.
    pub(super) lines: Vec<usize>,
    /// What was done to the order of the rows.
    pub(super) turned: Option<String>,
}

impl Series {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Series, Refusal> {
        let numbers = DatedNumbers::read(path, Wanted::LastColumn)?;
        let turned = numbers.turned();
        let DatedNumbers { file: name, times, columns, lines, .. } = numbers;
        let values = columns.into_iter().next().map(|column| column.values).unwrap_or_default();
        Ok(Series { name, times, values, lines, turned })
    }

    /// A file and a line of it, for messages.
    pub(super) fn place(&self, index: usize) -> String {
        format!("{}:{}", self.name, self.lines[index])
    }
}
