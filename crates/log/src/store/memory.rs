//! A store in memory, for tests and for what need not last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Batch, StateSnapshotParts, Store, StoredTopic};
use crate::frame;
use crate::pack::Unpacker;
use crate::port::{LogError, Record, StateSnapshot, TopicPartition};

/// Records and bookkeeping in maps.
#[derive(Default)]
pub(crate) struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    topics: Vec<StoredTopic>,
    /// Start of the partition and its records' bytes.
    partitions: BTreeMap<(u32, u32), (u64, Vec<Vec<u8>>)>,
    positions: BTreeMap<(String, u32, u32), u64>,
    snapshots: BTreeMap<(String, u32), StateSnapshot>,
    epochs: BTreeMap<String, u64>,
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave a half-applied batch visible: applying does not panic.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn write(&self, batch: Batch) -> Result<(), LogError> {
        let mut state = self.state();
        for record in batch.records {
            state.partitions.entry((record.topic, record.partition)).or_default().1.push(record.bytes);
        }
        for (processor, topic, partition, offset) in batch.positions {
            state.positions.insert((processor, topic, partition), offset);
        }
        for (processor, task, snapshot) in batch.snapshots {
            state.snapshots.insert((processor, task), snapshot);
        }
        Ok(())
    }

    fn add_topics(&self, topics: &[StoredTopic]) -> Result<(), LogError> {
        self.state().topics.extend_from_slice(topics);
        Ok(())
    }

    fn topics(&self) -> Result<Vec<StoredTopic>, LogError> {
        Ok(self.state().topics.clone())
    }

    fn bounds(&self, topic: u32, partition: u32) -> Result<(u64, u64), LogError> {
        let state = self.state();
        let Some((start, records)) = state.partitions.get(&(topic, partition)) else { return Ok((0, 0)) };
        Ok((*start, start + records.len() as u64))
    }

    fn read(
        &self,
        (topic, partition): (u32, &TopicPartition),
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, LogError> {
        let state = self.state();
        let Some((start, records)) = state.partitions.get(&(topic, partition.partition)) else {
            return Ok(Vec::new());
        };
        let (mut read, mut bytes) = (Vec::new(), 0);
        let (place, mut unpacker) = (Arc::new(partition.clone()), Unpacker::default());
        for (stored, offset) in records.iter().skip((from - start) as usize).zip(from..) {
            if read.len() >= max_records || bytes >= max_bytes {
                break;
            }
            let record = frame::decode(&place, offset, stored, &mut unpacker).map_err(|detail| {
                LogError::Corrupt { partition: partition.clone(), offset, detail: detail.into() }
            })?;
            bytes += frame::size(&record);
            read.push(record);
        }
        Ok(read)
    }

    fn positions(&self, processor: &str) -> Result<Vec<(u32, u32, u64)>, LogError> {
        let state = self.state();
        let of = state.positions.iter().filter(|((name, ..), _)| name == processor);
        Ok(of.map(|((_, topic, partition), offset)| (*topic, *partition, *offset)).collect())
    }

    fn snapshot(
        &self,
        processor: &str,
        task: u32,
    ) -> Result<Option<(StateSnapshotParts, Vec<u8>)>, LogError> {
        let state = self.state();
        let snapshot = state.snapshots.get(&(processor.to_owned(), task));
        Ok(snapshot.map(|s| ((s.version.clone(), s.positions.clone()), s.bytes.clone())))
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        self.state().snapshots.clear();
        Ok(())
    }

    fn trim(&self, topic: u32, partition: u32, before: u64) -> Result<(), LogError> {
        let mut state = self.state();
        let (start, records) = state.partitions.entry((topic, partition)).or_default();
        let removed = before.saturating_sub(*start).min(records.len() as u64);
        records.drain(..removed as usize);
        *start += removed;
        Ok(())
    }

    fn check(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn next_epoch(&self, slot: &str) -> Result<u64, LogError> {
        let mut state = self.state();
        let epoch = state.epochs.entry(slot.to_owned()).or_default();
        *epoch += 1;
        Ok(*epoch)
    }
}
