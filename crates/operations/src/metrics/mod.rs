//! `metrics`: every metric of a series in a file; no log, no server.
//!
//! The file is read (`series`), becomes returns that an account lives through (`held`), is joined with the benchmark and
//! the risk-free rates by date (`join`), and measured. The answer states what the numbers rest on (`conventions`).

mod conventions;
pub(crate) mod held;
pub(crate) mod join;
pub(crate) mod series;
mod tables;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use gauntlet_domain::spec::check_annual_rate;
use gauntlet_quant::metrics::{self, DEFINITIONS, Definition, Input, Inputs};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

pub use conventions::{Conventions, Fixed};
pub use join::Joined;
pub use tables::{DrawdownRow, PeriodReturn, Place};

use conventions::{FIXED, Given};
use held::{Held, held};
use join::{Pairs, pairs, rates};
use series::Series;

use crate::refusal::Refusal;
use crate::year::{Year, check_stated, year};

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsRequest {
    /// A CSV: one column of numbers, or dates and numbers.
    pub path: PathBuf,
    /// What the numbers are.
    pub kind: SeriesKind,
    /// A CSV of the same kind to compare with.
    pub benchmark: Option<PathBuf>,
    /// Periods in a year; without, the dates say.
    pub periods_per_year: Option<f64>,
    /// Annual risk-free rate.
    pub risk_free: RiskFree,
}

/// What the numbers of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeriesKind {
    /// Returns of periods.
    Returns,
    /// Equity at the ends of periods.
    Equity,
}

/// An annual risk-free rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RiskFree {
    /// One for all periods: 0.02 is two percent a year.
    Rate(f64),
    /// A CSV with the annual rate of each date.
    Series(PathBuf),
}

/// Metrics by their canonical names, an undefined one null, and what they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// In the order of the canonical list.
    pub metrics: Vec<(&'static str, Option<f64>)>,
    /// Why those without a value have none.
    pub undefined: Vec<(&'static str, String)>,
    /// What the numbers rest on.
    pub conventions: Conventions,
    /// Dates that were compared with the benchmark; none without one.
    pub joined: Option<Joined>,
    /// The deepest drawdowns, deepest first.
    pub top_drawdowns: Vec<DrawdownRow>,
    /// Returns by month; none without dates.
    pub monthly_returns: Option<Vec<PeriodReturn>>,
    /// Returns by year; none without dates.
    pub yearly_returns: Option<Vec<PeriodReturn>>,
    /// What was done to the input that its owner should know.
    pub notes: Vec<String>,
}

/// One object: the metrics at its top, the rest under names that no metric has.
impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.metrics {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("conventions", &self.conventions)?;
        if let Some(joined) = &self.joined {
            map.serialize_entry("joined", joined)?;
        }
        map.serialize_entry("top_drawdowns", &self.top_drawdowns)?;
        if let Some(months) = &self.monthly_returns {
            map.serialize_entry("monthly_returns", months)?;
        }
        if let Some(years) = &self.yearly_returns {
            map.serialize_entry("yearly_returns", years)?;
        }
        let undefined: std::collections::BTreeMap<_, _> = self.undefined.iter().cloned().collect();
        map.serialize_entry("undefined", &undefined)?;
        map.serialize_entry("notes", &self.notes)?;
        map.end()
    }
}

/// Every metric of a series by its canonical name.
pub fn metrics(request: &MetricsRequest) -> Result<Measured, Refusal> {
    validate(request)?;
    let kind = request.kind;
    let series = Series::read_kind(&request.path, kind)?;
    let benchmark = request.benchmark.as_deref().map(|path| Series::read_kind(path, kind)).transpose()?;
    let rates = match &request.risk_free {
        RiskFree::Rate(_) => None,
        RiskFree::Series(path) => Some(Series::read(path)?),
    };
    let own = held(&series, kind)?;
    let theirs = benchmark.as_ref().map(|benchmark| held(benchmark, kind)).transpose()?;
    let pairs = benchmark.as_ref().map(|benchmark| pairs(&series, benchmark, kind)).transpose()?;
    let year = year(request.periods_per_year, series.times.as_deref());
    let measuring = Measuring {
        own: &own,
        pairs: pairs.as_ref(),
        year: &year,
        rate: rate(request),
        rates: rates.as_ref(),
    };
    let metrics = measuring.metrics()?;
    let given = Given {
        returns: own.returns.len(),
        pairs: pairs.as_ref().map(|pairs| pairs.returns.len()),
        no_year: year.why_undefined(),
        is_ruined: own.ruin.is_some(),
    };
    let undefined = DEFINITIONS.iter().zip(&metrics).filter(|(_, (_, value))| value.is_none());
    let undefined = undefined.map(|(metric, _)| (metric.name, given.why_undefined(metric))).collect();
    let files: Vec<&Series> =
        [Some(&series), benchmark.as_ref(), rates.as_ref()].into_iter().flatten().collect();
    let ruins = own.ruin.iter().chain(theirs.iter().flat_map(|theirs| &theirs.ruin));
    let notes = files.iter().filter_map(|file| file.turned.clone()).chain(ruins.cloned()).collect();
    Ok(Measured {
        metrics,
        undefined,
        conventions: stated(request, &own, &files, &year),
        joined: pairs.map(|pairs| pairs.joined),
        top_drawdowns: tables::drawdowns(&own),
        monthly_returns: tables::monthly(&own),
        yearly_returns: tables::yearly(&own),
        notes,
    })
}

fn validate(request: &MetricsRequest) -> Result<(), Refusal> {
    check_stated(request.periods_per_year)?;
    match request.risk_free {
        RiskFree::Rate(rate) => {
            check_annual_rate(rate).map_err(|error| Refusal::BadInput(format!("--risk-free: {error}")))
        }
        RiskFree::Series(_) => Ok(()),
    }
}

/// The rate, where it is one for all periods.
fn rate(request: &MetricsRequest) -> Option<f64> {
    match request.risk_free {
        RiskFree::Rate(rate) => Some(rate),
        RiskFree::Series(_) => None,
    }
}

/// What is measured.
struct Measuring<'a> {
    own: &'a Held,
    pairs: Option<&'a Pairs>,
    year: &'a Year,
    rate: Option<f64>,
    rates: Option<&'a Series>,
}

impl Measuring<'_> {
    /// Metrics against the benchmark are of the joined periods, all others of the whole series.
    fn metrics(&self) -> Result<Vec<(&'static str, Option<f64>)>, Refusal> {
        let own = self.own;
        let alone = self.of(own.times.as_deref(), &own.returns, None)?;
        let compared = match self.pairs {
            Some(pairs) => self.of(pairs.times.as_deref(), &pairs.returns, Some(&pairs.benchmark))?,
            None => vec![],
        };
        let of = |metric: &Definition| {
            value(if metric.takes(Input::Benchmark) { &compared } else { &alone }, metric.name)
        };
        Ok(DEFINITIONS.iter().map(|metric| (metric.name, of(metric))).collect())
    }

    fn of(
        &self,
        times: Option<&[gauntlet_domain::Timestamp]>,
        returns: &[f64],
        benchmark: Option<&[f64]>,
    ) -> Result<Vec<(&'static str, Option<f64>)>, Refusal> {
        // Zero periods annualise nothing.
        let periods_per_year = self.year.periods.unwrap_or(0.0);
        let (trade_pnls, positions, risk_free) = (None, None, self.rate.unwrap_or(0.0));
        let inputs = Inputs { returns, benchmark, trade_pnls, positions, periods_per_year, risk_free };
        let Some(series) = self.rates else { return Ok(metrics::all(&inputs)) };
        let rates = rates(series, times, returns.len())?;
        let free = rates.iter().map(|rate| metrics::annual::risk_free_per_period(*rate, periods_per_year));
        let free = free.collect::<Option<Vec<f64>>>();
        Ok(metrics::all_beyond(metrics::VERSION, &inputs, free.as_deref()))
    }
}

fn value(values: &[(&'static str, Option<f64>)], name: &str) -> Option<f64> {
    values.iter().find(|(of, _)| *of == name).and_then(|(_, value)| *value)
}

fn stated(request: &MetricsRequest, own: &Held, files: &[&Series], year: &Year) -> Conventions {
    let date = |time: Option<&gauntlet_domain::Timestamp>| Some(own.label()?.text(*time?));
    let times = own.times.as_deref().unwrap_or_default();
    let turned: Vec<String> = files.iter().filter_map(|file| file.turned.clone()).collect();
    let risk_free_from = match &request.risk_free {
        RiskFree::Rate(rate) => format!("an annual rate of {rate} for all periods"),
        RiskFree::Series(path) => format!(
            "the annual rate of each date in {}: metrics that take a rate are of the returns less that of their date",
            path.display()
        ),
    };
    let benchmark = match (&request.benchmark, &own.times) {
        (None, _) => "none",
        (_, Some(_)) => "metrics against it are of the dates that both have, all others of the whole series",
        (_, None) => "row by row: the files have no dates",
    };
    Conventions {
        metric_set: metrics::VERSION,
        kind: match request.kind {
            SeriesKind::Returns => "returns",
            SeriesKind::Equity => "equity",
        },
        returns: own.returns.len(),
        first: date(times.first()),
        last: date(times.last()),
        order: if turned.is_empty() { "oldest first".into() } else { turned.join("; ") },
        periods_per_year: year.periods,
        periods_per_year_from: year.origin.clone(),
        risk_free: rate(request),
        risk_free_from,
        benchmark: benchmark.into(),
        ruin: own.ruin.clone(),
        ddof: 1,
        fixed: FIXED,
    }
}
