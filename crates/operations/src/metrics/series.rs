//! A series from a CSV: numbers in the order of time, with dates where the file has them.
//!
//! The dates are the column that is named date, time, datetime or timestamp, or the first of several columns where it
//! holds dates. The numbers are the last other column. Consumes a file, answers a [`Series`] whose dates ascend strictly.

use std::path::Path;

use gauntlet_domain::Timestamp;

use crate::refusal::{Refusal, unreadable};

/// Names of a column of dates, in any case.
const DATE_COLUMNS: [&str; 4] = ["date", "time", "datetime", "timestamp"];

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
    /// Whether the file has the newest first.
    pub(super) is_turned: bool,
}

impl Series {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Series, Refusal> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        Series::parse(path.display().to_string(), &text)?.in_order()
    }

    fn parse(name: String, text: &str) -> Result<Series, Refusal> {
        let rows: Vec<Row<'_>> =
            text.trim_start_matches('\u{feff}').lines().enumerate().filter_map(row).collect();
        let columns = rows.first().map(|first| Columns::of(first, &rows)).unwrap_or_default();
        let mut series = Series {
            name,
            times: columns.date.map(|_| vec![]),
            values: vec![],
            lines: vec![],
            is_turned: false,
        };
        for Row { line, cells } in rows.iter().skip(usize::from(columns.has_header)) {
            if cells.len() != columns.count {
                let (count, name) = (cells.len(), &series.name);
                return Err(Refusal::BadInput(format!(
                    "{name}:{line}: {count} columns where the first row has {}: mend the row",
                    columns.count
                )));
            }
            let place = |column: usize| format!("(column {})", column + 1);
            if let (Some(column), Some(times)) = (columns.date, &mut series.times) {
                let cell = cells[column];
                let time: Timestamp = cell.parse().map_err(|error| {
                    Refusal::BadInput(format!("{}:{line}: {error} {}", series.name, place(column)))
                })?;
                times.push(time);
            }
            let cell = cells[columns.value];
            let value = cell.parse::<f64>().map_err(|_| "a number");
            let value = value.and_then(|value| if value.is_finite() { Ok(value) } else { Err("finite") });
            let value = value.map_err(|what| {
                let (name, place) = (&series.name, place(columns.value));
                Refusal::BadInput(format!("{name}:{line}: '{cell}' is not {what} {place}"))
            })?;
            series.values.push(value);
            series.lines.push(*line);
        }
        if series.values.is_empty() {
            return Err(Refusal::BadInput(format!(
                "{}: there is no number in it: give a CSV with a value a line",
                series.name
            )));
        }
        Ok(series)
    }

    /// Oldest first, each date once; newest first throughout is turned round, everything else is refused.
    fn in_order(mut self) -> Result<Series, Refusal> {
        let Some(times) = &self.times else { return Ok(self) };
        let is_descending = times.len() > 1 && times[1] < times[0];
        let follows = |pair: &[Timestamp]| if is_descending { pair[1] < pair[0] } else { pair[1] > pair[0] };
        if let Some(before) = times.windows(2).position(|pair| !follows(pair)) {
            let at = before + 1;
            let (name, line, time) = (&self.name, self.lines[at], Label::of(times).text(times[at]));
            let first = times[..at].iter().position(|earlier| *earlier == times[at]);
            return Err(Refusal::BadInput(match first {
                Some(first) => format!(
                    "{name}:{line}: {time} is there twice, first on line {}: keep one row a date",
                    self.lines[first]
                ),
                None => format!(
                    "{name}:{line}: {time} is not in order after line {}: sort the rows by date",
                    self.lines[before]
                ),
            }));
        }
        if is_descending {
            self.times.iter_mut().for_each(|times| times.reverse());
            self.values.reverse();
            self.lines.reverse();
            self.is_turned = true;
        }
        Ok(self)
    }

    /// A file and a line of it, for messages.
    pub(super) fn place(&self, index: usize) -> String {
        format!("{}:{}", self.name, self.lines[index])
    }
}

/// A line that is not blank, in cells.
struct Row<'a> {
    line: usize,
    cells: Vec<&'a str>,
}

fn row((index, text): (usize, &str)) -> Option<Row<'_>> {
    let cells = || text.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
    (!text.trim().is_empty()).then(|| Row { line: index + 1, cells: cells() })
}

/// Which column is what.
#[derive(Debug, Clone, Copy, Default)]
struct Columns {
    count: usize,
    date: Option<usize>,
    value: usize,
    has_header: bool,
}

impl Columns {
    fn of(first: &Row<'_>, rows: &[Row<'_>]) -> Columns {
        let count = first.cells.len();
        let is_date = |cell: &str| cell.parse::<Timestamp>().is_ok();
        let is_name = |cell: &&str| DATE_COLUMNS.contains(&cell.to_lowercase().as_str());
        let named = first.cells.iter().position(is_name).filter(|_| count > 1);
        let holds_dates = count > 1 && rows.iter().any(|row| is_date(row.cells[0]));
        let date = named.or(holds_dates.then_some(0));
        let value = if date == Some(count - 1) { count.saturating_sub(2) } else { count - 1 };
        // A first row with a date and a broken number is a broken row, not a header.
        let has_header = first.cells[value].parse::<f64>().is_err()
            && !date.is_some_and(|column| is_date(first.cells[column]));
        Columns { count, date, value, has_header }
    }
}

/// How dates of a series are written: without a time of day where none has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    is_daily: bool,
}

impl Label {
    pub(super) fn of(times: &[Timestamp]) -> Label {
        Label { is_daily: times.iter().all(|time| time.seconds().rem_euclid(86_400) == 0) }
    }

    pub(super) fn text(self, time: Timestamp) -> String {
        let text = time.to_string();
        let end = if self.is_daily { text.find('T').unwrap_or(text.len()) } else { text.len() };
        text[..end].to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(text: &str) -> Result<Series, String> {
        let series = Series::parse("s.csv".into(), text).and_then(Series::in_order);
        series.map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_column_of_numbers_has_no_dates() {
        for text in ["0.1\n-0.2\n", "return\n0.1\n-0.2", "\n0.1\r\n\n-0.2\r\n", "0,0.1\n1,-0.2\n"] {
            let series = parsed(text).unwrap();
            assert_eq!((series.times, series.values), (None, vec![0.1, -0.2]), "{text:?}");
        }
    }

    #[test]
    fn dates_are_found_by_name_or_in_the_first_column() {
        for text in [
            "2024-01-02,0.1\n2024-01-03,-0.2",
            "day,close,ret\n2024-01-02,7,0.1\n2024-01-03,8,-0.2\n",
            "\u{feff}\"Date\",\"ret\"\n\"2024-01-02\",\"0.1\"\n\"2024-01-03\",\"-0.2\"\n",
            "ret,timestamp\n0.1,2024-01-02T00:00:00Z\n-0.2,2024-01-03 00:00\n",
            "id,TIME,ret\n1,2024-01-02 00:00:00,0.1\n2,2024-01-03 00:00:00,-0.2\n",
        ] {
            let series = parsed(text).unwrap();
            let dates = ["2024-01-02", "2024-01-03"].map(|date| date.parse().unwrap());
            assert_eq!((series.times, series.values), (Some(dates.to_vec()), vec![0.1, -0.2]), "{text:?}");
        }
    }

    #[test]
    fn newest_first_is_turned_round_and_said() {
        let series = parsed("date,ret\n2024-01-03,-0.2\n2024-01-02,0.1\n2024-01-01,0.3\n").unwrap();
        assert_eq!(series.values, [0.3, 0.1, -0.2]);
        assert_eq!(series.lines, [4, 3, 2]);
        assert!(series.is_turned);
        assert!(!parsed("2024-01-01,0.1\n2024-01-02,0.2\n").unwrap().is_turned);
    }

    #[test]
    fn what_is_not_a_series_is_refused_with_its_place() {
        for (text, words) in [
            (
                "2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n",
                "s.csv:3: 2024-01-02 is there twice, first on line 2",
            ),
            (
                "2024-01-03,1\n2024-01-02,2\n2024-01-02,3\n",
                "s.csv:3: 2024-01-02 is there twice, first on line 2",
            ),
            (
                "2024-01-01,1\n2024-01-02,2\n2024-01-01,3\n",
                "s.csv:3: 2024-01-01 is there twice, first on line 1",
            ),
            (
                "2024-01-01,1\n2024-01-05,2\n2024-01-03,3\n",
                "s.csv:3: 2024-01-03 is not in order after line 2",
            ),
            ("date,r\n2024-01-01,1\n2024-13-01,2\n", "s.csv:3: '2024-13-01' is not a time"),
            ("date,r\n2024-01-01,1\nyesterday,2\n", "(column 1)"),
            ("date,r\n2024-01-01,1\n2024-01-02,x\n", "s.csv:3: 'x' is not a number (column 2)"),
            ("2024-01-01,x\n2024-01-02,1\n", "s.csv:1: 'x' is not a number (column 2)"),
            ("0.1\ninf\n", "s.csv:2: 'inf' is not finite (column 1)"),
            ("0.1\n0.2,0.3\n", "s.csv:2: 2 columns where the first row has 1"),
            ("date,r\n2024-01-01,\n", "s.csv:2: '' is not a number (column 2)"),
            ("r\n", "s.csv: there is no number in it"),
            ("", "s.csv: there is no number in it"),
        ] {
            let refusal = parsed(text).unwrap_err();
            assert!(refusal.contains(words), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn times_of_day_are_written_where_there_are_any() {
        let times = |texts: [&str; 2]| texts.map(|text| text.parse::<Timestamp>().unwrap());
        let days = times(["2024-01-01", "2024-01-02"]);
        assert_eq!(Label::of(&days).text(days[1]), "2024-01-02");
        let hours = times(["2024-01-01", "2024-01-01T01:00:00Z"]);
        assert_eq!(Label::of(&hours).text(hours[0]), "2024-01-01T00:00:00Z");
    }
}
