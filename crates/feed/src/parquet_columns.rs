//! Columns of a Parquet file as rows of text, read batch by batch.
//!
//! Every column is read as text, so prices stay as written: a decimal or text column to the last digit, a binary
//! floating-point one as the shortest decimal that means the same number. A column of dates beside one of times of day is
//! read as one of both. Times are written in full, in ISO 8601 or as numbers without an exponent.

use std::fmt::{Display, Write as _};
use std::fs::File;
use std::sync::atomic::Ordering;

use arrow_array::builder::StringBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float16Type, Float32Type, Float64Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, StringArray, cast::AsArray};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::statistics::Statistics;

use crate::bar_rows::TextTable;
use crate::columns::plain_name;
use crate::error::FeedError;
use crate::input::SourceFile;

/// What a file's columns are.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    arrow: SchemaRef,
    /// Names by which columns are found.
    pub names: Vec<String>,
    /// A column of dates and the one of times of day that belongs to it.
    joined: Option<(usize, usize)>,
    /// Digits behind the point of columns of whole numbers.
    scales: Vec<Option<u8>>,
    metadata: Vec<(String, String)>,
    ranges: Vec<Option<(i64, i64)>>,
}

impl Schema {
    pub fn of(file: &SourceFile) -> Result<Schema, FeedError> {
        let builder = builder(file)?;
        let arrow = builder.schema().clone();
        let fields = arrow.fields();
        let mut names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let find =
            |is_type: fn(&DataType) -> bool| fields.iter().position(|field| is_type(field.data_type()));
        let date = find(|data| matches!(data, DataType::Date32 | DataType::Date64));
        let of_day = find(|data| matches!(data, DataType::Time32(_) | DataType::Time64(_)));
        let joined = date.zip(of_day);
        if let Some((date, of_day)) = joined {
            "timestamp".clone_into(&mut names[date]);
            names[of_day].clear();
        }
        // A data frame writes an index without a name.
        for (name, field) in names.iter_mut().zip(fields) {
            let is_time =
                matches!(field.data_type(), DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
            if is_time && plain_name(name).starts_with("indexlevel") {
                "timestamp".clone_into(name);
            }
        }
        let pairs = builder.metadata().file_metadata().key_value_metadata().into_iter().flatten();
        let metadata = pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?))).collect();
        let ranges = (0..names.len()).map(|column| range(&builder, column)).collect();
        Ok(Schema { scales: vec![None; names.len()], arrow, names, joined, metadata, ranges })
    }

    /// The value of a key in the file's metadata.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Says that whole numbers in these columns have so many digits behind the point.
    pub fn scale(&mut self, columns: impl IntoIterator<Item = usize>, digits: u8) {
        for column in columns {
            if matches!(self.arrow.field(column).data_type(), DataType::Int64) {
                self.scales[column] = Some(digits);
            }
        }
    }

    /// The smallest and the largest of a column of whole numbers, where the file names them for all of its parts.
    pub fn range(&self, column: usize) -> Option<(i64, i64)> {
        self.ranges.get(column).copied().flatten()
    }

    pub fn is_number(&self, column: usize) -> bool {
        self.arrow.field(column).data_type().is_numeric()
    }

    /// Whether a column is text.
    pub fn is_text(&self, column: usize) -> bool {
        fn is_text(data: &DataType) -> bool {
            match data {
                DataType::Dictionary(_, value) => is_text(value),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
                _ => false,
            }
        }
        is_text(self.arrow.field(column).data_type())
    }

    /// Whether codes can stand in a column: it has a text, or lists of such.
    pub fn has_codes(&self, column: usize) -> bool {
        match self.arrow.field(column).data_type() {
            DataType::List(item) | DataType::LargeList(item) => has_text(item.data_type()),
            data => has_text(data),
        }
    }

    /// Columns that have a text.
    pub fn flat(&self) -> Vec<usize> {
        (0..self.names.len()).filter(|column| has_text(self.arrow.field(*column).data_type())).collect()
    }

    /// An error for the first of the columns that has no text.
    pub fn check(&self, file: &SourceFile, columns: &[usize]) -> Result<(), FeedError> {
        let without_text = |column: &&usize| !has_text(self.arrow.field(**column).data_type());
        let Some(column) = columns.iter().find(without_text) else { return Ok(()) };
        let field = self.arrow.field(*column);
        let what = format!(
            "its column {} is of the type {}, which is not read as numbers or times: write it as a decimal, a number, a \
             timestamp or text",
            field.name(),
            field.data_type()
        );
        Err(FeedError::Columns { file: file.shown.clone(), what })
    }
}

/// The smallest and the largest whole number of a column by the statistics of every group of rows.
fn range(builder: &ParquetRecordBatchReaderBuilder<File>, column: usize) -> Option<(i64, i64)> {
    let schema = builder.parquet_schema();
    // Columns with columns in them have several leaves.
    let mut leaves = (0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == column);
    let (Some(leaf), None) = (leaves.next(), leaves.next()) else { return None };
    let mut range: Option<(i64, i64)> = None;
    for group in builder.metadata().row_groups() {
        let Some(Statistics::Int64(values)) = group.column(leaf).statistics() else { return None };
        let (least, most) = (*values.min_opt()?, *values.max_opt()?);
        range = Some(range.map_or((least, most), |(low, high)| (low.min(least), high.max(most))));
    }
    range
}

/// Bytes of a fixed width are how some libraries keep scaled integers; only they know the scale.
fn has_text(data: &DataType) -> bool {
    let is_bytes = match data {
        DataType::Dictionary(_, value) => return has_text(value),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            true
        }
        _ => false,
    };
    !is_bytes && !data.is_nested()
}

/// Rows of some columns, as text.
pub(crate) struct Batches {
    file: SourceFile,
    schema: Schema,
    reader: ParquetRecordBatchReader,
    /// Rows of the whole file.
    total: u64,
    /// The current batch by the schema's index; `None` where a column is not read.
    columns: Vec<Option<StringArray>>,
    /// Columns that are read.
    projected: Vec<usize>,
    /// Columns of times, among which floating-point numbers are written in full.
    times: Vec<usize>,
    /// Position of the current row in the batch, from 1, and the batch's length.
    at: usize,
    length: usize,
    rows: u64,
}

impl Batches {
    /// Reads `columns`, of which `times` are times.
    pub fn open(
        file: &SourceFile,
        schema: &Schema,
        columns: &[usize],
        times: &[usize],
        batch_rows: usize,
    ) -> Result<Batches, FeedError> {
        let mut projected = columns.to_vec();
        if let Some((date, of_day)) = schema.joined
            && projected.contains(&date)
        {
            projected.push(of_day);
        }
        projected.sort_unstable();
        projected.dedup();
        let builder = builder(file)?;
        let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mask = ProjectionMask::roots(builder.parquet_schema(), projected.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(batch_rows).build();
        let reader = reader.map_err(|error| damaged(file, 0, &error.to_string()))?;
        Ok(Batches {
            file: file.clone(),
            schema: schema.clone(),
            reader,
            total,
            columns: vec![None; schema.names.len()],
            projected,
            times: times.to_vec(),
            at: 0,
            length: 0,
            rows: 0,
        })
    }

    /// Stays at the first row.
    pub fn into_first(mut self) -> Result<Batches, FeedError> {
        self.advance()?;
        Ok(self)
    }

    /// True when the current row has no value in one of the columns.
    pub fn has_null(&self, columns: &[usize]) -> bool {
        columns.iter().any(|column| self.field(*column).is_none())
    }

    fn load(&mut self, batch: &RecordBatch) {
        for (index, array) in self.projected.iter().zip(batch.columns()) {
            let is_time = self.times.contains(index);
            // A column of a type that has no text reads like one without values.
            self.columns[*index] = text_column(array, self.schema.scales[*index], is_time).ok();
        }
        if let Some((date, of_day)) = self.schema.joined
            && let (Some(dates), Some(times)) = (self.columns[date].take(), self.columns[of_day].take())
        {
            let both = dates.iter().zip(times.iter());
            let joined = both.map(|(date, time)| Some(format!("{}T{}", date?.get(..10)?, time?)));
            self.columns[date] = Some(joined.collect());
        }
        (self.at, self.length) = (0, batch.num_rows());
    }
}

impl TextTable for Batches {
    fn advance(&mut self) -> Result<bool, FeedError> {
        while self.at == self.length {
            self.file.stop.check().map_err(|error| self.file.io(error))?;
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

    /// The current row's text in a column; `None` for null.
    fn field(&self, index: usize) -> Option<&[u8]> {
        let row = self.at.checked_sub(1)?;
        let column = self.columns.get(index)?.as_ref().filter(|column| column.is_valid(row))?;
        Some(column.value(row).as_bytes())
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn bytes(&self) -> u64 {
        const BYTES_A_CELL: u64 = 8;
        self.rows * BYTES_A_CELL * self.projected.len() as u64
    }

    fn line(&self) -> u64 {
        self.rows
    }

    fn shown(&self) -> (u64, String) {
        let cell = |index: &usize| String::from_utf8_lossy(self.field(*index).unwrap_or_default());
        let texts = self.projected.iter().filter(|index| self.columns[**index].is_some()).map(cell);
        (self.rows, texts.collect::<Vec<_>>().join(", "))
    }

    fn file(&self) -> &str {
        &self.file.shown
    }
}

fn builder(file: &SourceFile) -> Result<ParquetRecordBatchReaderBuilder<File>, FeedError> {
    let opened = File::open(&file.path).map_err(|error| file.io(error))?;
    ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| damaged(file, 0, &error.to_string()))
}

fn damaged(file: &SourceFile, row: u64, what: &str) -> FeedError {
    FeedError::Damaged { file: file.shown.clone(), row, what: what.to_owned() }
}

/// Any flat column as text: times in ISO 8601, numbers as the shortest decimal. Lists as `[12, 37]`.
fn text_column(array: &ArrayRef, scale: Option<u8>, is_time: bool) -> Result<StringArray, ArrowError> {
    let array: ArrayRef = match (array.data_type(), scale) {
        // Named zones need a zone database to be written out; the instant does not.
        (DataType::Timestamp(unit, Some(_)), _) => {
            cast(array, &DataType::Timestamp(*unit, Some("+00:00".into())))?
        }
        (DataType::Int64, Some(digits)) => std::sync::Arc::new(scaled(array.as_primitive(), digits)?),
        (DataType::Float16, _) => return Ok(texts(array.as_primitive::<Float16Type>(), shortest_half)),
        (DataType::Float64, _) if is_time => {
            return Ok(texts(array.as_primitive::<Float64Type>(), |value| value));
        }
        (DataType::Float32, _) if is_time => {
            return Ok(texts(array.as_primitive::<Float32Type>(), |value| value));
        }
        (DataType::List(_) | DataType::LargeList(_), _) => return lists(array),
        _ => array.clone(),
    };
    Ok(cast(&array, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn lists(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(array.as_ref(), &options)?;
    let text = |row: usize| array.is_valid(row).then(|| shown.value(row).try_to_string()).transpose();
    (0..array.len()).map(text).collect()
}

fn scaled(
    numbers: &PrimitiveArray<Int64Type>,
    digits: u8,
) -> Result<PrimitiveArray<Decimal128Type>, ArrowError> {
    let numbers: PrimitiveArray<Decimal128Type> =
        numbers.iter().map(|number| number.map(i128::from)).collect();
    numbers.with_precision_and_scale(38, digits as i8)
}

/// Values as they print, which for a floating-point number is the shortest decimal without an exponent.
fn texts<T: ArrowPrimitiveType, D: Display>(
    values: &PrimitiveArray<T>,
    shown: impl Fn(T::Native) -> D,
) -> StringArray {
    let mut builder = StringBuilder::with_capacity(values.len(), 16 * values.len());
    for value in values {
        match value {
            Some(value) => {
                // Writing to memory does not fail.
                let _ = write!(builder, "{}", shown(value));
                builder.append_value("");
            }
            None => builder.append_null(),
        }
    }
    builder.finish()
}

/// The shortest decimal that is this half-precision number.
fn shortest_half(value: <Float16Type as ArrowPrimitiveType>::Native) -> String {
    const MOST_DIGITS: usize = 5;
    let exact = value.to_f64();
    let candidates = (0..MOST_DIGITS).map(|digits| format!("{exact:.digits$e}"));
    let mut same = candidates.filter_map(|text| text.parse::<f64>().ok());
    let half = <Float16Type as ArrowPrimitiveType>::Native::from_f64;
    same.find(|candidate| half(*candidate) == value).unwrap_or(exact).to_string()
}
