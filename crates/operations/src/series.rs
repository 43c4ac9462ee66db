//! A run's equity as a chart draws it: of each column of pixels the first, the least, the greatest and the last point (M4, Jugel and
//! others, "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014), so that a line of that width looks as that of all points does.

use gauntlet_domain::Timestamp;
use gauntlet_views::schema;
use serde::Serialize;

use crate::browse::find;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::text;
use crate::runs::{Point, equity};

/// Points of a column of pixels at most.
const OF_A_COLUMN: usize = 4;

/// A series as it is drawn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawn {
    /// The run.
    pub run: String,
    /// Times, nanoseconds since the epoch, UTC.
    pub t: Vec<i64>,
    /// Values, in the account's currency.
    pub v: Vec<f64>,
    /// Points that there are in the range.
    pub of: usize,
    /// How they were chosen: `all` or `m4`.
    pub method: &'static str,
}

/// The equity of a run between two times, both included, for a line of so many pixels; all points without a width.
pub fn drawn(
    node: &Node,
    id: &str,
    (from, to): (Timestamp, Timestamp),
    width: Option<usize>,
) -> Result<Drawn, Refusal> {
    let row = find(node, &schema::RUNS, id)?;
    let run = text(&row, "run_id").unwrap_or_default().to_owned();
    let points = equity(node, &row, &run)?;
    let in_range: Vec<&Point> =
        points.iter().filter(|point| from <= point.time && point.time <= to).collect();
    let of = in_range.len();
    let (chosen, method) = match width {
        Some(width) if of > width.saturating_mul(OF_A_COLUMN) => (m4(&in_range, width), "m4"),
        _ => (in_range, "all"),
    };
    let t = chosen.iter().map(|point| point.time.0).collect();
    Ok(Drawn { run, t, v: chosen.iter().map(|point| point.equity).collect(), of, method })
}

/// The points of M4 in their order. The columns share the time from the first to the last point evenly.
fn m4<'a>(points: &[&'a Point], width: usize) -> Vec<&'a Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let span = i128::from(last.time.0) - i128::from(first.time.0) + 1;
    let column = |point: &Point| (i128::from(point.time.0) - i128::from(first.time.0)) * width as i128 / span;
    let mut chosen = Vec::with_capacity(width.saturating_mul(OF_A_COLUMN));
    for of_column in points.chunk_by(|a, b| column(a) == column(b)) {
        // Of equal points the first.
        let by = |a: &(usize, &&Point), b: &(usize, &&Point)| a.1.equity.total_cmp(&b.1.equity);
        let least = of_column.iter().enumerate().min_by(by).map_or(0, |(at, _)| at);
        let greatest = of_column.iter().enumerate().rev().max_by(by).map_or(0, |(at, _)| at);
        let mut places = [0, least, greatest, of_column.len() - 1];
        places.sort_unstable();
        let mut before = None;
        for at in places.into_iter().filter(|at| before.replace(*at) != Some(*at)) {
            chosen.push(of_column[at]);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        let point = |(at, equity): (usize, f64)| Point {
            time: Timestamp(at as i64 * 1_000),
            equity,
            bar_return: None,
        };
        values.into_iter().enumerate().map(point).collect()
    }

    #[test]
    fn of_each_column_the_ends_and_the_extremes_stay() {
        let mut all = points((0..100_000).map(|at| (f64::from(at) / 500.0).sin()));
        all[77_777].equity = 9.0;
        all[3].equity = -9.0;
        let all: Vec<&Point> = all.iter().collect();
        let chosen = m4(&all, 800);
        assert!(chosen.len() <= 3_200 && chosen.len() > 1_600, "{}", chosen.len());
        assert!(chosen.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert_eq!((chosen[0], chosen[chosen.len() - 1]), (all[0], all[99_999]));
        let extreme =
            |of: &[&Point], sign: f64| of.iter().map(|point| sign * point.equity).fold(f64::MIN, f64::max);
        // Of every column, not of the whole alone.
        for column in 0..800 {
            let within = |of: &[&Point]| -> Vec<Point> {
                let is_in = |point: &&&Point| point.time.0 * 800 / 99_999_001 == column;
                of.iter().filter(is_in).map(|point| (**point).clone()).collect()
            };
            let (whole, drawn) = (within(&all), within(&chosen));
            let (whole, drawn): (Vec<&Point>, Vec<&Point>) = (whole.iter().collect(), drawn.iter().collect());
            for sign in [1.0, -1.0] {
                assert_eq!(extreme(&whole, sign), extreme(&drawn, sign), "{column}");
            }
            assert_eq!((whole.first(), whole.last()), (drawn.first(), drawn.last()), "{column}");
        }
    }

    #[test]
    fn points_of_one_time_and_of_one_value_are_drawn() {
        let mut one_time = points([1.0, 3.0, 2.0, 1.0, 5.0]);
        one_time.iter_mut().for_each(|point| point.time = Timestamp(i64::MIN));
        let chosen: Vec<f64> =
            m4(&one_time.iter().collect::<Vec<_>>(), 1).iter().map(|point| point.equity).collect();
        assert_eq!(chosen, [1.0, 5.0]);
        let same = points([2.0; 50]);
        assert!(m4(&same.iter().collect::<Vec<_>>(), 3).iter().all(|point| point.equity == 2.0));
        assert!(m4(&[], 3).is_empty());
    }
}
