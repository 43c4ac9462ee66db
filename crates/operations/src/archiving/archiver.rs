//! The archiver: closed ranges of every topic to files on the lake, each once.
//!
//! It reads every record to see where ranges close, keeping nothing but counts; a range that has closed is read again and
//! written, a row group in memory at a time. How far it has come the names of the files say: it begins behind them, whoever
//! wrote them, and a crash at any moment leaves either a whole file or none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_domain::topics::{self, Retention};
use gauntlet_lake::archive::{Cutter, Range, Written, archived, read_archived, write_archived};
use gauntlet_lake::{Lake, LakeError};
use gauntlet_log::{EventLog, LogError, Positions, Tail, TopicPartition};
use gauntlet_runtime::{Found, ProjectionError, Shift, Upkeep, events, restore};
use gauntlet_wire::Codec;

use super::{columns, frame, from_log, gap, may_leave_out, refuse_gaps, to_projection};

/// Name among processors.
pub const NAME: &str = "archiver";

/// Records that are looked at in one step at most.
const STEP: usize = 1024;
/// Bytes of records from which on more are ready, most likely.
const MUCH_BYTES: u64 = 1 << 20;
/// How long one step waits for the first record.
const WAIT: Duration = Duration::from_millis(50);
/// How long the record is waited for by which a log is known again.
const WITNESS_WITHIN: Duration = Duration::from_secs(10);

/// The archiver of a log into a lake.
pub struct Archiver {
    log: Arc<dyn EventLog>,
    codec: Codec,
    lake: Arc<Lake>,
    most_bytes: u64,
}

impl Archiver {
    /// Of this log, the one without its archive, in files of about so many bytes of records.
    pub fn new(log: Arc<dyn EventLog>, codec: Codec, lake: Arc<Lake>, most_bytes: u64) -> Archiver {
        Archiver { log, codec, lake, most_bytes }
    }

    /// Archives every range that has closed by now; gives how many were not archived before.
    ///
    /// # Errors
    /// What [`Upkeep::begin`] and [`Shift::step`] say.
    pub fn archive(&self) -> Result<u64, ProjectionError> {
        let mut ends = Positions::new();
        self.partitions(|place| {
            ends.insert(place.clone(), self.log.bounds(&place).map_err(|error| from_log(&error))?.1);
            Ok(())
        })?;
        let mut work = self.work()?;
        while !work.due.is_empty() || work.next.iter().any(|(place, next)| *next < ends[place]) {
            work.step(&mut |_, _| {})?;
        }
        Ok(work.written)
    }

    /// How far the topics are archived from which records go after some days. Their archive is of this log, as far as that
    /// still has the last archived record.
    ///
    /// # Errors
    /// Where the lake or the log cannot be read, and where the archive is of another log.
    pub fn archived_of_expiring(&self) -> Result<Positions, ProjectionError> {
        let mut positions = Positions::new();
        for topic in topics::ALL.iter().filter(|topic| may_leave_out(topic.name)) {
            for (partition, ranges) in
                archived(&self.lake, topic.name).map_err(|error| to_projection(&error))?
            {
                let place = TopicPartition::new(topic.name, partition);
                if let Some(last) = ranges.last() {
                    self.refuse_another_log(&place, last)?;
                    positions.insert(place, last.next());
                }
            }
        }
        Ok(positions)
    }

    /// Visits every partition.
    fn partitions(
        &self,
        mut visit: impl FnMut(TopicPartition) -> Result<(), ProjectionError>,
    ) -> Result<(), ProjectionError> {
        for topic in topics::ALL {
            for partition in 0..self.log.partitions(topic.name).map_err(|error| from_log(&error))? {
                visit(TopicPartition::new(topic.name, partition))?;
            }
        }
        Ok(())
    }

    fn work(&self) -> Result<Work<'_>, ProjectionError> {
        let mut known: BTreeMap<TopicPartition, Range> = BTreeMap::new();
        for topic in topics::ALL {
            for (partition, ranges) in
                archived(&self.lake, topic.name).map_err(|error| to_projection(&error))?
            {
                let place = TopicPartition::new(topic.name, partition);
                refuse_gaps(&place, &ranges).map_err(ProjectionError::Failed)?;
                known.extend(ranges.into_iter().next_back().map(|last| (place, last)));
            }
        }
        let (mut next, mut cutters) = (Positions::new(), BTreeMap::new());
        self.partitions(|place| {
            let last = known.remove(&place);
            let from = self.begin_of(&place, last.as_ref())?;
            let cutter = Cutter::new(&place.topic, place.partition, from, self.most_bytes);
            next.insert(place.clone(), from);
            cutters.insert(place, (cutter, last));
            Ok(())
        })?;
        if let Some((place, last)) = known.first_key_value() {
            return Err(ProjectionError::AnotherLog(format!(
                "{last} is of {place}, which this log does not have: the archive is of another log"
            )));
        }
        let tail = self.log.tail(&next).map_err(|error| from_log(&error))?;
        let (due, checked) = (VecDeque::new(), BTreeSet::new());
        Ok(Work { archiver: self, tail, next, cutters, due, checked, written: 0 })
    }

    /// Where the next range of a partition begins: behind the archived ones, or at the first offset that there is.
    fn begin_of(&self, place: &TopicPartition, last: Option<&Range>) -> Result<u64, ProjectionError> {
        let (start, end) = self.log.bounds(place).map_err(|error| from_log(&error))?;
        let Some(last) = last else { return Ok(start) };
        if last.next() > end {
            return Err(ProjectionError::AnotherLog(format!(
                "{last} holds records of {place} up to {}, which ends at {end}: the archive is of another log, or this \
                 one has lost its end; move the archive away, or archive into another lake",
                last.last
            )));
        }
        if last.next() < start && !may_leave_out(&place.topic) {
            return Err(ProjectionError::Failed(gap(place, last.next(), start, Some(last))));
        }
        Ok(start.max(last.next()))
    }

    /// Refuses an archive whose last record of a partition is another one on this log. Where the log no longer has that
    /// record, or may have compacted it away, nothing is said.
    fn refuse_another_log(&self, place: &TopicPartition, last: &Range) -> Result<(), ProjectionError> {
        let is_compacted =
            topics::named(&place.topic).is_some_and(|topic| matches!(topic.retention, Retention::Compacted));
        let (start, end) = self.log.bounds(place).map_err(|error| from_log(&error))?;
        if is_compacted || !(start..end).contains(&last.last) {
            return Ok(());
        }
        let kept = read_archived(&self.lake, last, last.last).map_err(|error| to_projection(&error))?;
        let mut tail = self
            .log
            .tail(&Positions::from([(place.clone(), last.last)]))
            .map_err(|error| from_log(&error))?;
        let until = Instant::now() + WITNESS_WITHIN;
        while Instant::now() < until {
            let read = tail.poll(1, Duration::from_millis(100)).map_err(|error| from_log(&error))?;
            let Some(found) = read.into_iter().next() else { continue };
            if kept.first() == Some(&frame(found)) {
                return Ok(());
            }
            return Err(ProjectionError::AnotherLog(format!(
                "the last record of {last} is not the one that the log has: the archive is of another log; move it away, \
                 or archive into another lake"
            )));
        }
        Err(ProjectionError::Retry(format!("record {} of {place} did not come in time", last.last)))
    }

    /// Writes the file of a closed range.
    fn write(&self, range: &Range) -> Result<Written, ProjectionError> {
        let place = TopicPartition::new(range.topic.as_str(), range.partition);
        let Some(topic) = topics::named(&range.topic) else { return Ok(Written::Already) };
        let mut refused = None;
        let written = write_archived(&self.lake, range, &columns::columns(topic), |push| {
            let read = restore::for_each(&*self.log, &place, range.first, range.next(), |record| {
                let values = columns::values(&self.codec, topic, &record);
                let values = values.map_err(|error| events::undecided(&record, &error))?;
                push(frame(record), values).map_err(|error| {
                    let ended = LogError::Archive { detail: error.to_string() };
                    refused = Some(to_projection(&error));
                    ended
                })
            });
            read.map_err(|error| Failed(from_log(&error)))
        });
        written.map_err(|Failed(error)| refused.unwrap_or(error))
    }
}

/// What [`Archiver::write`] ends with.
struct Failed(ProjectionError);

impl From<LakeError> for Failed {
    fn from(error: LakeError) -> Failed {
        Failed(to_projection(&error))
    }
}

impl Upkeep for Archiver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn topics(&self) -> Vec<&'static str> {
        topics::ALL.iter().map(|topic| topic.name).collect()
    }

    fn begin(&self) -> Result<Box<dyn Shift + '_>, ProjectionError> {
        Ok(Box::new(self.work()?))
    }
}

/// The archiver at work.
struct Work<'a> {
    archiver: &'a Archiver,
    tail: Box<dyn Tail>,
    /// How far records have been looked at.
    next: Positions,
    /// Of each partition where its ranges close, and the last range that was archived when work began.
    cutters: BTreeMap<TopicPartition, (Cutter, Option<Range>)>,
    /// Ranges that have closed and are not archived yet.
    due: VecDeque<Range>,
    /// Partitions whose archive is of this log.
    checked: BTreeSet<TopicPartition>,
    written: u64,
}

impl Work<'_> {
    /// Writes the file of the first range that is due.
    fn write(&mut self, range: &Range) -> Result<(), ProjectionError> {
        let place = TopicPartition::new(range.topic.as_str(), range.partition);
        if !self.checked.contains(&place) {
            if let Some((_, Some(last))) = self.cutters.get(&place) {
                self.archiver.refuse_another_log(&place, last)?;
            }
            self.checked.insert(place);
        }
        if self.archiver.write(range)? == Written::New {
            self.written += 1;
            tracing::info!(file = %range, "archived");
        }
        Ok(())
    }
}

impl Shift for Work<'_> {
    fn step(&mut self, looked_at: &mut dyn FnMut(&TopicPartition, u64)) -> Result<Found, ProjectionError> {
        if let Some(range) = self.due.front().cloned() {
            self.write(&range)?;
            self.due.pop_front();
            return Ok(Found::Much);
        }
        let records = self.tail.poll(STEP, WAIT).map_err(|error| from_log(&error))?;
        let (mut bytes, is_full) = (0, records.len() == STEP);
        for record in records {
            let place = record.partition.clone();
            let frame = frame(record);
            bytes += frame.bytes();
            if let Some((cutter, _)) = self.cutters.get_mut(&*place) {
                looked_at(&place, 1);
                self.due.extend(cutter.push_frame(&frame));
                self.next.insert(TopicPartition::clone(&place), frame.offset + 1);
            }
        }
        let is_much = is_full || bytes >= MUCH_BYTES || !self.due.is_empty();
        Ok(if is_much { Found::Much } else { Found::Little })
    }
}
