//! One search of an experiment: what was asked for, what came back, what may be asked next.
//!
//! Trials are counted from 0 here; which numbers they have in the experiment is known to [`crate::study`].

use std::collections::BTreeMap;

use gauntlet_domain::experiment::Parameters;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_search::rng::Stream;
use gauntlet_search::{
    Ask, Choice, FoldHistory, FoldState, Observation, Outcome, Pruner, PrunerKind, SamplerKind, Search,
    Space, finalists,
};
use serde::{Deserialize, Serialize};

/// The document cannot be searched by. It was accepted when it was submitted, so whoever accepted it has another version:
/// what is wrong with it is said when it is submitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// A search under way.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Trials {
    /// Trials asked for so far.
    requested: u64,
    /// True when the space has nothing more to offer.
    exhausted: bool,
    /// Results 0, 1, 2 … without a hole.
    results: Vec<TrialResult>,
    /// Results that arrived before one of their predecessors.
    early: BTreeMap<u64, TrialResult>,
    /// Parameters of trials that were asked for and are not among `results`. A state that was saved without them lacks
    /// some; they are then proposed again.
    #[serde(default)]
    asked: BTreeMap<u64, Parameters>,
    /// What follows from the document and the results; made again after a restart.
    #[serde(skip)]
    tools: Option<Tools>,
}

/// What comes next in a search.
pub(crate) struct Proposal {
    /// Number of the trial in its search.
    pub(crate) trial: u64,
    /// What to try.
    pub(crate) parameters: Parameters,
    /// Per fold, what the running objective must reach.
    pub(crate) thresholds: Vec<Option<f64>>,
}

/// What came back for a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrialResult {
    pub(crate) parameters: Parameters,
    pub(crate) state: TrialState,
    pub(crate) value: Option<f64>,
    pub(crate) fold_values: Vec<Option<f64>>,
    pub(crate) sharpe: Option<f64>,
    /// Return of a year, for the efficiency of the walk-forward.
    #[serde(default)]
    pub(crate) annual_return: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TrialState {
    Completed,
    Pruned,
    Failed,
}

/// The document's search, and the results in the search's words.
struct Tools {
    search: Search,
    pruner: Box<dyn Pruner>,
    /// Trials that the pruner was shown.
    shown: usize,
    folds: Vec<FoldHistory>,
}

impl Trials {
    /// Takes over from another version of the logic, which has asked for so many trials.
    pub(crate) fn inherit(&mut self, requested: u64) {
        self.requested = self.requested.max(requested);
    }

    pub(crate) fn requested(&self) -> u64 {
        self.requested
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// The result of a trial, if all before it have come back too.
    pub(crate) fn result(&self, trial: u64) -> Option<&TrialResult> {
        self.results.get(usize::try_from(trial).ok()?)
    }

    /// All results, for the ledger.
    pub(crate) fn all_results(&self) -> impl Iterator<Item = &TrialResult> {
        self.results.iter().chain(self.early.values())
    }

    /// How many ended in this way.
    pub(crate) fn count(&self, state: TrialState) -> i64 {
        self.all_results().filter(|result| result.state == state).count() as i64
    }

    /// Takes a result in, and every early one that now follows without a hole. True when there is something new without
    /// a hole. Of a trainer outside, what it was asked to try counts: what it says that it tried must not lead the search
    /// astray. One of our own repeats what it was asked.
    pub(crate) fn take(&mut self, trial: u64, mut result: TrialResult, outside: Option<&Source<'_>>) -> bool {
        let before = self.results.len() as u64;
        if trial < before || self.early.contains_key(&trial) {
            return false;
        }
        // It was asked for, so the document can be read; reading it fills in what a saved state lacks.
        if let Some(source) = outside
            && self.tools(source).is_ok()
            && let Some(parameters) = self.asked.get(&trial)
        {
            result.parameters = parameters.clone();
        }
        self.early.insert(trial, result);
        while let Some(next) = self.early.remove(&(self.results.len() as u64)) {
            self.asked.remove(&(self.results.len() as u64));
            if let Some(tools) = &mut self.tools {
                tools.observe(self.results.len() as u64, &next);
            }
            self.results.push(next);
        }
        self.results.len() as u64 > before
    }

    /// Whether everything asked for has come back and nothing more will be asked.
    pub(crate) fn is_over(&self, budget: u64) -> bool {
        (self.requested >= budget || self.exhausted) && self.results.len() as u64 >= self.requested
    }

    /// What the results allow to ask for now.
    pub(crate) fn next(&mut self, source: &Source<'_>, budget: u64) -> Result<Vec<Proposal>, Unreadable> {
        let (mut trial, mut exhausted) = (self.requested, self.exhausted);
        let mut proposals = Vec::new();
        let tools = self.tools(source)?;
        while trial < budget && !exhausted {
            let seen = tools.search.seen();
            let parameters = match tools.search.ask() {
                Ask::Trial(parameters) => parameters,
                Ask::Wait => break,
                Ask::Exhausted => {
                    exhausted = true;
                    break;
                }
            };
            proposals.push(Proposal { trial, parameters, thresholds: tools.thresholds(seen) });
            trial += 1;
        }
        self.asked.extend(proposals.iter().map(|proposal| (proposal.trial, proposal.parameters.clone())));
        (self.requested, self.exhausted) = (trial, exhausted);
        Ok(proposals)
    }

    /// The best trials, best first.
    pub(crate) fn best(&mut self, source: &Source<'_>, count: usize) -> Result<Vec<u64>, Unreadable> {
        let tools = self.tools(source)?;
        let observations = tools.search.observations();
        let best = finalists(observations, count, source.spec.tuning.direction);
        Ok(best.into_iter().map(|index| observations[index].trial).collect())
    }

    /// A document that cannot be read ends the search: every caller is told.
    fn tools(&mut self, source: &Source<'_>) -> Result<&mut Tools, Unreadable> {
        let tools = match self.tools.take() {
            Some(tools) => tools,
            None => self.made_again(source)?,
        };
        Ok(self.tools.insert(tools))
    }

    /// The search up to the last trial that was asked for, in one pass: only parameters that were not kept are proposed
    /// again.
    fn made_again(&mut self, source: &Source<'_>) -> Result<Tools, Unreadable> {
        let mut tools = Tools::of(source)?;
        for (trial, result) in self.results.iter().enumerate() {
            tools.observe(trial as u64, result);
        }
        for trial in 0..self.requested {
            let result = self.results.get(trial as usize).or_else(|| self.early.get(&trial));
            let kept = self.asked.get(&trial).or(result.map(|result| &result.parameters));
            match kept {
                Some(parameters) => tools.search.resume(parameters.clone()),
                None => {
                    let Ask::Trial(parameters) = tools.search.ask() else { break };
                    self.asked.insert(trial, parameters);
                }
            }
        }
        Ok(tools)
    }
}

/// What a search is made from.
pub(crate) struct Source<'a> {
    /// The document.
    pub(crate) spec: &'a ExperimentSpec,
    /// Number of the search in its experiment. Each draws numbers of its own.
    pub(crate) search: u64,
}

impl Source<'_> {
    fn seed(&self) -> u64 {
        let seed = u64::from(self.spec.tuning.seed);
        if self.search == 0 { seed } else { Stream::new(seed).named("search").at(self.search).bits() }
    }
}

impl Tools {
    fn of(source: &Source<'_>) -> Result<Tools, Unreadable> {
        let spec = source.spec;
        let parameters = spec.model.parameters.clone().into_iter().collect();
        let space = Space::from_json(&serde_json::Value::Object(parameters)).map_err(unreadable)?;
        let sampler: Choice<SamplerKind> = spec.tuning.sampler.parse().map_err(unreadable)?;
        let pruner: Choice<PrunerKind> = spec.tuning.pruner.parse().map_err(unreadable)?;
        let (seed, lag) = (source.seed(), u64::from(spec.tuning.parallelism));
        Ok(Tools {
            search: Search::new(space, &sampler, spec.tuning.direction, seed, lag).map_err(unreadable)?,
            pruner: pruner.build(spec.tuning.direction),
            shown: 0,
            folds: Vec::new(),
        })
    }

    /// Thresholds over the first `seen` trials, never fewer than the last time.
    fn thresholds(&mut self, seen: usize) -> Vec<Option<f64>> {
        self.folds[self.shown..seen].iter().for_each(|trial| self.pruner.observe(trial));
        self.shown = seen;
        self.pruner.thresholds()
    }

    fn observe(&mut self, trial: u64, result: &TrialResult) {
        self.search.observe(observation(trial, result));
        self.folds.push(fold_history(result));
    }
}

fn unreadable<E>(_: E) -> Unreadable {
    Unreadable
}

fn observation(trial: u64, result: &TrialResult) -> Observation {
    let outcome = match (result.state, result.value) {
        (TrialState::Completed, Some(value)) => Outcome::Completed(value),
        (TrialState::Pruned, _) => Outcome::Pruned(result.fold_values.last().copied().flatten()),
        // A trial that ran but whose objective is undefined tells a search what a failed one does.
        (TrialState::Completed, None) | (TrialState::Failed, _) => Outcome::Failed,
    };
    Observation { trial, params: result.parameters.clone(), outcome }
}

fn fold_history(result: &TrialResult) -> FoldHistory {
    let state = match result.state {
        TrialState::Completed => FoldState::Completed,
        TrialState::Pruned => FoldState::Pruned,
        TrialState::Failed => FoldState::Failed,
    };
    FoldHistory { state, values: result.fold_values.clone() }
}
