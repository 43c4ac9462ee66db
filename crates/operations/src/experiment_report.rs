//! An experiment with its leaderboard: what the views say of it, and what luck alone would have shown.

use std::collections::BTreeMap;

use gauntlet_domain::Timestamp;
use gauntlet_domain::experiment::Phase;
use gauntlet_views::{Row, Value, joins, schema};
use serde::Serialize;
use serde_json::Value as Json;

use crate::browse::verdicts;
use crate::exhausted::{Exhausted, exhausted};
use crate::node::Node;
use crate::noise::{self, Noise};
use crate::parked;
use crate::refusal::Refusal;
use crate::rows::{Document, GateVerdict, ViewRow, as_text, text};

/// An experiment with its leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExperimentReport {
    /// Its row.
    #[serde(flatten)]
    pub row: ViewRow,
    /// The metric that it optimises.
    pub objective: Option<String>,
    /// The bars that tuning saw; `None` while they are not sealed.
    pub tuning_bars: Option<Stretch>,
    /// The bars of the hold-out.
    pub holdout_bars: Option<Stretch>,
    /// Trials of the search over all tuning bars, by state.
    pub trials: BTreeMap<String, usize>,
    /// Trials of the searches before the folds of the walk-forward.
    pub looks: usize,
    /// Why the search ended before its trials were spent; `None` where it did not.
    pub exhausted: Option<Exhausted>,
    /// What it waits for: data that cannot be read, a sentence a cause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// The run of the walk-forward: what the procedure came to.
    pub walk_forward: Option<ViewRow>,
    /// What luck alone would have shown; `None` while tuning has not ended.
    pub noise: Option<Noise>,
    /// Finalists, best first.
    pub leaderboard: Vec<Finalist>,
}

impl ExperimentReport {
    /// Whether it ended without a result.
    pub fn is_failed(&self) -> bool {
        self.row.text("status") == Some("failed")
    }
}

/// Bars of a sealed snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// Where it begins.
    #[serde(serialize_with = "as_text")]
    pub from: Timestamp,
    /// Where it ends.
    #[serde(serialize_with = "as_text")]
    pub to: Timestamp,
    /// How many there are.
    pub bars: i64,
}

/// A line of a leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finalist {
    /// Its row.
    #[serde(flatten)]
    pub row: ViewRow,
    /// Its place, from 1.
    pub place: usize,
    /// The model's parameters.
    pub parameters: Document,
    /// Numbers from which the score can be judged, by name: see `gauntlet_walkforward::inference`.
    pub inference: Document,
    /// Probability that the true Sharpe ratio exceeds what luck alone would have shown: the deflated Sharpe ratio of the
    /// net returns over the tuning bars.
    pub deflated: Option<f64>,
    /// The same of the returns beyond the mean exposure to the benchmark.
    pub deflated_excess: Option<f64>,
    /// Place of an earlier finalist that made the same trades.
    pub equals: Option<usize>,
    /// What the hold-out says.
    pub verdict: String,
    /// Each gate, with what it was judged on.
    pub verdicts: Vec<GateVerdict>,
}

/// An experiment with its leaderboard.
pub fn experiment_report(node: &Node, row: Row) -> Result<ExperimentReport, Refusal> {
    let id = text(&row, "experiment_id").unwrap_or_default().to_owned();
    let document = document(node, &row)?;
    let objective = document.as_ref().and_then(|of| of["tuning"]["objective"].as_str().map(str::to_owned));
    let board = match &objective {
        Some(metric) => {
            let of = [id.as_str().into(), metric.as_str().into()];
            node.views.partition(&schema::LEADERBOARDS, &of, None)?
        }
        None => Vec::new(),
    };
    let budget = document.as_ref().and_then(|document| document["tuning"]["trials"].as_i64());
    let (trials, looks) = tried(node, &id, budget)?;
    let ledger = node.views.scan(&schema::TRIAL_LEDGER, None)?;
    let own = ledger.iter().find(|entry| text(entry, "experiment_id") == Some(&id));
    let exhausted = own.zip(document.as_ref()).and_then(|(own, document)| exhausted(own, document));
    let noise = own
        .map(|own| Ok::<_, Refusal>(noise::of_entry(&node.lake, &ledger, &documents(node)?, own)))
        .transpose()?;
    let run = format!("{id}:{}", Phase::WalkForward);
    let walk_forward = node.views.row(&schema::RUNS, &[id.as_str().into(), run.into()])?.map(ViewRow);
    let leaderboard = finalists(node, &id, board, noise.as_ref())?;
    let waits_for = match text(&row, "status") {
        Some("running") => parked::causes(node, &id)?.0,
        _ => Vec::new(),
    };
    let [tuning_bars, holdout_bars] =
        ["tuning_snapshot", "holdout_snapshot"].map(|column| stretch(node, text(&row, column)));
    Ok(ExperimentReport {
        tuning_bars: tuning_bars?,
        holdout_bars: holdout_bars?,
        row: ViewRow(row),
        objective,
        trials,
        looks,
        exhausted,
        waits_for,
        walk_forward,
        noise,
        leaderboard,
    })
}

/// The finalists of a board, each with its model, verdicts and score.
fn finalists(
    node: &Node,
    id: &str,
    board: Vec<Row>,
    noise: Option<&Noise>,
) -> Result<Vec<Finalist>, Refusal> {
    let (mut leaderboard, mut ran): (Vec<Finalist>, Vec<Option<Row>>) = Default::default();
    for (place, entry) in (1..).zip(board) {
        let model_id = text(&entry, "model_id").unwrap_or_default();
        let model = joins::model(&*node.views, model_id)?;
        let verdicts = verdicts(node, model_id)?;
        let of_model = |column: &str| model.as_ref().and_then(|model| text(model, column));
        let parameters = Document(of_model("parameters").unwrap_or("{}").to_owned());
        let verdict = of_model("verdict").unwrap_or_default().to_owned();
        let run = format!("{model_id}:{}", Phase::Tuning);
        let run = node.views.row(&schema::RUNS, &[id.into(), run.into()])?;
        let equals = run.as_ref().map(|run| equal(node, run, &ran)).transpose()?.flatten();
        ran.push(run.clone());
        let inference = run.as_ref().and_then(|run| text(run, "inference")).unwrap_or("{}").to_owned();
        let deflated = |prefix| noise.and_then(|noise| noise.deflated(&inference, prefix));
        leaderboard.push(Finalist {
            deflated: deflated(""),
            deflated_excess: deflated("excess_"),
            equals,
            inference: Document(inference),
            row: ViewRow(entry),
            place,
            parameters,
            verdict,
            verdicts,
        });
    }
    Ok(leaderboard)
}

/// Trials of the search over all tuning bars, by state, and how many were made before the folds.
fn tried(node: &Node, id: &str, budget: Option<i64>) -> Result<(BTreeMap<String, usize>, usize), Refusal> {
    let (mut trials, mut looks): (BTreeMap<String, usize>, usize) = Default::default();
    for trial in node.views.partition(&schema::TUNING_RESULTS, &[id.into()], None)? {
        // Numbers from the budget on are of the searches before the folds.
        if trial.get("trial").and_then(Value::as_long) >= budget.or(Some(i64::MAX)) {
            looks += 1;
            continue;
        }
        *trials.entry(text(&trial, "state").unwrap_or("unknown").to_owned()).or_default() += 1;
    }
    Ok((trials, looks))
}

/// The hashes of all experiments' documents, by experiment.
pub(crate) fn documents(node: &Node) -> Result<BTreeMap<String, String>, Refusal> {
    let rows = node.views.scan(&schema::EXPERIMENTS, None)?;
    let pair = |row: &Row| Some((text(row, "experiment_id")?.to_owned(), text(row, "config_id")?.to_owned()));
    Ok(rows.iter().filter_map(pair).collect())
}

/// The bars of a snapshot, where it is sealed.
fn stretch(node: &Node, snapshot: Option<&str>) -> Result<Option<Stretch>, Refusal> {
    let Some(snapshot) = snapshot else { return Ok(None) };
    let row = node.views.row(&schema::DATA_SNAPSHOTS, &[snapshot.into()])?;
    Ok(row.filter(|row| text(row, "status") == Some("sealed")).and_then(|row| {
        let time = |column| row.get(column).and_then(Value::as_timestamp).map(Timestamp);
        let bars = row.get("rows").and_then(Value::as_long)?;
        Some(Stretch { from: time("range_from")?, to: time("range_to")?, bars })
    }))
}

/// Place, from 1, of the first of some earlier runs that made the same trades. Fills are read only where all metrics are equal.
fn equal(node: &Node, run: &Row, earlier: &[Option<Row>]) -> Result<Option<usize>, Refusal> {
    let fills = |run: &Row| -> Result<Vec<_>, Refusal> {
        let rows = node.views.partition(
            &schema::TRADE_LOGS,
            &[run.get("run_id").cloned().unwrap_or(Value::Null)],
            None,
        )?;
        Ok(rows.into_iter().map(|fill| (fill.key[1..].to_vec(), fill.cells)).collect())
    };
    for (place, other) in (1..).zip(earlier) {
        let Some(other) = other else { continue };
        if text(run, "key_metrics") == text(other, "key_metrics") {
            let own = fills(run)?;
            if !own.is_empty() && own == fills(other)? {
                return Ok(Some(place));
            }
        }
    }
    Ok(None)
}

/// The document of an experiment's row; `None` while it is not in the views, or when it cannot be read.
pub(crate) fn document(node: &Node, experiment: &Row) -> Result<Option<Json>, Refusal> {
    let Some(config) = text(experiment, "config_id") else { return Ok(None) };
    let row = node.views.row(&schema::CONFIGURATIONS, &[config.into()])?;
    let document = row.as_ref().and_then(|row| text(row, "parameters"));
    Ok(document.and_then(|text| serde_json::from_str(text).ok()))
}
