//! A CSV of returns: a header, a date first, a column a trial, oldest row first. What is wrong is said with line and column.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gauntlet_domain::Timestamp;

use super::day;
use crate::refusal::{Refusal, unreadable};

/// Returns, column by column.
pub(super) struct Matrix {
    pub(super) path: String,
    pub(super) names: Vec<String>,
    pub(super) dates: Vec<Timestamp>,
    pub(super) columns: Vec<Vec<f64>>,
}

/// What trials are compared with.
pub(super) struct Benchmark {
    pub(super) name: String,
    pub(super) returns: Vec<f64>,
}

impl Matrix {
    pub(super) fn read(path: &Path) -> Result<Matrix, Refusal> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let path = path.display().to_string();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((_, header)) = lines.next() else {
            return Err(bad(&path, "the file is empty: give a header, then a date and returns a line"));
        };
        let names = names(&path, header)?;
        let columns = vec![Vec::new(); names.len()];
        let mut matrix = Matrix { path, names, dates: Vec::new(), columns };
        for (index, line) in lines {
            matrix.push(index + 1, line)?;
        }
        if matrix.dates.is_empty() {
            let what = "there is a header and no row: give a date and returns a line";
            return Err(bad(&matrix.path, what));
        }
        Ok(matrix)
    }

    fn push(&mut self, number: usize, line: &str) -> Result<(), Refusal> {
        let at = format!("{}:{number}", self.path);
        let cells: Vec<&str> = line.split(',').map(cell).collect();
        if cells.len() != self.names.len() + 1 {
            let (have, need) = (cells.len(), self.names.len() + 1);
            return Err(bad(&at, &format!("{have} cells, the header has {need}: give every column a value")));
        }
        let date: Timestamp = cells[0].parse().map_err(|_| {
            bad(&at, &format!("'{}' is not a date: give one such as 2020-01-31 first in each row", cells[0]))
        })?;
        if let Some(before) = self.dates.last().copied().filter(|before| *before >= date) {
            let what = if before == date {
                format!("{} comes twice: give one row a date", day(date))
            } else {
                format!("{} comes after {}: sort the rows, oldest first", day(date), day(before))
            };
            return Err(bad(&at, &what));
        }
        self.dates.push(date);
        for ((column, name), cell) in self.columns.iter_mut().zip(&self.names).zip(&cells[1..]) {
            let value = value(cell).map_err(|what| bad(&at, &format!("column '{name}': {what}")))?;
            column.push(value);
        }
        Ok(())
    }

    /// Takes the column of this name out, or reads the file of this name.
    pub(super) fn take_benchmark(&mut self, name: &str) -> Result<Benchmark, Refusal> {
        if let Some(at) = self.names.iter().position(|column| column == name) {
            let name = self.names.remove(at);
            return Ok(Benchmark { name, returns: self.columns.remove(at) });
        }
        let path = Path::new(name);
        if !path.exists() {
            let known: Vec<&str> = self.names.iter().take(5).map(String::as_str).collect();
            return Err(Refusal::BadInput(format!(
                "--benchmark '{name}' is neither a column of {} nor a file: its columns are {}{}",
                self.path,
                known.join(", "),
                if self.names.len() > known.len() { ", …" } else { "" }
            )));
        }
        let other = Matrix::read(path)?;
        if other.names.len() != 1 {
            let what = format!("{} columns of returns: give a benchmark of one", other.names.len());
            return Err(bad(&other.path, &what));
        }
        let returns = self.on_own_dates(&other)?;
        Ok(Benchmark { name: other.names[0].clone(), returns })
    }

    fn on_own_dates(&self, other: &Matrix) -> Result<Vec<f64>, Refusal> {
        let by_date: BTreeMap<Timestamp, f64> =
            other.dates.iter().copied().zip(other.columns[0].iter().copied()).collect();
        let found: Vec<Option<f64>> = self.dates.iter().map(|date| by_date.get(date).copied()).collect();
        let missing = found.iter().filter(|value| value.is_none()).count();
        if let Some(first) = found.iter().position(Option::is_none) {
            let what = if missing == found.len() {
                format!("no date in common with {}: give a benchmark of the same period", self.path)
            } else {
                format!(
                    "{missing} dates of {} are missing, first {}: give a benchmark with a return for each",
                    self.path,
                    day(self.dates[first])
                )
            };
            return Err(bad(&other.path, &what));
        }
        Ok(found.into_iter().flatten().collect())
    }
}

fn names(path: &str, header: &str) -> Result<Vec<String>, Refusal> {
    let at = format!("{path}:1");
    let cells: Vec<&str> = header.split(',').map(cell).collect();
    if cells[0].parse::<Timestamp>().is_ok() || cells[0].parse::<f64>().is_ok() {
        let what =
            format!("'{}' where the header should be: give a first line such as date,trial_1", cells[0]);
        return Err(bad(&at, &what));
    }
    if cells.len() < 2 {
        return Err(bad(&at, "one column: give a date first, then a column of returns for each trial"));
    }
    let mut seen = BTreeSet::new();
    for (index, name) in cells.iter().enumerate().skip(1) {
        if name.is_empty() {
            return Err(bad(&at, &format!("column {} has no name: give each trial one", index + 1)));
        }
        if !seen.insert(*name) {
            return Err(bad(&at, &format!("column '{name}' comes twice: give each trial its own name")));
        }
    }
    Ok(cells[1..].iter().map(|name| (*name).to_owned()).collect())
}

/// Without spaces and quotes around it.
fn cell(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

fn value(cell: &str) -> Result<f64, String> {
    if cell.is_empty() {
        return Err("the cell is empty: give 0 for a period without a position, or drop the row".into());
    }
    match cell.parse::<f64>() {
        Ok(value) if !value.is_finite() => {
            Err(format!("'{cell}' is not finite: give a return as a fraction"))
        }
        Ok(value) if value < -1.0 => {
            Err(format!("{cell} is below -1, more than everything: give fractions, 0.05 for 5 %"))
        }
        Ok(value) => Ok(value),
        Err(_) => Err(format!("'{cell}' is not a number: give a return as a fraction")),
    }
}

fn bad(at: &str, what: &str) -> Refusal {
    Refusal::BadInput(format!("{at}: {what}"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn refused(text: &str) -> String {
        let (_dir, path) = file("m.csv", text);
        match Matrix::read(&path) {
            Err(Refusal::BadInput(what)) => {
                what.rsplit_once("m.csv").map(|(_, what)| what.to_owned()).unwrap()
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("read: {text}"),
        }
    }

    #[test]
    fn a_matrix_is_read_with_quotes_a_mark_and_empty_lines() {
        let (_dir, path) =
            file("m.csv", "\u{feff}\"date\",\"a\", b\r\n2020-01-01,0.1,-1\r\n\r\n2020-01-02, 1e-3 ,0\r\n");
        let matrix = Matrix::read(&path).ok().unwrap();
        assert_eq!((matrix.names, matrix.dates.len()), (vec!["a".to_owned(), "b".to_owned()], 2));
        assert_eq!(matrix.columns, [[0.1, 0.001], [-1.0, 0.0]]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, words) in [
            ("", ": the file is empty"),
            ("date,a\n", ": there is a header and no row"),
            ("date\n2020-01-01\n", ":1: one column"),
            ("0.1,0.2\n0.3,0.4\n", ":1: '0.1' where the header should be"),
            ("date,a,\n", ":1: column 3 has no name"),
            ("date,a,a\n", ":1: column 'a' comes twice"),
            ("date,a\nMonday,0.1\n", ":2: 'Monday' is not a date"),
            ("date,a,b\n2020-01-01,0.1\n", ":2: 2 cells, the header has 3"),
            ("date,a\n2020-01-01,\n", ":2: column 'a': the cell is empty"),
            ("date,a\n2020-01-01,NaN\n", ":2: column 'a': 'NaN' is not finite"),
            ("date,a\n2020-01-01,1.2 %\n", ":2: column 'a': '1.2 %' is not a number"),
            ("date,a\n2020-01-01,-1.01\n", ":2: column 'a': -1.01 is below -1"),
            ("date,a\n2020-01-01,0\n\n2020-01-01,0\n", ":4: 2020-01-01 comes twice"),
        ] {
            let what = refused(text);
            assert!(what.starts_with(words), "{what}");
        }
    }

    #[test]
    fn a_benchmark_may_cover_more_dates_and_must_cover_all() {
        let text = "date,a\n2020-01-02,0.1\n2020-01-03,0.2\n";
        let of = |benchmark: &str| {
            let (_dir, path) = file("m.csv", text);
            let (_other, benchmark) = file("b.csv", benchmark);
            let taken = Matrix::read(&path).ok().unwrap().take_benchmark(benchmark.to_str().unwrap());
            taken.map(|benchmark| benchmark.returns)
        };
        let longer = of("date,x\n2020-01-01,9\n2020-01-02,1\n2020-01-03,2\n2020-01-04,9\n");
        assert_eq!(longer, Ok(vec![1.0, 2.0]));
        let gap = of("date,x\n2020-01-02,1\n2020-01-04,9\n").unwrap_err().to_string();
        assert!(gap.contains("b.csv: 1 dates of") && gap.contains("first 2020-01-03"), "{gap}");
        let two = of("date,x,y\n2020-01-02,1,2\n").unwrap_err().to_string();
        assert!(two.contains("2 columns of returns"), "{two}");
    }
}
