//! What every adapter must do, as functions over a way to open it. Each takes a fresh log.
//!
//! Panics on a broken promise, as a test does.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use crate::port::*;

const WAIT: Duration = Duration::from_secs(10);
/// A group of members that come and go settles within this time: a network's sessions last for seconds.
const PATIENCE: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

fn record(topic: &'static str, key: &str, value: &str) -> NewRecord {
    NewRecord {
        topic: topic.into(),
        key: key.into(),
        headers: vec![("h".into(), value.into())],
        value: Some(value.into()),
        timestamp_micros: 1,
    }
}

fn member(slot: u32) -> Member {
    Member {
        processor: "p".into(),
        slot,
        topics: vec!["in".into(), "side".into()],
        assignment: Assignment::CoPartitioned,
    }
}

fn topic(name: &str, partitions: u32) -> TopicConfig {
    TopicConfig { name: name.into(), partitions, cleanup: Cleanup::Keep }
}

fn create(log: &dyn EventLog) {
    log.create_topics(&[topic("in", 4), topic("side", 4), topic("out", 2)]).unwrap();
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|r| String::from_utf8(r.value.clone().unwrap()).unwrap()).collect()
}

/// Polls until tasks are assigned.
fn assigned(slot: &mut dyn Slot) -> Vec<u32> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Polled::Assigned(tasks) = slot.poll(10, SHORT).unwrap() {
            return tasks.iter().map(|task| task.id).collect();
        }
    }
    panic!("no task was assigned");
}

fn take(slot: &mut dyn Slot, count: usize) -> Vec<Record> {
    let mut got = Vec::new();
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Polled::Records(records) = slot.poll(count - got.len(), SHORT).unwrap() {
            got.extend(records);
        }
        if got.len() == count {
            return got;
        }
    }
    panic!("{} of {count} records arrived", got.len());
}

fn read_all(log: &dyn EventLog, topic: &str) -> Vec<Record> {
    let mut all = Vec::new();
    for partition in 0..log.partitions(topic).unwrap() {
        let place = TopicPartition::new(topic, partition);
        let (start, end) = log.bounds(&place).unwrap();
        let mut tail = log.tail(&Positions::from([(place, start)])).unwrap();
        // Offsets may have holes, the last record has none behind it.
        let mut next = start;
        while next < end {
            let records = tail.poll(7, WAIT).unwrap();
            assert!(!records.is_empty(), "records are missing");
            next = records.last().unwrap().offset + 1;
            all.extend(records);
        }
    }
    all
}

fn next(records: &[Record]) -> Positions {
    records.iter().map(|r| (TopicPartition::clone(&r.partition), r.offset + 1)).collect()
}

pub fn records_of_a_key_keep_their_order(log: &dyn EventLog) {
    create(log);
    for i in 0..50 {
        log.append(vec![record("in", "a", &format!("a{i}")), record("in", "b", &format!("b{i}"))]).unwrap();
    }
    let mut slot = log.join(member(0)).unwrap();
    assigned(&mut *slot);
    let got = take(&mut *slot, 100);
    for key in ["a", "b"] {
        let of_key: Vec<_> = got.iter().filter(|r| r.key == key.as_bytes()).cloned().collect();
        assert_eq!(values(&of_key), (0..50).map(|i| format!("{key}{i}")).collect::<Vec<_>>());
        assert!(of_key.windows(2).all(|pair| pair[0].offset < pair[1].offset));
    }
}

pub fn a_record_comes_back_as_it_was_written(log: &dyn EventLog) {
    create(log);
    let tombstone = NewRecord { value: None, ..record("in", "k", "") };
    log.append(vec![record("in", "k", "v"), tombstone.clone()]).unwrap();
    let read = read_all(log, "in");
    assert_eq!((read[0].key.as_slice(), values(&read[..1])), (b"k".as_slice(), vec!["v".to_owned()]));
    assert_eq!(read[0].headers, record("in", "k", "v").headers);
    assert_eq!(read[1].value, None);
    assert_eq!(read[0].partition.partition, crate::partition_for(b"k", 4));
}

pub fn outputs_positions_and_snapshots_are_one(log: &dyn EventLog) {
    create(log);
    log.append(vec![record("in", "a", "1"), record("in", "a", "2")]).unwrap();
    let mut slot = log.join(member(0)).unwrap();
    assigned(&mut *slot);
    let got = take(&mut *slot, 2);
    let task = got[0].partition.partition;
    let snapshot = StateSnapshot { version: "1".into(), positions: next(&got[..1]), bytes: vec![1, 2, 3] };
    let commit = Commit {
        outputs: vec![record("out", "a", "x")],
        positions: next(&got[..1]),
        snapshots: vec![(task, snapshot.clone())],
    };
    assert_eq!(slot.commit(commit).unwrap(), CommitOutcome::Committed);
    assert_eq!(values(&read_all(log, "out")), ["x"]);
    assert_eq!(log.committed("p").unwrap(), next(&got[..1]));
    assert_eq!(log.snapshot("p", task).unwrap(), Some(snapshot));
    // Another member goes on where the commit left off, not where the first one had read to.
    drop(slot);
    let mut slot = log.join(member(1)).unwrap();
    assigned(&mut *slot);
    assert_eq!(values(&take(&mut *slot, 1)), ["2"]);
    log.delete_snapshots().unwrap();
    assert_eq!(log.snapshot("p", task).unwrap(), None);
}

pub fn what_was_not_committed_is_read_again(log: &dyn EventLog) {
    create(log);
    log.append(vec![record("in", "a", "1")]).unwrap();
    for _ in 0..2 {
        let mut slot = log.join(member(0)).unwrap();
        assigned(&mut *slot);
        assert_eq!(values(&take(&mut *slot, 1)), ["1"]);
    }
    assert!(read_all(log, "out").is_empty());
}

pub fn a_second_member_with_one_slot_fences_the_first(log: &dyn EventLog) {
    create(log);
    log.append(vec![record("in", "a", "1")]).unwrap();
    let mut old = log.join(member(0)).unwrap();
    assigned(&mut *old);
    let got = take(&mut *old, 1);
    let mut new = log.join(member(0)).unwrap();
    assigned(&mut *new);
    let commit =
        Commit { outputs: vec![record("out", "a", "old")], positions: next(&got), snapshots: vec![] };
    assert_eq!(old.commit(commit).unwrap(), CommitOutcome::Fenced);
    assert!(read_all(log, "out").is_empty(), "a fenced member wrote");
    assert!(matches!(old.poll(1, SHORT), Err(LogError::Fenced { .. })));
    let got = take(&mut *new, 1);
    let commit =
        Commit { outputs: vec![record("out", "a", "new")], positions: next(&got), snapshots: vec![] };
    assert_eq!(new.commit(commit).unwrap(), CommitOutcome::Committed);
}

pub fn positions_of_somebody_elses_task_are_fenced(log: &dyn EventLog) {
    create(log);
    log.append(vec![record("in", "a", "1")]).unwrap();
    let mut first = log.join(member(0)).unwrap();
    assigned(&mut *first);
    let got = take(&mut *first, 1);
    let mut idle = log.join(member(9)).unwrap();
    let foreign = Commit { positions: next(&got), ..Commit::default() };
    assert_eq!(idle.commit(foreign).unwrap(), CommitOutcome::Fenced);
}

pub fn tasks_are_shared_out_co_partitioned(log: &dyn EventLog) {
    create(log);
    let all = BTreeSet::from([0, 1, 2, 3]);
    let (mut a, mut of_a) = (log.join(member(0)).unwrap(), BTreeSet::new());
    until(|| {
        follow(&mut *a, &mut of_a);
        of_a == all
    });
    let (mut b, mut of_b) = (log.join(member(1)).unwrap(), BTreeSet::new());
    until(|| {
        // Both poll, as live members do. The first gives tasks up before the second gets them.
        follow(&mut *a, &mut of_a);
        assert!(of_a.is_disjoint(&of_b), "{of_a:?} and {of_b:?}");
        follow(&mut *b, &mut of_b);
        assert!(of_a.is_disjoint(&of_b), "{of_a:?} and {of_b:?}");
        of_a.union(&of_b).copied().collect::<BTreeSet<_>>() == all && of_b.len() == 2
    });
    // When a member leaves, its tasks go to those who stay.
    drop(b);
    until(|| {
        follow(&mut *a, &mut of_a);
        of_a == all
    });
}

/// Polls once and keeps account of the tasks that a member has.
fn follow(slot: &mut dyn Slot, tasks: &mut BTreeSet<u32>) {
    match slot.poll(1, Duration::from_millis(20)).unwrap() {
        Polled::Assigned(new) => {
            for task in new {
                let both = ["in", "side"].map(|topic| TopicPartition::new(topic, task.id));
                assert_eq!(task.partitions, both);
                assert!(tasks.insert(task.id), "task {} was assigned twice", task.id);
            }
        }
        Polled::Revoked(old) => old.iter().for_each(|task| assert!(tasks.remove(&task.id))),
        Polled::Records(_) | Polled::Idle => {}
    }
}

fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it did not come to this in {PATIENCE:?}");
    }
}

pub fn one_task_can_read_everything(log: &dyn EventLog) {
    create(log);
    let all = Member { assignment: Assignment::Single, ..member(0) };
    let mut slot = log.join(all).unwrap();
    assert_eq!(assigned(&mut *slot), [0]);
    log.append(vec![record("in", "a", "1"), record("side", "b", "2")]).unwrap();
    let mut got = values(&take(&mut *slot, 2));
    got.sort();
    assert_eq!(got, ["1", "2"]);
    // A second member stands by, with none of the input, until the first one leaves.
    let mut standby = log.join(Member { assignment: Assignment::Single, ..member(1) }).unwrap();
    let mut has_led = 0;
    for _ in 0..50 {
        match slot.poll(1, Duration::from_millis(20)).unwrap() {
            Polled::Assigned(tasks) => has_led += tasks.len(),
            Polled::Revoked(_) | Polled::Records(_) | Polled::Idle => {}
        }
        if let Polled::Assigned(tasks) = standby.poll(1, Duration::from_millis(20)).unwrap() {
            panic!("two members read {tasks:?}");
        }
    }
    assert!(has_led <= 1);
    drop(slot);
    assert_eq!(assigned(&mut *standby), [0]);
    let mut got = values(&take(&mut *standby, 2));
    got.sort();
    assert_eq!(got, ["1", "2"], "nothing was committed");
}

pub fn one_member_leads_and_reads_nothing(log: &dyn EventLog) {
    create(log);
    log.append(vec![record("in", "a", "1")]).unwrap();
    let leader = |slot| Member { assignment: Assignment::Leader, ..member(slot) };
    let mut first = log.join(leader(0)).unwrap();
    until(|| match first.poll(1, SHORT).unwrap() {
        Polled::Assigned(tasks) => {
            assert_eq!(tasks, [Task { id: 0, partitions: vec![] }]);
            true
        }
        _ => false,
    });
    let mut second = log.join(leader(1)).unwrap();
    let (mut leads, mut rounds) = ([true, false], 0);
    until(|| {
        for (slot, leads) in [&mut first, &mut second].into_iter().zip(&mut leads) {
            match slot.poll(1, Duration::from_millis(20)).unwrap() {
                Polled::Assigned(_) => *leads = true,
                Polled::Revoked(_) => *leads = false,
                Polled::Records(records) => panic!("read {records:?}"),
                Polled::Idle => {}
            }
        }
        assert_ne!(leads, [true, true], "two lead");
        rounds += 1;
        rounds > 50 && leads == [true, false]
    });
    drop(first);
    assert_eq!(assigned(&mut *second), [0]);
}

pub fn a_slot_without_room_stays_a_member_and_reads_nothing(log: &dyn EventLog) {
    create(log);
    log.append(vec![record("in", "a", "1"), record("in", "a", "2")]).unwrap();
    let mut slot = log.join(member(0)).unwrap();
    assigned(&mut *slot);
    assert_eq!(values(&take(&mut *slot, 1)), ["1"]);
    for _ in 0..5 {
        assert_eq!(slot.poll(0, SHORT).unwrap(), Polled::Idle);
    }
    assert_eq!(values(&take(&mut *slot, 1)), ["2"]);
}

pub fn a_waiting_reader_is_woken(log: &dyn EventLog) {
    create(log);
    let place = TopicPartition::new("in", crate::partition_for(b"a", 4));
    let mut tail = log.tail(&Positions::from([(place, 0)])).unwrap();
    assert!(tail.poll(1, Duration::from_millis(1)).unwrap().is_empty());
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || tail.poll(1, WAIT).unwrap());
        log.append(vec![record("in", "a", "1")]).unwrap();
        assert_eq!(values(&reader.join().unwrap()), ["1"]);
    });
}

pub fn input_removed_before_it_was_read_is_an_error(log: &dyn EventLog) {
    create(log);
    log.append((0..10).map(|i| record("in", "a", &i.to_string())).collect()).unwrap();
    let place = TopicPartition::new("in", crate::partition_for(b"a", 4));
    log.trim(&place, 4).unwrap();
    assert_eq!(log.bounds(&place).unwrap(), (4, 10));
    let mut tail = log.tail(&Positions::from([(place.clone(), 0)])).unwrap();
    let error = tail.poll(1, SHORT).unwrap_err();
    assert!(error.to_string().contains("retention removed input before it was read"), "{error}");
    let mut tail = log.tail(&Positions::from([(place.clone(), 4)])).unwrap();
    assert_eq!(values(&tail.poll(2, SHORT).unwrap()), ["4", "5"]);
    log.append(vec![record("in", "a", "10")]).unwrap();
    let (start, end) = log.bounds(&place).unwrap();
    assert!(start == 4 && end > 10);
    assert_eq!(read_all(log, "in").last().unwrap().offset + 1, end);
}

pub fn topics_are_created_once_and_never_silently(log: &dyn EventLog) {
    create(log);
    create(log);
    let error = log.create_topics(&[topic("in", 8)]).unwrap_err();
    assert!(error.to_string().contains("has 4 partitions"), "{error}");
    let error = log.append(vec![record("nowhere", "a", "1")]).unwrap_err();
    assert!(error.to_string().contains("there is no topic nowhere"), "{error}");
    // A commit with one bad record writes none of its records.
    log.append(vec![record("in", "a", "1"), record("nowhere", "a", "1")]).unwrap_err();
    assert!(read_all(log, "in").is_empty());
}

#[expect(
    clippy::disallowed_methods,
    reason = "a broker writes the ends of transactions under its own clock, and refuses times far ahead of it"
)]
pub fn a_time_is_found_by_the_first_later_record(log: &dyn EventLog) {
    create(log);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    // A broker keeps milliseconds.
    let micros = |seconds: i64| (now.as_secs() as i64 + 60 + seconds) * 1_000_000;
    for time in [10, 20, 20, 40] {
        log.append(vec![NewRecord { timestamp_micros: micros(time), ..record("in", "k", "v") }]).unwrap();
    }
    let place = TopicPartition::new("in", crate::partition_for(b"k", 4));
    let mut tail = log.tail(&Positions::from([(place.clone(), 0)])).unwrap();
    let mut offsets = Vec::new();
    until(|| {
        offsets.extend(tail.poll(10, SHORT).unwrap().iter().map(|record| record.offset));
        offsets.len() == 4
    });
    // Between records nothing lies that anybody reads.
    let before = |time: i64| {
        let found = log.first_after(&place, micros(time)).unwrap();
        offsets.iter().filter(|offset| **offset < found).count()
    };
    assert_eq!([0, 9, 10, 15, 20, 39, 40, 1_000].map(before), [0, 0, 1, 1, 3, 3, 4, 4]);
    let (start, end) = log.bounds(&place).unwrap();
    assert_eq!(log.first_after(&place, i64::MIN).unwrap(), start);
    assert_eq!(log.first_after(&place, i64::MAX).unwrap(), end);
    let empty = TopicPartition::new("side", 0);
    assert_eq!(log.first_after(&empty, micros(0)).unwrap(), log.bounds(&empty).unwrap().1);
}

pub fn many_writers_lose_nothing(log: &dyn EventLog) {
    create(log);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                for i in 0..25 {
                    log.append(vec![record("in", &format!("w{writer}"), &i.to_string())]).unwrap();
                }
            });
        }
    });
    let all = read_all(log, "in");
    assert_eq!(all.len(), 200);
    for writer in 0..8 {
        let key = format!("w{writer}").into_bytes();
        let of_writer: Vec<_> = all.iter().filter(|r| r.key == key).cloned().collect();
        assert_eq!(values(&of_writer), (0..25).map(|i| i.to_string()).collect::<Vec<_>>());
    }
}

/// Every check by name.
pub const CHECKS: &[(&str, fn(&dyn EventLog))] = &[
    ("records_of_a_key_keep_their_order", records_of_a_key_keep_their_order),
    ("a_record_comes_back_as_it_was_written", a_record_comes_back_as_it_was_written),
    ("outputs_positions_and_snapshots_are_one", outputs_positions_and_snapshots_are_one),
    ("what_was_not_committed_is_read_again", what_was_not_committed_is_read_again),
    ("a_second_member_with_one_slot_fences_the_first", a_second_member_with_one_slot_fences_the_first),
    ("positions_of_somebody_elses_task_are_fenced", positions_of_somebody_elses_task_are_fenced),
    ("tasks_are_shared_out_co_partitioned", tasks_are_shared_out_co_partitioned),
    ("one_task_can_read_everything", one_task_can_read_everything),
    ("one_member_leads_and_reads_nothing", one_member_leads_and_reads_nothing),
    (
        "a_slot_without_room_stays_a_member_and_reads_nothing",
        a_slot_without_room_stays_a_member_and_reads_nothing,
    ),
    ("a_waiting_reader_is_woken", a_waiting_reader_is_woken),
    ("input_removed_before_it_was_read_is_an_error", input_removed_before_it_was_read_is_an_error),
    ("topics_are_created_once_and_never_silently", topics_are_created_once_and_never_silently),
    ("many_writers_lose_nothing", many_writers_lose_nothing),
    ("a_time_is_found_by_the_first_later_record", a_time_is_found_by_the_first_later_record),
];
