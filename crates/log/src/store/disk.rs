//! A store in one `redb` file. A batch is one write transaction, synced before it is acknowledged; a torn write is
//! rolled back by `redb` when the file is opened again. Every record carries its own checksum on top.
//!
//! A file that is opened for reading does not change by a byte.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Database, Durability, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableError, TransactionError, WriteTransaction,
};

/// Values with their checksums.
mod checked;
/// State of processors.
mod state;

use checked::{
    checked_bounds, decode_positions, encode_positions, explain, position_checksum, topic_checksum,
    with_bounds_checksum,
};
use state::{packed, unpacked};

use super::scrub::{Scrubbed, scrub};
use super::{Batch, StateSnapshotParts, Store, StoredTopic};
use crate::frame;
use crate::pack::Unpacker;
use crate::port::{LogError, Record, StateSnapshot, TopicPartition};

/// 2 may hold packed values, which a version that knows only 1 would take for damage.
const FORMAT: u64 = 2;
/// Pages that `redb` may keep in memory.
const CACHE_BYTES: usize = 24 << 20;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Name → (id, partitions, checksum over all three).
const TOPICS: TableDefinition<'_, &str, (u32, u32, u32)> = TableDefinition::new("topics");
/// (topic, partition, offset) → frame.
const RECORDS: TableDefinition<'_, (u32, u32, u64), &[u8]> = TableDefinition::new("records");
/// (topic, partition) → (start, end, checksum over all four).
const BOUNDS: TableDefinition<'_, (u32, u32), (u64, u64, u32)> = TableDefinition::new("bounds");
/// (processor, topic, partition) → (next offset, checksum over all four).
const POSITIONS: TableDefinition<'_, (&str, u32, u32), (u64, u32)> = TableDefinition::new("positions");
/// (processor, task) → (version, positions, state as `state.rs` packs it).
const SNAPSHOTS: TableDefinition<'_, (&str, u32), (&str, &[u8], &[u8])> = TableDefinition::new("snapshots");
/// Slot → epoch.
const EPOCHS: TableDefinition<'_, &str, u64> = TableDefinition::new("epochs");

/// Session → its random number. A session is the time for which a process has the file open for writing.
const SESSIONS: TableDefinition<'_, u64, (u64, u64)> = TableDefinition::new("sessions");

/// The store on disk.
pub(crate) struct DiskStore {
    database: File,
    path: PathBuf,
    /// The number of this session, or the last one of a file that is only read.
    session: Option<Session>,
}

/// What tells a session from all others.
type Session = (u64, u64);

/// The open file.
enum File {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

impl File {
    fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        match self {
            File::Writable(database) => database.begin_read(),
            File::ReadOnly(database) => database.begin_read(),
        }
    }

    fn begin_write(&self) -> Result<WriteTransaction, redb::Error> {
        match self {
            File::Writable(database) => Ok(database.begin_write()?),
            File::ReadOnly(_) => Err(std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem).into()),
        }
    }
}

impl DiskStore {
    /// Opens or creates the file; one process at a time.
    pub(crate) fn open(path: &Path) -> Result<DiskStore, LogError> {
        let database =
            gauntlet_redb_file::open_or_create(path, CACHE_BYTES).map_err(|error| explain(path, &error))?;
        let mut store =
            DiskStore { database: File::Writable(database), path: path.to_owned(), session: None };
        let (random, path) = (RandomState::new(), path.display().to_string());
        let session = (random.hash_one(0), random.hash_one(1));
        let found = store.guarded(|database| {
            let txn = database.begin_write()?;
            let found = {
                let mut meta = txn.open_table(META)?;
                let found = meta.get("format")?.map(|guard| guard.value());
                // What lies there stays as it is and is read as before.
                if found.is_none_or(|found| found < FORMAT) {
                    meta.insert("format", FORMAT)?;
                }
                found.unwrap_or(FORMAT)
            };
            txn.open_table(TOPICS)?;
            txn.open_table(RECORDS)?;
            txn.open_table(BOUNDS)?;
            txn.open_table(POSITIONS)?;
            txn.open_table(SNAPSHOTS)?;
            txn.open_table(EPOCHS)?;
            {
                let mut sessions = txn.open_table(SESSIONS)?;
                let next = sessions.last()?.map_or(0, |(last, _)| last.value() + 1);
                sessions.insert(next, session)?;
            }
            txn.commit()?;
            Ok(found)
        })?;
        if found > FORMAT {
            return Err(LogError::NewerFormat { path, found, known: FORMAT });
        }
        store.session = Some(session);
        Ok(store)
    }

    /// Opens a file that is there for reading alone.
    pub(crate) fn open_read_only(path: &Path) -> Result<DiskStore, LogError> {
        let database =
            gauntlet_redb_file::open_read_only(path, CACHE_BYTES).map_err(|error| explain(path, &error))?;
        let mut store =
            DiskStore { database: File::ReadOnly(database), path: path.to_owned(), session: None };
        let (found, session) = store.guarded(|database| {
            let txn = database.begin_read()?;
            let found = txn.open_table(META)?.get("format")?.map_or(FORMAT, |guard| guard.value());
            let session = match txn.open_table(SESSIONS) {
                Ok(sessions) => sessions.last()?.map(|(_, session)| session.value()),
                Err(TableError::TableDoesNotExist(_)) => None,
                Err(error) => return Err(error.into()),
            };
            Ok((found, session))
        })?;
        if found > FORMAT {
            let path = path.display().to_string();
            return Err(LogError::NewerFormat { path, found, known: FORMAT });
        }
        store.session = session;
        Ok(store)
    }

    /// Runs a piece of work on the database. `redb` panics on some damaged pages; a damaged file is an answer here, not
    /// the end of the process.
    fn guarded<T>(&self, work: impl FnOnce(&File) -> Result<T, redb::Error>) -> Result<T, LogError> {
        match gauntlet_redb_file::quietly(|| work(&self.database)) {
            Ok(result) => result.map_err(|error| explain(&self.path, &error)),
            Err(_) => Err(LogError::CorruptStore {
                path: self.path.display().to_string(),
                detail: "a page's structure cannot be read".into(),
            }),
        }
    }
}

impl Store for DiskStore {
    fn write(&self, batch: Batch) -> Result<(), LogError> {
        self.guarded(|database| {
            let mut txn = database.begin_write()?;
            txn.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
            {
                let mut records = txn.open_table(RECORDS)?;
                let mut bounds = txn.open_table(BOUNDS)?;
                for record in &batch.records {
                    let place = (record.topic, record.partition);
                    records
                        .insert((record.topic, record.partition, record.offset), record.bytes.as_slice())?;
                    let start = match bounds.get(place)? {
                        Some(guard) => checked_bounds(place, guard.value())?.0,
                        None => record.offset,
                    };
                    bounds.insert(place, with_bounds_checksum(place, start, record.offset + 1))?;
                }
                let mut positions = txn.open_table(POSITIONS)?;
                for (processor, topic, partition, offset) in &batch.positions {
                    let key = (processor.as_str(), *topic, *partition);
                    positions.insert(key, (*offset, position_checksum(key, *offset)))?;
                }
                let mut snapshots = txn.open_table(SNAPSHOTS)?;
                for (processor, task, snapshot) in &batch.snapshots {
                    let state = packed(&snapshot.bytes);
                    let covered = encode_positions(&snapshot.positions);
                    snapshots.insert(
                        (processor.as_str(), *task),
                        (snapshot.version.as_str(), covered.as_slice(), state.as_slice()),
                    )?;
                }
            }
            txn.commit()?;
            Ok(())
        })
    }

    fn add_topics(&self, topics: &[StoredTopic]) -> Result<(), LogError> {
        // What is only read has no records on them, whether they are noted or not.
        if matches!(self.database, File::ReadOnly(_)) {
            return Ok(());
        }
        self.guarded(|database| {
            let txn = database.begin_write()?;
            {
                let mut table = txn.open_table(TOPICS)?;
                for topic in topics {
                    table.insert(topic.name.as_str(), (topic.id, topic.partitions, topic_checksum(topic)))?;
                }
            }
            txn.commit()?;
            Ok(())
        })
    }

    fn topics(&self) -> Result<Vec<StoredTopic>, LogError> {
        self.guarded(|database| {
            let table = database.begin_read()?.open_table(TOPICS)?;
            let mut topics = Vec::new();
            for row in table.iter()? {
                let (name, value) = row?;
                let (id, partitions, checksum) = value.value();
                let topic = StoredTopic { name: name.value().to_owned(), id, partitions };
                if topic_checksum(&topic) != checksum {
                    let what =
                        format!("the entry of topic '{}' fails its checksum", topic.name.escape_debug());
                    return Err(redb::Error::Corrupted(what));
                }
                topics.push(topic);
            }
            Ok(topics)
        })
    }

    fn bounds(&self, topic: u32, partition: u32) -> Result<(u64, u64), LogError> {
        self.guarded(|database| {
            let txn = database.begin_read()?;
            if let Some(guard) = txn.open_table(BOUNDS)?.get((topic, partition))? {
                return checked_bounds((topic, partition), guard.value());
            }
            // Records without bounds would be written over.
            let records = txn.open_table(RECORDS)?;
            match records.range((topic, partition, 0)..=(topic, partition, u64::MAX))?.next() {
                None => Ok((0, 0)),
                Some(_) => {
                    let what = format!("the bounds of partition {partition} of topic {topic} are missing");
                    Err(redb::Error::Corrupted(what))
                }
            }
        })
    }

    fn read(
        &self,
        (topic, partition): (u32, &TopicPartition),
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, LogError> {
        let mut damage = None;
        let records = self.guarded(|database| {
            let table = database.begin_read()?.open_table(RECORDS)?;
            let range =
                table.range((topic, partition.partition, from)..=(topic, partition.partition, u64::MAX))?;
            let (mut records, mut bytes) = (Vec::new(), 0);
            let (place, mut unpacker) = (Arc::new(partition.clone()), Unpacker::default());
            for (row, expected) in range.zip(from..) {
                if records.len() >= max_records || bytes >= max_bytes {
                    break;
                }
                let (key, value) = row?;
                let (.., offset) = key.value();
                if offset != expected {
                    damage = Some((expected, "the record is missing"));
                    break;
                }
                match frame::decode(&place, offset, value.value(), &mut unpacker) {
                    Ok(record) => {
                        bytes += frame::size(&record);
                        records.push(record);
                    }
                    Err(detail) => {
                        damage = Some((offset, detail));
                        break;
                    }
                }
            }
            Ok(records)
        });
        let records = records.map_err(|error| match error {
            LogError::CorruptStore { detail, .. } => {
                LogError::Corrupt { partition: partition.clone(), offset: from, detail }
            }
            error => error,
        })?;
        match damage {
            // Good records before the damaged one are handed out first; the damage is met again at the next read.
            Some((offset, detail)) if records.is_empty() => {
                Err(LogError::Corrupt { partition: partition.clone(), offset, detail: detail.into() })
            }
            _ => Ok(records),
        }
    }

    fn positions(&self, processor: &str) -> Result<Vec<(u32, u32, u64)>, LogError> {
        self.guarded(|database| {
            let table = database.begin_read()?.open_table(POSITIONS)?;
            let mut positions = Vec::new();
            for row in table.range((processor, 0, 0)..=(processor, u32::MAX, u32::MAX))? {
                let (key, value) = row?;
                let (_, topic, partition) = key.value();
                let (offset, checksum) = value.value();
                if position_checksum(key.value(), offset) != checksum {
                    let what = format!(
                        "the position of {processor} in partition {partition} of topic {topic} fails its checksum"
                    );
                    return Err(redb::Error::Corrupted(what));
                }
                positions.push((topic, partition, offset));
            }
            Ok(positions)
        })
    }

    fn snapshot(
        &self,
        processor: &str,
        task: u32,
    ) -> Result<Option<(StateSnapshotParts, Vec<u8>)>, LogError> {
        self.guarded(|database| {
            let table = database.begin_read()?.open_table(SNAPSHOTS)?;
            let Some(row) = table.get((processor, task))? else { return Ok(None) };
            let (version, positions, state) = row.value();
            // A damaged snapshot is no snapshot: the fold gives the same state, later.
            let Some(state) = unpacked(state) else { return Ok(None) };
            let Some(positions) = decode_positions(positions) else { return Ok(None) };
            Ok(Some(((version.to_owned(), positions), state)))
        })
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        self.guarded(|database| {
            let txn = database.begin_write()?;
            txn.delete_table(SNAPSHOTS)?;
            txn.open_table(SNAPSHOTS)?;
            txn.commit()?;
            Ok(())
        })
    }

    fn trim(&self, topic: u32, partition: u32, before: u64) -> Result<(), LogError> {
        self.guarded(|database| {
            let txn = database.begin_write()?;
            {
                let mut bounds = txn.open_table(BOUNDS)?;
                let place = (topic, partition);
                let (start, end) = match bounds.get(place)? {
                    Some(guard) => checked_bounds(place, guard.value())?,
                    None => (0, 0),
                };
                let new_start = before.clamp(start, end);
                bounds.insert(place, with_bounds_checksum(place, new_start, end))?;
                let mut records = txn.open_table(RECORDS)?;
                records.retain_in((topic, partition, start)..(topic, partition, new_start), |_, _| false)?;
            }
            txn.commit()?;
            Ok(())
        })
    }

    fn check(&self) -> Result<(), LogError> {
        self.guarded(|database| {
            // Held without a change: the file stands still while its pages are read.
            let still = match database {
                File::Writable(_) => Some(database.begin_write()?),
                File::ReadOnly(_) => None,
            };
            let scrubbed = scrub(&self.path)?;
            still.map(WriteTransaction::abort).transpose()?;
            match scrubbed {
                Scrubbed::Clean => Ok(()),
                Scrubbed::Damaged(detail) => Err(redb::Error::Corrupted(detail)),
            }
        })
    }

    fn session(&self) -> Option<Session> {
        self.session
    }

    fn has_session(&self, session: Session) -> Result<bool, LogError> {
        self.guarded(|database| {
            let txn = database.begin_read()?;
            let sessions = match txn.open_table(SESSIONS) {
                Ok(sessions) => sessions,
                Err(TableError::TableDoesNotExist(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            // The newest first: mostly it is the last but one.
            for entry in sessions.iter()?.rev() {
                if entry?.1.value() == session {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn next_epoch(&self, slot: &str) -> Result<u64, LogError> {
        self.guarded(|database| {
            let txn = database.begin_write()?;
            let epoch = {
                let mut table = txn.open_table(EPOCHS)?;
                let epoch = table.get(slot)?.map_or(0, |guard| guard.value()) + 1;
                table.insert(slot, epoch)?;
                epoch
            };
            txn.commit()?;
            Ok(epoch)
        })
    }
}

impl From<(StateSnapshotParts, Vec<u8>)> for StateSnapshot {
    fn from(((version, positions), bytes): (StateSnapshotParts, Vec<u8>)) -> Self {
        StateSnapshot { version, positions, bytes }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Placed;
    use super::*;
    use crate::pack::Packer;
    use crate::port::NewRecord;

    /// A value that is packed today: numbers that go up.
    fn long_value(seed: u8) -> Vec<u8> {
        (0..5_000_u32).map(|i| (i / 50) as u8 & 0x7F ^ seed).collect()
    }

    fn record(value: Vec<u8>) -> NewRecord {
        let headers = vec![("ce_id".into(), b"1".to_vec())];
        NewRecord { topic: "t".into(), key: b"k".to_vec(), headers, value: Some(value), timestamp_micros: 7 }
    }

    /// The frame of a record as format 1 has it: the value as it is.
    fn plain_frame(value: &[u8]) -> Vec<u8> {
        let mut frame = frame::encode(&record(Vec::new()), &mut Packer::default());
        frame.truncate(frame.len() - 4);
        frame.extend_from_slice(&(value.len() as u32).to_le_bytes());
        frame.extend_from_slice(value);
        let checksum = crc32fast::hash(&frame[4..]);
        frame[..4].copy_from_slice(&checksum.to_le_bytes());
        frame
    }

    fn append(store: &DiskStore, offset: u64, bytes: Vec<u8>) {
        let records = vec![Placed { topic: 0, partition: 0, offset, bytes }];
        store.write(Batch { records, ..Batch::default() }).unwrap();
    }

    fn format(store: &DiskStore, set: Option<u64>) -> u64 {
        let found = store.guarded(|database| {
            let txn = database.begin_write()?;
            let mut meta = txn.open_table(META)?;
            if let Some(format) = set {
                meta.insert("format", format)?;
            }
            let found = meta.get("format")?.map(|guard| guard.value());
            drop(meta);
            txn.commit()?;
            Ok(found)
        });
        found.unwrap().unwrap()
    }

    #[test]
    fn a_file_of_an_earlier_format_is_read_and_goes_on_with_packed_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.redb");
        let store = DiskStore::open(&path).unwrap();
        store.add_topics(&[StoredTopic { name: "t".into(), id: 0, partitions: 1 }]).unwrap();
        append(&store, 0, plain_frame(&long_value(0)));
        assert_eq!(format(&store, Some(1)), 1);
        drop(store);
        let store = DiskStore::open(&path).unwrap();
        // An earlier version refuses the file from now on, and does not take what it holds for damage.
        assert_eq!(format(&store, None), 2);
        let frame = frame::encode(&record(long_value(1)), &mut Packer::default());
        assert!(frame.len() < 1_000, "{} bytes: it was not packed", frame.len());
        append(&store, 1, frame);
        append(&store, 2, plain_frame(&long_value(2)));
        let read = store.read((0, &TopicPartition::new("t", 0)), 0, 10, usize::MAX).unwrap();
        let values: Vec<_> = read.into_iter().map(|record| (record.offset, record.value.unwrap())).collect();
        let expected: Vec<_> = (0..3).map(|seed| (u64::from(seed), long_value(seed))).collect();
        assert!(values == expected);
    }

    #[test]
    fn a_file_of_a_later_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.redb");
        format(&DiskStore::open(&path).unwrap(), Some(FORMAT + 1));
        let error = DiskStore::open(&path).err().unwrap();
        assert!(matches!(error, LogError::NewerFormat { found: 3, known: 2, .. }), "{error}");
    }

    #[test]
    fn a_read_is_bounded_by_what_records_take_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let store = DiskStore::open(&dir.path().join("log.redb")).unwrap();
        let mut packer = Packer::default();
        (0..20).for_each(|i| append(&store, i, frame::encode(&record(long_value(0)), &mut packer)));
        let read = store.read((0, &TopicPartition::new("t", 0)), 0, 100, 20_000).unwrap();
        assert_eq!(read.len(), 4);
    }
}
