//! Returns beyond a risk-free return that differs from period to period.

use crate::metrics::Inputs;

/// Returns, and those of a benchmark, less the risk-free return of their period.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beyond {
    /// Simple returns, one a period.
    pub returns: Vec<f64>,
    /// Those of the benchmark, where there is one.
    pub benchmark: Option<Vec<f64>>,
}

impl Beyond {
    /// Takes `free`, a simple return for each period, from all returns in `inputs`. A benchmark of another length is left
    /// out: it gives no metric.
    pub fn of(inputs: &Inputs<'_>, free: &[f64]) -> Beyond {
        let less = |values: &[f64]| values.iter().zip(free).map(|(value, free)| value - free).collect();
        let benchmark = inputs.benchmark.filter(|benchmark| benchmark.len() == free.len());
        Beyond { returns: less(inputs.returns), benchmark: benchmark.map(less) }
    }

    /// `inputs` with these returns, from which no rate is taken any more.
    pub fn inputs<'a>(&'a self, inputs: &Inputs<'a>) -> Inputs<'a> {
        let (returns, benchmark) = (self.returns.as_slice(), self.benchmark.as_deref());
        Inputs { returns, benchmark, risk_free: 0.0, ..*inputs }
    }
}
