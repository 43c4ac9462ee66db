//! What a model decides in each fold, once it is fitted: the same decisions can be traded under many costs. With the costs of
//! the plan it is what [`crate::Walk`] gives, to the last bit.

use std::ops::Range;

use gauntlet_backtest::{Account, BacktestError, Bars, Costs, Run, Signals, Trade};
use gauntlet_domain::experiment::{Parameters, TrialPlan};

use crate::folds::{Learner, test_range, then, training};
use crate::model::{Model, terms};
use crate::report::Segments;

/// The decisions of a model in the folds of a plan.
pub struct Decided<'a> {
    plan: &'a TrialPlan,
    bars: &'a Bars,
    account: Account,
    /// Of a rule one for all folds, of a learned model one for each.
    signals: Vec<Signals>,
    folds: Vec<Fold>,
}

struct Fold {
    test: Range<usize>,
    /// Which of the signals.
    signals: usize,
    /// Whether another model than in the fold before decides.
    is_other_model: bool,
}

impl<'a> Decided<'a> {
    /// Fits the model to the training of each fold and asks it about the bars of its test, and about as many before as orders
    /// can come from that are `most_latency` bars late.
    pub fn of(
        plan: &'a TrialPlan,
        parameters: &Parameters,
        bars: &'a Bars,
        most_latency: u32,
    ) -> Result<Decided<'a>, BacktestError> {
        let (_, account) = terms(plan)?;
        let (mut signals, mut folds) = (Vec::new(), Vec::new());
        match Model::of(plan, parameters)? {
            Model::Rule(rule) => {
                signals.push(rule.signals(bars));
                let fold = |index| Fold { test: test_range(plan, index), signals: 0, is_other_model: false };
                folds.extend((0..plan.folds.len()).map(fold));
            }
            Model::Learned(config) => {
                let learner = Learner::new(config, bars);
                let late = Costs { latency_bars: most_latency, ..Costs::FREE };
                let mut fitted = None;
                for index in 0..plan.folds.len() {
                    let (training, test) = (training(plan, index), test_range(plan, index));
                    let is_new = fitted.as_ref().is_none_or(|(known, _)| *known != training);
                    if is_new {
                        let artifact = learner.fit(bars, training.0.clone(), &training.1, plan.seed)?;
                        fitted = Some((training, artifact));
                    }
                    if let Some((_, artifact)) = &fitted {
                        signals.push(learner.signals(artifact, test.clone(), &late));
                    }
                    folds.push(Fold { test, signals: index, is_other_model: is_new && index > 0 });
                }
            }
        }
        Ok(Decided { plan, bars, account, signals, folds })
    }

    /// Fits that one set of parameters takes: folds that train on the same bars share one; none for a rule.
    pub fn fits(plan: &TrialPlan) -> usize {
        if plan.estimator.is_none() {
            return 0;
        }
        let is_new = |index: &usize| *index == 0 || training(plan, *index) != training(plan, index - 1);
        (0..plan.folds.len()).filter(is_new).count()
    }

    /// Trades the decisions through all folds, one account; gives what happened and every closed position. A latency above
    /// `most_latency` finds no orders at the beginning of a fold of a learned model.
    pub fn trade(&self, costs: &Costs) -> (Segments, Vec<Trade>) {
        let mut account = Run::new(self.bars, costs, &self.account);
        let (mut segments, mut trades) = (Segments::of(self.plan), Vec::new());
        for (index, fold) in self.folds.iter().enumerate() {
            let signals = &self.signals[fold.signals];
            if fold.is_other_model {
                account.hand_over(fold.test.start, signals);
            }
            let outcome = account.segment(fold.test.clone(), signals, then(self.plan, index));
            segments.push(self.bars, fold.test.clone(), &outcome);
            trades.extend(outcome.trades);
        }
        (segments, trades)
    }
}
