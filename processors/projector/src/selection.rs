//! Sensitivity, risk, decisions, waivers, policies.

use gauntlet_domain::ids::{ExperimentId, ModelId};
use gauntlet_domain::robustness::{RiskMeasured, SensitivityReported};
use gauntlet_domain::selection::{
    Candidate, CandidateRejected, CandidateSelected, ExperimentJudged, PolicyRef, PolicyRegistered, Waive,
    WaiverGranted, WaiverRefused,
};
use gauntlet_domain::words::Judgement;
use gauntlet_domain::{ContentHash, EventId};
use gauntlet_views::schema::{EXPERIMENTS, POLICIES, RISK_FIGURES, SELECTIONS, SENSITIVITY, WAIVERS};
use gauntlet_views::{Upsert, Value};

use crate::evaluations::verdict_row;
use crate::{ONCE, json};

/// Stamp of what is said of an experiment after it has ended.
const JUDGED: i64 = 4;

fn path(file: Option<ContentHash>) -> Option<String> {
    file.map(|hash| format!("artifacts/{hash}"))
}

pub(crate) fn reported(event: &SensitivityReported) -> Vec<Upsert> {
    let row = |part: &str, name: &str| {
        let key = vec![event.model_id.to_string().into(), part.into(), name.into()];
        Upsert::new(&SENSITIVITY, key, ONCE).with("experiment_id", event.experiment_id.to_string())
    };
    let whole = row("whole", "")
        .with("value", event.value.filter(|value| value.is_finite()))
        .with("figures", json(&event.figures))
        .with("undefined", json(&event.undefined))
        .with("evaluations", event.evaluations)
        .with("points", path(event.points))
        .with("remarks", json(&event.remarks));
    let axes = event.axes.iter().map(|axis| {
        row("axis", &axis.name).with("figures", json(&axis.figures)).with("undefined", json(&axis.undefined))
    });
    let stresses = event.stresses.iter().map(|stress| {
        row("stress", &stress.name)
            .with("figures", json(&stress.figures))
            .with("without_effect", stress.without_effect)
    });
    std::iter::once(whole).chain(axes).chain(stresses).collect()
}

pub(crate) fn measured(event: &RiskMeasured) -> Upsert {
    Upsert::new(&RISK_FIGURES, vec![event.model_id.to_string().into()], ONCE)
        .with("experiment_id", event.experiment_id.to_string())
        .with("figures", json(&event.figures))
        .with("undefined", json(&event.undefined))
        .with("series", path(event.series))
}

pub(crate) fn selected(event: &CandidateSelected) -> Vec<Upsert> {
    let candidate = &event.candidate;
    let mut rows = decided(candidate, "selected", &[], event.replaces);
    // A waiver may select a model of an experiment that was judged before.
    let (experiment, model) = (candidate.experiment_id, Some(candidate.model_id));
    let judged = JUDGED + candidate.attempt - 1;
    rows.push(judgement(experiment, judged, (&Judgement::Selected, model), &candidate.policy));
    rows
}

pub(crate) fn rejected(event: &CandidateRejected) -> Vec<Upsert> {
    decided(&event.candidate, "rejected", &event.failed, None)
}

/// The decision, and the verdicts that it rests on; a later attempt takes the place of an earlier one.
fn decided(
    candidate: &Candidate,
    decision: &str,
    failed: &[String],
    replaces: Option<ModelId>,
) -> Vec<Upsert> {
    let model = candidate.model_id.to_string();
    let key = vec![
        candidate.mandate.as_str().into(),
        candidate.place.into(),
        candidate.rank.into(),
        model.as_str().into(),
    ];
    let row = Upsert::new(&SELECTIONS, key, candidate.attempt)
        .with("experiment_id", candidate.experiment_id.to_string())
        .with("decision", decision)
        .with("attempt", candidate.attempt)
        .with("failed", json(&failed))
        .with("version_hash", candidate.version_hash.to_string())
        .with("verdicts_hash", candidate.verdicts_hash.to_string())
        .with("waivers_hash", candidate.waivers_hash.to_string())
        .with("policy", candidate.policy.name.as_str())
        .with("policy_hash", candidate.policy.hash.to_string())
        .with("replaces", replaces.map(|model| model.to_string()))
        .with("figures", json(&candidate.figures))
        .with("undefined", json(&candidate.undefined))
        .with("submitted_by", candidate.submitted_by.as_str());
    let verdicts = candidate.verdicts.iter().map(|verdict| {
        verdict_row(candidate.experiment_id, candidate.model_id, verdict, ONCE + candidate.attempt)
    });
    std::iter::once(row).chain(verdicts).collect()
}

pub(crate) fn judged(event: &ExperimentJudged) -> Upsert {
    judgement(event.experiment_id, JUDGED, (&event.judgement, event.selected), &event.policy)
}

fn judgement(
    experiment: ExperimentId,
    version: i64,
    (judgement, selected): (&Judgement, Option<ModelId>),
    policy: &PolicyRef,
) -> Upsert {
    Upsert::new(&EXPERIMENTS, vec![experiment.to_string().into()], version)
        .with("judgement", judgement.word())
        .with("selected", selected.map(|model| model.to_string()))
        .with("policy", policy.name.as_str())
}

pub(crate) fn granted(event: &WaiverGranted) -> Upsert {
    waiver(&event.waive, event.command).with("granted", true)
}

pub(crate) fn refused(event: &WaiverRefused) -> Upsert {
    waiver(&event.waive, event.command).with("granted", false).with("detail", event.detail.as_str())
}

fn waiver(waive: &Waive, command: EventId) -> Upsert {
    Upsert::new(&WAIVERS, vec![waive.model_id.to_string().into(), command.to_string().into()], ONCE)
        .with("mandate", waive.mandate.as_str())
        .with("gate", waive.gate.as_str())
        .with("version_hash", waive.version_hash.to_string())
        .with("author", waive.author.as_str())
        .with("reason", waive.reason.as_str())
        .with("expires", Value::Timestamp(waive.expires.0))
}

pub(crate) fn registered(event: &PolicyRegistered) -> Upsert {
    let key =
        vec![event.mandate.as_str().into(), event.name.as_str().into(), event.policy_hash.to_string().into()];
    Upsert::new(&POLICIES, key, ONCE)
        .with("document", event.document.as_str())
        .with("author", event.author.as_str())
}
