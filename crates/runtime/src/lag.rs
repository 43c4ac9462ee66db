//! How far every reader is behind, and whether log and views answer: measured now and then by a thread of its own, never
//! by a thread that consumes. On a cluster a measurement asks brokers, so it is rare.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_log::{EventLog, LogError, Positions, TopicPartition};
use metrics::Counter;

use crate::metrics::{CONSUMER_LAG, LAG_FAILURES};
use crate::projection::{Projection, ProjectionError};
use crate::stop::Stop;

/// After so many missed measurements the last one counts no more.
const MISSED: u32 = 6;

/// Who reads what.
#[derive(Clone)]
pub(crate) struct Readers {
    pub(crate) log: Arc<dyn EventLog>,
    /// Processors with the topics of each.
    pub(crate) processors: Vec<(&'static str, Vec<&'static str>)>,
    /// Projections, which keep their positions themselves.
    pub(crate) projections: Vec<Arc<dyn Projection>>,
}

/// How far a reader has come.
struct Reader {
    name: &'static str,
    topics: Vec<&'static str>,
    positions: Result<Positions, ProjectionError>,
}

impl Readers {
    /// All readers with their positions.
    fn positions(&self) -> Result<Vec<Reader>, LogError> {
        let mut readers = Vec::new();
        for &(name, ref topics) in &self.processors {
            let positions = Ok(self.log.committed(name)?);
            readers.push(Reader { name, topics: topics.clone(), positions });
        }
        readers.extend(self.projections.iter().map(|projection| Reader {
            name: projection.name(),
            topics: projection.topics(),
            positions: projection.progress(),
        }));
        Ok(readers)
    }

    /// Records of a topic behind these positions.
    pub(crate) fn behind(&self, topic: &str, positions: &Positions) -> Result<u64, LogError> {
        let mut behind = 0;
        for partition in 0..self.log.partitions(topic)? {
            let place = TopicPartition::new(topic, partition);
            let at = positions.get(&place).copied().unwrap_or(0);
            behind += self.log.bounds(&place)?.1.saturating_sub(at);
        }
        Ok(behind)
    }

    /// Whether every reader has read everything.
    ///
    /// Positions and outputs are committed together, so when all positions are at the ends of their topics nothing is
    /// on its way. All positions are read before the first end, so nothing that followed from them is overlooked.
    pub(crate) fn have_read_everything(&self) -> Result<bool, LogError> {
        for reader in self.positions()? {
            let positions = match reader.positions {
                Ok(positions) => positions,
                // Its positions are not known now, so nobody can say that it is at the end.
                Err(ProjectionError::Retry(_)) => return Ok(false),
                Err(error) => {
                    return Err(LogError::Unavailable {
                        at: format!("what the projection {} writes to", reader.name),
                        detail: error.to_string(),
                    });
                }
            };
            for topic in &reader.topics {
                if self.behind(topic, &positions)? > 0 {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Tells how many records each reader is behind on each topic. A projection whose progress cannot be read does not
    /// keep the others from being measured; it is an error in the end, unless it only has to be tried again.
    fn measure(
        &self,
        failures: &Counter,
        mut visit: impl FnMut(&'static str, &str, u64),
    ) -> Result<(), String> {
        let mut failed = None;
        for Reader { name, topics, positions } in self.positions().map_err(|error| error.to_string())? {
            match positions {
                Ok(positions) => {
                    for topic in topics {
                        visit(
                            name,
                            topic,
                            self.behind(topic, &positions).map_err(|error| error.to_string())?,
                        );
                    }
                }
                Err(ProjectionError::Retry(why)) => {
                    tracing::warn!(processor = name, %why, "lag cannot be measured");
                    failures.increment(1);
                }
                Err(error) => {
                    failed.get_or_insert(format!("{name}: {error}"));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// The last measurement.
#[derive(Clone)]
pub(crate) struct LagMonitor {
    every: Duration,
    last: Arc<Mutex<Option<(Instant, Result<(), String>)>>>,
}

impl LagMonitor {
    pub(crate) fn new(every: Duration) -> LagMonitor {
        LagMonitor { every, last: Arc::default() }
    }

    /// Measures until everything stops.
    pub(crate) fn run(&self, readers: &Readers, stop: &Stop) {
        let failures = LAG_FAILURES.counter(&[]);
        while !stop.is_raised() {
            let measured = readers.measure(&failures, |name, topic, behind| {
                CONSUMER_LAG.gauge(&[name, topic]).set(behind as f64);
            });
            if let Err(why) = &measured {
                failures.increment(1);
                tracing::warn!(%why, "lag cannot be measured");
            }
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), measured));
            stop.sleep(self.every);
        }
    }

    /// Whether log and views answered lately.
    pub(crate) fn answers(&self) -> Result<(), String> {
        match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Err("log and views have not been looked at yet".into()),
            Some((at, _)) if at.elapsed() > self.every * MISSED + Duration::from_secs(10) => {
                Err(format!("log or views have not answered for {} s", at.elapsed().as_secs()))
            }
            Some((_, measured)) => measured.clone(),
        }
    }
}
