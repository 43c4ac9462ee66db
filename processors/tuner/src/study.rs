//! One experiment: its searches, what is asked for in their names, and what follows when all of them are over.
//!
//! Search 0 is over all tuning bars; its best trials are the finalists. Where the scheme is a walk-forward, searches 1, 2, …
//! are over what lies before its folds. All run at the same time. Trial *k* of search *s* has the number *s · budget + k*,
//! so that finalists keep theirs and every record of a trial says which search it is of.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::market::CreateSnapshot;
use gauntlet_domain::robustness::{RiskRequested, SensitivityRequested};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{ContentHash, Event, ExperimentId, ModelId, TrialId, external};
use serde::{Deserialize, Serialize};

use crate::trials::{Source, TrialResult, TrialState, Trials, Unreadable};

/// Our own trainer, whom requests are addressed to unless the strategy is left to a program outside.
const TRAINER: &str = "trainer";

/// Our own evaluator, likewise.
const EVALUATOR: &str = "evaluator";

/// The searches of an experiment.
#[derive(Serialize, Deserialize)]
pub(crate) struct Study {
    pub(crate) experiment_id: ExperimentId,
    pub(crate) mandate: String,
    pub(crate) place: i64,
    /// The document, canonical JSON.
    document: String,
    /// Trials of one search, at least 1.
    budget: u64,
    /// Set when tuning begins.
    begun: Option<Begun>,
    /// By their numbers; none before tuning begins.
    searches: Vec<Trials>,
    /// Set when the searches are over: what was asked for then.
    closing: Option<Closing>,
    /// Only while a step is under way: what has ended is forgotten after it.
    #[serde(skip)]
    ended: bool,
    /// The document, read; again after a restart.
    #[serde(skip)]
    spec: Option<ExperimentSpec>,
}

/// What tuning began with.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) plan: TrialPlan,
    pub(crate) holdout: DataRef,
    /// Of searches 1, 2, ….
    pub(crate) windows: Vec<SearchWindow>,
}

/// What is asked for when the searches are over, and what has come back.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Closing {
    pub(crate) walk: Part<ProcedureOutcome>,
    pub(crate) family: Part<TrialFamilyMeasured>,
}

/// An answer to one request.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) enum Part<T> {
    /// It was not asked for.
    #[default]
    None,
    /// It has not come.
    Awaited,
    /// It is here.
    Here(T),
}

impl<T> Part<T> {
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self, Part::Awaited)
    }

    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Part::Here(part) => Some(part),
            Part::None | Part::Awaited => None,
        }
    }
}

/// Numbers of trials that were asked for, as runs without a hole: first number to one past the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked(BTreeMap<u64, u64>);

impl Asked {
    /// Adds a number, in any order: requests lie on several partitions, which are read one after the other.
    pub(crate) fn insert(&mut self, trial: u64) {
        let first = match self.0.range(..=trial).next_back() {
            Some((_, end)) if *end > trial => return,
            Some((first, end)) if *end == trial => *first,
            _ => trial,
        };
        // The run that begins behind it goes on from here.
        let end = self.0.remove(&(trial + 1)).unwrap_or(trial + 1);
        self.0.insert(first, end);
    }

    /// How many of the numbers from `first` on are there without a hole, up to `count`.
    fn from(&self, first: u64, count: u64) -> u64 {
        let run = self.0.range(..=first).next_back().filter(|(_, end)| **end > first);
        run.map_or(0, |(_, end)| (end - first).min(count))
    }
}

impl Study {
    pub(crate) fn new(submitted: &ExperimentSubmitted) -> Study {
        let spec: Option<ExperimentSpec> = serde_json::from_str(&submitted.document).ok();
        Study {
            budget: spec.as_ref().map_or(1, |spec| u64::from(spec.tuning.trials)).max(1),
            experiment_id: submitted.experiment_id,
            mandate: submitted.mandate.clone(),
            place: submitted.place,
            document: submitted.document.clone(),
            begun: None,
            searches: Vec::new(),
            closing: None,
            ended: false,
            spec,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.ended
    }

    pub(crate) fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref()
    }

    pub(crate) fn begin(&mut self, started: &ExperimentStarted) {
        let ExperimentStarted { plan, holdout, windows, .. } = started.clone();
        self.searches = (0..=windows.len()).map(|_| Trials::default()).collect();
        self.begun = Some(Begun { plan, holdout, windows });
    }

    /// The data to tune on and held out that the document asks for, before anybody has seen a bar of them: no rows, and the
    /// hash of none. `None` where the document cannot be read.
    pub(crate) fn unseen_data(&self) -> Option<(DataRef, DataRef)> {
        let spec = self.spec.clone().or_else(|| serde_json::from_str(&self.document).ok())?;
        let (tuning, holdout) = spec.snapshots().ok()?;
        let unseen = |command: CreateSnapshot| DataRef {
            snapshot_id: command.snapshot_id,
            content_hash: ContentHash::of(&[]),
            instrument: command.instrument,
            spec: command.spec,
            from: command.from,
            to: command.to,
            rows: 0,
        };
        Some((unseen(tuning), unseen(holdout)))
    }

    /// Nothing more follows from it.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Takes over from another version of the logic, which has asked for these trials.
    pub(crate) fn inherit(&mut self, asked: &Asked) {
        for (search, trials) in (0..).zip(&mut self.searches) {
            trials.inherit(asked.from(search * self.budget, self.budget));
        }
    }

    /// Why an answer is not one to a trial that was asked for, by whom it was asked of.
    pub(crate) fn objection(&self, trial: i64, id: TrialId, source: &str) -> Option<String> {
        let experiment = self.experiment_id;
        let Some(Begun { plan, .. }) = &self.begun else {
            return Some(format!("experiment {experiment} has not begun: no trial was asked for"));
        };
        let (writer, strategy) = (external::addressee(TRAINER, &plan.strategy), &plan.strategy);
        if source != writer {
            return Some(format!(
                "written by {source}: trials of strategy {strategy} are answered by {writer}"
            ));
        }
        let asked = u64::try_from(trial).ok().filter(|number| self.was_asked(*number));
        match asked.map(|number| trial_id(experiment, number)) {
            Some(asked) => {
                (asked != id).then(|| format!("trial {trial} of {experiment} is {asked}, not {id}"))
            }
            None => Some(format!("trial {trial} of experiment {experiment} was not asked for")),
        }
    }

    /// Why an answer is not one to the walk-forward, or to what the trials say together, that was asked for.
    pub(crate) fn objection_to_closing(&self, what: ClosingPart, source: &str) -> Option<String> {
        let experiment = self.experiment_id;
        let was_asked = self.closing.as_ref().is_some_and(|closing| match what {
            ClosingPart::Walk => !matches!(closing.walk, Part::None),
            ClosingPart::Family => !matches!(closing.family, Part::None),
        });
        let begun = self.begun.as_ref().filter(|_| was_asked);
        let Some(Begun { plan, .. }) = begun else {
            return Some(format!("{what} of experiment {experiment} was not asked for"));
        };
        let writer = external::addressee(EVALUATOR, &plan.strategy);
        (source != writer)
            .then(|| format!("written by {source}: {what} of {experiment} is computed by {writer}"))
    }

    /// What was asked for when the searches were over.
    pub(crate) fn closing(&mut self) -> Option<&mut Closing> {
        self.closing.as_mut()
    }

    /// What is asked for when the searches are over; empty where no finalist would be judged by it.
    pub(crate) fn closing_requests(
        &mut self,
    ) -> Result<(Option<WalkForwardRequested>, Option<TrialFamilyRequested>), Unreadable> {
        if self.closing.is_some() || self.finalists()?.is_empty() {
            return Ok((None, None));
        }
        let (walk, family) = (self.walk_forward()?, self.family());
        fn part<T, R>(request: &Option<R>) -> Part<T> {
            if request.is_some() { Part::Awaited } else { Part::None }
        }
        self.closing = Some(Closing { walk: part(&walk), family: part(&family) });
        Ok((walk, family))
    }

    /// What the search over all tuning bars has tried, pruned trials too; not where a program outside runs them.
    fn family(&self) -> Option<TrialFamilyRequested> {
        let (begun, main) = (self.begun.as_ref()?, self.main()?);
        let addressee = external::addressee(EVALUATOR, &begun.plan.strategy);
        let tried = |trial| {
            let result = main.result(trial).filter(|result| result.state != TrialState::Failed)?;
            Some(FamilyTrial { trial: trial as i64, parameters: result.parameters.clone() })
        };
        (addressee == EVALUATOR).then(|| TrialFamilyRequested {
            experiment_id: self.experiment_id,
            plan: begun.plan.clone(),
            trials: (0..main.requested()).filter_map(tried).collect(),
            addressee,
        })
    }

    fn was_asked(&self, number: u64) -> bool {
        let budget = self.budget;
        let trials = usize::try_from(number / budget).ok().and_then(|search| self.searches.get(search));
        trials.is_some_and(|trials| number % budget < trials.requested())
    }

    /// Takes the result of a trial that was asked for in. True when its search can go on with it.
    pub(crate) fn take(&mut self, number: u64, result: TrialResult) -> bool {
        let Some(begun) = &self.begun else { return false };
        let budget = self.budget;
        let is_outside = external::addressee(TRAINER, &begun.plan.strategy) != TRAINER;
        let search = number / budget;
        // It was read when the trial was asked for, or is read now.
        let spec = read(&mut self.spec, &self.document).ok();
        let source = spec.map(|spec| Source { spec, search });
        let Some(trials) = self.searches.get_mut(search as usize) else { return false };
        trials.take(number % budget, result, source.as_ref().filter(|_| is_outside))
    }

    /// The search over all tuning bars.
    pub(crate) fn main(&self) -> Option<&Trials> {
        self.searches.first()
    }

    /// Trials of all other searches.
    pub(crate) fn looks(&self) -> i64 {
        self.searches.iter().skip(1).map(|trials| trials.requested() as i64).sum()
    }

    /// The requests that the results of all searches allow now.
    pub(crate) fn next_requests(&mut self) -> Result<Vec<TrainingRequested>, Unreadable> {
        let Some(begun) = &self.begun else { return Ok(Vec::new()) };
        let addressee = external::addressee(TRAINER, &begun.plan.strategy);
        let spec = read(&mut self.spec, &self.document)?;
        let budget = self.budget;
        let mut requests = Vec::new();
        for (search, trials) in (0..).zip(&mut self.searches) {
            let proposals = trials.next(&Source { spec, search }, budget)?;
            requests.extend(proposals.into_iter().map(|proposal| {
                let number = search * budget + proposal.trial;
                TrainingRequested {
                    experiment_id: self.experiment_id,
                    trial: number as i64,
                    trial_id: trial_id(self.experiment_id, number),
                    parameters: proposal.parameters,
                    plan: begun.plan_of(search as usize),
                    pruning_thresholds: proposal.thresholds,
                    addressee: addressee.clone(),
                }
            }));
        }
        Ok(requests)
    }

    /// Whether every search is over.
    pub(crate) fn is_over(&self) -> bool {
        !self.searches.is_empty() && self.searches.iter().all(|trials| trials.is_over(self.budget))
    }

    /// The walk-forward of what the searches before the folds have chosen; `None` where there is none.
    fn walk_forward(&mut self) -> Result<Option<WalkForwardRequested>, Unreadable> {
        let Some(begun) = self.begun.clone() else { return Ok(None) };
        if begun.windows.is_empty() {
            return Ok(None);
        }
        let spec = read(&mut self.spec, &self.document)?;
        let budget = self.budget;
        let mut segments = Vec::new();
        for ((search, trials), window) in (1..).zip(self.searches.iter_mut().skip(1)).zip(&begun.windows) {
            let best = trials.best(&Source { spec, search }, 1)?.first().copied();
            let result = best.and_then(|trial| trials.result(trial));
            segments.push(WalkForwardSegment {
                bars: window.walk,
                trial: best.map(|trial| (search * budget + trial) as i64),
                completed: trials.count(TrialState::Completed),
                parameters: result.map(|result| result.parameters.clone()).unwrap_or_default(),
                in_sample: result.and_then(|result| result.value),
                in_sample_return: result.and_then(|result| result.annual_return),
            });
        }
        let addressee = external::addressee(EVALUATOR, &begun.plan.strategy);
        Ok(Some(WalkForwardRequested {
            experiment_id: self.experiment_id,
            plan: begun.plan,
            segments,
            addressee,
        }))
    }

    /// Trials of the main search that go on to evaluation, best first.
    pub(crate) fn finalists(&mut self) -> Result<Vec<u64>, Unreadable> {
        let spec = read(&mut self.spec, &self.document)?;
        let count = spec.validation.finalists as usize;
        self.searches.first_mut().map_or(Ok(Vec::new()), |main| main.best(&Source { spec, search: 0 }, count))
    }

    /// Asks for the evaluation of finalists; `procedure` is what their hold-out is held against.
    pub(crate) fn evaluations(
        &mut self,
        finalists: &[u64],
        procedure: Option<ProcedureOutcome>,
    ) -> Result<Vec<EvaluationRequested>, Unreadable> {
        let validation = &read(&mut self.spec, &self.document)?.validation;
        let (Some(begun), Some(main)) = (&self.begun, self.searches.first()) else { return Ok(Vec::new()) };
        let request = |(place, trial): (i64, &u64)| EvaluationRequested {
            experiment_id: self.experiment_id,
            model_id: model_id(self.experiment_id, *trial),
            trial: *trial as i64,
            finalist: place,
            parameters: main.result(*trial).map(|result| result.parameters.clone()).unwrap_or_default(),
            plan: begun.plan.clone(),
            holdout: begun.holdout.clone(),
            holdout_keeps: validation.holdout_keeps.0,
            min_trades: i64::from(validation.min_trades),
            procedure,
            addressee: external::addressee(EVALUATOR, &begun.plan.strategy),
        };
        Ok((1..).zip(finalists).map(request).collect())
    }

    /// Asks for the sensitivity and the risk of finalists, where the document does.
    pub(crate) fn robustness(&mut self, finalists: &[u64]) -> Result<Vec<Event>, Unreadable> {
        let spec = read(&mut self.spec, &self.document)?;
        let (Some(begun), Some(main)) = (&self.begun, self.searches.first()) else { return Ok(Vec::new()) };
        let space = || serde_json::Value::from_iter(spec.model.parameters.clone()).to_string();
        let terms = spec.sensitivity().map(|section| section.terms(space()));
        let asks_for_risk = spec.asks_for_risk();
        let mut requests = Vec::new();
        for number in finalists {
            let (experiment_id, trial) = (self.experiment_id, *number as i64);
            let model_id = model_id(experiment_id, *number);
            let parameters = main.result(*number).map(|result| result.parameters.clone()).unwrap_or_default();
            let plan = begun.plan.clone();
            if let Some(terms) = terms.clone() {
                let (parameters, plan) = (parameters.clone(), plan.clone());
                requests.push(
                    SensitivityRequested { experiment_id, model_id, trial, parameters, plan, terms }.into(),
                );
            }
            if asks_for_risk {
                let holdout = begun.holdout.clone();
                requests
                    .push(RiskRequested { experiment_id, model_id, trial, parameters, plan, holdout }.into());
            }
        }
        Ok(requests)
    }

    /// The objective of the document.
    pub(crate) fn objective(&mut self) -> Result<&str, Unreadable> {
        Ok(&read(&mut self.spec, &self.document)?.tuning.objective)
    }
}

impl Begun {
    /// The plan of a search: its own blocks, everything else shared.
    fn plan_of(&self, search: usize) -> TrialPlan {
        let window = search.checked_sub(1).and_then(|window| self.windows.get(window));
        TrialPlan {
            folds: window.map_or_else(|| self.plan.folds.clone(), |window| window.folds.clone()),
            ..self.plan.clone()
        }
    }
}

/// What is asked for when the searches are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClosingPart {
    Walk,
    Family,
}

impl std::fmt::Display for ClosingPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ClosingPart::Walk => "the walk-forward",
            ClosingPart::Family => "what the trials say together",
        })
    }
}

/// The document; a free function, so that its caller may borrow the rest of the study.
fn read<'a>(known: &'a mut Option<ExperimentSpec>, document: &str) -> Result<&'a ExperimentSpec, Unreadable> {
    if known.is_none() {
        *known = Some(serde_json::from_str(document).map_err(|_| Unreadable)?);
    }
    known.as_ref().ok_or(Unreadable)
}

/// The id of a trial.
pub(crate) fn trial_id(experiment: ExperimentId, trial: u64) -> TrialId {
    TrialId::derive(&[experiment.0.as_bytes(), &trial.to_be_bytes()])
}

/// The id of the model that a trial becomes as a finalist.
pub(crate) fn model_id(experiment: ExperimentId, trial: u64) -> ModelId {
    ModelId::derive(&[experiment.0.as_bytes(), &trial.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_numbers_are_counted_from_where_a_search_begins() {
        let mut asked = Asked::default();
        for trial in [0, 10, 1, 11, 2, 20, 12, 2, 3] {
            asked.insert(trial);
        }
        assert_eq!([0, 10, 20, 30].map(|first| asked.from(first, 10)), [4, 3, 1, 0]);
        for trial in 4..10 {
            asked.insert(trial);
        }
        // The run goes on into the next search, which counts its own.
        assert_eq!([0, 10].map(|first| asked.from(first, 10)), [10, 3]);
        // As several partitions have them.
        let mut asked = Asked::default();
        for trial in [0, 4, 5, 8, 3, 6, 2, 7, 1] {
            asked.insert(trial);
        }
        assert_eq!(asked, Asked(BTreeMap::from([(0, 9)])));
    }
}
