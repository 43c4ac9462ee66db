//! A worker's slot: hand requests to the pool, gather answers, commit the contiguous prefix of what is finished.
//!
//! The work itself happens outside any commit. Answers may come in any order; positions move only over requests that
//! have been answered or are not this worker's, so a crash repeats work and loses none. A request that cannot be read
//! yet makes its partition pause (`held.rs`).

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use gauntlet_domain::{Event, Recorded, Timestamp};
use gauntlet_log::{
    Assignment, Commit, CommitOutcome, EventLog, LogError, Member, NewRecord, Polled, Record, TopicPartition,
};
use gauntlet_processor::worker::{Data, DataError, Worker};
use gauntlet_wire::Codec;
use metrics::Histogram;

use crate::clock;
use crate::dead_letter::dead_letter;
use crate::events::{self, Cause};
use crate::held::Held;
use crate::metrics::PoolMetrics;
use crate::observer::{Observer, Seen};
use crate::running::{Options, SlotError, Stop};

/// How long a request that could not be answered yet rests.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A piece of work for the pool.
type Job = Box<dyn FnOnce() + Send>;

/// Threads that do the work of all workers.
pub(crate) struct Pool {
    jobs: Option<Sender<Job>>,
    metrics: PoolMetrics,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Pool {
    /// A pool of `threads` threads behind a bounded queue.
    pub(crate) fn new(threads: usize, queue: usize) -> std::io::Result<Pool> {
        let (sender, receiver) = bounded::<Job>(queue);
        let metrics = PoolMetrics::new(threads);
        let spawn = |i: usize| {
            let (receiver, metrics): (Receiver<Job>, _) = (receiver.clone(), metrics.clone());
            let work = move |job: Job| {
                metrics.waiting.decrement(1);
                metrics.busy.increment(1);
                job();
                metrics.busy.decrement(1);
            };
            std::thread::Builder::new()
                .name(format!("worker-{i}"))
                .spawn(move || receiver.iter().for_each(work))
        };
        let threads = (0..threads).map(spawn).collect::<Result<Vec<_>, _>>()?;
        Ok(Pool { jobs: Some(sender), metrics, threads })
    }

    fn sender(&self) -> Option<Sender<Job>> {
        self.jobs.clone()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs.take();
        for thread in self.threads.drain(..) {
            // Jobs catch their own panics.
            let _ = thread.join();
        }
    }
}

/// The answer to one request.
enum Answered {
    Outcome { events: Vec<Event>, took: Duration, began: Timestamp },
    Retry(String),
    Unanswerable(String),
}

/// Runs a request, whatever happens: a panic is an answer too, if the worker has one for it.
pub(crate) fn answer(worker: &dyn Worker, request: &Event, data: &dyn Data) -> Result<Vec<Event>, DataError> {
    match catch_unwind(AssertUnwindSafe(|| worker.run(request, data))) {
        Ok(answer) => answer,
        Err(panic) => {
            let message = panic_message(&*panic);
            let events = worker.panicked(request, &message);
            if events.is_empty() {
                Err(DataError::Unavailable(format!("panicked: {message}")))
            } else {
                Ok(events)
            }
        }
    }
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

/// One request on its way.
struct InFlight {
    offset: u64,
    outputs: Option<Vec<NewRecord>>,
    seen: Seen,
}

/// What runs a worker.
pub(crate) struct WorkerSlot<'a> {
    pub(crate) log: &'a dyn EventLog,
    pub(crate) codec: &'a Codec,
    pub(crate) worker: Arc<dyn Worker>,
    pub(crate) data: Arc<dyn Data>,
    pub(crate) pool: &'a Pool,
    pub(crate) options: &'a Options,
    pub(crate) stop: &'a Stop,
    pub(crate) work_seconds: Histogram,
}

/// An answer on its way back: partition, offset, request, answer.
type Returned = (Arc<TopicPartition>, u64, Arc<Recorded>, Answered);

impl WorkerSlot<'_> {
    /// Runs one slot until it is stopped.
    pub(crate) fn run(&self, mut observer: Observer) -> Result<(), SlotError> {
        let slot = self.options.slot;
        let name = self.worker.name();
        let topics = vec![self.worker.topic().to_owned()];
        let member = Member { processor: name.into(), slot, topics, assignment: Assignment::CoPartitioned };
        let Some(jobs) = self.pool.sender() else { return Ok(()) };
        'joined: loop {
            let mut port = self.log.join(member.clone())?;
            let (returns, returned) = unbounded::<Returned>();
            let mut in_flight: BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>> = BTreeMap::new();
            let mut resting: Vec<(Instant, Arc<TopicPartition>, u64, Arc<Recorded>)> = Vec::new();
            let mut held = Held::new(name);
            let mut assigned: Vec<u32> = Vec::new();
            while !self.stop.is_raised() {
                self.gather(&observer, &returned, &mut in_flight, &mut resting)?;
                if let Some((commit, seen)) = finished_prefix(&mut in_flight) {
                    match observer.commit(&mut *port, commit, seen)? {
                        CommitOutcome::Committed => {}
                        CommitOutcome::Fenced => {
                            return Err(LogError::Fenced { processor: name.into(), slot }.into());
                        }
                        CommitOutcome::Unknown => {
                            observer.rejoins.increment(1);
                            continue 'joined;
                        }
                    }
                }
                for (_, partition, offset, request) in take_rested(&mut resting) {
                    self.submit(&jobs, &returns, partition, offset, request);
                }
                for record in held.take_due().unwrap_or_default() {
                    self.take_in(&jobs, &returns, &mut in_flight, &mut held, &record);
                }
                let busy: usize = in_flight.values().map(VecDeque::len).sum();
                let queue = self.options.worker_queue;
                let room = if held.has_room(queue) { queue.saturating_sub(busy + held.len()) } else { 0 };
                observer.held.set(held.len() as f64);
                if room == 0 && busy > 0 {
                    self.wait(&observer, &returned, &mut in_flight, &mut resting)?;
                    continue;
                }
                let timeout = if busy == 0 { self.options.poll_timeout } else { Duration::ZERO };
                match held.poll(&mut *port, room.min(self.options.batch_records), timeout)? {
                    Polled::Idle if busy > 0 => {
                        self.wait(&observer, &returned, &mut in_flight, &mut resting)?
                    }
                    Polled::Idle => {}
                    Polled::Assigned(tasks) => {
                        assigned.extend(tasks.iter().map(|task| task.id));
                        observer.tasks(assigned.iter().copied());
                        for task in &tasks {
                            tracing::info!(processor = name, slot, task = task.id, "task assigned");
                        }
                    }
                    Polled::Revoked(tasks) => {
                        tasks.iter().for_each(|task| assigned.retain(|id| *id != task.id));
                        observer.tasks(assigned.iter().copied());
                        // Answers that come back later find no place any more and are dropped.
                        for partition in tasks.iter().flat_map(|task| &task.partitions) {
                            in_flight.remove(partition);
                            held.forget(std::slice::from_ref(partition));
                            resting.retain(|(_, of, ..)| **of != *partition);
                        }
                    }
                    Polled::Records(records) => {
                        for record in records {
                            self.take_in(&jobs, &returns, &mut in_flight, &mut held, &record);
                        }
                    }
                }
                observer.starts(false);
            }
            return Ok(());
        }
    }

    fn take_in(
        &self,
        jobs: &Sender<Job>,
        returns: &Sender<Returned>,
        in_flight: &mut BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
        held: &mut Held,
        record: &Record,
    ) {
        let Some(read) = held.read(self.codec, record) else { return };
        let queue = in_flight.entry(record.partition.clone()).or_default();
        let mut seen = Seen::default();
        seen.records(&record.partition, 1);
        match read {
            Err(error) => {
                let outputs = Some(vec![dead_letter(record, self.worker.name(), &error)]);
                seen.letter(error.name());
                queue.push_back(InFlight { offset: record.offset, outputs, seen });
            }
            Ok(event) if !self.worker.is_mine(&event) => {
                queue.push_back(InFlight { offset: record.offset, outputs: Some(Vec::new()), seen });
            }
            Ok(event) => {
                queue.push_back(InFlight { offset: record.offset, outputs: None, seen });
                let request = Recorded { envelope: events::envelope(record, &event), event };
                self.submit(jobs, returns, record.partition.clone(), record.offset, Arc::new(request));
            }
        }
    }

    fn submit(
        &self,
        jobs: &Sender<Job>,
        returns: &Sender<Returned>,
        partition: Arc<TopicPartition>,
        offset: u64,
        request: Arc<Recorded>,
    ) {
        let (worker, data, returns) = (self.worker.clone(), self.data.clone(), returns.clone());
        let work_seconds = self.work_seconds.clone();
        let job = move || {
            let (began, at) = (Instant::now(), clock::now());
            let answered = match answer(&*worker, &request.event, &*data) {
                Ok(events) => Answered::Outcome { events, took: began.elapsed(), began: at },
                Err(DataError::Retry(why)) => Answered::Retry(why),
                Err(DataError::Unavailable(why)) => Answered::Unanswerable(why),
            };
            work_seconds.record(began.elapsed());
            // The slot has left: nobody waits for the answer, the request will be read again.
            let _ = returns.send((partition, offset, request, answered));
        };
        self.pool.metrics.waiting.increment(1);
        // The pool outlives its slots.
        let _ = jobs.send(Box::new(job));
    }

    /// Takes in every answer that has come back.
    fn gather(
        &self,
        observer: &Observer,
        returned: &Receiver<Returned>,
        in_flight: &mut BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
        resting: &mut Vec<(Instant, Arc<TopicPartition>, u64, Arc<Recorded>)>,
    ) -> Result<(), SlotError> {
        while let Ok(answer) = returned.try_recv() {
            self.place(observer, answer, in_flight, resting)?;
        }
        Ok(())
    }

    /// Waits a little for an answer.
    fn wait(
        &self,
        observer: &Observer,
        returned: &Receiver<Returned>,
        in_flight: &mut BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
        resting: &mut Vec<(Instant, Arc<TopicPartition>, u64, Arc<Recorded>)>,
    ) -> Result<(), SlotError> {
        if let Ok(answer) = returned.recv_timeout(Duration::from_millis(5)) {
            self.place(observer, answer, in_flight, resting)?;
        }
        Ok(())
    }

    fn place(
        &self,
        observer: &Observer,
        (partition, offset, request, answered): Returned,
        in_flight: &mut BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
        resting: &mut Vec<(Instant, Arc<TopicPartition>, u64, Arc<Recorded>)>,
    ) -> Result<(), SlotError> {
        let entry =
            in_flight.get_mut(&partition).and_then(|queue| queue.iter_mut().find(|job| job.offset == offset));
        let Some(entry) = entry else { return Ok(()) };
        match answered {
            Answered::Unanswerable(why) => return Err(SlotError::Unanswerable(request.event.id(), why)),
            Answered::Retry(why) => {
                tracing::warn!(processor = self.worker.name(), %partition, offset, %why, "request will be tried again");
                observer.retries.increment(1);
                resting.push((Instant::now() + RETRY_AFTER, partition, offset, request));
            }
            Answered::Outcome { events, took, began } => {
                let recorded_at = clock::now();
                let took_micros = Some(i64::try_from(took.as_micros()).unwrap_or(i64::MAX));
                let cause = || Cause {
                    input: Some(&request),
                    source: self.worker.name(),
                    logic: Some(self.worker.version()),
                    recorded_at,
                    took_micros,
                    decided_at: None,
                };
                let records = events.iter().map(|event| events::record(self.codec, event, cause()));
                entry.outputs = Some(records.collect::<Result<_, _>>()?);
                let began = observer.began().map(|_| began);
                observer.handled(&mut entry.seen, &request, (&partition, offset), events.iter(), began);
            }
        }
        Ok(())
    }
}

fn take_rested(
    resting: &mut Vec<(Instant, Arc<TopicPartition>, u64, Arc<Recorded>)>,
) -> Vec<(Instant, Arc<TopicPartition>, u64, Arc<Recorded>)> {
    if resting.is_empty() {
        return Vec::new();
    }
    let now = Instant::now();
    resting.extract_if(.., |(until, ..)| *until <= now).collect()
}

/// The answers at the front of each partition, in order, as one commit; `None` when no front is finished.
fn finished_prefix(
    in_flight: &mut BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
) -> Option<(Commit, Seen)> {
    let (mut commit, mut all) = (Commit::default(), Seen::default());
    for (partition, queue) in in_flight {
        while queue.front().is_some_and(|front| front.outputs.is_some()) {
            if let Some(InFlight { offset, outputs: Some(outputs), seen }) = queue.pop_front() {
                all.merge(seen);
                commit.outputs.extend(outputs);
                commit.positions.insert(TopicPartition::clone(partition), offset + 1);
            }
        }
    }
    (!commit.positions.is_empty()).then_some((commit, all))
}
