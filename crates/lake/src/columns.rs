//! A table of times and numbers in a Parquet file, for other programs to read.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

/// Writes a column `time` (nanoseconds since the epoch, UTC) and columns of numbers by name, each as long as the times.
pub fn write_columns(
    path: &Path,
    times: Vec<i64>,
    columns: Vec<(&str, Vec<Option<f64>>)>,
) -> Result<(), ParquetError> {
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"));
    let numbers = columns.into_iter().map(|(name, values)| {
        let values: ArrayRef = Arc::new(Float64Array::from(values));
        (name, values, true)
    });
    let batch =
        RecordBatch::try_from_iter_with_nullable(std::iter::once(("time", times, false)).chain(numbers))?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close().map(drop)
}
