//! A log with its archive: a partition begins at the first record that either has, and a reader is given what the log no
//! longer has from the archive, then what the log has.
//!
//! Everything else is the log's own. A reader learns from the log that its place was removed; before that nothing asks the
//! lake.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet_domain::topics;
use gauntlet_lake::Lake;
use gauntlet_lake::archive::{Frame, Range, archived, read_archived};
use gauntlet_log::{
    EventLog, LogError, Member, NewRecord, Positions, Record, Slot, StateSnapshot, Tail, TopicConfig,
    TopicPartition, search_by_time,
};

use super::{gap, may_leave_out, record, to_log};

/// Bytes of records that one poll gives at most, give or take one record.
const POLL_BYTES: u64 = 2 << 20;

/// A log and its archive. Clones are of the same ones.
#[derive(Clone)]
pub struct ArchivedLog {
    log: Arc<dyn EventLog>,
    archive: Arc<Archive>,
}

/// The archive, as far as it was asked for.
struct Archive {
    lake: Arc<Lake>,
    /// By partition: where the log began when the lake was asked, and the ranges that it had then.
    known: Mutex<BTreeMap<TopicPartition, (u64, Arc<[Range]>)>>,
}

impl ArchivedLog {
    /// A log and the lake with its archive.
    pub fn new(log: Arc<dyn EventLog>, lake: Arc<Lake>) -> ArchivedLog {
        ArchivedLog { log, archive: Arc::new(Archive { lake, known: Mutex::default() }) }
    }
}

impl Archive {
    /// The archived ranges of a partition whose log begins at `start`, in order. Records that the log has lost were archived
    /// before, so while it begins there the answer is the same.
    fn ranges(&self, place: &TopicPartition, start: u64) -> Result<Arc<[Range]>, LogError> {
        let known = |known: &Mutex<BTreeMap<_, (u64, Arc<[Range]>)>>| {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(place).filter(|(of, _)| *of == start).map(|(_, ranges)| ranges.clone())
        };
        if let Some(ranges) = known(&self.known) {
            return Ok(ranges);
        }
        let ranges = archived(&self.lake, &place.topic).map_err(to_log)?.remove(&place.partition);
        let ranges: Arc<[Range]> = ranges.unwrap_or_default().into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(place.clone(), (start, ranges.clone()));
        Ok(ranges)
    }

    /// The first offset that log and archive have together. Of a topic whose archive may leave something out, the first
    /// behind which nothing is left out.
    fn begin(&self, place: &TopicPartition, start: u64) -> Result<u64, LogError> {
        let ranges = self.ranges(place, start)?;
        if ranges.is_empty() {
            return Ok(start);
        }
        if !may_leave_out(&place.topic) {
            // What is missing, be it the first file, is an error when it is read.
            return Ok(0);
        }
        let mut begin = start;
        for range in ranges.iter().rev().filter(|range| range.first < start) {
            if range.next() < begin {
                break;
            }
            begin = range.first;
        }
        Ok(begin)
    }
}

impl EventLog for ArchivedLog {
    fn create_topics(&self, topics: &[TopicConfig]) -> Result<(), LogError> {
        self.log.create_topics(topics)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic)
    }

    fn join(&self, member: Member) -> Result<Box<dyn Slot>, LogError> {
        self.log.join(member)
    }

    fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError> {
        self.log.append(records)
    }

    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError> {
        let live = Some(self.log.tail(from)?);
        let (log, archive) = (self.log.clone(), self.archive.clone());
        let (removed, read) = (VecDeque::new(), VecDeque::new());
        Ok(Box::new(ArchivedTail { log, archive, next: from.clone(), live, removed, read }))
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        let (start, end) = self.log.bounds(partition)?;
        if start == 0 || topics::named(&partition.topic).is_none() {
            return Ok((start, end));
        }
        Ok((self.archive.begin(partition, start)?, end))
    }

    fn first_after(&self, partition: &TopicPartition, micros: i64) -> Result<u64, LogError> {
        // What has gone from the log was written before what it has, so that most times lie there.
        let (start, _) = self.log.bounds(partition)?;
        let found = self.log.first_after(partition, micros)?;
        if found > start || start == 0 { Ok(found) } else { search_by_time(self, partition, micros) }
    }

    fn committed(&self, processor: &str) -> Result<Positions, LogError> {
        self.log.committed(processor)
    }

    fn snapshot(&self, processor: &str, task: u32) -> Result<Option<StateSnapshot>, LogError> {
        self.log.snapshot(processor, task)
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        self.log.delete_snapshots()
    }

    fn trim(&self, partition: &TopicPartition, before: u64) -> Result<(), LogError> {
        self.log.trim(partition, before)
    }

    fn check(&self) -> Result<(), LogError> {
        self.log.check()
    }
}

/// A reader of the log, and of the archive where its place was removed from the log.
struct ArchivedTail {
    log: Arc<dyn EventLog>,
    archive: Arc<Archive>,
    /// Where the next record of each partition is looked for.
    next: Positions,
    /// The reader of the log; `None` when it has to begin at other places than it did.
    live: Option<Box<dyn Tail>>,
    /// Partitions to be read from the archive, with where the log begins.
    removed: VecDeque<(TopicPartition, u64)>,
    /// Records from the archive that nobody has taken yet, of the first of `removed`.
    read: VecDeque<Frame>,
}

impl ArchivedTail {
    /// Records of a partition whose place was removed from the log; none when it can be read from the log again.
    fn archived(&mut self, max_records: usize) -> Result<Vec<Record>, LogError> {
        let Some((place, start)) = self.removed.front().cloned() else { return Ok(Vec::new()) };
        let at = self.next.get(&place).copied().unwrap_or(0);
        if self.read.is_empty() && at < start {
            self.read.extend(self.frames(&place, at, start)?);
        }
        let partition = Arc::new(place);
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < max_records.max(1) && bytes < POLL_BYTES {
            let Some(frame) = self.read.pop_front() else { break };
            bytes += frame.bytes();
            records.push(record(frame, partition.clone()));
        }
        let next = records.last().map_or(start.max(at), |record| record.offset + 1);
        self.next.insert(TopicPartition::clone(&partition), next);
        if next >= start && self.read.is_empty() {
            self.removed.pop_front();
        }
        Ok(records)
    }

    /// Archived records from an offset on that the log, which begins at `start`, has not.
    fn frames(&self, place: &TopicPartition, at: u64, start: u64) -> Result<Vec<Frame>, LogError> {
        let ranges = self.archive.ranges(place, start)?;
        let behind = ranges.partition_point(|range| range.next() <= at);
        let before = behind.checked_sub(1).map(|before| &ranges[before]);
        let Some(range) = ranges.get(behind).filter(|range| range.first <= at) else {
            let to = ranges.get(behind).map_or(start, |range| range.first.min(start));
            return Err(LogError::Archive { detail: gap(place, at, to, before) });
        };
        let mut frames = read_archived(&self.archive.lake, range, at).map_err(to_log)?;
        frames.truncate(frames.partition_point(|frame| frame.offset < start));
        Ok(frames)
    }

    /// Whether a partition of which the log has lost the beginning is to be read from the archive.
    fn is_archived(&self, place: &TopicPartition, start: u64) -> Result<bool, LogError> {
        Ok(topics::named(&place.topic).is_some() && !self.archive.ranges(place, start)?.is_empty())
    }
}

impl Tail for ArchivedTail {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        loop {
            if !self.removed.is_empty() {
                let records = self.archived(max_records)?;
                if !records.is_empty() {
                    return Ok(records);
                }
                continue;
            }
            let live = match &mut self.live {
                Some(live) => live,
                None => self.live.insert(self.log.tail(&self.next)?),
            };
            match live.poll(max_records, timeout) {
                Ok(records) => {
                    for run in records.chunk_by(|a, b| a.partition == b.partition) {
                        if let Some(last) = run.last() {
                            self.next.insert(TopicPartition::clone(&last.partition), last.offset + 1);
                        }
                    }
                    return Ok(records);
                }
                Err(LogError::OutOfRange { partition, start, asked }) => {
                    if !self.is_archived(&partition, start)? {
                        return Err(LogError::OutOfRange { partition, start, asked });
                    }
                    // It may have given up records of other partitions: it begins anew behind those that were given out.
                    self.live = None;
                    self.removed.push_back((partition, start));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
