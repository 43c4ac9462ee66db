//! The decision and its fold.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::market::SnapshotSealed;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{Event, ExperimentId, ModelId, SnapshotId};
use gauntlet_processor::decider::{Decider, Fact, Folded};
use gauntlet_processor::machine::{Definition, Inputs, Output};
use serde::{Deserialize, Serialize};

use crate::plan::{data_ref, trial_plan};
use crate::validate::validate;

/// Experiments for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "experiments",
    version: "1",
    topics: &["experiment.commands.v1", "data.snapshots.v1", "trial.ledger.v1", "evaluation.outcomes.v1"],
    inputs: Inputs::Single,
    races_on: &["experiments.v1"],
    create: || Box::new(Folded::<Experiments>::default()),
};

/// The decider.
#[derive(Default)]
pub struct Experiments;

/// Every experiment, every sealed snapshot, the places given out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    experiments: BTreeMap<ExperimentId, Experiment>,
    snapshots: BTreeMap<SnapshotId, SnapshotSealed>,
    places: BTreeMap<String, i64>,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Experiment {
    stage: Stage,
    maximize: bool,
    objective: String,
    /// The document while the data are awaited; dropped once tuning has begun.
    waiting: Option<Waiting>,
    /// The finalists once tuning has ended.
    finalists: Option<Vec<ModelId>>,
    /// Evaluations that have arrived, `None` for a failed one.
    outcomes: BTreeMap<ModelId, (i64, Option<RankedModel>)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    document: String,
    tuning: SnapshotId,
    holdout: SnapshotId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Submitted,
    Running,
    Ended,
}

impl Decider for Experiments {
    type State = State;

    fn handle(state: &State, input: &Event) -> Vec<Output> {
        match input {
            Event::SubmitExperiment(command) => submit(state, command),
            Event::CancelExperiment(command) => cancel(state, command),
            Event::SnapshotSealed(sealed) => sealed_outputs(state, sealed),
            Event::LedgerEntered(ledger) => tuning_ended(state, ledger),
            Event::EvaluationCompleted(outcome) => {
                evaluated(state, outcome.experiment_id, outcome.model_id, outcome.trial, ranked(state, outcome))
            }
            Event::EvaluationFailed(outcome) => {
                evaluated(state, outcome.experiment_id, outcome.model_id, outcome.trial, None)
            }
            _ => Vec::new(),
        }
    }

    fn apply(state: &mut State, fact: Fact<'_>) {
        match fact {
            Fact::Seen(Event::SnapshotSealed(sealed)) => {
                state.snapshots.entry(sealed.snapshot_id).or_insert_with(|| sealed.clone());
            }
            Fact::Seen(Event::LedgerEntered(ledger)) => {
                if let Some(experiment) = state.experiments.get_mut(&ledger.experiment_id) {
                    experiment.finalists.get_or_insert_with(|| ledger.finalists.clone());
                }
            }
            Fact::Seen(Event::EvaluationCompleted(outcome)) => {
                let ranked = ranked(state, outcome);
                remember(state, outcome.experiment_id, outcome.model_id, outcome.trial, ranked);
            }
            Fact::Seen(Event::EvaluationFailed(outcome)) => {
                remember(state, outcome.experiment_id, outcome.model_id, outcome.trial, None);
            }
            Fact::Emitted(Event::ExperimentSubmitted(submitted)) => enter(state, submitted),
            Fact::Emitted(Event::ExperimentStarted(started)) => {
                if let Some(experiment) = state.experiments.get_mut(&started.experiment_id) {
                    experiment.stage = Stage::Running;
                    experiment.waiting = None;
                }
            }
            Fact::Emitted(Event::ExperimentCompleted(e)) => end(state, e.experiment_id),
            Fact::Emitted(Event::ExperimentCancelled(e)) => end(state, e.experiment_id),
            Fact::Emitted(Event::ExperimentFailed(e)) => end(state, e.experiment_id),
            _ => {}
        }
    }
}

fn submit(state: &State, command: &SubmitExperiment) -> Vec<Output> {
    if state.experiments.contains_key(&command.experiment_id) {
        return Vec::new();
    }
    let spec = match serde_json::from_str::<ExperimentSpec>(&command.document) {
        Ok(spec) => spec,
        Err(error) => return vec![failed(command.experiment_id, "invalid_document", error.to_string())],
    };
    let problems = validate(&spec);
    let snapshots = spec.snapshots();
    let (Ok((tuning, holdout)), true) = (snapshots, problems.is_empty()) else {
        let detail = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return vec![failed(command.experiment_id, "invalid_document", detail)];
    };
    let mandate = spec.mandate();
    let submitted = ExperimentSubmitted {
        experiment_id: command.experiment_id,
        name: spec.name.clone(),
        place: state.places.get(&mandate).copied().unwrap_or(0) + 1,
        mandate,
        config_hash: command.config_hash,
        document: command.document.clone(),
        tuning_snapshot: tuning.snapshot_id,
        holdout_snapshot: holdout.snapshot_id,
    };
    let mut outputs = vec![Output::new(submitted)];
    let sealed = (state.snapshots.get(&tuning.snapshot_id), state.snapshots.get(&holdout.snapshot_id));
    if let (Some(tuning), Some(holdout)) = sealed {
        outputs.push(start(command.experiment_id, &spec, tuning, holdout));
    }
    outputs
}

/// Tuning begins, or the data do not suffice.
fn start(
    experiment_id: ExperimentId,
    spec: &ExperimentSpec,
    tuning: &SnapshotSealed,
    holdout: &SnapshotSealed,
) -> Output {
    if tuning.rows == 0 || holdout.rows == 0 {
        let (range, part) = if tuning.rows == 0 { (tuning, "tuning") } else { (holdout, "the hold-out") };
        let detail = format!(
            "there is no {} bar of {} between {} and {}, which is what {part} needs: choose a period with data",
            range.spec, range.instrument, range.from, range.to
        );
        return failed(experiment_id, "no_data", detail);
    }
    match trial_plan(spec, data_ref(tuning)) {
        Ok(plan) => Output::new(ExperimentStarted { experiment_id, plan, holdout: data_ref(holdout) }),
        Err(error) => failed(experiment_id, "too_few_bars", error.to_string()),
    }
}

fn cancel(state: &State, command: &CancelExperiment) -> Vec<Output> {
    match state.experiments.get(&command.experiment_id) {
        Some(experiment) if experiment.stage != Stage::Ended => {
            let (experiment_id, reason) = (command.experiment_id, command.reason.clone());
            vec![Output::raced(ExperimentCancelled { experiment_id, reason })]
        }
        // Ended already, or never submitted: there is nothing to cancel.
        _ => Vec::new(),
    }
}

/// Experiments whose last missing snapshot this is.
fn sealed_outputs(state: &State, sealed: &SnapshotSealed) -> Vec<Output> {
    if state.snapshots.contains_key(&sealed.snapshot_id) {
        return Vec::new();
    }
    let get = |id: &SnapshotId| {
        if *id == sealed.snapshot_id { Some(sealed) } else { state.snapshots.get(id) }
    };
    let waiting = state.experiments.iter().filter(|(_, experiment)| experiment.stage == Stage::Submitted);
    waiting
        .filter_map(|(id, experiment)| {
            let waiting = experiment.waiting.as_ref()?;
            let (tuning, holdout) = (get(&waiting.tuning)?, get(&waiting.holdout)?);
            let spec = serde_json::from_str(&waiting.document).ok()?;
            Some(start(*id, &spec, tuning, holdout))
        })
        .collect()
}

fn tuning_ended(state: &State, ledger: &LedgerEntered) -> Vec<Output> {
    let Some(experiment) = running(state, ledger.experiment_id) else { return Vec::new() };
    if experiment.finalists.is_some() {
        return Vec::new();
    }
    if ledger.finalists.is_empty() {
        let detail = format!(
            "none of {} trials has a defined {}: {} pruned, {} failed; see the trials' details",
            ledger.requested, experiment.objective, ledger.pruned, ledger.failed
        );
        return vec![failed(ledger.experiment_id, "no_completed_trial", detail)];
    }
    complete(ledger.experiment_id, experiment, &ledger.finalists, &experiment.outcomes)
}

fn evaluated(
    state: &State,
    experiment_id: ExperimentId,
    model_id: ModelId,
    trial: i64,
    ranked: Option<RankedModel>,
) -> Vec<Output> {
    let Some(experiment) = running(state, experiment_id) else { return Vec::new() };
    if experiment.outcomes.contains_key(&model_id) {
        return Vec::new();
    }
    let Some(finalists) = &experiment.finalists else { return Vec::new() };
    let mut outcomes = experiment.outcomes.clone();
    outcomes.insert(model_id, (trial, ranked));
    complete(experiment_id, experiment, finalists, &outcomes)
}

/// The ranking, once every finalist is in: best walk-forward first, undefined and failed ones last, ties to the earlier
/// trial.
fn complete(
    experiment_id: ExperimentId,
    experiment: &Experiment,
    finalists: &[ModelId],
    outcomes: &BTreeMap<ModelId, (i64, Option<RankedModel>)>,
) -> Vec<Output> {
    let Some(arrived) = finalists.iter().map(|id| outcomes.get(id).map(|o| (*id, o))).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    if arrived.iter().all(|(_, (_, ranked))| ranked.is_none()) {
        let detail = "no finalist could be evaluated: see the evaluations' details".to_owned();
        return vec![failed(experiment_id, "no_evaluation", detail)];
    }
    let nothing = |(model_id, (trial, _)): &(ModelId, &(i64, _))| RankedModel {
        model_id: *model_id,
        trial: *trial,
        walk_forward: None,
        holdout: None,
        confirmed: false,
    };
    let mut ranking: Vec<RankedModel> =
        arrived.iter().map(|entry| entry.1.1.clone().unwrap_or_else(|| nothing(entry))).collect();
    let score = |model: &RankedModel| {
        let value = model.walk_forward.unwrap_or(f64::NEG_INFINITY);
        if experiment.maximize || model.walk_forward.is_none() { value } else { -value }
    };
    ranking.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.trial.cmp(&b.trial)));
    vec![Output::raced(ExperimentCompleted { experiment_id, ranking })]
}

/// A finalist's place by the experiment's objective.
fn ranked(state: &State, outcome: &EvaluationCompleted) -> Option<RankedModel> {
    let experiment = state.experiments.get(&outcome.experiment_id)?;
    let value = |metrics: &Metrics| metrics.get(&experiment.objective).copied().flatten();
    Some(RankedModel {
        model_id: outcome.model_id,
        trial: outcome.trial,
        walk_forward: value(&outcome.walk_forward),
        holdout: value(&outcome.holdout),
        confirmed: outcome.confirmed,
    })
}

fn running(state: &State, id: ExperimentId) -> Option<&Experiment> {
    state.experiments.get(&id).filter(|experiment| experiment.stage == Stage::Running)
}

/// Every ending can race with a cancellation.
fn failed(experiment_id: ExperimentId, reason: &str, detail: String) -> Output {
    Output::raced(ExperimentFailed { experiment_id, reason: reason.into(), detail })
}

fn enter(state: &mut State, submitted: &ExperimentSubmitted) {
    let spec = serde_json::from_str::<ExperimentSpec>(&submitted.document).ok();
    let experiment = Experiment {
        stage: Stage::Submitted,
        maximize: spec.as_ref().is_none_or(|s| s.tuning.direction == gauntlet_domain::spec::Direction::Maximize),
        objective: spec.map(|spec| spec.tuning.objective).unwrap_or_default(),
        waiting: Some(Waiting {
            document: submitted.document.clone(),
            tuning: submitted.tuning_snapshot,
            holdout: submitted.holdout_snapshot,
        }),
        finalists: None,
        outcomes: BTreeMap::new(),
    };
    state.places.insert(submitted.mandate.clone(), submitted.place);
    state.experiments.entry(submitted.experiment_id).or_insert(experiment);
}

fn remember(state: &mut State, id: ExperimentId, model: ModelId, trial: i64, ranked: Option<RankedModel>) {
    if let Some(experiment) = state.experiments.get_mut(&id).filter(|experiment| experiment.stage != Stage::Ended) {
        experiment.outcomes.entry(model).or_insert((trial, ranked));
    }
}

/// An ended experiment is remembered so that its command is known, and nothing more. One that failed before it had a
/// place is remembered too.
fn end(state: &mut State, id: ExperimentId) {
    let experiment = state.experiments.entry(id).or_insert_with(|| Experiment {
        stage: Stage::Ended,
        maximize: true,
        objective: String::new(),
        waiting: None,
        finalists: None,
        outcomes: BTreeMap::new(),
    });
    experiment.stage = Stage::Ended;
    experiment.waiting = None;
    experiment.finalists = None;
    experiment.outcomes.clear();
}
