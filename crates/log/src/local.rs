//! The log of one machine: a coordinator for the groups and the one writer, over a store.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use crate::coordinator::{Change, Coordinator};
use crate::frame;
use crate::port::{
    Commit, CommitOutcome, EventLog, LogError, Member, NewRecord, Polled, Positions, Record, Slot,
    StateSnapshot, Tail, TopicConfig, TopicPartition,
};
use crate::store::disk::DiskStore;
use crate::store::memory::MemoryStore;
use crate::store::{Store, StoredTopic};
use crate::writer::{Request, write_commits};

/// Commits that may wait for the writer; a full queue holds its senders back.
const QUEUE: usize = 256;
/// Bytes that one poll returns at most, from all partitions together, give or take one record.
const POLL_BYTES: usize = 2 << 20;

/// The embedded log.
pub struct LocalLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    pub(crate) store: Box<dyn Store>,
    topics: Mutex<HashMap<String, StoredTopic>>,
    /// Read-locked by polls and by the writer until its batch is durable; write-locked to change membership.
    pub(crate) coordinator: RwLock<Coordinator>,
    /// Counts durable writes and changes of membership; readers wait for it to move.
    version: Mutex<u64>,
    moved: Condvar,
    commits: Mutex<Option<Sender<Request>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Data behind these locks is replaced whole, never left half-changed by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalLog {
    /// A log in memory.
    pub fn in_memory() -> Result<LocalLog, LogError> {
        LocalLog::over(Box::new(MemoryStore::default()))
    }

    /// The log in one file, created when it is not there.
    pub fn open(path: &Path) -> Result<LocalLog, LogError> {
        LocalLog::over(Box::new(DiskStore::open(path)?))
    }

    /// The log in a file that is there, for reading: the file does not change by a byte, and several processes may do so.
    pub fn open_read_only(path: &Path) -> Result<LocalLog, LogError> {
        LocalLog::over(Box::new(DiskStore::open_read_only(path)?))
    }

    /// What tells the time for which this process has the log open from all other times of this and other logs: 128 random
    /// bits as hexadecimal digits. Of a log that is only read it is the last time at which it was written; `None` in
    /// memory, and for a file that no version that knows sessions has written.
    pub fn session(&self) -> Option<String> {
        self.shared.store.session().map(|(high, low)| format!("{high:016x}{low:016x}"))
    }

    /// Whether this log was open for writing then. A log that was restored from a copy does not know what came after it.
    pub fn has_session(&self, session: &str) -> Result<bool, LogError> {
        let Some((high, low)) = session.split_at_checked(16) else { return Ok(false) };
        match (u64::from_str_radix(high, 16), u64::from_str_radix(low, 16)) {
            (Ok(high), Ok(low)) => self.shared.store.has_session((high, low)),
            _ => Ok(false),
        }
    }

    fn over(store: Box<dyn Store>) -> Result<LocalLog, LogError> {
        let topics = store.topics()?.into_iter().map(|topic| (topic.name.clone(), topic)).collect();
        let (sender, receiver) = bounded(QUEUE);
        let shared = Arc::new(Shared {
            store,
            topics: Mutex::new(topics),
            coordinator: RwLock::default(),
            version: Mutex::new(0),
            moved: Condvar::new(),
            commits: Mutex::new(Some(sender)),
        });
        let writer = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn({
                let shared = shared.clone();
                move || write_commits(&shared, &receiver)
            })
            .map_err(|error| LogError::no_thread(&error))?;
        Ok(LocalLog { shared, writer: Some(writer) })
    }
}

impl Drop for LocalLog {
    /// Waits for the commits that are under way.
    fn drop(&mut self) {
        lock(&self.shared.commits).take();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has already answered its callers with an error.
            let _ = writer.join();
        }
    }
}

impl Shared {
    pub(crate) fn topic(&self, name: &str) -> Result<StoredTopic, LogError> {
        lock(&self.topics).get(name).cloned().ok_or_else(|| LogError::UnknownTopic { topic: name.to_owned() })
    }

    fn membership(&self) -> RwLockWriteGuard<'_, Coordinator> {
        self.coordinator.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announce(&self) {
        *lock(&self.version) += 1;
        self.moved.notify_all();
    }

    /// Waits until something moved since `seen` or time is up; gives the new version.
    fn wait(&self, seen: u64, until: Instant) -> u64 {
        let mut version = lock(&self.version);
        while *version == seen {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                break;
            };
            (version, _) = self.moved.wait_timeout(version, left).unwrap_or_else(PoisonError::into_inner);
        }
        *version
    }

    fn version(&self) -> u64 {
        *lock(&self.version)
    }

    fn submit(&self, member: Option<(String, u32, u64)>, commit: Commit) -> Result<CommitOutcome, LogError> {
        let (answer, answered) = bounded(1);
        let sender = lock(&self.commits).clone().ok_or(LogError::Closed)?;
        sender.send(Request { member, commit, answer }).map_err(|_| LogError::Closed)?;
        drop(sender);
        answered.recv().unwrap_or(Ok(CommitOutcome::Unknown))
    }

    /// Reads whatever is there from `next` on, partition by partition, and moves `next` forward.
    fn read(
        &self,
        next: &mut [(u32, TopicPartition, u64)],
        max_records: usize,
    ) -> Result<Vec<Record>, LogError> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        for (topic, partition, offset) in next.iter_mut() {
            let left = max_records.saturating_sub(records.len());
            if left == 0 || bytes >= POLL_BYTES {
                break;
            }
            let (start, end) = self.store.bounds(*topic, partition.partition)?;
            if *offset < start {
                return Err(LogError::OutOfRange { partition: partition.clone(), start, asked: *offset });
            }
            if *offset >= end {
                continue;
            }
            let read = self.store.read((*topic, partition), *offset, left, POLL_BYTES - bytes)?;
            if read.is_empty() {
                let detail = format!("the record is missing, the partition ends at {end}");
                return Err(LogError::Corrupt { partition: partition.clone(), offset: *offset, detail });
            }
            *offset += read.len() as u64;
            bytes += read.iter().map(frame::size).sum::<usize>();
            records.extend(read);
        }
        // The next read begins with another partition, so that a busy one does not starve the others.
        if !records.is_empty() && next.len() > 1 {
            next.rotate_left(1);
        }
        Ok(records)
    }
}

impl EventLog for LocalLog {
    fn create_topics(&self, wanted: &[TopicConfig]) -> Result<(), LogError> {
        let mut topics = lock(&self.shared.topics);
        let mut next_id = topics.values().map(|topic| topic.id + 1).max().unwrap_or(0);
        let mut new = Vec::new();
        for topic in wanted {
            match topics.get(&topic.name) {
                Some(found) if found.partitions != topic.partitions => {
                    return Err(LogError::PartitionsDiffer {
                        topic: topic.name.clone(),
                        found: found.partitions,
                        wanted: topic.partitions,
                    });
                }
                Some(_) => {}
                None => {
                    new.push(StoredTopic {
                        name: topic.name.clone(),
                        id: next_id,
                        partitions: topic.partitions,
                    });
                    next_id += 1;
                }
            }
        }
        if !new.is_empty() {
            self.shared.store.add_topics(&new)?;
            topics.extend(new.into_iter().map(|topic| (topic.name.clone(), topic)));
        }
        Ok(())
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        Ok(self.shared.topic(topic)?.partitions)
    }

    fn join(&self, member: Member) -> Result<Box<dyn Slot>, LogError> {
        let mut partitions = BTreeMap::new();
        for topic in &member.topics {
            partitions.insert(topic.clone(), self.partitions(topic)?);
        }
        let epoch = self.shared.store.next_epoch(&format!("{}.{}", member.processor, member.slot))?;
        self.shared.membership().join(&member, epoch, &partitions);
        self.shared.announce();
        Ok(Box::new(LocalSlot { shared: self.shared.clone(), member, epoch, next: Vec::new() }))
    }

    fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError> {
        match self.shared.submit(None, Commit { outputs: records, ..Commit::default() })? {
            CommitOutcome::Committed => Ok(()),
            // Nobody owns an append, so only a writer that has ended leaves one without an answer.
            CommitOutcome::Fenced | CommitOutcome::Unknown => Err(LogError::Closed),
        }
    }

    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError> {
        let mut next = Vec::with_capacity(from.len());
        for (partition, offset) in from {
            next.push((self.shared.topic(&partition.topic)?.id, partition.clone(), *offset));
        }
        Ok(Box::new(LocalTail { shared: self.shared.clone(), next }))
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.shared.store.bounds(self.shared.topic(&partition.topic)?.id, partition.partition)
    }

    fn committed(&self, processor: &str) -> Result<Positions, LogError> {
        let names: HashMap<u32, String> =
            lock(&self.shared.topics).values().map(|topic| (topic.id, topic.name.clone())).collect();
        let stored = self.shared.store.positions(processor)?;
        Ok(stored
            .into_iter()
            .filter_map(|(topic, partition, offset)| {
                Some((TopicPartition::new(names.get(&topic)?, partition), offset))
            })
            .collect())
    }

    fn snapshot(&self, processor: &str, task: u32) -> Result<Option<StateSnapshot>, LogError> {
        Ok(self.shared.store.snapshot(processor, task)?.map(StateSnapshot::from))
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        self.shared.store.delete_snapshots()
    }

    fn trim(&self, partition: &TopicPartition, before: u64) -> Result<(), LogError> {
        self.shared.store.trim(self.shared.topic(&partition.topic)?.id, partition.partition, before)
    }

    fn check(&self) -> Result<(), LogError> {
        self.shared.store.check()
    }
}

/// A member of a group.
struct LocalSlot {
    shared: Arc<Shared>,
    member: Member,
    epoch: u64,
    /// Topic id, partition and next offset of everything assigned.
    next: Vec<(u32, TopicPartition, u64)>,
}

impl LocalSlot {
    /// Takes up the committed positions of new tasks; a partition never read before starts at its beginning.
    fn start_reading(&mut self, partitions: impl Iterator<Item = TopicPartition>) -> Result<(), LogError> {
        let stored = self.shared.store.positions(&self.member.processor)?;
        for partition in partitions {
            let topic = self.shared.topic(&partition.topic)?.id;
            let committed =
                stored.iter().find(|(id, number, _)| (*id, *number) == (topic, partition.partition));
            let offset = committed.map_or(0, |(.., offset)| *offset);
            self.next.push((topic, partition, offset));
        }
        Ok(())
    }
}

impl LocalSlot {
    fn next_change(&self) -> Change {
        let Member { processor, slot, .. } = &self.member;
        let coordinator = self.shared.coordinator.read().unwrap_or_else(PoisonError::into_inner);
        if coordinator.is_settled(processor, *slot, self.epoch) {
            return Change::None;
        }
        drop(coordinator);
        self.shared.membership().next_change(processor, *slot, self.epoch)
    }
}

impl Slot for LocalSlot {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Polled, LogError> {
        let until = Instant::now() + timeout;
        loop {
            let seen = self.shared.version();
            match self.next_change() {
                Change::Fenced => {
                    let Member { processor, slot, .. } = &self.member;
                    return Err(LogError::Fenced { processor: processor.clone(), slot: *slot });
                }
                Change::Revoked(tasks) => {
                    self.next.retain(|(_, p, _)| !tasks.iter().any(|task| task.partitions.contains(p)));
                    return Ok(Polled::Revoked(tasks));
                }
                Change::Assigned(tasks) => {
                    self.start_reading(tasks.iter().flat_map(|task| task.partitions.iter().cloned()))?;
                    return Ok(Polled::Assigned(tasks));
                }
                Change::None => {}
            }
            let records = self.shared.read(&mut self.next, max_records)?;
            if !records.is_empty() {
                return Ok(Polled::Records(records));
            }
            if self.shared.wait(seen, until) == seen {
                return Ok(Polled::Idle);
            }
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<CommitOutcome, LogError> {
        self.shared.submit(Some((self.member.processor.clone(), self.member.slot, self.epoch)), commit)
    }
}

impl Drop for LocalSlot {
    fn drop(&mut self) {
        self.shared.membership().leave(&self.member.processor, self.member.slot, self.epoch);
        self.shared.announce();
    }
}

/// A reader without a group.
struct LocalTail {
    shared: Arc<Shared>,
    next: Vec<(u32, TopicPartition, u64)>,
}

impl Tail for LocalTail {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        let until = Instant::now() + timeout;
        loop {
            let seen = self.shared.version();
            let records = self.shared.read(&mut self.next, max_records)?;
            if !records.is_empty() || self.shared.wait(seen, until) == seen {
                return Ok(records);
            }
        }
    }
}
