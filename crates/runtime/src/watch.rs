//! How far every reader is behind, and whether log and views answer: looked at now and then by a thread of its own, never
//! by who consumes. Over a cluster a look asks brokers, so it is rare.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_log::{EventLog, LogError, Positions, TopicPartition};

use crate::metrics::{CONSUMER_LAG, LAG_FAILURES};
use crate::projection::ProjectionError;
use crate::running::Stop;

/// A way to ask how far the projection has come.
pub(crate) type Progress = Arc<dyn Fn() -> Result<Positions, ProjectionError> + Send + Sync>;

/// After so many missed looks what the last one saw is not known any more.
const LOOKS_MISSED: u32 = 6;

/// Who reads what.
#[derive(Clone)]
pub(crate) struct Readers {
    pub(crate) log: Arc<dyn EventLog>,
    /// Processors with the topics of each.
    pub(crate) processors: Vec<(&'static str, Vec<&'static str>)>,
    /// The projection with its topics.
    pub(crate) projection: Option<(&'static str, Vec<&'static str>, Progress)>,
}

impl Readers {
    /// Visits every reader and topic with how many records it is behind, until the answer is no; whether it never was.
    ///
    /// Positions are read before the ends, so what is said to be taken in is taken in, and nothing that followed from it
    /// is overlooked.
    pub(crate) fn all(
        &self,
        mut visit: impl FnMut(&'static str, &str, u64) -> bool,
    ) -> Result<bool, LogError> {
        let mut read = Vec::new();
        for (name, topics) in &self.processors {
            read.push((*name, topics, self.log.committed(name)?));
        }
        if let Some((name, topics, progress)) = &self.projection {
            let progress = progress().map_err(|error| LogError::Unavailable {
                at: "the view store".into(),
                detail: error.to_string(),
            })?;
            read.push((*name, topics, progress));
        }
        for (name, topics, positions) in read {
            for topic in topics {
                let mut behind = 0;
                for partition in 0..self.log.partitions(topic)? {
                    let place = TopicPartition::new(*topic, partition);
                    let at = positions.get(&place).copied().unwrap_or(0);
                    behind += self.log.bounds(&place)?.1.saturating_sub(at);
                }
                if !visit(name, topic, behind) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// What the last look saw.
#[derive(Clone)]
pub(crate) struct Watch {
    every: Duration,
    last: Arc<Mutex<Option<(Instant, Result<(), String>)>>>,
}

impl Watch {
    pub(crate) fn new(every: Duration) -> Watch {
        Watch { every, last: Arc::default() }
    }

    /// Looks until everything stops.
    pub(crate) fn run(&self, readers: &Readers, stop: &Stop) {
        let failures = LAG_FAILURES.counter(&[]);
        while !stop.is_raised() {
            let looked = readers.all(|name, topic, behind| {
                CONSUMER_LAG.gauge(&[name, topic]).set(behind as f64);
                true
            });
            let looked = looked.map(|_| ()).map_err(|error| error.to_string());
            if let Err(why) = &looked {
                failures.increment(1);
                tracing::warn!(%why, "log and views cannot be looked at");
            }
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), looked));
            stop.sleep(self.every);
        }
    }

    /// Whether log and views answered lately.
    pub(crate) fn answers(&self) -> Result<(), String> {
        match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Err("log and views have not been looked at yet".into()),
            Some((at, _)) if at.elapsed() > self.every * LOOKS_MISSED + Duration::from_secs(10) => {
                Err(format!("log or views have not answered for {} s", at.elapsed().as_secs()))
            }
            Some((_, looked)) => looked.clone(),
        }
    }
}
