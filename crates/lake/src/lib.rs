//! The lake: files that are named by what is in them and never change.
//!
//! Consumes bars, bytes and records of the log, emits Parquet files under `snapshots/` and `archive/` and plain files under
//! `artifacts/`, in a directory or in an object store. Never overwrites content with other content, never trusts what it
//! reads: every read hashes what it found and refuses a mismatch.

/// Records of the log by topic and day.
pub mod archive;
/// Model artifacts and other bytes.
pub mod artifact;
/// The bytes that a snapshot's identity is a hash of.
pub mod canonical;
/// Times and numbers in a Parquet file.
mod columns;
/// Why the lake cannot answer.
pub mod error;
/// Object stores: S3, Google Cloud Storage, Azure.
#[cfg(feature = "object-store")]
pub mod objects;
/// Sealed bars.
pub mod snapshot;
/// Files by path, written at once or not at all.
pub mod store;
/// Tables for other programs: Parquet, Arrow.
pub mod table;

/// The copies in front of an object store.
mod cache;

pub use canonical::BarHasher;
pub use columns::write_columns;
pub use error::LakeError;
#[cfg(feature = "object-store")]
pub use objects::ObjectStoreSettings;
pub use snapshot::{Sealed, read_snapshot, verify_file, verify_snapshot, write_snapshot};
pub use store::Lake;
