//! Stochastic dominance of the selected trial's out-of-sample Sharpe ratios over those of a trial taken at random
//! (Bailey, Borwein, López de Prado and Zhu 2017).
//!
//! First order: F_selected(x) ≤ F_all(x) for every x, and less for some: every investor prefers the selection. Second order:
//! ∫ F_selected ≤ ∫ F_all up to every x: every investor who avoids risk does. F are empirical distributions. F_selected only
//! jumps at the selected values, so the first order is decided exactly there; the integrals are exact and compared at the
//! same points and beyond the last value.

/// How the selected trial compares with a random one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dominance {
    /// Dominance of first order.
    pub first_order: bool,
    /// Dominance of second order.
    pub second_order: bool,
    /// Largest F_selected - F_all; zero or less under first-order dominance.
    pub first_order_gap: f64,
    /// Smallest ∫(F_all - F_selected); zero or more under second-order dominance.
    pub second_order_gap: f64,
}

/// The selected values, sorted, and how all values fall between them.
pub(super) struct Pooled {
    selected: Vec<f64>,
    /// For each selected value: count and sum of all values above the one before and at or below it; the last for those above all.
    bins: Vec<(u64, f64)>,
}

impl Pooled {
    pub(super) fn new(mut selected: Vec<f64>) -> Pooled {
        selected.sort_by(f64::total_cmp);
        let bins = vec![(0, 0.0); selected.len() + 1];
        Pooled { selected, bins }
    }

    /// One value of one trial.
    pub(super) fn add(&mut self, value: f64) {
        let bin = &mut self.bins[self.selected.partition_point(|selected| *selected < value)];
        bin.0 += 1;
        bin.1 += value;
    }

    pub(super) fn dominance(&self) -> Dominance {
        let size = self.selected.len() as f64;
        let pool = self.bins.iter().fold(0, |sum, bin| sum + bin.0) as f64;
        let (mut below, mut sum_below, mut sum_selected) = (0_u64, 0.0, 0.0);
        let (mut first_order_gap, mut is_strict) = (f64::NEG_INFINITY, false);
        let mut second_order_gap = f64::INFINITY;
        for (place, &x) in self.selected.iter().enumerate() {
            below += self.bins[place].0;
            sum_below += self.bins[place].1;
            sum_selected += x;
            // Of equal values only the last has the whole jump.
            if self.selected.get(place + 1) == Some(&x) {
                continue;
            }
            let until = (place + 1) as f64;
            let gap = until / size - below as f64 / pool;
            first_order_gap = first_order_gap.max(gap);
            is_strict |= gap < 0.0;
            // The integral of an empirical distribution up to x is the mean of max(0, x - value).
            let all = (below as f64 * x - sum_below) / pool;
            let selected = (until * x - sum_selected) / size;
            second_order_gap = second_order_gap.min(all - selected);
        }
        // Beyond the last value the difference stays at that of the means.
        let sum_all = self.bins.iter().fold(0.0, |sum, bin| sum + bin.1);
        let between_means = sum_selected / size - sum_all / pool;
        second_order_gap = second_order_gap.min(between_means);
        Dominance {
            first_order: first_order_gap <= 0.0 && is_strict,
            second_order: second_order_gap >= -1e-12 && between_means > 0.0,
            first_order_gap,
            second_order_gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(selected: &[f64], all: &[f64]) -> Dominance {
        let mut pooled = Pooled::new(selected.to_vec());
        all.iter().for_each(|value| pooled.add(*value));
        pooled.dominance()
    }

    #[test]
    fn a_better_selection_dominates_in_both_orders() {
        let d = of(&[2.0, 3.0], &[0.0, 1.0, 2.0, 3.0]);
        assert!(d.first_order && d.second_order);
        let d = of(&[0.0, 1.0], &[0.0, 1.0, 2.0, 3.0]);
        assert!(!d.first_order && !d.second_order && d.first_order_gap == 0.5);
    }

    #[test]
    fn less_risk_at_a_higher_mean_dominates_in_second_order_only() {
        let d = of(&[1.1, 1.1], &[0.0, 2.0]);
        assert!(!d.first_order && d.second_order, "{d:?}");
        // By hand: at 1.1 the integrals are 1.1/2 and 0; in the end the means differ by 0.1.
        assert!((d.second_order_gap - 0.1).abs() < 1e-15);
    }

    #[test]
    fn equal_distributions_dominate_in_neither_order() {
        let d = of(&[1.0, 2.0], &[1.0, 2.0, 1.0, 2.0]);
        assert!(!d.first_order && !d.second_order && d.first_order_gap == 0.0);
    }
}
