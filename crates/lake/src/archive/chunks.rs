//! Checksums of column chunks: who reads some columns of a file and not its records knows by them that they are what was
//! written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use parquet::file::metadata::RowGroupMetaData;
use sha2::{Digest, Sha256};

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 16;

/// Checksums by row group and leaf column: the first 64 bits of the SHA-256 of a chunk's bytes as they lie in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksums(Vec<Vec<u64>>);

impl Checksums {
    /// Of a file with these row groups.
    pub(super) fn of(file: &File, groups: &[RowGroupMetaData]) -> io::Result<Checksums> {
        let of_group = |group: &RowGroupMetaData| {
            (0..group.num_columns()).map(|leaf| checksum(file, group, leaf)).collect()
        };
        groups.iter().map(of_group).collect::<io::Result<_>>().map(Checksums)
    }

    /// Whether a chunk is what was written.
    pub(super) fn fits(
        &self,
        file: &File,
        group: (usize, &RowGroupMetaData),
        leaf: usize,
    ) -> io::Result<bool> {
        let (at, group) = group;
        let expected = self.0.get(at).and_then(|group| group.get(leaf));
        Ok(expected == Some(&checksum(file, group, leaf)?))
    }

    /// As text: 16 hexadecimal digits a chunk, groups joined by `;`.
    pub(super) fn text(&self) -> String {
        let group = |group: &Vec<u64>| group.iter().map(|sum| format!("{sum:016x}")).collect::<String>();
        self.0.iter().map(group).collect::<Vec<_>>().join(";")
    }

    /// Reads what [`Checksums::text`] writes; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Checksums> {
        let group = |text: &str| {
            let digits = text.as_bytes().chunks(DIGITS).map(|digits| std::str::from_utf8(digits).ok());
            digits.map(|digits| u64::from_str_radix(digits?, 16).ok()).collect::<Option<Vec<u64>>>()
        };
        text.split(';').map(group).collect::<Option<_>>().map(Checksums)
    }
}

fn checksum(file: &File, group: &RowGroupMetaData, leaf: usize) -> io::Result<u64> {
    let (at, length) = group.column(leaf).byte_range();
    let length = usize::try_from(length).ok().filter(|_| at.checked_add(length).is_some());
    let end = file.metadata()?.len();
    // A damaged footer may name any length.
    let length = length.filter(|length| at + *length as u64 <= end).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at)?;
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    Ok(hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}
