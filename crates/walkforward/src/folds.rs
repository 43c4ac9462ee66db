//! Folds one by one, and the hold-out. A rule runs over each test segment with indicators warmed up on the bars before
//! it; a model is fitted to each fold's training range first. Every segment starts with the account's capital, and the
//! returns of the segments are concatenated.

use std::ops::Range;

use gauntlet_backtest::model::{Artifact, Features, Labels, fit};
use gauntlet_backtest::{Account, BacktestError, Bars, Costs, Outcome, Signals, run};
use gauntlet_domain::experiment::{FoldRange, Parameters, TrialPlan};

use crate::model::{Model, account, costs};

/// A model on its way through the folds of a plan.
pub struct Walk<'a> {
    plan: &'a TrialPlan,
    bars: &'a Bars,
    model: Model,
    costs: Costs,
    account: Account,
    /// Signals of a rule over all bars; a learned model has others in each fold.
    signals: Option<Signals>,
    /// Features of a learned model over all bars.
    features: Option<Features>,
}

/// A model against its hold-out.
pub struct Held {
    /// What happened there.
    pub outcome: Outcome,
    /// Bars of the hold-out within the joined bars.
    pub range: Range<usize>,
    /// The model as it was fitted to everything before the hold-out; none for a rule.
    pub artifact: Option<Artifact>,
}

impl<'a> Walk<'a> {
    /// Prepares a model for the folds over the tuning bars.
    pub fn new(plan: &'a TrialPlan, parameters: &Parameters, bars: &'a Bars) -> Result<Walk<'a>, BacktestError> {
        let model = Model::of(plan, parameters)?;
        let (signals, features) = match &model {
            Model::Rule(rule) => (Some(rule.signals(bars)), None),
            Model::Learned(config) => (None, Some(Features::of(bars, &config.features))),
        };
        let (costs, account) = (costs(&plan.costs), account(&plan.account));
        costs.validate()?;
        account.validate()?;
        Ok(Walk { plan, bars, model, costs, account, signals, features })
    }

    /// Runs one fold; gives the judged bars and what happened there.
    pub fn fold(&self, index: usize) -> Result<(Range<usize>, Outcome), BacktestError> {
        let fold = self.plan.folds[index];
        let test = range(fold.test_from, fold.test_to);
        let outcome = match (&self.model, &self.signals, &self.features) {
            (Model::Learned(config), _, Some(features)) => {
                let train = range(fold.train_from, fold.train_to);
                let holes = embargoed(&self.plan.folds[..index], self.plan.embargo_bars);
                let labels = Labels::of(self.bars, train, config.horizon_bars, config.label_threshold);
                let (features, labels) = without(features, &labels, &holes);
                let artifact = fit(&features, &labels, config, self.plan.seed as u64)?;
                let signals = artifact.signals(&self.bars.slice(0..test.end));
                run(self.bars, test.clone(), &signals, &self.costs, &self.account)
            }
            (_, Some(signals), _) => run(self.bars, test.clone(), signals, &self.costs, &self.account),
            _ => Outcome::default(),
        };
        Ok((test, outcome))
    }
}

/// Fits the model to all tuning bars and runs it over the hold-out that follows them. `joined` is both, in order.
pub fn hold_out(
    plan: &TrialPlan,
    parameters: &Parameters,
    joined: &Bars,
    tuning_bars: usize,
) -> Result<Held, BacktestError> {
    let model = Model::of(plan, parameters)?;
    let held = tuning_bars..joined.len();
    let (signals, artifact) = match &model {
        Model::Rule(rule) => (rule.signals(joined), None),
        Model::Learned(config) => {
            let tuning = joined.slice(0..tuning_bars);
            let labels = Labels::of(&tuning, 0..tuning_bars, config.horizon_bars, config.label_threshold);
            let artifact = fit(&Features::of(&tuning, &config.features), &labels, config, plan.seed as u64)?;
            (artifact.signals(joined), Some(artifact))
        }
    };
    let outcome = run(joined, held.clone(), &signals, &costs(&plan.costs), &account(&plan.account));
    Ok(Held { outcome, range: held, artifact })
}

fn range(from: i64, to: i64) -> Range<usize> {
    from.max(0) as usize..to.max(0) as usize
}

/// Bars after earlier test segments that later folds may not learn from.
fn embargoed(earlier: &[FoldRange], bars: i64) -> Vec<Range<usize>> {
    earlier.iter().map(|fold| range(fold.test_to, fold.test_to + bars)).filter(|hole| !hole.is_empty()).collect()
}

/// Features and labels with the holes cut out, joined without gaps.
fn without(features: &Features, labels: &Labels, holes: &[Range<usize>]) -> (Features, Labels) {
    let mut kept = Features { first: 0, columns: features.columns, values: Vec::new() };
    let mut up = Vec::new();
    for bar in labels.bars().filter(|bar| !holes.iter().any(|hole| hole.contains(bar))) {
        if let (Some(row), Some(label)) = (features.row(bar), labels.get(bar)) {
            kept.values.extend_from_slice(row);
            up.push(label);
        }
    }
    (kept, Labels { first: 0, up })
}
