//! `risk`: risk figures of a series in a file, and tests of forecasts of its value at risk; no log, no server.
//!
//! The file is read and becomes returns as in `metrics`. Losses are positive fractions of one period. A figure that does not
//! exist is null, and `undefined` has its reason.

mod forecasts;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use gauntlet_domain::Timestamp;
use gauntlet_quant::risk::{FIGURES, cornish_fisher};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

pub use forecasts::{ForecastTests, Ratio, TestedPeriods};

use crate::metrics::SeriesKind;
use crate::metrics::held::held;
use crate::metrics::series::Series;
use crate::refusal::Refusal;
use crate::undefined::{Reasons, noted};

/// The mass of the tail where none is given.
pub const DEFAULT_ALPHA: f64 = 0.05;
/// A tail of more than half of the mass is a confidence that was given instead.
const LARGEST_ALPHA: f64 = 0.5;

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskRequest {
    /// A CSV: one column of numbers, or dates and numbers.
    pub path: PathBuf,
    /// What the numbers are.
    pub kind: SeriesKind,
    /// Mass of the tail: 0.05 for what is also called 95 %.
    pub alpha: f64,
    /// A CSV with the value at risk that was forecast for each period, a positive loss.
    pub forecasts: Option<PathBuf>,
}

/// Figures by their canonical names, an undefined one null, and what they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskFigures {
    /// In the order of the table, with what each is.
    pub figures: Vec<(&'static str, Option<f64>, &'static str)>,
    /// Whether skewness and kurtosis leave the expansion of Cornish and Fisher a quantile; none without the figure.
    pub cornish_fisher_valid: Option<bool>,
    /// Tests of the forecasts; none without.
    pub tests: Option<ForecastTests>,
    /// What the numbers rest on.
    pub conventions: Conventions,
    /// Why those without a value have none.
    pub undefined: Reasons,
    /// What was done to the input that its owner should know.
    pub notes: Vec<String>,
}

/// What the figures rest on: every convention that another library may have otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conventions {
    /// What the numbers of the file are: returns or equity.
    pub kind: SeriesKind,
    /// Mass of the tail.
    pub alpha: f64,
    /// Returns that were measured.
    pub returns: usize,
    /// Date of the first return.
    pub first: Option<String>,
    /// Date of the last return.
    pub last: Option<String>,
    /// Unit and sign.
    pub losses: &'static str,
    /// Which loss is the value at risk.
    pub var_historical: &'static str,
    /// Which mass is in the tail.
    pub expected_shortfall: &'static str,
    /// The moments of the laws that are fitted.
    pub moments: &'static str,
    /// What a drawdown is.
    pub drawdown: &'static str,
    /// How many observations a figure of the tail takes.
    pub least_in_tail: &'static str,
    /// What a hit is, and how the tests are put together.
    pub forecasts: &'static str,
}

/// One object: the figures at its top, the rest under names that no figure has.
impl Serialize for RiskFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value, _) in &self.figures {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("cornish_fisher_valid", &self.cornish_fisher_valid)?;
        if let Some(tests) = &self.tests {
            map.serialize_entry("kupiec", &tests.kupiec)?;
            map.serialize_entry("christoffersen", &tests.christoffersen)?;
            map.serialize_entry("conditional_coverage", &tests.conditional_coverage)?;
            map.serialize_entry("traffic_light", &tests.traffic_light)?;
            map.serialize_entry("forecasts", &tests.periods)?;
        }
        map.serialize_entry("conventions", &self.conventions)?;
        map.serialize_entry("undefined", &self.undefined)?;
        map.serialize_entry("notes", &self.notes)?;
        map.end()
    }
}

/// Every risk figure of a series by its canonical name, and what its forecasts were worth.
pub fn risk(request: &RiskRequest) -> Result<RiskFigures, Refusal> {
    check_alpha(request.alpha)?;
    let series = Series::read_kind(&request.path, request.kind)?;
    let own = held(&series, request.kind)?;
    let forecasts = request.forecasts.as_deref().map(Series::read).transpose()?;
    let mut undefined = Reasons::new();
    let tests = forecasts
        .as_ref()
        .map(|forecasts| ForecastTests::of(&series, &own, forecasts, request.alpha, &mut undefined))
        .transpose()?;
    let figures = FIGURES.iter().map(|figure| {
        let value = (figure.of)(&own.returns, request.alpha);
        (figure.name, noted(&mut undefined, figure.name, value), figure.summary)
    });
    let figures = figures.collect();
    let expansion = cornish_fisher(&own.returns, request.alpha);
    let cornish_fisher_valid = noted(&mut undefined, "cornish_fisher_valid", expansion.map(|of| of.is_valid));
    let turned =
        [Some(&series), forecasts.as_ref()].into_iter().flatten().filter_map(|file| file.turned.clone());
    let invalid = (cornish_fisher_valid == Some(false)).then(|| INVALID.to_owned());
    let notes = turned.chain(own.ruin.clone()).chain(invalid).collect();
    let date = |time: Option<&Timestamp>| Some(own.label()?.text(*time?));
    let times = own.times.as_deref().unwrap_or_default();
    let conventions = Conventions::of(request, own.returns.len(), date(times.first()), date(times.last()));
    Ok(RiskFigures { figures, cornish_fisher_valid, tests, conventions, undefined, notes })
}

const INVALID: &str = "skewness and kurtosis are outside the range of the expansion of Cornish and Fisher: do not decide by \
                       var_cornish_fisher and es_cornish_fisher";

fn check_alpha(alpha: f64) -> Result<(), Refusal> {
    if alpha > 0.0 && alpha <= LARGEST_ALPHA {
        return Ok(());
    }
    Err(Refusal::BadInput(format!(
        "--alpha {alpha} is not the mass of a tail, above 0 and at most {LARGEST_ALPHA}: give 0.05 for what is called 95 %"
    )))
}

impl Conventions {
    fn of(request: &RiskRequest, returns: usize, first: Option<String>, last: Option<String>) -> Conventions {
        Conventions {
            kind: request.kind,
            alpha: request.alpha,
            returns,
            first,
            last,
            losses: "positive fractions of one period, not annualised; a gain is negative",
            var_historical: "order statistic: the (floor(n alpha) + 1)-th largest loss; linear: type 7",
            expected_shortfall: "exactly the worst alpha of mass, the loss at its boundary weighted",
            moments: "standard deviation with divisor n - 1; skewness and kurtosis with divisor n",
            drawdown: "from the running peak of compounded wealth, the start included; cdar: of the n drawdowns after each period",
            least_in_tail: "n alpha of at least 10; max_drawdown and worst_loss take one return",
            forecasts: "a hit is a loss strictly above the forecast of its row or date; christoffersen: independence over \
                        n - 1 pairs; conditional_coverage: kupiec + christoffersen, two degrees of freedom",
        }
    }
}
