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
fn damage_to_a_packed_record_is_named_and_nothing_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    let log = LocalLog::open(&path).unwrap();
    log.create_topics(&[TopicConfig { name: "t".into(), partitions: 1, cleanup: Cleanup::Keep }]).unwrap();
    let long = |i: u32| NewRecord {
        headers: vec![("ce_id".into(), format!("needle-{i:06}").into_bytes())],
        value: Some(vec![i as u8; 50_000]),
        ..record(i)
    };
    log.append((0..500).map(long).collect()).unwrap();
    assert_eq!(read_all(&log).unwrap(), 500);
    drop(log);
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() < 2_000_000, "{} bytes: they were not packed", bytes.len());
    let needle = b"needle-000250";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    // Behind the name are the length of the value, the method, the length unpacked, and what zstd wrote.
    bytes[at + needle.len() + 16] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let error = read_all(&LocalLog::open(&path).unwrap()).unwrap_err();
    assert!(error.to_string().contains("t/0 is damaged at offset 250"), "{error}");
}

#[test]
fn a_poll_is_bounded_over_all_partitions_and_leaves_nothing_out() {
    let log = LocalLog::in_memory().unwrap();
    log.create_topics(&[TopicConfig { name: "t".into(), partitions: 8, cleanup: Cleanup::Keep }]).unwrap();
    let large = |i: u32| NewRecord {
        key: i.to_le_bytes().to_vec(),
        value: Some(vec![i as u8; 1 << 20]),
        ..record(i)
    };
    log.append((0..64).map(large).collect()).unwrap();
    let from: Positions = (0..8).map(|partition| (TopicPartition::new("t", partition), 0)).collect();
    let mut tail = log.tail(&from).unwrap();
    let mut read = Vec::new();
    loop {
        let records = tail.poll(1_000, std::time::Duration::ZERO).unwrap();
        if records.is_empty() {
            break;
        }
        assert!(records.len() <= 3, "{} records of a megabyte in one poll", records.len());
        read.extend(records.into_iter().map(|record| record.key));
    }
    read.sort();
    read.dedup();
    assert_eq!(read.len(), 64);
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
