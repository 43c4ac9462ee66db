//! What workers read and store: bars and artifacts on the lake, bars of a due range on the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_domain::market::{Bar, SnapshotDue, SnapshotSealed};
use gauntlet_domain::topics::MARKET_BARS;
use gauntlet_domain::{ContentHash, Event};
use gauntlet_lake::{Lake, LakeError, read_snapshot, write_snapshot};
use gauntlet_log::{EventLog, LogError, TopicPartition, partition_for};
use gauntlet_processor::worker::{Data, DataError};
use gauntlet_runtime::{events, restore};
use gauntlet_wire::Codec;

/// Snapshots kept in memory.
const CACHED: usize = 4;

/// A snapshot in memory, under its hash.
type Cached = (ContentHash, Arc<Vec<Bar>>);

/// The lake and the log behind the workers' port.
pub struct LakeData {
    lake: Arc<Lake>,
    log: Arc<dyn EventLog>,
    codec: Codec,
    /// Latest used last.
    cache: Mutex<VecDeque<Cached>>,
}

impl LakeData {
    /// Over this lake and log.
    pub fn new(lake: Arc<Lake>, log: Arc<dyn EventLog>, codec: Codec) -> LakeData {
        LakeData { lake, log, codec, cache: Mutex::default() }
    }

    /// Bars of an instrument and spec in a range, in order of their open times.
    fn bars_on_log(&self, due: &SnapshotDue) -> Result<Vec<Bar>, LogError> {
        let partitions = self.log.partitions(MARKET_BARS.name)?;
        let place =
            TopicPartition::new(MARKET_BARS.name, partition_for(due.instrument.as_bytes(), partitions));
        let (start, end) = self.log.bounds(&place)?;
        let mut bars = Vec::new();
        restore::for_each(&*self.log, &place, start, end, |record| {
            if record.key == due.instrument.as_bytes()
                && let Some(recorded) = events::readable(&self.codec, &record)?
                && let Event::Bar(bar) = recorded.event
                && bar.spec == due.spec
                && bar.open_time >= due.from
                && bar.close_time <= due.to
            {
                bars.push(bar);
            }
            Ok(())
        })?;
        bars.sort_by_key(|bar| bar.open_time);
        // A repeated record is the same bar.
        bars.dedup_by_key(|bar| bar.open_time);
        Ok(bars)
    }
}

impl Data for LakeData {
    fn bars(&self, content_hash: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.iter().position(|(hash, _)| hash == content_hash)
            && let Some(entry) = cache.remove(found)
        {
            let bars = entry.1.clone();
            cache.push_back(entry);
            return Ok(bars);
        }
        let bars = Arc::new(read_snapshot(&self.lake, *content_hash).map_err(|error| from_lake(&error))?);
        cache.push_back((*content_hash, bars.clone()));
        if cache.len() > CACHED {
            cache.pop_front();
        }
        Ok(bars)
    }

    fn seal(&self, due: &SnapshotDue) -> Result<SnapshotSealed, DataError> {
        let bars = self.bars_on_log(due).map_err(|error| DataError::Unavailable(error.to_string()))?;
        let sealed = write_snapshot(&self.lake, &due.instrument, due.spec, bars.into_iter())
            .map_err(|error| from_lake(&error))?;
        Ok(SnapshotSealed {
            snapshot_id: due.snapshot_id,
            instrument: due.instrument.clone(),
            spec: due.spec,
            from: due.from,
            to: due.to,
            content_hash: sealed.content_hash,
            rows: sealed.rows,
            files: sealed.files,
        })
    }

    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError> {
        self.lake.put_artifact(bytes).map_err(|error| from_lake(&error))
    }
}

/// A full disk and a store that is silent or refuses are waited for; damage and loss are answers.
fn from_lake(error: &LakeError) -> DataError {
    if error.retry_helps() {
        DataError::Retry(error.to_string())
    } else {
        DataError::Unavailable(error.to_string())
    }
}
