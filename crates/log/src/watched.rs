//! A log that is watched: readers without a group are counted or made to end, members of a group may be stood in for.

use std::ops::Deref;
use std::time::Duration;

use crate::port::*;

/// What happens when somebody reads.
pub trait Watch: Clone + Send + Sync + 'static {
    /// Before records are read; an error is the reader's answer.
    fn before(&self) -> Result<(), LogError> {
        Ok(())
    }
    /// So many records were read.
    fn read(&self, _records: usize) {}
    /// What a new member of a processor's group works with instead of its slot.
    fn joined(&self, _processor: &str, slot: Box<dyn Slot>) -> Box<dyn Slot> {
        slot
    }
}

/// Another log, watched.
#[derive(Clone)]
pub struct Watched<L, W> {
    log: L,
    pub(crate) watch: W,
}

impl<L, W> Watched<L, W> {
    /// Watches a log.
    pub fn new(log: L, watch: W) -> Watched<L, W> {
        Watched { log, watch }
    }
}

struct WatchedTail<W> {
    tail: Box<dyn Tail>,
    watch: W,
}

impl<W: Watch> Tail for WatchedTail<W> {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        self.watch.before()?;
        let records = self.tail.poll(max_records, timeout)?;
        self.watch.read(records.len());
        Ok(records)
    }
}

impl<L, W> EventLog for Watched<L, W>
where
    L: Deref + Send + Sync,
    L::Target: EventLog,
    W: Watch,
{
    fn create_topics(&self, topics: &[TopicConfig]) -> Result<(), LogError> {
        self.log.create_topics(topics)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic)
    }

    fn join(&self, member: Member) -> Result<Box<dyn Slot>, LogError> {
        let processor = member.processor.clone();
        Ok(self.watch.joined(&processor, self.log.join(member)?))
    }

    fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError> {
        self.log.append(records)
    }

    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError> {
        Ok(Box::new(WatchedTail { tail: self.log.tail(from)?, watch: self.watch.clone() }))
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.log.bounds(partition)
    }

    fn first_after(&self, partition: &TopicPartition, micros: i64) -> Result<u64, LogError> {
        self.watch.before()?;
        self.log.first_after(partition, micros)
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
