//! Robustness of a finalist: requests for sensitivity analysis and for risk figures, and what came of them.
//!
//! Figures are numbers by name; one that is undefined is null and has its reason under the same name in `undefined`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::experiment::{DataRef, Metrics, Parameters, TrialPlan};
use crate::ids::{ContentHash, ExperimentId, ModelId};

/// Reasons by the name of the figure that has no value.
pub type Reasons = BTreeMap<String, String>;

/// What is asked of a sensitivity analysis, as the document has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensitivityTerms {
    /// Names of the global methods: `sobol`, `morris`, `pawn`.
    pub methods: Vec<String>,
    /// Rows of a Sobol design, a power of two.
    pub samples: i64,
    /// Points of the neighbourhood of the finalist.
    pub neighbours: i64,
    /// Fits of a learned model, at most.
    #[serde(default = "most_fits")]
    pub fits: i64,
    /// Resampled paths.
    pub paths: i64,
    /// Names of the stresses: `costs_x2`, `delay_1_bar`, and others.
    pub stresses: Vec<String>,
    /// The search space, as the document's `model.parameters`: canonical JSON.
    pub space: String,
}

/// Fits where nobody says how many.
const fn most_fits() -> i64 {
    128
}

/// Request: move a finalist's parameters, costs, timing and data, and see what becomes of its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensitivityRequested {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Its parameters.
    pub parameters: Parameters,
    /// What every trial shares; the score is the objective over its folds.
    pub plan: TrialPlan,
    /// What is asked for.
    pub terms: SensitivityTerms,
}

/// How the score depends on one parameter of the strategy or of the costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisSensitivity {
    /// The parameter: `fast`, or `costs.commission_bps`.
    pub name: String,
    /// Figures by name: see the tables of `gauntlet_robustness`.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
}

/// What the finalist comes to when one thing is made worse. Always a run of its own, never arithmetic on another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stress {
    /// Its name: `costs_x2`, `costs_x2.commission`, `delay_1_bar`.
    pub name: String,
    /// `value` (the objective), `total_return`, `max_drawdown`, `trade_count` of that run.
    pub figures: Metrics,
    /// Whether every fill is as it was: then the stress says nothing.
    pub without_effect: bool,
}

/// What became of a finalist's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensitivityReported {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// The score that everything is held against: the objective over the plan's folds.
    pub value: Option<f64>,
    /// Figures of the whole by name: see the tables of `gauntlet_robustness`.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
    /// One for each parameter that varies.
    pub axes: Vec<AxisSensitivity>,
    /// One for each stress, in the order of the report.
    pub stresses: Vec<Stress>,
    /// Runs that were made: looks at the tuning bars.
    pub evaluations: i64,
    /// The points and their values, a file on the lake; `None` where there are none.
    pub points: Option<ContentHash>,
    /// What a person should know: a box that was halved, a method that does not apply.
    pub remarks: Vec<String>,
}

/// Request: measure the risk of a finalist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskRequested {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Its parameters.
    pub parameters: Parameters,
    /// What every trial shares.
    pub plan: TrialPlan,
    /// The data held out, which the figures are of too.
    pub holdout: DataRef,
}

/// The risk of a finalist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskMeasured {
    /// Which experiment.
    pub experiment_id: ExperimentId,
    /// The finalist.
    pub model_id: ModelId,
    /// Its trial.
    pub trial: i64,
    /// Losses positive, per bar; names begin with `tuning.` or `holdout.`.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
    /// Net returns by UTC day, CSV `date,part,return`, a file on the lake; `None` where there are none.
    pub series: Option<ContentHash>,
}
