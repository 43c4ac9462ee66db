//! A series beside its benchmark and its risk-free rates, date by date.
//!
//! Dates that only one of series and benchmark has are left out of what compares the two; a risk-free series has to have
//! every date. Files without dates are taken to have the same ones, and so must have equally many rows.

use std::collections::HashMap;

use gauntlet_domain::Timestamp;
use gauntlet_domain::spec::check_annual_rate;
use serde::Serialize;

use super::SeriesKind;
use super::held::held;
use super::series::Series;
use crate::dated_csv::Label;
use crate::refusal::Refusal;

/// How many dates were compared with the benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// Rows of the series.
    pub series: usize,
    /// Rows of the benchmark.
    pub benchmark: usize,
    /// Dates that both have.
    pub joined: usize,
    /// The first of them; none for files without dates.
    pub first: Option<String>,
    /// The last of them.
    pub last: Option<String>,
}

/// Returns of series and benchmark over the same periods.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pairs {
    pub(super) times: Option<Vec<Timestamp>>,
    pub(super) returns: Vec<f64>,
    pub(super) benchmark: Vec<f64>,
    pub(super) joined: Joined,
}

/// Joins a series and a benchmark. Equity is joined before it becomes returns, so that both sides of a pair cover the same
/// time where one of them lacks a date.
pub(super) fn pairs(series: &Series, benchmark: &Series, kind: SeriesKind) -> Result<Pairs, Refusal> {
    let (left, right, joined) = match (&series.times, &benchmark.times) {
        (Some(ours), Some(theirs)) => {
            let (left, right) = common(ours, theirs);
            let label = Label::of(ours);
            let date = |at: Option<&usize>| at.map(|at| label.text(ours[*at]));
            let (first, last) = (date(left.first()), date(left.last()));
            let (series_rows, rows, joined) = (ours.len(), theirs.len(), left.len());
            (left, right, Joined { series: series_rows, benchmark: rows, joined, first, last })
        }
        (None, None) => by_position(series, benchmark, kind)?,
        _ => return Err(dates_of_one(series, benchmark)),
    };
    if joined.joined == 0 {
        return Err(none_in_common(series, benchmark));
    }
    // Ruin is of the whole series: what is left out of the comparison may have brought it.
    let (ours, theirs) = match kind {
        SeriesKind::Returns => (whole(series, kind)?, whole(benchmark, kind)?),
        SeriesKind::Equity => (series.values.clone(), benchmark.values.clone()),
    };
    let ours = held(&picked(series, &ours, &left), kind)?;
    let theirs = held(&picked(benchmark, &theirs, &right), kind)?;
    Ok(Pairs { times: ours.times, returns: ours.returns, benchmark: theirs.returns, joined })
}

fn whole(series: &Series, kind: SeriesKind) -> Result<Vec<f64>, Refusal> {
    Ok(held(series, kind)?.returns)
}

fn by_position(
    series: &Series,
    benchmark: &Series,
    kind: SeriesKind,
) -> Result<(Vec<usize>, Vec<usize>, Joined), Refusal> {
    let (ours, theirs) = (series.values.len(), benchmark.values.len());
    if ours != theirs {
        let less = usize::from(kind == SeriesKind::Equity);
        return Err(Refusal::BadInput(format!(
            "the series has {} returns, the benchmark {}: give the same dates, or give both with dates to join them",
            ours - less,
            theirs - less
        )));
    }
    let all: Vec<usize> = (0..ours).collect();
    let joined = Joined { series: ours, benchmark: theirs, joined: ours, first: None, last: None };
    Ok((all.clone(), all, joined))
}

/// Places of the dates that both have; both ascend.
pub(crate) fn common(ours: &[Timestamp], theirs: &[Timestamp]) -> (Vec<usize>, Vec<usize>) {
    let place: HashMap<Timestamp, usize> = theirs.iter().enumerate().map(|(at, time)| (*time, at)).collect();
    let pairs = ours.iter().enumerate().filter_map(|(at, time)| place.get(time).map(|there| (at, *there)));
    pairs.unzip()
}

/// Of two files, of which one alone has dates.
pub(crate) fn dates_of_one(one: &Series, other: &Series) -> Refusal {
    let (with, without) = if one.times.is_some() { (one, other) } else { (other, one) };
    Refusal::BadInput(format!("{} has dates and {} has none: give both with dates", with.name, without.name))
}

/// Of two files with dates.
pub(crate) fn none_in_common(series: &Series, other: &Series) -> Refusal {
    let range = |series: &Series| {
        let times = series.times.as_deref().unwrap_or_default();
        let label = Label::of(times);
        let date = |time: Option<&Timestamp>| time.map(|time| label.text(*time)).unwrap_or_default();
        format!("{} from {} to {}", series.name, date(times.first()), date(times.last()))
    };
    Refusal::BadInput(format!(
        "no date in common: {}, {}: give files of the same dates, written alike (a time of day counts)",
        range(series),
        range(other)
    ))
}

fn picked(series: &Series, values: &[f64], rows: &[usize]) -> Series {
    Series {
        name: series.name.clone(),
        times: series.times.as_ref().map(|times| rows.iter().map(|at| times[*at]).collect()),
        values: rows.iter().map(|at| values[*at]).collect(),
        lines: rows.iter().map(|at| series.lines[*at]).collect(),
        turned: series.turned.clone(),
    }
}

/// The annual rate of each period, from a series of rates; refuses what is no rate and a hole, naming the first.
pub(super) fn rates(
    rates: &Series,
    times: Option<&[Timestamp]>,
    periods: usize,
) -> Result<Vec<f64>, Refusal> {
    for (at, rate) in rates.values.iter().enumerate() {
        let bad = |error| Refusal::BadInput(format!("{}: {error}", rates.place(at)));
        check_annual_rate(*rate).map_err(bad)?;
    }
    match (times, &rates.times) {
        (Some(times), Some(theirs)) => {
            let (_, found) = common(times, theirs);
            if found.len() < times.len() {
                let missing = times.iter().find(|time| theirs.binary_search(time).is_err());
                let date = missing.map(|time| Label::of(times).text(*time)).unwrap_or_default();
                let (name, holes) = (&rates.name, times.len() - found.len());
                return Err(Refusal::BadInput(format!(
                    "{name}: no rate of {date}, of {holes} dates in all: give a rate for every date of the series"
                )));
            }
            Ok(found.into_iter().map(|at| rates.values[at]).collect())
        }
        (None, None) if rates.values.len() == periods => Ok(rates.values.clone()),
        (None, None) => Err(Refusal::BadInput(format!(
            "{}: {} rates for {periods} returns: give one for each",
            rates.name,
            rates.values.len()
        ))),
        _ => Err(Refusal::BadInput(format!(
            "{}: series and rates must both have dates, or neither",
            rates.name
        ))),
    }
}
