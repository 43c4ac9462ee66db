//! A registry that cannot tell yet what a record is makes its partition pause: no dead letter, nothing skipped, the other
//! partitions go on, and in the end the log is the one of a run in which nothing happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::{quiet, within};
use gauntlet_domain::market::{CreateSnapshot, SnapshotDue};
use gauntlet_domain::topics::{self, DATA_COMMANDS, DATA_REQUESTS, DATA_SNAPSHOTS};
use gauntlet_domain::{ContentHash, Event, Input, InstrumentId, RecordKind, Timestamp, Topic};
use gauntlet_log::{EventLog, LocalLog, Positions, TopicPartition};
use gauntlet_processor::data::Ports;
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use gauntlet_processor::worker::{Answer, Answering, AnyWorker, Worker};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::replay::Replay;
use gauntlet_runtime::{Options, Parts, Placed, Projection, ProjectionError, Running, digest};
use gauntlet_wire::{Codec, EmbeddedRegistry, Meaning, Registry, Undecided};

/// The catalogue under the registry's own numbers, which begin here.
const OWN: u32 = 1000;
/// Lowest number that is no version: a schema of the future.
const NOTHING: u32 = 2000;

/// A registry that fails for some numbers for a time.
#[derive(Default)]
struct Failing {
    /// Numbers that it cannot tell now.
    down: Mutex<BTreeSet<u32>>,
    /// How often it could not.
    refused: AtomicU32,
}

impl Failing {
    fn fail(&self, kind: RecordKind) {
        self.down.lock().unwrap().extend(self.id_of(kind));
    }

    fn heal(&self) {
        self.down.lock().unwrap().clear();
    }

    fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Registry for Failing {
    fn id_of(&self, kind: RecordKind) -> Option<u32> {
        EmbeddedRegistry.id_of(kind).map(|id| id + OWN)
    }

    fn meaning_of(&self, id: u32) -> Result<Meaning, Undecided> {
        if self.down.lock().unwrap().contains(&id) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Undecided { detail: "the registry is down for the test".into() });
        }
        // Frames of old carry the catalogue's numbers, and are always known.
        if id >= NOTHING { Ok(Meaning::Unknown) } else { EmbeddedRegistry.meaning_of(id % OWN) }
    }
}

/// Answers every command with its request, once.
#[derive(Default)]
struct Echo(BTreeSet<String>);

impl Machine for Echo {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let Event::CreateSnapshot(command) = input.event else { return Vec::new() };
        if !self.0.insert(command.instrument.clone()) {
            return Vec::new();
        }
        let CreateSnapshot { snapshot_id, instrument, spec, from, to, .. } = command.clone();
        vec![Output::new(SnapshotDue { snapshot_id, instrument, spec, from, to, revision: 0 })]
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(self.0.iter().flat_map(|name| [name.as_bytes(), b"\n"].concat()).collect())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.0 = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
        Ok(())
    }
}

const ECHO: Definition = Definition {
    name: "market-data",
    version: "1",
    reads: &[&DATA_COMMANDS],
    inputs: Inputs::CoPartitioned,
    writes: &[&DATA_REQUESTS],
    races_on: &[],
    recalls: &[],
    create: || Box::<Echo>::default(),
};

struct Sealer;

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

    fn panicked(&self, _: &Event, _: &str) -> Vec<Event> {
        Vec::new()
    }
}

impl Answering for Sealer {
    type Data<'a> = ();

    fn run(&self, request: &Event, (): ()) -> Answer {
        let Event::SnapshotDue(due) = request else { return Ok(Vec::new()) };
        Ok(vec![due.sealed(ContentHash::of(due.instrument.as_bytes()), 7).into()])
    }
}

/// Instruments of what is sealed, as rows.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<(Vec<String>, Positions)>>);

impl Projection for Rows {
    fn name(&self) -> &'static str {
        "projector"
    }

    fn topics(&self) -> Vec<&'static str> {
        vec![DATA_SNAPSHOTS.name]
    }

    fn progress(&self) -> Result<Positions, ProjectionError> {
        Ok(self.0.lock().unwrap().1.clone())
    }

    fn write(&self, events: &[Placed], progress: &Positions) -> Result<(), ProjectionError> {
        let mut rows = self.0.lock().unwrap();
        rows.0.extend(events.iter().map(|placed| placed.recorded.event.key()));
        rows.1.extend(progress.iter().map(|(place, offset)| (place.clone(), *offset)));
        Ok(())
    }
}

const PARTITIONS: u32 = 4;

struct Bench {
    log: Arc<LocalLog>,
    registry: Arc<Failing>,
    codec: Codec,
    rows: Rows,
}

impl Bench {
    fn new() -> Bench {
        let registry = Arc::<Failing>::default();
        let log = Arc::new(LocalLog::in_memory().unwrap());
        log.create_topics(&gauntlet_runtime::topics(PARTITIONS)).unwrap();
        Bench { log, codec: Codec::new(registry.clone()), registry, rows: Rows::default() }
    }

    fn start(&self, options: Options) -> Running {
        let parts = Parts {
            log: self.log.clone(),
            codec: self.codec.clone(),
            definitions: vec![ECHO],
            workers: vec![Arc::new(Sealer)],
            data: Ports::closed(),
            only: None,
            elsewhere: None,
            projections: vec![Arc::new(self.rows.clone())],
            upkeep: vec![],
            spans: None,
        };
        let poll_timeout = Duration::from_millis(20);
        gauntlet_runtime::start(parts, Options { poll_timeout, ..options }).unwrap()
    }

    /// Asks for snapshots; by the registry's numbers, or by the catalogue's, which are always known.
    fn ask(&self, names: impl Iterator<Item = String>, is_known: impl Fn(&str) -> bool) {
        let record = |name: String| {
            let instrument = InstrumentId::new(&name, "X").unwrap();
            let event =
                CreateSnapshot::new(&instrument, "time:1h".parse().unwrap(), Timestamp(0), Timestamp(1));
            let codec = if is_known(&name) { Codec::default() } else { self.codec.clone() };
            events::record(&codec, &event.into(), Cause::outside("gateway", Timestamp(0))).unwrap()
        };
        self.log.append(names.map(record).collect()).unwrap();
    }

    fn counts(&self, topic: &str) -> Vec<u64> {
        let end = |p| self.log.bounds(&TopicPartition::new(topic, p)).unwrap().1;
        (0..PARTITIONS).map(end).collect()
    }

    fn digests(&self) -> BTreeMap<String, digest::TopicDigest> {
        digest::topics(&*self.log, &self.codec).unwrap()
    }

    fn sorted_rows(&self) -> Vec<String> {
        let mut rows = self.rows.0.lock().unwrap().0.clone();
        rows.sort();
        rows
    }

    fn has_no_dead_letters(&self) -> bool {
        topics::ALL.iter().all(|topic| {
            let partitions = self.log.partitions(&topic.dead_letters()).unwrap();
            (0..partitions)
                .all(|p| self.log.bounds(&TopicPartition::new(topic.dead_letters(), p)).unwrap().1 == 0)
        })
    }
}

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|i| format!("I{i}"))
}

/// What a run without disturbance makes of it.
fn undisturbed(count: usize) -> Bench {
    let bench = Bench::new();
    bench.ask(names(count), |_| false);
    let running = bench.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
    assert_eq!(bench.sorted_rows().len(), count);
    bench
}

fn assert_same(bench: &Bench, reference: &Bench) {
    assert!(bench.has_no_dead_letters());
    assert_eq!(bench.digests(), reference.digests());
    assert_eq!(bench.sorted_rows(), reference.sorted_rows());
    let compared: u64 = bench.digests().values().map(|digest| digest.events).sum();
    assert!(compared > 0 && bench.digests().values().all(|digest| digest.duplicates == 0));
}

/// In a machine, in a worker, in a projection; with batches that fill up and with batches that do not.
#[test]
fn a_registry_that_is_down_for_a_while_changes_nothing() {
    let reference = undisturbed(60);
    let small = Options { batch_records: 3, projector_batch: 3, worker_queue: 4, ..Options::default() };
    let mut tried = 0;
    for kind in [RecordKind::CreateSnapshot, RecordKind::SnapshotDue, RecordKind::SnapshotSealed] {
        for options in [small, Options::default()] {
            let bench = Bench::new();
            bench.registry.fail(kind);
            bench.ask(names(60), |_| false);
            let running = bench.start(options);
            within("second attempt", || (bench.registry.refused() >= 3).then_some(()));
            assert!(!running.is_quiet().unwrap(), "it waits");
            bench.registry.heal();
            quiet(&running);
            running.stop().unwrap();
            assert_same(&bench, &reference);
            tried += 1;
        }
    }
    assert_eq!(tried, 6);
}

#[test]
fn only_the_partition_of_the_record_pauses_and_what_came_before_it_is_committed() {
    let reference = undisturbed(60);
    let bench = Bench::new();
    bench.registry.fail(RecordKind::CreateSnapshot);
    // One record, in the middle of one partition, is not known.
    bench.ask(names(60), |name| name != "I30");
    let place = (0..PARTITIONS).map(|p| TopicPartition::new(DATA_COMMANDS.name, p)).find_map(|place| {
        let mut at = None;
        let end = bench.log.bounds(&place).unwrap().1;
        gauntlet_runtime::restore::for_each(&*bench.log, &place, 0, end, |record| {
            if record.key == b"I30.X" {
                at = Some((record.partition.clone(), record.offset));
            }
            Ok(())
        })
        .unwrap();
        at
    });
    let (place, offset) = place.unwrap();
    let ends = bench.counts(DATA_COMMANDS.name);
    assert!(offset > 0 && offset + 1 < ends[place.partition as usize], "neighbours on both sides");
    let running = bench.start(Options { batch_records: 7, ..Options::default() });
    let expected: Positions = (0..PARTITIONS)
        .map(|p| (TopicPartition::new(DATA_COMMANDS.name, p), ends[p as usize]))
        .chain([(TopicPartition::clone(&place), offset)])
        .collect();
    within("all but the rest of one partition", || {
        (bench.log.committed("market-data").unwrap() == expected).then_some(())
    });
    // And so it stays, attempt after attempt; the worker has answered all there is.
    within("third attempt", || (bench.registry.refused() >= 3).then_some(()));
    assert_eq!(bench.log.committed("market-data").unwrap(), expected);
    let asked: u64 = bench.counts(DATA_REQUESTS.name).iter().sum();
    assert_eq!(asked, 60 - (ends[place.partition as usize] - offset));
    within("answers", || (bench.counts(DATA_SNAPSHOTS.name).iter().sum::<u64>() == asked).then_some(()));
    assert!(bench.has_no_dead_letters());
    bench.registry.heal();
    quiet(&running);
    running.stop().unwrap();
    assert_same(&bench, &reference);
}

#[test]
fn stopping_while_a_partition_pauses_is_quick_and_loses_nothing() {
    let reference = undisturbed(60);
    let bench = Bench::new();
    bench.registry.fail(RecordKind::CreateSnapshot);
    bench.ask(names(60), |name| name < "I4");
    let running = bench.start(Options::default());
    within("attempts", || (bench.registry.refused() >= 5).then_some(()));
    let began = Instant::now();
    running.stop().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // A restart must fold what it has taken in; without snapshots that is read again, and waits as well.
    bench.registry.heal();
    let running = bench.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
    assert_same(&bench, &reference);
    bench.log.delete_snapshots().unwrap();
    bench.registry.fail(RecordKind::CreateSnapshot);
    let refused = bench.registry.refused();
    bench.ask(names(1), |_| false);
    let running = bench.start(Options::default());
    within("attempts to restore", || (bench.registry.refused() >= refused + 2).then_some(()));
    assert!(running.failure().is_none());
    bench.registry.heal();
    quiet(&running);
    running.stop().unwrap();
    assert_eq!(
        bench.counts(DATA_REQUESTS.name).iter().sum::<u64>(),
        60,
        "the repeated command is remembered"
    );
}

#[test]
fn what_compares_says_that_it_cannot_instead_of_leaving_out() {
    let bench = undisturbed(20);
    let workers: [Arc<dyn AnyWorker>; 1] = [Arc::new(Sealer)];
    let replay = || {
        let replay = Replay {
            log: &*bench.log,
            codec: &bench.codec,
            definitions: &[ECHO],
            workers: &workers,
            data: &Ports::closed(),
            threads: 1,
            filter: &|_| true,
            progress: &|_| {},
            is_over: &|| false,
        };
        replay.run()
    };
    assert_eq!(replay().unwrap().compared, 40);
    for kind in [RecordKind::CreateSnapshot, RecordKind::SnapshotDue, RecordKind::SnapshotSealed] {
        bench.registry.fail(kind);
        let id = bench.registry.id_of(kind).unwrap();
        let named = format!("schema id {id} cannot be looked up: the registry is down for the test");
        for error in [
            digest::topics(&*bench.log, &bench.codec).unwrap_err().to_string(),
            replay().unwrap_err().to_string(),
        ] {
            assert!(error.contains(&named) && error.contains("offset"), "{error}");
        }
        bench.registry.heal();
    }
    bench.registry.fail(RecordKind::SnapshotSealed);
    let error = gauntlet_runtime::project_all(&*bench.log, &bench.codec, &Rows::default()).unwrap_err();
    assert!(error.to_string().contains("cannot be looked up"), "{error}");
}

/// A number that the registry knows to mean nothing is a dead letter, at once.
#[test]
fn an_unknown_number_that_is_final_does_not_pause() {
    let bench = Bench::new();
    bench.ask(names(1), |_| false);
    let place = TopicPartition::new(DATA_COMMANDS.name, 0);
    let frame = [&[0][..], &NOTHING.to_be_bytes(), b"body"].concat();
    bench
        .log
        .append(vec![gauntlet_log::NewRecord {
            topic: DATA_COMMANDS.name.into(),
            key: b"k".to_vec(),
            headers: vec![],
            value: Some(frame),
            timestamp_micros: 0,
        }])
        .unwrap();
    let running = bench.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
    let letters: u64 = bench.counts(&format!("{}.dlq", place.topic)).iter().sum();
    assert_eq!((letters, bench.registry.refused()), (1, 0));
}
