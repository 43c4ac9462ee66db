//! Replay is re-execution: every derived event is made again from the recorded inputs and compared with the record, body
//! by body. What comes from outside is taken as given: feeds, gateway, and what programs outside have answered to requests
//! that are not a worker's own.

use std::collections::{HashMap, HashSet};
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
use crate::pool::answer;
use crate::restore::{Feeder, committed_of, for_each, races};

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
}

/// Recorded events of one writer that wait to be made again.
type Expected = HashMap<EventId, ContentHash>;

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
        let (mut expected, _) = self.recorded_on(definition.writes, &HashSet::new())?;
        let trimmed = self.trimmed_topics(definition.writes)?;
        let committed = self.log.committed(definition.name)?;
        for task in self.tasks(definition)? {
            let to = committed_of(&committed, &task);
            let from: Positions = to.keys().map(|place| (place.clone(), 0)).collect();
            let races = races(self.log, definition, &task)?;
            let mut machine = (definition.create)();
            let feeder = Feeder { log: self.log, codec: self.codec, from, to, races };
            feeder.feed(&mut *machine, |_, outputs| {
                for output in outputs {
                    if !(self.filter)(&output.event) || outcome.divergence.is_some() {
                        continue;
                    }
                    let is_trimmed = trimmed.contains(&output.event.kind().topic());
                    if is_trimmed && !expected.contains_key(&output.event.id()) {
                        expired.push(output.event);
                    } else {
                        self.compare(&output.event, &mut expected, outcome)?;
                    }
                }
                Ok(())
            })?;
        }
        self.left_over(expected, outcome)
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
        let (mut expected, taken) = self.recorded_on(worker.writes(), &foreign)?;
        outcome.foreign += taken;
        for (request, events) in requests.iter().zip(self.answer_all(worker, &requests)) {
            let events = events.map_err(|why| LogError::Refused {
                at: worker.name().to_owned(),
                detail: format!("cannot answer {} again: {why}", request.id()),
            })?;
            for event in events {
                if outcome.divergence.is_none() {
                    self.compare(&event, &mut expected, outcome)?;
                }
            }
        }
        self.left_over(expected, outcome)
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
                        let Some(request) = requests.get(i) else { return };
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
            .map(|answer| answer.unwrap_or_else(|| Err(DataError::Unavailable("no answer".into()))))
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

    /// Hashes of all events recorded on a writer's topics that matter, but for those that some requests made happen, of
    /// which the number is given.
    fn recorded_on(
        &self,
        topics: &[&Topic],
        foreign: &HashSet<EventId>,
    ) -> Result<(Expected, u64), LogError> {
        let mut expected = Expected::new();
        let mut taken = HashSet::new();
        self.each_recorded_on(topics, |id, record| {
            match self.codec.decode(record.value.as_deref()) {
                Ok(event) if (self.filter)(&event) => {
                    if headers::causation_id(&record.headers).is_some_and(|cause| foreign.contains(&cause)) {
                        taken.insert(id);
                        return Ok(());
                    }
                    expected.insert(id, event_hash(self.codec, record)?);
                }
                Err(error) if error.is_transient() => return Err(events::undecided(record, &error)),
                Ok(_) | Err(_) => {}
            }
            Ok(())
        })?;
        Ok((expected, taken.len() as u64))
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

    fn compare(&self, event: &Event, expected: &mut Expected, outcome: &mut Outcome) -> Result<(), LogError> {
        let id = event.id();
        let again = self.hash(event)?;
        match expected.remove(&id) {
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
        let place = TopicPartition::new(event.kind().topic().name, 0);
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

    /// Recorded events that nothing made again.
    fn left_over(&self, expected: Expected, outcome: &mut Outcome) -> Result<(), LogError> {
        if let (None, Some(id)) = (&outcome.divergence, expected.keys().min()) {
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
        let topic = either.map_or("", |event| event.kind().topic().name).to_owned();
        let key = either.map(Event::key).unwrap_or_default();
        Ok(Divergence { topic, key, event_id: id, recorded, reexecuted })
    }
}
