//! A process that dies before, or after, every single commit of a processor, and is started again each time: the history is
//! the one that it would have been.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gauntlet_config::Config;
use gauntlet_log::{Commit, CommitOutcome, EventLog, LogError, Polled, Slot, Watch, Watched};
use gauntlet_operations::policy::PolicyRequest;
use gauntlet_operations::services::{self, Services, Stores};
use gauntlet_operations::submit::SubmitRequest;
use gauntlet_operations::{Access, Answer, Node, Request, Role};
use gauntlet_runtime::Elsewhere;

use crate::processors::processors;
use crate::{answer, bundled, feed_hours};

/// Where a process dies.
#[derive(Clone)]
struct CrashPoint {
    processor: &'static str,
    after: bool,
    /// Whether the next commit is one to die at. Before a commit a process dies once, or it would never be made.
    is_armed: Arc<AtomicBool>,
    deaths: Arc<AtomicU64>,
}

struct CrashingSlot {
    slot: Box<dyn Slot>,
    point: CrashPoint,
}

impl CrashPoint {
    fn die(&self) -> LogError {
        self.deaths.fetch_add(1, Ordering::Relaxed);
        LogError::Invariant { detail: "died here".into() }
    }
}

impl Watch for CrashPoint {
    fn joined(&self, processor: &str, slot: Box<dyn Slot>) -> Box<dyn Slot> {
        if processor != self.processor {
            return slot;
        }
        Box::new(CrashingSlot { slot, point: self.clone() })
    }
}

impl Slot for CrashingSlot {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Polled, LogError> {
        self.slot.poll(max_records, timeout)
    }

    fn commit(&mut self, commit: Commit) -> Result<CommitOutcome, LogError> {
        if self.point.after {
            self.slot.commit(commit)?;
            return Err(self.point.die());
        }
        if self.point.is_armed.fetch_not(Ordering::Relaxed) {
            return Err(self.point.die());
        }
        self.slot.commit(commit)
    }
}

/// A directory whose log has a crash point.
struct Crashing {
    services: Arc<dyn Services>,
    point: CrashPoint,
}

impl Services for Crashing {
    fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(Watched::new(self.services.log(), self.point.clone()))
    }

    fn stores(&self) -> &Stores {
        self.services.stores()
    }

    fn slot(&self) -> u32 {
        self.services.slot()
    }

    fn elsewhere(&self) -> Option<Elsewhere> {
        self.services.elsewhere()
    }

    fn watch_every(&self) -> Duration {
        self.services.watch_every()
    }

    fn is_exclusive(&self) -> bool {
        self.services.is_exclusive()
    }

    fn keeps_expired(&self) -> bool {
        self.services.keeps_expired()
    }
}

fn open(dir: &Path, point: Option<&CrashPoint>) -> Node {
    let config = Config { dir: dir.to_owned(), workers: 2, ..Config::default() };
    let mut services = services::open(&config, Role::Visitor, Access::Write).unwrap();
    if let Some(point) = point {
        services = Arc::new(Crashing { services, point: point.clone() });
    }
    Node::over(services, &config, processors(), Arc::new(AtomicBool::new(false)))
}

/// Two small experiments that a policy without gates selects: the second is compared with the first.
fn submit(seed: &str) -> Request {
    let text = std::fs::read_to_string(bundled("configs/experiments/gold-trend.yaml")).unwrap();
    let overrides = [
        ("data.from", "2011-01-01"),
        ("data.to", "2012-01-01"),
        ("tuning.trials", "4"),
        ("tuning.seed", seed),
        ("policy", "demonstration"),
        ("sensitivity", "{ method: [sobol], samples: 16, neighbours: 8, paths: 100, stress: [costs_x2] }"),
        ("validation.finalists", "1"),
        ("validation.scheme", "fixed"),
        ("validation.purge", "0"),
        ("model.parameters.slow", "{ int: [60, 200], when: \"slow > fast\" }"),
    ];
    Request::Submit(SubmitRequest {
        text,
        name: "gold-trend.yaml".into(),
        overrides: overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        wait: false,
        ahead: false,
        again: false,
        author: Some("ann".into()),
    })
}

/// A directory in which everything is asked for and nothing is done.
fn prepared() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), None);
    answer(&node, &feed_hours());
    let text = std::fs::read_to_string(bundled("configs/policies/demonstration.yaml")).unwrap();
    let request = PolicyRequest::Set { text, name: "demonstration.yaml".into(), author: "ann".into() };
    answer(&node, &Request::Policy(request));
    for seed in ["7", "8"] {
        answer(&node, &submit(seed));
    }
    dir
}

fn copy_of(dir: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (entry, path) = (entry.as_ref().unwrap(), entry.as_ref().unwrap().path());
            let there = to.join(entry.file_name());
            if path.is_dir() {
                copy(&path, &there);
            } else {
                std::fs::copy(&path, &there).unwrap();
            }
        }
    }
    let other = tempfile::tempdir().unwrap();
    copy(dir, other.path());
    other
}

/// Runs until nothing is left to do, starting again after each death.
fn run(dir: &Path, point: Option<&CrashPoint>) {
    for _ in 0..1_000 {
        let node = open(dir, point);
        let running = node.start().unwrap();
        while running.failure().is_none() && !running.is_quiet().unwrap_or(false) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let died = running.failure().is_some();
        drop(running.stop());
        if !died {
            return;
        }
    }
    panic!("it dies again and again");
}

#[test]
fn a_death_before_or_after_any_commit_changes_nothing() {
    let prepared = prepared();
    let undisturbed = copy_of(prepared.path());
    run(undisturbed.path(), None);
    let node = open(undisturbed.path(), None);
    let expected = answer(&node, &Request::Digest);
    let Answer::Digests(digests) = &expected else { panic!("no digest") };
    for topic in ["sensitivity.reports.v1", "risk.verdicts.v1", "selection.comparisons.v1"] {
        assert!(digests.topics[topic].events > 0, "{topic}");
    }
    for processor in ["sensitivity", "risk-figures", "risk", "selector", "challenges"] {
        for after in [false, true] {
            let point =
                CrashPoint { processor, after, is_armed: Arc::new(true.into()), deaths: Arc::default() };
            let dir = copy_of(prepared.path());
            run(dir.path(), Some(&point));
            let deaths = point.deaths.load(Ordering::Relaxed);
            assert!(deaths > 0, "{processor} has made no commit");
            let node = open(dir.path(), None);
            assert_eq!(
                answer(&node, &Request::Digest),
                expected,
                "{processor}, {deaths} deaths, after: {after}"
            );
        }
    }
}
