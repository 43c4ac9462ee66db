//! Risk of a return series and of a portfolio, and tests of forecasts of it.
//!
//! Consumes simple returns per period, as fractions; answers **losses as positive fractions of one period**, never
//! annualised. `alpha` is the mass of the tail, 0.05 for what is also called 95 %. What does not exist is an `Undefined`
//! with its reason, never NaN.
//!
//! A figure of a tail takes the observations that make it one: n·alpha of at least `LEAST_IN_TAIL`, so 200 at 0.05 and
//! 1,000 at 0.01. `worst_loss` and `max_drawdown` are there for any number. Where all losses are equal, value at risk,
//! expected shortfall and entropic value at risk are that loss.
//!
//! Logarithms, exponentials and error functions come from `libm` and sums run in index order: a result is the same to the
//! last bit on any machine.

mod backtest;
mod break_even;
mod cornish_fisher;
mod drawdown;
mod entropic;
mod figures;
mod historical;
mod normal;
mod portfolio;
mod regimes;
mod resampled;

pub use backtest::{BASEL_ALPHA, BASEL_DAYS, Hits, LikelihoodRatio, TrafficLight};
pub use break_even::{break_even, first_crossing};
pub use cornish_fisher::{CornishFisher, cornish_fisher};
pub use drawdown::{cdar, max_drawdown};
pub use entropic::evar;
pub use figures::{FIGURES, Figure};
pub use historical::{expected_shortfall, var_historical, var_historical_linear, worst_loss};
pub use normal::{es_normal, var_normal};
pub use portfolio::{Concentration, Leverage, concentration, leverage, turnover};
pub use regimes::{REGIME_WINDOW, Regime, RegimeLimits, Regimes};
pub use resampled::{PathFigures, Quantiles, Resampled, path_block_length, resampled};

use crate::inference::{Undefined, all_finite};

/// Observations that a tail has to hold, n·alpha, before a figure is made of it.
pub const LEAST_IN_TAIL: f64 = 10.0;

/// n·alpha that is whole in decimals is often just below in binary: 10·(1 - 0.8) is 1.9999999999999996. This is added
/// before it is rounded down or compared.
const WHOLE: f64 = 1e-9;

/// Refuses an `alpha` outside 0 < alpha < 1.
fn check_alpha(alpha: f64) -> Result<(), Undefined> {
    if alpha > 0.0 && alpha < 1.0 { Ok(()) } else { Err(Undefined::Infeasible) }
}

/// Refuses what has no tail: values that are not finite, and fewer than [`LEAST_IN_TAIL`] of them in it.
fn check_tail(values: &[f64], alpha: f64) -> Result<(), Undefined> {
    check_alpha(alpha)?;
    all_finite(values)?;
    let have = values.len();
    if have as f64 * alpha + WHOLE >= LEAST_IN_TAIL {
        return Ok(());
    }
    let need = (LEAST_IN_TAIL / alpha - WHOLE).ceil() as usize;
    Err(Undefined::TooFewObservations { have, need })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN: [f64; 10] = [0.01, -0.02, 0.0, -0.06, 0.03, -0.01, 0.02, -0.04, 0.05, -0.03];

    #[track_caller]
    fn near(value: Result<f64, Undefined>, expected: f64) {
        let value = value.unwrap();
        assert!((value - expected).abs() <= 1e-15, "{value} is not {expected}");
    }

    /// Ten returns, each five times: the same shares of mass, and a tail of ten at 80 % and of 12.5 at 75 %.
    #[test]
    fn ten_returns_by_hand() {
        let returns = TEN.repeat(5);
        near(var_historical(&returns, 0.2), 0.03);
        near(var_historical(&returns, 1.0 - 0.8), 0.03);
        near(expected_shortfall(&returns, 0.2), 0.05);
        near(expected_shortfall(&returns, 1.0 - 0.8), 0.05);
        // Of ten, the mass of 2.5 is 6 % and 4 % whole and 3 % half.
        near(expected_shortfall(&returns, 0.25), (0.06 + 0.04 + 0.03 / 2.0) / 2.5);
        near(expected_shortfall(&returns, 0.25), 0.046);
        near(worst_loss(&TEN), 0.06);
    }

    #[test]
    fn equal_losses_are_their_own_value_at_risk_shortfall_and_entropic_value_at_risk() {
        for loss in [0.01, 0.0, -0.02] {
            let returns = [0.0 - loss; 300];
            for figure in
                [var_historical, var_historical_linear, expected_shortfall, var_normal, es_normal, evar]
            {
                assert_eq!(figure(&returns, 0.05), Ok(loss));
            }
            assert_eq!(cornish_fisher(&returns, 0.05), Err(Undefined::ZeroVariance));
        }
    }

    #[test]
    fn a_tail_takes_ten_observations() {
        for (alpha, need) in [(0.05, 200), (0.01, 1000), (0.025, 400), (0.1, 100), (0.03, 334)] {
            let returns: Vec<f64> = (0..need).map(|at| 0.001 * (at % 7) as f64 - 0.002).collect();
            let short = Err(Undefined::TooFewObservations { have: need - 1, need });
            for figure in
                [var_historical, var_historical_linear, expected_shortfall, var_normal, es_normal, evar, cdar]
            {
                assert!(figure(&returns, alpha).is_ok(), "{need} at {alpha}");
                assert_eq!(figure(&returns[1..], alpha), short, "{need} less one at {alpha}");
            }
            assert!(cornish_fisher(&returns, alpha).is_ok());
            assert_eq!(cornish_fisher(&returns[1..], alpha).map(|_| 0.0), short);
            assert!(worst_loss(&returns[..1]).is_ok() && max_drawdown(&returns[..1]).is_ok());
        }
    }

    #[test]
    fn what_is_no_number_and_what_is_no_tail() {
        let mut broken = [0.01; 300];
        broken[7] = f64::NAN;
        for figure in [var_historical, var_historical_linear, expected_shortfall, var_normal, evar, cdar] {
            assert_eq!(figure(&broken, 0.05), Err(Undefined::NonFinite));
            for alpha in [0.0, 1.0, -0.05, f64::NAN] {
                assert_eq!(figure(&[0.01; 300], alpha), Err(Undefined::Infeasible));
            }
        }
        assert_eq!(worst_loss(&broken), Err(Undefined::NonFinite));
        assert_eq!(max_drawdown(&broken), Err(Undefined::NonFinite));
        let none = Undefined::TooFewObservations { have: 0, need: 1 };
        assert_eq!((worst_loss(&[]), max_drawdown(&[])), (Err(none), Err(none)));
    }

    proptest! {
        #[test]
        fn the_measures_stand_in_their_order(
            returns in prop::collection::vec(-0.5..0.5_f64, 100..300), alpha in 0.1..0.9_f64
        ) {
            let slack = 1e-12;
            let var = var_historical(&returns, alpha).unwrap();
            let shortfall = expected_shortfall(&returns, alpha).unwrap();
            let entropic = evar(&returns, alpha).unwrap();
            let worst = worst_loss(&returns).unwrap();
            prop_assert!(var <= shortfall + slack && shortfall <= entropic + slack && entropic <= worst);
        }

        #[test]
        fn a_gain_for_sure_lowers_them_by_as_much_and_a_stake_scales_them(
            returns in prop::collection::vec(-0.2..0.2_f64, 100..200), gain in -0.1..0.1_f64, stake in 0.1..5.0_f64
        ) {
            let moved: Vec<f64> = returns.iter().map(|value| value * stake + gain).collect();
            for figure in [var_historical, var_historical_linear, expected_shortfall, var_normal, es_normal, evar] {
                let (plain, moved) = (figure(&returns, 0.1).unwrap(), figure(&moved, 0.1).unwrap());
                prop_assert!((moved - (plain * stake - gain)).abs() < 1e-12, "{moved} {plain}");
            }
        }
    }
}
