//! Forecasts of value at risk beside the returns that came, and their tests.
//!
//! The forecast of a date is for the return of that date, made before it. Returns before the first forecast and after the
//! last are not tested; between them every return has a forecast, since the tests count neighbours. Files without dates are
//! taken to have the same ones, and so must have equally many rows.

use gauntlet_domain::Timestamp;
use gauntlet_quant::risk::{BASEL_ALPHA, BASEL_DAYS, Hits, LikelihoodRatio};
use serde::Serialize;

use crate::dated_csv::Label;
use crate::metrics::held::Held;
use crate::metrics::join::{common, dates_of_one, none_in_common};
use crate::metrics::series::Series;
use crate::refusal::Refusal;
use crate::undefined::{Reasons, noted};

/// Tests of forecasts.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastTests {
    /// That hits have the probability alpha.
    pub kupiec: Ratio,
    /// That a hit does not follow a hit more often.
    pub christoffersen: Ratio,
    /// Both: the sum.
    pub conditional_coverage: Ratio,
    /// Zone of the last 250 periods at 99 %: green, yellow or red; none for another alpha or fewer periods.
    pub traffic_light: Option<&'static str>,
    /// What was tested.
    pub periods: TestedPeriods,
}

/// A likelihood ratio; both numbers or none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The statistic.
    pub lr: Option<f64>,
    /// Probability of one as large where the forecasts are right.
    pub p: Option<f64>,
}

/// The periods with a forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestedPeriods {
    /// Rows of the file of forecasts.
    pub rows: usize,
    /// Periods with a return and a forecast.
    pub periods: usize,
    /// Losses above their forecasts.
    pub hits: usize,
    /// Hits over periods.
    pub hit_rate: f64,
    /// The first date; none for files without dates.
    pub first: Option<String>,
    /// The last date.
    pub last: Option<String>,
}

impl ForecastTests {
    /// Of a series, the returns made of it, and forecasts. Reasons for what is undefined go to `undefined`.
    pub(super) fn of(
        series: &Series,
        own: &Held,
        forecasts: &Series,
        alpha: f64,
        undefined: &mut Reasons,
    ) -> Result<ForecastTests, Refusal> {
        check_values(forecasts)?;
        let (ours, theirs) = matched(series, own, forecasts)?;
        let returns: Vec<f64> = ours.iter().map(|at| own.returns[*at]).collect();
        let values: Vec<f64> = theirs.iter().map(|at| forecasts.values[*at]).collect();
        let hits = Hits::of(&returns, &values).map_err(Refusal::input)?;
        let date = |at: Option<&usize>| Some(own.label()?.text(own.times.as_ref()?[*at?]));
        let periods = TestedPeriods {
            rows: forecasts.values.len(),
            periods: hits.periods(),
            hits: hits.count(),
            hit_rate: hits.count() as f64 / hits.periods() as f64,
            first: date(ours.first()),
            last: date(ours.last()),
        };
        let traffic_light = if alpha == BASEL_ALPHA {
            noted(undefined, "traffic_light", hits.traffic_light()).map(|zone| zone.name())
        } else {
            let why = format!("it is of the last {BASEL_DAYS} periods at alpha {BASEL_ALPHA} alone");
            undefined.insert("traffic_light", why);
            None
        };
        let mut ratio = |name, value| Ratio::of(noted(undefined, name, value));
        Ok(ForecastTests {
            kupiec: ratio("kupiec", hits.kupiec(alpha)),
            christoffersen: ratio("christoffersen", hits.independence()),
            conditional_coverage: ratio("conditional_coverage", hits.conditional_coverage(alpha)),
            traffic_light,
            periods,
        })
    }
}

impl Ratio {
    fn of(ratio: Option<LikelihoodRatio>) -> Ratio {
        Ratio { lr: ratio.map(|ratio| ratio.lr), p: ratio.map(|ratio| ratio.p) }
    }
}

/// Refuses forecasts of another sign or unit.
fn check_values(forecasts: &Series) -> Result<(), Refusal> {
    if let Some(at) = forecasts.values.iter().position(|value| *value > 1.0) {
        let (place, value) = (forecasts.place(at), forecasts.values[at]);
        return Err(Refusal::BadInput(format!(
            "{place}: a value at risk of {value} is more than everything: give fractions, 0.02 for a loss of 2 %"
        )));
    }
    let least = forecasts.values.iter().copied().fold(f64::INFINITY, f64::min);
    if least < 0.0 && forecasts.values.iter().all(|value| *value <= 0.0) {
        return Err(Refusal::BadInput(format!(
            "{}: no forecast is above zero: a value at risk is a positive loss, change the sign",
            forecasts.place(0)
        )));
    }
    Ok(())
}

/// Places of the returns that have a forecast, and of their forecasts.
fn matched(series: &Series, own: &Held, forecasts: &Series) -> Result<(Vec<usize>, Vec<usize>), Refusal> {
    match (&own.times, &forecasts.times) {
        (Some(times), Some(theirs)) => {
            let (ours, theirs) = common(times, theirs);
            match (ours.first(), ours.last()) {
                (Some(first), Some(last)) => check_holes(times, *first, *last, &ours, forecasts)?,
                _ => return Err(none_in_common(series, forecasts)),
            }
            Ok((ours, theirs))
        }
        (None, None) if own.returns.len() == forecasts.values.len() => {
            let all: Vec<usize> = (0..own.returns.len()).collect();
            Ok((all.clone(), all))
        }
        (None, None) => Err(Refusal::BadInput(format!(
            "{}: {} forecasts for {} returns: give one for each, or give both files with dates",
            forecasts.name,
            forecasts.values.len(),
            own.returns.len()
        ))),
        _ => Err(dates_of_one(series, forecasts)),
    }
}

fn check_holes(
    times: &[Timestamp],
    first: usize,
    last: usize,
    ours: &[usize],
    forecasts: &Series,
) -> Result<(), Refusal> {
    let holes = last - first + 1 - ours.len();
    let Some((at, _)) = (first..=last).zip(ours).find(|(at, matched)| at != *matched) else { return Ok(()) };
    let (name, date) = (&forecasts.name, Label::of(times).text(times[at]));
    Err(Refusal::BadInput(format!(
        "{name}: no forecast of {date}, of {holes} dates in all after its first: give one for every date of the series"
    )))
}
