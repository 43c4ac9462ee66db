//! Folds one by one, and the hold-out. A rule runs over each test segment with indicators warmed up on the bars before
//! it; a model is fitted to each fold's training range first. The segments are one account, from the first judged bar to
//! the last: what is held at the end of one is held at the beginning of the next, and no bar's return is missing. The
//! hold-out is an account of its own, which starts flat with all the capital.

use std::ops::Range;
use std::sync::Arc;

use gauntlet_backtest::model::{Artifact, Features, Labels, ModelConfig, fit};
use gauntlet_backtest::{BacktestError, Bars, Costs, Outcome, Run, Signals, Stops, Target, Then, run};
use gauntlet_domain::experiment::{FoldRange, Parameters, TrialPlan};

use crate::model::{Model, account, costs, terms};

/// A model on its way through the folds of a plan.
pub struct Walk<'a> {
    plan: &'a TrialPlan,
    bars: &'a Bars,
    costs: Costs,
    account: Run<'a>,
    /// Folds that have been run.
    folds: usize,
    prepared: Prepared,
    /// The training of the last fold and the model fitted to it: folds that train on the same bars share it.
    fitted: Option<(Training, Artifact)>,
}

/// What the folds share. Features and stops at a bar are functions of the bars up to it, so computing them once over
/// all bars tells no fold anything of what comes later.
enum Prepared {
    /// Signals of a rule.
    Rule(Signals),
    /// What a model is fitted to; its signals are others in each fold.
    Learned(Learner),
}

/// What a fold is trained on: its bars, and those of them that are left out.
pub(crate) type Training = (Range<usize>, Vec<Range<usize>>);

/// A model to be learned, with its features of all bars.
pub(crate) struct Learner {
    pub(crate) config: ModelConfig,
    features: Arc<Features>,
    stops: Option<Stops>,
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
    pub fn new(
        plan: &'a TrialPlan,
        parameters: &Parameters,
        bars: &'a Bars,
    ) -> Result<Walk<'a>, BacktestError> {
        let prepared = match Model::of(plan, parameters)? {
            Model::Rule(rule) => Prepared::Rule(rule.signals(bars)),
            Model::Learned(config) => Prepared::Learned(Learner::new(config, bars)),
        };
        let (costs, account) = terms(plan)?;
        let account = Run::new(bars, &costs, &account);
        Ok(Walk { plan, bars, costs, account, folds: 0, prepared, fitted: None })
    }

    /// Runs the next fold; gives the judged bars and what happened there. `None` after the last one.
    pub fn next_fold(&mut self) -> Result<Option<(Range<usize>, Outcome)>, BacktestError> {
        let index = self.folds;
        if index == self.plan.folds.len() {
            return Ok(None);
        }
        self.folds += 1;
        let (test, then) = (test_range(self.plan, index), then(self.plan, index));
        let outcome = match &self.prepared {
            // The rule goes on as if there were no folds.
            Prepared::Rule(signals) => self.account.segment(test.clone(), signals, then),
            Prepared::Learned(learner) => {
                let training = training(self.plan, index);
                let is_new = self.fitted.as_ref().is_none_or(|(known, _)| *known != training);
                let artifact = match self.fitted.take() {
                    Some((_, artifact)) if !is_new => artifact,
                    _ => self.fit(learner, &training)?,
                };
                let signals = learner.signals(&artifact, test.clone(), &self.costs);
                if index > 0 && is_new {
                    self.account.hand_over(test.start, &signals);
                }
                self.fitted = Some((training, artifact));
                self.account.segment(test.clone(), &signals, then)
            }
        };
        Ok(Some((test, outcome)))
    }

    /// The model as it is fitted for one fold; none for a rule.
    pub fn artifact(&self, index: usize) -> Result<Option<Artifact>, BacktestError> {
        match &self.prepared {
            Prepared::Rule(_) => Ok(None),
            Prepared::Learned(learner) => self.fit(learner, &training(self.plan, index)).map(Some),
        }
    }

    fn fit(&self, learner: &Learner, (train, holes): &Training) -> Result<Artifact, BacktestError> {
        learner.fit(self.bars, train.clone(), holes, self.plan.seed)
    }
}

/// Fits the model to all tuning bars and runs it over the hold-out that follows them. `joined` is both, in order.
pub fn hold_out(
    plan: &TrialPlan,
    parameters: &Parameters,
    joined: &Bars,
    tuning_bars: usize,
) -> Result<Held, BacktestError> {
    let held = tuning_bars..joined.len();
    let (costs, account) = (costs(&plan.costs), account(&plan.account));
    let (signals, artifact) = match Model::of(plan, parameters)? {
        Model::Rule(rule) => (rule.signals(joined), None),
        Model::Learned(config) => {
            let learner = Learner::new(config, joined);
            let artifact = learner.fit(joined, 0..tuning_bars, &[], plan.seed)?;
            (learner.signals(&artifact, held.clone(), &costs), Some(artifact))
        }
    };
    let outcome = run(joined, held.clone(), &signals, &costs, &account);
    Ok(Held { outcome, range: held, artifact })
}

impl Learner {
    pub(crate) fn new(config: ModelConfig, bars: &Bars) -> Learner {
        let features = Arc::new(Features::of(bars, &config.features));
        Learner { stops: config.stop.map(|stop| stop.stops(bars)), config, features }
    }

    /// The learner of another configuration over the same bars: it sees the same features where it asks for the same.
    pub(crate) fn configured(&self, config: ModelConfig, bars: &Bars) -> Learner {
        if config.features != self.config.features {
            return Learner::new(config, bars);
        }
        let (stops, features) = (config.stop.map(|stop| stop.stops(bars)), self.features.clone());
        Learner { config, features, stops }
    }

    /// Fits the model to the bars of `train` that are in no hole. No label knows a price after `train`.
    pub(crate) fn fit(
        &self,
        bars: &Bars,
        train: Range<usize>,
        holes: &[Range<usize>],
        seed: i64,
    ) -> Result<Artifact, BacktestError> {
        let labels = Labels::of(bars, train, self.config.horizon_bars, self.config.label_threshold);
        if holes.is_empty() {
            return fit(&self.features, &labels, &self.config, seed as u64);
        }
        let (features, labels) = without(&self.features, &labels, holes);
        fit(&features, &labels, &self.config, seed as u64)
    }

    /// The signals that can fill in `test`: those of [`Artifact::signals`], to the last bit, without asking the model
    /// about bars that no order of the segment comes from. Earlier bars are flat here and are never read. The artifact may be
    /// of any configuration that learns the same.
    pub(crate) fn signals(&self, artifact: &Artifact, test: Range<usize>, costs: &Costs) -> Signals {
        let first = test.start.saturating_sub(1).saturating_sub(costs.latency_bars as usize);
        let threshold = self.config.threshold;
        let target = |bar: usize| match self.features.row(bar).map(|row| artifact.predict_proba(row)) {
            Some(probability) if probability > 0.5 + threshold => Target::Long,
            Some(probability) if probability < 0.5 - threshold => Target::Short,
            _ => Target::Flat,
        };
        let mut targets = vec![Target::Flat; first];
        targets.extend((first..test.end).map(target));
        Signals { targets, stops: self.stops.clone() }
    }
}

/// What happens to a position at the end of a fold: it stays for the next one.
pub(crate) fn then(plan: &TrialPlan, index: usize) -> Then {
    if index + 1 == plan.folds.len() { Then::Close } else { Then::GoOn }
}

/// What a fold is trained on.
pub(crate) fn training(plan: &TrialPlan, index: usize) -> Training {
    let fold = plan.folds[index];
    let holes = embargoed(&plan.folds[..index], plan.embargo_bars);
    (range(fold.train_from, fold.train_to), holes)
}

/// The judged bars of a fold.
pub(crate) fn test_range(plan: &TrialPlan, index: usize) -> Range<usize> {
    range(plan.folds[index].test_from, plan.folds[index].test_to)
}

pub(crate) fn range(from: i64, to: i64) -> Range<usize> {
    from.max(0) as usize..to.max(0) as usize
}

/// Bars after earlier test segments that later folds may not learn from.
fn embargoed(earlier: &[FoldRange], bars: i64) -> Vec<Range<usize>> {
    earlier
        .iter()
        .map(|fold| range(fold.test_to, fold.test_to + bars))
        .filter(|hole| !hole.is_empty())
        .collect()
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

#[cfg(test)]
mod tests {
    use gauntlet_backtest::model::Estimator;
    use gauntlet_backtest::{Account, BarRow, ParamValue, Params, Signal};

    use super::*;

    fn bars(count: usize) -> Bars {
        let row = |index: usize| {
            let close = 100.0 + 10.0 * (index as f64 / 6.0).sin() + (index * 7919 % 13) as f64 / 13.0;
            BarRow {
                open: close,
                high: close + 0.3,
                low: close - 0.2,
                close,
                volume: 1.0,
                ..BarRow::default()
            }
        };
        (0..count).map(row).collect()
    }

    fn learner(estimator: Estimator, bars: &Bars) -> Learner {
        let params: [(&str, ParamValue); 3] =
            [("threshold", 0.05.into()), ("stop_atr", 2.0.into()), ("horizon_bars", 3.into())];
        let params: Params = params.map(|(name, value)| (name.to_owned(), value)).into();
        Learner::new(ModelConfig::build(estimator, &[], &params).unwrap(), bars)
    }

    #[test]
    fn the_signals_of_a_segment_are_those_of_the_artifact_to_the_last_bit() {
        let bars = bars(900);
        for (estimator, latency_bars) in
            [(Estimator::Logistic, 0), (Estimator::Gbdt, 0), (Estimator::Gbdt, 3)]
        {
            let learner = learner(estimator, &bars);
            let artifact = learner.fit(&bars, 0..500, &[], 7).unwrap();
            let costs = Costs { latency_bars, ..Costs::FREE };
            let ours = learner.signals(&artifact, 600..800, &costs);
            let theirs = artifact.signals(&bars.slice(0..800));
            let first = 599 - latency_bars as usize;
            assert_eq!(ours.targets.len(), 800);
            for bar in first..800 {
                let (ours, theirs) = (ours.get(bar).unwrap(), theirs.get(bar).unwrap());
                assert_eq!(ours.target, theirs.target, "bar {bar}");
                let stop = |signal: Signal| signal.stop.map(|stop| (stop.distance.to_bits(), stop.after));
                assert_eq!(stop(ours), stop(theirs));
            }
            let account = Account {
                capital: 1e5,
                sizing: gauntlet_backtest::Sizing::Percent(95.0),
                allow_short: true,
                maintenance_margin: 0.0,
                limits: None,
            };
            let outcome = |signals| run(&bars, 600..800, signals, &costs, &account);
            assert_eq!(outcome(&ours), outcome(&theirs));
            assert!(!outcome(&ours).trades.is_empty(), "nothing was traded, nothing compared");
        }
    }

    #[test]
    fn a_row_in_a_hole_is_not_learned_from() {
        let bars = bars(400);
        let learner = learner(Estimator::Logistic, &bars);
        let labels = Labels::of(&bars, 0..300, 3, 0.0);
        let (features, kept) = without(&learner.features, &labels, &[150..160, 200..201]);
        let rows = (0..297).filter(|bar| learner.features.row(*bar).is_some());
        let rows: Vec<usize> = rows.filter(|bar| !(150..160).contains(bar) && *bar != 200).collect();
        assert_eq!(kept.up.len(), rows.len());
        for (index, bar) in rows.into_iter().enumerate() {
            assert_eq!(features.row(index), learner.features.row(bar));
            assert_eq!(kept.get(index), labels.get(bar));
        }
    }
}
