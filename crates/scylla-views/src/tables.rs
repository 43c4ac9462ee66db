//! A generation of tables: its names, its prepared statements, and rows as values and back.

use std::cmp::Ordering;

use futures::stream::{self, StreamExt, TryStreamExt};
use gauntlet_views::schema::tables;
use gauntlet_views::{Kind, Row, Table, Upsert, Value, ViewError};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::{CellWriter, RowWriter};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;

use crate::fault::Fault;
use crate::session::Link;

/// Statements that are prepared at a time.
const PREPARED_AT_A_TIME: usize = 16;

/// A table's name in a generation; the first one has the plain names.
pub(crate) fn name(table: &str, generation: u32) -> String {
    if generation == 1 { table.to_owned() } else { format!("{table}_g{generation}") }
}

/// The tables of a generation.
pub(crate) struct Tables {
    pub(crate) generation: u32,
    each: Vec<Statements>,
}

/// What is asked of one table.
pub(crate) struct Statements {
    pub(crate) table: &'static Table,
    pub(crate) insert: PreparedStatement,
    pub(crate) row: PreparedStatement,
    pub(crate) partition: PreparedStatement,
    pub(crate) scan: PreparedStatement,
    /// Keys of all partitions.
    pub(crate) partitions: PreparedStatement,
}

impl Tables {
    /// Prepares the statements of a generation whose tables exist.
    pub(crate) async fn prepare(link: &Link, generation: u32) -> Result<Tables, Fault> {
        let each = stream::iter(tables())
            .map(|table| Statements::prepare(link, table, generation))
            .buffered(PREPARED_AT_A_TIME)
            .try_collect()
            .await?;
        Ok(Tables { generation, each })
    }

    /// Of one table.
    pub(crate) fn of(&self, table: &'static Table) -> Result<&Statements, ViewError> {
        let found = self.each.iter().find(|statements| std::ptr::eq(statements.table, table));
        found.ok_or_else(|| ViewError::Invalid {
            table: table.name,
            detail: "it is not one of schema::tables".into(),
        })
    }
}

impl Statements {
    async fn prepare(link: &Link, table: &'static Table, generation: u32) -> Result<Statements, Fault> {
        let from = format!("{}.{}", link.options.keyspace, name(table.name, generation));
        let columns: Vec<&str> = table.key().chain(table.stored()).map(|column| column.name).collect();
        let columns = columns.join(", ");
        let marks = vec!["?"; table.key_len() + table.stored().count()].join(", ");
        let equal = |n: usize| {
            let each: Vec<String> =
                table.key().take(n).map(|column| format!("{} = ?", column.name)).collect();
            each.join(" AND ")
        };
        let partition: Vec<&str> = table.partition_key.iter().map(|column| column.name).collect();
        let insert = format!("INSERT INTO {from} ({columns}) VALUES ({marks}) USING TIMESTAMP ?");
        let row = format!("SELECT {columns} FROM {from} WHERE {}", equal(table.key_len()));
        let of_partition = format!("SELECT {columns} FROM {from} WHERE {}", equal(table.partition_key.len()));
        Ok(Statements {
            table,
            insert: link.prepare(insert).await?,
            row: link.prepare(row).await?,
            partition: link.prepare(of_partition).await?,
            scan: link.prepare(format!("SELECT {columns} FROM {from}")).await?,
            partitions: link.prepare(format!("SELECT DISTINCT {} FROM {from}", partition.join(", "))).await?,
        })
    }

    /// An upsert as the values of the insert.
    pub(crate) fn bind<'a>(&self, upsert: &'a Upsert) -> Insert<'a> {
        Insert { table: self.table, upsert }
    }

    /// A row that was read.
    pub(crate) fn read(&self, row: scylla::value::Row) -> Result<Row, &'static str> {
        let mut values = read_values(self.table.key().chain(self.table.stored()).map(|c| c.kind), row)?;
        let cells = values.split_off(self.table.key_len());
        Ok(Row { table: self.table, key: values, cells })
    }

    /// A partition's key that was read.
    pub(crate) fn read_partition(&self, row: scylla::value::Row) -> Result<Vec<Value>, &'static str> {
        read_values(self.table.partition_key.iter().map(|column| column.kind), row)
    }
}

/// The values of an insert: key, all other columns in the table's order, stamp. A column that the upsert does not name
/// is unset, which writes nothing.
pub(crate) struct Insert<'a> {
    table: &'static Table,
    upsert: &'a Upsert,
}

impl SerializeRow for Insert<'_> {
    fn serialize(
        &self,
        _: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        for value in &self.upsert.key {
            put(value, writer.make_cell_writer())?;
        }
        for column in self.table.stored() {
            let named = self.upsert.cells.iter().filter(|(name, _)| *name == column.name);
            let stays = named.map(|(_, value)| value).reduce(|one, other| {
                if one.cmp_at_equal_stamps(other) == Ordering::Less { other } else { one }
            });
            let cell = writer.make_cell_writer();
            match stays {
                Some(value) => put(value, cell)?,
                None => drop(cell.set_unset()),
            }
        }
        put(&Value::Long(self.upsert.stamp), writer.make_cell_writer())
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// The values of a whole key or of a partition key.
pub(crate) struct Key<'a>(pub(crate) &'a [Value]);

impl SerializeRow for Key<'_> {
    fn serialize(
        &self,
        _: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        self.0.iter().try_for_each(|value| put(value, writer.make_cell_writer()))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn put(value: &Value, cell: CellWriter<'_>) -> Result<(), SerializationError> {
    let written = match value {
        Value::Null => Ok(cell.set_null()),
        Value::Text(text) => cell.set_value(text.as_bytes()),
        Value::Long(number) | Value::Timestamp(number) => cell.set_value(&number.to_be_bytes()),
        Value::Double(number) => cell.set_value(&number.to_be_bytes()),
        Value::Bool(flag) => cell.set_value(&[u8::from(*flag)]),
    };
    written.map(drop).map_err(SerializationError::new)
}

fn read_values(
    kinds: impl Iterator<Item = Kind>,
    row: scylla::value::Row,
) -> Result<Vec<Value>, &'static str> {
    let mut kinds = kinds.fuse();
    let mut values = Vec::with_capacity(row.columns.len());
    for column in row.columns {
        let kind = kinds.next().ok_or("a row with more columns than were asked for")?;
        values.push(match (kind, column) {
            (_, None) => Value::Null,
            (Kind::Text, Some(CqlValue::Text(text))) => Value::Text(text),
            (Kind::Long, Some(CqlValue::BigInt(number))) => Value::Long(number),
            (Kind::Timestamp, Some(CqlValue::BigInt(number))) => Value::Timestamp(number),
            (Kind::Double, Some(CqlValue::Double(number))) => Value::Double(number),
            (Kind::Bool, Some(CqlValue::Boolean(flag))) => Value::Bool(flag),
            _ => return Err("a column of another type than it was made with"),
        });
    }
    if kinds.next().is_some() {
        return Err("a row with fewer columns than were asked for");
    }
    Ok(values)
}
