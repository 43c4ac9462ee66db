//! What is kept up of a run while it goes on: enough for the metrics by which a search compares trials after every
//! fold, without a column of returns.
//!
//! The risk-free rate is zero here: shortfalls are counted from it, so it has to be known before the first return.

use crate::metrics::OnlineMoments;

/// A run so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Running {
    /// The returns in one pass.
    pub returns: OnlineMoments,
    /// Periods with a position.
    pub periods_held: u64,
    /// Profit of each closed trade after costs, in currency.
    pub trade_pnls: Vec<f64>,
}

impl Running {
    /// Adds a period: its return, and whether a position was held.
    #[inline]
    pub fn push(&mut self, period_return: f64, held: bool) {
        self.returns.push(period_return);
        self.periods_held += u64::from(held);
    }

    /// As [`crate::metrics::time_in_market()`].
    pub fn time_in_market(&self) -> Option<f64> {
        let periods = self.returns.count();
        if periods == 0 { None } else { Some(self.periods_held as f64 / periods as f64) }
    }
}
