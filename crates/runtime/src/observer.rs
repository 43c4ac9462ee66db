//! What a slot reports about itself: its metrics, the spans of what it handles, and whether it has started.
//!
//! No decision depends on these figures.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_domain::{Event, Recorded, Timestamp, topics};
use gauntlet_log::{Commit, CommitOutcome, LogError, Slot, TopicPartition};
use metrics::{Counter, Gauge, Histogram};

use crate::clock;
use crate::metrics::{self as names, Metric};
use crate::spans::{self, Act, Span, Spans, Times};

/// Processors that have not started yet, or are restoring state.
#[derive(Clone, Default)]
pub(crate) struct Starting(Arc<Mutex<BTreeSet<&'static str>>>);

impl Starting {
    pub(crate) fn change(&self, change: impl FnOnce(&mut BTreeSet<&'static str>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// What happened in a batch; counted when its commit has succeeded.
#[derive(Default)]
pub(crate) struct Observations {
    /// Records by topic.
    records: Vec<(String, u64)>,
    /// Reasons of dead letters.
    dead_letters: Vec<&'static str>,
    /// Spans of what was handled.
    spans: Vec<Span>,
}

impl Observations {
    pub(crate) fn records(&mut self, of: &TopicPartition, count: u64) {
        self.add(&of.topic, count);
    }

    /// Appends the observations of another batch.
    pub(crate) fn merge(&mut self, other: Observations) {
        for (topic, count) in other.records {
            self.add(&topic, count);
        }
        self.dead_letters.extend(other.dead_letters);
        self.spans.extend(other.spans);
    }

    fn add(&mut self, topic: &str, count: u64) {
        match self.records.iter_mut().find(|(known, _)| known == topic) {
            Some((_, sum)) => *sum += count,
            None => self.records.push((topic.to_owned(), count)),
        }
    }

    pub(crate) fn dead_letter(&mut self, reason: &'static str) {
        self.dead_letters.push(reason);
    }

    pub(crate) fn spans(&mut self, spans: Vec<Span>) {
        self.spans.extend(spans);
    }
}

/// Counters of one kind, one for each value of the second label, made when the first thing is counted.
struct Counters(&'static str, &'static Metric, BTreeMap<Cow<'static, str>, Counter>);

impl Counters {
    fn new(processor: &'static str, metric: &'static Metric) -> Counters {
        Counters(processor, metric, BTreeMap::new())
    }

    fn add(&mut self, label: &str, count: u64) {
        if !self.2.contains_key(label) {
            self.2.insert(label.to_owned().into(), self.1.counter(&[self.0, label]));
        }
        if let Some(counter) = self.2.get(label) {
            counter.increment(count);
        }
    }
}

/// The observer of one slot.
pub(crate) struct Observer {
    pub(crate) processor: &'static str,
    spans: Option<Arc<dyn Spans>>,
    starting: Starting,
    is_starting: bool,
    consumed: Counters,
    written: Counters,
    dead_letters: Counters,
    outcomes: [Counter; 3],
    commit_seconds: Histogram,
    pub(crate) paused: Gauge,
    pub(crate) retries: Counter,
    pub(crate) rejoins: Counter,
    tasks: Gauge,
    state_bytes: Gauge,
    states: BTreeMap<u32, usize>,
}

impl Observer {
    pub(crate) fn new(
        processor: &'static str,
        spans: Option<Arc<dyn Spans>>,
        starting: Starting,
    ) -> Observer {
        starting.change(|names| {
            names.insert(processor);
        });
        let own = [processor];
        Observer {
            processor,
            spans,
            starting,
            is_starting: true,
            consumed: Counters::new(processor, &names::RECORDS_CONSUMED),
            written: Counters::new(processor, &names::EVENTS_WRITTEN),
            dead_letters: Counters::new(processor, &names::DEAD_LETTERS),
            outcomes: ["committed", "fenced", "unknown"]
                .map(|outcome| names::COMMITS.counter(&[processor, outcome])),
            commit_seconds: names::COMMIT_SECONDS.histogram(&own),
            paused: names::HELD.gauge(&own),
            retries: names::RETRIES.counter(&own),
            rejoins: names::REJOINS.counter(&own),
            tasks: names::TASKS.gauge(&own),
            state_bytes: names::STATE_BYTES.gauge(&own),
            states: BTreeMap::new(),
        }
    }

    /// The slot is at work, or restores state again.
    pub(crate) fn starts(&mut self, is_starting: bool) {
        if self.is_starting != is_starting {
            self.is_starting = is_starting;
            let name = self.processor;
            self.starting.change(|names| {
                if is_starting {
                    names.insert(name);
                } else {
                    names.remove(name);
                }
            });
        }
    }

    /// How long it takes to restore a task's state.
    pub(crate) fn restored(&self, took: Duration) {
        names::RESTORE_SECONDS.histogram(&[self.processor]).record(took);
    }

    /// Tasks at work now.
    pub(crate) fn tasks(&mut self, tasks: impl Iterator<Item = u32>) {
        let tasks: BTreeSet<u32> = tasks.collect();
        self.states.retain(|task, _| tasks.contains(task));
        self.tasks.set(tasks.len() as f64);
        self.state_bytes.set(self.states.values().sum::<usize>() as f64);
    }

    /// The time now, when there are spans to be made; `None` when there are not.
    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.spans.is_some().then(clock::now)
    }

    /// Spans of an input that was handled since `began`.
    pub(crate) fn handled<'e>(
        &self,
        observations: &mut Observations,
        input: &Recorded,
        place: (&TopicPartition, u64),
        outputs: impl Iterator<Item = &'e Event>,
        began: Option<Timestamp>,
    ) {
        let Some(began) = began else { return };
        let outputs: Vec<&Event> = outputs.filter(|output| output.subject().is_some()).collect();
        if input.event.subject().is_some() || !outputs.is_empty() {
            let ended = clock::now();
            observations.spans(spans::handled(
                self.processor,
                input,
                place,
                &outputs,
                Times { began, ended },
            ));
        }
    }

    /// Commits, and counts what happened.
    pub(crate) fn commit(
        &mut self,
        port: &mut dyn Slot,
        commit: Commit,
        observations: Observations,
    ) -> Result<CommitOutcome, LogError> {
        let mut written: Vec<(Cow<'static, str>, u64)> = Vec::new();
        for output in &commit.outputs {
            match written.iter_mut().find(|(topic, _)| *topic == output.topic) {
                Some((_, sum)) => *sum += 1,
                None => written.push((output.topic.clone(), 1)),
            }
        }
        let sizes: Vec<(u32, usize)> =
            commit.snapshots.iter().map(|(task, state)| (*task, state.bytes.len())).collect();
        let is_followed = self.spans.is_some() && !observations.spans.is_empty();
        let positions = if is_followed { commit.positions.clone() } else { Default::default() };
        let began = (Instant::now(), clock::now());
        let outcome = port.commit(commit)?;
        self.commit_seconds.record(began.0.elapsed());
        let [committed, fenced, unknown] = &self.outcomes;
        match outcome {
            CommitOutcome::Committed => committed.increment(1),
            CommitOutcome::Fenced => fenced.increment(1),
            CommitOutcome::Unknown => unknown.increment(1),
        }
        if let Some(spans) = self.spans.as_ref().filter(|_| is_followed) {
            let act = Act::Committed {
                outcome: outcome.clone(),
                records: observations.records.iter().map(|(_, count)| count).sum(),
                written: written.iter().map(|(_, count)| count).sum(),
            };
            let times = Times { began: began.1, ended: clock::now() };
            spans.finished(spans::committed(self.processor, &positions, &observations.spans, act, times));
        }
        if outcome == CommitOutcome::Committed {
            for (topic, count) in written.iter().filter(|(topic, _)| topics::named(topic).is_some()) {
                self.written.add(topic, *count);
            }
            self.states.extend(sizes.iter().copied());
            if !sizes.is_empty() {
                self.state_bytes.set(self.states.values().sum::<usize>() as f64);
            }
            self.count(observations);
        }
        Ok(outcome)
    }

    /// Rows and progress were written.
    pub(crate) fn written(&mut self, took: Duration, observations: Observations) {
        self.commit_seconds.record(took);
        self.outcomes[0].increment(1);
        self.count(observations);
    }

    /// Counts a batch that was taken in for good.
    pub(crate) fn count(&mut self, observations: Observations) {
        for (topic, count) in &observations.records {
            self.consumed.add(topic, *count);
        }
        for reason in &observations.dead_letters {
            self.dead_letters.add(reason, 1);
        }
        if let Some(spans) = &self.spans {
            observations.spans.into_iter().for_each(|span| spans.finished(span));
        }
    }
}
