//! What metrics are computed from: a series of returns, and what goes with it.

/// What the metrics are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Simple returns, one a period.
    pub returns: &'a [f64],
    /// Simple returns of the benchmark over the same periods. Of another length, they give no metric.
    pub benchmark: Option<&'a [f64]>,
    /// Profit of each closed trade after costs, in currency.
    pub trade_pnls: Option<&'a [f64]>,
    /// Position held during each period, in any unit.
    pub positions: Option<&'a [f64]>,
    /// Periods in a year: 252 for trading days, 365 for days of a market that never closes.
    pub periods_per_year: f64,
    /// Annual risk-free rate: 0.02 is two percent a year.
    pub risk_free: f64,
}

impl Inputs<'_> {
    /// Whether every number in it is finite.
    pub(crate) fn are_finite(&self) -> bool {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let optional = [self.benchmark, self.trade_pnls, self.positions];
        finite(&[self.periods_per_year, self.risk_free])
            && finite(self.returns)
            && optional.into_iter().flatten().all(finite)
    }
}
