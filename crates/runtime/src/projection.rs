//! A projection's thread: reads behind everything and writes rows with its own progress beside them. Of several
//! processes one does, the others stand by.

use std::time::{Duration, Instant};

use gauntlet_domain::Recorded;
use gauntlet_domain::topics::{self, Retention};
use gauntlet_log::{Assignment, EventLog, Member, Polled, Positions, Slot, TopicPartition};
use gauntlet_wire::Codec;

use crate::events;
use crate::held::Held;
use crate::observer::{Observer, Seen};
use crate::restore::for_each;
use crate::running::{Options, PROJECTOR, SlotError, Stop};

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProjectionError {
    /// What was wrong, where, what to do.
    pub message: String,
}

/// Rows from events. Writing the same events again changes nothing.
pub trait Projection: Send {
    /// Topics that it reads.
    fn topics(&self) -> Vec<&'static str>;
    /// How far it has come.
    fn progress(&self) -> Result<Positions, ProjectionError>;
    /// Writes what follows from some events, then the progress; never the progress first.
    fn write(&mut self, events: &[Recorded], progress: &Positions) -> Result<(), ProjectionError>;
}

/// Runs a projection until it is stopped, whenever this process leads.
pub(crate) fn run(
    log: &dyn EventLog,
    codec: &Codec,
    projection: &mut dyn Projection,
    options: &Options,
    stop: &Stop,
    mut observer: Observer,
) -> Result<(), SlotError> {
    let member = Member {
        processor: PROJECTOR.into(),
        slot: options.slot,
        topics: projection.topics().into_iter().map(str::to_owned).collect(),
        assignment: Assignment::Leader,
    };
    let mut seat = log.join(member)?;
    while !stop.is_raised() {
        if let Polled::Assigned(_) = seat.poll(0, options.poll_timeout)? {
            observer.tasks(std::iter::once(0));
            project(log, codec, projection, options, stop, &mut observer, &mut *seat)?;
            observer.tasks(std::iter::empty());
        }
        observer.starts(false);
    }
    Ok(())
}

/// Projects until the lead is lost. Records that cannot be read are dead letters of the processors that read them; here
/// they are passed over. What cannot be read yet makes its partition pause. Who leads after this process goes on from the
/// progress: a batch that both write is written twice, which changes nothing.
fn project(
    log: &dyn EventLog,
    codec: &Codec,
    projection: &mut dyn Projection,
    options: &Options,
    stop: &Stop,
    observer: &mut Observer,
    seat: &mut dyn Slot,
) -> Result<(), SlotError> {
    let mut from = projection.progress()?;
    for topic in projection.topics() {
        for partition in 0..log.partitions(topic)? {
            let place = TopicPartition::new(topic, partition);
            let first = first_offset(log, &place)?;
            let next = from.entry(place).or_insert(0);
            *next = first.max(*next);
        }
    }
    let mut tail = log.tail(&from)?;
    let mut held = Held::new(PROJECTOR);
    while !stop.is_raised() {
        if let Polled::Revoked(_) = seat.poll(0, Duration::ZERO)? {
            return Ok(());
        }
        let records = match held.take_due() {
            Some(records) => records,
            None if held.has_room(options.projector_batch) => {
                tail.poll(options.projector_batch, held.wait(options.poll_timeout))?
            }
            None => {
                stop.sleep(held.wait(options.poll_timeout));
                continue;
            }
        };
        let mut progress = Positions::new();
        let mut readable = Vec::with_capacity(records.len());
        let mut places = Vec::with_capacity(records.len());
        let mut seen = Seen::default();
        for record in &records {
            let Some(read) = held.read(codec, record) else { continue };
            seen.records(&record.partition, 1);
            if let Ok(event) = read {
                places.push((observer.began(), &record.partition, record.offset));
                readable.push(Recorded { envelope: events::envelope(record, &event), event });
            }
            progress.insert(TopicPartition::clone(&record.partition), record.offset + 1);
        }
        if !progress.is_empty() {
            let began = Instant::now();
            projection.write(&readable, &progress)?;
            let took = began.elapsed();
            for (event, (began, partition, offset)) in readable.iter().zip(places) {
                observer.handled(&mut seen, event, (partition, offset), std::iter::empty(), began);
            }
            observer.written(took, seen);
        }
        observer.held.set(held.len() as f64);
        observer.starts(false);
    }
    Ok(())
}

/// Where a projection begins: at the beginning, or where a topic that is kept for days begins now. What is kept for
/// ever and has lost its beginning is an error when it is read.
fn first_offset(log: &dyn EventLog, place: &TopicPartition) -> Result<u64, gauntlet_log::LogError> {
    match topics::named(&place.topic).map(|topic| topic.retention) {
        Some(Retention::Days(_)) => Ok(log.bounds(place)?.0),
        _ => Ok(0),
    }
}

/// Brings a projection up to the end of the log and returns.
pub fn project_all(
    log: &dyn EventLog,
    codec: &Codec,
    projection: &mut dyn Projection,
) -> Result<(), ProjectAllError> {
    let mut progress = projection.progress()?;
    for topic in projection.topics() {
        for partition in 0..log.partitions(topic)? {
            let place = TopicPartition::new(topic, partition);
            let next = progress.remove(&place).unwrap_or(0).max(first_offset(log, &place)?);
            let (_, end) = log.bounds(&place)?;
            let mut events = Vec::new();
            for_each(log, &place, next, end, |record| {
                events.extend(events::readable(codec, &record)?);
                Ok(())
            })?;
            for batch in events.chunks(1024) {
                projection.write(batch, &Positions::new())?;
            }
            if next < end {
                projection.write(&[], &Positions::from([(place, end)]))?;
            }
        }
    }
    Ok(())
}

/// Why a projection could not be brought up to the end.
#[derive(Debug, thiserror::Error)]
pub enum ProjectAllError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] gauntlet_log::LogError),
    /// Rows could not be written.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}
