//! Every figure of a return series by its name: what reports figures reads this table.

use super::{
    cdar, cornish_fisher, es_normal, evar, expected_shortfall, max_drawdown, var_historical,
    var_historical_linear, var_normal, worst_loss,
};
use crate::inference::Undefined;

/// A figure of a series of returns and the mass of the tail.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its canonical name.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Its value: a positive loss of one period as a fraction, or a drawdown.
    pub of: fn(returns: &[f64], alpha: f64) -> Result<f64, Undefined>,
}

/// The figures, in the order in which they are reported.
pub const FIGURES: [Figure; 11] = [
    Figure {
        name: "var_historical",
        summary: "value at risk: the smallest loss that a share of at least 1 - alpha does not exceed",
        of: var_historical,
    },
    Figure {
        name: "var_historical_linear",
        summary: "value at risk, interpolated between two losses (type 7)",
        of: var_historical_linear,
    },
    Figure {
        name: "var_normal",
        summary: "value at risk of a normal law of this mean and deviation",
        of: var_normal,
    },
    Figure {
        name: "var_cornish_fisher",
        summary: "value at risk from four moments",
        of: |returns, alpha| cornish_fisher(returns, alpha).map(|of| of.var),
    },
    Figure {
        name: "expected_shortfall",
        summary: "mean loss of exactly the worst alpha of mass",
        of: expected_shortfall,
    },
    Figure {
        name: "es_normal",
        summary: "expected shortfall of a normal law of this mean and deviation",
        of: es_normal,
    },
    Figure {
        name: "es_cornish_fisher",
        summary: "expected shortfall from four moments",
        of: |returns, alpha| cornish_fisher(returns, alpha).map(|of| of.es),
    },
    Figure { name: "evar", summary: "entropic value at risk, a bound on both", of: evar },
    Figure {
        name: "max_drawdown",
        summary: "largest fall from a peak, the start included",
        of: |returns, _| max_drawdown(returns),
    },
    Figure {
        name: "cdar",
        summary: "conditional drawdown at risk: mean of the worst alpha of the drawdowns",
        of: cdar,
    },
    Figure {
        name: "worst_loss",
        summary: "largest loss of one period",
        of: |returns, _| worst_loss(returns),
    },
];
