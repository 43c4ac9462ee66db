//! `ledger`: who tried what on which bars in the order of a mandate, and what that costs a new candidate.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::Timestamp;
use gauntlet_domain::experiment::{Metrics, Phase};
use gauntlet_quant::inference::sharpe_needed;
use gauntlet_views::{Row, Value, schema};
use serde::{Deserialize, Serialize};

use crate::experiment_report::documents;
use crate::node::Node;
use crate::noise::{self, Noise};
use crate::refusal::Refusal;
use crate::rows::{ViewRow, as_text, text};

/// The deflated Sharpe ratio that a candidate has to reach.
pub const CONFIDENCE: f64 = 0.95;
/// Stretches of bars for which it is said what the next candidate needs.
const STRETCHES: usize = 20;

/// Which ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRequest {
    /// The mandate.
    pub mandate: String,
    /// Trials that the next experiment is to try.
    pub trials: u64,
}

/// What a mandate has tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ledger {
    /// What a champion is chosen for.
    pub mandate: String,
    /// Its experiments that have ended, in the order of their submission.
    pub entries: Vec<Entry>,
    /// Experiments that have a place and have not ended.
    pub under_way: Vec<String>,
    /// What the next experiment finds, for each stretch of bars that was searched, the last one first.
    pub next: Vec<Next>,
    /// Stretches that are left out of `next`.
    pub left_off: usize,
}

/// A line of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its row.
    #[serde(flatten)]
    pub row: ViewRow,
    /// The experiment's name.
    pub name: Option<String>,
}

/// What a candidate of the next experiment would be up against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Next {
    /// The instrument of the bars.
    pub instrument: String,
    /// Where they begin.
    #[serde(serialize_with = "as_text")]
    pub from: Timestamp,
    /// Where they end.
    #[serde(serialize_with = "as_text")]
    pub to: Timestamp,
    /// What luck alone would show, the next experiment's own trials among those that are counted.
    pub noise: Noise,
    /// Bars with a return; `None` where no finalist was measured on them.
    pub observations: Option<u64>,
    /// Bars in a year.
    pub periods_per_year: Option<f64>,
    /// The annual Sharpe ratio over these bars at which a candidate with normal returns has a deflated Sharpe ratio of
    /// [`CONFIDENCE`].
    pub needed: Option<f64>,
}

/// The ledger of a mandate.
pub fn ledger(node: &Node, request: &LedgerRequest) -> Result<Ledger, Refusal> {
    let mandate = &request.mandate;
    let experiments = node.views.scan(&schema::EXPERIMENTS, None)?;
    let of_mandate: Vec<&Row> =
        experiments.iter().filter(|row| text(row, "mandate") == Some(mandate.as_str())).collect();
    if of_mandate.is_empty() {
        return Err(unknown(mandate, &experiments));
    }
    let all = node.views.scan(&schema::TRIAL_LEDGER, None)?;
    let mut own: Vec<&Row> = all.iter().filter(|row| text(row, "mandate") == Some(mandate)).collect();
    own.sort_by_key(|row| noise::place(row));
    let documents = documents(node)?;
    let stretches = stretches(&own);
    let next = |of: &&Row| next(node, &all, &documents, of, request.trials);
    let names: BTreeMap<&str, &str> =
        of_mandate.iter().filter_map(|row| Some((text(row, "experiment_id")?, text(row, "name")?))).collect();
    let name = |row: &Row| names.get(text(row, "experiment_id")?).map(|name| (*name).to_owned());
    let over: BTreeSet<&str> = own.iter().filter_map(|entry| text(entry, "experiment_id")).collect();
    let open = of_mandate.iter().filter_map(|row| text(row, "experiment_id")).filter(|id| !over.contains(id));
    Ok(Ledger {
        mandate: mandate.clone(),
        under_way: open.map(str::to_owned).collect(),
        next: stretches.iter().take(STRETCHES).map(next).collect::<Result<_, _>>()?,
        left_off: stretches.len().saturating_sub(STRETCHES),
        entries: own.iter().map(|row| Entry { row: ViewRow((*row).clone()), name: name(row) }).collect(),
    })
}

fn unknown(mandate: &str, experiments: &[Row]) -> Refusal {
    let known: BTreeSet<&str> = experiments.iter().filter_map(|row| text(row, "mandate")).collect();
    let known: Vec<&str> = known.into_iter().take(8).collect();
    Refusal::BadInput(match known.as_slice() {
        [] => format!("no experiment of mandate {mandate} was submitted, nor of any other: submit one first"),
        known => {
            format!(
                "no experiment of mandate {mandate} was submitted, only of {}: name one of these",
                known.join(", ")
            )
        }
    })
}

/// The latest entry for each stretch of bars that was searched, the last one first.
fn stretches<'a>(entries: &[&'a Row]) -> Vec<&'a Row> {
    let stretch = |row: &&Row| {
        let time = |column| row.get(column).and_then(Value::as_timestamp);
        Some((text(row, "instrument")?.to_owned(), time("data_from")?, time("data_to")?))
    };
    let mut seen = BTreeSet::new();
    let looked = entries.iter().rev().copied().filter(|row| noise::looked(row));
    looked.filter(|row| stretch(row).is_some_and(|stretch| seen.insert(stretch))).collect()
}

fn next(
    node: &Node,
    ledger: &[Row],
    documents: &BTreeMap<String, String>,
    bars: &Row,
    trials: u64,
) -> Result<Next, Refusal> {
    let noise = noise::of_next(&node.lake, ledger, documents, bars, trials);
    let measured = measured(node, bars)?;
    let number = |name: &str| measured.get(name).copied().flatten();
    let (observations, periods_per_year) = (number("observations"), number("periods_per_year"));
    let needed = || {
        let year = periods_per_year?.sqrt();
        Some(sharpe_needed(observations? as usize, noise.ceiling? / year, CONFIDENCE).ok()? * year)
    };
    let time = |column| Timestamp(bars.get(column).and_then(Value::as_timestamp).unwrap_or_default());
    Ok(Next {
        instrument: text(bars, "instrument").unwrap_or_default().to_owned(),
        from: time("data_from"),
        to: time("data_to"),
        needed: needed(),
        observations: observations.map(|number| number as u64),
        periods_per_year,
        noise,
    })
}

/// What is known of the bars of an entry from its first finalist; empty where there is none.
fn measured(node: &Node, entry: &Row) -> Result<Metrics, Refusal> {
    let finalists = noise::finalists(entry);
    let (Some(experiment), Some(model)) = (text(entry, "experiment_id"), finalists.first()) else {
        return Ok(Metrics::new());
    };
    let run = format!("{model}:{}", Phase::Tuning);
    let row = node.views.row(&schema::RUNS, &[experiment.into(), run.into()])?;
    let numbers = row.as_ref().and_then(|row| text(row, "inference"));
    Ok(numbers.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
}
