//! What workers read and store: bars and artifacts on the lake, bars of a due range on the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_domain::ContentHash;
use gauntlet_domain::market::{Bar, SnapshotDue, SnapshotSealed};
use gauntlet_lake::{Lake, LakeError, read_snapshot, write_snapshot};
use gauntlet_log::LogError;
use gauntlet_processor::data::{ArtifactReader, ArtifactStore, BarReader, DataError, SnapshotSealer};
use gauntlet_runtime::bar_index::{BarIndex, Follower};

/// Snapshots kept in memory.
const CACHED: usize = 4;

/// A snapshot in memory, under its hash.
type Cached = (ContentHash, Arc<Vec<Bar>>);

/// The lake and the bars on the log behind the workers' ports.
pub struct LakeData {
    lake: Arc<Lake>,
    bars: Arc<BarIndex>,
    /// Takes in bars as they come, for as long as work may be asked for.
    _follower: Option<Follower>,
    /// Latest used last.
    cache: Mutex<VecDeque<Cached>>,
}

impl LakeData {
    /// Over this lake and these bars.
    pub fn new(lake: Arc<Lake>, bars: Arc<BarIndex>) -> LakeData {
        LakeData { lake, bars, _follower: None, cache: Mutex::default() }
    }

    /// The same, for a process that seals: its index keeps up with the bars as they come.
    pub fn sealing(lake: Arc<Lake>, bars: Arc<BarIndex>) -> Result<LakeData, LogError> {
        let follower = bars.follow()?;
        Ok(LakeData { _follower: Some(follower), ..LakeData::new(lake, bars) })
    }
}

impl BarReader for LakeData {
    fn bars(&self, content_hash: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.iter().position(|(hash, _)| hash == content_hash)
            && let Some(entry) = cache.remove(found)
        {
            let bars = entry.1.clone();
            cache.push_back(entry);
            return Ok(bars);
        }
        let bars = Arc::new(read_snapshot(&self.lake, *content_hash).map_err(|error| cannot_read(&error))?);
        cache.push_back((*content_hash, bars.clone()));
        if cache.len() > CACHED {
            cache.pop_front();
        }
        Ok(bars)
    }
}

impl SnapshotSealer for LakeData {
    fn seal(&self, due: &SnapshotDue) -> Result<SnapshotSealed, DataError> {
        let bars = self.bars.bars(due).map_err(|error| from_log(&error))?;
        let of_bars = due.sealed(ContentHash::of(&[]), 0).over(&bars);
        let sealed = write_snapshot(&self.lake, &due.instrument, due.spec, bars.into_iter())
            .map_err(|error| cannot_write(&error))?;
        let (content_hash, rows, files) = (sealed.content_hash, sealed.rows, sealed.files);
        Ok(SnapshotSealed { content_hash, rows, files, ..of_bars })
    }
}

impl ArtifactReader for LakeData {
    fn artifact(&self, hash: &ContentHash) -> Result<Vec<u8>, DataError> {
        self.lake.get_artifact(*hash).map_err(|error| cannot_read(&error))
    }
}

impl ArtifactStore for LakeData {
    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError> {
        self.lake.put_artifact(bytes).map_err(|error| cannot_write(&error))
    }
}

/// What cannot be read is parked, unless nothing can be read.
fn cannot_read(error: &LakeError) -> DataError {
    match error {
        LakeError::Unreachable { .. } | LakeError::Refused { .. } => DataError::Retry(error.to_string()),
        LakeError::Settings { .. } => DataError::Broken(error.to_string()),
        _ => DataError::Unavailable(error.to_string()),
    }
}

/// Room, rights and stores that are silent are waited for; what nobody can write stops the worker.
fn cannot_write(error: &LakeError) -> DataError {
    if error.retry_helps() || matches!(error, LakeError::Missing { .. }) {
        DataError::Retry(error.to_string())
    } else {
        DataError::Broken(error.to_string())
    }
}

/// A log that is silent is waited for; a damaged one stops the worker.
fn from_log(error: &LogError) -> DataError {
    if error.retry_helps() {
        DataError::Retry(error.to_string())
    } else {
        DataError::Broken(error.to_string())
    }
}
