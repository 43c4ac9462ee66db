//! What a worker's slot does: hands requests to the pool and collects answers; what is committed is the contiguous prefix
//! of each partition that is answered.
//!
//! The work itself happens outside any commit. Answers may come in any order; positions move only over requests that
//! have been answered, parked (`parked.rs`) or are not this worker's, so a crash repeats work and loses none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use gauntlet_domain::{Event, Recorded, Timestamp};
use gauntlet_log::{Assignment, Member, NewRecord, Positions, Record, Task, TopicPartition};
use gauntlet_processor::data::{DataError, Ports};
use gauntlet_processor::topology::check_output;
use gauntlet_processor::worker::AnyWorker;
use gauntlet_wire::{Codec, WireError};
use metrics::Histogram;

use crate::clock;
use crate::dead_letter::dead_letter;
use crate::events::{self, Cause};
use crate::failure::SlotError;
use crate::metrics::WORK_SECONDS;
use crate::observer::{Observations, Observer};
use crate::parked::{self, EndedExperiments, is_parked, park};
use crate::paused::PausedRecords;
use crate::pool::{Pool, answer_many};
use crate::slot::{self, Batch, Context, Demand, Next, Work};
use crate::waiting::{Board, Manner, Probe, WaitingRequests};

/// Requests in one job at most: what is answered together is also done again together after a crash.
const LARGEST_JOB: usize = 64;
/// How long the slot waits for an answer before it looks around again.
const ANSWER_WAIT: Duration = Duration::from_millis(5);
/// Time between two looks at which experiments have ended, while requests are parked.
const LOOK_FOR_ENDED: Duration = Duration::from_secs(1);

/// Runs one slot of a worker until it is stopped.
pub(crate) fn run(
    context: Context<'_>,
    worker: &Arc<dyn AnyWorker>,
    ports: &Ports,
    pool: &Pool,
    board: &Board,
    observer: Observer,
) -> Result<(), SlotError> {
    board.begins(worker.name());
    let member = Member {
        processor: worker.name().into(),
        slot: context.options.slot,
        topics: vec![worker.topic().name.to_owned(), worker.topic().parked()],
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
        WorkerWork {
            context,
            answering,
            pool,
            in_flight: BTreeMap::new(),
            waiting: WaitingRequests::new(worker.name(), board.clone()),
            said: BTreeSet::new(),
            released: VecDeque::new(),
            ended: EndedExperiments::default(),
            looked_for_ended: None,
            returned,
        }
    })
}

/// A request and where it lies.
struct Request {
    record: Record,
    recorded: Recorded,
    /// Set when it is tried again for all that wait for the same.
    probe: Option<Probe>,
}

/// What came of one request.
enum Answered {
    Outcome { events: Vec<Event>, took: Duration, began: Timestamp },
    Wait(Manner, String),
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
                Err(DataError::Retry(why)) => Answered::Wait(Manner::InPlace, why),
                Err(DataError::Unavailable(why)) => Answered::Wait(Manner::Parked, why),
                Err(DataError::Broken(why)) => Answered::Unanswerable(why),
            };
            self.work_seconds.record(took);
            // An error means that the slot has left: nobody waits for the answer, the request will be read again.
            let _ = self.returns.send((request, answered));
        }
    }
}

impl Answering {
    /// The records of an answer.
    fn records(
        &self,
        codec: &Codec,
        request: &Request,
        events: &[Event],
        took: Duration,
    ) -> Result<Vec<NewRecord>, SlotError> {
        let recorded_at = clock::now();
        let cause = || Cause {
            input: Some(&request.recorded),
            source: self.worker.name(),
            logic: Some(self.worker.version()),
            recorded_at,
            took_micros: Some(i64::try_from(took.as_micros()).unwrap_or(i64::MAX)),
            decided_at: None,
        };
        let record = |event| {
            check_output(self.worker.name(), self.worker.writes(), event)?;
            Ok(events::record(codec, event, cause())?)
        };
        events.iter().map(record).collect()
    }
}

/// A record that is taken in and not committed.
struct InFlight {
    offset: u64,
    /// `None` until it is answered.
    outputs: Option<Vec<NewRecord>>,
    /// The copy that parks it again; a parked request has one while it waits.
    again: Option<NewRecord>,
    observations: Observations,
}

/// The requests of a slot.
struct WorkerWork<'a> {
    context: Context<'a>,
    answering: Answering,
    pool: &'a Pool,
    /// In the order of each partition.
    in_flight: BTreeMap<Arc<TopicPartition>, VecDeque<InFlight>>,
    /// Requests that cannot be answered now.
    waiting: WaitingRequests<Request>,
    /// Causes that were said, each once until it is over.
    said: BTreeSet<String>,
    /// Requests that have waited and need not any more.
    released: VecDeque<Request>,
    ended: EndedExperiments,
    looked_for_ended: Option<Instant>,
    returned: Receiver<(Request, Answered)>,
}

impl WorkerWork<'_> {
    /// Requests on their way: those that are parked are not.
    fn busy(&self) -> usize {
        let all: usize = self.in_flight.values().map(VecDeque::len).sum();
        all.saturating_sub(self.waiting.parked() + self.released.len())
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
        let (partition, offset) = (&request.record.partition, request.record.offset);
        let waiting =
            self.in_flight.get_mut(partition).and_then(|queue| queue.iter_mut().find(|r| r.offset == offset));
        if let Some(probe) = &request.probe {
            let waits_on = matches!(&answered, Answered::Wait(manner, why) if probe.waits_for(*manner, why));
            if waiting.is_none() || !waits_on {
                self.released.extend(self.waiting.over(probe));
                self.said.remove(probe.why());
            }
        }
        let Some(waiting) = waiting else { return Ok(()) };
        match answered {
            Answered::Unanswerable(why) => {
                return Err(SlotError::Unanswerable(request.recorded.event.id(), why));
            }
            Answered::Wait(Manner::Parked, why) if !is_parked(partition) => {
                if self.said.insert(why.clone()) {
                    let processor = self.answering.worker.name();
                    tracing::warn!(processor, %why, "requests are parked");
                }
                waiting.outputs = Some(vec![park(self.answering.worker.topic(), &request.record, &why)]);
            }
            Answered::Wait(manner, why) => {
                if manner == Manner::InPlace && self.said.insert(why.clone()) {
                    let processor = self.answering.worker.name();
                    tracing::warn!(processor, %why, "requests wait and are tried again");
                }
                observer.retries.increment(1);
                if is_parked(partition) {
                    waiting.again = Some(park(self.answering.worker.topic(), &request.record, &why));
                }
                let probe = request.probe.clone();
                self.waiting.add(manner, why, Request { probe: None, ..request }, probe.as_ref());
            }
            Answered::Outcome { events, took, began } => {
                let outputs = self.answering.records(self.context.codec, &request, &events, took)?;
                waiting.outputs = Some(outputs);
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
        if !is_parked(&record.partition) {
            observations.records(&record.partition, 1);
        }
        let (outputs, request) = match read {
            Err(error) => {
                observations.dead_letter(error.name());
                (Some(vec![dead_letter(record, worker.name(), &error)]), None)
            }
            Ok(event) if !worker.is_mine(&event) => (Some(Vec::new()), None),
            Ok(event) => {
                let recorded = Recorded { envelope: events::envelope(record, &event), event };
                (None, Some(Request { record: record.clone(), recorded, probe: None }))
            }
        };
        let again = request.as_ref().filter(|_| is_parked(&record.partition));
        let again = again.map(|request| park(worker.topic(), &request.record, &parked::why(record)));
        queue.push_back(InFlight { offset, outputs, again, observations });
        request
    }

    /// Drops parked requests of experiments that have ended.
    fn drop_ended(&mut self) -> Result<(), SlotError> {
        let looked = self.looked_for_ended.is_some_and(|at| at.elapsed() < LOOK_FOR_ENDED);
        if looked || self.waiting.parked() == 0 {
            return Ok(());
        }
        self.looked_for_ended = Some(Instant::now());
        let WorkerWork { ended, context, waiting, in_flight, .. } = self;
        ended.refresh(context.log, context.codec)?;
        let has_ended = |request: &Request| {
            is_parked(&request.record.partition) && ended.has_ended(&request.recorded.event)
        };
        for Request { record, .. } in waiting.extract(has_ended) {
            let queue = in_flight.get_mut(&record.partition);
            if let Some(waiting) =
                queue.and_then(|queue| queue.iter_mut().find(|r| r.offset == record.offset))
            {
                waiting.outputs = Some(Vec::new());
            }
        }
        Ok(())
    }

    /// Tries again what need not wait any more, as far as there is room, and one request of each group that is due.
    fn try_again(&mut self) {
        let room = self.context.options.worker_queue.saturating_sub(self.busy());
        let mut requests: Vec<Request> = self.released.drain(..room.min(self.released.len())).collect();
        let due = self.waiting.due().into_iter();
        requests.extend(due.map(|(probe, request)| Request { probe: Some(probe), ..request }));
        self.hand_out(requests);
    }

    /// Parked requests that wait before one that is answered are parked again, behind it.
    fn park_again(&mut self) -> (Vec<NewRecord>, Positions) {
        let (mut outputs, mut positions) = (Vec::new(), Positions::new());
        for (partition, queue) in &mut self.in_flight {
            let Some(answered) = queue.iter().rposition(|r| r.outputs.is_some()) else { continue };
            let waiting = queue.iter().take(answered).take_while(|r| r.outputs.is_none());
            let count = waiting.take_while(|r| r.again.is_some()).count();
            if count == 0 {
                continue;
            }
            let offsets: BTreeSet<u64> = queue.iter().take(count).map(|r| r.offset).collect();
            let here = |request: &Request| {
                request.record.partition == *partition && offsets.contains(&request.record.offset)
            };
            self.waiting.extract(here);
            self.released.retain(|request| !here(request));
            for InFlight { offset, again, .. } in queue.drain(..count) {
                outputs.extend(again);
                positions.insert(TopicPartition::clone(partition), offset + 1);
            }
        }
        (outputs, positions)
    }
}

impl Work for WorkerWork<'_> {
    fn assigned(&mut self, _task: &Task, _observer: &mut Observer) -> Result<(), SlotError> {
        Ok(())
    }

    fn revoked(&mut self, task: &Task) {
        for partition in &task.partitions {
            self.in_flight.remove(partition);
            let is_of_it = |request: &Request| *request.record.partition == *partition;
            self.waiting.extract(is_of_it);
            self.released.retain(|request| !is_of_it(request));
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
            let Some(read) = paused.read(self.context.codec, record) else { continue };
            match self.queue(record, read) {
                Some(request) if is_parked(&record.partition) => {
                    self.waiting.add_untried(parked::why(record), request);
                }
                request => requests.extend(request),
            }
        }
        self.hand_out(requests);
        Ok(Next::Commit)
    }

    /// Takes every answer that has come back, and tries again what has waited.
    fn collect(&mut self, observer: &Observer) -> Result<(), SlotError> {
        while let Ok(answer) = self.returned.try_recv() {
            self.place(answer, observer)?;
        }
        self.drop_ended()?;
        self.try_again();
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
        (batch.commit.outputs, batch.commit.positions) = self.park_again();
        for (partition, queue) in &mut self.in_flight {
            while queue.front().is_some_and(|front| front.outputs.is_some()) {
                if let Some(InFlight { offset, outputs: Some(outputs), observations, .. }) = queue.pop_front()
                {
                    batch.observations.merge(observations);
                    batch.commit.outputs.extend(outputs);
                    batch.commit.positions.insert(TopicPartition::clone(partition), offset + 1);
                }
            }
        }
        Ok((!batch.commit.positions.is_empty()).then_some(batch))
    }
}
