//! Values of the store with their checksums, and errors of `redb` in words.

use std::path::Path;

use super::super::StoredTopic;
use crate::port::{LogError, Positions, parse_positions, positions_text};

/// Over numbers that the store relies on, with what they belong to: a damaged bound or position would leave records
/// out in silence, or write over them.
pub(super) fn checksum(of: &str, numbers: &[u64]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(of.as_bytes());
    numbers.iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.finalize()
}

pub(super) fn with_bounds_checksum((topic, partition): (u32, u32), start: u64, end: u64) -> (u64, u64, u32) {
    (start, end, checksum("bounds", &[topic.into(), partition.into(), start, end]))
}

pub(super) fn checked_bounds(place: (u32, u32), value: (u64, u64, u32)) -> Result<(u64, u64), redb::Error> {
    let (start, end, _) = value;
    if with_bounds_checksum(place, start, end) != value {
        let (topic, partition) = place;
        let what = format!("the bounds of partition {partition} of topic {topic} fail their checksum");
        return Err(redb::Error::Corrupted(what));
    }
    Ok((start, end))
}

pub(super) fn topic_checksum(topic: &StoredTopic) -> u32 {
    checksum(&topic.name, &[topic.id.into(), topic.partitions.into()])
}

pub(super) fn position_checksum((processor, topic, partition): (&str, u32, u32), offset: u64) -> u32 {
    checksum(processor, &[topic.into(), partition.into(), offset])
}

pub(super) fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut out = crc32fast::hash(bytes).to_le_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

pub(super) fn without_checksum(bytes: &[u8]) -> Option<&[u8]> {
    let (checksum, rest) = bytes.split_first_chunk::<4>()?;
    (crc32fast::hash(rest) == u32::from_le_bytes(*checksum)).then_some(rest)
}

pub(super) fn encode_positions(positions: &Positions) -> Vec<u8> {
    with_checksum(positions_text(positions).as_bytes())
}

pub(super) fn decode_positions(bytes: &[u8]) -> Option<Positions> {
    parse_positions(std::str::from_utf8(without_checksum(bytes)?).ok()?)
}

/// Turns an error of the store into what a person can act on.
pub(super) fn explain(path: &Path, error: &redb::Error) -> LogError {
    let path = path.display().to_string();
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => LogError::InUse { path },
        redb::Error::Corrupted(detail) => LogError::CorruptStore { path, detail: detail.clone() },
        redb::Error::RepairAborted => LogError::NotClosed { path },
        redb::Error::Io(io) if is_full(io) => LogError::DiskFull { path },
        redb::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
            LogError::CorruptStore { path, detail: io.to_string() }
        }
        redb::Error::Io(io) => LogError::Io { at: path, detail: io.to_string() },
        // After one error of the file `redb` takes no more writes until it is opened again.
        redb::Error::PreviousIo => LogError::Io { at: path, detail: error.to_string() },
        // This program has made no such file.
        redb::Error::UpgradeRequired(_) | redb::Error::TableTypeMismatch { .. } => {
            LogError::CorruptStore { path, detail: error.to_string() }
        }
        // What is left is said about the way in which tables and transactions are used.
        other => LogError::Invariant { detail: format!("{path}: {other}") },
    }
}

pub(super) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
