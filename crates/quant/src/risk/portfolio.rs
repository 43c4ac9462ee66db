//! What a portfolio holds and trades against its equity: leverage, concentration, turnover.
//!
//! Notionals are signed, in the currency of the equity. Leverage and turnover have no bound where nothing is left of the
//! equity: they are undefined there, and whoever asks has to halt.

use crate::inference::{Undefined, all_finite, finite};
use crate::metrics::numeric::sum;

/// Exposure over equity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leverage {
    /// Σ|notional| / equity; zero without a position.
    pub gross: f64,
    /// Σ notional / equity; below zero where more is sold than bought.
    pub net: f64,
}

/// How much of the gross exposure is in few positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Concentration {
    /// Herfindahl-Hirschman index: the sum of the squared shares of gross exposure, 1/N to 1.
    pub hhi: f64,
    /// 1 / HHI: positions of equal size that would be as concentrated.
    pub effective_positions: f64,
}

/// Gross and net leverage of positions. Undefined (`Unbounded`) where the equity is zero or less.
pub fn leverage(notionals: &[f64], equity: f64) -> Result<Leverage, Undefined> {
    let gross = over_equity(sum(notionals.iter().map(|notional| notional.abs())), equity)?;
    Ok(Leverage { gross, net: over_equity(sum(notionals.iter().copied()), equity)? })
}

/// Concentration of positions. Undefined (`NotTestable`) without a position.
pub fn concentration(notionals: &[f64]) -> Result<Concentration, Undefined> {
    all_finite(notionals)?;
    let gross = finite(sum(notionals.iter().map(|notional| notional.abs())))?;
    if gross == 0.0 {
        return Err(Undefined::NotTestable);
    }
    let hhi = sum(notionals.iter().map(|notional| (notional / gross) * (notional / gross)));
    Ok(Concentration { hhi: finite(hhi)?, effective_positions: finite(1.0 / hhi)? })
}

/// Turnover of one period: Σ|traded notional| / equity, purchases and sales both counted; half of it is the one-way form.
/// Undefined (`Unbounded`) where the equity is zero or less.
pub fn turnover(traded: &[f64], equity: f64) -> Result<f64, Undefined> {
    over_equity(sum(traded.iter().map(|notional| notional.abs())), equity)
}

fn over_equity(amount: f64, equity: f64) -> Result<f64, Undefined> {
    all_finite(&[amount, equity])?;
    if equity <= 0.0 { Err(Undefined::Unbounded) } else { finite(amount / equity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_offset_in_the_net_alone() {
        let of = leverage(&[150.0, -50.0, 0.0], 100.0).unwrap();
        assert_eq!((of.gross, of.net), (2.0, 1.0));
        assert_eq!(leverage(&[], 100.0), Ok(Leverage { gross: 0.0, net: 0.0 }));
        assert_eq!(turnover(&[30.0, -10.0], 80.0), Ok(0.5));
    }

    #[test]
    fn without_equity_there_is_no_leverage() {
        for equity in [0.0, -0.0, -5.0] {
            assert_eq!(leverage(&[1.0], equity), Err(Undefined::Unbounded));
            assert_eq!(turnover(&[1.0], equity), Err(Undefined::Unbounded));
        }
        assert_eq!(leverage(&[f64::NAN], 1.0), Err(Undefined::NonFinite));
        assert_eq!(turnover(&[1.0], f64::INFINITY), Err(Undefined::NonFinite));
        assert_eq!(leverage(&[1e300], 1e-300), Err(Undefined::NonFinite));
    }

    #[test]
    fn equal_positions_count_whole_whatever_their_side() {
        let of = concentration(&[5.0, -5.0, 5.0, -5.0, 0.0]).unwrap();
        assert_eq!((of.hhi, of.effective_positions), (0.25, 4.0));
        assert_eq!(concentration(&[-3.0]).unwrap().effective_positions, 1.0);
        assert_eq!(concentration(&[0.0, 0.0]), Err(Undefined::NotTestable));
        assert_eq!(concentration(&[]), Err(Undefined::NotTestable));
        assert_eq!(concentration(&[1.0, f64::NAN]), Err(Undefined::NonFinite));
    }
}
