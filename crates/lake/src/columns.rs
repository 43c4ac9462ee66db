//! A table of times and numbers in a Parquet file, for other programs to read.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;

use crate::table::{Cells, ColumnKind, TableError, TableFormat, TableWriter};

/// Writes a column `time` (nanoseconds since the epoch, UTC) and columns of numbers by name, each as long as the times.
pub fn write_columns(
    path: &Path,
    times: Vec<i64>,
    columns: Vec<(&str, Vec<Option<f64>>)>,
) -> Result<(), TableError> {
    let named = columns.iter().map(|(name, _)| (*name, ColumnKind::Double));
    let named: Vec<(&str, ColumnKind)> = std::iter::once(("time", ColumnKind::Time)).chain(named).collect();
    let file = File::create(path).map_err(ParquetError::from)?;
    let mut writer = TableWriter::new(TableFormat::Parquet, &named, file)?;
    let numbers = columns.into_iter().map(|(_, values)| Cells::Double(values));
    let times = Cells::Time(times.into_iter().map(Some).collect());
    writer.write(std::iter::once(times).chain(numbers).collect())?;
    writer.finish()
}
