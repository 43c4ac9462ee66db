//! A log that counts the records that are read from it, for tests which hold reading to a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::port::*;

/// Another log, and how many records it has given to readers without a group.
#[derive(Clone)]
pub struct CountingLog {
    log: Arc<dyn EventLog>,
    read: Arc<AtomicU64>,
}

impl CountingLog {
    /// Over another log.
    pub fn over(log: Arc<dyn EventLog>) -> CountingLog {
        CountingLog { log, read: Arc::default() }
    }

    /// Records read since the last time that this was asked.
    pub fn take_count(&self) -> u64 {
        self.read.swap(0, Ordering::Relaxed)
    }
}

struct CountingTail {
    tail: Box<dyn Tail>,
    read: Arc<AtomicU64>,
}

impl Tail for CountingTail {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        let records = self.tail.poll(max_records, timeout)?;
        self.read.fetch_add(records.len() as u64, Ordering::Relaxed);
        Ok(records)
    }
}

impl EventLog for CountingLog {
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
        Ok(Box::new(CountingTail { tail: self.log.tail(from)?, read: self.read.clone() }))
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.log.bounds(partition)
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
