//! Finalists: what the evaluator is asked, what it found, the series behind it, and their ranking.
//!
//! `RankedModel` is part of `ExperimentCompleted`; everything else here is a record of its own.

use serde::{Deserialize, Serialize};

use crate::experiment::{DataRef, Metrics, Parameters, TrialPlan};
use crate::ids::{ContentHash, ExperimentId, ModelId};
use crate::time::Timestamp;
use crate::verdict::Verdict;
use crate::versions;
use crate::words::{EvaluationFailure, Phase};

/// Request: evaluate one finalist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::EvaluationRequested")]
pub struct EvaluationRequested {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Place among the finalists by tuning, from 1.
    pub finalist: i64,
    /// What to evaluate.
    pub parameters: Parameters,
    /// What every trial shares.
    pub plan: TrialPlan,
    /// The data held out.
    pub holdout: DataRef,
    /// Share of the walk-forward value that the hold-out must keep.
    pub holdout_keeps: f64,
    /// Trades on the hold-out below which nothing is confirmed; 0 from writers of version 1.
    pub min_trades: i64,
    /// Who is to answer: `evaluator`, or `evaluator.NAME` for a program outside.
    pub addressee: String,
}

/// One fold of a walk-forward report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldOutcome {
    /// First judged bar's open time.
    pub from: Timestamp,
    /// Last judged bar's close time.
    pub to: Timestamp,
    /// Objective in this fold alone.
    pub value: Option<f64>,
    /// Total return in this fold alone.
    pub total_return: Option<f64>,
}

/// A finalist was walked forward and held against the hold-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::EvaluationCompleted", into = "versions::EvaluationCompleted")]
pub struct EvaluationCompleted {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// What was evaluated.
    pub parameters: Parameters,
    /// Metrics over the concatenated walk-forward returns.
    pub walk_forward: Metrics,
    /// Fold by fold.
    pub folds: Vec<FoldOutcome>,
    /// Metrics on the hold-out.
    pub holdout: Metrics,
    /// What the hold-out says of the walk-forward.
    pub verdict: Verdict,
    /// The trained model on the lake; none for a rule.
    pub artifact: Option<ContentHash>,
}

/// A finalist could not be evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::EvaluationFailed", into = "versions::EvaluationFailed")]
pub struct EvaluationFailed {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Why.
    pub reason: EvaluationFailure,
    /// For a person.
    pub detail: String,
}

/// Trades of a run, in columns. A run is a finalist in one phase; its id is `model:phase`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::TradeLogChunk", into = "versions::TradeLogChunk")]
pub struct TradeLogChunk {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Which stretch of data.
    pub phase: Phase,
    /// Number of the chunk, from 0.
    pub chunk: i64,
    /// What was traded.
    pub asset: String,
    /// Times of the fills, nanoseconds.
    pub times: Vec<i64>,
    /// `buy` or `sell`.
    pub actions: Vec<String>,
    /// Prices paid or received.
    pub prices: Vec<f64>,
    /// Quantities.
    pub quantities: Vec<f64>,
    /// Profit or loss that the fill realised, net of the trade's fees; zero when it opens.
    pub pnls: Vec<f64>,
}

/// Equity of a run at the close of each bar, in columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::EquityCurveChunk", into = "versions::EquityCurveChunk")]
pub struct EquityCurveChunk {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Which stretch of data.
    pub phase: Phase,
    /// Number of the chunk, from 0.
    pub chunk: i64,
    /// Close times, nanoseconds.
    pub times: Vec<i64>,
    /// Portfolio value.
    pub values: Vec<f64>,
}

/// A finalist's place in the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::RankedModel", into = "versions::RankedModel")]
pub struct RankedModel {
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Objective over the concatenated walk-forward returns.
    pub walk_forward: Option<f64>,
    /// Objective on the hold-out.
    pub holdout: Option<f64>,
    /// What the hold-out says of it; undefined when it could not be evaluated.
    pub verdict: Verdict,
}
