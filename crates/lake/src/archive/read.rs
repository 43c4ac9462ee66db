//! Records out of files. Nothing that a file says is believed before it is checked: its name, its columns, the hash of every
//! row group that is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gauntlet_domain::ContentHash;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::chunks::Checksums;
use super::{Frame, Group, GroupHasher, Range, hash_of, keys, parse_groups, schema};
use crate::error::LakeError;
use crate::snapshot::system_error;
use crate::store::Lake;

/// Records that are decoded at a time.
const BATCH_ROWS: usize = 4096;

/// The archived ranges of a topic by partition, in order of their offsets. Whether they leave something out the caller
/// decides, who knows whether the topic may.
///
/// # Errors
/// [`LakeError::Contradiction`] for a Parquet file of another name, and for ranges that overlap.
pub fn archived(lake: &Lake, topic: &str) -> Result<BTreeMap<u32, Vec<Range>>, LakeError> {
    let mut ranges: BTreeMap<u32, Vec<Range>> = BTreeMap::new();
    for path in lake.list(&Range::folder(topic))? {
        match Range::of_path(&path) {
            Some(range) => ranges.entry(range.partition).or_default().push(range),
            None if path.ends_with(".parquet") => {
                let what = "is not called as an archived range is: move it away".to_owned();
                return Err(LakeError::Contradiction { path, what });
            }
            None => {}
        }
    }
    for ranges in ranges.values_mut() {
        ranges.sort_by_key(|range| (range.first, range.last));
        for pair in ranges.windows(2) {
            if pair[1].first <= pair[0].last {
                let what = format!(
                    "holds records that {} holds too: they are of two logs, or were made with two values of \
                     archive.file_kb; move away what does not belong here",
                    pair[0]
                );
                return Err(LakeError::Contradiction { path: pair[1].path(), what });
            }
        }
    }
    Ok(ranges)
}

/// The records of a range from an offset on, as many as its row group has: at least one, since a range ends with a record.
/// `from` is not beyond the last.
///
/// # Errors
/// [`LakeError::Missing`] when the file is gone, [`LakeError::NotArchived`] when it is not what it was.
pub fn read_archived(lake: &Lake, range: &Range, from: u64) -> Result<Vec<Frame>, LakeError> {
    let mut frames = read(lake, range, |opened| opened.frames_from(from))?;
    frames.drain(..frames.partition_point(|frame| frame.offset < from));
    Ok(frames)
}

/// Reads every record and every column of a range; gives the hash that stands for all of them.
///
/// # Errors
/// As [`read_archived`].
pub fn verify_archived(lake: &Lake, range: &Range) -> Result<ContentHash, LakeError> {
    let mut from = range.first;
    while from <= range.last {
        let frames = read_archived(lake, range, from)?;
        from = frames.last().map_or(range.next(), |frame| frame.offset + 1);
    }
    read(lake, range, |opened| {
        opened.check_chunks()?;
        Ok(hash_of(&opened.groups))
    })
}

pub(super) fn read<T>(
    lake: &Lake,
    range: &Range,
    work: impl Fn(Opened<'_>) -> Result<T, LakeError>,
) -> Result<T, LakeError> {
    lake.read(&range.path(), |file| {
        // The Parquet library panics on some damaged pages instead of answering with an error. Nothing that the panic
        // could leave half-done outlives this call.
        let read = catch_unwind(AssertUnwindSafe(|| Opened::new(file, range).and_then(&work)));
        read.unwrap_or_else(|_| Err(broken(range, "its pages are damaged".to_owned())))
    })
}

pub(super) fn broken(range: &Range, what: String) -> LakeError {
    LakeError::NotArchived { path: range.path(), what }
}

pub(super) fn reading(range: &Range, error: ParquetError) -> LakeError {
    match system_error(error) {
        Ok(error) if error.kind() != io::ErrorKind::UnexpectedEof => LakeError::io(&range.path(), error),
        Ok(error) => broken(range, error.to_string()),
        Err(error) => broken(range, error.to_string()),
    }
}

/// A file whose footer is that of its range.
pub(super) struct Opened<'a> {
    pub(super) range: &'a Range,
    pub(super) builder: ParquetRecordBatchReaderBuilder<File>,
    groups: Vec<Group>,
    pub(super) checksums: Checksums,
    /// The same file, for its bytes.
    pub(super) file: File,
}

impl<'a> Opened<'a> {
    fn new(file: File, range: &'a Range) -> Result<Opened<'a>, LakeError> {
        let bytes = file.try_clone().map_err(|error| LakeError::io(&range.path(), error))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| reading(range, error))?;
        let (groups, checksums) = groups(&builder, range).map_err(|what| broken(range, what))?;
        Ok(Opened { range, builder, groups, checksums, file: bytes })
    }

    /// Every chunk is what was written.
    fn check_chunks(&self) -> Result<(), LakeError> {
        let groups = self.builder.metadata().row_groups();
        match Checksums::of(&self.file, groups) {
            Ok(found) if found == self.checksums => Ok(()),
            Ok(_) => Err(broken(self.range, "its columns are not as they were written".to_owned())),
            Err(error) => Err(LakeError::io(&self.range.path(), error)),
        }
    }

    /// The records of the row group in which the first record from an offset on lies.
    fn frames_from(self, from: u64) -> Result<Vec<Frame>, LakeError> {
        let range = self.range;
        let at = self.groups.partition_point(|group| group.last < from);
        let Some(group) = self.groups.get(at).copied() else {
            return Err(broken(range, format!("it ends before record {from}")));
        };
        let raw = ProjectionMask::roots(self.builder.parquet_schema(), 0..schema::raw_fields().len());
        let reader = self.builder.with_projection(raw).with_row_groups(vec![at]);
        let batches = reader.with_batch_size(BATCH_ROWS).build().map_err(|error| reading(range, error))?;
        let (mut frames, mut hasher) = (Vec::new(), GroupHasher::new(range));
        for batch in batches {
            let batch = batch.map_err(|error| broken(range, error.to_string()))?;
            for frame in schema::frames(range, &batch).map_err(|what| broken(range, what))? {
                hasher.push(&frame);
                frames.push(frame);
            }
        }
        let found = hasher.finish();
        if found != group.sha256 {
            let expected = group.sha256;
            return Err(broken(range, format!("its records hash to {found}, not to {expected}")));
        }
        Ok(frames)
    }
}

/// The row groups that a file says it has and the checksums of their chunks, or why it is not the file of this range.
fn groups(
    builder: &ParquetRecordBatchReaderBuilder<File>,
    range: &Range,
) -> Result<(Vec<Group>, Checksums), String> {
    let raw = schema::raw_fields();
    let fields = builder.schema().fields();
    if fields.len() < raw.len() || !raw.iter().zip(fields).all(|(raw, field)| raw == &**field) {
        return Err("its columns are not those of the archive".to_owned());
    }
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let metadata: BTreeMap<&str, &str> = pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
        .collect();
    let Range { topic, partition, first, last, .. } = range;
    for (key, wanted) in [
        (keys::TOPIC, topic.clone()),
        (keys::PARTITION, partition.to_string()),
        (keys::FIRST, first.to_string()),
        (keys::LAST, last.to_string()),
    ] {
        let found = metadata.get(key).copied().unwrap_or("nothing");
        if found != wanted {
            return Err(format!("its {key} is {found}, not {wanted}"));
        }
    }
    let groups = metadata.get(keys::GROUPS).and_then(|text| parse_groups(text));
    let groups = groups.ok_or("it does not say which row groups it has")?;
    let rows = builder.metadata().row_groups().iter().map(|group| group.num_rows());
    let is_as_said = groups.iter().map(|group| i64::try_from(group.rows).unwrap_or(-1)).eq(rows);
    let sha256 = hash_of(&groups).to_string();
    if !is_as_said
        || groups.last().map(|group| group.last) != Some(*last)
        || metadata.get(keys::SHA256) != Some(&sha256.as_str())
    {
        return Err("its row groups are not those that were written".to_owned());
    }
    let checksums = metadata.get(keys::CHUNKS).and_then(|text| Checksums::parse(text));
    Ok((groups, checksums.ok_or("it has no checksums of its columns")?))
}
