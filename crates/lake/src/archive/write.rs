//! Files from records: row groups as they come, so that what is held in memory does not grow with the range.

use std::io;

use gauntlet_domain::ContentHash;
use gauntlet_domain::plain::{Plain, Shape};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::chunks::Checksums;
use super::read::verify_archived;
use super::{Frame, Group, GroupHasher, Range, groups_text, hash_of, keys, schema};
use crate::error::LakeError;
use crate::store::{Lake, Placed, Staged};

/// Bytes of records in a row group, give or take one record. Like the other sizes here it is part of the file's bytes, not a
/// setting.
const GROUP_BYTES: u64 = 4 << 20;
/// Records and bytes of them that are handed to the encoder at a time.
const BATCH_ROWS: usize = 4096;
const BATCH_BYTES: u64 = 256 << 10;
const PAGE_BYTES: usize = 1 << 20;

/// What became of a range that was to be archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Its file is there now.
    New,
    /// Another archiver has written the same records before.
    Already,
}

/// Takes the next record of a range, and what the further columns say of it.
pub type Push<'a> = dyn FnMut(Frame, Vec<Plain>) -> Result<(), LakeError> + 'a;

/// Archives a closed range: `records` hands its records, in order, to what it is given, each with the values of the further
/// columns. The file is there whole or not at all, and nothing is ever overwritten.
///
/// # Errors
/// What `records` says; [`LakeError::Contradiction`] where a file of that name holds other records, and where the records
/// are not those of the range.
pub fn write_archived<E: From<LakeError>>(
    lake: &Lake,
    range: &Range,
    columns: &[(String, Shape)],
    records: impl FnOnce(&mut Push<'_>) -> Result<(), E>,
) -> Result<Written, E> {
    let mut file = File::new(lake, range, columns)?;
    records(&mut |frame, values| file.push(frame, values))?;
    let (staged, sha256) = file.finish()?;
    let path = range.path();
    match staged.publish_new(lake, &path)? {
        Placed::Written => Ok(Written::New),
        // Another version of the Parquet library may write the same records as other bytes.
        Placed::Taken(_) if verify_archived(&lake.without_copies(), range)? == sha256 => Ok(Written::Already),
        Placed::Taken(_) => {
            let what = "it is there and holds other records than the log: it is of another log, or was changed; move it \
                        away, or archive into another lake"
                .to_owned();
            Err(LakeError::Contradiction { path, what }.into())
        }
    }
}

/// A file that is being written.
struct File<'a> {
    range: &'a Range,
    columns: &'a [(String, Shape)],
    writer: ArrowWriter<Staged>,
    /// Records that have not been handed to the encoder.
    frames: Vec<Frame>,
    /// What the further columns say of them.
    values: Vec<Vec<Plain>>,
    bytes: u64,
    /// The open row group.
    hasher: GroupHasher,
    group_bytes: u64,
    group_rows: u64,
    last: Option<u64>,
    groups: Vec<Group>,
}

impl<'a> File<'a> {
    fn new(lake: &Lake, range: &'a Range, columns: &'a [(String, Shape)]) -> Result<File<'a>, LakeError> {
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(lake.stage()?, schema::file_schema(columns), options);
        Ok(File {
            range,
            columns,
            writer: writer.map_err(writing)?,
            frames: Vec::new(),
            values: Vec::new(),
            bytes: 0,
            hasher: GroupHasher::new(range),
            group_bytes: 0,
            group_rows: 0,
            last: None,
            groups: Vec::new(),
        })
    }

    fn push(&mut self, frame: Frame, values: Vec<Plain>) -> Result<(), LakeError> {
        let is_next = self.last.is_none_or(|last| last < frame.offset);
        if !is_next || !(self.range.first..=self.range.last).contains(&frame.offset) {
            return Err(self.contradiction(format!("record {} is not its next one", frame.offset)));
        }
        self.last = Some(frame.offset);
        self.hasher.push(&frame);
        self.group_rows += 1;
        self.bytes += frame.bytes();
        self.group_bytes += frame.bytes();
        self.frames.push(frame);
        self.values.push(values);
        if self.group_bytes >= GROUP_BYTES {
            self.end_group()
        } else if self.frames.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.encode()
        } else {
            Ok(())
        }
    }

    fn encode(&mut self) -> Result<(), LakeError> {
        let batch =
            schema::batch(&self.range.topic, self.range.partition, &self.frames, self.columns, &self.values);
        self.frames.clear();
        self.values.clear();
        self.bytes = 0;
        self.writer.write(&batch).map_err(writing)
    }

    fn end_group(&mut self) -> Result<(), LakeError> {
        let Some(last) = self.last.filter(|_| self.group_rows > 0) else { return Ok(()) };
        self.encode()?;
        self.writer.flush().map_err(writing)?;
        let hasher = std::mem::replace(&mut self.hasher, GroupHasher::new(self.range));
        self.groups.push(Group { last, rows: self.group_rows, sha256: hasher.finish() });
        (self.group_bytes, self.group_rows) = (0, 0);
        Ok(())
    }

    /// The whole file, not yet visible, and the hash that stands for its records.
    fn finish(mut self) -> Result<(Staged, ContentHash), LakeError> {
        self.end_group()?;
        if self.last != Some(self.range.last) {
            return Err(self.contradiction("the log does not have its last record".to_owned()));
        }
        let sha256 = hash_of(&self.groups);
        let checksums = self.checksums().map_err(|error| LakeError::io("archive", error))?;
        let Range { topic, partition, first, last, .. } = self.range;
        for (key, value) in [
            (keys::TOPIC, topic.clone()),
            (keys::PARTITION, partition.to_string()),
            (keys::FIRST, first.to_string()),
            (keys::LAST, last.to_string()),
            (keys::GROUPS, groups_text(&self.groups)),
            (keys::SHA256, sha256.to_string()),
            (keys::CHUNKS, checksums.text()),
        ] {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        Ok((self.writer.into_inner().map_err(writing)?, sha256))
    }

    /// Of all chunks, read from what was written.
    fn checksums(&mut self) -> io::Result<Checksums> {
        self.writer.sync()?;
        Checksums::of(&self.writer.inner().reread()?, self.writer.flushed_row_groups())
    }

    fn contradiction(&self, what: String) -> LakeError {
        LakeError::Contradiction { path: self.range.path(), what }
    }
}

/// Everything that decides the bytes is fixed here. No library version goes in, and no copy of the Arrow schema, which is
/// redundant.
fn properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    WriterProperties::builder()
        .set_created_by("gauntlet".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(true)
        .set_column_dictionary_enabled(column("offset"), false)
        .set_column_encoding(column("offset"), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled(column("recorded"), false)
        .set_column_encoding(column("recorded"), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled(column("value"), false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_statistics_enabled(column("value"), EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None)
        .set_data_page_size_limit(PAGE_BYTES)
        .build()
}

/// Encoding cannot fail; what can is the disk.
fn writing(error: ParquetError) -> LakeError {
    let error = crate::snapshot::system_error(error).unwrap_or_else(io::Error::other);
    LakeError::io("archive", error)
}
