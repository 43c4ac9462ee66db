//! The path of one unit of capital under compounded returns, and its drawdown.
//!
//! W_0 = 1, W_t = W_{t-1}·(1 + r_t). The peak is the highest wealth so far, the start included; drawdown is
//! 1 - W_t / peak, a positive fraction from 0 to 1. A return of -1 or less is ruin: wealth is zero from then on
//! (a debt cannot compound, and two of them would multiply to a fortune).

/// The return that leaves nothing.
pub const RUIN: f64 = -1.0;

/// Rewrites returns as an account lives through them and answers the place of the ruin: the return that ruins it loses
/// everything and no more, and nothing moves afterwards. So metrics of wealth and metrics of returns describe one path.
pub fn hold_to_ruin(returns: &mut [f64]) -> Option<usize> {
    let ruin = returns.iter().position(|&period_return| period_return <= RUIN)?;
    returns[ruin] = RUIN;
    returns[ruin + 1..].fill(0.0);
    Some(ruin)
}

/// Wealth and its running peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wealth {
    pub(crate) value: f64,
    pub(crate) peak: f64,
}

impl Default for Wealth {
    fn default() -> Self {
        Wealth { value: 1.0, peak: 1.0 }
    }
}

impl Wealth {
    /// Applies one return and answers the drawdown after it: exactly 0.0 at a peak, more below it.
    pub(crate) fn step(&mut self, period_return: f64) -> f64 {
        (self.value, self.peak) = grow(self.value, self.peak, period_return);
        1.0 - self.value / self.peak
    }

    /// False once a return was NaN or wealth outgrew a float; it stays false.
    pub(crate) fn is_finite(&self) -> bool {
        self.value.is_finite()
    }
}

/// Wealth and its peak after one return.
#[inline(always)]
pub(crate) fn grow(value: f64, peak: f64, period_return: f64) -> (f64, f64) {
    // The factor multiplies even at ruin, so that a path which once was NaN or infinite never turns finite.
    // It is below zero exactly where the return is below ruin; a selection against zero is one instruction.
    let factor = period_return - RUIN;
    let value = value * if factor < 0.0 { 0.0 } else { factor };
    (value, if value > peak { value } else { peak })
}

/// End wealth over start wealth: never negative, not finite if the path ever left the range of a float.
pub(crate) fn growth(returns: impl IntoIterator<Item = f64>) -> f64 {
    let mut wealth = Wealth::default();
    for period_return in returns {
        wealth.step(period_return);
    }
    wealth.value
}

/// Drawdown after each period; `None` for an empty slice or a path that leaves the range of a float.
pub(crate) fn drawdowns(returns: &[f64]) -> Option<Vec<f64>> {
    let mut wealth = Wealth::default();
    let path = returns.iter().map(|&r| wealth.step(r)).collect();
    if returns.is_empty() || !wealth.is_finite() { None } else { Some(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawdown_counts_from_the_start_and_ends_at_a_new_peak() {
        assert_eq!(drawdowns(&[-0.5, 0.0, 1.0, 0.25, -0.25]), Some(vec![0.5, 0.5, 0.0, 0.0, 0.25]));
    }

    #[test]
    fn ruin_is_final() {
        assert_eq!(drawdowns(&[-1.5, -3.0, 0.5]), Some(vec![1.0, 1.0, 1.0]));
        assert_eq!(growth([-1.5, -3.0]), 0.0);
    }

    #[test]
    fn nothing_is_left_exactly_from_ruin_on() {
        let next = f64::from_bits(RUIN.to_bits() - 1);
        for period_return in [f64::NEG_INFINITY, -1.5, -1.0 - f64::EPSILON, RUIN] {
            assert_eq!(grow(2.0, 2.0, period_return).0.to_bits(), 0.0_f64.to_bits(), "{period_return}");
        }
        for period_return in [next, -0.5, -0.0, 0.0, 0.5, f64::INFINITY] {
            assert_eq!(grow(2.0, 2.0, period_return).0, 2.0 * (1.0 + period_return), "{period_return}");
        }
        assert!(grow(2.0, 2.0, next).0 > 0.0 && grow(2.0, 2.0, f64::NAN).0.is_nan());
    }

    #[test]
    fn after_ruin_nothing_moves() {
        let mut returns = [0.5, -2.0, -2.0, 7.0];
        assert_eq!(hold_to_ruin(&mut returns), Some(1));
        assert_eq!(returns, [0.5, -1.0, 0.0, 0.0]);
        let mut returns = [0.5, -0.999];
        assert_eq!(hold_to_ruin(&mut returns), None);
        assert_eq!(returns, [0.5, -0.999]);
    }

    #[test]
    fn a_path_that_is_not_a_number_has_no_drawdown() {
        assert_eq!(drawdowns(&[]), None);
        assert_eq!(drawdowns(&[0.1, f64::NAN, -1.0]), None);
        assert_eq!(drawdowns(&[f64::MAX, f64::MAX, -1.0]), None);
        assert!(growth([f64::NAN]).is_nan());
    }
}
