//! Records that changed: how they are written now, and what is read of those that were written before.
//!
//! Version 2 gave these records types in the place of texts. Their topics are kept for ever, so every release must read
//! what every other one has written (`FULL_TRANSITIVE`), and Avro has no way to read a text as an enum or to leave out a
//! field that readers of version 1 need. So version 2 keeps the old field and adds a new one with a default:
//!
//! | version 1 | added by version 2 | what counts |
//! |---|---|---|
//! | `reason`, `phase`, `ended`: a text | `reason_code`, `phase_code`, `ended_code`: an enum | the enum, and the text where the enum is `UNKNOWN` |
//! | `confirmed`, `verdict`: yes or no, and a sentence | `holdout_verdict`: a [`Verdict`] | the verdict, and the two where it is null |
//! | `walk_forward`: what a finalist comes to on the folds that it was chosen on (version 3) | `tuning`: the same under its true name | `tuning`, where there is one |
//! | nothing (a request) | `addressee`: a text | the text, and what the plan's strategy says where it is empty |
//!
//! The types of the domain have one field for each; the structs here have the two of the wire. The old fields are filled
//! from the new ones at each writing, so what a reader of version 1 sees is what a writer of version 1 would have written.

use serde::{Deserialize, Serialize};

use crate::evaluation::{self, FoldOutcome};
use crate::experiment::{self, DataRef, DeniedOrders, Metrics, Parameters, SharpeMoments, TrialPlan};
use crate::external;
use crate::ids::{ContentHash, ExperimentId, ModelId, TrialId};
use crate::time::Timestamp;
use crate::verdict::Verdict;
use crate::words::{EvaluationFailure, ExperimentFailure, Phase, TrialFailure, TuningEnd};

/// Declares the written form of a record: a word as text and as a symbol, and the fields that stay as they are.
macro_rules! with_word {
    ($module:ident::$name:ident { $text:ident, $symbol:ident: $word:ident; $($same:ident: $type:ty,)+ }) => {
        #[derive(Serialize, Deserialize)]
        pub(crate) struct $name {
            $($same: $type,)+
            $text: String,
            #[serde(default)]
            $symbol: $word,
        }

        impl From<$name> for $module::$name {
            fn from(read: $name) -> Self {
                Self { $($same: read.$same,)+ $text: $word::of(&read.$text, read.$symbol) }
            }
        }

        impl From<$module::$name> for $name {
            fn from(event: $module::$name) -> Self {
                Self { $($same: event.$same,)+ $text: event.$text.word().to_owned(), $symbol: event.$text }
            }
        }
    };
}

with_word!(experiment::ExperimentFailed {
    reason, reason_code: ExperimentFailure;
    experiment_id: ExperimentId,
    detail: String,
});

with_word!(experiment::TrialFailed {
    reason, reason_code: TrialFailure;
    experiment_id: ExperimentId,
    trial: i64,
    trial_id: TrialId,
    parameters: Parameters,
    detail: String,
});

with_word!(experiment::LedgerEntered {
    ended, ended_code: TuningEnd;
    mandate: String,
    experiment_id: ExperimentId,
    place: i64,
    data: DataRef,
    requested: i64,
    completed: i64,
    pruned: i64,
    failed: i64,
    finalists: Vec<ModelId>,
    sharpe: SharpeMoments,
    looks: i64,
    holdout_from: Option<Timestamp>,
    holdout_to: Option<Timestamp>,
    family: Metrics,
    representatives: Vec<i64>,
    series: Option<ContentHash>,
});

with_word!(evaluation::EvaluationFailed {
    reason, reason_code: EvaluationFailure;
    experiment_id: ExperimentId,
    model_id: ModelId,
    trial: i64,
    detail: String,
});

with_word!(evaluation::TradeLogChunk {
    phase, phase_code: Phase;
    experiment_id: ExperimentId,
    model_id: ModelId,
    chunk: i64,
    asset: String,
    times: Vec<i64>,
    actions: Vec<String>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    pnls: Vec<f64>,
});

with_word!(evaluation::EquityCurveChunk {
    phase, phase_code: Phase;
    experiment_id: ExperimentId,
    model_id: ModelId,
    chunk: i64,
    times: Vec<i64>,
    values: Vec<f64>,
});

#[derive(Serialize, Deserialize)]
pub(crate) struct EvaluationCompleted {
    experiment_id: ExperimentId,
    model_id: ModelId,
    trial: i64,
    parameters: Parameters,
    #[serde(default)]
    tuning: Metrics,
    walk_forward: Metrics,
    folds: Vec<FoldOutcome>,
    holdout: Metrics,
    confirmed: bool,
    verdict: String,
    artifact: Option<ContentHash>,
    #[serde(default)]
    holdout_verdict: Option<Verdict>,
    #[serde(default)]
    inference: Metrics,
    #[serde(default)]
    denied: DeniedOrders,
    #[serde(default)]
    holdout_denied: DeniedOrders,
    #[serde(default)]
    logic: Option<String>,
}

impl From<EvaluationCompleted> for evaluation::EvaluationCompleted {
    fn from(read: EvaluationCompleted) -> Self {
        let (confirmed, sentence) = (read.confirmed, read.verdict);
        Self {
            experiment_id: read.experiment_id,
            model_id: read.model_id,
            trial: read.trial,
            parameters: read.parameters,
            tuning: read.tuning,
            walk_forward: read.walk_forward,
            folds: read.folds,
            holdout: read.holdout,
            verdict: read.holdout_verdict.unwrap_or_else(|| Verdict::of_version_1(confirmed, &sentence)),
            artifact: read.artifact,
            inference: read.inference,
            denied: read.denied,
            holdout_denied: read.holdout_denied,
            logic: read.logic,
        }
    }
}

impl From<evaluation::EvaluationCompleted> for EvaluationCompleted {
    fn from(event: evaluation::EvaluationCompleted) -> Self {
        Self {
            experiment_id: event.experiment_id,
            model_id: event.model_id,
            trial: event.trial,
            parameters: event.parameters,
            tuning: event.tuning,
            walk_forward: event.walk_forward,
            folds: event.folds,
            holdout: event.holdout,
            confirmed: event.verdict.passes(),
            verdict: event.verdict.sentence(),
            artifact: event.artifact,
            holdout_verdict: Some(event.verdict),
            inference: event.inference,
            denied: event.denied,
            holdout_denied: event.holdout_denied,
            logic: event.logic,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RankedModel {
    model_id: ModelId,
    trial: i64,
    #[serde(default)]
    tuning: Option<f64>,
    walk_forward: Option<f64>,
    holdout: Option<f64>,
    confirmed: bool,
    #[serde(default)]
    holdout_verdict: Option<Verdict>,
}

impl From<RankedModel> for evaluation::RankedModel {
    fn from(read: RankedModel) -> Self {
        let verdict = read.holdout_verdict.unwrap_or_else(|| Verdict::of_version_1(read.confirmed, ""));
        Self {
            model_id: read.model_id,
            trial: read.trial,
            tuning: read.tuning,
            walk_forward: read.walk_forward,
            holdout: read.holdout,
            verdict,
        }
    }
}

impl From<evaluation::RankedModel> for RankedModel {
    fn from(ranked: evaluation::RankedModel) -> Self {
        Self {
            model_id: ranked.model_id,
            trial: ranked.trial,
            tuning: ranked.tuning,
            walk_forward: ranked.walk_forward,
            holdout: ranked.holdout,
            confirmed: ranked.verdict.passes(),
            holdout_verdict: Some(ranked.verdict),
        }
    }
}

/// Only read: a request is written as it is.
#[derive(Deserialize)]
pub(crate) struct TrainingRequested {
    experiment_id: ExperimentId,
    trial: i64,
    trial_id: TrialId,
    parameters: Parameters,
    plan: TrialPlan,
    pruning_thresholds: Vec<Option<f64>>,
    #[serde(default)]
    addressee: String,
}

impl From<TrainingRequested> for experiment::TrainingRequested {
    fn from(read: TrainingRequested) -> Self {
        Self {
            addressee: addressee(read.addressee, "trainer", &read.plan),
            experiment_id: read.experiment_id,
            trial: read.trial,
            trial_id: read.trial_id,
            parameters: read.parameters,
            plan: read.plan,
            pruning_thresholds: read.pruning_thresholds,
        }
    }
}

/// Only read: a request is written as it is.
#[derive(Deserialize)]
pub(crate) struct EvaluationRequested {
    experiment_id: ExperimentId,
    model_id: ModelId,
    trial: i64,
    finalist: i64,
    parameters: Parameters,
    plan: TrialPlan,
    holdout: DataRef,
    holdout_keeps: f64,
    #[serde(default)]
    min_trades: i64,
    #[serde(default)]
    procedure: Option<evaluation::ProcedureOutcome>,
    #[serde(default)]
    addressee: String,
}

impl From<EvaluationRequested> for evaluation::EvaluationRequested {
    fn from(read: EvaluationRequested) -> Self {
        Self {
            addressee: addressee(read.addressee, "evaluator", &read.plan),
            experiment_id: read.experiment_id,
            model_id: read.model_id,
            trial: read.trial,
            finalist: read.finalist,
            parameters: read.parameters,
            plan: read.plan,
            holdout: read.holdout,
            holdout_keeps: read.holdout_keeps,
            min_trades: read.min_trades,
            procedure: read.procedure,
        }
    }
}

/// Whom a request names, or whom version 1 meant.
fn addressee(named: String, processor: &str, plan: &TrialPlan) -> String {
    if named.is_empty() { external::addressee(processor, &plan.strategy) } else { named }
}
