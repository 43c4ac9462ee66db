//! The archive on one machine: `kill -9` while it is written, a log that was cut off behind it, files that are gone or changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use gauntlet_config::{ArchiveConfig, Config};
use gauntlet_domain::topics;
use gauntlet_lake::Lake;
use gauntlet_lake::archive::{Range, archived};
use gauntlet_log::{EventLog, LocalLog, TopicPartition};
use gauntlet_operations::{Access, Node, Role};
use gauntlet_tests::{Dir, Up, demo, digest_of, gauntlet, mini};

use crate::documents::processors::processors;

/// Records of a file, in kilobytes: a demo has some 50 files.
const FILE_KB: u32 = 1024;

/// Every archived file of a node, by its path.
fn files(node: &Path) -> BTreeMap<String, Vec<u8>> {
    let lake = Lake::open(node.join("lake")).unwrap();
    let paths = ranges(node).into_iter().map(|range| range.path());
    paths.map(|path| (path.clone(), std::fs::read(lake.locate(&path)).unwrap())).collect()
}

pub(crate) fn ranges(node: &Path) -> Vec<Range> {
    let lake = Lake::open(node.join("lake")).unwrap();
    let of_topic = |topic: &topics::Topic| archived(&lake, topic.name).unwrap().into_values().flatten();
    topics::ALL.iter().flat_map(of_topic).collect()
}

/// A copy of a finished node whose whole log is archived, as far as its ranges have closed.
pub(crate) fn archived_copy(of: &Path) -> Dir {
    let dir = Dir::copy_of(of);
    let archive = ArchiveConfig { enabled: true, file_kb: FILE_KB };
    let config = Config { dir: dir.node(), archive, ..Config::default() };
    let flag = Arc::new(AtomicBool::new(false));
    let node = Node::open(&config, Role::Visitor, Access::Write, processors(), flag).unwrap();
    let files = node.archive().unwrap();
    assert_eq!(node.archive().unwrap(), 0, "what is archived is not archived again");
    drop(node);
    assert_eq!(ranges(&dir.node()).len() as u64, files);
    dir
}

/// A copy of the demo whose whole log is archived.
pub(crate) fn archived_demo() -> Dir {
    static ARCHIVED: LazyLock<Dir> = LazyLock::new(|| archived_copy(&demo().node));
    Dir::copy_of(&ARCHIVED.node())
}

/// Removes from the log everything that is archived; gives how many records that were.
pub(crate) fn trim(dir: &Dir) -> u64 {
    let log = LocalLog::open(&dir.node().join("log.redb")).unwrap();
    let mut removed = 0;
    for range in ranges(&dir.node()) {
        let place = TopicPartition::new(range.topic.as_str(), range.partition);
        let (start, _) = log.bounds(&place).unwrap();
        log.trim(&place, range.next()).unwrap();
        removed += range.next() - start;
    }
    log.delete_snapshots().unwrap();
    removed
}

/// An `up` that archives a copy of the demo.
pub(crate) fn up(dir: &Dir) -> Up {
    let command =
        gauntlet(["up", "--listen", "127.0.0.1:0"]).env("GAUNTLET_ARCHIVE__FILE_KB", &FILE_KB.to_string());
    Up::of(command, dir)
}

#[test]
fn kills_while_it_is_written_change_no_file() {
    let expected = files(&archived_demo().node());
    assert!(expected.len() > 20, "{} files", expected.len());
    let dir = Dir::copy_of(&demo().node);
    let (mut kills, mut wanted) = (0, 0);
    while ranges(&dir.node()).len() < expected.len() {
        let mut process = up(&dir).process;
        // The next kill comes when some files more are there than at the last one, at whatever it does then.
        process.until("a file", || ranges(&dir.node()).len() >= wanted.min(expected.len()));
        assert!(process.kill().was_killed());
        (kills, wanted) = (kills + 1, ranges(&dir.node()).len() + 3);
    }
    eprintln!("{kills} kills, {} files", expected.len());
    assert!(kills > 2, "{kills} kills");
    assert!(files(&dir.node()) == expected, "the files are those of an undisturbed archiver");
    // Unfinished files are gone with the next process, and nothing is archived twice.
    let last = up(&dir);
    last.stop();
    assert!(files(&dir.node()) == expected);
    assert_eq!(std::fs::read_dir(dir.node().join("lake/tmp")).unwrap().count(), 0);
}

#[test]
fn a_log_that_was_cut_off_behind_its_archive_is_the_same_log() {
    let dir = archived_demo();
    let removed = trim(&dir);
    assert!(removed > 10_000, "{removed} records");
    digest_of(&dir.node()).assert_equals(&demo().digest, "with an archive");
    let whole = gauntlet(["replay", "--all"]).on(&Dir::copy_of(&demo().node)).ok();
    let replayed = gauntlet(["replay", "--all"]).on(&dir).ok();
    assert_eq!(replayed["identical"], true, "{replayed}");
    assert_eq!(replayed["compared"], whole["compared"], "{replayed}");
    let verified = gauntlet(["verify"]).on(&dir).ok();
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["checked"]["archived"], ranges(&dir.node()).len());
    gauntlet(["views", "rebuild"]).on(&dir).ok();
    digest_of(&dir.node()).assert_equals(&demo().digest, "rebuilt from an archive");
    // The processors restore their state from it and go on.
    let other = Dir::copy_of(&demo().node);
    for dir in [&dir, &other] {
        let file = dir.write("mini.yaml", gauntlet_tests::golden::MINI);
        let report = gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(dir).ok();
        assert_eq!(report["status"], "completed", "{report}");
    }
    digest_of(&dir.node()).assert_equals(&digest_of(&other.node()), "an experiment later");
}

#[test]
fn a_file_that_is_gone_altered_or_cut_is_an_error_that_names_it() {
    let dir = archived_copy(mini());
    trim(&dir);
    let of_bars = ranges(&dir.node()).into_iter().find(|range| range.topic == "market.bars.v1").unwrap();
    let path = dir.node().join("lake").join(of_bars.path());
    let good = std::fs::read(&path).unwrap();
    let mut altered = good.clone();
    altered[good.len() / 3] ^= 0x20;
    let name = Range::folder(&of_bars.topic);
    for (what, bytes) in
        [("altered", Some(&altered[..])), ("cut", Some(&good[..good.len() / 2])), ("gone", None)]
    {
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        for args in [vec!["verify"], vec!["replay", "--all"], vec!["digest"]] {
            let run = gauntlet(&args).on(&dir).run();
            assert!(run.code != Some(0), "{what}: {run}");
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(said.contains(&name) && said.contains("nothing was skipped"), "{what}, {args:?}: {run}");
        }
        std::fs::write(&path, &good).unwrap();
        let verified = gauntlet(["verify"]).on(&dir).ok();
        assert_eq!(verified["ok"], true, "{what}, and put back: {verified}");
    }
}
