//! `metrics`: every metric of a series in a file; no log, no server.

use std::path::{Path, PathBuf};

use gauntlet_quant::metrics::{self, Inputs};
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, unreadable};

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsRequest {
    /// A CSV: one column of numbers, or a date first.
    pub path: PathBuf,
    /// What the numbers are.
    pub kind: SeriesKind,
    /// A CSV of the same kind to compare with.
    pub benchmark: Option<PathBuf>,
    /// Periods in a year.
    pub periods_per_year: f64,
    /// Annual risk-free rate.
    pub risk_free: f64,
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

/// Metrics by their canonical names; an undefined one is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Measured {
    /// In the order of the canonical list.
    #[serde(serialize_with = "as_object")]
    pub metrics: Vec<(&'static str, Option<f64>)>,
}

fn as_object<S: serde::Serializer>(
    metrics: &[(&'static str, Option<f64>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metrics.iter().copied())
}

/// Every metric of a series by its canonical name.
pub fn metrics(request: &MetricsRequest) -> Result<Measured, Refusal> {
    if !(request.periods_per_year.is_finite() && request.periods_per_year > 0.0) {
        return Err(Refusal::BadInput(format!(
            "--periods-per-year {} is not positive",
            request.periods_per_year
        )));
    }
    if !(request.risk_free.is_finite() && request.risk_free > -1.0) {
        return Err(Refusal::BadInput(format!("--risk-free {} is not a rate above -1", request.risk_free)));
    }
    let returns = series(&request.path, request.kind)?;
    let benchmark = request.benchmark.as_deref().map(|path| series(path, request.kind)).transpose()?;
    if let Some(benchmark) = benchmark.as_ref().filter(|benchmark| benchmark.len() != returns.len()) {
        let (a, b) = (returns.len(), benchmark.len());
        return Err(Refusal::BadInput(format!(
            "the series has {a} returns, the benchmark {b}: give the same dates"
        )));
    }
    let inputs = Inputs {
        returns: &returns,
        benchmark: benchmark.as_deref(),
        trade_pnls: None,
        positions: None,
        periods_per_year: request.periods_per_year,
        risk_free: request.risk_free,
    };
    Ok(Measured { metrics: metrics::all(&inputs) })
}

/// Returns from a CSV: the last column of each row; a first line that is no number is a header.
fn series(path: &Path, kind: SeriesKind) -> Result<Vec<f64>, Refusal> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cell = line.rsplit(',').next().unwrap_or_default().trim();
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            Ok(_) => return Err(Refusal::BadInput(format!("{name}:{}: '{cell}' is not finite", index + 1))),
            Err(_) if index == 0 => {}
            Err(_) => {
                return Err(Refusal::BadInput(format!("{name}:{}: '{cell}' is not a number", index + 1)));
            }
        }
    }
    if values.is_empty() {
        return Err(Refusal::BadInput(format!(
            "{name}: there is no number in it: give a CSV with a value a line"
        )));
    }
    match kind {
        SeriesKind::Returns => Ok(values),
        SeriesKind::Equity => {
            if let Some(at) = values.iter().position(|value| *value <= 0.0) {
                let value = values[at];
                return Err(Refusal::BadInput(format!(
                    "{name}: equity {value} is not positive: give --kind returns?"
                )));
            }
            Ok(values.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect())
        }
    }
}
