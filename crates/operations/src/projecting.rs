//! A projection into a store of views: rows from events, progress beside them.

use std::sync::Arc;

use gauntlet_log::{Positions, TopicPartition};
use gauntlet_runtime::{Placed, Projection, ProjectionError, Witness};
use gauntlet_views::{LastRead, Origin, Progress, Upsert, ViewError, ViewStore};

use crate::as_of::record_number;
use crate::processors::ViewRows;

/// Rows that are made of events before they are written. An event of the cleaning ledger has thousands, and a poll many
/// of those: their number must not decide how much memory the projection takes.
const ROWS_PER_WRITE: usize = 4_096;

/// The projection.
pub struct Projecting {
    of: ViewRows,
    views: Arc<dyn ViewStore>,
}

impl Projecting {
    /// These rows into these views.
    pub fn new(of: ViewRows, views: Arc<dyn ViewStore>) -> Projecting {
        Projecting { of, views }
    }

    /// The rows that an event makes in this store, with where it lies.
    fn rows(&self, event: &Placed) -> Vec<Upsert> {
        let origin = Origin {
            record: record_number(event.recorded.event.kind()),
            partition: event.partition.partition,
            offset: event.offset,
        };
        self.made(event).into_iter().flat_map(|row| row.from_origin(origin)).collect()
    }

    fn made(&self, event: &Placed) -> Vec<Upsert> {
        if self.views.is_beside_log()
            && let Some(chunk) = (self.of.series_chunk)(&event.recorded.event)
        {
            let row = chunk
                .with("topic", event.partition.topic.as_str())
                .with("partition", i64::from(event.partition.partition))
                .with("offset", i64::try_from(event.offset).unwrap_or(i64::MAX));
            return vec![row];
        }
        (self.of.rows)(&event.recorded)
    }

    /// The last of some events in a partition, for stores that must know their log again.
    fn last(&self, events: &[Placed], partition: &TopicPartition) -> Option<LastRead> {
        if self.views.is_beside_log() {
            return None;
        }
        let last = events.iter().rfind(|event| *event.partition == *partition)?;
        Some(LastRead { offset: last.offset, event: last.recorded.envelope.id.to_string() })
    }
}

impl Projection for Projecting {
    fn name(&self) -> &'static str {
        self.of.name
    }

    fn topics(&self) -> Vec<&'static str> {
        self.of.topics.iter().map(|topic| topic.name).collect()
    }

    fn progress(&self) -> Result<Positions, ProjectionError> {
        progress(&*self.views)
    }

    fn witnesses(&self) -> Result<Vec<Witness>, ProjectionError> {
        let progress = self.views.progress().map_err(from_views)?;
        let witness = |progress: Progress| {
            let LastRead { offset, event } = progress.last?;
            let partition = TopicPartition::new(progress.topic, progress.partition);
            Some(Witness { partition, offset, id: event.parse().ok()? })
        };
        Ok(progress.into_iter().filter_map(witness).collect())
    }

    fn write(&self, events: &[Placed], positions: &Positions) -> Result<(), ProjectionError> {
        let mut rows = Vec::new();
        for event in events {
            rows.extend(self.rows(event));
            if rows.len() >= ROWS_PER_WRITE {
                // Without progress: after a crash they are written again, which changes nothing.
                self.views.write(&rows, &[]).map_err(from_views)?;
                rows.clear();
            }
        }
        let progress: Vec<Progress> = positions
            .iter()
            .map(|(place, next)| Progress {
                topic: place.topic.clone(),
                partition: place.partition,
                next_offset: *next,
                last: self.last(events, place),
            })
            .collect();
        self.views.write(&rows, &progress).map_err(from_views)
    }
}

/// How far the views have come.
pub fn progress(views: &dyn ViewStore) -> Result<Positions, ProjectionError> {
    let progress = views.progress().map_err(from_views)?;
    Ok(progress.into_iter().map(|p| (TopicPartition::new(p.topic, p.partition), p.next_offset)).collect())
}

fn from_views(error: ViewError) -> ProjectionError {
    ProjectionError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use gauntlet_domain::market::TickRejected;
    use gauntlet_domain::{Envelope, Event, Recorded, Timestamp};
    use gauntlet_views::{EmbeddedStore, Row, Table, TableDigest, Upsert, Value, schema};

    use super::*;

    /// A store that notes each write: its rows, and whether it moved the progress.
    struct Noting {
        inner: EmbeddedStore,
        writes: Mutex<Vec<(usize, bool)>>,
    }

    impl ViewStore for Noting {
        fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError> {
            self.writes.lock().unwrap().push((upserts.len(), !progress.is_empty()));
            self.inner.write(upserts, progress)
        }
        fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
            self.inner.row(table, key)
        }
        fn partition(
            &self,
            table: &'static Table,
            key: &[Value],
            limit: Option<usize>,
        ) -> Result<Vec<Row>, ViewError> {
            self.inner.partition(table, key, limit)
        }
        fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
            self.inner.scan(table, limit)
        }
        fn progress(&self) -> Result<Vec<Progress>, ViewError> {
            self.inner.progress()
        }
        fn clear(&self) -> Result<(), ViewError> {
            self.inner.clear()
        }
        fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
            self.inner.digest()
        }
    }

    fn rejected(event: &Recorded) -> Vec<Upsert> {
        let Event::TickRejected(event) = &event.event else { return Vec::new() };
        let key = |row: i64| vec!["X".into(), Value::Timestamp(0), row.into(), "late".into(), "s".into()];
        event.rows.iter().map(|row| Upsert::new(&schema::QUALITY, key(*row), 1)).collect()
    }

    #[test]
    fn rows_of_many_events_are_written_in_parts_and_the_progress_with_the_last() {
        let views = Arc::new(Noting { inner: EmbeddedStore::memory().unwrap(), writes: Mutex::default() });
        let of = ViewRows {
            name: "p",
            topics: &[],
            rows: rejected,
            series_chunk: |_| None,
            row_that_shows: |_| None,
        };
        let place = TopicPartition::new("t", 0);
        let events: Vec<Placed> = (0..20_i64)
            .map(|block| {
                let event = Event::from(TickRejected {
                    instrument: "X".into(),
                    source: "s".into(),
                    reason: "late".into(),
                    rows: (block * 1_000..(block + 1) * 1_000).collect(),
                    times: vec![0; 1_000],
                });
                let id = event.id();
                let envelope = Envelope {
                    id,
                    causation: id,
                    correlation: id,
                    source: "market-data".into(),
                    logic: None,
                    recorded_at: Timestamp(0),
                    took_micros: None,
                    decided_at: None,
                    trace: None,
                };
                let recorded = Recorded { envelope, event };
                Placed { recorded, partition: Arc::new(place.clone()), offset: block as u64 }
            })
            .collect();
        Projecting::new(of, views.clone()).write(&events, &Positions::from([(place, 20)])).unwrap();
        let writes = views.writes.lock().unwrap().clone();
        assert!(writes.iter().all(|(rows, _)| *rows < ROWS_PER_WRITE + 1_000), "{writes:?}");
        let moved: Vec<bool> = writes.iter().map(|(_, moved)| *moved).collect();
        assert!(
            moved.len() > 3 && moved.iter().rposition(|moved| !moved) == Some(moved.len() - 2),
            "{moved:?}"
        );
        assert_eq!(views.scan(&schema::QUALITY, None).unwrap().len(), 20_000);
    }
}
