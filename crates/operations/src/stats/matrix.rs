//! Returns of trials: a column a trial, a row a date. What is wrong is said with line and column.

use std::collections::BTreeMap;
use std::path::Path;

use gauntlet_domain::Timestamp;

use crate::dated_csv::{DatedNumbers, Label, Wanted};
use crate::levels;
use crate::refusal::Refusal;

/// Returns, column by column.
pub(super) struct Matrix {
    pub(super) path: String,
    pub(super) names: Vec<String>,
    pub(super) dates: Vec<Timestamp>,
    pub(super) columns: Vec<Vec<f64>>,
    /// What was done to the order of the rows.
    pub(super) turned: Option<String>,
}

/// What trials are compared with.
pub(super) struct Benchmark {
    pub(super) name: String,
    pub(super) returns: Vec<f64>,
    /// What was done to the order of the rows, where it has a file of its own.
    pub(super) turned: Option<String>,
}

impl Matrix {
    pub(super) fn read(path: &Path) -> Result<Matrix, Refusal> {
        let numbers = DatedNumbers::read(path, Wanted::AllColumns)?;
        check_returns(&numbers)?;
        let turned = numbers.turned();
        let DatedNumbers { file: path, times, columns, .. } = numbers;
        let (names, columns) = columns.into_iter().map(|column| (column.name, column.values)).unzip();
        Ok(Matrix { path, names, dates: times.unwrap_or_default(), columns, turned })
    }

    /// Takes the column of this name out, or reads the file of this name.
    pub(super) fn take_benchmark(&mut self, name: &str) -> Result<Benchmark, Refusal> {
        if let Some(at) = self.names.iter().position(|column| column == name) {
            let name = self.names.remove(at);
            return Ok(Benchmark { name, returns: self.columns.remove(at), turned: None });
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
        Ok(Benchmark { name: other.names[0].clone(), returns, turned: other.turned })
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
                    Label::of(&self.dates).text(self.dates[first])
                )
            };
            return Err(bad(&other.path, &what));
        }
        Ok(found.into_iter().flatten().collect())
    }
}

/// Levels are no returns, and a trial cannot lose more than everything.
fn check_returns(numbers: &DatedNumbers) -> Result<(), Refusal> {
    for column in &numbers.columns {
        let remedy = "give each value over the one before, less 1";
        levels::check_returns(column).map_err(|what| bad(&numbers.file, &format!("{what}: {remedy}")))?;
    }
    for row in 0..numbers.lines.len() {
        if let Some(column) = numbers.columns.iter().find(|column| column.values[row] < -1.0) {
            let value = column.values[row];
            let what =
                format!("{column}: {value} is below -1, more than everything: give fractions, 0.05 for 5 %");
            return Err(bad(&numbers.place(row), &what));
        }
    }
    Ok(())
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
            ("", ": there is no number in it"),
            ("date,a\n", ": there is no number in it: give a header"),
            ("date\n2020-01-01\n", ":1: one column"),
            ("0.1,0.2\n0.3,0.4\n", ":1: '0.1' where the header should be"),
            ("date,a,\n", ":1: column 3 has no name"),
            ("date,a,a\n", ":1: column 3 ('a') has the name of column 2"),
            ("date,a\nMonday,0.1\n", ":2: column 1 ('date'): 'Monday' is not a time"),
            ("date,a,b\n2020-01-01,0.1\n", ":2: 2 cells where the first row has 3, none for column 3 ('b')"),
            ("date,a\n2020-01-01,\n", ":2: column 2 ('a'): the cell is empty"),
            ("date,a\n2020-01-01,NaN\n", ":2: column 2 ('a'): 'NaN' is not finite"),
            ("date,a\n2020-01-01,1.2 %\n", ":2: column 2 ('a'): '1.2 %' is not a number"),
            ("date,a\n2020-01-01,-1.01\n", ":2: column 2 ('a'): -1.01 is below -1"),
            ("date,a,b\n2020-01-02,0,0\n2020-01-01,0,-2\n", ":3: column 3 ('b'): -2 is below -1"),
            (
                "date,a,NAV\n2020-01-01,0.1,100\n2020-01-02,0.2,101\n",
                ": column 3 ('NAV') holds values from 100 to 101, none negative: this is equity or a price, not returns: \
                 give each value over the one before, less 1",
            ),
            ("date,a\n2020-01-01,0\n\n2020-01-01,0\n", ":4: 2020-01-01 is there twice, first on line 2"),
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
        let longer = of("date,x\n2020-01-01,0.9\n2020-01-02,0.1\n2020-01-03,0.2\n2020-01-04,0.9\n");
        assert_eq!(longer, Ok(vec![0.1, 0.2]));
        let gap = of("date,x\n2020-01-02,0.1\n2020-01-04,0.9\n").unwrap_err().to_string();
        assert!(gap.contains("b.csv: 1 dates of") && gap.contains("first 2020-01-03"), "{gap}");
        let two = of("date,x,y\n2020-01-02,0.1,0.2\n").unwrap_err().to_string();
        assert!(two.contains("2 columns of returns"), "{two}");
    }
}
