//! Logic that changes: what another version made is counted and not compared, what it had begun is given up once, and a
//! restart looks for races from its state snapshot on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_domain::market::{CreateSnapshot, SnapshotDue};
use gauntlet_domain::topics::{DATA_COMMANDS, DATA_REQUESTS};
use gauntlet_domain::{Event, Input, InstrumentId, SnapshotId, Timestamp};
use gauntlet_log::{EventLog, LocalLog, Record, Task, TopicPartition};
use gauntlet_processor::data::Ports;
use gauntlet_processor::machine::{Definition, Inputs, Machine, Output, StateError};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::races::{Race, Trigger, races};
use gauntlet_runtime::replay::{NotCompared, Outcome, Replay};
use gauntlet_runtime::{Options, Parts, restore};
use gauntlet_wire::{Codec, headers};
use serde::{Deserialize, Serialize};

const COMMANDS: &str = DATA_COMMANDS.name;
const REQUESTS: &str = DATA_REQUESTS.name;
/// End of the range in what is given up.
const GIVEN_UP: i64 = -1;

/// Answers the first command about an instrument, which begins something, and the second, which ends it. Versions differ
/// by what they add to the end of the range.
#[derive(Default, Serialize, Deserialize)]
struct Pairs<const VERSION: i64> {
    begun: BTreeSet<String>,
    ended: BTreeSet<String>,
    /// Answers of another version.
    inherited: BTreeMap<String, usize>,
}

fn due(instrument: &str, to: i64) -> SnapshotDue {
    let spec = "time:1h".parse().unwrap();
    let snapshot_id = SnapshotId::derive(&[instrument.as_bytes(), &to.to_be_bytes()]);
    let (from, to) = (Timestamp(0), Timestamp(to));
    SnapshotDue { snapshot_id, instrument: instrument.to_owned(), spec, from, to, revision: 0 }
}

impl<const VERSION: i64> Machine for Pairs<VERSION> {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let Event::CreateSnapshot(command) = input.event else { return Vec::new() };
        let instrument = &command.instrument;
        match self.inherited.get(instrument) {
            Some(1) => drop(self.begun.insert(instrument.clone())),
            Some(_) => drop(self.ended.insert(instrument.clone())),
            None if self.ended.contains(instrument) => {}
            None if self.begun.insert(instrument.clone()) => {
                return vec![Output::new(due(instrument, 10 * VERSION))];
            }
            None => {
                self.ended.insert(instrument.clone());
                return vec![Output::raced(due(instrument, 20 * VERSION))];
            }
        }
        Vec::new()
    }

    fn recall(&mut self, output: &Event) {
        let Event::SnapshotDue(due) = output else { return };
        *self.inherited.entry(due.instrument.clone()).or_default() += 1;
    }

    fn give_up(&mut self) -> Vec<Output> {
        let open = std::mem::take(&mut self.inherited).into_iter().filter(|(_, answers)| *answers == 1);
        let names: Vec<String> = open.map(|(instrument, _)| instrument).collect();
        self.ended.extend(names.iter().cloned());
        names.iter().map(|instrument| Output::raced(due(instrument, GIVEN_UP))).collect()
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(self)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = serde_json::from_slice(bytes)?;
        Ok(())
    }
}

const V1: Definition = Definition {
    name: "market-data",
    version: "1",
    reads: &[&DATA_COMMANDS],
    inputs: Inputs::CoPartitioned,
    writes: &[&DATA_REQUESTS],
    races_on: &[&DATA_REQUESTS],
    recalls: &[&DATA_REQUESTS],
    create: || Box::<Pairs<1>>::default(),
};
const V2: Definition = Definition { version: "2", create: || Box::<Pairs<2>>::default(), ..V1 };

struct Bench {
    log: Arc<LocalLog>,
    codec: Codec,
}

impl Bench {
    fn new() -> Bench {
        let log = LocalLog::in_memory().unwrap();
        log.create_topics(&gauntlet_runtime::topics(1)).unwrap();
        Bench { log: Arc::new(log), codec: Codec::default() }
    }

    /// One command about each instrument; each has a range of its own.
    fn ask(&self, names: &[&str]) {
        let (_, end) = self.log.bounds(&TopicPartition::new(COMMANDS, 0)).unwrap();
        let command = |(i, name): (i64, &&str)| {
            let instrument = InstrumentId::new(name, "VENUE").unwrap();
            let spec = "time:1h".parse().unwrap();
            let event = CreateSnapshot::new(&instrument, spec, Timestamp(0), Timestamp(1 + i));
            events::record(&self.codec, &event.into(), Cause::outside("gateway", Timestamp(0))).unwrap()
        };
        self.log.append((end as i64..).zip(names).map(command).collect()).unwrap();
    }

    /// Runs a version until all is taken in.
    fn run(&self, definition: Definition) {
        let parts = Parts {
            log: self.log.clone(),
            codec: self.codec.clone(),
            definitions: vec![definition],
            workers: Vec::new(),
            data: Ports::closed(),
            only: None,
            elsewhere: None,
            projections: Vec::new(),
            upkeep: Vec::new(),
            spans: None,
        };
        let options = Options { poll_timeout: Duration::from_millis(5), ..Options::default() };
        let running = gauntlet_runtime::start(parts, options).unwrap();
        let began = std::time::Instant::now();
        // Once it is quiet, whatever was given up has been committed with the positions.
        while !running.is_quiet().unwrap() || began.elapsed() < Duration::from_millis(300) {
            assert!(running.failure().is_none(), "{:?}", running.failure());
            assert!(began.elapsed() < Duration::from_secs(30), "it does not come to rest");
            std::thread::sleep(Duration::from_millis(5));
        }
        running.stop().unwrap();
    }

    fn outputs(&self) -> Vec<Record> {
        let place = TopicPartition::new(REQUESTS, 0);
        let (start, end) = self.log.bounds(&place).unwrap();
        let mut records = Vec::new();
        restore::for_each(&*self.log, &place, start, end, |record| {
            records.push(record);
            Ok(())
        })
        .unwrap();
        records
    }

    /// Instrument, end of the range and version of every output.
    fn told(&self) -> Vec<(String, i64, String)> {
        let of = |record: &Record| match events::decode(&self.codec, record).unwrap() {
            Event::SnapshotDue(due) => {
                let symbol = due.instrument.split('.').next().unwrap().to_owned();
                (symbol, due.to.0, events::logic_version("market-data", record).to_owned())
            }
            other => panic!("{other:?}"),
        };
        self.outputs().iter().map(of).collect()
    }

    fn replay(&self, definition: Definition) -> Outcome {
        let (filter, progress) = (&|_: &Event| true, &|_| ());
        Replay {
            log: &*self.log,
            codec: &self.codec,
            definitions: &[definition],
            workers: &[],
            data: &Ports::closed(),
            threads: 1,
            filter,
            progress,
            is_over: &|| false,
        }
        .run()
        .unwrap()
    }
}

fn told(all: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    all.iter().map(|(name, to, version)| ((*name).to_owned(), *to, (*version).to_owned())).collect()
}

fn made_by(version: &str, events: u64) -> NotCompared {
    NotCompared { processor: "market-data".into(), version: version.into(), events }
}

/// A had ended and B had begun when version 2 took over.
fn taken_over() -> Bench {
    let bench = Bench::new();
    bench.ask(&["A", "A", "B"]);
    bench.run(V1);
    bench.ask(&["B", "C"]);
    bench.run(V2);
    bench
}

const TAKEN_OVER: [(&str, i64, &str); 5] =
    [("A", 10, "1"), ("A", 20, "1"), ("B", 10, "1"), ("B", GIVEN_UP, "2"), ("C", 20, "2")];

#[test]
fn what_another_version_had_begun_is_given_up_once_and_what_is_new_begins() {
    let bench = taken_over();
    assert_eq!(bench.told(), told(&TAKEN_OVER));
    let given_up = &bench.outputs()[3];
    let race = headers::decided_at(&given_up.headers).and_then(Race::from_text).unwrap();
    assert_eq!(race.trigger, Trigger::LogicChange { from: "1".into() });
    assert_eq!(Vec::from_iter(race.positions), [(TopicPartition::new(COMMANDS, 0), 3)]);
    for delete in [false, true] {
        if delete {
            bench.log.delete_snapshots().unwrap();
        }
        bench.run(V2);
        assert_eq!(bench.told(), told(&TAKEN_OVER), "a restart repeats nothing");
    }
    bench.ask(&["C"]);
    bench.run(V2);
    assert_eq!(bench.told()[5..], told(&[("C", 40, "2")]));
}

#[test]
fn replay_compares_what_its_own_version_made_and_counts_the_rest() {
    let bench = Bench::new();
    bench.ask(&["A", "A", "B"]);
    bench.run(V1);
    let outcome = bench.replay(V1);
    assert!(outcome.divergence.is_none(), "{outcome:?}");
    assert_eq!((outcome.compared, outcome.not_compared), (3, vec![]));
    // Before version 2 has taken over, nothing is its own.
    let outcome = bench.replay(V2);
    assert!(outcome.divergence.is_none(), "{outcome:?}");
    assert_eq!((outcome.compared, outcome.not_compared), (0, vec![made_by("1", 3)]));

    let bench = taken_over();
    let outcome = bench.replay(V2);
    assert!(outcome.divergence.is_none(), "{outcome:?}");
    assert_eq!((outcome.compared, outcome.not_compared), (2, vec![made_by("1", 3)]));
}

#[test]
fn what_its_own_version_did_not_make_is_a_divergence_all_the_same() {
    // A version 2 that answers otherwise than the one that ran, and one that answers nothing.
    const OTHER: Definition = Definition { version: "2", create: || Box::<Pairs<7>>::default(), ..V1 };
    let divergence = taken_over().replay(OTHER).divergence.unwrap();
    assert!(divergence.recorded.is_some() != divergence.reexecuted.is_some(), "{divergence:?}");
    // Without any other version, as ever.
    let bench = Bench::new();
    bench.ask(&["A"]);
    bench.run(V2);
    assert!(bench.replay(V2).divergence.is_none());
    assert!(bench.replay(OTHER).divergence.is_some());
}

#[test]
fn a_restart_looks_for_races_from_the_state_snapshot_on() {
    let bench = Bench::new();
    let names: Vec<String> = (0..200).map(|i| format!("N{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.ask(&names);
    bench.ask(&names);
    bench.run(V1);
    let snapshot = bench.log.snapshot("market-data", 0).unwrap().unwrap();
    let commands = TopicPartition::new(COMMANDS, 0);
    let task = Task { id: 0, partitions: vec![commands.clone()] };
    assert_eq!(snapshot.positions.get(&commands), Some(&400), "the inputs that it covers");
    let anew = races(&*bench.log, &V1, &task, &Default::default()).unwrap();
    assert_eq!(anew.len(), 200);
    // The state is saved with the last batch at the latest, or after it.
    bench.run(V1);
    bench.ask(&["X"]);
    bench.run(V1);
    let snapshot = bench.log.snapshot("market-data", 0).unwrap().unwrap();
    let seen_from = snapshot.positions[&TopicPartition::new(REQUESTS, 0)];
    assert!(seen_from >= 400, "looked for from {seen_from} on");
    assert_eq!(races(&*bench.log, &V1, &task, &snapshot.positions).unwrap(), []);
    bench.ask(&["X"]);
    bench.run(V1);
    let found = races(&*bench.log, &V1, &task, &snapshot.positions).unwrap();
    assert_eq!(found.len(), 1, "one race behind the snapshot, {found:?}");
    let restored = restore::restore(&*bench.log, &bench.codec, &V1, &task).unwrap();
    bench.log.delete_snapshots().unwrap();
    let anew = restore::restore(&*bench.log, &bench.codec, &V1, &task).unwrap();
    assert_eq!(restored.machine.save().unwrap(), anew.machine.save().unwrap());
    assert!(restored.given_up.is_empty() && anew.given_up.is_empty());
}
