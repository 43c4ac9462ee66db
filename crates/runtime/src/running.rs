//! Starting, waiting, stopping.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gauntlet_log::{EventLog, LogError};
use gauntlet_processor::Access;
use gauntlet_processor::data::Ports;
use gauntlet_processor::machine::Definition;
use gauntlet_processor::worker::AnyWorker;
use gauntlet_wire::Codec;

use crate::failure::{Failure, SlotError};
use crate::lag::{LagMonitor, Readers};
use crate::observer::{Observer, Starting};
use crate::options::Options;
use crate::pool::Pool;
use crate::projection::Projection;
use crate::slot::Context;
use crate::spans::Spans;
use crate::stop::Stop;
use crate::upkeep::Upkeep;
use crate::waiting::{Board, Manner, Waiting};
use crate::{machine_slot, projection_slot, upkeep, worker_slot};

/// What to run.
pub struct Parts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The codec.
    pub codec: Codec,
    /// Machines.
    pub definitions: Vec<Definition>,
    /// Workers.
    pub workers: Vec<Arc<dyn AnyWorker>>,
    /// What workers read and store; each gets what it declares.
    pub data: Ports,
    /// Projections, each with a name of its own.
    pub projections: Vec<Arc<dyn Projection>>,
    /// Work beside them that nobody waits for.
    pub upkeep: Vec<Arc<dyn Upkeep>>,
    /// Names of the processors that run here, when the others run elsewhere; all are waited for.
    pub only: Option<Vec<&'static str>>,
    /// When those here run only what nobody else does.
    pub elsewhere: Option<Elsewhere>,
    /// Where finished spans go, if anybody wants them.
    pub spans: Option<Arc<dyn Spans>>,
}

/// What other processes run.
#[derive(Clone)]
pub struct Elsewhere {
    /// Whether another process runs a processor, by its name.
    pub is_served: Arc<dyn Fn(&str) -> Result<bool, LogError> + Send + Sync>,
    /// Session timeout: how long a dead member keeps its partitions.
    pub session: Duration,
}

/// Time between two looks at whether a processor is still run elsewhere.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long stopping waits for a measurement of the lag that is under way.
const MONITOR_PATIENCE: Duration = Duration::from_secs(5);

/// Everything at work.
pub struct Running {
    readers: Readers,
    starting: Starting,
    waiting: Board,
    /// Workers that run here, with the topic of parked requests of each.
    parking: Vec<(&'static str, String)>,
    monitor: LagMonitor,
    monitoring: Option<JoinHandle<()>>,
    stop: Stop,
    failure: Arc<Mutex<Option<Failure>>>,
    threads: Vec<JoinHandle<()>>,
    pool: Option<Arc<Pool>>,
}

/// Starts the processors that run here. The topics are there.
pub fn start(parts: Parts, options: Options) -> Result<Running, LogError> {
    let pool = Pool::new(options.workers.max(1), options.worker_queue.max(1))
        .map_err(|error| LogError::no_thread(&error))?;
    let mut running = Running {
        readers: readers(&parts),
        starting: Starting::default(),
        waiting: Board::default(),
        parking: Vec::new(),
        monitor: LagMonitor::new(options.watch_every),
        monitoring: None,
        stop: Stop::default(),
        failure: Arc::default(),
        threads: Vec::new(),
        pool: Some(Arc::new(pool)),
    };
    let only = parts.only.clone();
    let is_here = |name: &str| only.as_ref().is_none_or(|only| only.contains(&name));
    running.spawn_slots(parts, options, is_here)?;
    running.spawn_monitor(is_here)?;
    Ok(running)
}

/// Everybody who reads, here and elsewhere.
fn readers(parts: &Parts) -> Readers {
    let read = |access: Access| (access.name, access.reads.iter().map(|topic| topic.name).collect());
    let machines = parts.definitions.iter().map(Definition::access).map(read);
    let workers = parts.workers.iter().map(|worker| worker.access()).map(read);
    let (log, projections) = (parts.log.clone(), parts.projections.clone());
    Readers { log, processors: machines.chain(workers).collect(), projections }
}

/// Whether a processor has to run here.
struct Turn {
    name: &'static str,
    elsewhere: Option<Elsewhere>,
    starting: Starting,
}

impl Turn {
    /// At once, unless another process runs the processor. That a member has died shows after a session, or somewhat later
    /// where brokers are slow.
    fn is_due(&self, stop: &Stop) -> Result<bool, SlotError> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(true) };
        let until = Instant::now() + 2 * elsewhere.session;
        while (elsewhere.is_served)(self.name)? {
            // This process need not wait for it to be ready.
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
    /// Starts a thread for each processor that runs here.
    fn spawn_slots(
        &mut self,
        parts: Parts,
        options: Options,
        is_here: impl Fn(&str) -> bool,
    ) -> Result<(), LogError> {
        let Parts { log, codec, definitions, workers, data, projections, upkeep, elsewhere, spans, .. } =
            parts;
        let starting = self.starting.clone();
        let turn = |name| Turn { name, elsewhere: elsewhere.clone(), starting: starting.clone() };
        let observer = |name| Observer::new(name, spans.clone(), starting.clone());
        // What each thread keeps for its slot.
        let shared = || (log.clone(), codec.clone());
        for definition in definitions.into_iter().filter(|definition| is_here(definition.name)) {
            let ((log, codec), observer) = (shared(), observer(definition.name));
            self.spawn(turn(definition.name), move |stop| {
                let context = Context { log: &*log, codec: &codec, options: &options, stop };
                machine_slot::run(context, &definition, observer)
            })?;
        }
        for worker in workers.into_iter().filter(|worker| is_here(worker.name())) {
            let ((log, codec), observer) = (shared(), observer(worker.name()));
            let (data, pool, board) = (data.clone(), self.pool.clone(), self.waiting.clone());
            self.parking.push((worker.name(), worker.topic().parked()));
            self.spawn(turn(worker.name()), move |stop| {
                let context = Context { log: &*log, codec: &codec, options: &options, stop };
                let Some(pool) = &pool else { return Ok(()) };
                worker_slot::run(context, &worker, &data, pool, &board, observer)
            })?;
        }
        for projection in projections.into_iter().filter(|projection| is_here(projection.name())) {
            let ((log, codec), observer) = (shared(), observer(projection.name()));
            self.spawn(turn(projection.name()), move |stop| {
                let context = Context { log: &*log, codec: &codec, options: &options, stop };
                projection_slot::run(context, &*projection, observer)
            })?;
        }
        for upkeep in upkeep.into_iter().filter(|upkeep| is_here(upkeep.name())) {
            let ((log, codec), observer) = (shared(), observer(upkeep.name()));
            self.spawn(turn(upkeep.name()), move |stop| {
                let context = Context { log: &*log, codec: &codec, options: &options, stop };
                upkeep::run(context, &*upkeep, observer)
            })?;
        }
        Ok(())
    }

    /// Runs a slot on a thread of its own if it is its turn; whatever ends it early is reported and ends the others.
    fn spawn(
        &mut self,
        turn: Turn,
        body: impl FnOnce(&Stop) -> Result<(), SlotError> + Send + 'static,
    ) -> Result<(), LogError> {
        let (name, stop, failure) = (turn.name, self.stop.clone(), self.failure.clone());
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            let ended =
                catch_unwind(AssertUnwindSafe(|| if turn.is_due(&stop)? { body(&stop) } else { Ok(()) }));
            let failed = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => Failure::of(name, &error),
                Err(panic) => Failure::of_panic(name, &*panic),
            };
            tracing::error!(processor = name, message = %failed.message, "processor failed");
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
            stop.raise();
        });
        self.threads.push(thread.map_err(|error| LogError::no_thread(&error))?);
        Ok(())
    }

    /// Starts the thread that measures how far the readers here are behind.
    fn spawn_monitor(&mut self, is_here: impl Fn(&str) -> bool) -> Result<(), LogError> {
        let mut readers = self.readers.clone();
        readers.processors.retain(|(name, _)| is_here(name));
        readers.projections.retain(|projection| is_here(projection.name()));
        let (monitor, stop) = (self.monitor.clone(), self.stop.clone());
        let thread = std::thread::Builder::new().name("lag".into());
        let thread = thread
            .spawn(move || monitor.run(&readers, &stop))
            .map_err(|error| LogError::no_thread(&error))?;
        self.monitoring = Some(thread);
        Ok(())
    }

    /// What went wrong, if anything did; then everything is stopping.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every input has been taken in and everything that follows from it is committed and projected; what is
    /// parked has been tried and has to wait.
    /// A processor that is still restoring its state may have something to give up that another version of its logic began.
    pub fn is_quiet(&self) -> Result<bool, LogError> {
        Ok(self.starting.names().is_empty()
            && self.readers.have_read_everything()?
            && self.has_tried_what_is_parked()?)
    }

    fn has_tried_what_is_parked(&self) -> Result<bool, LogError> {
        // What another process works on it tries, or has tried.
        for (worker, topic) in self.parking.iter().filter(|(worker, _)| self.waiting.is_at_work(worker)) {
            let behind = self.readers.behind(topic, &self.readers.log.committed(worker)?)?;
            if behind > self.waiting.parked(worker) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tries now what is parked, however long its pause is. All is quiet again when that has been done.
    pub fn try_parked(&self) {
        self.waiting.call();
    }

    /// Requests that cannot be answered now, by what they wait for.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.waiting.all()
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
        let silent = self.waiting().into_iter().find(|waiting| waiting.manner == Manner::InPlace);
        if let Some(Waiting { processor, why, since, .. }) = silent {
            return Err(format!("{processor} waits since {since}: {why}"));
        }
        self.monitor.answers()
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
        let until = Instant::now() + MONITOR_PATIENCE;
        if let Some(thread) = self.monitoring.take() {
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
