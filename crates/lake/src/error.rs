//! Why the lake cannot answer. `path` is relative to the lake, as in events: what a missing or damaged file is called
//! becomes part of answers that are recorded, and must be the same wherever the lake is.

use std::io;

use gauntlet_domain::{BarSpec, ContentHash, Timestamp};

/// Why the lake cannot answer; [`LakeError::retry_helps`] says which of these can go away by themselves.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// No space left. Trying again helps once there is some; nothing half-written is visible.
    #[error("{path}: the disk is full: free some space, then try again; nothing was changed")]
    DiskFull {
        /// What was being written.
        path: String,
    },
    /// Nothing at the path. Trying again does not help.
    #[error(
        "{path}: is missing: it was removed, or this is another data directory: restore the file from a copy, or \
         make it again from the log"
    )]
    Missing {
        /// What was looked for.
        path: String,
    },
    /// Readable, but not what the name says. Trying again does not help.
    #[error(
        "{path}: was tampered with or damaged: its content hashes to {found}, not to {expected}: move the file away, \
         then restore it from a copy or make it again from the log"
    )]
    HashMismatch {
        /// The file.
        path: String,
        /// The hash it is named by.
        expected: ContentHash,
        /// The hash of what is in it.
        found: ContentHash,
    },
    /// Not a Parquet file of bars: cut off, overwritten or of another layout. Trying again does not help.
    #[error(
        "{path}: is truncated or not a snapshot ({what}): move the file away, then restore it from a copy or make it \
         again from the log"
    )]
    NotParquet {
        /// The file.
        path: String,
        /// What the decoder said.
        what: String,
    },
    /// Not an archived range of its name: cut off, overwritten, changed or of another layout. Trying again does not help.
    #[error(
        "{path}: is damaged or not what its name says ({what}): move the file away and restore it from a copy; nothing \
         was skipped"
    )]
    NotArchived {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Archived ranges that contradict each other or the log. Trying again does not help.
    #[error("{path}: {what}")]
    Contradiction {
        /// The file, or the folder of the topic.
        path: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Something is at a path where nothing was expected. Whoever put it was faster.
    #[error("{path}: is there already: it is not overwritten; compare it with what was to be written")]
    Taken {
        /// The file.
        path: String,
    },
    /// Bars to seal are not in order. Trying again does not help.
    #[error(
        "cannot seal the bars: the one opening at {open_time} follows the one at {previous}: sort them by opening time"
    )]
    OutOfOrder {
        /// The later in the input.
        open_time: Timestamp,
        /// The one before it.
        previous: Timestamp,
    },
    /// Two bars to seal open at the same time. Trying again does not help.
    #[error("cannot seal the bars: two of them open at {open_time}: keep one")]
    Duplicate {
        /// When.
        open_time: Timestamp,
    },
    /// A bar of something else among those to seal. Trying again does not help.
    #[error(
        "cannot seal the bars: the one opening at {open_time} is {found_spec} of {found_instrument}, not {spec} of \
         {instrument}: a snapshot has one series"
    )]
    OtherSeries {
        /// The snapshot's instrument.
        instrument: String,
        /// The snapshot's bars.
        spec: BarSpec,
        /// The bar's instrument.
        found_instrument: String,
        /// The bar's spec.
        found_spec: BarSpec,
        /// Which bar.
        open_time: Timestamp,
    },
    /// The object store does not answer, or has no time. Trying again helps once it does; nothing half-written is
    /// visible.
    #[error(
        "{path}: {store} does not answer ({what}): check that it runs and can be reached; nothing was changed"
    )]
    Unreachable {
        /// What was being read or written.
        path: String,
        /// The store.
        store: String,
        /// What was said.
        what: String,
    },
    /// The object store answers that it may not or cannot. That says nothing about the data: trying again helps once
    /// somebody has put it right.
    #[error(
        "{path}: {store} refuses ({what}): check that the bucket exists, the credentials in lake.properties or around \
         the process, and their rights to get, put and list objects"
    )]
    Refused {
        /// What was being read or written.
        path: String,
        /// The store.
        store: String,
        /// What was said.
        what: String,
    },
    /// The object store cannot be set up as it is configured. Trying again does not help.
    #[error("the lake cannot be opened: {what}")]
    Settings {
        /// What is wrong, and what to write.
        what: String,
    },
    /// The operating system refused. Trying again may help.
    #[error("{path}: {source}: check the permissions of the data directory and its disk")]
    Io {
        /// What was being read or written.
        path: String,
        /// What it said.
        source: io::Error,
    },
}

impl LakeError {
    /// Whether the same call can succeed later without anything else being done to the lake or the input.
    pub fn retry_helps(&self) -> bool {
        match self {
            LakeError::DiskFull { .. }
            | LakeError::Io { .. }
            | LakeError::Unreachable { .. }
            | LakeError::Refused { .. } => true,
            LakeError::Missing { .. }
            | LakeError::HashMismatch { .. }
            | LakeError::NotParquet { .. }
            | LakeError::NotArchived { .. }
            | LakeError::Contradiction { .. }
            | LakeError::Taken { .. }
            | LakeError::OutOfOrder { .. }
            | LakeError::Duplicate { .. }
            | LakeError::OtherSeries { .. }
            | LakeError::Settings { .. } => false,
        }
    }

    /// Whether the file is not there or not what its name says: another copy may be.
    pub(crate) fn is_of_the_content(&self) -> bool {
        matches!(
            self,
            LakeError::Missing { .. }
                | LakeError::HashMismatch { .. }
                | LakeError::NotParquet { .. }
                | LakeError::NotArchived { .. }
        )
    }

    pub(crate) fn settings(what: String) -> LakeError {
        LakeError::Settings { what }
    }

    pub(crate) fn io(path: &str, source: io::Error) -> LakeError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LakeError::DiskFull { path },
            io::ErrorKind::NotFound => LakeError::Missing { path },
            _ => LakeError::Io { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_becomes_what_to_do() {
        let error = |kind: io::ErrorKind| LakeError::io("artifacts/x", kind.into());
        assert!(matches!(error(io::ErrorKind::StorageFull), LakeError::DiskFull { .. }));
        assert!(error(io::ErrorKind::StorageFull).retry_helps());
        assert!(matches!(error(io::ErrorKind::NotFound), LakeError::Missing { .. }));
        assert!(!error(io::ErrorKind::NotFound).retry_helps());
        assert!(error(io::ErrorKind::PermissionDenied).to_string().contains("check the permissions"));
    }
}
