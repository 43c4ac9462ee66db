//! Rows of lists as columns of files and tables.

use gauntlet_lake::table::{Cells, ColumnKind};
use gauntlet_views::schema::Kind;
use gauntlet_views::{Table, Value};

use crate::rows::{ViewRow, named_value};

/// A column of a file.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name: of the table, or of a document in it.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// The columns of a table, or those that are asked for.
pub fn columns(of: &'static Table, fields: Option<&[String]>) -> Vec<Column> {
    let own = |name: &str| of.key().chain(of.columns).find(|column| column.name == name);
    let named: Vec<String> = match fields {
        Some(fields) => fields.to_vec(),
        None => of.key().chain(of.columns).map(|column| column.name.to_owned()).collect(),
    };
    let kind = |name: &str| match own(name).map(|column| column.kind) {
        Some(Kind::Text) => ColumnKind::Text,
        Some(Kind::Long) => ColumnKind::Long,
        Some(Kind::Bool) => ColumnKind::Bool,
        Some(Kind::Timestamp) => ColumnKind::Time,
        // What is in documents is mostly a number.
        Some(Kind::Double) | None => ColumnKind::Double,
    };
    named.into_iter().map(|name| Column { kind: kind(&name), name }).collect()
}

fn value(row: &ViewRow, name: &str) -> Value {
    named_value(&row.0, name).unwrap_or(Value::Null)
}

/// The values of a column, a row each.
pub fn cells(rows: &[ViewRow], column: &Column) -> Cells {
    let values = rows.iter().map(|row| value(row, &column.name));
    match column.kind {
        ColumnKind::Text => Cells::Text(values.map(|value| value.as_text().map(str::to_owned)).collect()),
        ColumnKind::Long => Cells::Long(values.map(|value| value.as_long()).collect()),
        ColumnKind::Double => Cells::Double(values.map(|value| value.as_double()).collect()),
        ColumnKind::Bool => Cells::Bool(values.map(|value| value.as_bool()).collect()),
        ColumnKind::Time => Cells::Time(values.map(|value| value.as_timestamp()).collect()),
    }
}
