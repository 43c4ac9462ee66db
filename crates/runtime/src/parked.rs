//! Parked requests: those whose own data are missing, damaged or not to be read.
//!
//! A request that cannot be answered now is copied to the topic `TOPIC.parked` in the commit that moves the position over
//! it, so that it stalls nobody. The worker reads that topic beside its requests and tries what lies there again. Positions
//! there move as everywhere, over what is answered; when a later one is answered first, those before it are appended again.
//! A parked request is dropped when its experiment has ended. No digest covers these topics; replay reads
//! from them only which requests it must leave out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::time::Duration;

use gauntlet_domain::topics::{EXPERIMENTS, parked_from};
use gauntlet_domain::{Event, EventId, ExperimentId, Topic};
use gauntlet_log::{EventLog, Header, LogError, NewRecord, Positions, Record, Tail, TopicPartition};
use gauntlet_wire::{Codec, headers};

use crate::events;

/// The header that says why, and which one says where the request lay first.
const WHY: &str = "gauntlet_parked_why";
const FROM: &str = "gauntlet_parked_from";
/// Records of ended experiments that are read at once.
const BATCH: usize = 4_096;

/// Whether a record lies on a topic of parked requests.
pub(crate) fn is_parked(partition: &TopicPartition) -> bool {
    parked_from(&partition.topic).is_some()
}

/// The copy of a request that is parked, or parked again.
pub(crate) fn park(topic: &Topic, request: &Record, why: &str) -> NewRecord {
    let own = |(name, _): &&Header| name != WHY;
    let mut headers: Vec<Header> = request.headers.iter().filter(own).cloned().collect();
    if !is_parked(&request.partition) {
        let from = format!("{}={}", request.partition, request.offset);
        headers.push((Cow::Borrowed(FROM), from.into_bytes()));
    }
    headers.push((Cow::Borrowed(WHY), why.as_bytes().to_vec()));
    NewRecord {
        topic: topic.parked().into(),
        key: request.key.clone(),
        headers,
        value: request.value.clone(),
        timestamp_micros: request.timestamp_micros,
    }
}

/// Why a request was parked.
pub(crate) fn why(record: &Record) -> String {
    said(record, WHY)
}

fn said(record: &Record, header: &str) -> String {
    let value = record.headers.iter().rev().find_map(|(name, value)| (name == header).then_some(value));
    value.map_or_else(String::new, |value| String::from_utf8_lossy(value).into_owned())
}

/// A request that lies parked on the log.
#[derive(Debug, Clone)]
pub struct ParkedRequest {
    /// The request.
    pub event: Event,
    /// Where it lay first, as `topic/partition=offset`.
    pub from: String,
    /// Why it could not be answered when it was parked.
    pub why: String,
}

/// The stretch of each partition of parked requests behind the worker's position. Where it is the same at two moments, nothing
/// was parked there and nothing that was parked was answered between them.
pub type Stretches = BTreeMap<TopicPartition, Range<u64>>;

/// The requests of a worker that are parked and not answered, and the stretches that they were read from.
pub fn parked(
    log: &dyn EventLog,
    codec: &Codec,
    processor: &str,
    topic: &Topic,
) -> Result<(Vec<ParkedRequest>, Stretches), LogError> {
    let (name, committed) = (topic.parked(), log.committed(processor)?);
    let (mut parked, mut stretches) = (Vec::new(), Stretches::new());
    for partition in 0..log.partitions(&name)? {
        let place = TopicPartition::new(name.as_str(), partition);
        let (start, end) = log.bounds(&place)?;
        let from = committed.get(&place).copied().unwrap_or(start).max(start);
        crate::restore::for_each(log, &place, from, end, |record| {
            if let Some(recorded) = events::readable(codec, &record)? {
                parked.push(ParkedRequest {
                    event: recorded.event,
                    from: said(&record, FROM),
                    why: why(&record),
                });
            }
            Ok(())
        })?;
        stretches.insert(place, from..end);
    }
    Ok((parked, stretches))
}

/// Ids of all requests that were ever parked.
pub(crate) fn parked_ids(log: &dyn EventLog, topic: &Topic) -> Result<HashSet<EventId>, LogError> {
    let (name, mut ids) = (topic.parked(), HashSet::new());
    for partition in 0..log.partitions(&name)? {
        let place = TopicPartition::new(name.as_str(), partition);
        let (start, end) = log.bounds(&place)?;
        crate::restore::for_each(log, &place, start, end, |record| {
            ids.extend(headers::event_id(&record.headers));
            Ok(())
        })?;
    }
    Ok(ids)
}

/// Which experiments have ended, read along for as long as something is parked.
#[derive(Default)]
pub(crate) struct EndedExperiments {
    tail: Option<Box<dyn Tail>>,
    ended: BTreeSet<ExperimentId>,
}

impl EndedExperiments {
    /// Reads on to the end of the log as it is now.
    pub(crate) fn refresh(&mut self, log: &dyn EventLog, codec: &Codec) -> Result<(), LogError> {
        let tail = match &mut self.tail {
            Some(tail) => tail,
            None => {
                let mut from = Positions::new();
                for partition in 0..log.partitions(EXPERIMENTS.name)? {
                    let place = TopicPartition::new(EXPERIMENTS.name, partition);
                    let (start, _) = log.bounds(&place)?;
                    from.insert(place, start);
                }
                self.tail.insert(log.tail(&from)?)
            }
        };
        loop {
            let records = tail.poll(BATCH, Duration::ZERO)?;
            if records.is_empty() {
                return Ok(());
            }
            for record in &records {
                // One that cannot be read now is no reason to drop anything.
                if let Ok(
                    event @ (Event::ExperimentCompleted(_)
                    | Event::ExperimentCancelled(_)
                    | Event::ExperimentFailed(_)),
                ) = events::decode(codec, record)
                {
                    self.ended.extend(event.experiment());
                }
            }
        }
    }

    /// Whether the experiment that a request belongs to has ended.
    pub(crate) fn has_ended(&self, request: &Event) -> bool {
        request.experiment().is_some_and(|id| self.ended.contains(&id))
    }
}
