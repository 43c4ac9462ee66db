//! Answers in a format, written as they come.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use gauntlet_domain::Timestamp;
use gauntlet_lake::table::{BatchWriter, TableFormat};
use serde_json::json;

use crate::error::SqlError;
use crate::gate::{Answer, Done};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One document: `columns` with `name` and `type`, and `rows` with an object each. What is undefined is null.
    Json,
    /// A table.
    Table(TableFormat),
}

impl Format {
    /// The format of a name: json, csv, parquet, arrow.
    pub fn named(name: &str) -> Option<Format> {
        Some(match name {
            "json" => Format::Json,
            "csv" => Format::Table(TableFormat::Csv),
            "parquet" => Format::Table(TableFormat::Parquet),
            "arrow" => Format::Table(TableFormat::Arrow),
            _ => return None,
        })
    }
}

/// Writes an answer to its end; gives what it took.
///
/// # Errors
/// What the query says, and what `to` says.
pub fn write(
    mut answer: Answer,
    format: Format,
    stop: &AtomicBool,
    to: impl Write + Send,
) -> Result<Done, SqlError> {
    let schema = plain(&answer.schema);
    match format {
        Format::Table(format) => {
            let mut writer = BatchWriter::new(format, schema.clone(), to).map_err(unwritten)?;
            while let Some(batch) = answer.next(stop)? {
                writer.write(&in_schema(&batch, &schema)?).map_err(unwritten)?;
            }
            writer.finish().map_err(unwritten)?;
        }
        Format::Json => json_document(&mut answer, &schema, stop, to)?,
    }
    Ok(answer.done())
}

fn json_document(
    answer: &mut Answer,
    schema: &SchemaRef,
    stop: &AtomicBool,
    mut to: impl Write,
) -> Result<(), SqlError> {
    let column = |field: &Arc<Field>| json!({ "name": field.name(), "type": field.data_type().to_string() });
    let columns: Vec<_> = schema.fields().iter().map(column).collect();
    write!(to, "{{\"columns\":{},\"rows\":", json!(columns)).map_err(unwritten)?;
    let mut rows = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut to);
    while let Some(batch) = answer.next(stop)? {
        rows.write(&times_as_text(&in_schema(&batch, schema)?)?).map_err(unwritten)?;
    }
    rows.finish().map_err(unwritten)?;
    drop(rows);
    to.write_all(b"}").and_then(|()| to.flush()).map_err(unwritten)
}

/// Times with the digits that they need, as every document has them.
fn times_as_text(batch: &RecordBatch) -> Result<RecordBatch, SqlError> {
    let text = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let nanos = match unit {
                TimeUnit::Nanosecond => column.clone(),
                _ => cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))).ok()?,
            };
            let times = nanos.as_primitive::<TimestampNanosecondType>().iter();
            let texts = times.map(|time| time.map(|time| Timestamp(time).to_string()));
            Some(Arc::new(StringArray::from_iter(texts)) as ArrayRef)
        }
        _ => None,
    };
    let columns: Vec<ArrayRef> =
        batch.columns().iter().map(|column| text(column).unwrap_or_else(|| column.clone())).collect();
    let fields = batch.schema();
    let fields = fields.fields().iter().zip(&columns);
    let fields = fields.map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
        .map_err(|error| SqlError::Broken(error.to_string()))
}

fn unwritten(error: impl std::fmt::Display) -> SqlError {
    SqlError::Unwritten(error.to_string())
}

/// The same columns in types that every reader knows.
fn plain(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let data_type = match field.data_type() {
            DataType::Utf8View => DataType::Utf8,
            DataType::BinaryView => DataType::Binary,
            DataType::Null => DataType::Utf8,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, true)
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn in_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SqlError> {
    let broken = |error: datafusion::arrow::error::ArrowError| SqlError::Broken(error.to_string());
    let columns =
        batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(broken)?;
    RecordBatch::try_new(schema.clone(), columns).map_err(broken)
}
