//! The walk-forward of a procedure: each fold is traded by what the search before it chose, and the folds are one account.
//!
//! Pardo (2008), The Evaluation and Optimization of Trading Strategies, ch. 11. At a boundary the next choice takes the
//! account over as [`gauntlet_backtest::Run::hand_over`] says. A learned model is fitted again, to the whole window of its
//! search. A fold without a choice is flat: what is still held is closed at its first opening.

use std::collections::BTreeSet;
use std::ops::Range;

use gauntlet_backtest::{BacktestError, Bars, Costs, Outcome, Run, Signals, Target, Then};
use gauntlet_domain::experiment::{Metrics, ParameterValue, TrialPlan, WalkForwardFold, WalkForwardSegment};

use crate::folds::{Learner, range};
use crate::model::{Model, terms};

/// A procedure on its way through the folds.
pub struct Procedure<'a> {
    plan: &'a TrialPlan,
    segments: &'a [WalkForwardSegment],
    bars: &'a Bars,
    costs: Costs,
    account: Run<'a>,
    /// Folds that have been traded.
    folds: usize,
}

impl<'a> Procedure<'a> {
    /// Before the first fold.
    pub fn new(
        plan: &'a TrialPlan,
        segments: &'a [WalkForwardSegment],
        bars: &'a Bars,
    ) -> Result<Procedure<'a>, BacktestError> {
        let (costs, account) = terms(plan)?;
        let account = Run::new(bars, &costs, &account);
        Ok(Procedure { plan, segments, bars, costs, account, folds: 0 })
    }

    /// Trades the next fold; gives its bars and what happened there. `None` after the last one.
    pub fn next_fold(&mut self) -> Result<Option<(Range<usize>, Outcome)>, BacktestError> {
        let Some(segment) = self.segments.get(self.folds) else { return Ok(None) };
        let test = range(segment.bars.test_from, segment.bars.test_to);
        let signals = self.signals(segment, &test)?;
        if self.folds > 0 {
            self.account.hand_over(test.start, &signals);
        }
        self.folds += 1;
        let then = if self.folds == self.segments.len() { Then::Close } else { Then::GoOn };
        let outcome = self.account.segment(test.clone(), &signals, then);
        Ok(Some((test, outcome)))
    }

    fn signals(&self, segment: &WalkForwardSegment, test: &Range<usize>) -> Result<Signals, BacktestError> {
        if segment.trial.is_none() {
            return Ok(Signals { targets: vec![Target::Flat; test.end], stops: None });
        }
        Ok(match Model::of(self.plan, &segment.parameters)? {
            // What a rule wants at a bar follows from the bars up to it.
            Model::Rule(rule) => rule.signals(self.bars),
            Model::Learned(config) => {
                let learner = Learner::new(config, self.bars);
                let window = range(segment.bars.train_from, segment.bars.train_to);
                let artifact = learner.fit(self.bars, window, &[], self.plan.seed)?;
                learner.signals(&artifact, test.clone(), &self.costs)
            }
        })
    }
}

/// What the folds say together, by name; `None` is undefined.
///
/// * `efficiency`: walk-forward efficiency, the mean annual return of the traded folds over that of their choices before
///   them. Pardo (2008), ch. 11. Undefined where the choices show no gain.
/// * `profitable_folds`: share of the folds with a gain.
/// * `flat_folds`: folds whose search chose nothing.
/// * `drift.NAME`, for each parameter that was searched: of a number the mean of its changes from fold to fold, without
///   their signs and in its own unit; of anything else the share of the folds at which it changed. Undefined below two
///   choices.
pub fn summary(folds: &[WalkForwardFold]) -> Metrics {
    let traded: Vec<&WalkForwardFold> = folds.iter().filter(|fold| fold.segment.trial.is_some()).collect();
    let pairs = traded.iter().filter_map(|fold| Some((fold.annual_return?, fold.segment.in_sample_return?)));
    let (outside, inside) = pairs.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let gains = folds.iter().filter(|fold| fold.total_return.is_some_and(|value| value > 0.0)).count();
    let mut summary = Metrics::from([
        ("efficiency".to_owned(), (inside > 0.0).then(|| outside / inside)),
        ("profitable_folds".to_owned(), (!folds.is_empty()).then(|| gains as f64 / folds.len() as f64)),
        ("flat_folds".to_owned(), Some((folds.len() - traded.len()) as f64)),
    ]);
    let names: BTreeSet<&String> = traded.iter().flat_map(|fold| fold.segment.parameters.keys()).collect();
    for name in names {
        let chosen: Vec<Option<&ParameterValue>> =
            traded.iter().map(|fold| fold.segment.parameters.get(name)).collect();
        summary.insert(format!("drift.{name}"), drift(&chosen));
    }
    summary
}

fn drift(chosen: &[Option<&ParameterValue>]) -> Option<f64> {
    let number = |value: &ParameterValue| match value {
        ParameterValue::Int(int) => Some(*int as f64),
        ParameterValue::Float(float) => Some(*float),
        ParameterValue::Text(_) | ParameterValue::Flag(_) => None,
    };
    let change = |pair: &[Option<&ParameterValue>]| match (pair[0].and_then(number), pair[1].and_then(number))
    {
        (Some(before), Some(after)) => (after - before).abs(),
        _ => f64::from(u8::from(pair[0] != pair[1])),
    };
    let changes = chosen.len().checked_sub(1).filter(|changes| *changes > 0)?;
    Some(chosen.windows(2).map(change).sum::<f64>() / changes as f64)
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::Timestamp;
    use gauntlet_domain::experiment::{FoldRange, Parameters};

    use super::*;

    fn fold(trial: Option<i64>, fast: i64, kind: &str, inside: f64, outside: f64) -> WalkForwardFold {
        let parameters = Parameters::from([
            ("fast".into(), ParameterValue::Int(fast)),
            ("kind".into(), ParameterValue::Text(kind.into())),
        ]);
        WalkForwardFold {
            segment: WalkForwardSegment {
                bars: FoldRange { train_from: 0, train_to: 0, test_from: 0, test_to: 0 },
                parameters: if trial.is_some() { parameters } else { Parameters::new() },
                trial,
                completed: 5,
                in_sample: Some(1.0),
                in_sample_return: trial.map(|_| inside),
            },
            from: Timestamp(0),
            to: Timestamp(1),
            value: None,
            total_return: Some(outside / 4.0),
            annual_return: Some(outside),
        }
    }

    #[test]
    fn efficiency_gains_and_drift_by_hand() {
        let folds = [
            fold(Some(3), 10, "sma", 0.2, 0.1),
            fold(None, 0, "", 0.0, 0.0),
            fold(Some(4), 16, "sma", 0.3, -0.05),
            fold(Some(9), 14, "ema", 0.1, 0.1),
        ];
        let got = summary(&folds);
        let close = |name: &str, wanted: f64| assert!((got[name].unwrap() - wanted).abs() < 1e-12, "{name}");
        close("efficiency", 0.15 / 0.6);
        close("profitable_folds", 0.5);
        close("flat_folds", 1.0);
        close("drift.fast", 4.0);
        close("drift.kind", 0.5);
        let losing = summary(&[fold(Some(1), 10, "sma", -0.1, -0.2)]);
        assert_eq!((losing["efficiency"], losing["drift.fast"]), (None, None));
    }
}
