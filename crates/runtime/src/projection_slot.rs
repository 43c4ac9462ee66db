//! A projection's slot: reads its topics from its own progress and writes rows. Of several processes one leads, the others
//! stand by.
//!
//! Each projection has a thread, a leader and progress of its own. While the place that one writes to does not answer, that
//! one waits and tries again; the others go on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use gauntlet_domain::topics::{self, Retention};
use gauntlet_domain::{EventId, Recorded, Timestamp};
use gauntlet_log::{EventLog, LogError, Positions, Record, Slot, TopicPartition};
use gauntlet_wire::Codec;

use crate::events;
use crate::failure::SlotError;
use crate::leader::{Lead, lead, stays};
use crate::observer::{Observations, Observer};
use crate::paused::{PausedRecords, Pauses, size};
use crate::projection::{Placed, ProjectAllError, Projection, ProjectionError, Witness};
use crate::restore::any;
use crate::slot::Context;

/// Runs a projection until it is stopped, whenever this process leads.
pub(crate) fn run(
    context: Context<'_>,
    projection: &dyn Projection,
    mut observer: Observer,
) -> Result<(), SlotError> {
    lead(context, projection.name(), projection.topics(), &mut observer, |seat, observer| {
        Leader { context, projection, observer, seat }.run()
    })
}

/// The process that projects. Whoever leads after it goes on from the progress: a batch that both write is written twice,
/// which changes nothing.
struct Leader<'a> {
    context: Context<'a>,
    projection: &'a dyn Projection,
    observer: &'a mut Observer,
    /// The membership that makes this process the leader. It reads nothing.
    seat: &'a mut dyn Slot,
}

/// Events of one write.
#[derive(Default)]
struct Rows {
    events: Vec<Placed>,
    /// When the handling of each event began.
    began: Vec<Option<Timestamp>>,
    progress: Positions,
    observations: Observations,
}

impl Leader<'_> {
    /// Projects until the lead is over.
    fn run(&mut self) -> Result<(), SlotError> {
        let Context { log, options, stop, .. } = self.context;
        let projection = self.projection;
        let mut looks = 0;
        let begun = self.persistently(|| {
            let progress = projection.progress()?;
            looks += 1;
            match begin(log, projection, progress) {
                Ok(from) => Ok(Ok(from)),
                Err(ProjectAllError::Log(error)) => Ok(Err(error)),
                // A broker that was just started may not know its last records yet.
                Err(ProjectAllError::Projection(ProjectionError::AnotherLog(why))) if looks < LOOKS => {
                    Err(ProjectionError::Retry(why))
                }
                Err(ProjectAllError::Projection(error)) => Err(error),
            }
        })?;
        let Some(from) = begun else { return Ok(()) };
        let mut tail = log.tail(&from?)?;
        let mut paused = PausedRecords::new(projection.name());
        while stays(self.context, self.seat, Duration::ZERO)? == Lead::Held {
            let records = match paused.take_due() {
                Some(records) => records,
                None if paused.has_room(options.projector_batch) => {
                    tail.poll(options.projector_batch, paused.wait(options.poll_timeout))?
                }
                None => {
                    stop.sleep(paused.wait(options.poll_timeout));
                    continue;
                }
            };
            let rows = self.read(&records, &mut paused);
            if !rows.progress.is_empty() && self.write(rows)? == Lead::Over {
                return Ok(());
            }
            self.observer.paused.set(paused.len() as f64);
            self.observer.starts(false);
        }
        Ok(())
    }

    /// The events in some records. A record that can never be read is a dead letter of the processor that reads it; here it
    /// is passed over.
    fn read(&self, records: &[Record], paused: &mut PausedRecords) -> Rows {
        let mut rows = Rows::default();
        for record in records {
            let Some(read) = paused.read(self.context.codec, record) else { continue };
            rows.observations.records(&record.partition, 1);
            if let Ok(event) = read {
                rows.began.push(self.observer.began());
                let recorded = Recorded { envelope: events::envelope(record, &event), event };
                rows.events.push(placed(record, recorded));
            }
            rows.progress.insert(TopicPartition::clone(&record.partition), record.offset + 1);
        }
        rows
    }

    /// Writes rows, then the progress.
    fn write(&mut self, rows: Rows) -> Result<Lead, SlotError> {
        let Rows { events, began, progress, mut observations } = rows;
        let projection = self.projection;
        let written = self.persistently(|| {
            let began = Instant::now();
            projection.write(&events, &progress).map(|()| began.elapsed())
        })?;
        let Some(took) = written else { return Ok(Lead::Over) };
        for (event, began) in events.iter().zip(began) {
            let place = (&*event.partition, event.offset);
            self.observer.handled(&mut observations, &event.recorded, place, std::iter::empty(), began);
        }
        self.observer.written(took, observations);
        Ok(Lead::Held)
    }

    /// Calls until there is an answer; `None` when the lead is over before that. Between two calls it stays a member.
    fn persistently<T>(
        &mut self,
        mut call: impl FnMut() -> Result<T, ProjectionError>,
    ) -> Result<Option<T>, SlotError> {
        let mut pauses = Pauses::new();
        loop {
            match call() {
                Ok(value) => return Ok(Some(value)),
                Err(ProjectionError::Retry(why)) => {
                    tracing::warn!(processor = self.projection.name(), %why, "projection will be tried again");
                    self.observer.retries.increment(1);
                }
                Err(error) => return Err(error.into()),
            }
            // It waits for something outside, which must not keep the process from being ready.
            self.observer.starts(false);
            if stays(self.context, self.seat, pauses.next())? == Lead::Over {
                return Ok(None);
            }
        }
    }
}

/// How often progress is compared with the ends of the log before it is believed that it lies beyond them.
const LOOKS: u32 = 6;

/// Where a projection begins: at its progress, or where a topic begins that it has not read yet.
fn begin(
    log: &dyn EventLog,
    projection: &dyn Projection,
    progress: Positions,
) -> Result<Positions, ProjectAllError> {
    refuse_another_log(log, projection)?;
    let mut from = progress;
    for (place, left) in left(log, projection, &from)? {
        from.insert(place, left.start);
    }
    Ok(from)
}

/// What a projection has not read of each partition of its topics. Progress beyond the end of one fails: it is not of this
/// log.
fn left(
    log: &dyn EventLog,
    projection: &dyn Projection,
    progress: &Positions,
) -> Result<Vec<(TopicPartition, Range<u64>)>, ProjectAllError> {
    let mut all = Vec::new();
    for topic in projection.topics() {
        for partition in 0..log.partitions(topic)? {
            let place = TopicPartition::new(topic, partition);
            let (next, end) = (progress.get(&place).copied().unwrap_or(0), log.bounds(&place)?.1);
            if next > end {
                let why = format!(
                    "the views hold {next} records of {place}, which has {end}: they are of another log, or this one has lost \
                     its end; make them again with gauntlet views rebuild"
                );
                return Err(ProjectionError::AnotherLog(why).into());
            }
            let next = next.max(first_offset(log, &place)?);
            all.push((place, next..end));
        }
    }
    Ok(all)
}

/// How long the records are waited for by which a log is known again.
const WITNESSES_WITHIN: Duration = Duration::from_secs(10);

/// Refuses a log on which other records lie than those from which the rows were made. A record that retention has removed says
/// nothing, and on a topic that is compacted none is asked for. Records that do not come in time are asked for again.
fn refuse_another_log(log: &dyn EventLog, projection: &dyn Projection) -> Result<(), ProjectAllError> {
    let mut wanted: BTreeMap<TopicPartition, (u64, EventId)> = BTreeMap::new();
    for Witness { partition, offset, id } in projection.witnesses()? {
        let is_compacted = topics::named(&partition.topic)
            .is_some_and(|topic| matches!(topic.retention, Retention::Compacted));
        let (start, end) = log.bounds(&partition)?;
        if !is_compacted && (start..end).contains(&offset) {
            wanted.insert(partition, (offset, id));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let from: Positions = wanted.iter().map(|(place, (offset, _))| (place.clone(), *offset)).collect();
    let until = Instant::now() + WITNESSES_WITHIN;
    let mut tail = log.tail(&from)?;
    while !wanted.is_empty() && Instant::now() < until {
        for record in tail.poll(from.len(), Duration::from_millis(100))? {
            let Some((offset, id)) = wanted.remove(&*record.partition) else { continue };
            let found = events::id(&record);
            if let Some(found) = found.filter(|found| record.offset == offset && *found != id) {
                let why = format!(
                    "the views were made from another log: record {offset} of {} is event {found} here and was {id} there; \
                     name other views, or make these again with gauntlet views rebuild",
                    record.partition
                );
                return Err(ProjectionError::AnotherLog(why).into());
            }
        }
    }
    match wanted.first_key_value() {
        None => Ok(()),
        Some((place, (offset, _))) => {
            let why =
                format!("record {offset} of {place}, by which the log is known again, did not come in time");
            Err(ProjectionError::Retry(why).into())
        }
    }
}

/// An event and where it lies.
fn placed(record: &Record, recorded: Recorded) -> Placed {
    Placed { recorded, partition: record.partition.clone(), offset: record.offset }
}

/// The beginning of a topic: 0, or for a topic that is kept for days the first record that is left. What is kept for ever
/// and has lost its beginning is an error when it is read.
fn first_offset(log: &dyn EventLog, place: &TopicPartition) -> Result<u64, LogError> {
    match topics::named(&place.topic).map(|topic| topic.retention) {
        Some(Retention::Days(_)) => Ok(log.bounds(place)?.0),
        _ => Ok(0),
    }
}

/// Events that [`project_all`] gathers for one write, and bytes of their records, at most.
const BATCH: (usize, usize) = (1024, 4 << 20);

/// Whether the rows of a projection were made from this log and from no later state of it.
///
/// # Errors
/// Where the log or the rows cannot be read.
pub fn is_of_log(log: &dyn EventLog, projection: &dyn Projection) -> Result<bool, ProjectAllError> {
    let checked = refuse_another_log(log, projection)
        .and_then(|()| left(log, projection, &projection.progress()?).map(drop));
    match checked {
        Err(ProjectAllError::Projection(ProjectionError::AnotherLog(_))) => Ok(false),
        checked => checked.map(|()| true),
    }
}

/// Brings a projection up to the end of the log and returns. What it holds at a time does not grow with the log.
pub fn project_all(
    log: &dyn EventLog,
    codec: &Codec,
    projection: &dyn Projection,
) -> Result<(), ProjectAllError> {
    refuse_another_log(log, projection)?;
    for (place, offsets) in left(log, projection, &projection.progress()?)? {
        project_partition(log, codec, projection, &place, offsets)?;
    }
    Ok(())
}

fn project_partition(
    log: &dyn EventLog,
    codec: &Codec,
    projection: &dyn Projection,
    place: &TopicPartition,
    offsets: Range<u64>,
) -> Result<(), ProjectAllError> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    // What the log cannot read ends the visit as its error, what the projection cannot write as its own.
    let mut failed = None;
    any(log, place, offsets.start, offsets.end, |record| {
        bytes += size(&record);
        let next = record.offset + 1;
        events.extend(events::readable(codec, &record)?.map(|recorded| placed(&record, recorded)));
        if events.len() >= BATCH.0 || bytes >= BATCH.1 {
            let written = projection.write(&events, &Positions::from([(place.clone(), next)]));
            failed = written.err();
            events.clear();
            bytes = 0;
        }
        Ok(failed.is_some())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if !offsets.is_empty() {
        projection.write(&events, &Positions::from([(place.clone(), offsets.end)]))?;
    }
    Ok(())
}
