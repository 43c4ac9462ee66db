//! Trials of one plan side by side: fold by fold what [`crate::Walk`] gives, to the last bit, for many rules at once.

use gauntlet_backtest::{BacktestError, Bars, Costs, Grid, StrategySpec};
use gauntlet_domain::experiment::{Metrics, TrialPlan};
use gauntlet_quant::metrics::{self, Running};

use crate::folds::{test_range, then};
use crate::model::terms;
use crate::report::key_metrics;

/// Rules on their way through the folds of a plan.
pub struct SideBySide<'a> {
    plan: &'a TrialPlan,
    grid: Grid<'a>,
}

impl<'a> SideBySide<'a> {
    /// Whether trials of this plan can run side by side: rules whose key metrics and objective can be kept up without the
    /// columns of a run, which knows no risk-free rate, over folds that lie within the bars. Orders of an account with limits are
    /// checked one by one, in a run of its own.
    pub fn takes(plan: &TrialPlan, bars: &Bars) -> bool {
        let kept_up = |name: &str| metrics::by_name(name).is_some_and(|metric| metric.running.is_some());
        let within = |index: usize| {
            let test = test_range(plan, index);
            test.start <= test.end && test.end <= bars.len()
        };
        let without_rate = plan.account.risk_free.is_empty();
        plan.estimator.is_none()
            && without_rate
            && plan.account.limits.is_none()
            && kept_up(&plan.objective)
            && (0..plan.folds.len()).all(within)
    }

    /// Prepares the rules for the folds over the tuning bars.
    pub fn new(
        plan: &'a TrialPlan,
        rules: &[StrategySpec],
        bars: &'a Bars,
    ) -> Result<SideBySide<'a>, BacktestError> {
        let (costs, _) = terms(plan)?;
        SideBySide::under(plan, rules.iter().map(|rule| (rule, costs)), bars)
    }

    /// The same, each rule under costs of its own instead of the plan's.
    pub fn under<'s>(
        plan: &'a TrialPlan,
        traders: impl IntoIterator<Item = (&'s StrategySpec, Costs)>,
        bars: &'a Bars,
    ) -> Result<SideBySide<'a>, BacktestError> {
        let (_, account) = terms(plan)?;
        if account.limits.is_some() {
            return Err(BacktestError::LimitsSideBySide);
        }
        Ok(SideBySide { plan, grid: Grid::under(bars, traders, account) })
    }

    /// Runs the next fold for some of the rules, which must have run through the same folds so far.
    pub fn fold(&mut self, index: usize, rules: &[usize]) {
        self.grid.play(test_range(self.plan, index), rules, then(self.plan, index));
    }

    /// The objective of a rule over the folds so far.
    pub fn objective(&self, rule: usize) -> Option<f64> {
        self.metric(rule, &self.plan.objective)
    }

    /// The key metrics of a rule over the folds so far, and the objective where it is not among them.
    pub fn key_metrics(&self, rule: usize) -> Metrics {
        key_metrics(&self.plan.objective, |name| self.metric(rule, name))
    }

    /// What has become of a rule over the folds so far.
    pub fn running(&self, rule: usize) -> &Running {
        self.grid.running(rule)
    }

    fn metric(&self, rule: usize, name: &str) -> Option<f64> {
        let running = self.grid.running(rule);
        let value = metrics::by_name(name)?.of_running(running, self.plan.periods_per_year);
        value.flatten().filter(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::KEY_METRICS;

    #[test]
    fn the_key_metrics_can_be_kept_up_without_columns() {
        for name in KEY_METRICS {
            let metric = metrics::by_name(name).unwrap();
            assert!(metric.running.is_some(), "{name} takes the whole run: no trial could run side by side");
            assert_eq!(metric.since, 1, "{name} would be new in old trials");
        }
    }
}
