//! How long a transaction takes: 100 results of 400 bytes with the offsets of their inputs, on a broker beside it.
//!
//! One right after the other, and with a rest between them. The first has to wait for the broker: until the markers of the
//! last transaction are written it answers "concurrent transactions", and the library asks again after 20 ms.
//! The first transactions of a fresh broker run in code that is not compiled yet; they are shown, and counted apart.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use gauntlet_kafka_log::{KafkaLog, KafkaSettings};
use gauntlet_log::{
    Assignment, Cleanup, Commit, CommitOutcome, EventLog, Member, NewRecord, Polled, Slot, TopicConfig,
    TopicPartition,
};
use gauntlet_servers::Kafka;

const FIRST: usize = 200;
const ROUNDS: usize = 1_000;
/// Longer than it takes to write the markers.
const REST: Duration = Duration::from_millis(20);
const RESULTS: usize = 100;

fn record(topic: &'static str, i: usize) -> NewRecord {
    NewRecord {
        topic: topic.into(),
        key: format!("k{i}").into_bytes(),
        headers: Vec::new(),
        value: Some(vec![b'x'; 400]),
        timestamp_micros: 0,
    }
}

fn main() {
    let broker = Kafka::start();
    let log = KafkaLog::connect(KafkaSettings::new(broker.bootstrap(), "bench."), 1).unwrap();
    let topic = |name: &str| TopicConfig { name: name.into(), partitions: 1, cleanup: Cleanup::Keep };
    log.create_topics(&[topic("in"), topic("out")]).unwrap();
    let records = (FIRST + 2 * ROUNDS) * RESULTS;
    log.append((0..records).map(|i| record("in", i)).collect()).unwrap();
    let member = Member {
        processor: "p".into(),
        slot: 0,
        topics: vec!["in".into()],
        assignment: Assignment::CoPartitioned,
    };
    let mut slot = log.join(member).unwrap();
    measure(&mut *slot, "the first of this broker", FIRST, Duration::ZERO);
    measure(&mut *slot, "back to back", ROUNDS, Duration::ZERO);
    measure(&mut *slot, "with a rest of 20 ms", ROUNDS, REST);
}

fn measure(slot: &mut dyn Slot, what: &str, rounds: usize, rest: Duration) {
    let mut times = Vec::new();
    while times.len() < rounds {
        let Polled::Records(records) = slot.poll(RESULTS, Duration::from_millis(500)).unwrap() else {
            continue;
        };
        let positions = records.iter().map(|r| (TopicPartition::clone(&r.partition), r.offset + 1)).collect();
        let outputs = (0..RESULTS).map(|i| record("out", i)).collect();
        std::thread::sleep(rest);
        let began = Instant::now();
        let outcome = slot.commit(Commit { outputs, positions, snapshots: Vec::new() }).unwrap();
        times.push(began.elapsed());
        assert_eq!(outcome, CommitOutcome::Committed);
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (p50, p90, p99) = (at(0.5), at(0.9), at(0.99));
    println!(
        "{rounds} commits of {RESULTS} results with offsets, {what}: p50 {p50:.1?}, p90 {p90:.1?}, p99 {p99:.1?}"
    );
}
