//! Experiments: submission, tuning, evaluation, and what each stage reports.
//!
//! Commands: `SubmitExperiment`, `CancelExperiment`, `ConfigRegistered` rides along. Requests:
//! `TrainingRequested`, `EvaluationRequested`. Everything else is a fact. Floats are IEEE doubles whose every
//! bit counts; an undefined metric is null.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::direction::Direction;
use crate::ids::{ContentHash, ExperimentId, ModelId, SnapshotId, TrialId};
use crate::limits::OrderLimits;
pub use crate::parameter::{ParameterValue, Parameters};
use crate::spec::Benchmark;
use crate::time::Timestamp;
use crate::versions;

pub use crate::evaluation::*;
pub use crate::words::{EvaluationFailure, ExperimentFailure, Phase, TrialFailure, TuningEnd};

/// Metrics by canonical name; `None` is undefined.
pub type Metrics = BTreeMap<String, Option<f64>>;

/// Orders that the pre-trade checks denied, by reason; empty where nothing was denied, or nothing checked.
pub type DeniedOrders = BTreeMap<String, i64>;

/// A resolved experiment document and its hash, for people and for [`crate::experiment`]'s history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRegistered {
    /// SHA-256 of the document's bytes.
    pub config_hash: ContentHash,
    /// The document with every default filled in, as canonical JSON.
    pub document: String,
}

/// Command: run this experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitExperiment {
    /// Derived from the config hash.
    pub experiment_id: ExperimentId,
    /// SHA-256 of the document.
    pub config_hash: ContentHash,
    /// The document with every default filled in, as canonical JSON.
    pub document: String,
    /// Who submitted it, as they say; empty where nobody said.
    #[serde(default)]
    pub submitted_by: String,
}

/// Command: stop this experiment; what it has found so far is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelExperiment {
    /// Which one.
    pub experiment_id: ExperimentId,
    /// Why, in the caller's words.
    pub reason: String,
}

/// The experiment has its place in the order of its mandate; it waits for its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentSubmitted {
    /// Which one.
    pub experiment_id: ExperimentId,
    /// Its name in the document.
    pub name: String,
    /// What a champion is chosen for.
    pub mandate: String,
    /// Place among the mandate's submissions, from 1.
    pub place: i64,
    /// SHA-256 of the document.
    pub config_hash: ContentHash,
    /// The document, canonical JSON.
    pub document: String,
    /// The data that tuning may see.
    pub tuning_snapshot: SnapshotId,
    /// The data that it may not.
    pub holdout_snapshot: SnapshotId,
    /// Who submitted it, as they say; empty where nobody said.
    #[serde(default)]
    pub submitted_by: String,
}

/// A sealed snapshot as stages hand it on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRef {
    /// The snapshot.
    pub snapshot_id: SnapshotId,
    /// SHA-256 over its bars; the file on the lake is named by it.
    pub content_hash: ContentHash,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time asked for.
    pub from: Timestamp,
    /// Last close time asked for.
    pub to: Timestamp,
    /// Bars.
    pub rows: i64,
}

/// One walk-forward fold as half-open ranges of bar indexes in the tuning snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldRange {
    /// First bar that may be learned from.
    pub train_from: i64,
    /// One past the last bar that may be learned from.
    pub train_to: i64,
    /// First bar that is judged.
    pub test_from: i64,
    /// One past the last bar that is judged.
    pub test_to: i64,
}

/// What trading costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostTerms {
    /// Commission on the traded value, basis points.
    pub commission_bps: f64,
    /// True: half of each bar's own quoted spread is paid; false: half of `spread_bps`.
    pub quoted_spread: bool,
    /// A fixed spread in basis points of the price, when not quoted.
    pub spread_bps: f64,
    /// Slippage against the trader, basis points.
    pub slippage_bps: f64,
    /// Whole bars between a decision and the opening at which it is filled, beyond the next one.
    pub latency_bars: i64,
}

/// What is traded with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountTerms {
    /// Currency of the account.
    pub currency: String,
    /// Money at the start.
    pub capital: f64,
    /// Share of the equity put into a position, percent.
    pub percent: f64,
    /// Whether short positions are taken.
    pub allow_short: bool,
    /// Name of a [`crate::spec::Benchmark`].
    pub benchmark: String,
    /// Share of a position's value below which the equity must not fall; 0 closes the account when nothing is left.
    #[serde(default)]
    pub maintenance_margin: f64,
    /// Annual risk-free rates in the order of time, each until the next one; empty where there is none.
    #[serde(default)]
    pub risk_free: Vec<RiskFreeRate>,
    /// Limits that orders must pass before they are sent; `None` checks nothing.
    #[serde(default)]
    pub limits: Option<OrderLimits>,
}

/// What money earns without risk, from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskFreeRate {
    /// Since when.
    pub from: Timestamp,
    /// Annual rate: 0.02 is two percent a year.
    pub rate: f64,
}

impl AccountTerms {
    /// Whether the returns are compared with a benchmark.
    pub fn has_benchmark(&self) -> bool {
        self.benchmark != Benchmark::None.name()
    }
}

/// Everything a trainer or evaluator needs besides the hyperparameters; the same for all trials of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialPlan {
    /// The data that tuning may see.
    pub data: DataRef,
    /// Strategy name, or `ml`.
    pub strategy: String,
    /// Features of a learned model, in order; empty for a rule.
    pub features: Vec<String>,
    /// Estimator of a learned model; none for a rule.
    pub estimator: Option<String>,
    /// What trading costs.
    pub costs: CostTerms,
    /// What is traded with.
    pub account: AccountTerms,
    /// Walk-forward folds.
    pub folds: Vec<FoldRange>,
    /// Bars after each test segment that no later fold may learn from.
    pub embargo_bars: i64,
    /// Canonical name of the metric that is optimised.
    pub objective: String,
    /// True when more is better.
    pub maximize: bool,
    /// Bars in a year, for annualisation; 0 where they are not known, and what is annual is undefined.
    pub periods_per_year: f64,
    /// Seed of everything random.
    pub seed: i64,
    /// Version of the set of metrics that a finalist reports; 1 before plans said so.
    #[serde(default = "first_metric_set")]
    pub metric_set: i64,
}

fn first_metric_set() -> i64 {
    1
}

impl TrialPlan {
    /// Which way the objective is better.
    pub fn direction(&self) -> Direction {
        Direction::of(self.maximize)
    }
}

/// A fold of a nested walk-forward: a search of its own on the window before it, whose best trial trades it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchWindow {
    /// Blocks of the window, on which the trials of its search are scored.
    pub folds: Vec<FoldRange>,
    /// What the best trial is fitted to, and the bars that it then trades.
    pub walk: FoldRange,
}

/// The data are sealed, the folds are cut: tuning begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentStarted {
    /// Which one.
    pub experiment_id: ExperimentId,
    /// What every trial shares.
    pub plan: TrialPlan,
    /// The data that the finalists are held against.
    pub holdout: DataRef,
    /// Searches 1, 2, …, one for each fold of the walk-forward; the plan itself is search 0, over all tuning bars. Empty
    /// where there is no walk-forward.
    #[serde(default)]
    pub windows: Vec<SearchWindow>,
    /// What the data do not have that the document asks for, for a person.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Every finalist is evaluated; the ranking is by tuning score, the hold-out only says yes or no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentCompleted {
    /// Which one.
    pub experiment_id: ExperimentId,
    /// Best first; finalists whose evaluation failed are last, with no values.
    pub ranking: Vec<RankedModel>,
}

/// Stopped by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentCancelled {
    /// Which one.
    pub experiment_id: ExperimentId,
    /// Why, in the caller's words.
    pub reason: String,
}

/// Could not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "versions::ExperimentFailed", into = "versions::ExperimentFailed")]
pub struct ExperimentFailed {
    /// Which one.
    pub experiment_id: ExperimentId,
    /// Why.
    pub reason: ExperimentFailure,
    /// What was wrong and what to do, for a person.
    pub detail: String,
}

/// Request: run one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::TrainingRequested")]
pub struct TrainingRequested {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Number of the trial, from 0: place in its search, plus the budget of a search times the number of the search.
    pub trial: i64,
    /// Derived from experiment and number.
    pub trial_id: TrialId,
    /// What to try.
    pub parameters: Parameters,
    /// What every trial shares.
    pub plan: TrialPlan,
    /// Per fold, the value that the running objective must reach for the trial to go on; null lets it pass.
    pub pruning_thresholds: Vec<Option<f64>>,
    /// Who is to answer: `trainer`, or `trainer.NAME` for a program outside.
    pub addressee: String,
}

/// A trial ran through all folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialCompleted {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Number of the trial.
    pub trial: i64,
    /// Derived from experiment and number.
    pub trial_id: TrialId,
    /// What was tried.
    pub parameters: Parameters,
    /// Objective over the concatenated test segments; null when undefined.
    pub value: Option<f64>,
    /// Objective over the test segments up to and including each fold: what pruning compares.
    pub fold_values: Vec<Option<f64>>,
    /// Metrics over the concatenated test segments.
    pub metrics: Metrics,
}

/// A trial was given up after a fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialPruned {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Number of the trial.
    pub trial: i64,
    /// Derived from experiment and number.
    pub trial_id: TrialId,
    /// What was tried.
    pub parameters: Parameters,
    /// The fold after which it was given up, from 0.
    pub fold: i64,
    /// The threshold that it missed.
    pub threshold: f64,
    /// Objective up to each fold that ran.
    pub fold_values: Vec<Option<f64>>,
}

/// A trial could not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::TrialFailed", into = "versions::TrialFailed")]
pub struct TrialFailed {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Number of the trial.
    pub trial: i64,
    /// Derived from experiment and number.
    pub trial_id: TrialId,
    /// What was tried.
    pub parameters: Parameters,
    /// Why.
    pub reason: TrialFailure,
    /// For a person.
    pub detail: String,
}

/// Count and first four moments of the trials' Sharpe ratios, fixed order of summation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharpeMoments {
    /// Trials with a defined Sharpe ratio.
    pub count: i64,
    /// Mean.
    pub mean: Option<f64>,
    /// Sample variance.
    pub variance: Option<f64>,
    /// Skewness.
    pub skewness: Option<f64>,
    /// Kurtosis, 3 for a normal distribution.
    pub kurtosis: Option<f64>,
}

/// Tuning has ended, in whatever way: what was tried on which stretch of data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "versions::LedgerEntered", into = "versions::LedgerEntered")]
pub struct LedgerEntered {
    /// What a champion is chosen for.
    pub mandate: String,
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// Its place among the mandate's submissions.
    pub place: i64,
    /// The stretch of data.
    pub data: DataRef,
    /// In which way.
    pub ended: TuningEnd,
    /// Trials asked for by the search over all tuning bars; so are those below.
    pub requested: i64,
    /// Trials completed.
    pub completed: i64,
    /// Trials pruned.
    pub pruned: i64,
    /// Trials failed.
    pub failed: i64,
    /// The finalists, best first.
    pub finalists: Vec<ModelId>,
    /// Sharpe ratios of the completed trials.
    pub sharpe: SharpeMoments,
    /// Trials of the searches before the folds of the walk-forward: they looked at the data, and nothing of them is chosen.
    pub looks: i64,
    /// First open time of the hold-out, at which each finalist is looked at; `None` before version 3.
    pub holdout_from: Option<Timestamp>,
    /// Its last close time.
    pub holdout_to: Option<Timestamp>,
    /// What is known of the trials as a family: `pbo`, `spa_p_value`, `effective_trials` and more, see
    /// `gauntlet_walkforward::family`; empty before version 4.
    pub family: Metrics,
    /// Trials that stand for their clusters, in their order.
    pub representatives: Vec<i64>,
    /// Their daily returns, a file on the lake.
    pub series: Option<ContentHash>,
}
