//! Entropic value at risk: the tightest bound on value at risk and expected shortfall that Chernoff's inequality gives.
//!
//! EVaR = inf over t > 0 of t·ln(mean(e^(L/t))/alpha), with L the losses. It is convex in t. In the limit t → 0 the bound is
//! the largest loss, which is the infimum where at least a share alpha of the losses equals it. Else the derivative
//!
//! ln(mean(e^(u/t))/alpha) - (Σ u·e^(u/t) / Σ e^(u/t))/t, with u = L - max L ≤ 0,
//!
//! rises from below zero to -ln alpha, and its root is found by steps of a factor two and bisection. With the largest loss
//! subtracted no exponential overflows. Unit: loss of one period as a positive fraction; never below the expected shortfall,
//! never above the worst loss. Undefined where the tail is too small. Source: Ahmadi-Javid (2012).

use super::{WHOLE, check_tail};
use crate::inference::{Undefined, finite};
use crate::metrics::numeric::sum;

/// The bound changes with the square of an error in t: this is far below its last digit.
const WIDTH: f64 = 1e-10;

/// Entropic value at risk; see the file's head.
pub fn evar(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    check_tail(returns, alpha)?;
    let worst = returns.iter().fold(f64::NEG_INFINITY, |worst, value| worst.max(0.0 - value));
    let range = finite(returns.iter().fold(0.0, |range: f64, value| range.max(worst + value)))?;
    let count = returns.len() as f64;
    let at_worst = returns.iter().filter(|value| worst + **value == 0.0).count() as f64;
    if range == 0.0 || at_worst + WHOLE >= count * alpha {
        return Ok(worst);
    }
    // In units of the range: from -1 to 0.
    let tilted = Tilted { below: returns.iter().map(|value| (0.0 - value - worst) / range).collect(), alpha };
    finite(worst + range * tilted.bound(tilted.minimum())).map(|bound| bound.min(worst))
}

/// Losses less the largest, and the mass of the tail.
struct Tilted {
    below: Vec<f64>,
    alpha: f64,
}

impl Tilted {
    /// The t at the minimum, to a relative [`WIDTH`].
    fn minimum(&self) -> f64 {
        let (mut low, mut high) = (1.0, 1.0);
        while self.derivative(low) > 0.0 {
            (low, high) = (low * 0.5, low);
        }
        while self.derivative(high) <= 0.0 {
            (low, high) = (high, high * 2.0);
        }
        while high - low > WIDTH * high {
            let middle = 0.5 * (low + high);
            if self.derivative(middle) > 0.0 { high = middle } else { low = middle }
        }
        high
    }

    fn bound(&self, t: f64) -> f64 {
        t * self.log_mean(sum(self.weights(t)))
    }

    fn derivative(&self, t: f64) -> f64 {
        let (mut total, mut product) = (0.0, 0.0);
        for (weight, below) in self.weights(t).zip(&self.below) {
            total += weight;
            product += weight * below;
        }
        self.log_mean(total) - product / total / t
    }

    /// e^(u/t); that of the largest loss is 1, so their sum is never zero.
    fn weights(&self, t: f64) -> impl Iterator<Item = f64> {
        self.below.iter().map(move |below| libm::exp(below / t))
    }

    /// ln(mean/alpha) of weights with this sum.
    fn log_mean(&self, total: f64) -> f64 {
        libm::log(total / self.below.len() as f64) - libm::log(self.alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss of one with probability p, else nothing: the infimum is at the q ≥ p whose relative entropy to p is -ln alpha.
    #[test]
    fn two_outcomes_have_a_bound_in_closed_form() {
        for (losses, alpha) in [(10_u32, 0.05), (40, 0.2), (1, 0.5), (3, 0.9)] {
            let returns: Vec<f64> = (0..1000).map(|at| if at < losses { -1.0 } else { 0.0 }).collect();
            let (q, p) = (evar(&returns, alpha).unwrap(), f64::from(losses) / 1000.0);
            let entropy = q * libm::log(q / p) + (1.0 - q) * libm::log((1.0 - q) / (1.0 - p));
            assert!(q > p && (entropy + libm::log(alpha)).abs() < 1e-8, "{losses} {alpha}: {q}");
        }
    }

    #[test]
    fn where_the_largest_loss_fills_the_tail_it_is_the_bound() {
        let with =
            |worst: usize| -> Vec<f64> { (0..200).map(|at| if at < worst { -0.3 } else { 0.1 }).collect() };
        assert_eq!(evar(&with(10), 0.05), Ok(0.3));
        assert_eq!(evar(&with(11), 0.05), Ok(0.3));
        let just_below = evar(&with(9), 0.05).unwrap();
        assert!(just_below > 0.29 && just_below < 0.3, "{just_below}");
    }

    #[test]
    fn losses_of_any_size_neither_overflow_nor_vanish() {
        let of =
            |scale: f64| evar(&(0..400).map(|at| (f64::from(at) - 300.0) * scale).collect::<Vec<_>>(), 0.05);
        let one = of(1.0).unwrap();
        for scale in [1e-200, 1e-9, 1e9, 1e200] {
            assert!((of(scale).unwrap() / scale / one - 1.0).abs() < 1e-12, "{scale}");
        }
        assert_eq!(evar(&[[f64::MAX; 200], [-f64::MAX; 200]].concat(), 0.9), Err(Undefined::NonFinite));
    }
}
