//! The same files whatever happens: pieces in which the log is read, crashes at every write, two archivers at once.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::LakeError;
use crate::store::{Lake, Objects};

const TOPIC: &str = "market.ticks.v1";

fn frame(offset: u64, timestamp_micros: i64, size: usize) -> Frame {
    // Not all alike, so that no column of another record has the same hash.
    let bytes: Vec<u8> = (0..size).map(|at| (at as u64 * 31 + offset) as u8).collect();
    Frame {
        offset,
        timestamp_micros,
        key: format!("key {}", offset % 3).into_bytes(),
        headers: vec![("ce_id".into(), offset.to_be_bytes().to_vec()), ("empty".into(), vec![])],
        value: (!offset.is_multiple_of(7)).then_some(bytes),
    }
}

/// A partition of a log: sizes, steps of time and holes.
fn log(most: usize) -> impl Strategy<Value = Vec<Frame>> {
    let record = (0_usize..300, 0_i64..10 * 86_400, 1_u64..3);
    prop::collection::vec(record, 1..most).prop_map(|records| {
        let (mut offset, mut seconds) = (0, 1_400_000_000);
        let frames = records.into_iter().map(|(size, step, hole)| {
            seconds += step;
            let frame = frame(offset, seconds * 1_000_000, size);
            offset += hole;
            frame
        });
        frames.collect()
    })
}

/// What an archiver does, from what is archived to the end of a log that is read in pieces.
fn archive(lake: &Lake, log: &[Frame], pieces: &[usize], most_bytes: u64) -> Result<(), LakeError> {
    let ranges = archived(lake, TOPIC)?.remove(&0).unwrap_or_default();
    let from = ranges.last().map_or(0, Range::next);
    let mut cutter = Cutter::new(TOPIC, 0, from, most_bytes);
    let mut rest = &log[log.partition_point(|frame| frame.offset < from)..];
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(*pieces.next().unwrap_or(&1)));
        let due: Vec<Range> = piece.iter().filter_map(|frame| cutter.push_frame(frame)).collect();
        for range in due {
            write(lake, log, &range)?;
        }
        rest = behind;
    }
    Ok(())
}

fn write(lake: &Lake, log: &[Frame], range: &Range) -> Result<Written, LakeError> {
    let of_range = log.iter().filter(|frame| (range.first..=range.last).contains(&frame.offset));
    write_archived(lake, range, &[], |push| of_range.cloned().try_for_each(|frame| push(frame, vec![])))
}

/// The records of all archived ranges.
fn read_all(lake: &Lake) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for range in archived(lake, TOPIC).unwrap().remove(&0).unwrap_or_default() {
        let mut from = range.first;
        while from <= range.last {
            frames.extend(read_archived(lake, &range, from).unwrap());
            from = frames.last().unwrap().offset + 1;
        }
    }
    frames
}

/// Every file under a folder, by its path there.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let lake = Lake::open(root).unwrap();
    let paths = lake.list("archive").unwrap();
    paths.into_iter().map(|path| (path.clone(), fs::read(lake.locate(&path)).unwrap())).collect()
}

/// An object store that fails at a call, before or after it has done what it was asked for.
#[derive(Debug, Default)]
struct Failing {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    calls: Mutex<u64>,
    fails_at: Option<(u64, bool)>,
}

impl Failing {
    fn calling<T>(&self, path: &str, work: impl FnOnce() -> T) -> Result<T, LakeError> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        let died =
            || LakeError::Unreachable { path: path.into(), store: "memory".into(), what: "died here".into() };
        match self.fails_at {
            Some((call, false)) if call == *calls => Err(died()),
            Some((call, true)) if call == *calls => {
                work();
                Err(died())
            }
            _ => Ok(work()),
        }
    }
}

impl Objects for Failing {
    fn holds(&self, path: &str, size: u64, _: ContentHash) -> Result<bool, LakeError> {
        let objects = self.objects.lock().unwrap();
        Ok(objects.get(path).is_some_and(|object| object.len() as u64 == size))
    }

    fn fetch(&self, path: &str, into: &mut dyn Write) -> Result<(), LakeError> {
        let found = self.calling(path, || self.objects.lock().unwrap().get(path).cloned())?;
        let found = found.ok_or_else(|| LakeError::Missing { path: path.into() })?;
        into.write_all(&found).map_err(|error| LakeError::io(path, error))
    }

    fn put(&self, path: &str, file: &Path, _: ContentHash) -> Result<(), LakeError> {
        let bytes = fs::read(file).unwrap();
        self.calling(path, || drop(self.objects.lock().unwrap().insert(path.into(), bytes)))
    }

    fn put_new(&self, path: &str, file: &Path, _: ContentHash) -> Result<bool, LakeError> {
        let bytes = fs::read(file).unwrap();
        self.calling(path, || {
            let mut objects = self.objects.lock().unwrap();
            let is_new = !objects.contains_key(path);
            objects.entry(path.into()).or_insert(bytes);
            is_new
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        self.calling(folder, || {
            let objects = self.objects.lock().unwrap();
            objects.keys().filter(|path| path.starts_with(folder)).cloned().collect()
        })
    }
}

/// What lies in the store in the end when the archiver dies at one of its calls and is started again.
fn with_a_death(
    log: &[Frame],
    pieces: &[usize],
    most_bytes: u64,
    death: (u64, bool),
) -> (BTreeMap<String, Vec<u8>>, bool) {
    let mut store = Failing { fails_at: Some(death), ..Failing::default() };
    let mut died = false;
    for _ in 0..2 {
        let cache = tempfile::tempdir().unwrap();
        let shared = Arc::new(store);
        let lake = Lake::open(cache.path()).unwrap().in_front_of(shared.clone(), 1 << 30);
        let done = archive(&lake, log, pieces, most_bytes);
        if done.is_ok() {
            assert_eq!(lake.remove_leftovers().unwrap(), 0);
        }
        died |= done.is_err();
        drop(lake);
        store = Failing { fails_at: None, ..Arc::into_inner(shared).unwrap() };
    }
    (store.objects.into_inner().unwrap(), died)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_files_are_the_same_in_any_pieces_and_hold_each_record_once(
        log in log(60),
        pieces in prop::collection::vec(1_usize..20, 1..5),
        most_bytes in 200_u64..2_000,
    ) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (lake, again) = (Lake::open(one.path()).unwrap(), Lake::open(other.path()).unwrap());
        archive(&lake, &log, &[log.len()], most_bytes).unwrap();
        // The second one stops in the middle and goes on, as after a restart.
        archive(&again, &log[..log.len() / 2], &pieces, most_bytes).unwrap();
        archive(&again, &log, &pieces, most_bytes).unwrap();
        prop_assert_eq!(files(one.path()), files(other.path()));
        let ranges = archived(&lake, TOPIC).unwrap().remove(&0).unwrap_or_default();
        let end = ranges.last().map_or(0, Range::next);
        let expected: Vec<Frame> = log.iter().filter(|frame| frame.offset < end).cloned().collect();
        prop_assert_eq!(read_all(&lake), expected);
        for pair in ranges.windows(2) {
            prop_assert_eq!(pair[0].next(), pair[1].first);
        }
        for range in &ranges {
            let of_range = log.iter().filter(|frame| (range.first..=range.last).contains(&frame.offset));
            let sizes: Vec<u64> = of_range.map(Frame::bytes).collect();
            prop_assert!(sizes.len() == 1 || sizes.iter().sum::<u64>() <= most_bytes);
        }
    }

    #[test]
    fn a_death_at_any_call_changes_nothing(
        log in log(20),
        pieces in prop::collection::vec(1_usize..20, 1..5),
        most_bytes in 200_u64..2_000,
    ) {
        let (undisturbed, died) = with_a_death(&log, &pieces, most_bytes, (u64::MAX, false));
        prop_assert!(!died);
        for call in 1.. {
            for after in [false, true] {
                let (found, died) = with_a_death(&log, &pieces, most_bytes, (call, after));
                prop_assert_eq!(&found, &undisturbed, "call {}, after: {}", call, after);
                if !died {
                    // One call lists, each file has one.
                    prop_assert_eq!(call, undisturbed.len() as u64 + 2);
                    return Ok(());
                }
            }
        }
    }
}

/// A log with several files, of which one has several row groups.
fn long() -> Vec<Frame> {
    (0..40).map(|offset| frame(offset, 1_400_000_000_000_000, 1 << 20)).collect()
}

#[test]
fn two_archivers_at_once_write_each_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let log: Vec<Frame> = (0..2_000).map(|offset| frame(offset, 1_400_000_000_000_000, 100)).collect();
    std::thread::scope(|scope| {
        let work = || archive(&Lake::open(dir.path()).unwrap(), &log, &[7], 4_000).unwrap();
        let both: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        both.into_iter().for_each(|one| one.join().unwrap());
    });
    let lake = Lake::open(dir.path()).unwrap();
    assert_eq!(lake.remove_leftovers().unwrap(), 0);
    let alone = tempfile::tempdir().unwrap();
    archive(&Lake::open(alone.path()).unwrap(), &log, &[2_000], 4_000).unwrap();
    assert!(files(alone.path()).len() > 50);
    assert_eq!(files(dir.path()), files(alone.path()));
}

#[test]
fn a_range_is_read_from_any_record_on_a_row_group_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let log = long();
    archive(&lake, &log, &[40], 30 << 20).unwrap();
    let [range] = &archived(&lake, TOPIC).unwrap()[&0][..] else { panic!("one file") };
    for from in 0..=range.last {
        let frames = read_archived(&lake, range, from).unwrap();
        assert_eq!(frames[..], log[from as usize..from as usize + frames.len()]);
        assert!(frames.len() <= 5, "a row group has 4 MB of records: {}", frames.len());
    }
    assert!(read_all(&lake).len() > 20);
}

#[test]
fn what_is_there_is_not_overwritten_and_other_records_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let log: Vec<Frame> = (0..60).map(|offset| frame(offset, 1_400_000_000_000_000, 100)).collect();
    archive(&lake, &log, &[30], 2_000).unwrap();
    let range = archived(&lake, TOPIC).unwrap()[&0][0].clone();
    assert_eq!(write(&lake, &log, &range).unwrap(), Written::Already);
    let before = files(dir.path());
    let other: Vec<Frame> =
        log.iter().map(|frame| Frame { key: b"other".to_vec(), ..frame.clone() }).collect();
    let error = write(&lake, &other, &range).unwrap_err();
    assert!(error.to_string().starts_with(&range.path()), "{error}");
    assert!(error.to_string().contains("holds other records than the log"), "{error}");
    assert_eq!(files(dir.path()), before);
    // The log has to have the records of the range, all and no others.
    let next = archived(&lake, TOPIC).unwrap()[&0][1].clone();
    let error = write(&lake, &log[..next.last as usize], &next).unwrap_err();
    assert!(error.to_string().contains("does not have its last record"), "{error}");
    assert_eq!(lake.remove_leftovers().unwrap(), 0);
}

#[test]
fn every_damage_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let log: Vec<Frame> = (0..60).map(|offset| frame(offset, 1_400_000_000_000_000, 100)).collect();
    archive(&lake, &log, &[30], 2_000).unwrap();
    let ranges = archived(&lake, TOPIC).unwrap().remove(&0).unwrap();
    let path = lake.locate(&ranges[0].path());
    let good = fs::read(&path).unwrap();
    let read = || read_archived(&lake, &ranges[0], 0).map(|frames| frames.len());
    let whole = read().unwrap();
    let named = |error: LakeError| {
        assert!(error.to_string().starts_with(&ranges[0].path()), "{error}");
        assert!(!error.retry_helps());
    };
    let mut changes = 0;
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        // Some bytes say nothing about the records: statistics, the writer's name.
        match read() {
            Ok(count) => assert_eq!(count, whole),
            Err(error) => {
                named(error);
                changes += 1;
            }
        }
    }
    assert!(changes > good.len() / 2, "{changes} of {}", good.len());
    for end in [0, 4, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..end]).unwrap();
        named(read().unwrap_err());
    }
    let others = fs::read(lake.locate(&ranges[1].path())).unwrap();
    fs::write(&path, others).unwrap();
    named(read().unwrap_err());
    fs::remove_file(&path).unwrap();
    let error = read().unwrap_err();
    assert!(matches!(error, LakeError::Missing { .. }), "{error}");
    named(error);
}

#[test]
fn names_that_contradict_each_other_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let log: Vec<Frame> = (0..60).map(|offset| frame(offset, 1_400_000_000_000_000, 100)).collect();
    archive(&lake, &log, &[30], 2_000).unwrap();
    let range = archived(&lake, TOPIC).unwrap()[&0][0].clone();
    let overlapping = Range { first: range.first + 1, ..range.clone() };
    fs::copy(lake.locate(&range.path()), lake.locate(&overlapping.path())).unwrap();
    let error = archived(&lake, TOPIC).unwrap_err();
    assert!(error.to_string().contains("holds too: they are of two logs"), "{error}");
    fs::rename(lake.locate(&overlapping.path()), lake.locate(&Range::folder(TOPIC)).join("x.parquet"))
        .unwrap();
    let error = archived(&lake, TOPIC).unwrap_err();
    assert!(error.to_string().contains("x.parquet: is not called as an archived range is"), "{error}");
}
