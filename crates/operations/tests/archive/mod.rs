//! The archiver over a directory: what retention waits for, archives of other logs, files that are missing, two at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gauntlet_config::{ArchiveConfig, Config};
use gauntlet_domain::topics::{self, MARKET_BARS, TRAINING_REQUESTS};
use gauntlet_lake::Lake;
use gauntlet_lake::archive::{Range, archived};
use gauntlet_log::{EventLog, NewRecord, Positions, TopicPartition};
use gauntlet_operations::archiving::{ArchivedLog, Archiver};
use gauntlet_operations::{Access, Node, Request, Role};

use crate::processors::processors;
use crate::{answer, feed_hours};

fn node(dir: &Path, lake: &Path, archive: ArchiveConfig) -> Node {
    let mut config = Config { dir: dir.to_owned(), workers: 2, archive, ..Config::default() };
    config.topics.partitions = 1;
    config.lake.url = format!("file://{}", lake.display());
    let flag = Arc::new(AtomicBool::new(false));
    Node::open(&config, Role::Visitor, Access::Write, processors(), flag).unwrap()
}

fn small(file_kb: u32) -> ArchiveConfig {
    ArchiveConfig { enabled: true, file_kb }
}

fn ranges(lake: &Lake, topic: &str) -> Vec<Range> {
    archived(lake, topic).unwrap().into_values().flatten().collect()
}

/// Every archived file by its path.
fn files(lake: &Lake) -> BTreeMap<String, Vec<u8>> {
    let paths = topics::ALL.iter().flat_map(|topic| ranges(lake, topic.name)).map(|range| range.path());
    paths.map(|path| (path.clone(), std::fs::read(lake.locate(&path)).unwrap())).collect()
}

/// Lets the processors take in all there is.
fn work(node: &Node) {
    let running = node.start().unwrap();
    while !running.is_quiet().unwrap() {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop().unwrap();
}

#[test]
fn what_has_expired_stays_until_it_is_archived() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = TopicPartition::new(TRAINING_REQUESTS.name, 0);
    let expired = gauntlet_runtime::clock::now().0 / 1_000 - 60 * 86_400 * 1_000_000;
    // Nobody's requests: whoever reads them sets them aside, and has read them.
    let request = NewRecord {
        topic: TRAINING_REQUESTS.name.into(),
        key: b"k".to_vec(),
        headers: vec![],
        value: Some(vec![7; 250]),
        timestamp_micros: expired,
    };
    let open = node(dir.path(), lake.path(), small(1));
    open.services.log().append(vec![request; 10]).unwrap();
    work(&open);
    let start = |node: &Node| node.services.log().bounds(&place).unwrap().0;
    open.enforce_retention();
    assert_eq!(start(&open), 0, "nothing is archived yet");
    assert_eq!(open.archive().unwrap(), 2);
    open.enforce_retention();
    let end = ranges(&open.lake, TRAINING_REQUESTS.name).last().unwrap().next();
    assert_eq!((start(&open), end), (8, 8), "the last range has not closed");
    // The log with its archive is what it was.
    assert_eq!(open.log.bounds(&place).unwrap(), (0, 10));
    let mut tail = open.log.tail(&Positions::from([(place.clone(), 0)])).unwrap();
    let mut offsets = Vec::new();
    while offsets.len() < 10 {
        offsets.extend(tail.poll(3, Duration::from_secs(1)).unwrap().iter().map(|record| record.offset));
    }
    assert_eq!(offsets, (0..10).collect::<Vec<u64>>());
    drop((tail, open));
    // Without an archive its time alone counts.
    let without = node(dir.path(), lake.path(), ArchiveConfig { enabled: false, ..small(1) });
    assert_eq!(without.archive().unwrap(), 0);
    without.enforce_retention();
    assert_eq!(start(&without), 10);
}

#[test]
fn the_archive_of_another_log_is_refused() {
    let lake = tempfile::tempdir().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = node(one.path(), lake.path(), small(64));
    answer(&first, &feed_hours());
    work(&first);
    assert!(first.archive().unwrap() > 20);
    let before = files(&first.lake);
    // A shorter one, then one that is as long and goes on.
    let second = node(other.path(), lake.path(), small(64));
    let refused = second.archive().unwrap_err().to_string();
    assert!(refused.contains("ends at 0: the archive is of another log"), "{refused}");
    answer(&second, &feed_hours());
    work(&second);
    let Request::Feed(mut more) = feed_hours() else { panic!("no feed") };
    more.instrument = "GOLD".into();
    answer(&second, &Request::Feed(more));
    work(&second);
    let refused = second.archive().unwrap_err().to_string();
    assert!(refused.contains("is not the one that the log has: the archive is of another log"), "{refused}");
    assert!(files(&first.lake) == before);
}

#[test]
fn a_file_that_is_missing_between_two_is_named() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = node(dir.path(), lake.path(), small(64));
    answer(&node, &feed_hours());
    work(&node);
    node.archive().unwrap();
    let ranges = ranges(&node.lake, MARKET_BARS.name);
    std::fs::remove_file(node.lake.locate(&ranges[3].path())).unwrap();
    let refused = node.archive().unwrap_err().to_string();
    for said in [ranges[2].path(), ranges[4].path(), "is missing: restore it from a copy".to_owned()] {
        assert!(refused.contains(&said), "{refused}");
    }
    // While the log has the records nobody who reads it misses them; when it has not, they are an error.
    let place = TopicPartition::new(MARKET_BARS.name, 0);
    let read = |log: &dyn EventLog| {
        let mut tail = log.tail(&Positions::from([(place.clone(), ranges[3].first)])).unwrap();
        tail.poll(1, Duration::from_secs(1)).map(|records| records[0].offset)
    };
    assert_eq!(read(&*node.log).unwrap(), ranges[3].first);
    node.services.log().trim(&place, ranges[5].next()).unwrap();
    let error = read(&*node.log).unwrap_err().to_string();
    let lost = format!("records {} to {} of {place}", ranges[3].first, ranges[3].last);
    assert!(error.contains(&lost) && error.contains(&ranges[2].path()), "{error}");
    assert_eq!(node.log.bounds(&place).unwrap().0, 0);
}

#[test]
fn two_archivers_at_once_make_the_files_of_one() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = node(dir.path(), lake.path(), small(32));
    answer(&node, &feed_hours());
    work(&node);
    let together = tempfile::tempdir().unwrap();
    let written: Vec<u64> = std::thread::scope(|scope| {
        let archive = || {
            let lake = Arc::new(Lake::open(together.path()).unwrap());
            Archiver::new(node.services.log(), node.codec.clone(), lake, 32 << 10).archive().unwrap()
        };
        let both: Vec<_> = (0..2).map(|_| scope.spawn(archive)).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let alone = node.archive().unwrap();
    assert!(alone > 50, "{alone} files");
    assert_eq!(written.iter().sum::<u64>(), alone, "{written:?}");
    assert!(files(&Lake::open(together.path()).unwrap()) == files(&node.lake));
    // Who reads several partitions from the archive and from the log is given each record once, in order.
    let raw = node.services.log();
    for range in topics::ALL.iter().flat_map(|topic| ranges(&node.lake, topic.name)) {
        raw.trim(&TopicPartition::new(range.topic.as_str(), range.partition), range.next()).unwrap();
    }
    let log = ArchivedLog::new(raw, node.lake.clone());
    let mut next = Positions::new();
    let mut ends = Positions::new();
    for topic in topics::ALL {
        let place = TopicPartition::new(topic.name, 0);
        ends.insert(place.clone(), log.bounds(&place).unwrap().1);
        next.insert(place, 0);
    }
    let mut tail = log.tail(&next).unwrap();
    while next != ends {
        for record in tail.poll(1000, Duration::from_secs(1)).unwrap() {
            let next = next.get_mut(&*record.partition).unwrap();
            assert_eq!(record.offset, *next, "{}", record.partition);
            *next += 1;
        }
    }
    assert!(ends.values().sum::<u64>() > 40_000);
}
