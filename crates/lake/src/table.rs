//! Tables of rows for other programs: CSV, Parquet files and Arrow IPC streams, written some rows at a time.

use std::io::Write;
use std::sync::Arc;

pub use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray,
};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use gauntlet_domain::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// Yes or no.
    Bool,
    /// Nanoseconds since the epoch, UTC.
    Time,
}

/// Values of a column; what is undefined is none.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Cells {
    Text(Vec<Option<String>>),
    Long(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    Bool(Vec<Option<bool>>),
    Time(Vec<Option<i64>>),
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values with a head, times as RFC 3339. No cell is a formula to a spreadsheet.
    Csv,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

/// Why a table cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// What Arrow says.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// What Parquet says.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// What the file says.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

enum Sink<W: Write + Send> {
    Csv(W),
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<StreamWriter<W>>),
}

/// Writes columns of any types.
pub struct BatchWriter<W: Write + Send> {
    sink: Sink<W>,
}

/// Writes a table of rows.
pub struct TableWriter<W: Write + Send> {
    schema: SchemaRef,
    writer: BatchWriter<W>,
}

impl ColumnKind {
    /// Its type in Arrow.
    pub fn data_type(self) -> DataType {
        match self {
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Long => DataType::Int64,
            ColumnKind::Double => DataType::Float64,
            ColumnKind::Bool => DataType::Boolean,
            ColumnKind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        }
    }
}

impl Cells {
    /// No values of a kind.
    pub fn new(kind: ColumnKind) -> Cells {
        match kind {
            ColumnKind::Text => Cells::Text(Vec::new()),
            ColumnKind::Long => Cells::Long(Vec::new()),
            ColumnKind::Double => Cells::Double(Vec::new()),
            ColumnKind::Bool => Cells::Bool(Vec::new()),
            ColumnKind::Time => Cells::Time(Vec::new()),
        }
    }

    /// As a column.
    pub fn into_array(self) -> ArrayRef {
        match self {
            Cells::Text(values) => Arc::new(StringArray::from(values)),
            Cells::Long(values) => Arc::new(Int64Array::from(values)),
            Cells::Double(values) => Arc::new(Float64Array::from(values)),
            Cells::Bool(values) => Arc::new(BooleanArray::from(values)),
            Cells::Time(values) => Arc::new(TimestampNanosecondArray::from(values).with_timezone("UTC")),
        }
    }
}

impl<W: Write + Send> BatchWriter<W> {
    /// Of these columns.
    ///
    /// # Errors
    /// What `to` says, and a type that the format does not have.
    pub fn new(format: TableFormat, schema: SchemaRef, mut to: W) -> Result<BatchWriter<W>, TableError> {
        let sink = match format {
            TableFormat::Csv => {
                let names = schema.fields().iter().map(|field| csv_text(field.name()));
                writeln!(to, "{}", names.collect::<Vec<_>>().join(","))?;
                Sink::Csv(to)
            }
            TableFormat::Arrow => Sink::Arrow(Box::new(StreamWriter::try_new(to, &schema)?)),
            TableFormat::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                Sink::Parquet(Box::new(ArrowWriter::try_new(to, schema, Some(properties))?))
            }
        };
        Ok(BatchWriter { sink })
    }

    /// Writes some rows.
    ///
    /// # Errors
    /// As of [`BatchWriter::new`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        match &mut self.sink {
            Sink::Csv(to) => csv_rows(batch, to)?,
            Sink::Parquet(writer) => writer.write(batch)?,
            Sink::Arrow(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Writes the end.
    ///
    /// # Errors
    /// What `to` says.
    pub fn finish(self) -> Result<(), TableError> {
        match self.sink {
            Sink::Csv(mut to) => to.flush()?,
            Sink::Parquet(writer) => drop(writer.close()?),
            Sink::Arrow(mut writer) => writer.finish()?,
        }
        Ok(())
    }
}

impl<W: Write + Send> TableWriter<W> {
    /// Of columns by name and kind, all of which may be undefined.
    pub fn new(
        format: TableFormat,
        columns: &[(&str, ColumnKind)],
        to: W,
    ) -> Result<TableWriter<W>, TableError> {
        let fields = columns.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(TableWriter { writer: BatchWriter::new(format, schema.clone(), to)?, schema })
    }

    /// Writes some rows: of each column as many values.
    pub fn write(&mut self, columns: Vec<Cells>) -> Result<(), TableError> {
        let arrays = columns.into_iter().map(Cells::into_array).collect();
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), arrays)?)
    }

    /// Writes the end.
    pub fn finish(self) -> Result<(), TableError> {
        self.writer.finish()
    }
}

/// Rows of a CSV file. What is undefined is empty.
fn csv_rows(batch: &RecordBatch, to: &mut impl Write) -> Result<(), TableError> {
    let options = FormatOptions::new();
    let shown = |column| match is_plain(column) {
        true => Ok(None),
        false => ArrayFormatter::try_new(column, &options).map(Some),
    };
    let shown = batch.columns().iter().map(|column| shown(column.as_ref())).collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        for (at, column) in batch.columns().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let cell = match &shown[at] {
                _ if column.is_null(row) => String::new(),
                None => plain_cell(column, row),
                Some(shown) if column.data_type().is_numeric() => shown.value(row).try_to_string()?,
                Some(shown) => csv_text(&shown.value(row).try_to_string()?),
            };
            write!(to, "{comma}{cell}")?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// Whether a column is of one of the kinds of [`ColumnKind`], which are written here. Of times with a zone the library knows how to
/// write them only where another package asks it to.
fn is_plain(column: &dyn Array) -> bool {
    matches!(
        column.data_type(),
        DataType::Utf8
            | DataType::Int64
            | DataType::Float64
            | DataType::Boolean
            | DataType::Timestamp(TimeUnit::Nanosecond, _)
    )
}

/// A value of a plain column as a cell: times as RFC 3339, numbers as short as they can be told.
fn plain_cell(column: &ArrayRef, row: usize) -> String {
    match column.data_type() {
        DataType::Utf8 => csv_text(column.as_string::<i32>().value(row)),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Float64 => {
            let number = column.as_primitive::<Float64Type>().value(row);
            if number.is_finite() { number.to_string() } else { String::new() }
        }
        _ => Timestamp(column.as_primitive::<TimestampNanosecondType>().value(row)).to_string(),
    }
}

/// A text as a cell. A spreadsheet takes what begins with these signs for a formula, so an apostrophe goes before them.
fn csv_text(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_line() {
        for (text, cell) in
            [("a,b", "\"a,b\""), ("=1+1", "'=1+1"), ("@x\"\n", "\"'@x\"\"\n\""), ("plain", "plain"), ("", "")]
        {
            assert_eq!(csv_text(text), cell);
        }
    }

    #[test]
    fn rows_come_out_in_every_format() {
        let columns = [("name", ColumnKind::Text), ("at", ColumnKind::Time), ("value", ColumnKind::Double)];
        let rows = || {
            let text = Cells::Text(vec![Some("a".into()), None]);
            vec![text, Cells::Time(vec![Some(0), None]), Cells::Double(vec![Some(-0.5), None])]
        };
        let written = |format| {
            let mut bytes = Vec::new();
            let mut writer = TableWriter::new(format, &columns, &mut bytes).unwrap();
            writer.write(rows()).unwrap();
            writer.write(rows()).unwrap();
            writer.finish().unwrap();
            bytes
        };
        let csv = String::from_utf8(written(TableFormat::Csv)).unwrap();
        assert_eq!(csv, "name,at,value\na,1970-01-01T00:00:00Z,-0.5\n,,\na,1970-01-01T00:00:00Z,-0.5\n,,\n");
        let arrow = written(TableFormat::Arrow);
        let read = arrow_ipc::reader::StreamReader::try_new(arrow.as_slice(), None).unwrap();
        assert_eq!(read.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 4);
        assert_eq!(&written(TableFormat::Parquet)[..4], b"PAR1");
    }
}
