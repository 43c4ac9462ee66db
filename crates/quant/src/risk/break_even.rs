//! How many times its costs a strategy can bear: the multiple c at which Σ ln(1 + g_t - c·k_t) = 0, with g gross returns and
//! k ≥ 0 the costs at c = 1, both fractions of equity a period.
//!
//! The sum falls in c, so the root is found by bisection between 0 and 1,000, to the last bit. It holds while positions do not
//! depend on equity. Where they do, the path depends on c: run again on a grid of multiples and take the first crossing.
//! The short form Σg/Σk leaves compounding out.

use crate::inference::{Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::sum;

/// Multiples above this are not looked at.
const MOST: f64 = 1000.0;

/// Break-even multiple of costs. Zero where the gross returns gain nothing. `Unbounded` where nothing costs anything, and where
/// a thousand times the costs still leaves a gain; `Infeasible` for a cost below zero and for slices of different lengths.
pub fn break_even(gross: &[f64], costs: &[f64]) -> Result<f64, Undefined> {
    at_least(1, gross.len())?;
    all_finite(gross)?;
    all_finite(costs)?;
    if gross.len() != costs.len() || costs.iter().any(|cost| *cost < 0.0) {
        return Err(Undefined::Infeasible);
    }
    let growth = |multiple: f64| sum(gross.iter().zip(costs).map(|(g, k)| log_factor(g - multiple * k)));
    if growth(0.0) <= 0.0 {
        return Ok(0.0);
    }
    if growth(MOST) > 0.0 {
        return Err(Undefined::Unbounded);
    }
    let (mut gains, mut does_not) = (0.0, MOST);
    loop {
        let middle = gains + (does_not - gains) / 2.0;
        if middle <= gains || middle >= does_not {
            return finite(does_not);
        }
        if growth(middle) > 0.0 { gains = middle } else { does_not = middle }
    }
}

/// First multiple at which a grid of (multiple of the costs, total return) no longer gains, interpolated linearly.
///
/// Zero where it gains nothing at a multiple of zero. `Unbounded` where it gains at all of them; `NotTestable` where it gains at
/// none and the first is above zero; `Infeasible` for multiples that do not rise or are below zero; `TooFewObservations`
/// below two points.
pub fn first_crossing(grid: &[(f64, f64)]) -> Result<f64, Undefined> {
    at_least(2, grid.len())?;
    let all: Vec<f64> = grid.iter().flat_map(|(multiple, total)| [*multiple, *total]).collect();
    all_finite(&all)?;
    let (first, total) = grid[0];
    if first < 0.0 || grid.windows(2).any(|pair| pair[1].0 <= pair[0].0) {
        return Err(Undefined::Infeasible);
    }
    if total <= 0.0 {
        return if first == 0.0 { Ok(0.0) } else { Err(Undefined::NotTestable) };
    }
    let crossing = grid.windows(2).find(|pair| pair[1].1 <= 0.0).ok_or(Undefined::Unbounded)?;
    let ((before, gain), (after, loss)) = (crossing[0], crossing[1]);
    finite(before + (after - before) * (gain / (gain - loss)))
}

/// ln(1 + r); nothing is left from a return of -1 on.
fn log_factor(period_return: f64) -> f64 {
    if period_return > -1.0 { libm::log1p(period_return) } else { f64::NEG_INFINITY }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_multiple_is_where_the_gain_ends(
            gross in prop::collection::vec(-0.1..0.2_f64, 1..50), cost in 0.01..0.1_f64, times in 0.5..2.0_f64
        ) {
            let costs: Vec<f64> = (0..gross.len()).map(|at| cost * (1 + at % 3) as f64).collect();
            let multiple = break_even(&gross, &costs).unwrap();
            let wealth = |multiple: f64| {
                gross.iter().zip(&costs).fold(1.0, |wealth, (g, k)| wealth * (1.0 + g - multiple * k))
            };
            if multiple == 0.0 {
                prop_assert!(wealth(0.0) <= 1.0 + 1e-12);
            } else {
                prop_assert!((wealth(multiple) - 1.0).abs() < 1e-12);
                prop_assert!(wealth(multiple * 0.99) > 1.0);
            }
            // Dearer by a factor, bearable less often by as much.
            let dearer: Vec<f64> = costs.iter().map(|k| k * times).collect();
            prop_assert!((break_even(&gross, &dearer).unwrap() * times - multiple).abs() < 1e-11);
        }
    }

    #[test]
    fn one_period_breaks_even_at_gross_over_cost() {
        let multiple = break_even(&[0.03], &[0.01]).unwrap();
        assert!((multiple - 3.0).abs() < 1e-14, "{multiple}");
        let multiple = break_even(&[0.01, 0.0, 0.05], &[0.0, 0.0, 0.002]).unwrap();
        // 1.01·(1.05 - 0.002·c) = 1.
        assert!((multiple - (1.05 - 1.0 / 1.01) / 0.002).abs() < 1e-11, "{multiple}");
    }

    #[test]
    fn compounding_counts() {
        // (1.5 - c/10)·(0.8 - c/10) = 1: c²/100 - 0.23·c + 0.2 = 0.
        let multiple = break_even(&[0.5, -0.2], &[0.1, 0.1]).unwrap();
        let root = (0.23 - (0.23_f64 * 0.23 - 4.0 * 0.01 * 0.2).sqrt()) / 0.02;
        assert!((multiple - root).abs() < 1e-13, "{multiple} {root}");
        // The short form is 1.5.
        assert!(multiple < 1.0);
    }

    #[test]
    fn costs_that_ruin_are_too_much() {
        // Nearly everything is lost in the second period already at twice its cost.
        let multiple = break_even(&[9.0, 0.0], &[0.0, 0.5]).unwrap();
        assert!((multiple - 1.8).abs() < 1e-14, "{multiple}");
        assert_eq!(break_even(&[0.5, -1.0], &[0.1, 0.1]), Ok(0.0));
        assert_eq!(break_even(&[0.5, -2.0], &[0.1, 0.1]), Ok(0.0));
    }

    #[test]
    fn no_gain_bears_nothing_and_no_cost_has_no_bound() {
        assert_eq!(break_even(&[0.0, 0.0], &[0.1, 0.0]), Ok(0.0));
        assert_eq!(break_even(&[-0.1], &[0.0]), Ok(0.0));
        assert_eq!(break_even(&[0.1], &[0.0]), Err(Undefined::Unbounded));
        assert_eq!(break_even(&[0.1], &[0.000_09]), Err(Undefined::Unbounded));
        assert!(break_even(&[0.1], &[0.000_11]).unwrap() < 1000.0);
    }

    #[test]
    fn the_first_crossing_of_a_grid() {
        let grid = [(1.0, 0.3), (2.0, 0.1), (4.0, -0.1), (5.0, 0.1), (6.0, -0.5)];
        assert!((first_crossing(&grid).unwrap() - 3.0).abs() < 1e-15);
        assert_eq!(first_crossing(&[(0.0, 0.2), (2.0, 0.0)]), Ok(2.0));
        assert_eq!(first_crossing(&[(0.0, -0.2), (2.0, 0.1), (3.0, -0.1)]), Ok(0.0));
        assert_eq!(first_crossing(&[(1.0, 0.0), (2.0, -0.1)]), Err(Undefined::NotTestable));
        assert_eq!(first_crossing(&grid[..2]), Err(Undefined::Unbounded));
    }

    #[test]
    fn undefined_with_its_reason() {
        let none = Undefined::TooFewObservations { have: 0, need: 1 };
        assert_eq!(break_even(&[], &[]), Err(none));
        assert_eq!(break_even(&[0.1], &[0.1, 0.1]), Err(Undefined::Infeasible));
        assert_eq!(break_even(&[0.1], &[-0.1]), Err(Undefined::Infeasible));
        assert_eq!(break_even(&[f64::NAN], &[0.1]), Err(Undefined::NonFinite));
        assert_eq!(break_even(&[0.1], &[f64::INFINITY]), Err(Undefined::NonFinite));
        let one = Undefined::TooFewObservations { have: 1, need: 2 };
        assert_eq!(first_crossing(&[(0.0, 0.1)]), Err(one));
        assert_eq!(first_crossing(&[(2.0, 0.1), (2.0, -0.1)]), Err(Undefined::Infeasible));
        assert_eq!(first_crossing(&[(-1.0, 0.1), (2.0, -0.1)]), Err(Undefined::Infeasible));
        assert_eq!(first_crossing(&[(0.0, 0.1), (2.0, f64::NAN)]), Err(Undefined::NonFinite));
    }
}
