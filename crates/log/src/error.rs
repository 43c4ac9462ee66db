//! Why the log could not answer, and what helps.

use crate::port::TopicPartition;

/// What helps against a [`LogError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same call may succeed later, without anybody's doing.
    Retry,
    /// Something around the process has to change: room, rights, limits, another process, a service's answer.
    Environment,
    /// The configuration or the command has to change.
    Configuration,
    /// What was kept is damaged or gone: bring it back from a copy, or act as the message says.
    Restore,
    /// The caller has lost its place: drop state and leave.
    Leave,
    /// A mistake in the program: report it.
    Report,
}

/// Why the log could not answer; [`LogError::remedy`] says what helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another process has the directory open.
    #[error("{path} is in use by another process: stop it, or choose another directory with --dir")]
    InUse {
        /// The file.
        path: String,
    },
    /// A file that its last process did not close, which is to be read alone.
    #[error(
        "{path} was not closed by the process that wrote it, or was copied while it was open: it has to be opened for \
         writing once, so copy the directory to where you may write and use the copy"
    )]
    NotClosed {
        /// The file.
        path: String,
    },
    /// Whoever reads was asked to end.
    #[error("interrupted while the log was read; nothing was changed")]
    Interrupted,
    /// No room.
    #[error(
        "no space left on the disk that holds {path}: free some and start again, nothing that was acknowledged is lost"
    )]
    DiskFull {
        /// The file.
        path: String,
    },
    /// A record that fails its checksum, or a hole in the offsets.
    #[error(
        "{partition} is damaged at offset {offset}: {detail}; restore the directory from a copy, nothing was skipped"
    )]
    Corrupt {
        /// Where.
        partition: TopicPartition,
        /// At which record.
        offset: u64,
        /// What is wrong.
        detail: String,
    },
    /// The store as a whole is damaged.
    #[error(
        "the log file {path} is damaged: {detail}; restore the directory from a copy, nothing was skipped"
    )]
    CorruptStore {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A position that retention has already removed.
    #[error(
        "{partition} starts at offset {start}, but {asked} was to be read: retention removed input before it was read"
    )]
    OutOfRange {
        /// Where.
        partition: TopicPartition,
        /// First offset that is left.
        start: u64,
        /// Offset asked for.
        asked: u64,
    },
    /// Records that the log no longer has and their archive does not give.
    #[error("{detail}")]
    Archive {
        /// Which file, what is wrong with it, what to do.
        detail: String,
    },
    /// A topic that was never created.
    #[error("there is no topic {topic}: create the topics first")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// A topic that exists with another number of partitions.
    #[error(
        "topic {topic} has {found} partitions, the configuration asks for {wanted}: partitions of a topic cannot change, use another directory or set topics.partitions to {found}"
    )]
    PartitionsDiffer {
        /// Its name.
        topic: String,
        /// Partitions that it has.
        found: u32,
        /// Partitions asked for.
        wanted: u32,
    },
    /// A topic that exists with another setting.
    #[error(
        "topic {topic} has {setting}={found}, it must be {wanted}: change it with the broker's tools, or let gauntlet topics apply create the topic"
    )]
    SettingDiffers {
        /// Its name.
        topic: String,
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value that it must have.
        wanted: String,
    },
    /// A log behind a network does not answer.
    #[error("{at} does not answer: {detail}")]
    Unavailable {
        /// Which, where.
        at: String,
        /// What was tried, what was said, what to do.
        detail: String,
    },
    /// State that covers more than was committed: both are written as one, so somebody has changed the positions.
    #[error(
        "{processor} has committed {partition} up to {committed}, but its state covers it up to {covered}: committed offsets have expired or were reset; set them to {covered} again (kafka-consumer-groups.sh --reset-offsets --to-offset), nothing was read twice"
    )]
    PositionsBehind {
        /// The processor.
        processor: String,
        /// The input.
        partition: TopicPartition,
        /// Its committed position.
        committed: u64,
        /// The position that the state covers.
        covered: u64,
    },
    /// The slot belongs to somebody else now.
    #[error("{processor} slot {slot} was taken over by another member")]
    Fenced {
        /// The processor.
        processor: String,
        /// The slot.
        slot: u32,
    },
    /// The directory was made by a newer version.
    #[error("{path} has format {found}, this build reads up to {known}: use a newer build")]
    NewerFormat {
        /// The file.
        path: String,
        /// Format found.
        found: u64,
        /// Newest format known.
        known: u64,
    },
    /// A record that cannot be read yet, because what it takes to read it does not answer.
    #[error("{partition} offset {offset}: {detail}; nothing was left out, do it again then")]
    Undecided {
        /// Where.
        partition: TopicPartition,
        /// Which record.
        offset: u64,
        /// What does not answer.
        detail: String,
    },
    /// The operating system refuses a file or a thread.
    #[error("{at}: {detail}: check permissions, limits and the disk, then start again")]
    Io {
        /// What was asked for.
        at: String,
        /// What the system said.
        detail: String,
    },
    /// A service was reached and said no.
    #[error("{at}: {detail}")]
    Refused {
        /// Which, where.
        at: String,
        /// What was tried, what was said, what to do.
        detail: String,
    },
    /// Settings that cannot be used.
    #[error("{detail}")]
    Settings {
        /// Which, and what to write.
        detail: String,
    },
    /// The log was closed, or the thread that writes it has ended. Whether the last append happened is not known.
    #[error("the log is closed: start again, everything acknowledged is kept")]
    Closed,
    /// A mistake in the program.
    #[error("a mistake in the program, please report it: {detail}")]
    Invariant {
        /// What should not have happened.
        detail: String,
    },
}

impl LogError {
    /// What helps.
    pub fn remedy(&self) -> Remedy {
        match self {
            LogError::Unavailable { .. } | LogError::Undecided { .. } => Remedy::Retry,
            LogError::InUse { .. }
            | LogError::NotClosed { .. }
            | LogError::DiskFull { .. }
            | LogError::UnknownTopic { .. }
            | LogError::Io { .. }
            | LogError::Refused { .. } => Remedy::Environment,
            LogError::PartitionsDiffer { .. }
            | LogError::SettingDiffers { .. }
            | LogError::NewerFormat { .. }
            | LogError::Settings { .. } => Remedy::Configuration,
            LogError::Corrupt { .. }
            | LogError::CorruptStore { .. }
            | LogError::OutOfRange { .. }
            | LogError::Archive { .. }
            | LogError::PositionsBehind { .. } => Remedy::Restore,
            LogError::Fenced { .. } | LogError::Closed | LogError::Interrupted => Remedy::Leave,
            LogError::Invariant { .. } => Remedy::Report,
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub fn retry_helps(&self) -> bool {
        self.remedy() == Remedy::Retry
    }

    /// A thread that the system does not give.
    pub fn no_thread(error: &std::io::Error) -> LogError {
        LogError::Io { at: "a thread".into(), detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_helps() {
        let text = || "x".to_owned();
        let silent = LogError::Unavailable { at: text(), detail: text() };
        let place = TopicPartition::new("t", 0);
        let undecided = LogError::Undecided { partition: place.clone(), offset: 1, detail: text() };
        assert!(silent.retry_helps() && undecided.retry_helps());
        for (error, remedy) in [
            (LogError::DiskFull { path: text() }, Remedy::Environment),
            (LogError::Io { at: text(), detail: text() }, Remedy::Environment),
            (LogError::Refused { at: text(), detail: text() }, Remedy::Environment),
            (LogError::Settings { detail: text() }, Remedy::Configuration),
            (LogError::Corrupt { partition: place, offset: 1, detail: text() }, Remedy::Restore),
            (LogError::Archive { detail: text() }, Remedy::Restore),
            (LogError::Fenced { processor: text(), slot: 0 }, Remedy::Leave),
            (LogError::Closed, Remedy::Leave),
            (LogError::Invariant { detail: text() }, Remedy::Report),
        ] {
            assert_eq!(error.remedy(), remedy, "{error}");
            assert!(!error.retry_helps(), "{error}");
        }
    }
}
