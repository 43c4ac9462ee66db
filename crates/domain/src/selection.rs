//! Selection: policies, what the gates say of an experiment's finalists, the decision, and waivers.

use serde::{Deserialize, Serialize};

use crate::experiment::{DataRef, Metrics};
use crate::ids::{ContentHash, EventId, ExperimentId, ModelId};
use crate::robustness::Reasons;
use crate::time::Timestamp;
use crate::verdict::Verdict;
use crate::words::{ExperimentEnd, Judgement};

/// A policy of a mandate: which gates a model must pass there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRegistered {
    /// What a champion is chosen for.
    pub mandate: String,
    /// Name, which documents refer to.
    pub name: String,
    /// SHA-256 of the document.
    pub policy_hash: ContentHash,
    /// The policy with every gate spelled out, canonical JSON: see [`crate::gates::Policy`].
    pub document: String,
    /// Who registered it.
    pub author: String,
}

/// The policy that a verdict was given under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Its name.
    pub name: String,
    /// Hash of the gates in effect: the policy's, and what the document adds.
    pub hash: ContentHash,
}

/// One finalist as the risk stage hands it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRisk {
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Place by tuning score, from 1.
    pub rank: i64,
    /// The trained model on the lake; none for a rule.
    pub artifact: Option<ContentHash>,
    /// Every gate but those of the ledger, in the order of their table.
    pub verdicts: Vec<Verdict>,
    /// All figures by name.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
    /// Its daily returns, a file on the lake; `None` where there are none.
    pub series: Option<ContentHash>,
    /// The version of the logic that evaluated it; `None` before version 2.
    #[serde(default)]
    pub logic: Option<String>,
}

/// An experiment has ended: what the gates say of its finalists, but for those that need the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskVerdictIssued {
    /// What a champion is chosen for.
    pub mandate: String,
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Its place among the mandate's submissions.
    pub place: i64,
    /// How it ended; only a completed one has candidates.
    pub ended: ExperimentEnd,
    /// Who submitted it; empty where nobody said.
    pub submitted_by: String,
    /// SHA-256 of its document.
    pub config_hash: ContentHash,
    /// The policy.
    pub policy: PolicyRef,
    /// The gates in effect that the ledger answers, for the selector: canonical JSON, [`crate::gates::Gate`] each.
    pub ledger_gates: String,
    /// The data that it was tuned on; `None` where tuning never began.
    pub data: Option<DataRef>,
    /// The data held out.
    pub holdout: Option<DataRef>,
    /// In the order of their ranks.
    pub candidates: Vec<CandidateRisk>,
}

/// What was decided about, and on what grounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// What a champion is chosen for.
    pub mandate: String,
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Its place among the mandate's submissions.
    pub place: i64,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Place by tuning score, from 1.
    pub rank: i64,
    /// Number of the decision about this model, from 1; a waiver makes another one.
    pub attempt: i64,
    /// SHA-256 over artifact, parameters, document, data and the version of the logic: another of any of them is another model
    /// version.
    pub version_hash: ContentHash,
    /// SHA-256 over the verdicts.
    pub verdicts_hash: ContentHash,
    /// SHA-256 over the waivers that were counted.
    pub waivers_hash: ContentHash,
    /// The policy.
    pub policy: PolicyRef,
    /// Every gate, passed ones too, in the order of their table.
    pub verdicts: Vec<Verdict>,
    /// All other figures by name.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
    /// Its daily returns, a file on the lake; `None` where there are none.
    pub series: Option<ContentHash>,
    /// Who submitted the experiment; empty where nobody said.
    pub submitted_by: String,
}

/// A finalist has passed every gate, or was waived through, and is the champion of its mandate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateSelected {
    /// Which, and on what grounds.
    pub candidate: Candidate,
    /// The champion that it replaces; `None` where there was none.
    pub replaces: Option<ModelId>,
}

/// A finalist is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRejected {
    /// Which, and on what grounds.
    pub candidate: Candidate,
    /// The gates that it did not pass, in the order of their table.
    pub failed: Vec<String>,
}

/// Every finalist of an experiment is decided about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentJudged {
    /// What a champion is chosen for.
    pub mandate: String,
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Its place among the mandate's submissions.
    pub place: i64,
    /// What came of it.
    pub judgement: Judgement,
    /// The model that was selected.
    pub selected: Option<ModelId>,
    /// The policy.
    pub policy: PolicyRef,
}

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// The model.
    pub model_id: ModelId,
    /// Its daily returns on the lake.
    pub series: Option<ContentHash>,
}

/// Request: compare a model that passes every gate with the champion of its mandate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChallengeRequested {
    /// What a champion is chosen for.
    pub mandate: String,
    /// The challenger's experiment.
    pub experiment_id: ExperimentId,
    /// Who would be champion.
    pub challenger: Contender,
    /// Who is.
    pub champion: Contender,
    /// Seed of the bootstrap.
    pub seed: i64,
    /// Years for which the switch is planned.
    pub horizon_years: f64,
    /// What the switch costs, a share of the equity.
    pub switching_cost: f64,
}

/// A challenger beside the champion, over the days of the challenger's hold-out that both have traded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChallengeMeasured {
    /// What a champion is chosen for.
    pub mandate: String,
    /// The challenger's experiment.
    pub experiment_id: ExperimentId,
    /// Who would be champion.
    pub challenger: ModelId,
    /// Who is.
    pub champion: ModelId,
    /// Figures by name: see `gauntlet_selector`.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
}

/// Command: let a model pass a gate that refused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waive {
    /// The mandate of the model.
    pub mandate: String,
    /// The model.
    pub model_id: ModelId,
    /// The version of the model that the person saw.
    pub version_hash: ContentHash,
    /// The gate.
    pub gate: String,
    /// Who.
    pub author: String,
    /// Why, in the author's words.
    pub reason: String,
    /// Until when, by event time.
    pub expires: Timestamp,
}

/// A waiver holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverGranted {
    /// What was asked for.
    pub waive: Waive,
    /// The command.
    pub command: EventId,
}

/// A waiver does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverRefused {
    /// What was asked for.
    pub waive: Waive,
    /// The command.
    pub command: EventId,
    /// Why, for a person.
    pub detail: String,
}
