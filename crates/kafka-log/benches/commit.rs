//! How long a transaction takes: 100 results of 400 bytes with the offsets of their inputs, on a broker beside it.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use gauntlet_kafka_log::{KafkaLog, KafkaSettings};
use gauntlet_log::{
    Assignment, Cleanup, Commit, CommitOutcome, EventLog, Member, NewRecord, Polled, TopicConfig,
    TopicPartition,
};
use gauntlet_servers::Kafka;

const ROUNDS: usize = 200;
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
    let began = Instant::now();
    log.append((0..ROUNDS * RESULTS).map(|i| record("in", i)).collect()).unwrap();
    println!("append of {} records: {:.1?}", ROUNDS * RESULTS, began.elapsed());
    let member = Member {
        processor: "p".into(),
        slot: 0,
        topics: vec!["in".into()],
        assignment: Assignment::CoPartitioned,
    };
    let mut slot = log.join(member).unwrap();
    let mut times = Vec::new();
    while times.len() < ROUNDS {
        let Polled::Records(records) = slot.poll(RESULTS, Duration::from_millis(500)).unwrap() else {
            continue;
        };
        let positions = records.iter().map(|r| (TopicPartition::clone(&r.partition), r.offset + 1)).collect();
        let outputs = (0..RESULTS).map(|i| record("out", i)).collect();
        let began = Instant::now();
        let outcome = slot.commit(Commit { outputs, positions, snapshots: Vec::new() }).unwrap();
        times.push(began.elapsed());
        assert_eq!(outcome, CommitOutcome::Committed);
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("commit of {RESULTS} results with offsets: p50 {:.1?}, p99 {:.1?}", at(0.5), at(0.99));
}
