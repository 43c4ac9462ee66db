//! What luck alone would have shown: how many were tried on the same bars in the order of a mandate, and the best Sharpe ratio
//! that as many without skill are expected to reach.
//!
//! Bailey and Lopez de Prado (2014). Counted are the trials of the final searches of every experiment of the mandate up to
//! and including the one in question, on bars of the same instrument that overlap. The variance is that of all their Sharpe
//! ratios. Searches before the folds of a walk-forward are looks: shown, and not counted. Trials in the order of another
//! mandate are shown as well and not counted: who deflates must know of them.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::Metrics;
use gauntlet_quant::inference::{Trials, expected_maximum};
use gauntlet_views::{Row, Value};
use gauntlet_walkforward::inference::deflated;
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

/// Count, mean and sum of squared deviations; `within` sums the deviations from the mean of each group.
#[derive(Default)]
struct Merged {
    count: f64,
    mean: f64,
    sum_sq_dev: f64,
    groups: f64,
    within: f64,
}

impl Merged {
    /// Adds a group. Chan, Golub and LeVeque (1979).
    fn add(&mut self, count: f64, mean: f64, sum_sq_dev: f64) {
        let total = self.count + count;
        let apart = mean - self.mean;
        self.sum_sq_dev += sum_sq_dev + apart * apart * self.count * count / total;
        self.mean += apart * count / total;
        self.count = total;
        self.groups += 1.0;
        self.within += sum_sq_dev;
    }

    /// Standard deviation around the mean of each group, with a degree of freedom less for each.
    fn deviation_within(&self) -> Option<f64> {
        let freedom = self.count - self.groups;
        (freedom > 0.0).then(|| (self.within / freedom).sqrt())
    }
}

/// What luck alone would have shown by the time of an entry of the ledger, from all entries of all mandates. `documents` are
/// the hashes of the experiments' documents: attempts of one document try the same trials, which count once.
pub(crate) fn of_entry(ledger: &[Row], documents: &BTreeMap<String, String>, own: &Row) -> Noise {
    at_place(ledger, documents, own, place(own), 0)
}

/// What luck alone would have shown by the time of an experiment that comes after all others of its mandate and tries so many
/// on the bars of an entry.
pub(crate) fn of_next(
    ledger: &[Row],
    documents: &BTreeMap<String, String>,
    bars: &Row,
    trials: u64,
) -> Noise {
    at_place(ledger, documents, bars, Some(i64::MAX), trials)
}

fn at_place(
    ledger: &[Row],
    documents: &BTreeMap<String, String>,
    own: &Row,
    last: Option<i64>,
    more: u64,
) -> Noise {
    let is_own = |entry: &&Row| text(entry, "mandate") == text(own, "mandate");
    let mut earlier: Vec<&Row> = ledger.iter().filter(is_own).filter(|entry| place(entry) <= last).collect();
    // Merged in this order, wherever the rows came from.
    earlier.sort_by_key(|entry| place(entry));
    let furthest = furthest(&earlier, documents);
    earlier.retain(|entry| furthest.get(&document(entry, documents)).is_none_or(|at| *at == place(entry)));
    let sharing = |columns| earlier.iter().copied().filter(move |entry| overlap(entry, own, columns));
    let holdout_looks = sharing(HELD_OUT).map(|entry| finalists(entry).len() as u64).sum();
    let others = ledger.iter().filter(|entry| !is_own(entry));
    // One that failed before its data were known has no stretch, and looked at nothing.
    let others = others.filter(|entry| looked(entry) && overlap(entry, own, TUNED));
    let elsewhere = others.fold(Elsewhere::default(), |sum, entry| Elsewhere {
        experiments: sum.experiments + 1,
        trials: sum.trials + number(entry, "requested"),
    });
    Noise { holdout_looks, elsewhere, ..merged(sharing(TUNED), more) }
}

/// The document of an entry's experiment; the experiment itself where it is not known.
fn document<'a>(entry: &'a Row, documents: &'a BTreeMap<String, String>) -> &'a str {
    let id = text(entry, "experiment_id").unwrap_or_default();
    documents.get(id).map_or(id, String::as_str)
}

/// The place of the attempt of each document that tried most; of equal ones the latest.
fn furthest<'a>(
    entries: &[&'a Row],
    documents: &'a BTreeMap<String, String>,
) -> BTreeMap<&'a str, Option<i64>> {
    let mut furthest: BTreeMap<&str, (u64, Option<i64>)> = BTreeMap::new();
    for entry in entries {
        let tried = (number(entry, "requested") + number(entry, "looks"), place(entry));
        let of = furthest.entry(document(entry, documents)).or_insert(tried);
        *of = (*of).max(tried);
    }
    furthest.into_iter().map(|(document, (_, place))| (document, place)).collect()
}

fn number(entry: &Row, column: &str) -> u64 {
    entry.get(column).and_then(Value::as_long).and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}

/// Whether an experiment got as far as to look at anything.
pub(crate) fn looked(entry: &Row) -> bool {
    number(entry, "requested") + number(entry, "looks") > 0
}

/// Columns of the stretch that was searched on.
const TUNED: (&str, &str) = ("data_from", "data_to");
/// Columns of the stretch at which finalists were looked at.
const HELD_OUT: (&str, &str) = ("holdout_from", "holdout_to");

/// The models of an entry's finalists, best first.
pub(crate) fn finalists(entry: &Row) -> Vec<String> {
    text(entry, "finalists").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

pub(crate) fn place(entry: &Row) -> Option<i64> {
    entry.get("place").and_then(Value::as_long)
}

/// Whether the stretches of two entries have bars in common. One that does not say which they are is counted: too much is
/// safer.
fn overlap(one: &Row, other: &Row, (from, to): (&str, &str)) -> bool {
    let range = |entry: &Row| {
        let time = |column| entry.get(column).and_then(Value::as_timestamp);
        Some((text(entry, "instrument")?.to_owned(), time(from)?, time(to)?))
    };
    match (range(one), range(other)) {
        (Some(one), Some(other)) => one.0 == other.0 && one.1 < other.2 && other.1 < one.2,
        _ => true,
    }
}

fn merged<'a>(entries: impl Iterator<Item = &'a Row>, more: u64) -> Noise {
    let (mut experiments, mut trials, mut looks, mut sharpes) = (0, more, 0, Merged::default());
    for entry in entries {
        experiments += u64::from(looked(entry));
        trials += number(entry, "requested");
        looks += number(entry, "looks");
        let moments: Json =
            text(entry, "sharpe").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        if let (Some(count), Some(mean)) = (moments["count"].as_f64(), moments["mean"].as_f64()) {
            sharpes.add(count, mean, moments["variance"].as_f64().unwrap_or(0.0) * (count - 1.0));
        }
    }
    let counted = Trials::merged(trials, sharpes.count as u64, sharpes.sum_sq_dev.max(0.0)).ok();
    let deviation = counted.as_ref().and_then(|of| of.variance().ok()).map(f64::sqrt);
    let ceiling = deviation.and_then(|deviation| Some(deviation * expected_maximum(trials as f64).ok()?));
    let deviation_within = sharpes.deviation_within();
    let elsewhere = Elsewhere::default();
    Noise {
        experiments,
        trials,
        looks,
        holdout_looks: 0,
        elsewhere,
        deviation,
        deviation_within,
        ceiling,
        counted,
    }
}

impl Noise {
    /// The deflated Sharpe ratio of a run, from what is known of its returns; `prefix` says of which.
    pub(crate) fn deflated(&self, inference: &str, prefix: &str) -> Option<f64> {
        let numbers: Metrics = serde_json::from_str(inference).ok()?;
        deflated(&numbers, prefix, self.counted.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_merge_to_the_moments_of_all() {
        let values = [1.0, 3.0, 3.0, 9.0, -2.0, 0.5];
        let mut merged = Merged::default();
        for group in [&values[..1], &values[1..4], &values[4..]] {
            let mean = group.iter().sum::<f64>() / group.len() as f64;
            let dev = group.iter().map(|value| (value - mean) * (value - mean)).sum();
            merged.add(group.len() as f64, mean, dev);
        }
        let mean = values.iter().sum::<f64>() / 6.0;
        let dev: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        assert!((merged.mean - mean).abs() < 1e-12 && (merged.sum_sq_dev - dev).abs() < 1e-12);
        // Within the groups: 3, 3, 9 lie 24 about their mean of 5, and -2, 0.5 lie 3.125; six values, three means.
        assert!((merged.deviation_within().unwrap() - (27.125_f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
