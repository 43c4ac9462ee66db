//! Some columns of an archived range, for engines that compute over many of them. Row groups that cannot have what is looked
//! for are not read, and every chunk that is read is checked against its checksum.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::Range;
use super::read::{Opened, broken, read, reading};
use crate::error::LakeError;
use crate::store::Lake;

/// What is known of a row group before it is read.
pub struct GroupFacts<'a>(&'a RowGroupMetaData);

impl<'a> GroupFacts<'a> {
    fn statistics(&self, path: &str) -> Option<&'a Statistics> {
        let is_it = |at: &usize| self.0.column(*at).column_path().string() == path;
        (0..self.0.num_columns()).find(is_it).and_then(|at| self.0.column(at).statistics())
    }

    /// The least and the greatest whole number of a column, by its path in the file.
    pub fn longs(&self, path: &str) -> Option<(i64, i64)> {
        match self.statistics(path)? {
            Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
            Statistics::Int32(values) => Some(((*values.min_opt()?).into(), (*values.max_opt()?).into())),
            _ => None,
        }
    }

    /// Bounds of the texts of a column, by its path in the file.
    pub fn texts(&self, path: &str) -> Option<(&'a [u8], &'a [u8])> {
        match self.statistics(path)? {
            Statistics::ByteArray(values) => Some((values.min_opt()?.data(), values.max_opt()?.data())),
            _ => None,
        }
    }

    /// Whether a text may be among those of a column.
    pub fn may_have(&self, path: &str, text: &str) -> bool {
        self.texts(path)
            .is_none_or(|(least, greatest)| least <= text.as_bytes() && text.as_bytes() <= greatest)
    }

    /// Whether a whole number from one to another may be among those of a column.
    pub fn may_be_within(&self, path: &str, from: i64, to: i64) -> bool {
        self.longs(path).is_none_or(|(least, greatest)| least <= to && from <= greatest)
    }
}

/// What to read of an archived range.
pub struct Scan<'a> {
    /// Columns by their paths in the file, as in `tick_block.ticks.list.element.price`; a path stands for all below it.
    pub columns: &'a [String],
    /// Which row groups may have something.
    pub is_meant: &'a dyn Fn(&GroupFacts<'_>) -> bool,
    /// Records of a batch at most.
    pub batch_rows: usize,
    /// Columns of text with few values, by the names of their fields, which are given as dictionaries with keys of 32 bits.
    pub repeating: &'a [&'a str],
}

/// Gives the records of a range in batches of the columns that are wanted, those that the file has, until `give` breaks off.
///
/// # Errors
/// [`LakeError::Missing`] when the file is gone, [`LakeError::NotArchived`] when it is not what it was.
pub fn scan_archived(
    lake: &Lake,
    range: &Range,
    scan: &Scan<'_>,
    give: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<(), LakeError> {
    // A copy that proves damaged is fetched and read again: what was given from it before was right.
    let (give, given) = (RefCell::new(give), Cell::new(0));
    read(lake, range, |opened| {
        let again = given.get();
        let mut number = 0;
        opened.scan(scan, &mut |batch| {
            number += 1;
            if number <= again {
                return ControlFlow::Continue(());
            }
            given.set(number);
            (give.borrow_mut())(batch)
        })
    })
}

impl Opened<'_> {
    fn scan(
        self,
        scan: &Scan<'_>,
        give: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), LakeError> {
        let Opened { range, builder, checksums, file, .. } = self;
        let mask = ProjectionMask::columns(builder.parquet_schema(), scan.columns.iter().map(String::as_str));
        let groups = builder.metadata().row_groups();
        let is_meant = |at: &usize| (scan.is_meant)(&GroupFacts(&groups[*at]));
        let meant: Vec<usize> = (0..groups.len()).filter(is_meant).collect();
        for &at in &meant {
            let leaves = (0..groups[at].num_columns()).filter(|leaf| mask.leaf_included(*leaf));
            for leaf in leaves {
                let fits = checksums.fits(&file, (at, &groups[at]), leaf);
                if !fits.map_err(|error| LakeError::io(&range.path(), error))? {
                    let column = groups[at].column(leaf).column_path().string();
                    return Err(broken(range, format!("its column {column} is not as it was written")));
                }
            }
        }
        let builder =
            with_dictionaries(builder, &file, scan.repeating).map_err(|error| reading(range, error))?;
        let reader = builder.with_projection(mask).with_row_groups(meant);
        let batches = reader.with_batch_size(scan.batch_rows).build();
        for batch in batches.map_err(|error| reading(range, error))? {
            if give(batch.map_err(|error| broken(range, error.to_string()))?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The same reader, with some columns of text as dictionaries.
fn with_dictionaries(
    builder: ParquetRecordBatchReaderBuilder<File>,
    file: &File,
    repeating: &[&str],
) -> Result<ParquetRecordBatchReaderBuilder<File>, ParquetError> {
    if repeating.is_empty() {
        return Ok(builder);
    }
    let fields = builder.schema().fields().iter().map(|field| as_dictionary(field, "", repeating));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(builder.metadata().clone(), options)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata))
}

/// A field whose texts, or those of fields in it, are dictionaries where their path is one of these.
fn as_dictionary(field: &FieldRef, above: &str, repeating: &[&str]) -> FieldRef {
    let path = if above.is_empty() { field.name().clone() } else { format!("{above}.{}", field.name()) };
    let data_type = match field.data_type() {
        DataType::Utf8 if repeating.contains(&path.as_str()) => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| as_dictionary(field, &path, repeating)).collect())
        }
        DataType::List(of) => DataType::List(as_dictionary(of, &path, repeating)),
        other => other.clone(),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}
