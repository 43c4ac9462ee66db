//! Statistical inference about Sharpe ratios: how sure one is, how much of the best of many is luck.
//!
//! Returns are simple, net, per period, as fractions. A Sharpe ratio is per observation, mean over the standard deviation
//! with divisor n - 1, and is annualised only for display. Skewness and kurtosis are population moments (divisor n) and the
//! kurtosis is not excess: a normal law has 3. A statistic that does not exist is an `Undefined` with its reason, never NaN.
//! Powers, logarithms and error functions come from `libm`, sums run in index order and randomness is counter-based, so a
//! result is the same to the last bit on any machine.

mod annualisation;
mod block_length;
mod bootstrap;
mod deflated;
pub mod distributions;
mod dominance;
mod effective_trials;
mod excess;
mod haircut;
mod long_run;
mod moments;
mod overfitting;
mod paired;
mod paired_bootstrap;
mod philox;
mod probabilistic;
mod simulated;
mod standard_error;
mod step_m;
mod superior_ability;
mod switching;

pub use crate::metrics::numeric::quantile;
pub use annualisation::{eta, eta_ar1, eta_of, root_of_time};
pub use block_length::block_length;
pub use bootstrap::{BootstrappedMeans, stationary_indices};
pub use deflated::{DsrForm, ExpectedBest, Pairing, Trials, dsr, expected_maximum, min_btl, min_btl_bound};
pub use dominance::Dominance;
pub use effective_trials::{CORRELATION_CUT, Correlations, EffectiveTrials};
pub use excess::excess;
pub use haircut::{Adjustment, Haircut, adjusted_p_values, haircut, two_sided_p};
pub use long_run::{andrews_bandwidth, parzen_variance};
pub use moments::SharpeEstimate;
pub use overfitting::{DEFAULT_BLOCKS, Degradation, MOST_BLOCKS, Overfitting, pbo};
pub use paired::{SharpeDifference, jobson_korkie_memmel};
pub use paired_bootstrap::paired_bootstrap_p;
pub use philox::{Philox, Purpose};
pub use probabilistic::{LEAST_OBSERVATIONS, min_trl, psr, sharpe_needed};
pub use simulated::SimulatedShare;
pub use standard_error::{Interval, confidence_interval, hac, hac_lag, lo, mertens};
pub use step_m::step_m;
pub use superior_ability::{
    PValues, monte_carlo_error, reality_check, share_at_least, spa, studentising_variance,
};
pub use switching::{MeanDifference, SWITCH_CONFIDENCE, switches};

/// Why a statistic has no value. None of these passes a gate or wins a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// The sample is too small for the formula.
    #[error("too few observations: {have}, at least {need} are needed")]
    TooFewObservations {
        /// Observations there are.
        have: usize,
        /// Observations the formula takes.
        need: usize,
    },
    /// The series does not vary, so nothing can be divided by its standard deviation.
    #[error("the series does not vary")]
    ZeroVariance,
    /// An input is NaN or infinite.
    #[error("an input is not a finite number")]
    NonFinite,
    /// There is nothing to compare: one trial, no trial that varies, no hit, no position.
    #[error("there is nothing to test")]
    NotTestable,
    /// No finite number satisfies the condition: no record is long enough for a Sharpe ratio below its benchmark, and no
    /// leverage is small enough for an account without equity.
    #[error("no finite value satisfies the condition")]
    Unbounded,
    /// The formula has no real value for these inputs, or an input is outside its domain.
    #[error("the formula has no value for these inputs")]
    Infeasible,
}

/// The value where it is finite.
pub(crate) fn finite(value: f64) -> Result<f64, Undefined> {
    if value.is_finite() { Ok(value) } else { Err(Undefined::NonFinite) }
}

/// Refuses slices that hold a NaN or an infinity.
pub(crate) fn all_finite(values: &[f64]) -> Result<(), Undefined> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(Undefined::NonFinite) }
}

/// Refuses samples below `need` observations.
pub(crate) fn at_least(need: usize, have: usize) -> Result<(), Undefined> {
    if have < need { Err(Undefined::TooFewObservations { have, need }) } else { Ok(()) }
}
