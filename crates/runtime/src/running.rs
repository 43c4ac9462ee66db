//! Starting, waiting, stopping.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gauntlet_domain::EventId;
use gauntlet_log::{Cleanup, EventLog, LogError, TopicConfig, TopicPartition};
use gauntlet_processor::machine::{Definition, StateError};
use gauntlet_processor::worker::{Data, Worker};
use gauntlet_wire::catalogue::Retention;
use gauntlet_wire::{CATALOGUE, Codec, WireError};

use crate::machine_slot;
use crate::projection::{self, Projection, ProjectionError};
use crate::worker_slot::{Pool, WorkerSlot, panic_message};

/// Sizes and times; none of them changes a result.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads that do the work of workers.
    pub workers: usize,
    /// Records that a slot takes in at once.
    pub batch_records: usize,
    /// How long a slot waits for records.
    pub poll_timeout: Duration,
    /// Records of a task between two snapshots of its state.
    pub snapshot_every_records: usize,
    /// Requests of one worker on their way at once.
    pub worker_queue: usize,
    /// Records that the projection takes in at once.
    pub projector_batch: usize,
    /// Number of this process among those that share the work: the slot that it takes in every group.
    pub slot: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            workers: 2,
            batch_records: 32_768,
            poll_timeout: machine_slot::POLL_TIMEOUT,
            snapshot_every_records: 20_000,
            worker_queue: 1024,
            projector_batch: 4096,
            slot: 0,
        }
    }
}

/// The flag that ends everything.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps, but not past the end.
    pub(crate) fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.is_raised() && Instant::now() < until {
            std::thread::sleep(
                Duration::from_millis(20).min(until.saturating_duration_since(Instant::now())),
            );
        }
    }

    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What ended a slot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlotError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("an output could not be written: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("request {0} has no answer: {1}")]
    Unanswerable(EventId, String),
    #[error("views: {0}")]
    Projection(#[from] ProjectionError),
}

/// What went wrong, where.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{processor}: {message}")]
pub struct Failure {
    /// The processor.
    pub processor: String,
    /// What was wrong and what to do.
    pub message: String,
    /// True when something outside is missing (disk, another owner), false for a broken invariant.
    pub outside: bool,
}

/// Everything at work.
pub struct Running {
    log: Arc<dyn EventLog>,
    definitions: Vec<Definition>,
    workers: Vec<Arc<dyn Worker>>,
    projected: Vec<&'static str>,
    progress: Option<Box<dyn Fn() -> Result<gauntlet_log::Positions, ProjectionError> + Send + Sync>>,
    stop: Stop,
    failure: Arc<Mutex<Option<Failure>>>,
    threads: Vec<JoinHandle<()>>,
    pool: Option<Arc<Pool>>,
}

/// What to run.
pub struct Parts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The codec.
    pub codec: Codec,
    /// Machines.
    pub definitions: Vec<Definition>,
    /// Workers.
    pub workers: Vec<Arc<dyn Worker>>,
    /// What workers read and store.
    pub data: Arc<dyn Data>,
    /// Names of the processors that run here, when the others run elsewhere; all are waited for.
    pub only: Option<Vec<&'static str>>,
    /// The projection, and a way to ask how far it has come.
    pub projection: Option<(
        Box<dyn Projection>,
        Box<dyn Fn() -> Result<gauntlet_log::Positions, ProjectionError> + Send + Sync>,
    )>,
}

/// Dead letters stay for so long.
const DEAD_LETTER_DAYS: u32 = 30;

fn days_of(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

/// The catalogue's topics and their dead letters, as an installation with so many partitions has them.
pub fn topics(partitions: u32) -> Vec<TopicConfig> {
    let topics = CATALOGUE.iter().flat_map(|topic| {
        let partitions = topic.partitions(partitions);
        let cleanup = match topic.retention {
            Retention::Forever => Cleanup::Keep,
            Retention::Compacted => Cleanup::Compact,
            Retention::Days(days) => Cleanup::DeleteAfter(days_of(days)),
        };
        [
            (topic.name.to_owned(), cleanup),
            (topic.dead_letters(), Cleanup::DeleteAfter(days_of(DEAD_LETTER_DAYS))),
        ]
        .map(|(name, cleanup)| TopicConfig { name, partitions, cleanup })
    });
    topics.collect()
}

/// The projection's name among processors.
pub const PROJECTOR: &str = "projector";

/// Starts the processors that run here. The topics are there.
pub fn start(parts: Parts, options: Options) -> Result<Running, LogError> {
    let cannot = |error: std::io::Error| LogError::Store(format!("cannot start a thread: {error}"));
    let pool = Arc::new(Pool::new(options.workers.max(1), options.worker_queue.max(1)).map_err(cannot)?);
    let mut running = Running {
        log: parts.log.clone(),
        definitions: parts.definitions.clone(),
        workers: parts.workers.clone(),
        projected: Vec::new(),
        progress: None,
        stop: Stop::default(),
        failure: Arc::default(),
        threads: Vec::new(),
        pool: Some(pool.clone()),
    };
    let is_here = |name: &str| parts.only.as_ref().is_none_or(|only| only.contains(&name));
    for definition in parts.definitions.into_iter().filter(|definition| is_here(definition.name)) {
        let (log, codec) = (parts.log.clone(), parts.codec.clone());
        running.spawn(definition.name, move |stop| {
            machine_slot::run(&*log, &codec, &definition, options.slot, &options, stop)
        })?;
    }
    for worker in parts.workers.into_iter().filter(|worker| is_here(worker.name())) {
        let (log, codec, data, pool) =
            (parts.log.clone(), parts.codec.clone(), parts.data.clone(), pool.clone());
        running.spawn(worker.name(), move |stop| {
            let (log, codec) = (&*log, &codec);
            WorkerSlot { log, codec, worker, data, pool: &pool, options: &options, stop }.run(options.slot)
        })?;
    }
    if let Some((mut projection, progress)) = parts.projection {
        running.projected = projection.topics();
        running.progress = Some(progress);
        let (log, codec) = (parts.log.clone(), parts.codec);
        if is_here(PROJECTOR) {
            running.spawn(PROJECTOR, move |stop| {
                projection::run(&*log, &codec, &mut *projection, &options, stop)
            })?;
        }
    }
    Ok(running)
}

impl Running {
    /// Runs a slot on a thread of its own; whatever ends it early is reported and ends the others.
    fn spawn(
        &mut self,
        name: &'static str,
        body: impl FnOnce(&Stop) -> Result<(), SlotError> + Send + 'static,
    ) -> Result<(), LogError> {
        let (stop, failure) = (self.stop.clone(), self.failure.clone());
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(|| body(&stop)));
            let (message, outside) = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    (error.to_string(), matches!(error, SlotError::Log(_) | SlotError::Projection(_)))
                }
                Err(panic) => (format!("panicked: {}", panic_message(&*panic)), false),
            };
            tracing::error!(processor = name, %message, "processor failed");
            let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(Failure { processor: name.into(), message, outside });
            stop.raise();
        });
        let thread = thread.map_err(|error| LogError::Store(format!("cannot start a thread: {error}")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// What went wrong, if anything did; then everything is stopping.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every input has been taken in and everything that follows from it is committed and projected.
    ///
    /// Positions and outputs are committed together, so when all positions are at the ends of their topics nothing is
    /// on its way; the ends are read last, so nothing can slip in between.
    pub fn is_quiet(&self) -> Result<bool, LogError> {
        let readers = self.definitions.iter().map(|d| (d.name, d.topics.to_vec()));
        let readers: Vec<_> =
            readers.chain(self.workers.iter().map(|w| (w.name(), vec![w.topic()]))).collect();
        let mut read = Vec::new();
        for (name, topics) in &readers {
            read.push((self.log.committed(name)?, topics));
        }
        let projected = match &self.progress {
            Some(progress) => progress().map_err(|error| LogError::Store(error.to_string()))?,
            None => gauntlet_log::Positions::new(),
        };
        for (committed, topics) in read {
            for topic in topics {
                for partition in 0..self.log.partitions(topic)? {
                    let place = TopicPartition::new(*topic, partition);
                    if committed.get(&place).copied().unwrap_or(0) < self.log.bounds(&place)?.1 {
                        return Ok(false);
                    }
                }
            }
        }
        projection::is_caught_up(&*self.log, &self.projected, &projected)
    }

    /// Waits until all is quiet; `tick` is called now and then and ends the waiting by answering false.
    pub fn wait_quiet(&self, mut tick: impl FnMut() -> bool) -> Result<bool, LogError> {
        loop {
            if self.failure().is_some() {
                return Ok(false);
            }
            if self.is_quiet()? {
                return Ok(true);
            }
            if !tick() {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A handle that stops everything, for signal handlers.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let stop = self.stop.clone();
        move || stop.raise()
    }

    /// Finishes the batches in hand, saves state, leaves. Gives the failure if there was one.
    pub fn stop(mut self) -> Result<(), Failure> {
        self.shut_down();
        match self.failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn shut_down(&mut self) {
        self.stop.raise();
        for thread in self.threads.drain(..) {
            // A thread's panic has been caught and reported by itself.
            let _ = thread.join();
        }
        self.pool.take();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}
