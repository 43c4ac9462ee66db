//! Replay is re-execution: every derived event is made again from the recorded inputs and compared with the record, body
//! by body, both in the newest version of its schema. What comes from outside is taken as given: feeds, gateway, and what
//! programs outside have answered to requests that are not a worker's own.
//!
//! What another version of a processor's logic has made is counted and not compared. An output of this version is a
//! divergence only where no other version had a part in what it is about.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gauntlet_domain::{ContentHash, Event, EventId, Recorded, Topic, topics};
use gauntlet_log::{EventLog, LogError, Positions, Record, Task, TopicPartition};
use gauntlet_processor::data::{DataError, Ports};
use gauntlet_processor::machine::{Definition, Inputs};
use gauntlet_processor::worker::AnyWorker;
use gauntlet_wire::{Codec, headers};

use crate::digest::event_hash;
use crate::events;
use crate::on_record::{OnRecord, Takeover};
use crate::parked::parked_ids;
use crate::pool::answer;
use crate::races::races;
use crate::restore::{Feeder, committed_of, for_each, recall};

pub use crate::on_record::NotCompared;

/// An event that differs.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// Its topic.
    pub topic: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub event_id: EventId,
    /// What the log has; `None` when only the re-execution made it.
    pub recorded: Option<Event>,
    /// What the re-execution made; `None` when only the log has it.
    pub reexecuted: Option<Event>,
}

/// How a replay ended.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Derived events compared.
    pub compared: u64,
    /// Answers from outside, taken as recorded.
    pub foreign: u64,
    /// What other versions of the logic have made, in the order of the pipeline.
    pub not_compared: Vec<NotCompared>,
    /// The first divergence in the order of the pipeline, then of the log.
    pub divergence: Option<Divergence>,
}

/// What to re-execute, and with what.
pub struct Replay<'a> {
    /// The log.
    pub log: &'a dyn EventLog,
    /// The codec.
    pub codec: &'a Codec,
    /// Machines, in pipeline order.
    pub definitions: &'a [Definition],
    /// Workers.
    pub workers: &'a [Arc<dyn AnyWorker>],
    /// What workers read.
    pub data: &'a Ports,
    /// Threads for the workers.
    pub threads: usize,
    /// Which events matter; the others are neither made again by workers nor compared.
    pub filter: &'a (dyn Fn(&Event) -> bool + Sync),
    /// Called with the number of events compared so far.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Whether to end early, with [`LogError::Interrupted`].
    pub is_over: &'a (dyn Fn() -> bool + Sync),
}

/// Whose events are compared.
#[derive(Clone, Copy)]
struct Writer<'a> {
    name: &'a str,
    version: &'a str,
    writes: &'a [&'static Topic],
}

impl<'a> From<&'a Definition> for Writer<'a> {
    fn from(definition: &'a Definition) -> Writer<'a> {
        let Definition { name, version, writes, .. } = definition;
        Writer { name, version, writes }
    }
}

impl<'a> From<&'a dyn AnyWorker> for Writer<'a> {
    fn from(worker: &'a dyn AnyWorker) -> Writer<'a> {
        Writer { name: worker.name(), version: worker.version(), writes: worker.writes() }
    }
}

impl Replay<'_> {
    /// Re-executes everything and compares.
    ///
    /// Requests that retention has removed are made again by the machines and answered all the same; the requests
    /// themselves have nothing left to be compared with.
    pub fn run(&self) -> Result<Outcome, LogError> {
        let mut outcome = Outcome::default();
        let mut expired = Vec::new();
        for definition in self.definitions {
            self.machine(definition, &mut outcome, &mut expired)?;
            if outcome.divergence.is_some() {
                return Ok(outcome);
            }
        }
        for worker in self.workers {
            self.worker(&**worker, &mut outcome, &expired)?;
            if outcome.divergence.is_some() {
                return Ok(outcome);
            }
        }
        Ok(outcome)
    }

    fn machine(
        &self,
        definition: &Definition,
        outcome: &mut Outcome,
        expired: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        let writer = Writer::from(definition);
        let mut on_record = self.recorded_by(writer, &HashSet::new())?;
        let causes = if on_record.has_others() { self.causes_of(writer)? } else { HashSet::new() };
        let trimmed = self.trimmed_topics(definition.writes)?;
        let committed = self.log.committed(definition.name)?;
        for task in self.tasks(definition)? {
            let to = committed_of(&committed, &task);
            let from: Positions = to.keys().map(|place| (place.clone(), 0)).collect();
            let races = races(self.log, definition, &task, &Positions::new())?;
            let mut machine = (definition.create)();
            recall(self.log, self.codec, definition, &mut *machine)?;
            let mut takeover = Takeover::default();
            let reads = definition.reads;
            let feeder = Feeder { log: self.log, codec: self.codec, from, to, races, reads };
            feeder.feed(&mut *machine, |fed, outputs| {
                takeover.fed(&fed, &on_record, &causes);
                for event in outputs.into_iter().map(|output| output.event) {
                    let id = event.id();
                    if !(self.filter)(&event) || outcome.divergence.is_some() || on_record.is_of_other(&id) {
                        continue;
                    }
                    if on_record.expected.contains_key(&id) {
                        self.compare(&event, &mut on_record, outcome)?;
                    } else if trimmed.contains(&event.topic()) {
                        expired.push(event);
                    } else if !on_record.has_others() {
                        outcome.divergence = Some(self.divergence(id, Some(event))?);
                    } else {
                        takeover.unrecorded(&fed, event);
                    }
                }
                Ok(())
            })?;
            if let (None, Some(event)) = (&outcome.divergence, takeover.missing(&on_record)) {
                outcome.divergence = Some(self.divergence(event.id(), Some(event))?);
            }
        }
        self.left_over(on_record, writer, None, outcome)
    }

    fn worker(
        &self,
        worker: &dyn AnyWorker,
        outcome: &mut Outcome,
        expired: &[Event],
    ) -> Result<(), LogError> {
        let committed = self.log.committed(worker.name())?;
        let of_worker = expired.iter().filter(|request| request.kind().topic() == worker.topic());
        let (mut requests, foreign): (Vec<Event>, Vec<Event>) =
            of_worker.cloned().partition(|request| worker.is_mine(request));
        let mut foreign: HashSet<EventId> = foreign.iter().map(Event::id).collect();
        for partition in 0..self.log.partitions(worker.topic().name)? {
            let place = TopicPartition::new(worker.topic().name, partition);
            let to = committed.get(&place).copied().unwrap_or(0);
            let (start, end) = self.log.bounds(&place)?;
            for_each(self.log, &place, start, end, |record| {
                if let Some(Recorded { event: request, .. }) = events::readable(self.codec, &record)?
                    && (self.filter)(&request)
                {
                    // A program outside may be ahead of the worker.
                    if !worker.is_mine(&request) {
                        foreign.insert(request.id());
                    } else if record.offset < to {
                        requests.push(request);
                    }
                }
                Ok(())
            })?;
        }
        let writer = Writer::from(worker);
        self.leave_out_parked(worker, &mut requests)?;
        let mut on_record = self.recorded_by(writer, &foreign)?;
        outcome.foreign += on_record.foreign.len() as u64;
        requests.retain(|request| !on_record.is_answered_by_other(request));
        let answers = self.answer_all(worker, &requests);
        if (self.is_over)() {
            return Err(LogError::Interrupted);
        }
        for (request, events) in requests.iter().zip(answers) {
            let events = events.map_err(|why| LogError::Refused {
                at: worker.name().to_owned(),
                detail: format!("cannot answer {} again: {why}", request.id()),
            })?;
            for event in events {
                if outcome.divergence.is_none() {
                    self.compare(&event, &mut on_record, outcome)?;
                }
            }
        }
        let requests = requests.iter().map(Event::id).collect();
        // Requests of another version of who asks cannot be made again once retention has removed them.
        let asker = self.definitions.iter().find(|definition| definition.writes.contains(&worker.topic()));
        let is_asker = |not: &NotCompared| asker.is_some_and(|asker| asker.name == not.processor);
        let are_gone =
            outcome.not_compared.iter().any(is_asker) && !self.trimmed_topics(&[worker.topic()])?.is_empty();
        self.left_over(on_record, writer, are_gone.then_some(&requests), outcome)
    }

    /// Leaves out requests that are parked or were dropped from there: nothing on the record answers them.
    fn leave_out_parked(&self, worker: &dyn AnyWorker, requests: &mut Vec<Event>) -> Result<(), LogError> {
        let parked = parked_ids(self.log, worker.topic())?;
        if !parked.is_empty() {
            let answered = self.causes_of(Writer::from(worker))?;
            requests.retain(|request| !parked.contains(&request.id()) || answered.contains(&request.id()));
        }
        Ok(())
    }

    /// Answers requests on several threads; the answers come back in the requests' order.
    fn answer_all(&self, worker: &dyn AnyWorker, requests: &[Event]) -> Vec<Result<Vec<Event>, DataError>> {
        let next = AtomicUsize::new(0);
        let done = AtomicU64::new(0);
        let answers: Mutex<Vec<Option<Result<Vec<Event>, DataError>>>> =
            Mutex::new(vec![None; requests.len()]);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(request) = requests.get(i).filter(|_| !(self.is_over)()) else { return };
                        let answered = answer(worker, request, self.data);
                        // No thread panics while it holds the lock.
                        answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[i] = Some(answered);
                        (self.progress)(done.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                });
            }
        });
        let answers = answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(DataError::Broken("no answer".into()))))
            .collect()
    }

    /// Those topics of which retention has removed something.
    fn trimmed_topics(&self, topics: &[&'static Topic]) -> Result<Vec<&'static Topic>, LogError> {
        let mut trimmed = Vec::new();
        for topic in topics {
            for partition in 0..self.log.partitions(topic.name)? {
                if self.log.bounds(&TopicPartition::new(topic.name, partition))?.0 > 0 {
                    trimmed.push(*topic);
                }
            }
        }
        Ok(trimmed)
    }

    fn tasks(&self, definition: &Definition) -> Result<Vec<Task>, LogError> {
        let mut all = Vec::new();
        for topic in definition.reads {
            let partitions = 0..self.log.partitions(topic.name)?;
            all.extend(partitions.map(|partition| TopicPartition::new(topic.name, partition)));
        }
        Ok(match definition.inputs {
            Inputs::Single => vec![Task { id: 0, partitions: all }],
            Inputs::CoPartitioned => {
                let count = all.iter().map(|place| place.partition + 1).max().unwrap_or(0);
                let of = |id: u32| all.iter().filter(|place| place.partition == id).cloned().collect();
                (0..count).map(|id| Task { id, partitions: of(id) }).collect()
            }
        })
    }

    /// Recorded events of a writer that matter; answers to some requests are a program's outside.
    fn recorded_by(&self, writer: Writer<'_>, foreign: &HashSet<EventId>) -> Result<OnRecord, LogError> {
        let mut on_record = OnRecord::default();
        self.each_recorded_on(writer.writes, |id, record| {
            match self.codec.decode(record.value.as_deref()) {
                Ok(event) if (self.filter)(&event) => {
                    let cause = headers::causation_id(&record.headers);
                    let made_by = events::logic_version(writer.name, record);
                    if cause.is_some_and(|cause| foreign.contains(&cause)) {
                        on_record.foreign.insert(id);
                    } else if made_by == writer.version {
                        on_record.expected.insert(id, event_hash(self.codec, record)?);
                    } else {
                        on_record.other(made_by, &event, cause);
                    }
                }
                Err(error) if error.is_transient() => return Err(events::undecided(record, &error)),
                Ok(_) | Err(_) => {}
            }
            Ok(())
        })?;
        Ok(on_record)
    }

    /// What the outputs of one version followed from.
    fn causes_of(&self, writer: Writer<'_>) -> Result<HashSet<EventId>, LogError> {
        let mut causes = HashSet::new();
        self.each_recorded_on(writer.writes, |_, record| {
            if events::logic_version(writer.name, record) == writer.version {
                causes.extend(headers::causation_id(&record.headers));
            }
            Ok(())
        })?;
        Ok(causes)
    }

    fn each_recorded_on(
        &self,
        topics: &[&Topic],
        mut visit: impl FnMut(EventId, &Record) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        for topic in topics {
            for partition in 0..self.log.partitions(topic.name)? {
                let place = TopicPartition::new(topic.name, partition);
                let (start, end) = self.log.bounds(&place)?;
                for_each(self.log, &place, start, end, |record| {
                    if let Some(id) = headers::event_id(&record.headers) {
                        visit(id, &record)?;
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        event: &Event,
        on_record: &mut OnRecord,
        outcome: &mut Outcome,
    ) -> Result<(), LogError> {
        let id = event.id();
        let again = self.hash(event)?;
        match on_record.expected.remove(&id) {
            Some(recorded) if recorded == again => {
                outcome.compared += 1;
                (self.progress)(outcome.compared);
            }
            // Another body, or an event that was made only now or twice.
            Some(_) | None => outcome.divergence = Some(self.divergence(id, Some(event.clone()))?),
        }
        Ok(())
    }

    fn hash(&self, event: &Event) -> Result<ContentHash, LogError> {
        let encoded = self.codec.encode(event);
        let value = encoded.map_err(|error| LogError::Invariant { detail: error.to_string() })?;
        let place = TopicPartition::new(event.topic().name, 0);
        let record = Record {
            partition: Arc::new(place),
            offset: 0,
            key: vec![],
            headers: vec![],
            value: Some(value),
            timestamp_micros: 0,
        };
        event_hash(self.codec, &record)
    }

    /// Recorded events that nothing made again. Where other versions had a part they are not compared: events about
    /// something that another version has worked on too, and answers to requests of another version that retention has
    /// removed, which this one cannot make again (`requests` are those that there are; `None` when none can be gone).
    fn left_over(
        &self,
        mut on_record: OnRecord,
        writer: Writer<'_>,
        requests: Option<&HashSet<EventId>>,
        outcome: &mut Outcome,
    ) -> Result<(), LogError> {
        let mut left = std::mem::take(&mut on_record.expected);
        let may_be_excused = on_record.has_others() || requests.is_some();
        if outcome.divergence.is_none() && !left.is_empty() && may_be_excused {
            let before = left.len();
            self.each_recorded_on(writer.writes, |id, record| {
                let is_shared =
                    || events::decode(self.codec, record).is_ok_and(|event| on_record.is_shared(&event));
                let cause = headers::causation_id(&record.headers);
                let is_asked =
                    |requests: &HashSet<EventId>| cause.is_some_and(|cause| requests.contains(&cause));
                let is_request_gone = requests.is_some_and(|requests| !is_asked(requests));
                if left.contains_key(&id) && (is_request_gone || is_shared()) {
                    left.remove(&id);
                }
                Ok(())
            })?;
            on_record.excuse(writer.version, (before - left.len()) as u64);
        }
        outcome.not_compared.extend(on_record.not_compared(writer.name));
        if let (None, Some(id)) = (&outcome.divergence, left.keys().min()) {
            outcome.divergence = Some(self.divergence(*id, None)?);
        }
        Ok(())
    }

    /// Looks the recorded side up, for people.
    fn divergence(&self, id: EventId, reexecuted: Option<Event>) -> Result<Divergence, LogError> {
        let mut recorded = None;
        for topic in topics::ALL {
            self.each_recorded_on(&[topic], |found, record| {
                if found == id && recorded.is_none() {
                    recorded = self.codec.decode(record.value.as_deref()).ok();
                }
                Ok(())
            })?;
            if recorded.is_some() {
                break;
            }
        }
        let either = recorded.as_ref().or(reexecuted.as_ref());
        let topic = either.map_or("", |event| event.topic().name).to_owned();
        let key = either.map(Event::key).unwrap_or_default();
        Ok(Divergence { topic, key, event_id: id, recorded, reexecuted })
    }
}
