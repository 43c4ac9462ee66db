//! One experiment's search: what was asked for, what came back, what may be asked next.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::spec::{ExperimentSpec, TuningSpec};
use gauntlet_domain::{ExperimentId, ModelId, TrialId, external};
use gauntlet_search::{
    Ask, Choice, FoldHistory, FoldState, Observation, Outcome, Pruner, PrunerKind, SamplerKind, Search,
    Space, finalists,
};
use serde::{Deserialize, Serialize};

/// Our own trainer, whom requests are addressed to unless the strategy is left to a program outside.
const TRAINER: &str = "trainer";

/// A search under way.
#[derive(Serialize, Deserialize)]
pub(crate) struct Study {
    pub(crate) experiment_id: ExperimentId,
    pub(crate) mandate: String,
    pub(crate) place: i64,
    /// The document, canonical JSON.
    document: String,
    /// Set when tuning begins.
    begun: Option<(TrialPlan, DataRef)>,
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
    /// Only while a step is under way: what has ended is forgotten after it.
    #[serde(skip)]
    ended: bool,
    /// What follows from the document and the results; made again after a restart.
    #[serde(skip)]
    tools: Option<Tools>,
}

/// The document cannot be searched by. It was accepted when it was submitted, so whoever accepted it has another version:
/// what is wrong with it is said when it is submitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// What came back for a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrialResult {
    pub(crate) parameters: Parameters,
    pub(crate) state: TrialState,
    pub(crate) value: Option<f64>,
    pub(crate) fold_values: Vec<Option<f64>>,
    pub(crate) sharpe: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TrialState {
    Completed,
    Pruned,
    Failed,
}

/// The document's search, and the results in the search's words.
struct Tools {
    tuning: TuningSpec,
    finalists: usize,
    holdout_keeps: f64,
    min_trades: i64,
    search: Search,
    pruner: Box<dyn Pruner>,
    /// Trials that the pruner was shown.
    shown: usize,
    folds: Vec<FoldHistory>,
}

/// What a search that has ended hands on.
pub(crate) struct Finals {
    /// Trials, best first.
    pub(crate) trials: Vec<u64>,
    /// Share of the walk-forward value that the hold-out must keep.
    pub(crate) holdout_keeps: f64,
    /// Trades on the hold-out below which nothing is confirmed.
    pub(crate) min_trades: i64,
}

impl Study {
    pub(crate) fn new(submitted: &ExperimentSubmitted) -> Study {
        Study {
            experiment_id: submitted.experiment_id,
            mandate: submitted.mandate.clone(),
            place: submitted.place,
            document: submitted.document.clone(),
            begun: None,
            requested: 0,
            exhausted: false,
            results: Vec::new(),
            early: BTreeMap::new(),
            asked: BTreeMap::new(),
            ended: false,
            tools: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.ended
    }

    pub(crate) fn begun(&self) -> Option<&(TrialPlan, DataRef)> {
        self.begun.as_ref()
    }

    pub(crate) fn begin(&mut self, plan: TrialPlan, holdout: DataRef) {
        self.begun = Some((plan, holdout));
    }

    /// Takes over from another version of the logic, which has asked for so many trials.
    pub(crate) fn inherit(&mut self, requested: u64) {
        self.requested = requested;
    }

    /// Why an answer is not one to a trial that was asked for, by whom it was asked of.
    pub(crate) fn objection(&self, trial: i64, id: TrialId, source: &str) -> Option<String> {
        let Some((plan, _)) = &self.begun else {
            return Some(format!("experiment {} has not begun: no trial was asked for", self.experiment_id));
        };
        let writer = external::addressee(TRAINER, &plan.strategy);
        if source != writer {
            let strategy = &plan.strategy;
            return Some(format!(
                "written by {source}: trials of strategy {strategy} are answered by {writer}"
            ));
        }
        match u64::try_from(trial) {
            Ok(number) if number < self.requested => {
                let asked = trial_id(self.experiment_id, number);
                (asked != id).then(|| format!("trial {trial} of {} is {asked}, not {id}", self.experiment_id))
            }
            _ => Some(format!("trial {trial} of experiment {} was not asked for", self.experiment_id)),
        }
    }

    /// Takes a result in, and every early one that now follows without a hole. True when there is something new without
    /// a hole.
    pub(crate) fn take(&mut self, trial: u64, mut result: TrialResult) -> bool {
        let before = self.results.len() as u64;
        if trial < before || self.early.contains_key(&trial) {
            return false;
        }
        if let Some(parameters) = self.asked_outside(trial) {
            result.parameters = parameters;
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

    /// What a trainer outside was asked to try: what it says that it tried must not lead the search astray. A trainer of
    /// our own repeats what it was asked.
    fn asked_outside(&mut self, trial: u64) -> Option<Parameters> {
        let (plan, _) = self.begun.as_ref()?;
        if external::addressee(TRAINER, &plan.strategy) == TRAINER {
            return None;
        }
        // It was asked for, so the document can be read; reading it fills in what a saved state lacks.
        self.tools().ok()?;
        self.asked.get(&trial).cloned()
    }

    /// Results without a hole, in the order of the trials.
    pub(crate) fn results(&self) -> &[TrialResult] {
        &self.results
    }

    /// All results, for the ledger.
    pub(crate) fn all_results(&self) -> impl Iterator<Item = &TrialResult> {
        self.results.iter().chain(self.early.values())
    }

    pub(crate) fn requested(&self) -> u64 {
        self.requested
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Whether everything asked for has come back and nothing more will be asked.
    pub(crate) fn is_over(&mut self) -> Result<bool, Unreadable> {
        let budget = u64::from(self.tools()?.tuning.trials);
        Ok((self.requested >= budget || self.exhausted) && self.results.len() as u64 >= self.requested)
    }

    /// The requests that the results allow now.
    pub(crate) fn next_requests(&mut self) -> Result<Vec<TrainingRequested>, Unreadable> {
        let Some((plan, _)) = self.begun.clone().filter(|_| !self.exhausted) else { return Ok(Vec::new()) };
        let (experiment_id, mut trial) = (self.experiment_id, self.requested);
        let addressee = external::addressee(TRAINER, &plan.strategy);
        let tools = self.tools()?;
        let budget = u64::from(tools.tuning.trials);
        let mut requests = Vec::new();
        let mut exhausted = false;
        while trial < budget {
            let seen = tools.search.seen();
            let parameters = match tools.search.ask() {
                Ask::Trial(parameters) => parameters,
                Ask::Wait => break,
                Ask::Exhausted => {
                    exhausted = true;
                    break;
                }
            };
            requests.push(TrainingRequested {
                experiment_id,
                trial: trial as i64,
                trial_id: trial_id(experiment_id, trial),
                parameters,
                plan: plan.clone(),
                pruning_thresholds: tools.thresholds(seen),
                addressee: addressee.clone(),
            });
            trial += 1;
        }
        let asked = requests.iter().map(|request| (request.trial as u64, request.parameters.clone()));
        self.asked.extend(asked);
        self.requested = trial;
        self.exhausted = exhausted;
        Ok(requests)
    }

    /// What goes on to evaluation.
    pub(crate) fn finals(&mut self) -> Result<Finals, Unreadable> {
        let tools = self.tools()?;
        let observations = tools.search.observations();
        let best = finalists(observations, tools.finalists, tools.tuning.direction);
        let trials = best.into_iter().map(|index| observations[index].trial).collect();
        Ok(Finals { trials, holdout_keeps: tools.holdout_keeps, min_trades: tools.min_trades })
    }

    /// Nothing more follows from it.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// A document that cannot be read ends the search: every caller is told.
    fn tools(&mut self) -> Result<&mut Tools, Unreadable> {
        let tools = match self.tools.take() {
            Some(tools) => tools,
            None => self.made_again()?,
        };
        Ok(self.tools.insert(tools))
    }

    /// The search up to the last trial that was asked for, in one pass: only parameters that were not kept are proposed
    /// again.
    fn made_again(&mut self) -> Result<Tools, Unreadable> {
        let mut tools = Tools::of(&self.document)?;
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

impl Tools {
    fn of(document: &str) -> Result<Tools, Unreadable> {
        let spec: ExperimentSpec = serde_json::from_str(document).map_err(unreadable)?;
        let parameters = spec.model.parameters.into_iter().collect();
        let space = Space::from_json(&serde_json::Value::Object(parameters)).map_err(unreadable)?;
        let sampler: Choice<SamplerKind> = spec.tuning.sampler.parse().map_err(unreadable)?;
        let pruner: Choice<PrunerKind> = spec.tuning.pruner.parse().map_err(unreadable)?;
        let (seed, lag) = (u64::from(spec.tuning.seed), u64::from(spec.tuning.parallelism));
        Ok(Tools {
            search: Search::new(space, &sampler, spec.tuning.direction, seed, lag).map_err(unreadable)?,
            pruner: pruner.build(spec.tuning.direction),
            shown: 0,
            finalists: spec.validation.finalists as usize,
            holdout_keeps: spec.validation.holdout_keeps.0,
            min_trades: i64::from(spec.validation.min_trades),
            tuning: spec.tuning,
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

/// The id of a trial.
pub(crate) fn trial_id(experiment: ExperimentId, trial: u64) -> TrialId {
    TrialId::derive(&[experiment.0.as_bytes(), &trial.to_be_bytes()])
}

/// The id of the model that a trial becomes as a finalist.
pub(crate) fn model_id(experiment: ExperimentId, trial: u64) -> ModelId {
    ModelId::derive(&[experiment.0.as_bytes(), &trial.to_be_bytes()])
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
