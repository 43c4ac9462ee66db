//! The archive of the log on the lake: written by one process at a time, read in place of records that the log no longer has.
//!
//! What is archived may be removed from the log: state, replay, verification and views read on as before. The files are the
//! lake's (`gauntlet_lake::archive`); nothing else is kept of how far the archive goes.

/// A log with its archive.
mod archived_log;
/// What writes the archive.
mod archiver;
/// What it says of records for people.
mod columns;
/// Where the records of a topic lie.
pub mod stretches;

use std::borrow::Cow;
use std::sync::Arc;

use gauntlet_domain::topics::{self, Retention};
use gauntlet_lake::LakeError;
use gauntlet_lake::archive::{Frame, Range};
use gauntlet_log::{LogError, Record, TopicPartition};
use gauntlet_runtime::ProjectionError;

pub use archived_log::ArchivedLog;
pub use archiver::{Archiver, NAME};

/// A record as the lake has it.
fn frame(record: Record) -> Frame {
    let Record { offset, key, headers, value, timestamp_micros, .. } = record;
    let headers = headers.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
    Frame { offset, timestamp_micros, key, headers, value }
}

/// A record as the log has it.
fn record(frame: Frame, partition: Arc<TopicPartition>) -> Record {
    let Frame { offset, timestamp_micros, key, headers, value } = frame;
    let headers = headers.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
    Record { partition, offset, key, headers, value, timestamp_micros }
}

/// Whether records of a topic go by themselves after some days: its archive may leave out what was gone too early.
fn may_leave_out(topic: &str) -> bool {
    topics::named(topic).is_some_and(|topic| matches!(topic.retention, Retention::Days(_)))
}

/// Why records that neither the log nor the archive has cannot be read.
fn gap(place: &TopicPartition, from: u64, to: u64, before: Option<&Range>) -> String {
    let folder = Range::folder(&place.topic);
    let after = before.map_or_else(String::new, |range| format!(", behind {range}"));
    format!(
        "records {from} to {} of {place} are neither on the log nor in the archive: a file is missing in \
         {folder}{after}: restore it from a copy, nothing was skipped",
        to.saturating_sub(1)
    )
}

/// Refuses an archive that leaves something out between two of its files, and says which.
pub(crate) fn refuse_gaps(place: &TopicPartition, ranges: &[Range]) -> Result<(), String> {
    let gaps = ranges.windows(2).find(|pair| pair[0].next() != pair[1].first);
    match gaps {
        Some([before, after]) if !may_leave_out(&place.topic) => Err(format!(
            "records {} to {} of {place} are not in the archive: the file between {before} and {after} is missing: \
             restore it from a copy, nothing was skipped",
            before.next(),
            after.first - 1
        )),
        _ => Ok(()),
    }
}

/// What the lake says to those who read a log.
fn to_log(error: LakeError) -> LogError {
    let retry_helps = error.retry_helps();
    let detail = error.to_string();
    if retry_helps {
        LogError::Unavailable { at: "the archive".into(), detail }
    } else {
        LogError::Archive { detail }
    }
}

/// What the lake says to the archiver's thread.
fn to_projection(error: &LakeError) -> ProjectionError {
    let what = error.to_string();
    if error.retry_helps() { ProjectionError::Retry(what) } else { ProjectionError::Failed(what) }
}

/// What the log says to the archiver's thread.
fn from_log(error: &LogError) -> ProjectionError {
    let what = error.to_string();
    if error.retry_helps() { ProjectionError::Retry(what) } else { ProjectionError::Failed(what) }
}
