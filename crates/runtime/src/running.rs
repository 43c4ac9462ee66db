//! Starting, waiting, stopping.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gauntlet_domain::EventId;
use gauntlet_log::{Cleanup, EventLog, LogError, TopicConfig};
use gauntlet_processor::machine::{Definition, StateError};
use gauntlet_processor::worker::{Data, Worker};
use gauntlet_wire::catalogue::Retention;
use gauntlet_wire::{CATALOGUE, Codec, WireError};

use crate::machine_slot;
use crate::metrics::WORK_SECONDS;
use crate::observer::{Observer, Starting};
use crate::projection::{self, Projection, ProjectionError};
use crate::spans::Spans;
use crate::watch::{Readers, Watch};
use crate::worker_slot::{Pool, WorkerSlot, panic_message};

/// Sizes and times; none of them changes a result.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads that do the work of workers.
    pub workers: usize,
    /// Records between two commits, at most.
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
    /// Between two looks at how far readers are behind.
    pub watch_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            workers: 2,
            batch_records: 131_072,
            poll_timeout: machine_slot::POLL_TIMEOUT,
            snapshot_every_records: 20_000,
            worker_queue: 1024,
            projector_batch: 4096,
            slot: 0,
            watch_every: Duration::from_secs(1),
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
    readers: Readers,
    starting: Starting,
    watch: Watch,
    watching: Option<JoinHandle<()>>,
    stop: Stop,
    failure: Arc<Mutex<Option<Failure>>>,
    threads: Vec<JoinHandle<()>>,
    pool: Option<Arc<Pool>>,
}

/// What others run.
#[derive(Clone)]
pub struct Elsewhere {
    /// Whether somebody runs a processor, by its name.
    pub is_served: Arc<dyn Fn(&str) -> Result<bool, LogError> + Send + Sync>,
    /// For how long who has died counts.
    pub session: Duration,
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
    /// When those here run only what nobody else does.
    pub elsewhere: Option<Elsewhere>,
    /// The projection, and a way to ask how far it has come.
    pub projection: Option<(
        Box<dyn Projection>,
        Box<dyn Fn() -> Result<gauntlet_log::Positions, ProjectionError> + Send + Sync>,
    )>,
    /// Where finished spans go, if anybody wants them.
    pub spans: Option<Arc<dyn Spans>>,
}

/// Between two looks at whether a processor is still run elsewhere.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long the end waits for a look at the log that is under way.
const WATCH_PATIENCE: Duration = Duration::from_secs(5);

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
    let machines = parts.definitions.iter().map(|definition| (definition.name, definition.topics.to_vec()));
    let processors = machines.chain(parts.workers.iter().map(|worker| (worker.name(), vec![worker.topic()])));
    let mut readers = Readers { log: parts.log.clone(), processors: processors.collect(), projection: None };
    let projection = parts.projection.map(|(projection, progress)| {
        readers.projection = Some((PROJECTOR, projection.topics(), Arc::from(progress)));
        projection
    });
    let mut running = Running {
        readers,
        starting: Starting::default(),
        watch: Watch::new(options.watch_every),
        watching: None,
        stop: Stop::default(),
        failure: Arc::default(),
        threads: Vec::new(),
        pool: Some(pool.clone()),
    };
    let is_here = |name: &str| parts.only.as_ref().is_none_or(|only| only.contains(&name));
    let (spans, starting, elsewhere) = (parts.spans, running.starting.clone(), parts.elsewhere);
    let turn = |name| Turn { name, elsewhere: elsewhere.clone(), starting: starting.clone() };
    let observer = |name| Observer::new(name, spans.clone(), starting.clone());
    for definition in parts.definitions.into_iter().filter(|definition| is_here(definition.name)) {
        let (log, codec) = (parts.log.clone(), parts.codec.clone());
        let observer = observer(definition.name);
        running.spawn(turn(definition.name), move |stop| {
            machine_slot::run(&*log, &codec, &definition, &options, stop, observer)
        })?;
    }
    for worker in parts.workers.into_iter().filter(|worker| is_here(worker.name())) {
        let (log, codec, data, pool) =
            (parts.log.clone(), parts.codec.clone(), parts.data.clone(), pool.clone());
        let (observer, work_seconds) = (observer(worker.name()), WORK_SECONDS.histogram(&[worker.name()]));
        running.spawn(turn(worker.name()), move |stop| {
            let (log, codec) = (&*log, &codec);
            WorkerSlot { log, codec, worker, data, pool: &pool, options: &options, stop, work_seconds }
                .run(observer)
        })?;
    }
    if let Some(mut projection) = projection.filter(|_| is_here(PROJECTOR)) {
        let (log, codec, observer) = (parts.log.clone(), parts.codec, observer(PROJECTOR));
        running.spawn(turn(PROJECTOR), move |stop| {
            projection::run(&*log, &codec, &mut *projection, &options, stop, observer)
        })?;
    }
    // What others read elsewhere is theirs to watch.
    let mut watched = running.readers.clone();
    watched.processors.retain(|(name, _)| is_here(name));
    watched.projection = watched.projection.filter(|(name, ..)| is_here(name));
    let (watch, stop) = (running.watch.clone(), running.stop.clone());
    let thread = std::thread::Builder::new().name("watch".into());
    running.watching = Some(thread.spawn(move || watch.run(&watched, &stop)).map_err(cannot)?);
    Ok(running)
}

/// Whether a processor has to run here.
struct Turn {
    name: &'static str,
    elsewhere: Option<Elsewhere>,
    starting: Starting,
}

impl Turn {
    /// Comes at once, unless somebody elsewhere runs the processor. Who has died shows after a session, or somewhat later
    /// where brokers are slow.
    fn has_come(&self, stop: &Stop) -> Result<bool, SlotError> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(true) };
        let until = Instant::now() + 2 * elsewhere.session;
        while (elsewhere.is_served)(self.name)? {
            // Nothing here has to start for anything.
            self.starting.change(|names| {
                names.remove(self.name);
            });
            if stop.is_raised() || Instant::now() >= until {
                return Ok(false);
            }
            stop.sleep(LOOK_AGAIN);
        }
        Ok(true)
    }
}

impl Running {
    /// Runs a slot on a thread of its own if it is its turn; whatever ends it early is reported and ends the others.
    fn spawn(
        &mut self,
        turn: Turn,
        body: impl FnOnce(&Stop) -> Result<(), SlotError> + Send + 'static,
    ) -> Result<(), LogError> {
        let (name, stop, failure) = (turn.name, self.stop.clone(), self.failure.clone());
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            let ended =
                catch_unwind(AssertUnwindSafe(|| if turn.has_come(&stop)? { body(&stop) } else { Ok(()) }));
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
    /// on its way; the ends are read last, so nothing can slip in between. A processor that is still restoring its state may
    /// have something to give up that another version of its logic has begun.
    pub fn is_quiet(&self) -> Result<bool, LogError> {
        Ok(self.starting.names().is_empty() && self.readers.all(|_, _, behind| behind == 0)?)
    }

    /// Whether every processor here is at work, and log and views answer; or what is missing.
    pub fn readiness(&self) -> Result<(), String> {
        if let Some(failure) = self.failure() {
            return Err(failure.to_string());
        }
        if self.stop.is_raised() {
            return Err("stopping".into());
        }
        let starting = self.starting.names();
        if !starting.is_empty() {
            return Err(format!("starting or restoring: {}", starting.join(", ")));
        }
        self.watch.answers()
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
        // It may wait for a broker that is gone; nothing is lost with it.
        let until = Instant::now() + WATCH_PATIENCE;
        if let Some(thread) = self.watching.take() {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.pool.take();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}
