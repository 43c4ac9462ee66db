//! What the local log needs of a store: one atomic, durable write at a time, and reads of what was written.

use crate::port::{LogError, Positions, Record, StateSnapshot, TopicPartition};

pub(crate) mod disk;
pub(crate) mod memory;
mod scrub;

/// A record with its place, ready to be stored.
pub(crate) struct Placed {
    pub(crate) topic: u32,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Everything that one durable write changes.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Placed>,
    /// Processor, topic, partition, next offset.
    pub(crate) positions: Vec<(String, u32, u32, u64)>,
    /// Processor, task, snapshot.
    pub(crate) snapshots: Vec<(String, u32, StateSnapshot)>,
}

/// A topic as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredTopic {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) partitions: u32,
}

/// A store. One thread writes, any thread reads; a read sees only whole batches.
pub(crate) trait Store: Send + Sync + 'static {
    /// Applies a batch: all of it, durably, or none.
    fn write(&self, batch: Batch) -> Result<(), LogError>;
    /// Adds topics.
    fn add_topics(&self, topics: &[StoredTopic]) -> Result<(), LogError>;
    /// All topics.
    fn topics(&self) -> Result<Vec<StoredTopic>, LogError>;
    /// Start and end of a partition.
    fn bounds(&self, topic: u32, partition: u32) -> Result<(u64, u64), LogError>;
    /// Records from an offset on, until one of the limits is passed; contiguous, or an error.
    fn read(
        &self,
        place: (u32, &TopicPartition),
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, LogError>;
    /// Committed positions of a processor by topic id and partition.
    fn positions(&self, processor: &str) -> Result<Vec<(u32, u32, u64)>, LogError>;
    /// Latest snapshot of a task.
    fn snapshot(&self, processor: &str, task: u32)
    -> Result<Option<(StateSnapshotParts, Vec<u8>)>, LogError>;
    /// Removes all snapshots.
    fn delete_snapshots(&self) -> Result<(), LogError>;
    /// Removes records below an offset and moves the start there.
    fn trim(&self, topic: u32, partition: u32, before: u64) -> Result<(), LogError>;
    /// Checks what lies beneath the records; writers wait meanwhile.
    fn check(&self) -> Result<(), LogError>;
    /// What tells the time for which this process has the store open from all others; the last such time of a store that
    /// is only read. `None` where there is none, as in memory.
    fn session(&self) -> Option<(u64, u64)> {
        None
    }
    /// Whether the store has been open then.
    fn has_session(&self, _session: (u64, u64)) -> Result<bool, LogError> {
        Ok(false)
    }
    /// Next epoch of a slot: larger than any given out before, also after a restart.
    fn next_epoch(&self, slot: &str) -> Result<u64, LogError>;
}

/// Version and positions of a stored snapshot.
pub(crate) type StateSnapshotParts = (String, Positions);
