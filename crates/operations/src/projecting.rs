//! A projection into a store of views: rows from events, progress beside them.

use std::sync::Arc;

use gauntlet_domain::Recorded;
use gauntlet_log::{Positions, TopicPartition};
use gauntlet_runtime::{Projection, ProjectionError};
use gauntlet_views::{Progress, ViewError, ViewStore};

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

    fn write(&self, events: &[Recorded], positions: &Positions) -> Result<(), ProjectionError> {
        let mut rows = Vec::new();
        for event in events {
            rows.extend((self.of.rows)(event));
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
