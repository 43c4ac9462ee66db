//! What workers may read and store besides their requests: narrow ports, and the declaration of which of them a worker
//! gets.
//!
//! Everything behind a port is named by its content, or final by construction, so a worker's outcome stays a function of
//! its request. A worker sees the ports that it declares ([`crate::Answering::Data`]) and no others, so a trainer has no way
//! to seal a snapshot:
//!
//! ```compile_fail,E0599
//! use gauntlet_domain::market::SnapshotDue;
//! use gauntlet_processor::BarReader;
//!
//! fn trainer(bars: &dyn BarReader, due: &SnapshotDue) {
//!     bars.seal(due);
//! }
//! ```

use std::sync::Arc;

use gauntlet_domain::ContentHash;
use gauntlet_domain::market::{Bar, SnapshotDue, SnapshotSealed};

/// Reads sealed snapshots.
pub trait BarReader: Send + Sync {
    /// The bars of a sealed snapshot, in order.
    fn bars(&self, content_hash: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError>;
}

/// Seals snapshots.
pub trait SnapshotSealer: Send + Sync {
    /// Seals the bars of a range whose end event time has passed; the same range gives the same answer.
    fn seal(&self, due: &SnapshotDue) -> Result<SnapshotSealed, DataError>;
}

/// Stores artifacts, such as learned models.
pub trait ArtifactStore: Send + Sync {
    /// Stores an artifact under its hash.
    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError>;
}

/// Reads artifacts.
pub trait ArtifactReader: Send + Sync {
    /// The bytes of an artifact.
    fn artifact(&self, hash: &ContentHash) -> Result<Vec<u8>, DataError>;
}

/// Why data could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DataError {
    /// These data are missing, damaged or not to be read here, others are not. That is no answer: somebody may put them
    /// back. The request is parked, and tried again for as long as its experiment has not ended.
    #[error("{0}")]
    Unavailable(String),
    /// The place where they lie does not answer, or has no room: everything waits until it does.
    #[error("{0}")]
    Retry(String),
    /// There is no answer, not even a failure: the processor stops with a report.
    #[error("{0}")]
    Broken(String),
}

/// All ports of a process. Nobody can take one out of it but by declaring it ([`Declared`]).
#[derive(Clone)]
pub struct Ports {
    bars: Arc<dyn BarReader>,
    sealing: Arc<dyn SnapshotSealer>,
    artifacts: Arc<dyn ArtifactStore>,
    stored: Arc<dyn ArtifactReader>,
}

impl Ports {
    /// Ports of one adapter that serves them all.
    pub fn new(
        adapter: Arc<impl BarReader + SnapshotSealer + ArtifactStore + ArtifactReader + 'static>,
    ) -> Ports {
        let (bars, sealing, artifacts) = (adapter.clone(), adapter.clone(), adapter.clone());
        Ports { bars, sealing, artifacts, stored: adapter }
    }

    /// Ports behind which there is nothing, for a process without workers that need data.
    pub fn closed() -> Ports {
        Ports::new(Arc::new(Closed))
    }
}

/// What a worker can declare as its data: one port, several of them as a tuple, or none.
pub trait Declared<'a>: Copy {
    /// The declared ports out of all.
    fn of(ports: &'a Ports) -> Self;
}

impl<'a> Declared<'a> for () {
    fn of(_: &'a Ports) {}
}

impl<'a> Declared<'a> for &'a dyn BarReader {
    fn of(ports: &'a Ports) -> Self {
        &*ports.bars
    }
}

impl<'a> Declared<'a> for &'a dyn SnapshotSealer {
    fn of(ports: &'a Ports) -> Self {
        &*ports.sealing
    }
}

impl<'a> Declared<'a> for &'a dyn ArtifactStore {
    fn of(ports: &'a Ports) -> Self {
        &*ports.artifacts
    }
}

impl<'a> Declared<'a> for &'a dyn ArtifactReader {
    fn of(ports: &'a Ports) -> Self {
        &*ports.stored
    }
}

impl<'a, A: Declared<'a>, B: Declared<'a>> Declared<'a> for (A, B) {
    fn of(ports: &'a Ports) -> Self {
        (A::of(ports), B::of(ports))
    }
}

/// The adapter of [`Ports::closed`].
struct Closed;

fn nothing<T>() -> Result<T, DataError> {
    Err(DataError::Unavailable("this process has no data for workers".into()))
}

impl BarReader for Closed {
    fn bars(&self, _: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        nothing()
    }
}

impl SnapshotSealer for Closed {
    fn seal(&self, _: &SnapshotDue) -> Result<SnapshotSealed, DataError> {
        nothing()
    }
}

impl ArtifactReader for Closed {
    fn artifact(&self, _: &ContentHash) -> Result<Vec<u8>, DataError> {
        nothing()
    }
}

impl ArtifactStore for Closed {
    fn put_artifact(&self, _: &[u8]) -> Result<ContentHash, DataError> {
        nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_ports_say_that_there_are_no_data() {
        let ports = Ports::closed();
        let (bars, artifacts) = <(&dyn BarReader, &dyn ArtifactStore)>::of(&ports);
        let hash = ContentHash::of(b"");
        assert!(matches!(bars.bars(&hash), Err(DataError::Unavailable(_))));
        assert!(matches!(artifacts.put_artifact(b""), Err(DataError::Unavailable(_))));
    }
}
