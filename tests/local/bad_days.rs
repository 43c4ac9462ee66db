//! A hundred faults in a row, drawn by a seed: at the end the node is as if nothing had happened.

use std::path::PathBuf;
use std::time::Duration;

use gauntlet_tests::golden::MINI;
use gauntlet_tests::{Dir, Random, Run, digest_of, gauntlet, mini};

use crate::directories::{Away, Closed, block};

/// What is wrong with a directory at a moment, and what a command says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    SnapshotGone,
    ViewsOld,
    ViewsDamaged,
    ViewsGone,
    LogRestored,
    LakeBlocked,
    ReadOnly,
    Killed,
}

/// A node through a hundred faults, and one without any that is asked for the same.
struct Days {
    dir: Dir,
    random: Random,
    /// Seeds of the documents that the log has, in order.
    submitted: Vec<u64>,
    next: u64,
    /// A log that was kept, with what it had.
    kept: Option<(PathBuf, Vec<u64>)>,
    old_views: PathBuf,
}

impl Days {
    fn document(&self, dir: &Dir, seed: u64) -> Vec<String> {
        // As little as an experiment can be: a hundred of them run, twice.
        let text = MINI
            .replace("seed: 3", &format!("seed: {seed}"))
            .replace("from: 2010", "from: 2013")
            .replace("trials: 12", "trials: 4")
            .replace("finalists: 2", "finalists: 1")
            .replace("delay_1_bar, regimes]", "delay_1_bar]");
        let file = dir.write(&format!("{seed}.yaml"), text);
        ["submit", file.to_str().unwrap(), "--wait"].map(str::to_owned).to_vec()
    }

    fn submit(&mut self) -> Vec<String> {
        self.next += 1;
        let seed = self.next;
        self.submitted.push(seed);
        self.document(&self.dir, seed)
    }

    /// Does one bad thing, works through it, and mends it.
    fn day(&mut self, fault: Fault) {
        match fault {
            Fault::SnapshotGone => self.snapshot_gone(),
            Fault::ViewsOld => {
                std::fs::copy(&self.old_views, self.file("views.redb")).unwrap();
                self.assert_listed();
            }
            Fault::ViewsDamaged => self.views_damaged(),
            Fault::ViewsGone => {
                std::fs::remove_file(self.file("views.redb")).unwrap();
                let submit = self.submit();
                gauntlet(&submit).on(&self.dir).ok();
            }
            Fault::LogRestored => self.log_restored(),
            Fault::ReadOnly => self.read_only(),
            Fault::LakeBlocked => {
                let blocked = block(&self.dir);
                let submit = self.submit();
                gauntlet(&submit).on(&self.dir).refused(3, &["lake/tmp", "check the permissions"]);
                blocked.unblock();
                gauntlet(&submit).on(&self.dir).ok();
            }
            Fault::Killed => {
                let submit = self.submit();
                let started = gauntlet(&submit).on(&self.dir).start();
                std::thread::sleep(Duration::from_millis(self.random.between(1, 150)));
                started.kill();
                gauntlet(&submit).on(&self.dir).ok();
            }
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.node().join(name)
    }

    /// All that were submitted are listed, and that of the node before its bad days; gives what was said.
    fn assert_listed(&self) -> Run {
        let run = gauntlet(["ls", "experiments"]).on(&self.dir).run();
        assert_eq!(run.json().as_array().unwrap().len(), self.submitted.len() + 1, "{run}");
        run
    }

    fn snapshot_gone(&mut self) {
        let away = Away::of(&self.dir);
        let submit = self.submit();
        gauntlet(&submit).on(&self.dir).refused(3, &["cannot go on: snapshots/", "is missing"]);
        away.bring_back();
        gauntlet(&submit).on(&self.dir).ok();
    }

    fn views_damaged(&mut self) {
        let views = self.file("views.redb");
        let mut bytes = std::fs::read(&views).unwrap();
        let from = self.random.between(0, bytes.len() as u64 / 2) as usize;
        bytes[from..].iter_mut().for_each(|byte| *byte ^= 0x33);
        std::fs::write(&views, bytes).unwrap();
        // What is damaged may be what a list does not read, or nobody: then there is nothing to say.
        self.assert_listed();
        gauntlet(["digest"]).on(&self.dir).ok();
    }

    fn read_only(&mut self) {
        let submit = self.submit();
        let closed = Closed::of(&self.dir);
        let listed = closed.command(["ls", "experiments"]).on(&self.dir).ok();
        assert_eq!(listed.as_array().unwrap().len(), self.submitted.len());
        closed.command(&submit).on(&self.dir).refused(3, &["log.redb"]);
        closed.open();
        gauntlet(&submit).on(&self.dir).ok();
    }

    /// Keeps the log the first time, and brings it back the second time.
    fn log_restored(&mut self) {
        let log = self.file("log.redb");
        let Some((kept, submitted)) = self.kept.take() else {
            let kept = self.dir.path("kept.redb");
            std::fs::copy(&log, &kept).unwrap();
            self.kept = Some((kept, self.submitted.clone()));
            return;
        };
        let is_older = submitted.len() < self.submitted.len();
        std::fs::copy(&kept, &log).unwrap();
        self.submitted = submitted;
        let run = self.assert_listed();
        assert!(!is_older || run.stderr.contains("made again from the log"), "{run}");
    }
}

#[test]
fn a_hundred_bad_days_leave_no_trace() {
    const FAULTS: [Fault; 8] = [
        Fault::SnapshotGone,
        Fault::ViewsOld,
        Fault::ViewsDamaged,
        Fault::ViewsGone,
        Fault::LogRestored,
        Fault::LakeBlocked,
        Fault::ReadOnly,
        Fault::Killed,
    ];
    let dir = Dir::copy_of(mini());
    let old_views = dir.path("old-views.redb");
    std::fs::copy(dir.node().join("views.redb"), &old_views).unwrap();
    let random = Random::seeded(17);
    let mut days = Days { dir, random, submitted: Vec::new(), next: 100, kept: None, old_views };
    for _ in 0..100 {
        let fault = FAULTS[days.random.between(0, FAULTS.len() as u64) as usize];
        days.day(fault);
    }
    let undisturbed = Dir::copy_of(mini());
    for seed in &days.submitted {
        gauntlet(days.document(&undisturbed, *seed)).on(&undisturbed).ok();
    }
    digest_of(&days.dir.node()).assert_equals(&digest_of(&undisturbed.node()), "after a hundred bad days");
    assert_eq!(gauntlet(["replay", "--all"]).on(&days.dir).ok()["identical"], true);
    assert_eq!(gauntlet(["verify"]).on(&days.dir).ok()["ok"], true);
}
