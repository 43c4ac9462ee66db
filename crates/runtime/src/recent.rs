//! The newest records of a partition, looked at backwards: what has just been published is there, and looking costs the
//! same whatever lies before.
//!
//! What is older shows in the views, or is published again and dropped as a duplicate by who reads it. A look is a way to
//! keep the log small, never what makes a stage right.

use gauntlet_domain::{Event, EventId};
use gauntlet_log::{EventLog, LogError, Record, TopicPartition};
use gauntlet_wire::{Codec, headers};

use crate::events;
use crate::restore::for_each;

/// How far a look goes back.
#[derive(Debug, Clone, Copy)]
struct Reach {
    offsets: u64,
    bytes: usize,
}

/// A thousand commands, or the last four megabytes where records are large: more blocks of ticks than one append holds.
const REACH: Reach = Reach { offsets: 1024, bytes: 4 << 20 };
/// Offsets read at first; four times as many each time after that.
const FIRST: u64 = 16;

/// How far a source has been published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceProgress {
    /// The number of its next block or tick.
    pub next: i64,
    /// Whether its end has been published as well.
    pub completed: bool,
    /// Whether that end says that it was given up.
    pub aborted: bool,
}

/// Whether an event lies among the newest records of a partition.
pub fn has_event(log: &dyn EventLog, place: &TopicPartition, id: EventId) -> Result<bool, LogError> {
    let found = newest(log, place, REACH, |record| {
        Ok((headers::event_id(&record.headers) == Some(id)).then_some(()))
    })?;
    Ok(found.is_some())
}

/// How far a source has been published, as far as the newest records of its partition say. Whoever publishes a source does
/// it in the order of its blocks, so the last of them says it.
pub fn source_progress(
    log: &dyn EventLog,
    codec: &Codec,
    place: &TopicPartition,
    instrument: &str,
    source: &str,
) -> Result<SourceProgress, LogError> {
    let found = newest(log, place, REACH, |record| {
        if record.key != instrument.as_bytes() {
            return Ok(None);
        }
        let event = events::readable(codec, record)?.map(|recorded| recorded.event);
        Ok(event.and_then(|event| progress_after(&event, source)))
    })?;
    Ok(found.unwrap_or_default())
}

/// What an event says about a source; `None` when it is of another one.
fn progress_after(event: &Event, source: &str) -> Option<SourceProgress> {
    let (of, number) = match event {
        Event::TickBlock(block) => (&block.source, block.block),
        Event::BarBlock(block) => (&block.source, block.block),
        Event::Quote(quote) => (&quote.source, quote.sequence),
        Event::Trade(trade) => (&trade.source, trade.sequence),
        Event::FeedCompleted(end) if end.source == source => {
            return Some(SourceProgress { next: i64::MAX, completed: true, aborted: false });
        }
        Event::FeedAborted(end) if end.source == source => {
            return Some(SourceProgress { next: i64::MAX, completed: true, aborted: true });
        }
        _ => return None,
    };
    (of == source).then(|| SourceProgress {
        next: number.saturating_add(1),
        completed: false,
        aborted: false,
    })
}

/// Visits the newest records, the last one first, until one gives an answer or the reach is over.
fn newest<T>(
    log: &dyn EventLog,
    place: &TopicPartition,
    reach: Reach,
    mut visit: impl FnMut(&Record) -> Result<Option<T>, LogError>,
) -> Result<Option<T>, LogError> {
    let (start, end) = log.bounds(place)?;
    let start = start.max(end.saturating_sub(reach.offsets));
    let (mut to, mut step, mut bytes) = (end, FIRST, 0);
    while to > start && bytes < reach.bytes {
        let from = to.saturating_sub(step).max(start);
        let mut records = Vec::new();
        for_each(log, place, from, to, |record| {
            records.push(record);
            Ok(())
        })?;
        for record in records.iter().rev() {
            if let Some(answer) = visit(record)? {
                return Ok(Some(answer));
            }
            bytes += record.value.as_ref().map_or(0, Vec::len);
        }
        (to, step) = (from, step.saturating_mul(4));
    }
    Ok(None)
}
