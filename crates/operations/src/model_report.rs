//! A model as `show MODEL` has it: what was tried, on which data, by whom, what passed by how much, what was waived and why.

use gauntlet_views::{Row, schema};
use serde::Serialize;

use crate::browse::verdicts;
use crate::experiment_report::documents;
use crate::node::Node;
use crate::noise::{self, Noise};
use crate::refusal::Refusal;
use crate::rows::{GateVerdict, ViewRow, text};
use crate::waive::decision;

/// A model with everything that speaks for and against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its row.
    #[serde(flatten)]
    pub row: ViewRow,
    /// The experiment that it is of.
    pub experiment: Option<ViewRow>,
    /// Bars that it was tuned on and that were held out.
    pub snapshots: Vec<ViewRow>,
    /// What was tried on these bars by the time of its experiment; `None` while tuning has not ended.
    pub noise: Option<Noise>,
    /// The last decision about it; none while it is not judged.
    pub decision: Option<ViewRow>,
    /// Each gate, with what it was judged on, in the order of the table of gates.
    pub verdicts: Vec<GateVerdict>,
    /// What people wanted set aside.
    pub waivers: Vec<ViewRow>,
    /// What became of its score when things were moved: the whole, then parameters and stresses.
    pub sensitivity: Vec<ViewRow>,
    /// Its risk.
    pub risk: Option<ViewRow>,
}

/// Everything about a model.
pub(crate) fn model_report(node: &Node, row: Row) -> Result<ModelReport, Refusal> {
    let model = text(&row, "model_id").unwrap_or_default().to_owned();
    let key = [model.as_str().into()];
    let experiment = match text(&row, "experiment_id") {
        Some(id) => node.views.row(&schema::EXPERIMENTS, &[id.into()])?,
        None => None,
    };
    let mut snapshots = Vec::new();
    for column in ["tuning_snapshot", "holdout_snapshot"] {
        let id = experiment.as_ref().and_then(|row| text(row, column));
        if let Some(id) = id {
            snapshots.extend(node.views.row(&schema::DATA_SNAPSHOTS, &[id.into()])?.map(ViewRow));
        }
    }
    let ledger = node.views.scan(&schema::TRIAL_LEDGER, None)?;
    let own = ledger.iter().find(|entry| text(entry, "experiment_id") == text(&row, "experiment_id"));
    let noise = match own {
        Some(own) => Some(noise::of_entry(&node.lake, &ledger, &documents(node)?, own)),
        None => None,
    };
    let of_model = |table| -> Result<Vec<ViewRow>, Refusal> {
        Ok(node.views.partition(table, &key, None)?.into_iter().map(ViewRow).collect())
    };
    let mut sensitivity = of_model(&schema::SENSITIVITY)?;
    sensitivity.sort_by_key(|row| row.text("part") != Some("whole"));
    Ok(ModelReport {
        experiment: experiment.map(ViewRow),
        snapshots,
        noise,
        decision: decision(node, &model)?.map(ViewRow),
        verdicts: verdicts(node, &model)?,
        waivers: of_model(&schema::WAIVERS)?,
        sensitivity,
        risk: node.views.row(&schema::RISK_FIGURES, &key)?.map(ViewRow),
        row: ViewRow(row),
    })
}
