//! The trial ledger recounted from the log alone: the entry of each experiment from its trials, the figures of each decision
//! from the entries of its mandate.
//!
//! Is shown every record once, those of the trial ledger first, and keeps little of an experiment: its entry, how many trials
//! were asked for, the moments of those that have come back. Emits nothing and makes nothing again: whether a finalist was
//! rightly refused is for `replay`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::experiment::{
    ExperimentCompleted, ExperimentStarted, ExperimentSubmitted, LedgerEntered, Metrics, TuningEnd,
};
use gauntlet_domain::selection::Candidate;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::topics::{TRAINING_REQUESTS, TRIAL_LEDGER, TRIAL_RESULTS};
use gauntlet_domain::{ContentHash, Event, EventId, ExperimentId, ModelId, Recorded, Topic};
use gauntlet_log::{LogError, Positions, Record, TopicPartition};
use gauntlet_runtime::events;
use gauntlet_runtime::races::{Race, Trigger};
use gauntlet_walkforward::inference::of_figures;
use gauntlet_walkforward::ledger::{Entry, Tried, missing, tried};
use serde::Serialize;

use crate::node::Node;
use crate::outside::content;

#[cfg(test)]
mod tests;
/// Requests and results of one experiment.
mod trials;

use trials::{Answer, Counted, Searches};

/// What a verification could not recount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotRecounted {
    /// Of what.
    pub what: &'static str,
    /// Why not.
    pub why: String,
    /// How many.
    pub events: u64,
}

/// How much was recounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recounted {
    /// Entries of the ledger.
    pub ledger_entries: u64,
    /// Decisions.
    pub decisions: u64,
    /// What was not.
    pub not_compared: Vec<NotRecounted>,
}

/// What has been seen.
#[derive(Default)]
pub(crate) struct Recount {
    versions: BTreeMap<&'static str, &'static str>,
    /// How far the tuner had read before the log was looked at.
    tuned: Positions,
    /// Whether retention has removed requests for trials.
    are_requests_gone: bool,
    /// The first entry of each experiment.
    entries: BTreeMap<ExperimentId, Entered>,
    /// The first entry of each place, by mandate, as it is counted from.
    places: BTreeMap<String, BTreeMap<i64, (ExperimentId, Entry)>>,
    experiments: BTreeMap<ExperimentId, Experiment>,
    /// The last place that was judged, by mandate.
    judged: BTreeMap<String, i64>,
    decisions: BTreeSet<EventId>,
    /// What was tried by the time of the last decision that was looked at: finalists of one experiment come together.
    last: Option<(String, i64, Tried)>,
    not_compared: BTreeMap<(&'static str, String), u64>,
}

/// An entry of the ledger.
struct Entered {
    /// Without what is known of the trials as a family.
    entry: LedgerEntered,
    content: ContentHash,
    /// In each partition of results, one past the last that it counts; `None` where it does not say.
    results: Option<BTreeMap<u32, u64>>,
    version: String,
}

/// An experiment that has a place.
struct Experiment {
    mandate: String,
    place: i64,
    searches: Searches,
    has_ended: bool,
}

const ENTRIES: &str = "entries of the ledger";
const MOMENTS: &str = "mean and variance of entries of the ledger";
const DECISIONS: &str = "decisions";

impl Recount {
    /// To be asked for before the log is read: what is written meanwhile is not missed.
    pub(crate) fn of(node: &Node) -> Result<Recount, LogError> {
        let mut are_requests_gone = false;
        for partition in 0..node.log.partitions(TRAINING_REQUESTS.name).unwrap_or(0) {
            let place = TopicPartition::new(TRAINING_REQUESTS.name, partition);
            are_requests_gone |= node.log.bounds(&place)?.0 > 0;
        }
        let machines = node.processors.machines.iter();
        Ok(Recount {
            versions: machines.map(|definition| (definition.name, definition.version)).collect(),
            tuned: node.log.committed("tuner")?,
            are_requests_gone,
            ..Recount::default()
        })
    }

    /// Topics in the order in which their records are shown.
    pub(crate) fn order(topics: &[Topic]) -> impl Iterator<Item = &Topic> {
        let is_ledger = |topic: &&Topic| **topic == TRIAL_LEDGER;
        topics.iter().filter(is_ledger).chain(topics.iter().filter(move |topic| !is_ledger(topic)))
    }

    /// Takes an event in; `is_of_writer` where it was written by who writes such an event.
    pub(crate) fn see(
        &mut self,
        record: &Record,
        recorded: &Recorded,
        is_of_writer: bool,
        problems: &mut Vec<String>,
    ) {
        match &recorded.event {
            Event::LedgerEntered(entry) => self.entered(entry, record, recorded, problems),
            Event::ExperimentSubmitted(submitted) => self.submitted(submitted, problems),
            Event::ExperimentStarted(started) => self.started(started, problems),
            Event::ExperimentCompleted(completed) => {
                self.completed(completed, problems);
                self.ended(completed.experiment_id, record);
            }
            Event::ExperimentCancelled(e) => self.ended(e.experiment_id, record),
            Event::ExperimentFailed(e) => self.ended(e.experiment_id, record),
            Event::TrainingRequested(request) => {
                if let Some(experiment) = self.experiments.get_mut(&request.experiment_id) {
                    experiment.searches.requested(request.trial);
                }
            }
            Event::CandidateSelected(e) => self.decided(&e.candidate, record, recorded, problems),
            Event::CandidateRejected(e) => self.decided(&e.candidate, record, recorded, problems),
            Event::ExperimentJudged(e) => self.judged(&e.mandate, e.place),
            event if is_of_writer => {
                if let Some(answer) = Answer::of(event) {
                    self.answered(&answer, record);
                }
            }
            _ => {}
        }
    }

    fn entered(
        &mut self,
        entry: &LedgerEntered,
        record: &Record,
        recorded: &Recorded,
        problems: &mut Vec<String>,
    ) {
        let (id, mandate, place) = (entry.experiment_id, &entry.mandate, entry.place);
        let content = content(&recorded.event);
        if let Some(first) = self.entries.get(&id) {
            if first.content != content {
                problems.push(format!(
                    "mandate {mandate}, experiment {id}: it is in the ledger twice, the second time with other content: the \
                     first entry counts"
                ));
            }
            return;
        }
        let race = recorded.envelope.decided_at.as_deref().and_then(Race::from_text);
        let entered = Entered {
            entry: LedgerEntered { family: Metrics::new(), representatives: Vec::new(), ..entry.clone() },
            content,
            results: race.map(|race| ends_of_results(&race)),
            version: events::logic_version("tuner", record).to_owned(),
        };
        self.entries.insert(id, entered);
        let of_mandate = self.places.entry(mandate.clone()).or_default();
        let (other, _) = of_mandate.entry(place).or_insert_with(|| (id, Entry::of(entry)));
        if *other != id {
            problems.push(format!(
                "mandate {mandate}: place {place} is in the ledger twice, for experiment {other} and for experiment {id}: the \
                 first entry counts"
            ));
        }
    }

    fn submitted(&mut self, submitted: &ExperimentSubmitted, problems: &mut Vec<String>) {
        let (id, mandate, place) = (submitted.experiment_id, &submitted.mandate, submitted.place);
        if self.experiments.contains_key(&id) {
            return;
        }
        // The document of an experiment that cannot be read asks for nothing.
        let spec: Option<ExperimentSpec> = serde_json::from_str(&submitted.document).ok();
        let searches = Searches::with_budget(spec.map_or(1, |spec| u64::from(spec.tuning.trials)));
        let experiment = Experiment { mandate: mandate.clone(), place, searches, has_ended: false };
        self.experiments.insert(id, experiment);
        let Some(Entered { entry, .. }) = self.entries.get(&id) else { return };
        if (&entry.mandate, entry.place) != (mandate, place) {
            problems.push(format!(
                "mandate {mandate}, experiment {id}: it has place {place}, its entry in the ledger says place {} of mandate {}",
                entry.place, entry.mandate
            ));
        }
        let places = self.places.get_mut(&entry.mandate);
        if let Some((of, counted)) = places.and_then(|places| places.get_mut(&entry.place))
            && *of == id
        {
            counted.document = submitted.config_hash.to_string();
        }
    }

    fn started(&mut self, started: &ExperimentStarted, problems: &mut Vec<String>) {
        let id = started.experiment_id;
        if let Some(experiment) = self.experiments.get_mut(&id) {
            experiment.searches.begin(1 + started.windows.len());
        }
        let Some(Entered { entry, .. }) = self.entries.get(&id) else { return };
        let mut differs = |figure: &str, entered: String, found: String| {
            if entered != found {
                problems.push(entry_differs(entry, figure, &entered, &found, "its start"));
            }
        };
        let stretch = |from, to| format!("{from} to {to}");
        let (data, found) = (&entry.data, &started.plan.data);
        differs("data.instrument", data.instrument.clone(), found.instrument.clone());
        differs("data", stretch(data.from, data.to), stretch(found.from, found.to));
        differs("data.content_hash", data.content_hash.to_string(), found.content_hash.to_string());
        // Entries did not always say it.
        if let Some((from, to)) = entry.holdout_from.zip(entry.holdout_to) {
            differs("holdout", stretch(from, to), stretch(started.holdout.from, started.holdout.to));
        }
    }

    /// Every finalist is in the ranking.
    fn completed(&mut self, completed: &ExperimentCompleted, problems: &mut Vec<String>) {
        let Some(Entered { entry, .. }) = self.entries.get(&completed.experiment_id) else { return };
        let ranked: BTreeSet<ModelId> = completed.ranking.iter().map(|model| model.model_id).collect();
        let entered: BTreeSet<ModelId> = entry.finalists.iter().copied().collect();
        if ranked != entered || entry.finalists.len() != entered.len() {
            let list = |models: &mut dyn Iterator<Item = &ModelId>| {
                models.map(ToString::to_string).collect::<Vec<_>>().join(" ")
            };
            let (entered, ranked) = (list(&mut entry.finalists.iter()), list(&mut ranked.iter()));
            problems.push(entry_differs(entry, "finalists", &entered, &ranked, "its ranking"));
        }
    }

    /// An experiment has ended. Where the tuner has seen it, its entry was written before.
    fn ended(&mut self, id: ExperimentId, record: &Record) {
        let is_seen = self.tuned.get(&*record.partition).is_some_and(|next| *next > record.offset);
        // Other versions entered nothing for an experiment that never began.
        let version = self.versions.get("experiments").copied();
        let is_of_this = version == Some(events::logic_version("experiments", record));
        if let Some(experiment) = self.experiments.get_mut(&id) {
            experiment.has_ended |= is_seen && is_of_this;
        }
    }

    fn answered(&mut self, answer: &Answer, record: &Record) {
        let Some(experiment) = self.experiments.get_mut(&answer.experiment) else { return };
        let ends = self.entries.get(&answer.experiment).and_then(|entered| entered.results.as_ref());
        // What came after the end of the search is not in its entry.
        let is_late = |ends: &BTreeMap<u32, u64>| {
            let end = ends.get(&record.partition.partition).copied().unwrap_or(0);
            record.offset >= end
        };
        if !ends.is_some_and(is_late) {
            experiment.searches.answered(answer, !self.are_requests_gone);
        }
    }

    fn judged(&mut self, mandate: &str, place: i64) {
        let last = self.judged.entry(mandate.to_owned()).or_insert(place);
        *last = (*last).max(place);
    }

    fn decided(
        &mut self,
        candidate: &Candidate,
        record: &Record,
        recorded: &Recorded,
        problems: &mut Vec<String>,
    ) {
        let (mandate, place) = (&candidate.mandate, candidate.place);
        self.judged(mandate, place);
        let version = events::logic_version("selector", record);
        let is_new = self.decisions.insert(recorded.event.id());
        if self.versions.get("selector") != Some(&version) {
            if is_new {
                self.decisions.remove(&recorded.event.id());
                self.leave_out(DECISIONS, made_by("selector", version));
            }
            return;
        }
        let Some(places) = self.places.get(mandate) else { return };
        let Some((_, own)) = places.get(&place) else { return };
        let entries = || places.values().map(|(_, entry)| entry);
        if !matches!(&self.last, Some((of, at, _)) if of == mandate && *at == place) {
            self.last = Some((mandate.clone(), place, tried(entries(), own, place, 0)));
        }
        let Some((_, _, tried)) = &self.last else { return };
        let figures = tried.figures(own, missing(entries(), place), &of_figures(&candidate.figures));
        for (name, counted) in figures {
            let verdict = candidate.verdicts.iter().find(|verdict| verdict.gate == name);
            let said = [
                (name.clone(), candidate.figures.get(&name).copied()),
                (format!("the statistic of gate {name}"), verdict.map(|verdict| verdict.statistic)),
            ];
            // Not every gate is in every policy.
            let said = said.into_iter().take(1 + usize::from(verdict.is_some()));
            for (what, said) in said.filter(|(_, said)| said.map(bits) != Some(bits(counted))) {
                let said = said.map_or_else(|| "missing".to_owned(), number);
                problems.push(format!(
                    "mandate {mandate}, experiment {}, model {}: {what} is {said} in the decision, {} by the ledger",
                    candidate.experiment_id,
                    candidate.model_id,
                    number(counted)
                ));
            }
        }
    }

    fn leave_out(&mut self, what: &'static str, why: String) {
        *self.not_compared.entry((what, why)).or_default() += 1;
    }

    /// Compares the entries with the trials, and looks for places without one.
    pub(crate) fn finish(mut self, problems: &mut Vec<String>) -> Recounted {
        let mut ledger_entries = 0;
        let entries = std::mem::take(&mut self.entries);
        for (id, entered) in &entries {
            ledger_entries += u64::from(self.compare(*id, entered, problems));
        }
        self.find_missing(&entries, problems);
        let not_compared = self.not_compared.into_iter();
        Recounted {
            ledger_entries,
            decisions: self.decisions.len() as u64,
            not_compared: not_compared
                .map(|((what, why), events)| NotRecounted { what, why, events })
                .collect(),
        }
    }

    /// Whether the entry could be compared with the trials.
    fn compare(&mut self, id: ExperimentId, entered: &Entered, problems: &mut Vec<String>) -> bool {
        let Entered { entry, version, .. } = entered;
        let Some(experiment) = self.experiments.get(&id) else {
            problems.push(format!(
                "mandate {}, experiment {id}: the ledger has an entry, and it was never submitted",
                entry.mandate
            ));
            return true;
        };
        // Of a search that came to its end every trial has a result, of any other the requests alone say how many there were.
        let is_whole = matches!(entry.ended, TuningEnd::BudgetSpent | TuningEnd::SpaceExhausted);
        if self.are_requests_gone && !is_whole && entry.ended != TuningEnd::NotBegun {
            self.leave_out(ENTRIES, "retention has removed requests for trials".to_owned());
            return false;
        }
        let (counted, said) = (experiment.searches.counted(), Counted::entered(entry));
        for ((name, said), (_, counted)) in said.counts.iter().zip(counted.counts) {
            if *said != counted {
                let (said, counted) = (said.to_string(), counted.to_string());
                problems.push(entry_differs(entry, name, &said, &counted, "the trials on the log"));
            }
        }
        if self.versions.get("tuner") != Some(&version.as_str()) {
            self.leave_out(MOMENTS, made_by("tuner", version));
            return true;
        }
        for ((name, said), (_, counted)) in said.moments.iter().zip(counted.moments) {
            if bits(*said) != bits(counted) {
                let (said, counted) = (number(*said), number(counted));
                problems.push(entry_differs(entry, name, &said, &counted, "the trials on the log"));
            }
        }
        true
    }

    /// Every place up to the last one that was judged has an entry, and every experiment whose end the tuner has seen.
    fn find_missing(&self, entries: &BTreeMap<ExperimentId, Entered>, problems: &mut Vec<String>) {
        let mut mandates: BTreeMap<&str, BTreeMap<i64, (ExperimentId, &Experiment)>> = BTreeMap::new();
        for (id, experiment) in &self.experiments {
            let places = mandates.entry(&experiment.mandate).or_default();
            places.insert(experiment.place, (*id, experiment));
        }
        for (mandate, places) in mandates {
            let judged = self.judged.get(mandate).copied().unwrap_or(0);
            for (place, (id, experiment)) in places {
                let why = match place.cmp(&judged) {
                    _ if entries.contains_key(&id) => continue,
                    Ordering::Less => format!("place {judged} was judged"),
                    Ordering::Equal => "it was judged".to_owned(),
                    Ordering::Greater if experiment.has_ended => "it has ended".to_owned(),
                    Ordering::Greater => continue,
                };
                problems.push(format!(
                    "mandate {mandate}, experiment {id}: place {place} has no entry in the ledger, and {why}"
                ));
            }
        }
    }
}

/// In each partition of results, one past the last that had been read when it was decided.
fn ends_of_results(race: &Race) -> BTreeMap<u32, u64> {
    let of_results = race.positions.iter().filter(|(place, _)| place.topic == TRIAL_RESULTS.name);
    // Of the deciding input its own offset is recorded, and it counts.
    let is_own = |place: &TopicPartition| matches!(&race.trigger, Trigger::Input(own) if own == place);
    of_results.map(|(place, next)| (place.partition, next + u64::from(is_own(place)))).collect()
}

fn entry_differs(entry: &LedgerEntered, figure: &str, entered: &str, found: &str, by: &str) -> String {
    let LedgerEntered { mandate, experiment_id, .. } = entry;
    format!(
        "mandate {mandate}, experiment {experiment_id}: {figure} is {entered} in the ledger, {found} by {by}"
    )
}

fn made_by(processor: &str, version: &str) -> String {
    format!("made by version {version} of {processor}")
}

fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| value.to_string())
}
