//! What can go wrong with the file, in words.

use std::io;

use redb::{CommitError, StorageError, TableError, TransactionError};

use crate::port::ViewError;

/// What can go wrong inside a piece of work.
pub(super) enum Failure {
    Redb(redb::Error),
    View(ViewError),
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Failure {
        Failure::View(error)
    }
}

macro_rules! from_redb {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::Redb(error.into())
            }
        })+
    };
}

from_redb!(TransactionError, TableError, StorageError, CommitError);

/// Turns an error of the store into what a person can act on.
pub(super) fn explain(path: &str, error: &redb::Error) -> ViewError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => ViewError::InUse { path },
        // This program has made no such file.
        redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. } => {
            ViewError::CorruptStore { path, detail: error.to_string() }
        }
        redb::Error::Corrupted(detail) => ViewError::CorruptStore { path, detail: detail.clone() },
        redb::Error::Io(error) if is_read_only(error) => ViewError::ReadOnly { path },
        redb::Error::Io(error) if is_full(error) => ViewError::DiskFull { path },
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            ViewError::CorruptStore { path, detail: error.to_string() }
        }
        other => ViewError::Store(format!("{path}: {other}")),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
