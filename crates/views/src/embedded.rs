//! The store in one `redb` file, or in memory: rows sorted by key, one tree a table, alone or in blocks
//! ([`schema::BLOCKS`](crate::schema::BLOCKS)).
//!
//! Beyond the port: a write is one transaction, synced before it is acknowledged, and every answer is of one moment
//! between two writes. One process at a time. A file made for other tables than these is emptied when it is opened;
//! there is no progress in it then, so projection fills it again.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

use crate::digest::{Digester, TableDigest};
use crate::long_text::WORDS;
use crate::packed::{self, Entry, Packer, Trouble};
use crate::port::{Progress, Row, Upsert, ViewError, ViewStore, check_key};
use crate::row_bytes::{self, Cell};
use crate::schema::{PROJECTION_PROGRESS, Table, VIEWS, embedded_tables};
use crate::temporary::{Unsynced, unnamed_file};
use crate::value::{self, Value};

/// What can go wrong.
mod failure;

use failure::{Failure, explain};

/// Changes with the bytes of keys and rows.
const FORMAT: u32 = 3;
/// Pages that `redb` may keep in memory; of a temporary file a quarter.
const CACHE_BYTES: usize = 32 << 20;

/// Rows whose writes may leave room free, and bytes of a file in which that is worth a moment and takes no longer.
const WORTH_ROWS: usize = 10_000;
const WORTH_BYTES: Range<u64> = 16 << 20..512 << 20;

/// What the file is: its format and tables.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("_meta");

/// The entry of the log's session.
const SESSION: &str = "session";

fn definition(table: &'static Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name)
}

/// Views in one file or in memory.
pub struct EmbeddedStore {
    database: Database,
    path: String,
    /// Whether anybody opens the file again.
    is_kept: bool,
    /// Rows that were written.
    written: AtomicUsize,
}

impl EmbeddedStore {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> Result<EmbeddedStore, ViewError> {
        EmbeddedStore::start(
            path.display().to_string(),
            true,
            gauntlet_redb_file::open_or_create(path, CACHE_BYTES),
        )
    }

    /// A store that is gone with the process.
    pub fn memory() -> Result<EmbeddedStore, ViewError> {
        EmbeddedStore::on(InMemoryBackend::new())
    }

    /// A store in a file of the system's folder for temporary files. The file has no name any more when this returns, so
    /// it is gone with the process, however that ends. What is written is not synced.
    pub fn temporary() -> Result<EmbeddedStore, ViewError> {
        let path = std::env::temp_dir();
        let failed = |error| explain(&path.display().to_string(), &redb::Error::Io(error));
        let file = unnamed_file(&path).map_err(failed)?;
        let opened = FileBackend::new(file).and_then(|file| {
            Database::builder().set_cache_size(CACHE_BYTES / 4).create_with_backend(Unsynced(file))
        });
        EmbeddedStore::start(path.display().to_string(), false, opened.map_err(redb::Error::from))
    }

    fn on(backend: impl StorageBackend) -> Result<EmbeddedStore, ViewError> {
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend);
        EmbeddedStore::start("memory".to_owned(), false, opened.map_err(redb::Error::from))
    }

    fn start(
        path: String,
        is_kept: bool,
        opened: Result<Database, redb::Error>,
    ) -> Result<EmbeddedStore, ViewError> {
        let database = opened.map_err(|error| explain(&path, &error))?;
        let store = EmbeddedStore { database, path, is_kept, written: AtomicUsize::new(0) };
        store.guarded(|database| {
            let wanted = fingerprint();
            let txn = database.begin_write()?;
            let old: Vec<_> = txn.list_tables()?.collect();
            let found = txn.open_table(META)?.get("tables")?.map(|guard| guard.value().to_owned());
            if found.is_none() && !old.is_empty() {
                let detail = "holds something else than views: choose another file";
                return Err(ViewError::Store(format!("{} {detail}", store.path)).into());
            }
            if found.as_ref() != Some(&wanted) {
                for table in old {
                    txn.delete_table(table)?;
                }
                txn.open_table(META)?.insert("tables", wanted.as_str())?;
                for table in embedded_tables() {
                    txn.open_table(definition(table))?;
                }
            }
            txn.commit()?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Runs a piece of work on the database. `redb` panics on some damaged pages; a damaged file is an answer here, not
    /// the end of the process.
    fn guarded<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, ViewError> {
        let answer = match gauntlet_redb_file::quietly(|| work(&self.database)) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::View(error))) => Err(error),
            Ok(Err(Failure::Redb(error))) => Err(explain(&self.path, &error)),
            Err(_) => Err(ViewError::CorruptStore {
                path: self.path.clone(),
                detail: "a page's structure cannot be read".into(),
            }),
        };
        if let Err(ViewError::Corrupt { .. } | ViewError::CorruptStore { .. }) = &answer
            && self.is_kept
        {
            // Who opens the file next need not find it out again. Without the note that happens, no more.
            let _ = std::fs::write(EmbeddedStore::damage_note(Path::new(&self.path)), b"");
        }
        answer
    }

    /// The file that is made beside the views in `path` when they prove damaged.
    pub fn damage_note(path: &Path) -> PathBuf {
        path.with_extension("damaged")
    }

    /// The session of the log up to which these views were made, as [`EmbeddedStore::note_session`] has noted it.
    pub fn session(&self) -> Result<Option<String>, ViewError> {
        self.guarded(|database| {
            let meta = database.begin_read()?.open_table(META)?;
            Ok(meta.get(SESSION)?.map(|guard| guard.value().to_owned()))
        })
    }

    /// Notes the session of the log from which these views are made from now on.
    pub fn note_session(&self, session: &str) -> Result<(), ViewError> {
        self.guarded(|database| {
            let txn = database.begin_write()?;
            txn.open_table(META)?.insert(SESSION, session)?;
            txn.commit()?;
            Ok(())
        })
    }

    /// A row from its bytes.
    fn read(&self, table: &'static Table, key: &[u8], bytes: &[u8]) -> Result<Row, ViewError> {
        let damaged = |detail| self.damaged(table, key, detail);
        let stored = row_bytes::decode(bytes).map_err(damaged)?;
        let mut cells = vec![Value::Null; table.stored().count()];
        for cell in stored {
            let place =
                cells.get_mut(usize::from(cell.column)).ok_or_else(|| damaged("it has a foreign column"))?;
            *place = cell.value;
        }
        let key = value::decode_key(table.key(), key).ok_or_else(|| damaged("its key cannot be read"))?;
        Ok(Row { table, key, cells })
    }

    fn damaged(&self, table: &'static Table, key: &[u8], detail: &'static str) -> ViewError {
        let key = match value::decode_key(table.key(), key) {
            Some(values) => format!("{values:?}"),
            None => format!("{key:02x?}"),
        };
        ViewError::Corrupt { table: table.name, key, detail, path: self.path.clone() }
    }

    /// Gives a visitor the rows whose keys begin with some values, in the order of their keys, until it has had enough.
    fn visit_from(
        &self,
        moment: &ReadTransaction,
        table: &'static Table,
        beginning: &[Value],
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let tree = moment.open_table(definition(table))?;
        if table.rows_per_block() > 1 {
            return packed::visit(&tree, table, beginning, visit)
                .map_err(|trouble| self.fail(table, trouble));
        }
        let mut prefix = Vec::new();
        value::encode_key(table.key(), beginning, &mut prefix);
        for entry in tree.range(prefix.as_slice()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(&prefix)
                || visit(self.read(table, key.value(), value.value())?).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// Up to `limit` rows whose keys begin with some values.
    fn collect(
        &self,
        table: &'static Table,
        beginning: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError> {
        let mut rows = Vec::new();
        if limit == Some(0) {
            return Ok(rows);
        }
        self.guarded(|database| {
            self.visit_from(&database.begin_read()?, table, beginning, &mut |row| {
                rows.push(row);
                if limit == Some(rows.len()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        })?;
        Ok(rows)
    }

    /// Writes rows of a table without blocks.
    fn write_alone(
        &self,
        tree: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
        table: &'static Table,
        rows: &[Entry],
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        for row in rows {
            row_bytes::encode(&row.cells, &mut bytes);
            // Most rows are new, so write first and look at what was there; most others are duplicates.
            let old =
                tree.insert(row.key_bytes.as_slice(), bytes.as_slice())?.map(|old| old.value().to_vec());
            let Some(old) = old.filter(|old| *old != bytes) else { continue };
            let mut cells =
                row_bytes::decode(&old).map_err(|detail| self.damaged(table, &row.key_bytes, detail))?;
            cells.extend_from_slice(&row.cells);
            row_bytes::settle(&mut cells);
            if cells != row.cells {
                row_bytes::encode(&cells, &mut bytes);
                tree.insert(row.key_bytes.as_slice(), bytes.as_slice())?;
            }
        }
        Ok(())
    }

    fn fail(&self, table: &'static Table, trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Storage(error) => error.into(),
            Trouble::Damaged(key, detail) => self.damaged(table, &key, detail).into(),
            Trouble::Compressor(error) => ViewError::Store(format!("{}: {error}", self.path)).into(),
        }
    }
}

impl ViewStore for EmbeddedStore {
    fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError> {
        let positions: Vec<Upsert> = progress.iter().map(Progress::upsert).collect();
        let batch = prepare(upserts.iter().chain(&positions))?;
        if batch.is_empty() {
            return Ok(());
        }
        self.written.fetch_add(batch.iter().map(|(_, rows)| rows.len()).sum(), Ordering::Relaxed);
        self.guarded(|database| {
            let txn = database.begin_write()?;
            let mut packer = Packer::default();
            // Each tree is opened once and filled from left to right.
            for (table, rows) in &batch {
                let mut tree = txn.open_table(definition(table))?;
                if table.rows_per_block() > 1 {
                    packed::write(&mut tree, table, rows, &mut packer)
                        .map_err(|trouble| self.fail(table, trouble))?;
                } else {
                    self.write_alone(&mut tree, table, rows)?;
                }
            }
            txn.commit()?;
            Ok(())
        })
    }

    fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
        check_key(table, table.key(), table.key_len(), key)?;
        Ok(self.collect(table, key, Some(1))?.pop())
    }

    fn partition(
        &self,
        table: &'static Table,
        partition_key: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError> {
        check_key(table, table.partition_key.iter(), table.partition_key.len(), partition_key)?;
        self.collect(table, partition_key, limit)
    }

    fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
        self.collect(table, &[], limit)
    }

    fn visit(
        &self,
        table: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        self.guarded(|database| self.visit_from(&database.begin_read()?, table, &[], visit))
    }

    fn visits_in_order(&self) -> bool {
        true
    }

    fn progress(&self) -> Result<Vec<Progress>, ViewError> {
        Ok(self.scan(&PROJECTION_PROGRESS, None)?.iter().filter_map(Progress::from_row).collect())
    }

    fn clear(&self) -> Result<(), ViewError> {
        self.guarded(|database| {
            let txn = database.begin_write()?;
            for table in embedded_tables() {
                txn.delete_table(definition(table))?;
                txn.open_table(definition(table))?;
            }
            txn.commit()?;
            Ok(())
        })
    }

    fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        self.guarded(|database| {
            let moment = database.begin_read()?;
            let mut digests = BTreeMap::new();
            for &table in VIEWS {
                let mut digester = Digester::new(table);
                self.visit_from(&moment, table, &[], &mut |row| {
                    digester.add(&row);
                    ControlFlow::Continue(())
                })?;
                digests.insert(table.name, digester.finish());
            }
            Ok(digests)
        })
    }
}

impl Drop for EmbeddedStore {
    /// Gives room back that many writes have left free in the file, where that takes a moment and is worth it. What fails here
    /// is found by whoever opens the file next.
    fn drop(&mut self) {
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let many = *self.written.get_mut() >= WORTH_ROWS;
        if !(self.is_kept && many && WORTH_BYTES.contains(&bytes)) {
            return;
        }
        let database = &mut self.database;
        let _ = gauntlet_redb_file::quietly(|| {
            let taken = database.begin_write().ok()?.stats().ok()?;
            let used = taken.allocated_pages() * taken.page_size() as u64;
            (used * 4 < bytes * 3).then(|| database.compact().ok())?
        });
    }
}

/// Checks upserts, sorts them by table and key and makes one of those with the same key.
fn prepare<'a>(
    upserts: impl Iterator<Item = &'a Upsert>,
) -> Result<Vec<(&'static Table, Vec<Entry>)>, ViewError> {
    let mut batch: BTreeMap<usize, (&'static Table, Vec<Entry>)> = BTreeMap::new();
    for upsert in upserts {
        upsert.check()?;
        let table = upsert.table;
        let place = embedded_tables().position(|known| std::ptr::eq(known, table)).ok_or_else(|| {
            ViewError::Invalid {
                table: table.name,
                detail: "it is not one of schema::embedded_tables".into(),
            }
        })?;
        let mut key_bytes = Vec::with_capacity(64);
        value::encode_key(table.key(), &upsert.key, &mut key_bytes);
        let cell = |(name, value): &(&'static str, Value)| {
            let column = table.column(name)? as u8;
            Some(Cell { column, stamp: upsert.stamp, value: value.clone() })
        };
        let mut cells = upsert.cells.iter().filter_map(cell).collect();
        row_bytes::settle(&mut cells);
        // A row that lies alone needs its key as bytes only.
        let key = if table.rows_per_block() > 1 { upsert.key.clone() } else { Vec::new() };
        let entry = Entry { key, key_bytes, cells };
        batch.entry(place).or_insert((table, Vec::new())).1.push(entry);
    }
    for (_, rows) in batch.values_mut() {
        rows.sort_by(|a, b| a.key_bytes.cmp(&b.key_bytes));
        rows.dedup_by(|later, kept| {
            let same = later.key_bytes == kept.key_bytes;
            if same {
                kept.cells.append(&mut later.cells);
                row_bytes::settle(&mut kept.cells);
            }
            same
        });
    }
    Ok(batch.into_values().collect())
}

/// Format and tables as text.
fn fingerprint() -> String {
    // Texts are read with the dictionary that they were written with.
    let mut text = format!("format {FORMAT}, words {:08x}\n", crc32fast::hash(WORDS));
    for table in embedded_tables() {
        let Table { name, partition_key, clustering, .. } = table;
        let columns: Vec<_> = table.stored().collect();
        let lie = if table.rows_per_block() > 1 { "in blocks" } else { "alone" };
        text += &format!("{name} {partition_key:?} {clustering:?} {columns:?} {lie}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;
    use crate::schema::EQUITY_CURVES;

    /// A disk with room for so many bytes.
    #[derive(Debug)]
    struct SmallDisk(InMemoryBackend, u64);

    impl StorageBackend for SmallDisk {
        fn len(&self) -> Result<u64, Error> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> Result<(), Error> {
            if len > self.1 { Err(ErrorKind::StorageFull.into()) } else { self.0.set_len(len) }
        }
        fn sync_data(&self) -> Result<(), Error> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
            self.0.write(offset, data)
        }
    }

    #[test]
    fn a_full_disk_says_so_and_keeps_what_was_acknowledged() {
        let store = EmbeddedStore::on(SmallDisk(InMemoryBackend::new(), 3 << 20)).unwrap();
        let mut written = 0;
        let error = loop {
            let point = |i| {
                let key = vec!["r".into(), Value::Timestamp(i)];
                // Numbers that do not compress.
                let number = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2;
                Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", f64::from_bits(number))
            };
            let batch: Vec<_> = (written..written + 1_000).map(point).collect();
            match store.write(&batch, &[]) {
                Ok(()) => written += 1_000,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ViewError::DiskFull { .. }) && !error.retry(), "{error}");
        assert!(written > 0);
        let rows = store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap();
        assert_eq!(rows.len() as i64, written);
    }
}
