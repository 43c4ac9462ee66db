//! The port. An adapter promises exactly this, and nothing here is beyond CQL:
//!
//! 1. **Upserts only.** Writing a row makes it exist and sets the cells named; nothing is deleted, read before it is
//!    written, or counted. A null takes a cell's value back.
//! 2. **Last write wins, cell by cell**, by the event's stamp (`USING TIMESTAMP`): the higher stamp stays; at equal stamps
//!    the value by `Value::cmp_at_equal_stamps`. So writes are idempotent, and replays, duplicates and any order or
//!    batching of the same upserts end in the same rows.
//! 3. **Durable** when `write` answers `Ok`. After an error any part of the batch may have been written; writing it again
//!    is always right. An upsert that does not fit its table is refused before anything is written.
//! 4. **Progress is never ahead of rows**: whoever reads an offset sees the rows of everything before it. The embedded
//!    store writes both as one; on CQL rows come first, then progress. It never goes back, except by `clear`.
//! 5. **Whole rows**: a reader sees all cells of an upsert or none. Between rows nothing is promised.
//! 6. **Order**: a partition comes in clustering order; a scan comes in any order.
//! 7. **Digest**: equal for equal rows, whatever the store, the order of writes and the wall clock said.
//!
//! Everything blocks; a store is shared between threads.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::digest::TableDigest;
use crate::schema::{Column, Table};
use crate::value::Value;

/// A row's cells as one event gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upsert {
    /// Into which table.
    pub table: &'static Table,
    /// The key: partition key, then clustering columns. No nulls.
    pub key: Vec<Value>,
    /// Cells by column name; columns that are not named stay as they are.
    pub cells: Vec<(&'static str, Value)>,
    /// The write's place in time, derived from the event and not from a clock; at least 0. Counting from 1 is best:
    /// CQL reads it as microseconds since the epoch, and ScyllaDB refuses what lies in the future.
    pub stamp: i64,
}

impl Upsert {
    /// A row without cells.
    pub fn new(table: &'static Table, key: Vec<Value>, stamp: i64) -> Upsert {
        Upsert { table, key, cells: Vec::new(), stamp }
    }

    /// With a cell. A null is left out: what was never known is not written, and on CQL costs no tombstone.
    pub fn with(mut self, column: &'static str, value: impl Into<Value>) -> Upsert {
        let value = value.into();
        if !value.is_null() {
            self.cells.push((column, value));
        }
        self
    }

    /// Whether the row fits its table in every store. Every adapter checks a batch before it writes any of it.
    pub fn check(&self) -> Result<(), ViewError> {
        if self.stamp < 0 {
            return Err(invalid(self.table, format!("the stamp is {}", self.stamp)));
        }
        check_key(self.table, self.table.key(), self.table.key_len(), &self.key)?;
        for (name, value) in &self.cells {
            let column = self.table.stored().find(|column| column.name == *name);
            let Some(column) = column else {
                return Err(invalid(self.table, format!("there is no column {name}")));
            };
            check_value(self.table, column, value)?;
        }
        Ok(())
    }
}

/// Checks the values of a whole key or of a partition key, as every adapter does before it reads.
///
/// # Errors
/// [`ViewError::Invalid`] with the value that no store takes.
pub fn check_key(
    table: &Table,
    columns: impl Iterator<Item = &'static Column>,
    len: usize,
    key: &[Value],
) -> Result<(), ViewError> {
    if key.len() != len {
        return Err(invalid(table, format!("a key of {} values, not {len}", key.len())));
    }
    for (place, (column, value)) in columns.zip(key).enumerate() {
        check_value(table, column, value)?;
        let refused = match value {
            Value::Null => "is null in a key",
            // Stores differ in where they put it.
            Value::Double(number) if *number == 0.0 && number.is_sign_negative() => {
                "is negative zero in a key"
            }
            // Cassandra has no partition without a name.
            Value::Text(text) if text.is_empty() && place < table.partition_key.len() => {
                "is an empty partition key"
            }
            _ => continue,
        };
        return Err(invalid(table, format!("{} {refused}", column.name)));
    }
    Ok(())
}

fn check_value(table: &Table, column: &Column, value: &Value) -> Result<(), ViewError> {
    if value.kind().is_some_and(|kind| kind != column.kind) {
        return Err(invalid(table, format!("{} is {:?}, not {value:?}", column.name, column.kind)));
    }
    if value.as_double().is_some_and(|number| !number.is_finite()) {
        return Err(invalid(table, format!("{} is {value:?}; leave an undefined number out", column.name)));
    }
    Ok(())
}

fn invalid(table: &Table, detail: String) -> ViewError {
    ViewError::Invalid { table: table.name, detail }
}

/// A row as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of which table.
    pub table: &'static Table,
    /// The key.
    pub key: Vec<Value>,
    /// All other columns, as [`Table::stored`] orders them; null where nothing was written.
    pub cells: Vec<Value>,
}

impl Row {
    /// The value of a column, of the key or not; none when the table has no such column.
    pub fn get(&self, column: &str) -> Option<&Value> {
        let key = self.table.key().position(|c| c.name == column);
        key.map(|place| &self.key[place])
            .or_else(|| self.table.column(column).and_then(|place| self.cells.get(place)))
    }
}

/// How far the log has been projected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: u32,
    /// Every record before this offset is in the views.
    pub next_offset: u64,
    /// The last record before it of which there are rows, as far as it is known.
    pub last: Option<LastRead>,
}

/// A record of which there are rows, by which a log is known again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastRead {
    /// Its offset.
    pub offset: u64,
    /// The id of the event in it.
    pub event: String,
}

impl Progress {
    /// The row that keeps it. The stamp is the offset, so that progress never goes back.
    pub fn upsert(&self) -> Upsert {
        let offset = i64::try_from(self.next_offset).unwrap_or(i64::MAX);
        let key = vec![Value::from(self.topic.as_str()), Value::Long(self.partition.into())];
        let row = Upsert::new(&crate::schema::PROJECTION_PROGRESS, key, offset).with("next_offset", offset);
        let Some(last) = &self.last else { return row };
        row.with("last_offset", i64::try_from(last.offset).unwrap_or(i64::MAX))
            .with("last_event", last.event.as_str())
    }

    /// What such a row says.
    pub fn from_row(row: &Row) -> Option<Progress> {
        Some(Progress {
            topic: row.get("topic")?.as_text()?.to_owned(),
            partition: row.get("partition")?.as_long()?.try_into().ok()?,
            next_offset: row.get("next_offset")?.as_long()?.try_into().ok()?,
            last: LastRead::from_row(row),
        })
    }
}

impl LastRead {
    fn from_row(row: &Row) -> Option<LastRead> {
        Some(LastRead {
            offset: row.get("last_offset")?.as_long()?.try_into().ok()?,
            event: row.get("last_event")?.as_text()?.to_owned(),
        })
    }
}

/// Why a store could not answer. [`ViewError::retry`] says whether the same call may succeed later.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Another process has the file open.
    #[error("{path} is in use by another process: stop it, or choose another directory with --dir")]
    InUse {
        /// The file.
        path: String,
    },
    /// The file may only be read here.
    #[error("{path} may only be read here: make the directory writable, or use a copy that is")]
    ReadOnly {
        /// The file.
        path: String,
    },
    /// No room.
    #[error(
        "no space left on the disk that holds {path}: free some and start again, projection goes on where it was"
    )]
    DiskFull {
        /// The file.
        path: String,
    },
    /// A row that fails its checksum.
    #[error(
        "table {table} is damaged at {key}: {detail}; the next command makes the views in {path} again from the log"
    )]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key, as far as it can be read.
        key: String,
        /// What is wrong.
        detail: &'static str,
        /// The file.
        path: String,
    },
    /// The store as a whole is damaged.
    #[error("the view file {path} is damaged: {detail}; the next command makes the views again from the log")]
    CorruptStore {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A row or key that does not fit its table. A mistake in the program.
    #[error("a row of table {table} does not fit: {detail}")]
    Invalid {
        /// The table.
        table: &'static str,
        /// What does not fit.
        detail: String,
    },
    /// The keyspace of a store behind a network lacks tables that this program needs.
    #[error("keyspace {keyspace} {detail}: run `gauntlet views migrate`")]
    NotMigrated {
        /// The keyspace.
        keyspace: String,
        /// What it lacks.
        detail: String,
    },
    /// The keyspace was made by a newer version of this program.
    #[error(
        "keyspace {keyspace} was made by a newer version (migration {found}, this program knows {known}): use that \
         version, or another keyspace"
    )]
    NewerSchema {
        /// The keyspace.
        keyspace: String,
        /// The last migration applied to it.
        found: u32,
        /// The last migration that this program knows.
        known: u32,
    },
    /// A store behind a network does not answer, or not as many of its nodes as it takes.
    #[error("the view store does not answer: {detail}; the write is repeated until it does")]
    Unavailable {
        /// What it said.
        detail: String,
    },
    /// A series that lies on the log cannot be read there.
    #[error("{view} of run {run} cannot be read from the log: {detail}")]
    Series {
        /// The view.
        view: &'static str,
        /// The run.
        run: String,
        /// Why.
        detail: String,
    },
    /// Rows that do not say where they come from: they were written before that was kept.
    #[error(
        "rows of {table} were written before it was kept where they come from: run `gauntlet views rebuild`"
    )]
    NoOrigin {
        /// The table.
        table: &'static str,
    },
    /// Anything else of the store.
    #[error("view store: {0}")]
    Store(String),
}

impl ViewError {
    /// Whether the same call may succeed later without anybody's help.
    pub fn retry(&self) -> bool {
        matches!(self, ViewError::Unavailable { .. })
    }
}

/// A store of views.
pub trait ViewStore: Send + Sync {
    /// Writes rows, then how far the log has been projected with them.
    fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError>;
    /// The row with that key.
    fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError>;
    /// The first rows of a partition, in clustering order; all of them without a limit.
    fn partition(
        &self,
        table: &'static Table,
        partition_key: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError>;
    /// Some rows of a table, in any order; all of them without a limit. For small tables.
    fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError>;
    /// Visits the rows of a table until the answer is to break, one at a time where the store can. The visitor may read
    /// the store, and must not write to it.
    fn visit(
        &self,
        table: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        // Broken off or not, the rows have been visited.
        let _ = self.scan(table, None)?.into_iter().try_for_each(visit);
        Ok(())
    }
    /// Whether [`visit`](ViewStore::visit) meets rows in the order of their keys, and holds no more than a
    /// block of them.
    fn visits_in_order(&self) -> bool {
        false
    }
    /// Whether the store lies beside its log and is opened with it: then it keeps where series of runs lie on the log
    /// ([`SERIES_CHUNKS`](crate::schema::SERIES_CHUNKS)) and not their rows, and need not be told from the views of another log.
    fn is_beside_log(&self) -> bool {
        false
    }
    /// How far the log has been projected, by topic and partition.
    fn progress(&self) -> Result<Vec<Progress>, ViewError>;
    /// Removes every row and all progress; projection starts again at the beginning of the log. On CQL `TRUNCATE`: a
    /// `DELETE` has a stamp of its own and would hide what is written afterwards. Nobody else writes meanwhile.
    fn clear(&self) -> Result<(), ViewError>;
    /// Digest of every view, by name. Rows pass one at a time; nobody writes meanwhile, or the answer is of some moment.
    fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError>;
    /// The same of what the store keeps itself: of a view whose rows lie on the log, where they lie there.
    fn kept_digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        self.digest()
    }
}
