//! The decision and its fold.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::experiment::*;
use gauntlet_domain::market::{CreateSnapshot, SnapshotSealed};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::topics::{
    DATA_SNAPSHOTS, EVALUATION_OUTCOMES, EXPERIMENT_COMMANDS, EXPERIMENTS, RISK_FIGURES, SENSITIVITY_REPORTS,
    TRIAL_LEDGER,
};
use gauntlet_domain::{Direction, Event, ExperimentId, Input, ModelId, SnapshotId, external};
use gauntlet_processor::decider::{Decider, Fact, Folded};
use gauntlet_processor::ended::EndedIds;
use gauntlet_processor::machine::{Definition, Inputs, Output};
use serde::{Deserialize, Serialize};

use crate::evaluation::{Evaluation, best_first};
use crate::plan::{PlanError, Sealed, plans, warm_up_warning, warnings};
use crate::validate::validate;

/// Experiments for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "experiments",
    version: "7",
    reads: &[
        &EXPERIMENT_COMMANDS,
        &DATA_SNAPSHOTS,
        &TRIAL_LEDGER,
        &EVALUATION_OUTCOMES,
        &SENSITIVITY_REPORTS,
        &RISK_FIGURES,
    ],
    inputs: Inputs::Single,
    writes: &[&EXPERIMENTS],
    races_on: &[&EXPERIMENTS],
    recalls: &[],
    create: || Box::new(Folded::<Experiments>::default()),
};

/// The decider.
#[derive(Default)]
pub struct Experiments;

/// Every experiment that has not ended, every sealed snapshot, the places given out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    experiments: BTreeMap<ExperimentId, Experiment>,
    /// What has ended, also when it failed before it had a place: a repeated command and a late result do nothing.
    ended: EndedIds,
    /// Submitted experiments by the snapshots that their documents name, so that a sealed one finds those that wait for it.
    waiting: BTreeMap<SnapshotId, BTreeSet<ExperimentId>>,
    snapshots: BTreeMap<SnapshotId, Sealed>,
    places: BTreeMap<String, i64>,
    /// The mandate of each symbol, which its first experiment fixes: under two names what was tried would be counted apart,
    /// and each count would be too small.
    mandates: BTreeMap<String, String>,
}

/// One experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Experiment {
    stage: Stage,
    objective: String,
    direction: Direction,
    /// Who evaluates its finalists.
    evaluator: String,
    /// The document while the data are awaited; dropped once tuning has begun.
    waiting: Option<Waiting>,
    /// What tuning ended with.
    ledger: Option<LedgerEntered>,
    /// Evaluations that have arrived, the first of each writer: whose they are to give may be known only later.
    evaluations: BTreeMap<ModelId, BTreeMap<String, Evaluation>>,
    /// What was asked for of each finalist beside its evaluation.
    asked: Asked,
    /// Finalists whose sensitivity is reported.
    reported: BTreeSet<ModelId>,
    /// Finalists whose risk is measured.
    measured: BTreeSet<ModelId>,
}

/// What a document asks for of each finalist beside its evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    sensitivity: bool,
    risk: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// Its results were read before its submission: a restart reads one topic after the other.
    #[default]
    Announced,
    Submitted,
    Running,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    document: String,
    tuning: SnapshotId,
    holdout: SnapshotId,
}

impl Decider for Experiments {
    type State = State;

    fn handle(state: &State, input: Input<'_>) -> Vec<Output> {
        match input.event {
            Event::SubmitExperiment(command) => submit(state, command),
            Event::CancelExperiment(command) => cancel(state, command),
            Event::SnapshotSealed(sealed) => data_arrived(state, sealed),
            event => result_of(event).map_or_else(Vec::new, |id| result_arrived(state, id, input)),
        }
    }

    fn refuses(state: &State, input: Input<'_>) -> Option<String> {
        let id = match input.event {
            Event::EvaluationCompleted(e) => e.experiment_id,
            Event::EvaluationFailed(e) => e.experiment_id,
            _ => return None,
        };
        let experiment = state.experiments.get(&id)?;
        let is_known = matches!(experiment.stage, Stage::Submitted | Stage::Running);
        let (source, writer) = (input.writer, &experiment.evaluator);
        (is_known && source != writer)
            .then(|| format!("written by {source}: finalists of experiment {id} are evaluated by {writer}"))
    }

    fn apply(state: &mut State, fact: Fact<'_>) {
        match fact {
            Fact::Seen(input) => match input.event {
                Event::SnapshotSealed(sealed) => {
                    state.snapshots.entry(sealed.snapshot_id).or_insert_with(|| Sealed::of(sealed));
                }
                event => {
                    if let Some(id) = result_of(event).filter(|id| !state.has_ended(*id)) {
                        state.experiments.entry(id).or_default().learn(input);
                    }
                }
            },
            Fact::Emitted(Event::ExperimentSubmitted(submitted)) => {
                let experiment = state.experiments.entry(submitted.experiment_id).or_default();
                *experiment = std::mem::take(experiment).submitted(submitted);
                for snapshot in [submitted.tuning_snapshot, submitted.holdout_snapshot] {
                    state.waiting.entry(snapshot).or_default().insert(submitted.experiment_id);
                }
                state.places.insert(submitted.mandate.clone(), submitted.place);
                if let Ok(spec) = read_shape(&submitted.document) {
                    state.mandates.entry(symbol(&spec)).or_insert_with(|| submitted.mandate.clone());
                }
            }
            Fact::Emitted(Event::ExperimentStarted(started)) => {
                state.waits_no_more(started.experiment_id);
                if let Some(experiment) = state.experiments.get_mut(&started.experiment_id) {
                    experiment.stage = Stage::Running;
                }
            }
            Fact::Emitted(Event::ExperimentCompleted(ExperimentCompleted { experiment_id, .. }))
            | Fact::Emitted(Event::ExperimentCancelled(ExperimentCancelled { experiment_id, .. }))
            | Fact::Emitted(Event::ExperimentFailed(ExperimentFailed { experiment_id, .. })) => {
                state.waits_no_more(*experiment_id);
                state.experiments.remove(experiment_id);
                state.ended.insert(experiment_id.0.as_bytes());
            }
            _ => {}
        }
    }
}

impl State {
    fn has_ended(&self, id: ExperimentId) -> bool {
        self.ended.contains(id.0.as_bytes())
    }

    fn waits_no_more(&mut self, id: ExperimentId) {
        let Some(waiting) = self.experiments.get_mut(&id).and_then(|experiment| experiment.waiting.take())
        else {
            return;
        };
        for snapshot in [waiting.tuning, waiting.holdout] {
            if let Some(ids) = self.waiting.get_mut(&snapshot) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.waiting.remove(&snapshot);
                }
            }
        }
    }
}

fn submit(state: &State, command: &SubmitExperiment) -> Vec<Output> {
    let experiment_id = command.experiment_id;
    if state.has_ended(experiment_id) {
        return Vec::new();
    }
    let announced = state.experiments.get(&experiment_id).cloned().unwrap_or_default();
    if announced.stage != Stage::Announced {
        return Vec::new();
    }
    let (spec, tuning, holdout) = match read(&command.document) {
        Ok(read) => read,
        Err(detail) => return vec![failed(experiment_id, ExperimentFailure::InvalidDocument, detail)],
    };
    let mandate = spec.mandate();
    // Documents from before there were policies keep their mandates.
    let fixed =
        state.mandates.get(&symbol(&spec)).filter(|known| spec.policy.is_some() && **known != mandate);
    if let Some(known) = fixed {
        let detail = format!(
            "mandate: {} belongs to mandate {known}, which its first experiment fixed, and not to {mandate}: under two names \
             what was tried on its bars would not be counted together; write `mandate: {known}`",
            symbol(&spec)
        );
        return vec![failed(experiment_id, ExperimentFailure::InvalidDocument, detail)];
    }
    let submitted = ExperimentSubmitted {
        experiment_id,
        name: spec.name.clone(),
        place: state.places.get(&mandate).copied().unwrap_or(0) + 1,
        mandate,
        config_hash: command.config_hash,
        document: command.document.clone(),
        tuning_snapshot: tuning.snapshot_id,
        holdout_snapshot: holdout.snapshot_id,
        submitted_by: command.submitted_by.clone(),
    };
    let mut outputs = vec![Output::new(submitted.clone())];
    let sealed = (state.snapshots.get(&tuning.snapshot_id), state.snapshots.get(&holdout.snapshot_id));
    if let (Some(tuning), Some(holdout)) = sealed {
        let experiment = announced.submitted(&submitted);
        outputs.extend(experiment.start(experiment_id, &spec, tuning, holdout));
    }
    outputs
}

/// The document and the snapshots that it asks for, or everything that is wrong with it.
fn read(document: &str) -> Result<(ExperimentSpec, CreateSnapshot, CreateSnapshot), String> {
    let spec = read_shape(document)?;
    let problems: Vec<String> = validate(&spec).iter().map(ToString::to_string).collect();
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let (tuning, holdout) = spec.snapshots().map_err(|error| error.to_string())?;
    Ok((spec, tuning, holdout))
}

/// The symbol of the instrument: venues of one instrument are one.
fn symbol(spec: &ExperimentSpec) -> String {
    spec.data.instrument.to_ascii_uppercase()
}

/// The document, whatever it says.
fn read_shape(document: &str) -> Result<ExperimentSpec, String> {
    serde_json::from_str(document).map_err(|error| error.to_string())
}

fn cancel(state: &State, command: &CancelExperiment) -> Vec<Output> {
    let (experiment_id, reason) = (command.experiment_id, command.reason.clone());
    match state.experiments.get(&experiment_id).map(|experiment| experiment.stage) {
        Some(Stage::Submitted | Stage::Running) => {
            vec![Output::raced(ExperimentCancelled { experiment_id, reason })]
        }
        // Ended already, or never submitted: there is nothing to cancel.
        Some(Stage::Announced) | None => Vec::new(),
    }
}

/// Experiments whose last missing snapshot this is.
fn data_arrived(state: &State, sealed: &SnapshotSealed) -> Vec<Output> {
    if state.snapshots.contains_key(&sealed.snapshot_id) {
        return Vec::new();
    }
    let sealed = Sealed::of(sealed);
    let get = |id: &SnapshotId| {
        if *id == sealed.data.snapshot_id { Some(&sealed) } else { state.snapshots.get(id) }
    };
    let start = |id: &ExperimentId| {
        let experiment = state.experiments.get(id)?;
        let waiting = experiment.waiting.as_ref()?;
        let (tuning, holdout) = (get(&waiting.tuning)?, get(&waiting.holdout)?);
        Some(match read_shape(&waiting.document) {
            Ok(spec) => experiment.start(*id, &spec, tuning, holdout),
            Err(detail) => vec![failed(*id, ExperimentFailure::InvalidDocument, detail)],
        })
    };
    state.waiting.get(&sealed.data.snapshot_id).into_iter().flatten().filter_map(start).flatten().collect()
}

/// The experiment that a result is about; `None` for what is no result.
fn result_of(event: &Event) -> Option<ExperimentId> {
    match event {
        Event::LedgerEntered(e) => Some(e.experiment_id),
        Event::EvaluationCompleted(e) => Some(e.experiment_id),
        Event::EvaluationFailed(e) => Some(e.experiment_id),
        Event::SensitivityReported(e) => Some(e.experiment_id),
        Event::RiskMeasured(e) => Some(e.experiment_id),
        _ => None,
    }
}

/// The end of an experiment whose last missing result this is.
fn result_arrived(state: &State, id: ExperimentId, result: Input<'_>) -> Vec<Output> {
    let Some(experiment) = state.experiments.get(&id).filter(|experiment| experiment.stage == Stage::Running)
    else {
        return Vec::new();
    };
    let mut experiment = experiment.clone();
    if experiment.learn(result) { experiment.ending(id).into_iter().collect() } else { Vec::new() }
}

impl Experiment {
    /// Has its place; what was announced stays. A document that cannot be read, which another version has accepted,
    /// waits like any other: it fails by name when its data are there.
    fn submitted(self, submitted: &ExperimentSubmitted) -> Experiment {
        let terms = read_shape(&submitted.document).map(|spec| {
            let asked = Asked { sensitivity: spec.sensitivity().is_some(), risk: spec.asks_for_risk() };
            (spec.tuning.objective, spec.tuning.direction, spec.model.strategy, asked)
        });
        let (objective, direction, strategy, asked) = terms.unwrap_or_default();
        Experiment {
            stage: Stage::Submitted,
            objective,
            direction,
            asked,
            evaluator: external::addressee("evaluator", &strategy),
            waiting: Some(Waiting {
                document: submitted.document.clone(),
                tuning: submitted.tuning_snapshot,
                holdout: submitted.holdout_snapshot,
            }),
            ..self
        }
    }

    /// Takes a result in; true when it is new and still matters.
    fn learn(&mut self, result: Input<'_>) -> bool {
        let (model, evaluation) = match result.event {
            Event::LedgerEntered(ledger) => {
                let new = self.ledger.is_none();
                self.ledger.get_or_insert_with(|| (**ledger).clone());
                return new;
            }
            Event::EvaluationCompleted(e) => (e.model_id, Evaluation::Completed((**e).clone())),
            Event::EvaluationFailed(e) => (e.model_id, Evaluation::Failed(e.clone())),
            Event::SensitivityReported(e) => return self.reported.insert(e.model_id),
            Event::RiskMeasured(e) => return self.measured.insert(e.model_id),
            _ => return false,
        };
        let of_model = self.evaluations.entry(model).or_default();
        let new = !of_model.contains_key(result.writer);
        of_model.entry(result.writer.to_owned()).or_insert(evaluation);
        new
    }

    /// Tuning begins, or the data do not suffice.
    fn start(
        &self,
        experiment_id: ExperimentId,
        spec: &ExperimentSpec,
        tuning: &Sealed,
        holdout: &Sealed,
    ) -> Vec<Output> {
        for (range, part) in [(&tuning.data, "tuning"), (&holdout.data, "the hold-out")] {
            if range.rows <= 0 {
                let detail = format!(
                    "there is no {} bar of {} between {} and {}, which is what {part} needs: choose a period with data",
                    range.spec, range.instrument, range.from, range.to
                );
                return vec![failed(experiment_id, ExperimentFailure::NoData, detail)];
            }
        }
        let reason = match plans(spec, tuning, holdout) {
            Ok((plan, windows)) => {
                let bars = tuning.data.rows.saturating_add(holdout.data.rows);
                let quoted = tuning.quoted_bars.zip(holdout.quoted_bars).map(|(one, other)| one + other);
                let mut warnings = warnings(spec, bars, quoted);
                warnings.extend(warm_up_warning(spec, &plan, &windows));
                let holdout = holdout.data.clone();
                let started = ExperimentStarted { experiment_id, plan, holdout, windows, warnings };
                return std::iter::once(Output::new(started)).chain(self.ending(experiment_id)).collect();
            }
            Err(error @ (PlanError::Folds(_) | PlanError::Window { .. } | PlanError::WarmUp { .. })) => {
                (ExperimentFailure::TooFewBars, error.to_string())
            }
            Err(error @ (PlanError::Year { .. } | PlanError::BeforeData { .. })) => {
                (ExperimentFailure::InvalidDocument, error.to_string())
            }
        };
        vec![failed(experiment_id, reason.0, reason.1)]
    }

    /// The end, once tuning has ended and everything that was asked of every finalist is in: the ranking by tuning score, best first, undefined
    /// and failed ones last, ties to the earlier trial.
    fn ending(&self, experiment_id: ExperimentId) -> Option<Output> {
        let ledger = self.ledger.as_ref()?;
        if ledger.ended == TuningEnd::LogicChanged {
            let detail = format!(
                "the tuner was replaced by a version with other rules while it searched, and no version goes on with what \
                 another has begun: {} trials had been asked for, {} were completed; submit the document again under \
                 another name (the ledger entry's headers say which versions)",
                ledger.requested, ledger.completed
            );
            return Some(failed(experiment_id, ExperimentFailure::LogicChanged, detail));
        }
        if ledger.ended == TuningEnd::InvalidDocument {
            let detail = "the tuner could not read what was accepted here, so the two are of different versions: \
                           run one version everywhere and submit it again under another name";
            return Some(failed(experiment_id, ExperimentFailure::InvalidDocument, detail.to_owned()));
        }
        if ledger.finalists.is_empty() {
            let detail = format!(
                "none of {} trials has a defined {}: {} pruned, {} failed; see the trials' details",
                ledger.requested, self.objective, ledger.pruned, ledger.failed
            );
            return Some(failed(experiment_id, ExperimentFailure::NoCompletedTrial, detail));
        }
        let finalists = ledger.finalists.iter().map(|id| self.evaluations.get(id)?.get(&self.evaluator));
        let evaluations: Vec<&Evaluation> = finalists.collect::<Option<_>>()?;
        let lacks = |asked: bool, there: &BTreeSet<ModelId>| {
            asked && !ledger.finalists.iter().all(|model| there.contains(model))
        };
        if lacks(self.asked.sensitivity, &self.reported) || lacks(self.asked.risk, &self.measured) {
            return None;
        }
        if evaluations.iter().all(|evaluation| matches!(evaluation, Evaluation::Failed(_))) {
            let detail = "no finalist could be evaluated: see the evaluations' details".to_owned();
            return Some(failed(experiment_id, ExperimentFailure::NoEvaluation, detail));
        }
        let mut ranking: Vec<RankedModel> =
            evaluations.into_iter().map(|e| e.ranked(&self.objective)).collect();
        best_first(&mut ranking, self.direction);
        Some(Output::raced(ExperimentCompleted { experiment_id, ranking }))
    }
}

/// Every ending can race with a cancellation.
fn failed(experiment_id: ExperimentId, reason: ExperimentFailure, detail: String) -> Output {
    Output::raced(ExperimentFailed { experiment_id, reason, detail })
}
