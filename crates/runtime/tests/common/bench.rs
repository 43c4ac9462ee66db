//! A machine, a worker and a log in memory that tests of the runtime drive, with commands that make them misbehave.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gauntlet_domain::market::{CreateSnapshot, SnapshotDue};
use gauntlet_domain::topics::{DATA_COMMANDS, DATA_REQUESTS, DATA_SNAPSHOTS};
use gauntlet_domain::{ContentHash, Event, Input, InstrumentId, Timestamp, Topic};
use gauntlet_log::{EventLog, LocalLog, NewRecord, Record, TopicPartition};
use gauntlet_processor::data::{DataError, Ports};
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use gauntlet_processor::worker::{Answer, Answering, AnyWorker, Worker};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::replay::{Outcome, Replay};
use gauntlet_runtime::spans::Spans;
use gauntlet_runtime::{Options, Parts, Projection, Running, Upkeep, restore};
use gauntlet_wire::Codec;

/// Answers every command with its request, once; panics on an instrument of the venue PANIC, refuses the venue REFUSED,
/// puts out a record on a topic that it does not declare for the venue ASTRAY.
#[derive(Default)]
struct Echo {
    seen: BTreeSet<String>,
}

impl Machine for Echo {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let Event::CreateSnapshot(command) = input.event else { return Vec::new() };
        assert!(!command.instrument.ends_with(".PANIC"), "the echo cannot bear {}", command.instrument);
        if self.refuses(input).is_some() || !self.seen.insert(command.instrument.clone()) {
            return Vec::new();
        }
        if command.instrument.ends_with(".ASTRAY") {
            return vec![Output::new(command.clone())];
        }
        let CreateSnapshot { snapshot_id, instrument, spec, from, to, .. } = command.clone();
        vec![Output::new(SnapshotDue { snapshot_id, instrument, spec, from, to, revision: 0 })]
    }

    fn refuses(&self, input: Input<'_>) -> Option<String> {
        let Event::CreateSnapshot(command) = input.event else { return None };
        command.instrument.ends_with(".REFUSED").then(|| format!("nobody trades {}", command.instrument))
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(&self.seen)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.seen = serde_json::from_slice(bytes)?;
        Ok(())
    }
}

pub const ECHO: Definition = Definition {
    name: "market-data",
    version: "1",
    reads: &[&DATA_COMMANDS],
    inputs: Inputs::CoPartitioned,
    writes: &[&DATA_REQUESTS],
    races_on: &[],
    recalls: &[],
    create: || Box::<Echo>::default(),
};

/// Answers requests; panics on the venue FALLS, cannot answer the venue LATER the first three times, leaves the venue
/// OUTSIDE to somebody else, answers the venue LOST on a topic that it does not declare.
#[derive(Default)]
pub struct Sealer {
    refused: AtomicU32,
    pub asked: AtomicU32,
    /// Venues whose data are missing.
    pub gone: Mutex<BTreeSet<&'static str>>,
}

/// Rows in the answer of a worker that panicked.
pub const PANICKED: i64 = -1;

pub fn sealed(due: &SnapshotDue, rows: i64, why: &str) -> Vec<Event> {
    vec![due.sealed(ContentHash::of(why.as_bytes()), rows).into()]
}

impl Worker for Sealer {
    fn name(&self) -> &'static str {
        "snapshots"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn topic(&self) -> &'static Topic {
        &DATA_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&DATA_SNAPSHOTS]
    }

    fn is_mine(&self, request: &Event) -> bool {
        !matches!(request, Event::SnapshotDue(due) if due.instrument.ends_with(".OUTSIDE"))
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        let Event::SnapshotDue(due) = request else { return Vec::new() };
        sealed(due, PANICKED, message)
    }
}

impl Answering for Sealer {
    type Data<'a> = ();

    fn run(&self, request: &Event, (): ()) -> Answer {
        let Event::SnapshotDue(due) = request else { return Ok(Vec::new()) };
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(!due.instrument.ends_with(".FALLS"), "over a cliff");
        if due.instrument.ends_with(".LATER") && self.refused.fetch_add(1, Ordering::Relaxed) < 3 {
            return Err(DataError::Retry("the place is closed".into()));
        }
        let venue = due.instrument.rsplit('.').next().unwrap_or_default();
        if self.gone.lock().unwrap().contains(venue) {
            return Err(DataError::Unavailable(format!("{venue} is missing")));
        }
        if due.instrument.ends_with(".LOST") {
            return Ok(vec![request.clone()]);
        }
        Ok(sealed(due, 7, ""))
    }
}

pub struct Bench {
    pub log: Arc<LocalLog>,
    pub codec: Codec,
    pub sealer: Arc<Sealer>,
    pub spans: Option<Arc<dyn Spans>>,
    pub projections: Vec<Arc<dyn Projection>>,
}

impl Bench {
    pub fn new() -> Bench {
        let bench = Bench {
            log: Arc::new(LocalLog::in_memory().unwrap()),
            codec: Codec::default(),
            sealer: Arc::default(),
            spans: None,
            projections: Vec::new(),
        };
        bench.log.create_topics(&gauntlet_runtime::topics(1)).unwrap();
        bench
    }

    pub fn start(&self, options: Options) -> Running {
        self.start_over(self.log.clone(), options)
    }

    /// Over a log that stands before the bench's own.
    pub fn start_over(&self, log: Arc<dyn EventLog>, options: Options) -> Running {
        self.start_parts(log, Vec::new(), options)
    }

    /// With upkeep beside the processors.
    pub fn start_with(&self, upkeep: Vec<Arc<dyn Upkeep>>, options: Options) -> Running {
        self.start_parts(self.log.clone(), upkeep, options)
    }

    fn start_parts(&self, log: Arc<dyn EventLog>, upkeep: Vec<Arc<dyn Upkeep>>, options: Options) -> Running {
        let parts = Parts {
            log,
            codec: self.codec.clone(),
            definitions: vec![ECHO],
            workers: vec![self.sealer.clone()],
            data: Ports::closed(),
            only: None,
            elsewhere: None,
            projections: self.projections.clone(),
            upkeep,
            spans: self.spans.clone(),
        };
        gauntlet_runtime::start(parts, Options { poll_timeout: Duration::from_millis(20), ..options })
            .unwrap()
    }

    pub fn command(&self, name: &str) -> NewRecord {
        let (symbol, venue) = name.split_once('.').unwrap();
        let instrument = InstrumentId::new(symbol, venue).unwrap();
        let event = CreateSnapshot::new(&instrument, "time:1h".parse().unwrap(), Timestamp(0), Timestamp(1));
        let cause = Cause::outside("gateway", Timestamp(0));
        events::record(&self.codec, &event.into(), cause).unwrap()
    }

    pub fn ask(&self, names: &[&str]) {
        self.log.append(names.iter().map(|name| self.command(name)).collect()).unwrap();
    }

    pub fn records(&self, topic: &str) -> Vec<Record> {
        let place = TopicPartition::new(topic, 0);
        let (start, end) = self.log.bounds(&place).unwrap();
        let mut records = Vec::new();
        restore::for_each(&*self.log, &place, start, end, |record| {
            records.push(record);
            Ok(())
        })
        .unwrap();
        records
    }

    /// Executes everything again.
    pub fn replay(&self) -> Outcome {
        let workers: [Arc<dyn AnyWorker>; 1] = [self.sealer.clone()];
        let (log, codec) = (&*self.log, &self.codec);
        let (filter, progress) = (&|_: &Event| true, &|_| ());
        Replay {
            log,
            codec,
            definitions: &[ECHO],
            workers: &workers,
            data: &Ports::closed(),
            threads: 2,
            filter,
            progress,
            is_over: &|| false,
        }
        .run()
        .unwrap()
    }

    /// Instruments and rows of the answers, in order.
    pub fn answers(&self) -> Vec<(String, i64)> {
        let of = |record: &Record| match events::read(&self.codec, record).unwrap().event {
            Event::SnapshotSealed(sealed) => (sealed.instrument, sealed.rows),
            other => panic!("{other:?} among the answers"),
        };
        self.records(DATA_SNAPSHOTS.name).iter().map(of).collect()
    }
}
