//! A log whose readers end when somebody asks for it.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::port::*;

/// Another log. Reading from it without a group ends with [`LogError::Interrupted`] once `is_over` says so.
#[derive(Clone)]
pub struct Interruptible<L> {
    /// The log.
    pub log: L,
    /// Whether reading has to end.
    pub is_over: Arc<dyn Fn() -> bool + Send + Sync>,
}

struct InterruptibleTail {
    tail: Box<dyn Tail>,
    is_over: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Tail for InterruptibleTail {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        if (self.is_over)() { Err(LogError::Interrupted) } else { self.tail.poll(max_records, timeout) }
    }
}

impl<L> EventLog for Interruptible<L>
where
    L: Deref + Send + Sync,
    L::Target: EventLog,
{
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
        let tail = self.log.tail(from)?;
        Ok(Box::new(InterruptibleTail { tail, is_over: self.is_over.clone() }))
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
