//! The one evaluator of points: the objective of a set of parameters under its costs, over the same bars, folds and seed.
//!
//! Rules that can run side by side do, in batches; others are decided and traded one by one. A learned model is fitted no more
//! often than the terms say; what learns the same as the finalist asks its fitted models again, and what differs from it in its
//! costs alone trades its decisions again.

use std::collections::BTreeSet;
use std::fmt::Write;

use gauntlet_backtest::{BacktestError, Bars, Costs, Spread, StrategySpec};
use gauntlet_domain::experiment::{Parameters, TrialPlan};
use gauntlet_sensitivity::Point;
use gauntlet_walkforward::{Decided, Model, SideBySide};

use crate::terrain::{Terrain, has_quotes, strategy_of};
use crate::threads::in_chunks;

/// Rules in a batch at most.
const BATCH: usize = 64;

/// Bars times rules in a batch at most: each rule holds a column of stops as long as the bars. 64 MB.
const BATCH_BARS: usize = 8_000_000;

/// Runs points and remembers what came of them.
pub(crate) struct Evaluator<'a> {
    plan: &'a TrialPlan,
    bars: &'a Bars,
    pub(crate) terrain: &'a Terrain,
    /// The finalist's own decisions.
    pub(crate) own: Decided<'a>,
    own_strategy: Parameters,
    pub(crate) threads: usize,
    /// Points of a learned model that may still be fitted; `None` for a rule, which is not fitted.
    pub(crate) points_left: Option<usize>,
    /// Fits of a learned model, those of the finalist among them.
    pub(crate) most_fits: usize,
    /// Runs so far.
    pub(crate) evaluations: usize,
    evaluated: Vec<Evaluated>,
}

/// A point and its objective.
pub(crate) struct Evaluated {
    design: &'static str,
    pub(crate) params: Parameters,
    /// The objective as it is.
    value: Option<f64>,
    /// The higher, the better.
    pub(crate) score: Option<f64>,
}

impl<'a> Evaluator<'a> {
    /// Decides the finalist.
    pub(crate) fn new(
        plan: &'a TrialPlan,
        bars: &'a Bars,
        terrain: &'a Terrain,
        (threads, most_fits): (usize, usize),
    ) -> Result<Evaluator<'a>, BacktestError> {
        let latency = terrain.costs.latency_bars;
        // The highest of the axis, and ten times the plan's.
        let most_latency = latency.saturating_mul(10).max(latency.saturating_add(1).saturating_mul(2));
        let own_strategy = strategy_of(&terrain.finalist);
        let own = Decided::of(plan, &own_strategy, bars, most_latency)?;
        let own_fits = Decided::fits(plan).max(1);
        // Its own are made in any case.
        let most_fits = most_fits.max(own_fits);
        let points_left = plan.estimator.is_some().then(|| most_fits / own_fits - 1);
        Ok(Evaluator {
            plan,
            bars,
            terrain,
            own,
            own_strategy,
            threads,
            points_left,
            most_fits,
            evaluations: 0,
            evaluated: Vec::new(),
        })
    }

    /// Whether the model is fitted, so that other parameters are dear and other costs are not.
    pub(crate) fn is_learned(&self) -> bool {
        self.points_left.is_some()
    }

    /// Whether a fill pays any spread.
    pub(crate) fn pays_spread(&self) -> bool {
        match self.terrain.costs.spread {
            Spread::Quoted | Spread::QuotedTimes(_) => has_quotes(self.bars),
            Spread::FixedBps(bps) => bps > 0.0,
            Spread::None => false,
        }
    }

    /// How many of some points would have to be fitted.
    pub(crate) fn to_fit(&self, points: &[Point]) -> usize {
        if !self.is_learned() {
            return 0;
        }
        points.iter().filter(|point| !self.own.learns_like(&strategy_of(&point.params))).count()
    }

    /// Records the finalist's own value.
    pub(crate) fn record_own(&mut self, value: Option<f64>) {
        self.record("finalist", self.terrain.finalist.clone(), value);
    }

    /// Scores of the points, in their order: the higher, the better. `None` where the model refuses the parameters or the
    /// objective is undefined. The caller has seen that enough fits are left.
    pub(crate) fn scores(&mut self, design: &'static str, points: &[Point]) -> Vec<Option<f64>> {
        if let Some(left) = self.points_left {
            self.points_left = Some(left.saturating_sub(self.to_fit(points)));
        }
        let values = if !self.is_learned() && SideBySide::takes(self.plan, self.bars) {
            let batch = (BATCH_BARS / self.bars.len().max(1)).clamp(1, BATCH);
            in_chunks(points, batch, self.threads, |points| self.side_by_side(points))
        } else {
            in_chunks(points, 1, self.threads, |points| {
                points.iter().map(|point| self.alone(point)).collect()
            })
        };
        let before = self.evaluated.len();
        for (point, value) in points.iter().zip(values) {
            self.record(design, point.params.clone(), value);
        }
        self.evaluated[before..].iter().map(|evaluated| evaluated.score).collect()
    }

    /// Everything that was evaluated.
    pub(crate) fn evaluated(&self) -> &[Evaluated] {
        &self.evaluated
    }

    fn record(&mut self, design: &'static str, params: Parameters, value: Option<f64>) {
        let value = value.filter(|value| value.is_finite());
        let score = value.map(|value| if self.plan.maximize { value } else { -value });
        self.evaluations += 1;
        self.evaluated.push(Evaluated { design, params, value, score });
    }

    fn side_by_side(&self, points: &[Point]) -> Vec<Option<f64>> {
        let trader = |point: &Point| -> Option<(StrategySpec, Costs)> {
            match Model::of(self.plan, &strategy_of(&point.params)).ok()? {
                Model::Rule(rule) => Some((rule, self.terrain.costs_of(&point.params))),
                Model::Learned(_) => None,
            }
        };
        let traders: Vec<_> = points.iter().map(trader).collect();
        let able = traders.iter().flatten().map(|(rule, costs)| (rule, *costs));
        let Ok(mut walk) = SideBySide::under(self.plan, able, self.bars) else {
            return vec![None; points.len()];
        };
        let all: Vec<usize> = (0..traders.iter().flatten().count()).collect();
        (0..self.plan.folds.len()).for_each(|fold| walk.fold(fold, &all));
        let mut next = all.into_iter();
        let value = |trader: &Option<_>| trader.as_ref().and_then(|_| walk.objective(next.next()?));
        traders.iter().map(value).collect()
    }

    fn alone(&self, point: &Point) -> Option<f64> {
        let (strategy, costs) = (strategy_of(&point.params), self.terrain.costs_of(&point.params));
        if strategy == self.own_strategy {
            return self.own.trade(&costs).0.metric(&self.plan.objective);
        }
        self.own.with(&strategy).ok()?.trade(&costs).0.metric(&self.plan.objective)
    }

    /// The evaluated points as CSV (RFC 4180): `design`, the parameters by name, `value` (empty where it is undefined).
    pub(crate) fn csv(&self) -> Vec<u8> {
        let names: BTreeSet<&String> = self.terrain.finalist.keys().collect();
        let mut text = String::from("design");
        names.iter().for_each(|name| field(&mut text, name));
        text.push_str(",value\n");
        for Evaluated { design, params, value, .. } in &self.evaluated {
            text.push_str(design);
            for name in &names {
                field(&mut text, &params.get(*name).map(ToString::to_string).unwrap_or_default());
            }
            field(&mut text, &value.map(|value| value.to_string()).unwrap_or_default());
            text.push('\n');
        }
        text.into_bytes()
    }
}

/// A comma and a field, quoted where it has to be.
fn field(text: &mut String, value: &str) {
    let written = if value.contains([',', '"', '\n', '\r']) {
        write!(text, ",\"{}\"", value.replace('"', "\"\""))
    } else {
        write!(text, ",{value}")
    };
    written.expect("invariant: writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        let mut text = String::from("design");
        ["plain", "a,b", "say \"so\"", ""].iter().for_each(|value| field(&mut text, value));
        assert_eq!(text, r#"design,plain,"a,b","say ""so""","#);
    }
}
