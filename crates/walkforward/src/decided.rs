//! What a model decides in each fold, once it is fitted: the same decisions can be traded under many costs. With the costs of
//! the plan it is what [`crate::Walk`] gives, to the last bit.

use std::ops::Range;
use std::sync::Arc;

use gauntlet_backtest::model::Artifact;
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
    most_latency: u32,
    /// Of a rule one for all folds, of a learned model one for each.
    signals: Vec<Signals>,
    folds: Vec<Fold>,
    /// None for a rule.
    learned: Option<Learned>,
}

/// What was learned: the model of each fold.
struct Learned {
    learner: Learner,
    models: Vec<Arc<Artifact>>,
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
        let decided =
            Decided { plan, bars, account, most_latency, signals: vec![], folds: vec![], learned: None };
        match Model::of(plan, parameters)? {
            Model::Rule(rule) => Ok(decided.ruled(rule.signals(bars))),
            Model::Learned(config) => decided.fitted(Learner::new(config, bars)),
        }
    }

    /// What another set of parameters decides, to the last bit as [`Decided::of`] has it. It shares the features with this
    /// one, and the fitted models where both learn the same.
    pub fn with(&self, parameters: &Parameters) -> Result<Decided<'a>, BacktestError> {
        let (Some(own), Model::Learned(config)) = (&self.learned, Model::of(self.plan, parameters)?) else {
            return Decided::of(self.plan, parameters, self.bars, self.most_latency);
        };
        let is_fitted = config.learns_like(&own.learner.config);
        let decided = Decided { signals: vec![], folds: vec![], learned: None, ..*self };
        let learner = own.learner.configured(config, self.bars);
        if is_fitted { Ok(decided.asked(learner, own.models.clone())) } else { decided.fitted(learner) }
    }

    /// Whether another set of parameters learns the same, so that [`Decided::with`] fits nothing; true of rules.
    pub fn learns_like(&self, parameters: &Parameters) -> bool {
        match (&self.learned, Model::of(self.plan, parameters)) {
            (Some(own), Ok(Model::Learned(config))) => config.learns_like(&own.learner.config),
            (None, _) => true,
            // Nothing is fitted for what the model refuses.
            (_, Err(_)) => true,
            (Some(_), Ok(Model::Rule(_))) => false,
        }
    }

    /// One column of signals for all folds.
    fn ruled(mut self, signals: Signals) -> Decided<'a> {
        self.signals = vec![signals];
        let fold = |index| Fold { test: test_range(self.plan, index), signals: 0, is_other_model: false };
        self.folds = (0..self.plan.folds.len()).map(fold).collect();
        self
    }

    /// Fits the model to the training of each fold; folds that train on the same bars share it.
    fn fitted(self, learner: Learner) -> Result<Decided<'a>, BacktestError> {
        let mut models: Vec<Arc<Artifact>> = Vec::new();
        for index in 0..self.plan.folds.len() {
            let shared = models.last().filter(|_| !trains_anew(self.plan, index)).cloned();
            models.push(match shared {
                Some(shared) => shared,
                None => {
                    let (train, holes) = training(self.plan, index);
                    Arc::new(learner.fit(self.bars, train, &holes, self.plan.seed)?)
                }
            });
        }
        Ok(self.asked(learner, models))
    }

    /// Asks the model of each fold.
    fn asked(mut self, learner: Learner, models: Vec<Arc<Artifact>>) -> Decided<'a> {
        let late = Costs { latency_bars: self.most_latency, ..Costs::FREE };
        for (index, model) in models.iter().enumerate() {
            let test = test_range(self.plan, index);
            self.signals.push(learner.signals(model, test.clone(), &late));
            let is_other_model = index > 0 && trains_anew(self.plan, index);
            self.folds.push(Fold { test, signals: index, is_other_model });
        }
        self.learned = Some(Learned { learner, models });
        self
    }

    /// Fits that one set of parameters takes: folds that train on the same bars share one; none for a rule.
    pub fn fits(plan: &TrialPlan) -> usize {
        if plan.estimator.is_none() {
            return 0;
        }
        (0..plan.folds.len()).filter(|index| trains_anew(plan, *index)).count()
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

/// Whether a fold trains on other bars than the one before.
fn trains_anew(plan: &TrialPlan, index: usize) -> bool {
    index == 0 || training(plan, index) != training(plan, index - 1)
}
