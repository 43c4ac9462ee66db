//! The port. An adapter promises exactly this, and nothing here is beyond Kafka:
//!
//! 1. **Order** within a partition; none between partitions, no global one, no conditional append. Offsets rise and may
//!    have holes.
//! 2. **Committed only**: `poll` and `tail` show no record whose commit has not succeeded.
//! 3. **Atomic commit** of outputs, input positions and state snapshots: all or none.
//! 4. **One writer**: of two members with one slot id one is fenced, the older where the adapter can tell; a task has one owner at a time, and a commit
//!    of positions by anyone else is fenced.
//! 5. **Co-partitioning**: task *t* is partition *t* of every topic that a processor reads, assigned as one.
//! 6. **Nothing skipped**: positions that retention has removed, or records that fail their checksum, are errors.
//! 7. **No look-up** by key, by event id or by a time inside an event. Who needs one keeps an index or a view of his own,
//!    made from the records and disposable.
//!
//! Everything blocks; a slot is used by one thread.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use crate::error::{LogError, Remedy};

/// A header's name and bytes.
pub type Header = (Cow<'static, str>, Vec<u8>);

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: impl Into<String>, partition: u32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// How far partitions have been read: the next offset of each.
pub type Positions = BTreeMap<TopicPartition, u64>;

/// Positions as text: `topic/partition=offset` joined by `;`.
pub fn positions_text(positions: &Positions) -> String {
    let lines: Vec<String> = positions.iter().map(|(place, offset)| format!("{place}={offset}")).collect();
    lines.join(";")
}

/// Reads [`positions_text`]; `None` when it is none.
pub fn parse_positions(text: &str) -> Option<Positions> {
    let mut positions = Positions::new();
    for line in text.split(';').filter(|line| !line.is_empty()) {
        let (place, offset) = line.rsplit_once('=')?;
        let (topic, partition) = place.rsplit_once('/')?;
        positions.insert(TopicPartition::new(topic, partition.parse().ok()?), offset.parse().ok()?);
    }
    Some(positions)
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    /// Name.
    pub name: String,
    /// Number of partitions; cannot change later.
    pub partitions: u32,
    /// What becomes of old records.
    pub cleanup: Cleanup,
}

/// What becomes of a topic's old records. A broker sees to it; on one machine the runtime does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// They stay.
    Keep,
    /// The newest record of each key stays.
    Compact,
    /// They go at this age.
    DeleteAfter(Duration),
}

/// A record as it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// The topic.
    pub topic: Cow<'static, str>,
    /// The key: decides the partition.
    pub key: Vec<u8>,
    /// Headers, in order.
    pub headers: Vec<Header>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Microseconds since the epoch, by the writer's clock. An observation.
    pub timestamp_micros: i64,
}

/// A record as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it lies; records that are read together share it.
    pub partition: Arc<TopicPartition>,
    /// Its place there.
    pub offset: u64,
    /// The key.
    pub key: Vec<u8>,
    /// Headers, in order.
    pub headers: Vec<Header>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Microseconds since the epoch, by the writer's clock. An observation.
    pub timestamp_micros: i64,
}

/// Who joins: one unit of parallelism of one processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The processor: the consumer group.
    pub processor: String,
    /// Which of its slots; a second member with the same number fences the first.
    pub slot: u32,
    /// What it reads.
    pub topics: Vec<String>,
    /// How that is divided.
    pub assignment: Assignment,
}

/// How a processor's input is divided among its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignment {
    /// Task *t* is partition *t* of every topic; tasks are shared out in ranges.
    CoPartitioned,
    /// One task reads everything.
    Single,
    /// One task reads nothing here: whoever has it does what only one may do, and keeps its positions elsewhere.
    Leader,
}

/// A unit of state: what is folded together and moves together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: u32,
    /// What it reads.
    pub partitions: Vec<TopicPartition>,
}

/// What `poll` has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// These tasks are yours: restore their state, then poll on; records start at the committed positions.
    Assigned(Vec<Task>),
    /// These tasks are taken away: commit what is finished and drop their state before the next poll.
    Revoked(Vec<Task>),
    /// Records, in order within each partition.
    Records(Vec<Record>),
    /// Nothing within the time given.
    Idle,
}

/// A task's state as bytes. Disposable: losing it costs time, never correctness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSnapshot {
    /// Version of the logic that wrote it; another version ignores it.
    pub version: String,
    /// The inputs that it covers.
    pub positions: Positions,
    /// The state.
    pub bytes: Vec<u8>,
}

/// What is committed together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Records to append.
    pub outputs: Vec<NewRecord>,
    /// Next offsets of the inputs that were used up.
    pub positions: Positions,
    /// State of tasks, by task number.
    pub snapshots: Vec<(u32, StateSnapshot)>,
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All of it is durable.
    Committed,
    /// Somebody else owns the slot or the task: drop state and leave. Nothing was written.
    Fenced,
    /// It may or may not have happened: join again, read the positions, learn what did.
    Unknown,
}

/// The log.
pub trait EventLog: Send + Sync {
    /// Creates topics that are missing; those that exist must have the same number of partitions.
    fn create_topics(&self, topics: &[TopicConfig]) -> Result<(), LogError>;
    /// Partitions of a topic.
    fn partitions(&self, topic: &str) -> Result<u32, LogError>;
    /// Joins a processor's group.
    fn join(&self, member: Member) -> Result<Box<dyn Slot>, LogError>;
    /// Appends records from outside any processor, atomically and durably.
    fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError>;
    /// Reads partitions from given offsets, without a group.
    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError>;
    /// First offset that is left and the offset after the last committed record.
    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError>;
    /// The first offset whose record was written after a time, in microseconds since the epoch by the writers' clocks; the end
    /// when there is none. Since clocks differ, earlier times may follow it. What a log writes of its own between records, such as
    /// the end of a transaction, may count with the time at which it did.
    fn first_after(&self, partition: &TopicPartition, micros: i64) -> Result<u64, LogError> {
        crate::search_by_time(self, partition, micros)
    }
    /// Committed positions of a processor.
    fn committed(&self, processor: &str) -> Result<Positions, LogError>;
    /// Latest snapshot of a task's state.
    fn snapshot(&self, processor: &str, task: u32) -> Result<Option<StateSnapshot>, LogError>;
    /// Removes every snapshot; changes nothing but the time a restart takes.
    fn delete_snapshots(&self) -> Result<(), LogError>;
    /// Removes records below an offset.
    fn trim(&self, partition: &TopicPartition, before: u64) -> Result<(), LogError>;
    /// Checks the structure beneath the records, where it is the adapter's own: damage there can hide a record.
    fn check(&self) -> Result<(), LogError>;
}

/// A member of a group; used by one thread. Dropping it leaves the group.
pub trait Slot: Send {
    /// Waits up to `timeout` for tasks or for at most `max_records` records; for none when that is 0, which keeps the
    /// membership of a slot that has no room.
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Polled, LogError>;
    /// Commits outputs, positions and snapshots as one.
    fn commit(&mut self, commit: Commit) -> Result<CommitOutcome, LogError>;
}

/// A reader without a group.
pub trait Tail: Send {
    /// Waits up to `timeout` for at most `max_records` records, in order within each partition; empty when there are none.
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError>;
}
