//! The machine: waits for the end of an experiment and for every part of every finalist, whatever order they come in.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::*;
use gauntlet_domain::gates::{Gate, Stage};
use gauntlet_domain::robustness::{RiskMeasured, SensitivityReported};
use gauntlet_domain::selection::{CandidateRisk, PolicyRef, RiskVerdictIssued};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::topics::{
    EVALUATION_OUTCOMES, EXPERIMENTS, RISK_FIGURES, RISK_VERDICTS, SENSITIVITY_REPORTS,
};
use gauntlet_domain::words::ExperimentEnd;
use gauntlet_domain::{ContentHash, Event, ExperimentId, Input, ModelId, external};
use gauntlet_processor::ended::EndedIds;
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use serde::{Deserialize, Serialize};

use crate::judge::{Known, figures, judge};

/// Risk for the runtime.
pub const DEFINITION: Definition = Definition {
    name: "risk",
    version: "1",
    reads: &[&EXPERIMENTS, &EVALUATION_OUTCOMES, &SENSITIVITY_REPORTS, &RISK_FIGURES],
    inputs: Inputs::CoPartitioned,
    writes: &[&RISK_VERDICTS],
    races_on: &[],
    recalls: &[],
    create: || Box::new(Risk::default()),
};

/// Experiments that have not ended, and parts of those whose end has not been read. A machine and not a decider: a copy of
/// everything known of an experiment at each of its parts would say no more.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    experiments: BTreeMap<ExperimentId, Experiment>,
    /// What was answered: a repeated record does nothing.
    ended: EndedIds,
}

/// What is known of an experiment.
#[derive(Default, Serialize, Deserialize)]
struct Experiment {
    submitted: Option<Submitted>,
    /// Data to tune on and held out, once tuning has begun.
    data: Option<(DataRef, DataRef)>,
    end: Option<End>,
    /// By model; evaluations by who wrote them, because whose they are to give may be known only later.
    evaluations: BTreeMap<ModelId, BTreeMap<String, Option<EvaluationCompleted>>>,
    reports: BTreeMap<ModelId, SensitivityReported>,
    figures: BTreeMap<ModelId, RiskMeasured>,
}

/// What its submission says.
#[derive(Serialize, Deserialize)]
struct Submitted {
    mandate: String,
    place: i64,
    submitted_by: String,
    config_hash: ContentHash,
    evaluator: String,
    asks_sensitivity: bool,
    asks_risk: bool,
    policy: PolicyRef,
    gates: Vec<Gate>,
}

/// How it ended.
#[derive(Serialize, Deserialize)]
enum End {
    /// The finalists, best first.
    Completed(Vec<(ModelId, i64)>),
    Cancelled,
    Failed,
}

impl Machine for Risk {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let Some(id) = input.event.experiment().filter(|id| !self.ended.contains(id.0.as_bytes())) else {
            return Vec::new();
        };
        if !Experiment::takes(input.event) {
            return Vec::new();
        }
        let experiment = self.experiments.entry(id).or_default();
        experiment.learn(input);
        if experiment.has_no_place() {
            self.experiments.remove(&id);
            self.ended.insert(id.0.as_bytes());
            return Vec::new();
        }
        let Some(issued) = experiment.verdicts(id) else { return Vec::new() };
        self.experiments.remove(&id);
        self.ended.insert(id.0.as_bytes());
        vec![Output::new(issued)]
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(self)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = serde_json::from_slice(bytes)?;
        Ok(())
    }
}

impl Experiment {
    /// Whether an event says something here.
    fn takes(event: &Event) -> bool {
        matches!(
            event,
            Event::ExperimentSubmitted(_)
                | Event::ExperimentStarted(_)
                | Event::ExperimentCompleted(_)
                | Event::ExperimentCancelled(_)
                | Event::ExperimentFailed(_)
                | Event::EvaluationCompleted(_)
                | Event::EvaluationFailed(_)
                | Event::SensitivityReported(_)
                | Event::RiskMeasured(_)
        )
    }

    /// Takes in what is new of it; the first of each kind counts.
    fn learn(&mut self, input: Input<'_>) {
        let writer = || input.writer.to_owned();
        match input.event {
            Event::ExperimentSubmitted(e) => {
                self.submitted.get_or_insert_with(|| Submitted::of(e));
            }
            Event::ExperimentStarted(e) => {
                self.data.get_or_insert_with(|| (e.plan.data.clone(), e.holdout.clone()));
            }
            Event::ExperimentCompleted(e) => {
                let ranking = || e.ranking.iter().map(|model| (model.model_id, model.trial)).collect();
                self.end.get_or_insert_with(|| End::Completed(ranking()));
            }
            Event::ExperimentCancelled(_) => {
                self.end.get_or_insert(End::Cancelled);
            }
            Event::ExperimentFailed(_) => {
                self.end.get_or_insert(End::Failed);
            }
            Event::EvaluationCompleted(e) => {
                let of_model = self.evaluations.entry(e.model_id).or_default();
                of_model.entry(writer()).or_insert_with(|| Some((**e).clone()));
            }
            Event::EvaluationFailed(e) => {
                self.evaluations.entry(e.model_id).or_default().entry(writer()).or_insert(None);
            }
            Event::SensitivityReported(e) => {
                self.reports.entry(e.model_id).or_insert_with(|| (**e).clone());
            }
            Event::RiskMeasured(e) => {
                self.figures.entry(e.model_id).or_insert_with(|| (**e).clone());
            }
            _ => {}
        }
    }

    /// Whether it failed before it had a place: a place is given before anything else is said of an experiment.
    fn has_no_place(&self) -> bool {
        self.end.is_some() && self.submitted.is_none()
    }

    /// The verdicts, once the end and everything that belongs to it are known. An experiment that failed before it had a
    /// place has none.
    fn verdicts(&self, experiment_id: ExperimentId) -> Option<RiskVerdictIssued> {
        let submitted = self.submitted.as_ref()?;
        let (ended, candidates) = match self.end.as_ref()? {
            End::Completed(ranking) => (ExperimentEnd::Completed, self.candidates(submitted, ranking)?),
            End::Cancelled => (ExperimentEnd::Cancelled, Vec::new()),
            End::Failed => (ExperimentEnd::Failed, Vec::new()),
        };
        let of_ledger = |gate: &&Gate| gate.definition().is_none_or(|of| of.stage == Stage::Ledger);
        let ledger_gates: Vec<&Gate> = submitted.gates.iter().filter(of_ledger).collect();
        Some(RiskVerdictIssued {
            mandate: submitted.mandate.clone(),
            experiment_id,
            place: submitted.place,
            ended,
            submitted_by: submitted.submitted_by.clone(),
            config_hash: submitted.config_hash,
            policy: submitted.policy.clone(),
            ledger_gates: serde_json::to_string(&ledger_gates)
                .expect("invariant: gates have only JSON values with text keys"),
            data: self.data.as_ref().map(|(tuning, _)| tuning.clone()),
            holdout: self.data.as_ref().map(|(_, holdout)| holdout.clone()),
            candidates,
        })
    }

    /// The finalists; `None` while a part of one has not come.
    fn candidates(&self, submitted: &Submitted, ranking: &[(ModelId, i64)]) -> Option<Vec<CandidateRisk>> {
        let candidate = |(rank, (model, trial)): (i64, &(ModelId, i64))| {
            let evaluation = self.evaluations.get(model)?.get(&submitted.evaluator)?;
            let sensitivity = self.reports.get(model);
            let risk = self.figures.get(model);
            if (submitted.asks_sensitivity && sensitivity.is_none())
                || (submitted.asks_risk && risk.is_none())
            {
                return None;
            }
            let known = Known { evaluation: evaluation.as_ref(), sensitivity, risk };
            let (figures, undefined) = figures(known);
            let data = self.data.as_ref().map(|(tuning, _)| tuning.content_hash);
            let verdict = |gate| judge(gate, known, (&figures, &undefined), (*model, data));
            Some(CandidateRisk {
                model_id: *model,
                trial: *trial,
                rank,
                artifact: evaluation.as_ref().and_then(|evaluation| evaluation.artifact),
                verdicts: submitted.gates.iter().filter_map(verdict).collect(),
                figures,
                undefined,
                series: risk.and_then(|measured| measured.series),
                logic: evaluation.as_ref().and_then(|evaluation| evaluation.logic.clone()),
            })
        };
        (1..).zip(ranking).map(candidate).collect()
    }
}

impl Submitted {
    /// A document that cannot be read asks for nothing: its experiment fails by name.
    fn of(event: &ExperimentSubmitted) -> Submitted {
        let spec: Option<ExperimentSpec> = serde_json::from_str(&event.document).ok();
        let strategy = spec.as_ref().map_or("", |spec| spec.model.strategy.as_str());
        let policy = spec.as_ref().and_then(|spec| spec.policy().ok());
        let in_effect = spec.as_ref().and_then(|spec| spec.gates_in_effect().ok());
        let (gates, hash) = in_effect.unwrap_or_else(|| (Vec::new(), gauntlet_domain::gates::hash_of(&[])));
        Submitted {
            mandate: event.mandate.clone(),
            place: event.place,
            submitted_by: event.submitted_by.clone(),
            config_hash: event.config_hash,
            evaluator: external::addressee("evaluator", strategy),
            asks_sensitivity: spec.as_ref().is_some_and(|spec| spec.sensitivity().is_some()),
            asks_risk: spec.as_ref().is_some_and(ExperimentSpec::asks_for_risk),
            policy: PolicyRef { name: policy.map(|policy| policy.name).unwrap_or_default(), hash },
            gates,
        }
    }
}
