//! Names of figures, and why one has no value.

use gauntlet_domain::experiment::Metrics;
use gauntlet_domain::robustness::Reasons;
use gauntlet_sensitivity::{SensitivityError, Undefined};

/// Figures of the whole. A report has each of them, with a value or with a reason.
pub const FIGURES: [&str; 30] = [
    "plateau",
    "plateau_low",
    "plateau_high",
    "plateau_within_error",
    "neighbours_median",
    "neighbours_low",
    "cliff_distance",
    "cliff_radius",
    "break_even_cost_multiple",
    "costs_x2_return",
    "costs_x4_return",
    "delay_1_bar_return",
    "loss_probability",
    "path_drawdown",
    "path_sharpe_low",
    "path_sharpe_median",
    "path_sharpe_high",
    "path_wealth_low",
    "path_wealth_median",
    "path_wealth_high",
    "market_loss_probability",
    "market_path_drawdown",
    "market_path_sharpe_low",
    "market_path_sharpe_median",
    "market_path_sharpe_high",
    "market_path_wealth_low",
    "market_path_wealth_median",
    "market_path_wealth_high",
    "regime_profit_share",
    "sobol_converged",
];

/// Figures of each axis. A report has each of them for every axis, with a value or with a reason.
pub const AXIS_FIGURES: [&str; 17] = [
    "slice_range",
    "slice_steepest",
    "slice_best_at_edge",
    "sobol_first",
    "sobol_first_low",
    "sobol_first_high",
    "sobol_total",
    "sobol_total_low",
    "sobol_total_high",
    "morris_mu",
    "morris_mu_star",
    "morris_mu_star_low",
    "morris_mu_star_high",
    "morris_sigma",
    "pawn_median",
    "pawn_max",
    "pawn_dummy",
];

/// Why a figure has no value. The report has the sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    /// Statistics.
    #[error(transparent)]
    Undefined(#[from] Undefined),
    /// A design that could not be drawn.
    #[error(transparent)]
    Design(#[from] SensitivityError),
    /// The terms do not name it.
    #[error("not asked for: name it in the section `sensitivity`")]
    NotAsked,
    /// The objective is undefined at the finalist.
    #[error("the objective has no value at the finalist")]
    NoScore,
    /// The finalist scores 0 or less.
    #[error("the finalist scores 0 or less: a loser has no plateau and no cliff")]
    NoGain,
    /// A document without costs.
    #[error(
        "nothing costs anything in this document, so no multiple of it is a cost: state commission, spread or slippage"
    )]
    NoCosts,
    /// The search found nothing.
    #[error("no evaluated point within the radius searched is a cliff")]
    NoCliff,
    /// Only Sharpe ratios have one.
    #[error(
        "the standard error is known of the Sharpe ratio only, and where a year has a known number of bars"
    )]
    NoStandardError,
    /// Categories.
    #[error("choices have no order, so no slope")]
    NoOrder,
    /// A learned model.
    #[error("the model is fitted at most {most} times, and no fits are left for this")]
    NoFits {
        /// The limit.
        most: usize,
    },
    /// A learned model on resampled bars.
    #[error("resampled bars are traded by rules only: a learned model would have to be fitted to each path")]
    RulesOnly,
}

/// Figures by name, or the reasons why they have no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    numbers: Metrics,
    undefined: Reasons,
}

impl Figures {
    /// Nobody has asked for any of these.
    pub(crate) fn unasked(names: &[&str]) -> Figures {
        let numbers = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        let reason = Reason::NotAsked.to_string();
        let undefined = names.iter().map(|name| ((*name).to_owned(), reason.clone())).collect();
        Figures { numbers, undefined }
    }

    /// Sets a figure that the table has. A value that is not finite is undefined.
    pub(crate) fn set(&mut self, name: &str, value: Result<f64, Reason>) {
        debug_assert!(self.numbers.contains_key(name), "invariant: {name} is in the table of figures");
        match value {
            Ok(value) if value.is_finite() => {
                self.undefined.remove(name);
                self.numbers.insert(name.to_owned(), Some(value));
            }
            Ok(_) => self.set(name, Err(Undefined::NonFinite.into())),
            Err(reason) => {
                self.undefined.insert(name.to_owned(), reason.to_string());
                self.numbers.insert(name.to_owned(), None);
            }
        }
    }

    /// Sets several figures that have one reason to be undefined.
    pub(crate) fn leave(&mut self, names: &[&str], reason: &Reason) {
        names.iter().for_each(|name| self.set(name, Err(reason.clone())));
    }

    /// Numbers and reasons.
    pub(crate) fn into_parts(self) -> (Metrics, Reasons) {
        (self.numbers, self.undefined)
    }
}
