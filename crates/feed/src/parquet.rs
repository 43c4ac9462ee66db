//! Trades or quotes in Parquet, read batch by batch; columns are found by the same names as in CSV.
//!
//! Every column is read as text, so prices stay as written: a decimal or text column to the last digit, a binary
//! floating-point one as the shortest decimal that means the same number.

use std::fs::File;
use std::sync::atomic::Ordering;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, cast::AsArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::block::{Reader, Row, Tick, TickColumns};
use crate::columns::{TimeColumn, named_columns};
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::{SourceFile, listed};
use crate::table::{TickLayout, TickTable};

pub(crate) struct ParquetTicks {
    batches: Batches,
    table: TickTable,
}

impl ParquetTicks {
    /// Reads the columns of symbols and markets once to know that the wanted one is there, and only one.
    pub fn new(file: &SourceFile, options: &Options, batch_rows: usize) -> Result<ParquetTicks, FeedError> {
        let schema = builder(file)?.schema().clone();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let first =
            Batches::open(file, (0..names.len()).filter(|index| is_flat(&schema, *index)).collect(), 1)?;
        let first = first.into_first()?;
        let reading = |what| FeedError::Reading { file: file.shown.clone(), what };
        let named = named_columns(&names, &options.reading.columns).map_err(reading)?;
        let layout = TickLayout::find(&named, |index| first.field(index).map(<[u8]>::to_vec));
        let mut layout = layout.map_err(|needed| FeedError::MissingColumns {
            file: file.shown.clone(),
            format: Format::Parquet,
            needed: needed.to_owned(),
            found: listed(&names),
            hint: "or convert bars to CSV",
        })?;
        // A column of dates or timestamps brings its own unit.
        let keep_integer_unit = |column: &mut TimeColumn| {
            if !schema.field(column.index).data_type().is_integer() {
                column.unit = None;
            }
        };
        keep_integer_unit(&mut layout.time);
        layout.recorder_time.iter_mut().for_each(keep_integer_unit);

        let mut table = TickTable::new(layout, options, options.clock().map_err(reading)?);
        let keys: Vec<usize> = table.layout.keys().collect();
        if !keys.is_empty() {
            let mut batches = Batches::open(file, keys, batch_rows)?;
            while batches.advance()? {
                table.is_wanted(|index| batches.field(index)).map_err(|markets| {
                    FeedError::SeveralMarkets {
                        file: file.shown.clone(),
                        row: batches.rows as i64,
                        symbol: table.wanted.symbol().to_owned(),
                        markets,
                    }
                })?;
            }
            table.wanted.finish(&file.shown)?;
        }
        let batches = Batches::open(file, table.layout.used(), batch_rows)?;
        Ok(ParquetTicks { batches, table })
    }

    pub fn columns(&self) -> TickColumns {
        self.table.layout.columns()
    }
}

impl Reader<Tick> for ParquetTicks {
    fn next(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        while self.batches.advance()? {
            let field = |index| self.batches.field(index);
            // A second market was looked for at the opening.
            if self.table.is_wanted(field) == Ok(true) {
                let number = self.batches.rows as i64;
                return Ok(Some(Row { number, data: self.table.tick(field) }));
            }
        }
        Ok(None)
    }

    fn rows_read(&self) -> u64 {
        self.batches.rows
    }

    fn fault_line(&self) -> (u64, String) {
        let used = self.table.layout.used();
        let texts =
            used.iter().map(|index| String::from_utf8_lossy(self.batches.field(*index).unwrap_or_default()));
        (self.batches.rows, texts.collect::<Vec<_>>().join(", "))
    }
}

/// Rows of some columns, as text.
struct Batches {
    file: SourceFile,
    reader: ParquetRecordBatchReader,
    /// Rows of the whole file.
    total: u64,
    /// The current batch by the schema's index; `None` where a column is not read.
    columns: Vec<Option<StringArray>>,
    projected: Vec<usize>,
    /// Position of the current row in the batch, from 1, and the batch's length.
    at: usize,
    length: usize,
    rows: u64,
}

impl Batches {
    /// `projected` in rising order.
    fn open(file: &SourceFile, mut projected: Vec<usize>, batch_rows: usize) -> Result<Batches, FeedError> {
        projected.sort_unstable();
        let builder = builder(file)?;
        let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let columns = vec![None; builder.schema().fields().len()];
        let mask = ProjectionMask::roots(builder.parquet_schema(), projected.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(batch_rows).build();
        let reader = reader.map_err(|error| damaged(file, 0, &error.to_string()))?;
        Ok(Batches { file: file.clone(), reader, total, columns, projected, at: 0, length: 0, rows: 0 })
    }

    /// Stays at the first row.
    fn into_first(mut self) -> Result<Batches, FeedError> {
        self.advance()?;
        Ok(self)
    }

    fn advance(&mut self) -> Result<bool, FeedError> {
        while self.at == self.length {
            let Some(batch) = self.reader.next() else {
                return Ok(false);
            };
            let batch = batch.map_err(|error| damaged(&self.file, self.rows, &error.to_string()))?;
            self.load(&batch);
            let read = u128::from(self.file.bytes) * u128::from(self.rows) / u128::from(self.total.max(1));
            self.file.read.store(read as u64, Ordering::Relaxed);
        }
        self.at += 1;
        self.rows += 1;
        Ok(true)
    }

    fn load(&mut self, batch: &RecordBatch) {
        for (index, array) in self.projected.iter().zip(batch.columns()) {
            // A column of a type that has no text reads like one without values.
            self.columns[*index] = text_column(array).ok();
        }
        (self.at, self.length) = (0, batch.num_rows());
    }

    /// The current row's text in a column; `None` for null.
    fn field(&self, index: usize) -> Option<&[u8]> {
        let row = self.at.checked_sub(1)?;
        let column = self.columns.get(index)?.as_ref().filter(|column| column.is_valid(row))?;
        Some(column.value(row).as_bytes())
    }
}

fn builder(file: &SourceFile) -> Result<ParquetRecordBatchReaderBuilder<File>, FeedError> {
    let opened = File::open(&file.path).map_err(|error| file.io(error))?;
    ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| damaged(file, 0, &error.to_string()))
}

fn damaged(file: &SourceFile, row: u64, what: &str) -> FeedError {
    FeedError::Damaged { file: file.shown.clone(), row, what: what.to_owned() }
}

fn is_flat(schema: &SchemaRef, index: usize) -> bool {
    !schema.field(index).data_type().is_nested()
}

/// Any flat column as text: times in ISO 8601, numbers as the shortest decimal.
fn text_column(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let array = match array.data_type() {
        // Named zones need a zone database to be written out; the instant does not.
        DataType::Timestamp(unit, Some(_)) => {
            cast(array, &DataType::Timestamp(*unit, Some("+00:00".into())))?
        }
        _ => array.clone(),
    };
    Ok(cast(&array, &DataType::Utf8)?.as_string::<i32>().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray, UInt64Array,
    };
    use gauntlet_domain::InstrumentId;
    use gauntlet_domain::market::TickKind;
    use parquet::arrow::ArrowWriter;

    fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn read(path: &Path, batch_rows: usize) -> Result<Vec<Row<Tick>>, FeedError> {
        let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
        let mut ticks = ParquetTicks::new(&SourceFile::inspect(path)?, &options, batch_rows)?;
        let mut rows = Vec::new();
        while let Some(row) = ticks.next()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn prices_and_times_of_any_type_are_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trades.parquet");
        let micros = 1_700_000_000_123_456;
        let zoned =
            TimestampMicrosecondArray::from(vec![Some(micros), None]).with_timezone("America/New_York");
        write(
            &path,
            vec![
                ("time", Arc::new(zoned)),
                ("local_ts_ns", Arc::new(Int64Array::from(vec![1, 1_700_000_001_000_000_007]))),
                ("trade_id", Arc::new(UInt64Array::from(vec![7, 8]))),
                ("price", Arc::new(Float64Array::from(vec![252.785003662109, 0.00001]))),
                (
                    "qty",
                    Arc::new(Decimal128Array::from(vec![150, 2]).with_precision_and_scale(10, 2).unwrap()),
                ),
                ("buyer_is_maker", Arc::new(BooleanArray::from(vec![true, false]))),
            ],
        );
        let rows = read(&path, 100).unwrap();
        let tick = |row: usize| rows[row].data.unwrap();
        assert_eq!((tick(0).time, tick(1).time), (micros * 1_000, 1_700_000_001_000_000_007));
        assert_eq!((tick(0).price, tick(1).price), (252_785_003_662, 10_000));
        assert_eq!((tick(0).size, tick(1).size), (150_000_000, 2_000_000));
        assert_eq!((tick(0).kind, tick(1).kind), (TickKind::Sell, TickKind::Buy));
        assert_eq!((tick(0).sequence, tick(1).sequence), (7, 8));
        assert_eq!(read(&path, 1).unwrap(), rows);
    }

    #[test]
    fn missing_columns_and_values_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000, 1_700_000_001]));
        write(&path, vec![("ts", times.clone()), ("open", times.clone())]);
        let error = read(&path, 10).unwrap_err().to_string();
        assert!(
            error.contains("needs columns for a price (price, last)") && error.contains("ts, open"),
            "{error}"
        );
        write(&path, vec![("ts", times), ("last", Arc::new(Float64Array::from(vec![Some(f64::NAN), None])))]);
        let rows = read(&path, 10).unwrap();
        assert!(rows.iter().all(|row| row.data.unwrap_err().kind == TickKind::NotANumber));
    }
}
