//! The trials of one experiment, counted from requests and results in any order and with repetitions. Emits nothing.

use std::collections::BTreeMap;

use gauntlet_domain::experiment::{LedgerEntered, Metrics};
use gauntlet_domain::{Event, ExperimentId, TrialId};
use gauntlet_quant::metrics::OnlineMoments;

/// Searches of an experiment. Trial *k* of search *s* has the number *s · budget + k*, and a search numbers its trials without
/// a hole: the highest number says how many there are.
#[derive(Debug, Default)]
pub(super) struct Searches {
    /// Trials of one search, at least 1.
    budget: u64,
    /// By number; search 0 is the one over all tuning bars.
    searches: Vec<Search>,
    main: Results,
}

#[derive(Debug, Clone, Copy, Default)]
struct Search {
    /// Trials asked for, as far as requests are left.
    requested: u64,
    /// One past the highest trial with a result.
    answered: u64,
}

/// Results of the search over all tuning bars, folded in the order of their trials: the first result of a trial counts.
#[derive(Debug, Default)]
struct Results {
    next: u64,
    /// Those that came before one of their predecessors.
    early: BTreeMap<u64, Ending>,
    counted: Folded,
}

#[derive(Debug, Clone, Default)]
struct Folded {
    completed: u64,
    pruned: u64,
    failed: u64,
    sharpes: OnlineMoments,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// With its annual Sharpe ratio, where that is defined.
    Completed(Option<f64>),
    Pruned,
    Failed,
}

/// A result of a trial.
pub(super) struct Answer {
    pub(super) experiment: ExperimentId,
    pub(super) trial: i64,
    ending: Ending,
    trial_id: TrialId,
}

impl Answer {
    /// What an event says of a trial; `None` for any other event.
    pub(super) fn of(event: &Event) -> Option<Answer> {
        let (experiment, trial, trial_id, ending) = match event {
            Event::TrialCompleted(e) => {
                (e.experiment_id, e.trial, e.trial_id, Ending::Completed(sharpe(&e.metrics)))
            }
            Event::TrialPruned(e) => (e.experiment_id, e.trial, e.trial_id, Ending::Pruned),
            Event::TrialFailed(e) => (e.experiment_id, e.trial, e.trial_id, Ending::Failed),
            _ => return None,
        };
        Some(Answer { experiment, trial, ending, trial_id })
    }

    /// Whether number and id belong together: the tuner refuses a result for which they do not.
    fn is_consistent(&self) -> bool {
        self.trial_id == TrialId::derive(&[self.experiment.0.as_bytes(), &self.trial.to_be_bytes()])
    }
}

fn sharpe(metrics: &Metrics) -> Option<f64> {
    metrics.get("sharpe").copied().flatten().filter(|value| value.is_finite())
}

/// What the trials on the log come to, by the names that an entry of the ledger has for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    /// Counts.
    pub(super) counts: [(&'static str, i64); 6],
    /// Mean and sample variance of the annual Sharpe ratios, folded in the order of the trials.
    pub(super) moments: [(&'static str, Option<f64>); 2],
}

impl Counted {
    /// What an entry says.
    pub(super) fn entered(entry: &LedgerEntered) -> Counted {
        Counted {
            counts: [
                ("requested", entry.requested),
                ("looks", entry.looks),
                ("completed", entry.completed),
                ("pruned", entry.pruned),
                ("failed", entry.failed),
                ("sharpe.count", entry.sharpe.count),
            ],
            moments: [("sharpe.mean", entry.sharpe.mean), ("sharpe.variance", entry.sharpe.variance)],
        }
    }
}

impl Searches {
    /// Before tuning begins there are none.
    pub(super) fn with_budget(budget: u64) -> Searches {
        Searches { budget: budget.max(1), ..Searches::default() }
    }

    /// Tuning begins, with so many searches.
    pub(super) fn begin(&mut self, searches: usize) {
        if self.searches.is_empty() {
            self.searches = vec![Search::default(); searches];
        }
    }

    /// A trial was asked for.
    pub(super) fn requested(&mut self, trial: i64) {
        if let Some((search, place)) = self.place(trial) {
            let search = &mut self.searches[search];
            search.requested = search.requested.max(place + 1);
        }
    }

    /// A result has come. One to a trial that was not asked for does not count, where all requests are still there.
    pub(super) fn answered(&mut self, answer: &Answer, are_requests_complete: bool) {
        let Some((number, place)) = self.place(answer.trial) else { return };
        let search = &mut self.searches[number];
        if !answer.is_consistent() || (are_requests_complete && place >= search.requested) {
            return;
        }
        search.answered = search.answered.max(place + 1);
        if number == 0 {
            self.main.take(place, answer.ending);
        }
    }

    /// Number of the search, and of the trial in it; `None` for a trial of no search.
    fn place(&self, trial: i64) -> Option<(usize, u64)> {
        let trial = u64::try_from(trial).ok()?;
        let search = usize::try_from(trial.checked_div(self.budget)?).ok()?;
        (search < self.searches.len()).then_some((search, trial % self.budget))
    }

    /// What it all comes to. Requests that are gone have had a result, where a search has come to its end.
    pub(super) fn counted(&self) -> Counted {
        let requested = |search: &Search| search.requested.max(search.answered) as i64;
        let results = self.main.folded();
        Counted {
            counts: [
                ("requested", self.searches.first().map_or(0, requested)),
                ("looks", self.searches.iter().skip(1).map(requested).sum()),
                ("completed", results.completed as i64),
                ("pruned", results.pruned as i64),
                ("failed", results.failed as i64),
                ("sharpe.count", results.sharpes.count() as i64),
            ],
            moments: [
                ("sharpe.mean", results.sharpes.mean()),
                ("sharpe.variance", results.sharpes.variance()),
            ],
        }
    }
}

impl Results {
    fn take(&mut self, trial: u64, ending: Ending) {
        if trial < self.next {
            return;
        }
        self.early.entry(trial).or_insert(ending);
        while let Some(ending) = self.early.remove(&self.next) {
            self.counted.push(ending);
            self.next += 1;
        }
    }

    /// With those behind a hole, in their order.
    fn folded(&self) -> Folded {
        let mut all = self.counted.clone();
        self.early.values().for_each(|ending| all.push(*ending));
        all
    }
}

impl Folded {
    fn push(&mut self, ending: Ending) {
        match ending {
            Ending::Completed(sharpe) => {
                self.completed += 1;
                sharpe.into_iter().for_each(|sharpe| self.sharpes.push(sharpe));
            }
            Ending::Pruned => self.pruned += 1,
            Ending::Failed => self.failed += 1,
        }
    }
}
