//! What a worker's slot does: hands requests to the pool and collects answers; what is committed is the contiguous prefix
//! of each partition that is answered.
//!
//! The work itself happens outside any commit. Answers may come in any order; positions move only over requests that
//! have been answered or are not this worker's, so a crash repeats work and loses none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use gauntlet_domain::{Event, Recorded, Timestamp};
use gauntlet_log::{Assignment, Member, NewRecord, Record, Task, TopicPartition};
use gauntlet_processor::data::{DataError, Ports};
use gauntlet_processor::topology::check_output;
use gauntlet_processor::worker::AnyWorker;
use gauntlet_wire::WireError;
use metrics::Histogram;

use crate::clock;
use crate::dead_letter::dead_letter;
use crate::events::{self, Cause};
use crate::failure::SlotError;
use crate::metrics::WORK_SECONDS;
use crate::observer::{Observations, Observer};
use crate::paused::PausedRecords;
use crate::pool::{Pool, answer_many};
use crate::slot::{self, Batch, Context, Demand, Next, Work};

/// Pause before a request that could not be answered yet is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Requests in one job at most: what is answered together is also done again together after a crash.
const LARGEST_JOB: usize = 64;
/// How long the slot waits for an answer before it looks around again.
const ANSWER_WAIT: Duration = Duration::from_millis(5);

/// Runs one slot of a worker until it is stopped.
pub(crate) fn run(
    context: Context<'_>,
    worker: &Arc<dyn AnyWorker>,
    ports: &Ports,
    pool: &Pool,
    observer: Observer,
) -> Result<(), SlotError> {
    let member = Member {
        processor: worker.name().into(),
        slot: context.options.slot,
        topics: vec![worker.topic().name.to_owned()],
        assignment: Assignment::CoPartitioned,
    };
    slot::run(context, &member, observer, || {
        let (returns, returned) = unbounded();
        let answering = Answering {
            worker: worker.clone(),
            ports: ports.clone(),
            work_seconds: WORK_SECONDS.histogram(&[worker.name()]),
            returns,
        };
        WorkerWork { context, answering, pool, in_flight: BTreeMap::new(), retries: Vec::new(), returned }
    })
}

/// A request and where it lies.
struct Request {
    partition: Arc<TopicPartition>,
    offset: u64,
    recorded: Recorded,
}

/// What came of one request.
enum Answered {
    Outcome { events: Vec<Event>, took: Duration, began: Timestamp },
    Retry(String),
    Unanswerable(String),
}

/// What a thread of the pool needs to answer requests of this slot.
#[derive(Clone)]
struct Answering {
    worker: Arc<dyn AnyWorker>,
    ports: Ports,
    work_seconds: Histogram,
    returns: Sender<(Request, Answered)>,
}

impl Answering {
    /// Answers the requests of one job.
    fn run(self, requests: Vec<Request>) {
        let (began, at) = (Instant::now(), clock::now());
        let events: Vec<&Event> = requests.iter().map(|request| &request.recorded.event).collect();
        let answers = answer_many(&*self.worker, &events, &self.ports);
        // What they took together is shared out.
        let took = began.elapsed() / u32::try_from(requests.len()).unwrap_or(u32::MAX).max(1);
        for (request, answer) in requests.into_iter().zip(answers) {
            let answered = match answer {
                Ok(events) => Answered::Outcome { events, took, began: at },
                Err(DataError::Retry(why)) => Answered::Retry(why),
                Err(DataError::Unavailable(why)) => Answered::Unanswerable(why),
            };
            self.work_seconds.record(took);
            // An error means that the slot has left: nobody waits for the answer, the request will be read again.
            let _ = self.returns.send((request, answered));
        }
    }
}

/// A record that is taken in and not committed.
struct InFlight {
    offset: u64,
    /// `None` until it is answered.
    outputs: Option<Vec<NewRecord>>,
    observations: Observations,
}

/// The requests of a slot.
struct WorkerWork<'a> {
    context: Context<'a>,
    answering: Answering,
    pool: &'a Pool,
    /// In the order of each partition.
    in_flight: BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
    /// Requests that could not be answered yet, with the time of the next attempt.
    retries: Vec<(Instant, Request)>,
    returned: Receiver<(Request, Answered)>,
}

impl WorkerWork<'_> {
    fn busy(&self) -> usize {
        self.in_flight.values().map(VecDeque::len).sum()
    }

    /// Hands requests to the pool: those that the worker answers better together in equal parts for all threads, every
    /// other one as a job of its own.
    fn hand_out(&self, requests: Vec<Request>) {
        let worker = &self.answering.worker;
        let (mut gathered, alone): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|request| worker.gathers(&request.recorded.event));
        let part = gathered.len().div_ceil(self.pool.threads().max(1)).clamp(1, LARGEST_JOB);
        let mut jobs: Vec<Vec<Request>> = alone.into_iter().map(|request| vec![request]).collect();
        while !gathered.is_empty() {
            jobs.push(gathered.drain(..part.min(gathered.len())).collect());
        }
        for job in jobs {
            let answering = self.answering.clone();
            self.pool.submit(job.len(), move || answering.run(job));
        }
    }

    /// An answer has come back. That of a task that was taken away finds no place any more and is dropped.
    fn place(
        &mut self,
        (request, answered): (Request, Answered),
        observer: &Observer,
    ) -> Result<(), SlotError> {
        let (partition, offset) = (&request.partition, request.offset);
        let waiting =
            self.in_flight.get_mut(partition).and_then(|queue| queue.iter_mut().find(|r| r.offset == offset));
        let Some(waiting) = waiting else { return Ok(()) };
        let processor = self.answering.worker.name();
        match answered {
            Answered::Unanswerable(why) => {
                return Err(SlotError::Unanswerable(request.recorded.event.id(), why));
            }
            Answered::Retry(why) => {
                tracing::warn!(processor, %partition, offset, %why, "request will be tried again");
                observer.retries.increment(1);
                self.retries.push((Instant::now() + RETRY_AFTER, request));
            }
            Answered::Outcome { events, took, began } => {
                let recorded_at = clock::now();
                let cause = || Cause {
                    input: Some(&request.recorded),
                    source: processor,
                    logic: Some(self.answering.worker.version()),
                    recorded_at,
                    took_micros: Some(i64::try_from(took.as_micros()).unwrap_or(i64::MAX)),
                    decided_at: None,
                };
                let records = events.iter().map(|event| {
                    check_output(self.answering.worker.name(), self.answering.worker.writes(), event)?;
                    Ok::<_, SlotError>(events::record(self.context.codec, event, cause())?)
                });
                waiting.outputs = Some(records.collect::<Result<_, _>>()?);
                let (seen, began) = (&mut waiting.observations, observer.began().map(|_| began));
                observer.handled(seen, &request.recorded, (partition, offset), events.iter(), began);
            }
        }
        Ok(())
    }

    /// What a record that was read becomes: a request for the pool, or nothing more to do.
    fn queue(&mut self, record: &Record, read: Result<Event, WireError>) -> Option<Request> {
        let queue = self.in_flight.entry(record.partition.clone()).or_default();
        let (worker, offset) = (&self.answering.worker, record.offset);
        let mut observations = Observations::default();
        observations.records(&record.partition, 1);
        let (outputs, request) = match read {
            Err(error) => {
                observations.dead_letter(error.name());
                (Some(vec![dead_letter(record, worker.name(), &error)]), None)
            }
            Ok(event) if !worker.is_mine(&event) => (Some(Vec::new()), None),
            Ok(event) => {
                let recorded = Recorded { envelope: events::envelope(record, &event), event };
                (None, Some(Request { partition: record.partition.clone(), offset, recorded }))
            }
        };
        queue.push_back(InFlight { offset, outputs, observations });
        request
    }
}

impl Work for WorkerWork<'_> {
    fn assigned(&mut self, _task: &Task, _observer: &mut Observer) -> Result<(), SlotError> {
        Ok(())
    }

    fn revoked(&mut self, task: &Task) {
        for partition in &task.partitions {
            self.in_flight.remove(partition);
            self.retries.retain(|(_, request)| *request.partition != *partition);
        }
    }

    fn demand(&self, paused: &PausedRecords) -> Demand {
        let Context { options, .. } = self.context;
        let (busy, queue) = (self.busy(), options.worker_queue);
        let room = if paused.has_room(queue) { queue.saturating_sub(busy + paused.len()) } else { 0 };
        if room == 0 && busy > 0 {
            return Demand::Wait;
        }
        let timeout = if busy == 0 { options.poll_timeout } else { Duration::ZERO };
        Demand::Records { room: room.min(options.batch_records), timeout }
    }

    fn take_in(
        &mut self,
        records: &[Record],
        paused: &mut PausedRecords,
        _observer: &Observer,
    ) -> Result<Next, SlotError> {
        let mut requests = Vec::new();
        for record in records {
            if let Some(read) = paused.read(self.context.codec, record) {
                requests.extend(self.queue(record, read));
            }
        }
        self.hand_out(requests);
        Ok(Next::Commit)
    }

    /// Takes every answer that has come back, and tries requests again whose pause is over.
    fn collect(&mut self, observer: &Observer) -> Result<(), SlotError> {
        while let Ok(answer) = self.returned.try_recv() {
            self.place(answer, observer)?;
        }
        if !self.retries.is_empty() {
            let now = Instant::now();
            let due = self.retries.extract_if(.., |(at, _)| *at <= now).map(|(_, request)| request).collect();
            self.hand_out(due);
        }
        Ok(())
    }

    /// Waits a little for an answer, if one is due.
    fn wait(&mut self, observer: &Observer) -> Result<(), SlotError> {
        if self.busy() > 0
            && let Ok(answer) = self.returned.recv_timeout(ANSWER_WAIT)
        {
            self.place(answer, observer)?;
        }
        Ok(())
    }

    /// The answers at the front of each partition, in order.
    fn finished(&mut self) -> Result<Option<Batch>, SlotError> {
        let mut batch = Batch::default();
        for (partition, queue) in &mut self.in_flight {
            while queue.front().is_some_and(|front| front.outputs.is_some()) {
                if let Some(InFlight { offset, outputs: Some(outputs), observations }) = queue.pop_front() {
                    batch.observations.merge(observations);
                    batch.commit.outputs.extend(outputs);
                    batch.commit.positions.insert(TopicPartition::clone(partition), offset + 1);
                }
            }
        }
        Ok((!batch.commit.positions.is_empty()).then_some(batch))
    }
}
