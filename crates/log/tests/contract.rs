//! The contract suite on both local adapters, and what only the one on disk can show.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Seek, SeekFrom, Write};

use gauntlet_log::contract::CHECKS;
use gauntlet_log::*;

#[test]
fn the_log_in_memory_keeps_the_contract() {
    for (name, check) in CHECKS {
        eprintln!("{name}");
        check(&LocalLog::in_memory().unwrap());
    }
}

#[test]
fn the_log_on_disk_keeps_the_contract() {
    for (name, check) in CHECKS {
        eprintln!("{name}");
        let dir = tempfile::tempdir().unwrap();
        check(&LocalLog::open(&dir.path().join("log.redb")).unwrap());
    }
}

fn record(i: u32) -> NewRecord {
    NewRecord {
        topic: "t".into(),
        key: b"k".to_vec(),
        headers: vec![],
        value: Some(format!("needle-{i:06}-{}", "x".repeat(200)).into_bytes()),
        timestamp_micros: 0,
    }
}

fn fill(path: &std::path::Path, records: u32) {
    let log = LocalLog::open(path).unwrap();
    log.create_topics(&[TopicConfig { name: "t".into(), partitions: 1, cleanup: Cleanup::Keep }]).unwrap();
    log.append((0..records).map(record).collect()).unwrap();
}

fn read_all(log: &LocalLog) -> Result<usize, LogError> {
    let place = TopicPartition::new("t", 0);
    let (_, end) = log.bounds(&place)?;
    let mut tail = log.tail(&Positions::from([(place, 0)]))?;
    let mut read = 0;
    while read < end as usize {
        read += tail.poll(100, std::time::Duration::ZERO)?.len();
    }
    Ok(read)
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    fill(&path, 500);
    let log = LocalLog::open(&path).unwrap();
    assert_eq!(read_all(&log).unwrap(), 500);
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    let _first = LocalLog::open(&path).unwrap();
    let error = LocalLog::open(&path).err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[test]
fn a_damaged_record_is_named_and_nothing_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    fill(&path, 500);
    let mut file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let needle = b"needle-000250";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"n0edle").unwrap();
    drop(file);
    let log = LocalLog::open(&path).unwrap();
    let error = read_all(&log).unwrap_err();
    assert!(error.to_string().contains("t/0 is damaged at offset 250"), "{error}");
}

#[test]
fn a_file_of_garbage_is_an_error_and_not_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    std::fs::write(&path, vec![7_u8; 100_000]).unwrap();
    let error = LocalLog::open(&path).err().unwrap();
    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[test]
fn any_page_overwritten_is_an_error_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    fill(&path, 500);
    let clean = std::fs::read(&path).unwrap();
    let mut named = 0;
    for page in (4096..clean.len()).step_by(4096 * 7) {
        let mut damaged = clean.clone();
        let end = (page + 4096).min(damaged.len());
        damaged[page..end].fill(0xAB);
        std::fs::write(&path, &damaged).unwrap();
        match LocalLog::open(&path).and_then(|log| read_all(&log)) {
            Ok(read) => assert_eq!(read, 500, "page at {page}: records were skipped"),
            Err(error) => {
                assert!(error.to_string().contains("damaged"), "page at {page}: {error}");
                named += 1;
            }
        }
    }
    assert!(named > 0, "no page held anything that matters");
}
