//! Logs laid anew with other records, as nobody can write them through the pipeline.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gauntlet_domain::Event;
use gauntlet_domain::topics::{self, MARKET_TICKS};
use gauntlet_log::{
    Assignment, Commit, CommitOutcome, EventLog, LocalLog, Member, NewRecord, Polled, Positions,
    TopicPartition,
};
use gauntlet_runtime::restore::for_each;
use gauntlet_wire::Codec;

/// Who reads and commits how far.
const PROCESSORS: [&str; 11] = [
    "market-data",
    "experiments",
    "tuner",
    "snapshots",
    "trainer",
    "evaluator",
    "sensitivity",
    "risk-figures",
    "risk",
    "selector",
    "challenges",
];

/// Lays the log of a node anew, each record as `edit` leaves it, where it was. Views are to be made again.
pub fn relay(node: &Path, edit: impl FnMut(&mut NewRecord)) {
    let (old, new) = (node.join("log.redb"), node.join("relaid.redb"));
    copy_log(&LocalLog::open(&old).unwrap(), &LocalLog::open(&new).unwrap(), edit);
    std::fs::rename(new, old).unwrap();
    let views = node.join("views.redb");
    if views.exists() {
        std::fs::remove_file(views).unwrap();
    }
}

fn copy_log(from: &LocalLog, to: &LocalLog, mut edit: impl FnMut(&mut NewRecord)) {
    to.create_topics(&gauntlet_runtime::topics(from.partitions(MARKET_TICKS.name).unwrap())).unwrap();
    let now = gauntlet_runtime::clock::now();
    // A log that was kept lacks the topics that came later.
    for topic in topics::ALL {
        for partition in 0..from.partitions(topic.name).unwrap_or(0) {
            let place = TopicPartition::new(topic.name, partition);
            let (start, end) = from.bounds(&place).unwrap();
            let mut records = Vec::new();
            for_each(from, &place, start, end, |record| {
                // As if it were of today: what is old may be removed.
                let timestamp_micros = now.0 / 1000;
                let (key, headers, value) = (record.key, record.headers, record.value);
                let mut record =
                    NewRecord { topic: topic.name.into(), key, headers, value, timestamp_micros };
                edit(&mut record);
                records.push(record);
                Ok(())
            })
            .unwrap();
            to.append(records).unwrap();
            assert_eq!(to.bounds(&place).unwrap(), (start, end), "{place}: laid anew where it was");
        }
    }
    for processor in PROCESSORS {
        let positions = from.committed(processor).unwrap();
        if !positions.is_empty() {
            commit(to, processor, positions);
        }
    }
}

fn commit(log: &LocalLog, processor: &str, positions: Positions) {
    let topics: BTreeSet<String> = positions.keys().map(|place| place.topic.clone()).collect();
    let topics = topics.into_iter().collect();
    let member = Member { processor: processor.into(), slot: 0, topics, assignment: Assignment::Single };
    let mut slot = log.join(member).unwrap();
    let assigned = slot.poll(0, Duration::from_secs(5)).unwrap();
    assert!(matches!(assigned, Polled::Assigned(_)), "{assigned:?}");
    let outcome = slot.commit(Commit { positions, ..Commit::default() }).unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
}

/// Says that another version of the logic has made a record.
pub fn made_by(record: &mut NewRecord, version: &str) {
    record.headers.retain(|(name, _)| name != "ce_logicversion");
    record.headers.push(("ce_logicversion".into(), version.into()));
}

/// The event in a record.
pub fn event(record: &NewRecord) -> Event {
    Codec::default().decode(record.value.as_deref()).unwrap()
}

/// Puts another body into a record; everything around it stays.
pub fn set_event(record: &mut NewRecord, event: &Event) {
    record.value = Some(Codec::default().encode(event).unwrap());
}
