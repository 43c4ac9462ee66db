//! A worker: one request in, its outcome out, at great expense. Pure in its arguments, so doing it twice is a waste and
//! never an error.

use std::sync::Arc;

use gauntlet_domain::market::{Bar, SnapshotDue, SnapshotSealed};
use gauntlet_domain::{ContentHash, Event, external};

/// What a worker may read and store besides its request. Everything is named by its content, or final by construction,
/// so the outcome stays a function of the request.
pub trait Data: Send + Sync {
    /// The bars of a sealed snapshot, in order.
    fn bars(&self, content_hash: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError>;
    /// Seals the bars of a range whose end event time has passed; the same range gives the same answer.
    fn seal(&self, due: &SnapshotDue) -> Result<SnapshotSealed, DataError>;
    /// Stores an artifact under its hash.
    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError>;
}

/// Why data could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DataError {
    /// The data are damaged or gone: no reason to try again.
    #[error("{0}")]
    Unavailable(String),
    /// The place where they lie does not answer: the request is tried again later, nothing is answered yet.
    #[error("{0}")]
    Retry(String),
}

/// A worker's answer: its outcome events, success or typed failure.
pub type Answer = Result<Vec<Event>, DataError>;

/// A worker as the runtime knows it. One instance serves all threads.
pub trait Worker: Send + Sync {
    /// Name: consumer group, source of its events, writer in the catalogue.
    fn name(&self) -> &'static str;
    /// Version of the logic: raised whenever the same request may be answered otherwise. It is on the record of every
    /// answer, so that replay compares what this version has answered and nothing else.
    fn version(&self) -> &'static str;
    /// Topic of its requests.
    fn topic(&self) -> &'static str;
    /// Whether a request is this worker's to answer. One that is not is passed over: a program outside answers it.
    fn is_mine(&self, request: &Event) -> bool {
        request.requested_strategy().is_none_or(|strategy| external::trainer(strategy).is_none())
    }
    /// Answers a request. [`DataError::Retry`] asks to be called again later; [`DataError::Unavailable`] says that there
    /// is no answer, not even a failure, and stops the processor with a report.
    fn run(&self, request: &Event, data: &dyn Data) -> Answer;
    /// The answer when `run` panicked; none where there is no event for it, and then the processor stops with a report.
    fn panicked(&self, request: &Event, message: &str) -> Vec<Event>;
}
