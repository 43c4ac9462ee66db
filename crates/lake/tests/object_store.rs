//! The lake's contract in a directory, behind `file://` and in S3; then what only an object store can do: be away, be
//! slow, lose an answer, hold something else, and be in front of a copy that is damaged.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use gauntlet_domain::market::Bar;
use gauntlet_domain::{BarSpec, ContentHash, Price, Quantity, Timestamp};
use gauntlet_lake::archive::{
    Cutter, Frame, Range, Written, archived, read_archived, verify_archived, write_archived,
};
use gauntlet_lake::artifact::artifact_path;
use gauntlet_lake::snapshot::snapshot_path;
use gauntlet_lake::{
    Lake, LakeError, ObjectStoreSettings, Sealed, read_snapshot, verify_file, verify_snapshot, write_snapshot,
};
use gauntlet_servers::{Door, S3};

const HOUR: i64 = 3_600_000_000_000;
const HOURLY: BarSpec = BarSpec::Time { seconds: 3600 };
const GOLD: &str = "XAUUSD.OANDA";

fn bars(count: i64) -> Vec<Bar> {
    let bar = |index: i64| {
        let open_time = Timestamp(1_142_812_800_000_000_000 + index * HOUR);
        let close_time = open_time.plus_nanos(HOUR);
        let open = Price(554_000_000_000 + index * 1_000_000);
        Bar {
            scale: gauntlet_domain::Scale::USUAL,
            instrument: GOLD.to_owned(),
            spec: HOURLY,
            open_time,
            close_time,
            time: close_time,
            open,
            high: Price(open.0 + 500_000_000),
            low: Price(open.0 - 250_000_000),
            close: Price(open.0 + 100_000_000),
            open_spread: None,
            close_spread: None,
            volume: Quantity(index),
            ticks: index,
        }
    };
    (0..count).map(bar).collect()
}

fn seal(lake: &Lake, count: i64) -> Sealed {
    write_snapshot(lake, GOLD, HOURLY, bars(count).into_iter()).unwrap()
}

/// Bytes that no test has in common with another, and that are not all alike.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// One server for all tests of this file; each has a prefix of its own in its bucket.
fn s3() -> &'static S3 {
    static SERVER: OnceLock<S3> = OnceLock::new();
    SERVER.get_or_init(S3::start)
}

fn settings(port: u16, prefix: &str, cache: &Path) -> ObjectStoreSettings {
    ObjectStoreSettings {
        url: format!("s3://lake/{prefix}"),
        options: S3::options(port).into_iter().collect(),
        ca_file: None,
        timeout: Duration::from_secs(5),
        cache: cache.to_owned(),
        room: 1 << 30,
    }
}

/// A lake in S3 with a cache of its own, as another process has it.
struct Process {
    cache: tempfile::TempDir,
    lake: Lake,
}

fn process(port: u16, prefix: &str) -> Process {
    let cache = tempfile::tempdir().unwrap();
    let lake = Lake::connect(&settings(port, prefix, cache.path())).unwrap();
    Process { cache, lake }
}

/// What every lake does. `open` gives the same lake again, as another process has it; `damage` puts other bytes, or
/// none, where a path is kept.
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn contract(open: &(dyn Fn() -> Lake + Sync), damage: &dyn Fn(&str, Option<&[u8]>)) {
    let (lake, other) = (open(), open());
    // Bars and bytes come back as they were, from wherever they are read.
    for count in [0, 1, 9000] {
        let sealed = seal(&lake, count);
        assert_eq!(sealed.rows, count);
        assert_eq!(read_snapshot(&lake, sealed.content_hash).unwrap(), bars(count));
        assert_eq!(read_snapshot(&other, sealed.content_hash).unwrap(), bars(count));
        assert_eq!(verify_snapshot(&other.without_copies(), sealed.content_hash).unwrap(), count);
        verify_file(&other.without_copies(), &sealed.files[0]).unwrap();
        assert_eq!(seal(&other, count), sealed, "the same bars again are the same snapshot");
    }
    for model in [&b""[..], b"model"] {
        let hash = lake.put_artifact(model).unwrap();
        assert_eq!(hash, ContentHash::of(model));
        assert_eq!(other.put_artifact(model).unwrap(), hash);
        assert_eq!(other.get_artifact(hash).unwrap(), model);
    }
    // What is not there is missing.
    let nothing = ContentHash::of(b"nobody has put this");
    for error in [lake.get_artifact(nothing).unwrap_err(), read_snapshot(&lake, nothing).unwrap_err()] {
        assert!(matches!(error, LakeError::Missing { .. }), "{error}");
        assert!(!error.retry_helps());
    }
    // What has changed is named, and putting it again heals it.
    let sealed = seal(&lake, 500);
    let foreign = seal(&lake, 499);
    let snapshot = snapshot_path(sealed.content_hash);
    let good = fs::read(lake.locate(&snapshot)).unwrap();
    let others = fs::read(lake.locate(&snapshot_path(foreign.content_hash))).unwrap();
    for (found, said) in [
        (Some(&good[..good.len() - 10]), "is truncated or not a snapshot"),
        (Some(&others[..]), "was tampered with"),
        (None, "is missing"),
    ] {
        damage(&snapshot, found);
        let fresh = open().without_copies();
        let error = verify_snapshot(&fresh, sealed.content_hash).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{snapshot}: {said}")), "{error}");
        assert!(!error.retry_helps());
        assert!(verify_file(&fresh, &sealed.files[0]).is_err());
        assert_eq!(seal(&lake, 500), sealed);
        assert_eq!(verify_snapshot(&fresh, sealed.content_hash).unwrap(), 500);
    }
    let hash = lake.put_artifact(b"another model").unwrap();
    for found in [Some(&b"an0ther model"[..]), None] {
        damage(&artifact_path(hash), found);
        let error = open().without_copies().get_artifact(hash).unwrap_err();
        assert!(matches!(error, LakeError::HashMismatch { .. } | LakeError::Missing { .. }), "{error}");
        lake.put_artifact(b"another model").unwrap();
        assert_eq!(open().get_artifact(hash).unwrap(), b"another model");
    }
    // Many writers of one content agree.
    let written: Vec<(Sealed, ContentHash)> = std::thread::scope(|scope| {
        let write = || {
            let lake = open();
            (seal(&lake, 2000), lake.put_artifact(b"at the same time").unwrap())
        };
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert!(written.iter().all(|one| *one == written[0]));
    assert_eq!(read_snapshot(&open(), written[0].0.content_hash).unwrap(), bars(2000));
    assert_eq!(open().get_artifact(written[0].1).unwrap(), b"at the same time");
    // A large one, in parts.
    let large = bytes(1, (20 << 20) + 1);
    let hash = lake.put_artifact(&large).unwrap();
    assert!(open().get_artifact(hash).unwrap() == large);
    assert_eq!(lake.remove_leftovers().unwrap(), 0);
}

fn overwrite(path: &Path, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn a_directory_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract(&|| Lake::open(dir.path()).unwrap(), &|path, bytes| overwrite(&dir.path().join(path), bytes));
}

#[test]
fn a_file_url_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    contract(&|| Lake::open_url(&url).unwrap(), &|path, bytes| overwrite(&dir.path().join(path), bytes));
}

#[test]
fn s3_keeps_the_contract() {
    let caches = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let open = || {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let cache = caches.path().join(number.to_string());
        Lake::connect(&settings(s3().port(), "contract/deep", &cache)).unwrap()
    };
    contract(&open, &|path, bytes| {
        let key = format!("contract/deep/{path}");
        match bytes {
            Some(bytes) => s3().put(&key, bytes),
            None => s3().delete(&key),
        }
    });
    assert!(s3().keys("contract/deep/artifacts/").len() >= 4);
}

#[test]
fn a_copy_serves_without_the_store_and_a_damaged_one_is_fetched_again() {
    let door = Door::to(s3().port());
    let (writer, reader) = (process(s3().port(), "copies"), process(door.port(), "copies"));
    let sealed = seal(&writer.lake, 300);
    let hash = writer.lake.put_artifact(b"copied").unwrap();
    assert_eq!(read_snapshot(&reader.lake, sealed.content_hash).unwrap(), bars(300));
    assert_eq!(reader.lake.get_artifact(hash).unwrap(), b"copied");

    door.close();
    assert_eq!(read_snapshot(&reader.lake, sealed.content_hash).unwrap(), bars(300));
    assert_eq!(reader.lake.get_artifact(hash).unwrap(), b"copied");
    let error = reader.lake.without_copies().get_artifact(hash).unwrap_err();
    assert!(matches!(error, LakeError::Unreachable { .. }), "the store itself is asked: {error}");

    door.open();
    let copies =
        [snapshot_path(sealed.content_hash), artifact_path(hash)].map(|path| reader.lake.locate(&path));
    for copy in &copies {
        fs::write(copy, b"PAR1 damaged").unwrap();
    }
    eventually(|| read_snapshot(&reader.lake, sealed.content_hash).map(|read| assert_eq!(read, bars(300))));
    assert_eq!(reader.lake.get_artifact(hash).unwrap(), b"copied");
    assert_eq!(fs::read(&copies[1]).unwrap(), b"copied", "the damaged copy has been replaced");
}

/// Repeats what may be tried again, as a worker does.
fn eventually<T>(mut attempt: impl FnMut() -> Result<T, LakeError>) -> T {
    for _ in 0..40 {
        match attempt() {
            Ok(value) => return value,
            Err(error) => assert!(error.retry_helps(), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("the store has not come back")
}

#[test]
fn damage_in_the_store_is_not_hidden_by_a_copy_when_it_is_verified() {
    let writer = process(s3().port(), "verified");
    let hash = writer.lake.put_artifact(b"verified").unwrap();
    s3().put(&format!("verified/{}", artifact_path(hash)), b"verifled");
    assert_eq!(writer.lake.get_artifact(hash).unwrap(), b"verified");
    let error = writer.lake.without_copies().get_artifact(hash).unwrap_err();
    assert!(matches!(error, LakeError::HashMismatch { .. }), "{error}");
    assert!(error.to_string().contains("restore it from a copy or make it again"), "{error}");
    // A damaged object never becomes a copy.
    let reader = process(s3().port(), "verified");
    assert!(matches!(reader.lake.get_artifact(hash), Err(LakeError::HashMismatch { .. })));
    assert!(!reader.lake.locate(&artifact_path(hash)).exists());
}

#[test]
fn a_store_that_is_away_costs_time_and_nothing_else() {
    let door = Door::to(s3().port());
    let writer = process(door.port(), "away");
    door.close();
    let error = writer.lake.put_artifact(b"while it is away").unwrap_err();
    assert!(matches!(error, LakeError::Unreachable { .. }) && error.retry_helps(), "{error}");
    assert!(error.to_string().contains("s3://lake/away does not answer"), "{error}");
    assert!(write_snapshot(&writer.lake, GOLD, HOURLY, bars(50).into_iter()).unwrap_err().retry_helps());
    // Nothing claims to be there, here or in the store.
    let hash = ContentHash::of(b"while it is away");
    assert!(!writer.lake.locate(&artifact_path(hash)).exists());
    assert_eq!(fs::read_dir(writer.cache.path().join("tmp")).unwrap().count(), 0);
    assert!(s3().keys("away/").is_empty());
    door.open();
    eventually(|| writer.lake.put_artifact(b"while it is away"));
    eventually(|| write_snapshot(&writer.lake, GOLD, HOURLY, bars(50).into_iter()));
    assert_eq!(s3().keys("away/").len(), 2);
}

#[test]
fn a_store_that_stands_still_is_given_up_and_asked_again() {
    let server = S3::start();
    let cache = tempfile::tempdir().unwrap();
    let mut hasty = settings(server.port(), "still", cache.path());
    hasty.timeout = Duration::from_millis(300);
    let lake = Lake::connect(&hasty).unwrap();
    server.pause();
    let error = lake.put_artifact(b"patience").unwrap_err();
    assert!(matches!(error, LakeError::Unreachable { .. }), "{error}");
    server.resume();
    let hash = eventually(|| lake.put_artifact(b"patience"));
    assert_eq!(lake.without_copies().get_artifact(hash).unwrap(), b"patience");
}

#[test]
fn an_upload_whose_answer_is_lost_or_that_breaks_off_is_completed_by_the_next_one() {
    let door = Door::to(s3().port());
    let prefix = "lost";
    let writer = process(door.port(), prefix);
    // The store has it, and the writer does not know.
    door.lose_answers();
    assert!(writer.lake.put_artifact(b"answered in vain").unwrap_err().retry_helps());
    door.open();
    let hash = eventually(|| writer.lake.put_artifact(b"answered in vain"));
    assert_eq!(process(s3().port(), prefix).lake.get_artifact(hash).unwrap(), b"answered in vain");

    // In the middle of the parts the connection breaks.
    let large = bytes(2, 40 << 20);
    let hash = ContentHash::of(&large);
    let before = door.bytes_sent();
    std::thread::scope(|scope| {
        let upload = scope.spawn(|| writer.lake.put_artifact(&large));
        while door.bytes_sent() - before < 12 << 20 && !upload.is_finished() {
            std::thread::yield_now();
        }
        door.close();
        let error = upload.join().unwrap().unwrap_err();
        assert!(error.retry_helps(), "{error}");
    });
    assert!(s3().keys(&artifact_path(hash)).is_empty(), "half an object is no object");
    door.open();
    eventually(|| writer.lake.put_artifact(&large));
    assert!(process(s3().port(), prefix).lake.get_artifact(hash).unwrap() == large);
}

#[test]
fn a_crash_between_store_and_cache_leaves_what_the_next_run_completes() {
    let first = process(s3().port(), "crash");
    let sealed = seal(&first.lake, 77);
    // As it was right after the upload: the store has the object, this process has nothing but an unfinished file.
    let cache = first.cache.path();
    fs::rename(cache.join(&sealed.files[0].path), cache.join("tmp/unfinished")).unwrap();
    let second = Lake::connect(&settings(s3().port(), "crash", cache)).unwrap();
    assert_eq!(second.remove_leftovers().unwrap(), 1);
    assert_eq!(seal(&second, 77), sealed);
    assert_eq!(read_snapshot(&second, sealed.content_hash).unwrap(), bars(77));
}

#[test]
fn the_same_content_is_not_uploaded_twice() {
    let door = Door::to(s3().port());
    let large = bytes(3, 2 << 20);
    process(s3().port(), "once").lake.put_artifact(&large).unwrap();
    let again = process(door.port(), "once");
    again.lake.put_artifact(&large).unwrap();
    assert!(door.bytes_sent() < 1 << 20, "{} bytes were sent", door.bytes_sent());
}

#[test]
fn the_cache_keeps_to_its_room() {
    let cache = tempfile::tempdir().unwrap();
    let mut small = settings(s3().port(), "room", cache.path());
    small.room = 3 << 20;
    let lake = Lake::connect(&small).unwrap();
    let hashes: Vec<ContentHash> =
        (10..16).map(|seed| lake.put_artifact(&bytes(seed, 1 << 20)).unwrap()).collect();
    let copies = fs::read_dir(cache.path().join("artifacts")).unwrap().count();
    assert_eq!(copies, 3);
    for (seed, hash) in (10..).zip(&hashes) {
        assert!(lake.get_artifact(*hash).unwrap() == bytes(seed, 1 << 20));
    }
    assert_eq!(fs::read_dir(cache.path().join("artifacts")).unwrap().count(), 3);
}

#[test]
fn a_wrong_place_is_refused_when_the_lake_is_opened() {
    let cache = tempfile::tempdir().unwrap();
    let connect = |change: &dyn Fn(&mut ObjectStoreSettings)| {
        let mut settings = settings(s3().port(), "x", cache.path());
        change(&mut settings);
        Lake::connect(&settings).unwrap_err()
    };
    let no_bucket = connect(&|settings| settings.url = "s3://elsewhere/x".into());
    assert!(matches!(no_bucket, LakeError::Refused { .. }), "{no_bucket}");
    assert!(no_bucket.to_string().contains("check that the bucket exists"), "{no_bucket}");
    // Nobody listens on a port that has just been given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = connect(&|settings| settings.options.extend(S3::options(free)));
    assert!(matches!(nobody, LakeError::Unreachable { .. }), "{nobody}");
    let plain = connect(&|settings| drop(settings.options.remove("aws_allow_http")));
    assert!(plain.to_string().contains("s3://lake/x"), "{plain}");
    let unknown = connect(&|settings| drop(settings.options.insert("aws_regoin".into(), "x".into())));
    assert!(matches!(unknown, LakeError::Settings { .. }), "{unknown}");
    assert!(!unknown.retry_helps());
    for error in [no_bucket, nobody, plain, unknown] {
        assert!(!error.to_string().contains("not checked"), "a secret is shown: {error}");
    }
}

#[test]
fn credentials_that_are_refused_are_waited_for_and_say_nothing_about_the_data() {
    let server = S3::start();
    let writer = process(server.port(), "refused");
    let hash = writer.lake.put_artifact(b"accepted").unwrap();
    server.refuse_everybody();
    let cache = tempfile::tempdir().unwrap();
    let at_start = Lake::connect(&settings(server.port(), "refused", cache.path())).unwrap_err();
    let reading = writer.lake.without_copies().get_artifact(hash).unwrap_err();
    let writing = writer.lake.put_artifact(b"not accepted").unwrap_err();
    for error in [at_start, reading, writing] {
        assert!(matches!(error, LakeError::Refused { .. }) && error.retry_helps(), "{error}");
        assert!(error.to_string().contains("the credentials in lake.properties"), "{error}");
        assert!(!error.to_string().contains("not checked"), "a secret is shown: {error}");
    }
    assert!(!writer.lake.locate(&artifact_path(ContentHash::of(b"not accepted"))).exists());
    server.take_everybody();
    assert_eq!(writer.lake.without_copies().get_artifact(hash).unwrap(), b"accepted");
    writer.lake.put_artifact(b"not accepted").unwrap();
}

#[test]
fn a_wrong_secret_of_a_known_user_is_refused_and_the_right_one_taken() {
    let server = S3::start();
    let (key, secret) = server.user();
    server.refuse_everybody();
    let cache = tempfile::tempdir().unwrap();
    let connect = |secret: &str| {
        let mut settings = settings(server.port(), "signed", cache.path());
        settings.options.insert("aws_access_key_id".into(), key.clone());
        settings.options.insert("aws_secret_access_key".into(), secret.into());
        Lake::connect(&settings)
    };
    let wrong = connect("somebody else's").unwrap_err();
    assert!(matches!(wrong, LakeError::Refused { .. }), "{wrong}");
    assert!(wrong.to_string().contains("the credentials in lake.properties"), "{wrong}");
    assert!(
        !wrong.to_string().contains("somebody else's") && !wrong.to_string().contains(&secret),
        "{wrong}"
    );
    let lake = connect(&secret).unwrap();
    let hash = lake.put_artifact(b"signed").unwrap();
    assert_eq!(lake.without_copies().get_artifact(hash).unwrap(), b"signed");
}

const TOPIC: &str = "market.ticks.v1";

/// A record of this size that no other one is like.
fn frame(offset: u64, size: usize) -> Frame {
    Frame {
        offset,
        timestamp_micros: 1_400_000_000_000_000,
        key: b"key".to_vec(),
        headers: vec![("ce_id".into(), offset.to_be_bytes().to_vec())],
        value: Some(bytes(offset + 100, size)),
    }
}

fn archive(lake: &Lake, log: &[Frame], range: &Range) -> Result<Written, LakeError> {
    let of_range = log.iter().filter(|frame| (range.first..=range.last).contains(&frame.offset));
    write_archived(lake, range, &[], |push| of_range.cloned().try_for_each(|frame| push(frame, vec![])))
}

/// The ranges of a log that close within it.
fn closed(log: &[Frame], most_bytes: u64) -> Vec<Range> {
    let mut cutter = Cutter::new(TOPIC, 0, 0, most_bytes);
    log.iter().filter_map(|frame| cutter.push_frame(frame)).collect()
}

#[test]
fn the_archive_is_the_same_in_a_directory_and_in_s3() {
    let dir = tempfile::tempdir().unwrap();
    let here = Lake::open(dir.path()).unwrap();
    let (one, other) = (process(s3().port(), "archive"), process(s3().port(), "archive"));
    let log: Vec<Frame> = (0..50).map(|offset| frame(offset, 400)).collect();
    let ranges = closed(&log, 4_000);
    assert!(archived(&one.lake, TOPIC).unwrap().is_empty());
    for range in &ranges {
        assert_eq!(archive(&here, &log, range).unwrap(), Written::New);
        assert_eq!(archive(&one.lake, &log, range).unwrap(), Written::New);
        assert_eq!(archive(&other.lake, &log, range).unwrap(), Written::Already);
        let key = format!("archive/{}", range.path());
        assert!(s3().get(&key) == fs::read(here.locate(&range.path())).unwrap(), "{range}");
        assert_eq!(
            read_archived(&other.lake, range, range.last).unwrap(),
            [log[range.last as usize].clone()]
        );
    }
    assert!(ranges.len() > 3);
    for lake in [&here, &one.lake, &process(s3().port(), "archive").lake] {
        assert_eq!(archived(lake, TOPIC).unwrap().remove(&0).unwrap(), ranges);
    }
    // What is there is not overwritten, and what it should not be is said.
    let others: Vec<Frame> = log.iter().map(|frame| Frame { key: b"k".to_vec(), ..frame.clone() }).collect();
    let error = archive(&one.lake, &others, &ranges[1]).unwrap_err();
    assert!(error.to_string().contains("holds other records than the log"), "{error}");
    verify_archived(&one.lake.without_copies(), &ranges[1]).unwrap();
    // Damage in the store is found where it is verified, and not only in a copy.
    let key = format!("archive/{}", ranges[0].path());
    let good = s3().get(&key);
    s3().put(&key, &good[..good.len() / 2]);
    let error = verify_archived(&one.lake.without_copies(), &ranges[0]).unwrap_err();
    assert!(matches!(error, LakeError::NotArchived { .. }), "{error}");
    s3().delete(&key);
    let error = verify_archived(&one.lake.without_copies(), &ranges[0]).unwrap_err();
    assert!(matches!(error, LakeError::Missing { .. }), "{error}");
    // A damaged copy is fetched again.
    fs::write(other.lake.locate(&ranges[2].path()), b"PAR1 damaged").unwrap();
    assert_eq!(read_archived(&other.lake, &ranges[2], ranges[2].last).unwrap().len(), 1);
}

#[test]
fn a_file_of_the_archive_whose_answer_is_lost_is_there_once() {
    let door = Door::to(s3().port());
    let writer = process(door.port(), "lost-archive");
    // One in a request, one in parts.
    for (prefix, size, count) in [("small", 400, 20), ("large", 1 << 20, 30)] {
        let log: Vec<Frame> = (0..count).map(|offset| frame(offset, size)).collect();
        let most_bytes = (count - 5) * size as u64;
        let range = Range { topic: prefix.into(), ..closed(&log, most_bytes).remove(0) };
        door.lose_answers();
        assert!(archive(&writer.lake, &log, &range).unwrap_err().retry_helps());
        door.open();
        eventually(|| archive(&writer.lake, &log, &range));
        assert_eq!(archive(&writer.lake, &log, &range).unwrap(), Written::Already);
        verify_archived(&process(s3().port(), "lost-archive").lake, &range).unwrap();
    }
}
