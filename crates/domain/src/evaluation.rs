//! Finalists and walk-forwards: what the evaluator is asked, what it found, the series behind it, and the ranking.
//!
//! `RankedModel` is part of `ExperimentCompleted`; everything else here is a record of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::experiment::{DataRef, DeniedOrders, FoldRange, Metrics, Parameters, TrialPlan};
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
    /// Share of the procedure's value that the hold-out must keep.
    pub holdout_keeps: f64,
    /// Trades on the hold-out below which nothing is confirmed; 0 from writers of version 1.
    pub min_trades: i64,
    /// What the walk-forward of the procedure came to, which the hold-out is held against; `None` where there was no
    /// walk-forward: then the finalist's own tuning score takes its place.
    pub procedure: Option<ProcedureOutcome>,
    /// Who is to answer: `evaluator`, or `evaluator.NAME` for a program outside.
    pub addressee: String,
}

/// What the walk-forward of the procedure came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProcedureOutcome {
    /// The objective over the joined folds.
    pub value: Option<f64>,
    /// Return from the first bar to the last.
    pub total_return: Option<f64>,
}

/// One fold of the plan in a finalist's report.
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

/// A finalist was scored on all tuning bars and held against the hold-out.
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
    /// Metrics over the folds of the plan, on which it was chosen: a tuning score. Empty before version 3.
    pub tuning: Metrics,
    /// The same under the name that it had before version 3; empty since.
    pub walk_forward: Metrics,
    /// Fold by fold.
    pub folds: Vec<FoldOutcome>,
    /// Metrics on the hold-out.
    pub holdout: Metrics,
    /// What the hold-out says.
    pub verdict: Verdict,
    /// The trained model on the lake; none for a rule.
    pub artifact: Option<ContentHash>,
    /// Numbers from which others can judge the tuning score, by name: see `gauntlet_walkforward::inference`.
    pub inference: Metrics,
    /// Orders denied over the folds of the plan.
    pub denied: DeniedOrders,
    /// Orders denied on the hold-out.
    pub holdout_denied: DeniedOrders,
    /// The version of the logic that evaluated it: a model is what it makes of the parameters. `None` before version 4, and
    /// from a program outside that does not say.
    pub logic: Option<String>,
}

impl EvaluationCompleted {
    /// The metrics by which finalists are ranked, and the phase that they are of.
    pub fn scores(&self) -> (Phase, &Metrics) {
        if self.tuning.is_empty() && !self.walk_forward.is_empty() {
            (Phase::WalkForward, &self.walk_forward)
        } else {
            (Phase::Tuning, &self.tuning)
        }
    }
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

/// A fold of a walk-forward: what its search chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WalkForwardSegment {
    /// What the choice is fitted to, and the bars that it trades.
    pub bars: FoldRange,
    /// The best trial of its search; `None` where none has a defined objective: the fold stays flat.
    pub trial: Option<i64>,
    /// Trials of its search that were completed.
    pub completed: i64,
    /// Those of the best trial.
    pub parameters: Parameters,
    /// Objective of the best trial before the fold.
    pub in_sample: Option<f64>,
    /// Its annual return there.
    pub in_sample_return: Option<f64>,
}

/// Request: trade each fold with what the search before it chose, as one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WalkForwardRequested {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// What every trial shares; its folds are those of the search over all tuning bars and say nothing here.
    pub plan: TrialPlan,
    /// In the order of time.
    pub segments: Vec<WalkForwardSegment>,
    /// Who is to answer: `evaluator`, or `evaluator.NAME` for a program outside.
    pub addressee: String,
}

/// A fold of a walk-forward as it was traded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WalkForwardFold {
    /// What was chosen, and where.
    pub segment: WalkForwardSegment,
    /// First bar's open time.
    pub from: Timestamp,
    /// Last bar's close time.
    pub to: Timestamp,
    /// Objective in this fold alone.
    pub value: Option<f64>,
    /// Return in this fold alone.
    pub total_return: Option<f64>,
    /// The same for a year.
    pub annual_return: Option<f64>,
}

/// What the procedure earned: a search on the past, its best trial on what follows, again and again.
///
/// Its run has the id `EXPERIMENT:walk_forward`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WalkForwardCompleted {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Over the joined folds.
    pub metrics: Metrics,
    /// Fold by fold.
    pub folds: Vec<WalkForwardFold>,
    /// `efficiency`, `profitable_folds`, `flat_folds`, and the drift of each parameter: see
    /// `gauntlet_walkforward::procedure`.
    pub summary: Metrics,
    /// Numbers from which others can judge the value, by name: see `gauntlet_walkforward::inference`.
    pub inference: Metrics,
    /// Orders denied over the joined folds.
    #[serde(default)]
    pub denied: DeniedOrders,
}

/// The walk-forward could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkForwardFailed {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Why.
    pub reason: EvaluationFailure,
    /// For a person.
    pub detail: String,
}

/// A trial of the search over all tuning bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyTrial {
    /// Its number.
    pub trial: i64,
    /// Its parameters.
    pub parameters: Parameters,
}

/// Request: what do the trials of the search over all tuning bars say together?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFamilyRequested {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// What every trial shares.
    pub plan: TrialPlan,
    /// In the order of their numbers.
    pub trials: Vec<FamilyTrial>,
    /// Who is to answer: `evaluator`.
    pub addressee: String,
}

/// What the trials say together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFamilyMeasured {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Figures by name: see `gauntlet_walkforward::family`.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: BTreeMap<String, String>,
    /// Trials that stand for their clusters, in their order.
    pub representatives: Vec<i64>,
    /// Their daily returns, a file on the lake; `None` where there are none.
    pub series: Option<ContentHash>,
}

/// The run of an experiment's walk-forward, in the place where others have their model.
pub fn walk_forward_run(experiment: ExperimentId) -> ModelId {
    ModelId(experiment.0)
}

/// Trades of a run, in columns. A run is a finalist in one phase, or a walk-forward ([`walk_forward_run`]); its id is
/// `model:phase`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::TradeLogChunk", into = "versions::TradeLogChunk")]
pub struct TradeLogChunk {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist, or [`walk_forward_run`].
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
    /// The finalist, or [`walk_forward_run`].
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
    /// Objective over all tuning bars, by which the ranking is; `None` before version 3.
    pub tuning: Option<f64>,
    /// The same under the name that it had before version 3; `None` since.
    pub walk_forward: Option<f64>,
    /// Objective on the hold-out.
    pub holdout: Option<f64>,
    /// What the hold-out says of it; undefined when it could not be evaluated.
    pub verdict: Verdict,
}
