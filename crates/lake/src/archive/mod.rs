//! The archive: every record of the log, by topic and day, in Parquet files that anybody can read.
//!
//! A file holds a closed range of offsets of one partition (`range.rs` says where ranges close), is written once, and is
//! named by what it holds: `archive/TOPIC/DAY/PARTITION-FIRST-LAST.parquet`. The names are all that is known of how far the
//! archive goes. Beside columns for people a file has the key, the headers and the value of each record as they lay on the
//! log: that is what is read in place of records that the log no longer has.
//!
//! Every row group has a SHA-256 over its records, and the file one over these; who reads a record checks its whole group. Every
//! column chunk has a checksum; who reads columns checks theirs.

/// Checksums of column chunks.
mod chunks;
/// Plain values as columns.
mod columns;
/// Where ranges close, and what their files are called.
mod range;
/// Records out of files.
mod read;
/// Some columns of a range.
mod scan;
/// Columns of a file.
mod schema;
/// Files from records.
mod write;

use gauntlet_domain::ContentHash;
use sha2::{Digest, Sha256};

pub use range::{Cutter, Range};
pub use read::{archived, read_archived, verify_archived};
pub use scan::{GroupFacts, Scan, scan_archived};
pub use schema::{batch, file_schema};
pub use write::{Push, Written, write_archived};

/// A record as it lies on the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its place in the partition.
    pub offset: u64,
    /// Microseconds since the epoch, by the writer's clock.
    pub timestamp_micros: i64,
    /// The key.
    pub key: Vec<u8>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Frame {
    /// Bytes of key, headers and value: what the size of a range is counted in.
    pub fn bytes(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        (self.key.len() + headers + self.value.as_ref().map_or(0, Vec::len)) as u64
    }
}

/// SHA-256 over the records of one row group.
struct GroupHasher(Sha256);

impl GroupHasher {
    fn new(range: &Range) -> GroupHasher {
        let mut hasher = GroupHasher(Sha256::new());
        hasher.bytes(range.topic.as_bytes());
        hasher.0.update(range.partition.to_be_bytes());
        hasher
    }

    fn push(&mut self, frame: &Frame) {
        self.0.update(frame.offset.to_be_bytes());
        self.0.update(frame.timestamp_micros.to_be_bytes());
        self.bytes(&frame.key);
        self.0.update((frame.headers.len() as u64).to_be_bytes());
        for (name, value) in &frame.headers {
            self.bytes(name.as_bytes());
            self.bytes(value);
        }
        self.0.update([u8::from(frame.value.is_some())]);
        self.bytes(frame.value.as_deref().unwrap_or_default());
    }

    /// With its length before it, so that no two sequences have the same bytes.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> ContentHash {
        ContentHash(self.0.finalize().into())
    }
}

/// One row group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    /// Offset of its last record.
    last: u64,
    /// Records.
    rows: u64,
    /// SHA-256 over them.
    sha256: ContentHash,
}

/// Row groups as text: `LAST:ROWS:SHA256` joined by `;`.
fn groups_text(groups: &[Group]) -> String {
    let lines: Vec<String> =
        groups.iter().map(|Group { last, rows, sha256 }| format!("{last}:{rows}:{sha256}")).collect();
    lines.join(";")
}

/// Reads [`groups_text`]; `None` when it is none.
fn parse_groups(text: &str) -> Option<Vec<Group>> {
    let group = |line: &str| {
        let mut parts = line.split(':');
        let (last, rows) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let sha256 = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Group { last, rows, sha256 })
    };
    text.split(';').map(group).collect()
}

/// SHA-256 over the hashes of all row groups, in order: it stands for all records of a file.
fn hash_of(groups: &[Group]) -> ContentHash {
    let mut hasher = Sha256::new();
    for group in groups {
        hasher.update(group.sha256.0);
    }
    ContentHash(hasher.finalize().into())
}

/// Names of what a file says of itself.
mod keys {
    pub(super) const TOPIC: &str = "gauntlet.topic";
    pub(super) const PARTITION: &str = "gauntlet.partition";
    pub(super) const FIRST: &str = "gauntlet.first";
    pub(super) const LAST: &str = "gauntlet.last";
    pub(super) const GROUPS: &str = "gauntlet.groups";
    pub(super) const SHA256: &str = "gauntlet.sha256";
    pub(super) const CHUNKS: &str = "gauntlet.chunks";
}

#[cfg(test)]
pub(crate) mod tests;
