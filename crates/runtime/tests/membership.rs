//! The runtime over a log whose slots lose their tasks without notice, or do not know whether they have committed:
//! everything is answered once, in order, and nobody fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::bench::Bench;
use crate::common::quiet;
use gauntlet_domain::topics::{DATA_COMMANDS, DATA_REQUESTS, DATA_SNAPSHOTS};
use gauntlet_log::{
    Commit, CommitOutcome, EventLog, LocalLog, LogError, Member, NewRecord, Polled, Positions, Slot,
    StateSnapshot, Tail, Task, TopicConfig, TopicPartition,
};
use gauntlet_runtime::Options;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    /// Between two polls the slot has become another member: what was taken in before can be committed no more.
    Lost,
    /// The commit was done, its answer is lost.
    Done,
    /// The commit was not done, its answer is lost.
    Undone,
}

/// When it comes, and how often it has come.
struct Plan {
    processor: &'static str,
    trouble: Trouble,
    /// Polls with records, or commits, before it.
    after: u32,
    calls: AtomicU32,
    /// Commits whose answer was "unknown".
    unknown: AtomicU32,
}

impl Plan {
    fn is_due(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) == self.after
    }

    fn unknown(&self) -> Result<CommitOutcome, LogError> {
        self.unknown.fetch_add(1, Ordering::Relaxed);
        Ok(CommitOutcome::Unknown)
    }
}

/// A log in trouble.
struct Troubled(Arc<LocalLog>, Arc<Plan>);

struct TroubledSlot {
    log: Arc<LocalLog>,
    member: Member,
    inner: Box<dyn Slot>,
    plan: Arc<Plan>,
    tasks: Vec<Task>,
    has_read: bool,
    is_lost: bool,
}

impl Slot for TroubledSlot {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Polled, LogError> {
        if self.plan.trouble == Trouble::Lost && std::mem::take(&mut self.has_read) && self.plan.is_due() {
            self.inner = self.log.join(self.member.clone())?;
            self.is_lost = true;
            return Ok(Polled::Revoked(std::mem::take(&mut self.tasks)));
        }
        let polled = self.inner.poll(max_records, timeout)?;
        match &polled {
            Polled::Assigned(tasks) => {
                self.tasks.extend(tasks.iter().cloned());
                self.is_lost = false;
            }
            Polled::Records(_) => self.has_read = true,
            Polled::Revoked(_) | Polled::Idle => {}
        }
        Ok(polled)
    }

    fn commit(&mut self, commit: Commit) -> Result<CommitOutcome, LogError> {
        if self.is_lost {
            return self.plan.unknown();
        }
        match self.plan.trouble {
            Trouble::Done if self.plan.is_due() => {
                assert_eq!(self.inner.commit(commit)?, CommitOutcome::Committed);
                self.plan.unknown()
            }
            Trouble::Undone if self.plan.is_due() => self.plan.unknown(),
            _ => self.inner.commit(commit),
        }
    }
}

impl EventLog for Troubled {
    fn join(&self, member: Member) -> Result<Box<dyn Slot>, LogError> {
        let Troubled(log, plan) = self;
        let inner = log.join(member.clone())?;
        if member.processor != plan.processor {
            return Ok(inner);
        }
        let (log, plan, tasks) = (log.clone(), plan.clone(), Vec::new());
        Ok(Box::new(TroubledSlot { log, member, inner, plan, tasks, has_read: false, is_lost: false }))
    }

    fn create_topics(&self, topics: &[TopicConfig]) -> Result<(), LogError> {
        self.0.create_topics(topics)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.0.partitions(topic)
    }

    fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError> {
        self.0.append(records)
    }

    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError> {
        self.0.tail(from)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.0.bounds(partition)
    }

    fn committed(&self, processor: &str) -> Result<Positions, LogError> {
        self.0.committed(processor)
    }

    fn snapshot(&self, processor: &str, task: u32) -> Result<Option<StateSnapshot>, LogError> {
        self.0.snapshot(processor, task)
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        self.0.delete_snapshots()
    }

    fn trim(&self, partition: &TopicPartition, before: u64) -> Result<(), LogError> {
        self.0.trim(partition, before)
    }

    fn check(&self) -> Result<(), LogError> {
        self.0.check()
    }
}

/// More than a slot takes in at once, fewer than it gathers for one commit.
const COMMANDS: usize = 2_500;

/// How many commits did not know what they had done, when everything was answered.
fn answered_in(processor: &'static str, trouble: Trouble, after: u32) -> u32 {
    let bench = Bench::new();
    let (calls, unknown) = (AtomicU32::new(0), AtomicU32::new(0));
    let plan = Arc::new(Plan { processor, trouble, after, calls, unknown });
    let names: Vec<String> = (0..COMMANDS).map(|i| format!("I{i:04}.OK")).collect();
    bench.ask(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let log = Arc::new(Troubled(bench.log.clone(), plan.clone()));
    let running = bench.start_over(log, Options { snapshot_every_records: 500, ..Options::default() });
    quiet(&running);
    running.stop().unwrap();
    let answers = bench.answers();
    let answered: Vec<&str> = answers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(answered == names, "{processor}, {trouble:?} after {after}: {} answers", answered.len());
    let requests: BTreeSet<Vec<u8>> =
        bench.records(DATA_REQUESTS.name).into_iter().map(|record| record.value.unwrap()).collect();
    assert_eq!((requests.len(), bench.records(DATA_REQUESTS.name).len()), (COMMANDS, COMMANDS));
    assert_eq!(bench.records(DATA_SNAPSHOTS.name).len(), COMMANDS, "nothing is answered twice");
    let read = bench.log.committed("market-data").unwrap();
    assert_eq!(read[&TopicPartition::new(DATA_COMMANDS.name, 0)], COMMANDS as u64);
    plan.unknown.load(Ordering::Relaxed)
}

#[test]
fn steps_gathered_for_tasks_that_were_lost_are_taken_again() {
    for after in 0..3 {
        let unknown = answered_in("market-data", Trouble::Lost, after);
        assert!(unknown <= 1, "{unknown} commits");
        // While it gathers, between the first polls, there is something to commit.
        assert!(after > 1 || unknown == 1, "lost after {after} polls with nothing gathered");
    }
    for after in 0..3 {
        answered_in("snapshots", Trouble::Lost, after);
    }
}

#[test]
fn a_commit_that_may_or_may_not_be_done_is_done_once() {
    for processor in ["market-data", "snapshots"] {
        for trouble in [Trouble::Done, Trouble::Undone] {
            assert_eq!(answered_in(processor, trouble, 0), 1, "{processor}, {trouble:?}");
        }
    }
}
