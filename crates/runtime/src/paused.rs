//! Records that cannot be read yet: the registry cannot say now what their schema's number stands for.
//!
//! The partition of such a record pauses: the record and what follows it wait here, in order, and are tried again after
//! 200 ms, then after ever longer pauses up to 5 s. Positions do not move over them and nothing becomes a dead letter.
//! Other partitions go on. What waits is bounded, in records and in bytes: beyond that the whole slot pauses, and polls
//! with room for no record, which keeps its membership and shows it changes of assignment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_domain::Event;
use gauntlet_log::{LogError, Polled, Record, Slot, TopicPartition};
use gauntlet_wire::{Codec, WireError};

use crate::events;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Bytes of values that wait at most; one poll may exceed it.
const MOST_BYTES: usize = 64 << 20;
/// Time between two polls with room for no record.
const MEMBERSHIP_POLL: Duration = Duration::from_secs(1);

/// Pauses that grow.
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) fn new() -> Pauses {
        Pauses(FIRST_PAUSE)
    }

    /// The pause before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

/// The records that wait in one slot.
pub(crate) struct PausedRecords {
    processor: &'static str,
    /// In the order in which they were read.
    records: Vec<Record>,
    /// Bytes of their values.
    bytes: usize,
    partitions: BTreeSet<Arc<TopicPartition>>,
    pauses: Pauses,
    /// When they are tried again; `None` while they are, and when there are none.
    retry_at: Option<Instant>,
    /// When the last poll with room for no record was.
    membership_polled_at: Option<Instant>,
}

impl PausedRecords {
    pub(crate) fn new(processor: &'static str) -> PausedRecords {
        let (records, partitions) = (Vec::new(), BTreeSet::new());
        let pauses = Pauses::new();
        PausedRecords {
            processor,
            records,
            bytes: 0,
            partitions,
            pauses,
            retry_at: None,
            membership_polled_at: None,
        }
    }

    /// The event in a record, or why it will never be one; `None` when the record waits here now.
    pub(crate) fn read(&mut self, codec: &Codec, record: &Record) -> Option<Result<Event, WireError>> {
        if self.partitions.contains(&record.partition) {
            self.push(record);
            return None;
        }
        match events::decode(codec, record) {
            Err(error) if error.is_transient() => {
                self.pause(record, &error);
                None
            }
            answer => {
                if self.records.is_empty() {
                    self.pauses = Pauses::new();
                }
                Some(answer)
            }
        }
    }

    fn pause(&mut self, record: &Record, error: &WireError) {
        let (partition, offset) = (&record.partition, record.offset);
        let processor = self.processor;
        tracing::warn!(processor, %partition, offset, %error, "partition pauses, the record will be tried again");
        self.partitions.insert(partition.clone());
        self.push(record);
        if self.retry_at.is_none() {
            self.retry_at = Some(Instant::now() + self.pauses.next());
        }
    }

    fn push(&mut self, record: &Record) {
        self.bytes += size(record);
        self.records.push(record.clone());
    }

    /// Everything that waits, when it is time to try it again.
    pub(crate) fn take_due(&mut self) -> Option<Vec<Record>> {
        if self.retry_at? > Instant::now() {
            return None;
        }
        self.retry_at = None;
        self.partitions.clear();
        self.bytes = 0;
        Some(std::mem::take(&mut self.records))
    }

    /// Records that wait.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether more may be read, when at most about so many records may wait.
    pub(crate) fn has_room(&self, records: usize) -> bool {
        self.len() < records && self.bytes < MOST_BYTES
    }

    /// Drops the records of partitions that belong to another slot now.
    pub(crate) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.records.retain(|record| !partitions.contains(&record.partition));
        self.bytes = self.records.iter().map(size).sum();
        self.partitions.retain(|partition| !partitions.contains(partition));
    }

    /// How long to wait for records: no longer than until the next attempt.
    pub(crate) fn wait(&self, timeout: Duration) -> Duration {
        let until = self.retry_at.map(|at| at.saturating_duration_since(Instant::now()));
        until.map_or(timeout, |until| until.min(timeout))
    }

    /// Polls. With room for no record it polls only once a second, to stay a member and to notice changes of assignment:
    /// an adapter may be unable to poll without taking a record in.
    pub(crate) fn poll(
        &mut self,
        port: &mut dyn Slot,
        room: usize,
        timeout: Duration,
    ) -> Result<Polled, LogError> {
        let timeout = self.wait(timeout);
        if room > 0 {
            return port.poll(room, timeout);
        }
        std::thread::sleep(timeout);
        if self.membership_polled_at.is_some_and(|at| at.elapsed() < MEMBERSHIP_POLL) {
            return Ok(Polled::Idle);
        }
        self.membership_polled_at = Some(Instant::now());
        port.poll(0, Duration::ZERO)
    }
}

/// Bytes of a record's value.
pub(crate) fn size(record: &Record) -> usize {
    record.value.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_large_records_leave_no_room_until_they_go() {
        let place = Arc::new(TopicPartition::new("t", 0));
        let large = Record {
            partition: place.clone(),
            offset: 0,
            key: vec![],
            headers: vec![],
            value: Some(vec![0; 8 << 20]),
            timestamp_micros: 0,
        };
        let mut paused = PausedRecords::new("p");
        (0..7).for_each(|_| paused.push(&large));
        assert!(paused.has_room(8) && !paused.has_room(7));
        paused.push(&large);
        assert!(!paused.has_room(1_000));
        paused.forget(&[TopicPartition::new("t", 1)]);
        assert!(!paused.has_room(1_000), "those of another partition stay");
        paused.forget(&[TopicPartition::clone(&place)]);
        assert!(paused.has_room(1));
    }
}
