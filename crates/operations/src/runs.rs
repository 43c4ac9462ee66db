//! A run's own numbers: its fills and its equity, shown and written to a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gauntlet_domain::Timestamp;
use gauntlet_domain::experiment::Phase;
use gauntlet_views::schema;
use gauntlet_views::{Row, Value};
use serde::{Deserialize, Serialize};

use crate::browse::find;
use crate::experiment_report::document;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::{Document, ViewRow, text};

/// Which numbers of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunPart {
    /// Its fills.
    Trades,
    /// Its equity.
    Equity,
    /// Of an experiment or its walk-forward: what was chosen before each fold, and what it came to there.
    Folds,
}

/// A run to be written to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// The run's id, or its beginning.
    pub id: String,
    /// A file that ends in `.csv` or `.parquet`. A process elsewhere writes it where it runs, so it is absolute.
    pub out: PathBuf,
}

/// A fill. Two of them are a trade: one opens, one closes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fill {
    /// When, RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// What was traded.
    pub asset: String,
    /// `buy` or `sell`.
    pub action: String,
    /// Price paid or received.
    pub price: Option<f64>,
    /// Units.
    pub quantity: Option<f64>,
    /// Profit after costs of the position that it closed; zero when it opened one.
    pub pnl: Option<f64>,
}

/// A run at the close of a bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// When, RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// Equity, in the account's currency.
    pub equity: f64,
    /// Equity over that at the close before, less one; of the first bar over the capital. `None` where the capital is not
    /// on record.
    #[serde(rename = "return")]
    pub bar_return: Option<f64>,
}

/// Numbers of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum RunNumbers {
    Trades { run: String, trades: Vec<Fill> },
    Equity { run: String, equity: Vec<Point> },
    Folds { run: String, summary: Document, folds: Vec<ViewRow> },
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The run.
    pub run: String,
    /// Bars.
    pub rows: usize,
    /// The file.
    pub out: PathBuf,
}

/// Fills or equity of a run.
pub fn numbers(node: &Node, id: &str, part: RunPart) -> Result<RunNumbers, Refusal> {
    let run = || -> Result<(Row, String), Refusal> {
        let row = find(node, &schema::RUNS, id)?;
        let run = text(&row, "run_id").unwrap_or_default().to_owned();
        Ok((row, run))
    };
    match part {
        RunPart::Folds => folds(node, id),
        RunPart::Trades => {
            let (_, run) = run()?;
            let rows = node.views.partition(&schema::TRADE_LOGS, &[run.as_str().into()], None)?;
            Ok(RunNumbers::Trades { trades: rows.iter().map(fill).collect(), run })
        }
        RunPart::Equity => {
            let (row, run) = run()?;
            Ok(RunNumbers::Equity { equity: equity(node, &row, &run)?, run })
        }
    }
}

/// The folds of an experiment's walk-forward, asked for by the experiment's id or the run's.
fn folds(node: &Node, id: &str) -> Result<RunNumbers, Refusal> {
    let id = id.split_once(':').map_or(id, |(experiment, _)| experiment);
    let experiment = find(node, &schema::EXPERIMENTS, id)?;
    let experiment = text(&experiment, "experiment_id").unwrap_or_default().to_owned();
    let run = format!("{experiment}:{}", Phase::WalkForward);
    let key = [experiment.as_str().into(), run.as_str().into()];
    let Some(row) = node.views.row(&schema::RUNS, &key)? else {
        return Err(Refusal::BadInput(format!(
            "experiment {experiment} has no walk-forward: its scheme is fixed, or it has not come so far"
        )));
    };
    let summary = Document(text(&row, "summary").unwrap_or("{}").to_owned());
    let rows = node.views.partition(&schema::WALK_FORWARD_FOLDS, &[experiment.as_str().into()], None)?;
    Ok(RunNumbers::Folds { run, summary, folds: rows.into_iter().map(ViewRow).collect() })
}

/// Writes the equity of a run, a bar a row.
pub fn export(node: &Node, request: &ExportRequest) -> Result<Exported, Refusal> {
    let row = find(node, &schema::RUNS, &request.id)?;
    let run = text(&row, "run_id").unwrap_or_default().to_owned();
    let points = equity(node, &row, &run)?;
    write(&request.out, &points)?;
    Ok(Exported { run, rows: points.len(), out: request.out.clone() })
}

fn fill(row: &Row) -> Fill {
    let word = |column| text(row, column).unwrap_or_default().to_owned();
    let number = |column| row.get(column).and_then(Value::as_double);
    Fill {
        time: time(row),
        asset: word("asset"),
        action: word("action"),
        price: number("price"),
        quantity: number("quantity"),
        pnl: number("pnl"),
    }
}

/// The equity of a run, a bar a point.
pub(crate) fn equity(node: &Node, run: &Row, id: &str) -> Result<Vec<Point>, Refusal> {
    let mut before = capital(node, text(run, "experiment_id").unwrap_or_default())?;
    let rows = node.views.partition(&schema::EQUITY_CURVES, &[id.into()], None)?;
    let point = |row: &Row| {
        let equity = row.get("portfolio_value").and_then(Value::as_double)?;
        let bar_return = before.map(|before| if before > 0.0 { equity / before - 1.0 } else { 0.0 });
        before = Some(equity);
        Some(Point { time: time(row), equity, bar_return })
    };
    Ok(rows.iter().filter_map(point).collect())
}

/// The money at the start of an experiment's runs.
fn capital(node: &Node, experiment: &str) -> Result<Option<f64>, Refusal> {
    let row = node.views.row(&schema::EXPERIMENTS, &[experiment.into()])?;
    let document = row.as_ref().map(|row| document(node, row)).transpose()?.flatten();
    Ok(document.and_then(|document| document["account"]["capital"].as_f64()))
}

fn time(row: &Row) -> Timestamp {
    Timestamp(row.get("timestamp").and_then(Value::as_timestamp).unwrap_or_default())
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn write(out: &Path, points: &[Point]) -> Result<(), Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::Outside(format!("{}: {error}", out.display()));
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => {
            let mut text = String::from("time,equity,return\n");
            for Point { time, equity, bar_return } in points {
                let bar_return = bar_return.map(|value| value.to_string()).unwrap_or_default();
                let _ = writeln!(text, "{time},{equity},{bar_return}");
            }
            std::fs::write(out, text).map_err(|error| failed(&error))
        }
        Some("parquet") => {
            let columns = vec![
                ("equity", points.iter().map(|point| Some(point.equity)).collect()),
                ("return", points.iter().map(|point| point.bar_return).collect()),
            ];
            let times = points.iter().map(|point| point.time.0).collect();
            gauntlet_lake::write_columns(out, times, columns).map_err(|error| failed(&error))
        }
        _ => Err(Refusal::BadInput(format!(
            "--out {}: give a name that ends in .csv or .parquet",
            out.display()
        ))),
    }
}
