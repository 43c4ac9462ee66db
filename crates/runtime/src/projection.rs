//! What a projection is to the runtime: rows from events, written somewhere, with its own progress beside them.

use std::sync::Arc;

use gauntlet_domain::{EventId, Recorded};
use gauntlet_log::{LogError, Positions, TopicPartition};

/// An event and where it lies on the log.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The event.
    pub recorded: Recorded,
    /// Its partition.
    pub partition: Arc<TopicPartition>,
    /// Its offset there.
    pub offset: u64,
}

/// A record by which a log is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: u64,
    /// The event in it.
    pub id: EventId,
}

/// Rows from events. Writing the same events again changes nothing.
///
/// The thread of the projection's slot writes; other threads ask for its progress meanwhile.
pub trait Projection: Send + Sync {
    /// Name: its group for choosing who leads, and its name among processors.
    fn name(&self) -> &'static str;
    /// Topics that it reads.
    fn topics(&self) -> Vec<&'static str>;
    /// How far it has come.
    fn progress(&self) -> Result<Positions, ProjectionError>;
    /// Of each partition the last record of which it has rows, where it cannot tell otherwise from which log it was made.
    fn witnesses(&self) -> Result<Vec<Witness>, ProjectionError> {
        Ok(Vec::new())
    }
    /// Writes what follows from some events, then the progress; never the progress first.
    fn write(&self, events: &[Placed], progress: &Positions) -> Result<(), ProjectionError>;
}

/// Why rows could not be written, or progress could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// No repetition helps: the process stops with a report.
    #[error("{0}")]
    Failed(String),
    /// The rows were made from another log, or from a later state of this one.
    #[error("{0}")]
    AnotherLog(String),
    /// The place that it writes to does not answer: it is tried again, and nothing else waits for it.
    #[error("{0}")]
    Retry(String),
}

/// Why a projection could not be brought up to the end.
#[derive(Debug, thiserror::Error)]
pub enum ProjectAllError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Rows could not be written.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}
