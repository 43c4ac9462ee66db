//! A feed that was given up because too many rows were refused: what was refused, where that began, what to try.

use gauntlet_feed::Source;
use serde::Serialize;

use super::breaker::Trip;
use crate::refusal::Refusal;

/// Why a file was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// What tripped.
    #[serde(flatten)]
    pub trip: Trip,
    /// The line of the row that began it.
    pub line: Option<u64>,
    /// That row as it stands in the file.
    pub text: Option<String>,
    /// Rows of the file that are on the log, of a source that was given up.
    pub published: i64,
    /// Options that say otherwise how the file is written.
    pub try_options: Vec<&'static str>,
}

impl Stopped {
    /// Looks up the row that began it.
    pub(crate) fn of(trip: Trip, source: &Source, published: i64) -> Result<Stopped, Refusal> {
        let found = source.text_of(trip.row)?;
        let (line, text) = found.unzip();
        let mut try_options = options_for(&trip.reason).to_vec();
        if CONDITIONAL.contains(&trip.reason.as_str()) && source.has_unread_conditions() {
            try_options.splice(0..0, ["--volume-only CODES", "--auction CODES"]);
        }
        Ok(Stopped { trip, line, text, published, try_options })
    }

    /// In words.
    pub fn said(&self) -> String {
        let Trip { reason, refused, of, in_a_row, row } = &self.trip;
        let what = if *in_a_row {
            format!("{refused} rows in a row were refused as {reason}")
        } else {
            format!("{refused} of {of} rows were refused, most of them as {reason}")
        };
        let place = match (self.line, &self.text) {
            (Some(line), Some(text)) => format!("row {row} in line {line}: '{text}'"),
            _ => format!("row {row}"),
        };
        let published = match self.published {
            0 => "nothing of it was published".to_owned(),
            rows => format!(
                "{rows} rows before had been published; the source was given up and they count for nothing"
            ),
        };
        format!(
            "{what}: the file was probably read wrongly. It began with {place}; {published}. See with --dry-run what was \
             understood, say with {} how it is written, or feed it as it is with --accept-losses",
            self.try_options.join(", ")
        )
    }
}

/// Reasons for which a trade is refused whose condition says that its price is no price.
const CONDITIONAL: [&str; 2] = ["outlier", "non_positive_price"];

/// Options that say otherwise how what was refused is written.
pub(crate) fn options_for(reason: &str) -> &'static [&'static str] {
    match reason {
        "bad_time" => &["--time-format", "--column time=NAME", "--day-first or --month-first", "--zone"],
        "late" | "clock_ahead" | "decided_at_end" | "out_of_order" => {
            &["--column time=NAME", "--zone or --utc-offset", "--day-first or --month-first", "--lateness"]
        }
        "not_a_number" | "out_of_range" => &["--decimal", "--column price=NAME", "--column size=NAME"],
        "non_positive_size" | "total_decreased" => &["--column size=NAME", "--instrument"],
        "inconsistent_bar" => {
            &["--column open=NAME", "--column high=NAME", "--column low=NAME", "--column close=NAME"]
        }
        "wide_spread" => &["--column bid=NAME", "--column ask=NAME", "--decimal"],
        _ => &["--column price=NAME", "--decimal", "--instrument"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_that_was_given_up_says_where_it_began_and_what_to_try() {
        let trip = Trip { reason: "bad_time".into(), refused: 12, of: 300, in_a_row: false, row: 7 };
        let stopped = Stopped {
            trip,
            line: Some(8),
            text: Some("x,1".into()),
            published: 0,
            try_options: options_for("bad_time").to_vec(),
        };
        let said = stopped.said();
        let began = "12 of 300 rows were refused, most of them as bad_time: the file was probably read wrongly. It began \
                     with row 7 in line 8: 'x,1'; nothing of it was published.";
        assert!(said.starts_with(began), "{said}");
        assert!(said.contains("--time-format") && said.ends_with("--accept-losses"), "{said}");
        let run = Trip { in_a_row: true, refused: 100, ..stopped.trip.clone() };
        let said = Stopped { trip: run, line: None, text: None, published: 5, ..stopped }.said();
        assert!(said.starts_with("100 rows in a row were refused as bad_time"), "{said}");
        assert!(said.contains("with row 7; 5 rows before had been published"), "{said}");
    }
}
