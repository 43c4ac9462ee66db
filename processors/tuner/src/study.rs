//! One experiment: its searches, what is asked for in their names, and what follows when all of them are over.
//!
//! Search 0 is over all tuning bars; its best trials are the finalists. Where the scheme is a walk-forward, searches 1, 2, …
//! are over what lies before its folds. All run at the same time. Trial *k* of search *s* has the number *s · budget + k*,
//! so that finalists keep theirs and every record of a trial says which search it is of.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::market::CreateSnapshot;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{ContentHash, ExperimentId, ModelId, TrialId, external};
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
    /// Whether the walk-forward was asked for: the searches are over.
    walking: bool,
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

/// Numbers of trials that were asked for, as runs without a hole: first number to one past the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked(BTreeMap<u64, u64>);

impl Asked {
    /// Adds a number; those of one search come in their order.
    pub(crate) fn insert(&mut self, trial: u64) {
        match self.0.range_mut(..=trial).next_back() {
            Some((_, end)) if *end >= trial => *end = (*end).max(trial + 1),
            _ => {
                self.0.insert(trial, trial + 1);
            }
        }
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
            walking: false,
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

    /// Why an answer is not one to the walk-forward that was asked for.
    pub(crate) fn objection_to_walk(&self, source: &str) -> Option<String> {
        let experiment = self.experiment_id;
        let begun = self.begun.as_ref().filter(|_| self.walking);
        let Some(Begun { plan, .. }) = begun else {
            return Some(format!("the walk-forward of experiment {experiment} was not asked for"));
        };
        let writer = external::addressee(EVALUATOR, &plan.strategy);
        (source != writer)
            .then(|| format!("written by {source}: the walk-forward of {experiment} is computed by {writer}"))
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

    /// The walk-forward of what the searches before the folds have chosen; `None` where there is none, where it was asked
    /// for already, and where no finalist would be held against it.
    pub(crate) fn walk_forward(&mut self) -> Result<Option<WalkForwardRequested>, Unreadable> {
        let Some(begun) = self.begun.clone() else { return Ok(None) };
        if self.walking || begun.windows.is_empty() || self.finalists()?.is_empty() {
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
        self.walking = true;
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
    }
}
