//! The trial ledger of a mandate: how much was tried on the bars of an experiment, and the best Sharpe ratio that as many
//! without skill are expected to reach.
//!
//! Bailey and López de Prado (2014). Counted are the trials of the final searches of every experiment of the mandate up to
//! and including the one in question, on bars of the same instrument that overlap. The variance is that of all their Sharpe
//! ratios. Searches before the folds of a walk-forward are looks: shown, and not counted. Attempts of one document try the
//! same trials, which count once.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::{LedgerEntered, Metrics};
use gauntlet_quant::inference::{Trials, expected_maximum};

use crate::inference::{deflated, judged_returns};

/// A half-open stretch of time, nanoseconds.
pub type Stretch = (i64, i64);

/// What an experiment tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What tells its document from others.
    pub document: String,
    /// Place among the mandate's submissions.
    pub place: i64,
    /// Its instrument, `SYMBOL.VENUE`: venues of one symbol are one. None where it is not known, and then it is counted.
    pub instrument: Option<String>,
    /// The bars that were searched on.
    pub searched: Option<Stretch>,
    /// The bars at which finalists were looked at.
    pub held_out: Option<Stretch>,
    /// Trials of the search over all tuning bars.
    pub requested: u64,
    /// Trials of the searches before folds.
    pub looks: u64,
    /// Finalists.
    pub finalists: u64,
    /// Of the annual Sharpe ratios of the trials that have one: count, mean, sum of squared deviations.
    pub sharpes: Option<(f64, f64, f64)>,
}

impl Entry {
    /// What an entry of the ledger says; a document of its own until it is known which one it is.
    pub fn of(entered: &LedgerEntered) -> Entry {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let moments = &entered.sharpe;
        let variance = moments.variance.unwrap_or(0.0);
        Entry {
            document: entered.place.to_string(),
            place: entered.place,
            instrument: Some(entered.data.instrument.clone()),
            searched: Some((entered.data.from.0, entered.data.to.0)),
            held_out: entered.holdout_from.zip(entered.holdout_to).map(|(from, to)| (from.0, to.0)),
            requested: count(entered.requested),
            looks: count(entered.looks),
            finalists: entered.finalists.len() as u64,
            sharpes: moments
                .mean
                .map(|mean| (moments.count as f64, mean, variance * (moments.count - 1) as f64)),
        }
    }

    /// Whether it got as far as to look at anything.
    pub fn looked(&self) -> bool {
        self.requested + self.looks > 0
    }

    /// Whether two stretches of two entries have bars in common. One that does not say which they are is counted: too much
    /// is safer.
    pub fn shares(&self, other: &Entry, stretch: fn(&Entry) -> Option<Stretch>) -> bool {
        let symbol = |entry: &Entry| {
            let instrument = entry.instrument.as_deref()?;
            Some(instrument.rsplit_once('.').map_or(instrument, |(symbol, _)| symbol).to_owned())
        };
        let range = |entry: &Entry| Some((symbol(entry)?, stretch(entry)?));
        match (range(self), range(other)) {
            (Some((one, (from, to))), Some((other, (since, until)))) => {
                one == other && from < until && since < to
            }
            _ => true,
        }
    }
}

/// How much was tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tried {
    /// Experiments that looked at these bars.
    pub experiments: u64,
    /// Trials that they tried.
    pub trials: u64,
    /// Trials of their searches before folds.
    pub looks: u64,
    /// Finalists for which hold-outs were opened that share bars with this one's.
    pub holdout_looks: u64,
    /// Standard deviation of the trials' annual Sharpe ratios.
    pub deviation: Option<f64>,
    /// The same within experiments alone.
    pub deviation_within: Option<f64>,
    /// The annual Sharpe ratio that the best of as many trials without skill is expected to reach.
    pub ceiling: Option<f64>,
    /// What the trials were counted from, annual Sharpe ratios.
    pub counted: Option<Trials>,
}

impl Tried {
    /// What a decision says of it, by the names of the figures: counts, and annual Sharpe ratios but for `deflated_sharpe`, which
    /// is a probability. `own` is the entry of the finalist's experiment, `missing` how many places before it have none,
    /// `numbers` what [`crate::inference::inference`] says of the finalist. `None` is undefined.
    pub fn figures(&self, own: &Entry, missing: u64, numbers: &Metrics) -> Metrics {
        let dsr =
            self.counted.as_ref().and_then(|counted| deflated(numbers, judged_returns(numbers), counted));
        let earlier_looks = self.holdout_looks.saturating_sub(own.finalists);
        let figures = [
            ("deflated_sharpe", dsr),
            ("holdout_looks", Some(earlier_looks as f64)),
            ("ledger_incomplete", Some(missing as f64)),
            ("ledger.experiments", Some(self.experiments as f64)),
            ("ledger.trials", Some(self.trials as f64)),
            ("ledger.looks", Some(self.looks as f64)),
            ("ledger.deviation", self.deviation),
            ("ledger.ceiling", self.ceiling),
        ];
        figures.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// How many places up to one have no entry; `entries` are those of one mandate.
pub fn missing<'a>(entries: impl Iterator<Item = &'a Entry>, place: i64) -> u64 {
    let there = entries.filter(|entry| entry.place <= place).count() as u64;
    u64::try_from(place).unwrap_or(0).saturating_sub(there)
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
    fn add(&mut self, (count, mean, sum_sq_dev): (f64, f64, f64)) {
        let total = self.count + count;
        if total <= 0.0 {
            return;
        }
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

/// How much was tried by the time of `last` on the bars of `own`, and `more` trials; `entries` are those of one mandate, in
/// the order of their places.
pub fn tried<'a>(entries: impl Iterator<Item = &'a Entry>, own: &Entry, last: i64, more: u64) -> Tried {
    let earlier: Vec<&Entry> = entries.filter(|entry| entry.place <= last).collect();
    let furthest = furthest(&earlier);
    let counted = |entry: &&&Entry| furthest.get(entry.document.as_str()) == Some(&entry.place);
    let (mut tried, mut sharpes) = (Tried { trials: more, ..Tried::default() }, Merged::default());
    for entry in earlier.iter().filter(counted) {
        if entry.shares(own, |entry| entry.held_out) {
            tried.holdout_looks += entry.finalists;
        }
        if !entry.shares(own, |entry| entry.searched) {
            continue;
        }
        tried.experiments += u64::from(entry.looked());
        tried.trials += entry.requested;
        tried.looks += entry.looks;
        if let Some(group) = entry.sharpes {
            sharpes.add(group);
        }
    }
    tried.counted = Trials::merged(tried.trials, sharpes.count as u64, sharpes.sum_sq_dev.max(0.0)).ok();
    tried.deviation = tried.counted.as_ref().and_then(|of| of.variance().ok()).map(f64::sqrt);
    tried.ceiling =
        tried.deviation.and_then(|deviation| Some(deviation * expected_maximum(tried.trials as f64).ok()?));
    tried.deviation_within = sharpes.deviation_within();
    tried
}

/// The place of the attempt of each document that tried most; of equal ones the latest.
fn furthest<'a>(entries: &[&'a Entry]) -> BTreeMap<&'a str, i64> {
    let mut furthest: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    for entry in entries {
        let tried = (entry.requested + entry.looks, entry.place);
        let of = furthest.entry(entry.document.as_str()).or_insert(tried);
        *of = (*of).max(tried);
    }
    furthest.into_iter().map(|(document, (_, place))| (document, place)).collect()
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
            merged.add((group.len() as f64, mean, dev));
        }
        let mean = values.iter().sum::<f64>() / 6.0;
        let dev: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        assert!((merged.mean - mean).abs() < 1e-12 && (merged.sum_sq_dev - dev).abs() < 1e-12);
        // Within the groups: 3, 3, 9 lie 24 about their mean of 5, and -2, 0.5 lie 3.125; six values, three means.
        assert!((merged.deviation_within().unwrap() - (27.125_f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    fn entry(place: i64, document: &str, searched: Stretch) -> Entry {
        Entry {
            document: document.to_owned(),
            place,
            instrument: Some("A.B".to_owned()),
            searched: Some(searched),
            held_out: Some((searched.1, searched.1 + 10)),
            requested: 20,
            looks: 100,
            finalists: 2,
            sharpes: Some((20.0, 0.1, 5.0)),
        }
    }

    #[test]
    fn what_shares_a_bar_counts_once_and_in_its_order() {
        let entries = [
            entry(1, "a", (0, 100)),
            // Another stretch of bars.
            entry(2, "b", (200, 300)),
            // The same document again.
            entry(3, "a", (0, 100)),
            entry(4, "c", (99, 150)),
            // Later than what is asked about.
            entry(5, "d", (0, 100)),
            // Another instrument.
            Entry { instrument: Some("C.D".to_owned()), ..entry(3, "e", (0, 100)) },
        ];
        let found = tried(entries.iter(), &entries[0], 4, 0);
        assert_eq!((found.experiments, found.trials, found.looks, found.holdout_looks), (2, 40, 200, 2));
        assert_eq!(found.counted.unwrap().with_sharpe(), 40);
        // Another venue of the same.
        let venue = Entry { instrument: Some("A.X".to_owned()), ..entry(2, "g", (0, 100)) };
        assert_eq!(tried(entries.iter().chain([&venue]), &entries[0], 4, 0).trials, 60);
        // Where an entry does not say, it counts.
        let unknown = Entry { instrument: None, ..entry(2, "f", (0, 0)) };
        let found = tried(entries.iter().chain([&unknown]), &entries[0], 4, 5);
        assert_eq!(found.trials, 65);
    }
}
