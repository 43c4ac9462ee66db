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

/// What helps against a [`LogError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same call may succeed later, without anybody's doing.
    Retry,
    /// Something around the process has to change: room, rights, limits, another process, a service's answer.
    Environment,
    /// The configuration or the command has to change.
    Configuration,
    /// What was kept is damaged or gone: bring it back from a copy, or act as the message says.
    Restore,
    /// The caller has lost its place: drop state and leave.
    Leave,
    /// A mistake in the program: report it.
    Report,
}

/// Why the log could not answer; [`LogError::remedy`] says what helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another process has the directory open.
    #[error("{path} is in use by another process: stop it, or choose another directory with --dir")]
    InUse {
        /// The file.
        path: String,
    },
    /// No room.
    #[error(
        "no space left on the disk that holds {path}: free some and start again, nothing that was acknowledged is lost"
    )]
    DiskFull {
        /// The file.
        path: String,
    },
    /// A record that fails its checksum, or a hole in the offsets.
    #[error(
        "{partition} is damaged at offset {offset}: {detail}; restore the directory from a copy, nothing was skipped"
    )]
    Corrupt {
        /// Where.
        partition: TopicPartition,
        /// At which record.
        offset: u64,
        /// What is wrong.
        detail: String,
    },
    /// The store as a whole is damaged.
    #[error(
        "the log file {path} is damaged: {detail}; restore the directory from a copy, nothing was skipped"
    )]
    CorruptStore {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A position that retention has already removed.
    #[error(
        "{partition} starts at offset {start}, but {asked} was to be read: retention removed input before it was read"
    )]
    OutOfRange {
        /// Where.
        partition: TopicPartition,
        /// First offset that is left.
        start: u64,
        /// Offset asked for.
        asked: u64,
    },
    /// A topic that was never created.
    #[error("there is no topic {topic}: create the topics first")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// A topic that exists with another number of partitions.
    #[error(
        "topic {topic} has {found} partitions, the configuration asks for {wanted}: partitions of a topic cannot change, use another directory or set topics.partitions to {found}"
    )]
    PartitionsDiffer {
        /// Its name.
        topic: String,
        /// Partitions that it has.
        found: u32,
        /// Partitions asked for.
        wanted: u32,
    },
    /// A topic that exists with another setting.
    #[error(
        "topic {topic} has {setting}={found}, it must be {wanted}: change it with the broker's tools, or let gauntlet topics apply create the topic"
    )]
    SettingDiffers {
        /// Its name.
        topic: String,
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value that it must have.
        wanted: String,
    },
    /// A log behind a network does not answer.
    #[error("{at} does not answer: {detail}")]
    Unavailable {
        /// Which, where.
        at: String,
        /// What was tried, what was said, what to do.
        detail: String,
    },
    /// State that covers more than was committed: both are written as one, so somebody has changed the positions.
    #[error(
        "{processor} has committed {partition} up to {committed}, but its state covers it up to {covered}: committed offsets have expired or were reset; set them to {covered} again (kafka-consumer-groups.sh --reset-offsets --to-offset), nothing was read twice"
    )]
    PositionsBehind {
        /// The processor.
        processor: String,
        /// The input.
        partition: TopicPartition,
        /// Its committed position.
        committed: u64,
        /// The position that the state covers.
        covered: u64,
    },
    /// The slot belongs to somebody else now.
    #[error("{processor} slot {slot} was taken over by another member")]
    Fenced {
        /// The processor.
        processor: String,
        /// The slot.
        slot: u32,
    },
    /// The directory was made by a newer version.
    #[error("{path} has format {found}, this build reads up to {known}: use a newer build")]
    NewerFormat {
        /// The file.
        path: String,
        /// Format found.
        found: u64,
        /// Newest format known.
        known: u64,
    },
    /// A record that cannot be read yet, because what it takes to read it does not answer.
    #[error("{partition} offset {offset}: {detail}; nothing was left out, do it again then")]
    Undecided {
        /// Where.
        partition: TopicPartition,
        /// Which record.
        offset: u64,
        /// What does not answer.
        detail: String,
    },
    /// The operating system refuses a file or a thread.
    #[error("{at}: {detail}: check permissions, limits and the disk, then start again")]
    Io {
        /// What was asked for.
        at: String,
        /// What the system said.
        detail: String,
    },
    /// A service was reached and said no.
    #[error("{at}: {detail}")]
    Refused {
        /// Which, where.
        at: String,
        /// What was tried, what was said, what to do.
        detail: String,
    },
    /// Settings that cannot be used.
    #[error("{detail}")]
    Settings {
        /// Which, and what to write.
        detail: String,
    },
    /// The log was closed, or the thread that writes it has ended. Whether the last append happened is not known.
    #[error("the log is closed: start again, everything acknowledged is kept")]
    Closed,
    /// A mistake in the program.
    #[error("a mistake in the program, please report it: {detail}")]
    Invariant {
        /// What should not have happened.
        detail: String,
    },
}

impl LogError {
    /// What helps.
    pub fn remedy(&self) -> Remedy {
        match self {
            LogError::Unavailable { .. } | LogError::Undecided { .. } => Remedy::Retry,
            LogError::InUse { .. }
            | LogError::DiskFull { .. }
            | LogError::UnknownTopic { .. }
            | LogError::Io { .. }
            | LogError::Refused { .. } => Remedy::Environment,
            LogError::PartitionsDiffer { .. }
            | LogError::SettingDiffers { .. }
            | LogError::NewerFormat { .. }
            | LogError::Settings { .. } => Remedy::Configuration,
            LogError::Corrupt { .. }
            | LogError::CorruptStore { .. }
            | LogError::OutOfRange { .. }
            | LogError::PositionsBehind { .. } => Remedy::Restore,
            LogError::Fenced { .. } | LogError::Closed => Remedy::Leave,
            LogError::Invariant { .. } => Remedy::Report,
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub fn retry_helps(&self) -> bool {
        self.remedy() == Remedy::Retry
    }

    /// A thread that the system does not give.
    pub fn no_thread(error: &std::io::Error) -> LogError {
        LogError::Io { at: "a thread".into(), detail: error.to_string() }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_helps() {
        let text = || "x".to_owned();
        let silent = LogError::Unavailable { at: text(), detail: text() };
        let place = TopicPartition::new("t", 0);
        let undecided = LogError::Undecided { partition: place.clone(), offset: 1, detail: text() };
        assert!(silent.retry_helps() && undecided.retry_helps());
        for (error, remedy) in [
            (LogError::DiskFull { path: text() }, Remedy::Environment),
            (LogError::Io { at: text(), detail: text() }, Remedy::Environment),
            (LogError::Refused { at: text(), detail: text() }, Remedy::Environment),
            (LogError::Settings { detail: text() }, Remedy::Configuration),
            (LogError::Corrupt { partition: place, offset: 1, detail: text() }, Remedy::Restore),
            (LogError::Fenced { processor: text(), slot: 0 }, Remedy::Leave),
            (LogError::Closed, Remedy::Leave),
            (LogError::Invariant { detail: text() }, Remedy::Report),
        ] {
            assert_eq!(error.remedy(), remedy, "{error}");
            assert!(!error.retry_helps(), "{error}");
        }
    }
}
