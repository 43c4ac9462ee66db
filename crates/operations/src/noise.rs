//! What luck alone would have shown: how many were tried on the same bars in the order of a mandate, and the best Sharpe ratio
//! that as many without skill are expected to reach.
//!
//! What is counted is said in [`gauntlet_walkforward::ledger`]. Trials in the order of another mandate are shown as well and not
//! counted: who deflates must know of them.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::ContentHash;
use gauntlet_domain::experiment::Metrics;
use gauntlet_lake::Lake;
use gauntlet_quant::inference::Trials;
use gauntlet_views::{Row, Value};
use gauntlet_walkforward::differing::{Differing, differing};
use gauntlet_walkforward::family::MOST_SERIES;
use gauntlet_walkforward::inference::deflated;
use gauntlet_walkforward::ledger::{Entry, tried};
use serde::Serialize;
use serde_json::Value as Json;

use crate::rows::text;

/// What luck alone would have shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// Experiments of the mandate that looked at these bars, this one included.
    pub experiments: u64,
    /// Trials that they tried.
    pub trials: u64,
    /// Trials of their searches before folds.
    pub looks: u64,
    /// Finalists of the mandate for which hold-outs were opened that share bars with this one's, by the time of this
    /// experiment, and its own.
    pub holdout_looks: u64,
    /// Who else looked at these bars, and is not counted.
    pub elsewhere: Elsewhere,
    /// Standard deviation of the trials' annual Sharpe ratios.
    pub deviation: Option<f64>,
    /// The same within experiments alone. Where it is much smaller than `deviation`, experiments differ in costs or rules more
    /// than their trials do, and the ceiling is higher than luck alone would reach.
    pub deviation_within: Option<f64>,
    /// The annual Sharpe ratio that the best of as many trials without skill is expected to reach.
    pub ceiling: Option<f64>,
    /// How many of these trials differ; it deflates nothing.
    pub effective: EffectiveTrials,
    /// What the trials were counted from, for the deflation.
    #[serde(skip)]
    counted: Option<Trials>,
}

/// Experiments of other mandates on bars that these share, whenever they ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Experiments.
    pub experiments: u64,
    /// Trials of their final searches.
    pub trials: u64,
}

/// How many of the trials differ, by their daily returns: the trials that stand for the clusters of each experiment, compared
/// with those of the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectiveTrials {
    /// Clusters.
    pub number: Option<f64>,
    /// Why it is not known.
    pub undefined: Option<String>,
    /// Series that were compared.
    pub series: usize,
    /// Days that all of them have.
    pub days: usize,
}

/// What luck alone would have shown by the time of an entry of the ledger, from all entries of all mandates. `documents` are
/// the hashes of the experiments' documents: attempts of one document try the same trials, which count once.
pub(crate) fn of_entry(
    lake: &Lake,
    ledger: &[Row],
    documents: &BTreeMap<String, String>,
    own: &Row,
) -> Noise {
    at_place(lake, ledger, documents, own, (place(own), 0))
}

/// What luck alone would have shown by the time of an experiment that comes after all others of its mandate and tries so many
/// on the bars of an entry.
pub(crate) fn of_next(
    lake: &Lake,
    ledger: &[Row],
    documents: &BTreeMap<String, String>,
    bars: &Row,
    trials: u64,
) -> Noise {
    at_place(lake, ledger, documents, bars, (Some(i64::MAX), trials))
}

fn at_place(
    lake: &Lake,
    ledger: &[Row],
    documents: &BTreeMap<String, String>,
    own: &Row,
    (last, more): (Option<i64>, u64),
) -> Noise {
    let is_own = |entry: &&Row| text(entry, "mandate") == text(own, "mandate");
    let mut rows: Vec<(&Row, Entry)> =
        ledger.iter().filter(is_own).map(|row| (row, entry(row, documents))).collect();
    // Merged in this order, wherever the rows came from.
    rows.sort_by_key(|(_, entry)| entry.place);
    let this = entry(own, documents);
    let shares = |entry: &Entry| entry.looked() && entry.shares(&this, |entry| entry.searched);
    let earlier = rows.iter().filter(|(_, entry)| Some(entry.place) <= last && shares(entry));
    let effective = effective(lake, earlier.map(|(row, _)| *row));
    let entries: Vec<Entry> = rows.into_iter().map(|(_, entry)| entry).collect();
    let tried = tried(entries.iter(), &this, last.unwrap_or_default(), more);
    let others = ledger.iter().filter(|entry| !is_own(entry)).map(|row| entry(row, documents));
    // One that failed before its data were known has no stretch, and looked at nothing.
    let others = others.filter(shares);
    let elsewhere = others.fold(Elsewhere::default(), |sum, entry| Elsewhere {
        experiments: sum.experiments + 1,
        trials: sum.trials + entry.requested,
    });
    Noise {
        experiments: tried.experiments,
        trials: tried.trials,
        looks: tried.looks,
        holdout_looks: tried.holdout_looks,
        elsewhere,
        deviation: tried.deviation,
        deviation_within: tried.deviation_within,
        ceiling: tried.ceiling,
        effective,
        counted: tried.counted,
    }
}

/// How many of the trials of some entries differ. Attempts of one document have the same series, which is compared once.
fn effective<'a>(lake: &Lake, entries: impl Iterator<Item = &'a Row>) -> EffectiveTrials {
    let mut files = BTreeSet::new();
    let (mut series, mut without) = (0, 0);
    for row in entries {
        let representatives = text(row, "representatives").and_then(|text| serde_json::from_str(text).ok());
        match text(row, "series").and_then(|path| path.strip_prefix("artifacts/")?.parse().ok()) {
            Some(hash) if files.insert(hash) => series += representatives.map_or(0, |of: Vec<i64>| of.len()),
            Some(_) => {}
            None => without += 1,
        }
    }
    let unknown = |why: String| EffectiveTrials { number: None, undefined: Some(why), series, days: 0 };
    if without > 0 {
        return unknown(format!("of {without} of these experiments no daily returns are kept"));
    }
    if series > MOST_SERIES {
        return unknown(format!("more than {MOST_SERIES} series are not compared"));
    }
    let read =
        |hash: ContentHash| lake.get_artifact(hash).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let files: Result<Vec<String>, _> = files.into_iter().map(read).collect();
    match files {
        Ok(files) => {
            let Differing { series, days, clusters } = differing(&files);
            let undefined = clusters.as_ref().err().map(ToString::to_string);
            EffectiveTrials { number: clusters.ok(), undefined, series, days }
        }
        Err(error) => unknown(format!("daily returns cannot be read: {error}")),
    }
}

/// A row of the ledger as what is counted.
fn entry(row: &Row, documents: &BTreeMap<String, String>) -> Entry {
    let id = text(row, "experiment_id").unwrap_or_default();
    let stretch = |from, to| {
        let time = |column| row.get(column).and_then(Value::as_timestamp);
        Some((time(from)?, time(to)?))
    };
    let moments: Json =
        text(row, "sharpe").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let sharpes = moments["count"].as_f64().zip(moments["mean"].as_f64());
    let variance = moments["variance"].as_f64().unwrap_or(0.0);
    Entry {
        // The experiment itself where its document is not known.
        document: documents.get(id).map_or(id, String::as_str).to_owned(),
        place: place(row).unwrap_or_default(),
        instrument: text(row, "instrument").map(str::to_owned),
        searched: stretch("data_from", "data_to"),
        held_out: stretch("holdout_from", "holdout_to"),
        requested: number(row, "requested"),
        looks: number(row, "looks"),
        finalists: finalists(row).len() as u64,
        sharpes: sharpes.map(|(count, mean)| (count, mean, variance * (count - 1.0))),
    }
}

fn number(entry: &Row, column: &str) -> u64 {
    entry.get(column).and_then(Value::as_long).and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}

/// Whether an experiment got as far as to look at anything.
pub(crate) fn looked(entry: &Row) -> bool {
    number(entry, "requested") + number(entry, "looks") > 0
}

/// The models of an entry's finalists, best first.
pub(crate) fn finalists(entry: &Row) -> Vec<String> {
    text(entry, "finalists").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

pub(crate) fn place(entry: &Row) -> Option<i64> {
    entry.get("place").and_then(Value::as_long)
}

impl Noise {
    /// The deflated Sharpe ratio of a run, from what is known of its returns; `prefix` says of which.
    pub(crate) fn deflated(&self, inference: &str, prefix: &str) -> Option<f64> {
        let numbers: Metrics = serde_json::from_str(inference).ok()?;
        deflated(&numbers, prefix, self.counted.as_ref()?)
    }
}
