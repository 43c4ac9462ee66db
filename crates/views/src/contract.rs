//! What every adapter must do, as functions over a store. Each takes a fresh one.
//!
//! Panics on a broken promise, as a test does.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

/// Rows, one at a time.
mod visits;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::digest::TableDigest;
use crate::port::{Progress, Row, Upsert, ViewStore};
use crate::schema::{
    EQUITY_CURVES, EXPERIMENTS, LEADERBOARDS, MODELS, PROJECTION_PROGRESS, QUALITY, RUNS, TRADE_LOGS, VIEWS,
};
use crate::value::Value;

type Digests = BTreeMap<&'static str, TableDigest>;

fn experiment(id: &str, stamp: i64) -> Upsert {
    Upsert::new(&EXPERIMENTS, vec![id.into()], stamp)
}

fn point(run: &str, nanos: i64, value: f64) -> Upsert {
    let key = vec![run.into(), Value::Timestamp(nanos)];
    Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", value)
}

fn score(metric: &str, score: f64, trial: i64) -> Upsert {
    let key = vec!["e".into(), metric.into(), score.into(), trial.into()];
    Upsert::new(&LEADERBOARDS, key, 1).with("model_id", format!("m{trial}"))
}

fn fill(nanos: i64, sequence: i64) -> Upsert {
    let key = vec!["r".into(), Value::Timestamp(nanos), sequence.into()];
    Upsert::new(&TRADE_LOGS, key, 1).with("price", 0.5)
}

fn at(topic: &str, partition: u32, next_offset: u64) -> Progress {
    Progress { topic: topic.into(), partition, next_offset, last: None }
}

fn only(store: &dyn ViewStore, id: &str) -> Row {
    store.row(&EXPERIMENTS, &[id.into()]).unwrap().unwrap()
}

fn texts(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().map(|row| row.get(column).unwrap().as_text().unwrap().to_owned()).collect()
}

/// Rows of several tables that meet each other in every way: new rows, later stages, duplicates, equal stamps with
/// different values, nulls, rows without cells.
fn meeting_upserts() -> Vec<Upsert> {
    let mut upserts = Vec::new();
    for id in ["a", "b", "c"] {
        upserts.push(experiment(id, 1).with("status", "submitted").with("name", id).with("place", 1));
        upserts.push(experiment(id, 2).with("status", "running").with("start", None::<i64>));
        upserts.push(experiment(id, 3).with("status", "completed").with("detail", "done"));
        upserts.push(experiment(id, 3).with("status", "failed"));
        upserts.push(experiment(id, 1).with("place", -1));
        let mut taken_back = experiment(id, 2);
        taken_back.cells = vec![("name", Value::Null), ("mandate", Value::Null)];
        upserts.push(taken_back);
        upserts.push(experiment(id, 1).with("mandate", "GOLD"));
        upserts.push(experiment(id, 3).with("mandate", if id == "a" { None } else { Some("OIL") }));
    }
    upserts.push(Upsert::new(&MODELS, vec!["bare".into()], 1));
    for i in 0..20 {
        upserts.push(point("r", i * 7 % 20 - 10, i as f64));
        upserts.push(fill(i / 3, i));
        upserts.push(score("sharpe", (i % 5) as f64 - 2.0, i));
    }
    upserts.push(upserts[3].clone());
    upserts
}

/// The same list in another order; every seed gives its own.
fn shuffled(upserts: &[Upsert], seed: u64) -> Vec<Upsert> {
    let mut upserts = upserts.to_vec();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for i in (1..upserts.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        upserts.swap(i, (state % (i as u64 + 1)) as usize);
    }
    upserts
}

fn digest_of(store: &dyn ViewStore, upserts: &[Upsert], batch: usize) -> Digests {
    store.clear().unwrap();
    for batch in upserts.chunks(batch) {
        store.write(batch, &[]).unwrap();
    }
    store.digest().unwrap()
}

pub fn a_row_comes_back_as_it_was_written(store: &dyn ViewStore) {
    let row = Upsert::new(&MODELS, vec!["m".into()], 1)
        .with("version", i64::MIN)
        .with("artifact_path", "a'b\"\u{0}é")
        .with("confirmed", true)
        .with("verdict", "");
    let mark = Upsert::new(
        &QUALITY,
        vec!["X".into(), Value::Timestamp(i64::MAX), 0.into(), "odd".into(), "".into()],
        0,
    )
    .with("until", Value::Timestamp(0));
    store.write(&[row, mark, point("r", 0, -0.0)], &[]).unwrap();
    let model = store.row(&MODELS, &["m".into()]).unwrap().unwrap();
    assert_eq!(model.get("model_id"), Some(&"m".into()));
    assert_eq!(model.get("version"), Some(&Value::Long(i64::MIN)));
    assert_eq!(model.get("artifact_path"), Some(&"a'b\"\u{0}é".into()));
    assert_eq!(model.get("confirmed"), Some(&true.into()));
    assert_eq!(model.get("verdict"), Some(&"".into()));
    assert_eq!(model.get("trial"), Some(&Value::Null));
    assert_eq!(model.get("no such column"), None);
    let mark = &store.partition(&QUALITY, &["X".into()], None).unwrap()[0];
    assert_eq!(mark.get("time"), Some(&Value::Timestamp(i64::MAX)));
    assert_eq!(mark.get("until"), Some(&Value::Timestamp(0)));
    let value =
        store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap()[0].get("portfolio_value").cloned();
    assert_eq!(value.unwrap().as_double().unwrap().to_bits(), (-0.0_f64).to_bits());
}

pub fn what_was_never_written_is_not_there(store: &dyn ViewStore) {
    assert_eq!(store.row(&EXPERIMENTS, &["e".into()]).unwrap(), None);
    assert!(store.partition(&RUNS, &["e".into()], None).unwrap().is_empty());
    assert!(store.scan(&MODELS, None).unwrap().is_empty());
    assert!(store.progress().unwrap().is_empty());
    let digests = store.digest().unwrap();
    assert_eq!(digests.keys().copied().collect::<Vec<_>>(), {
        let mut names: Vec<_> = VIEWS.iter().map(|table| table.name).collect();
        names.sort();
        names
    });
    assert!(digests.values().all(|digest| digest.rows == 0));
    store.write(&[], &[]).unwrap();
}

pub fn a_partition_comes_in_clustering_order(store: &dyn ViewStore) {
    let times = [5, -1, 0, i64::MIN, i64::MAX, 3];
    for nanos in times {
        store.write(&[point("r", nanos, 1.0), point("other", nanos, 1.0)], &[]).unwrap();
    }
    let rows = store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap();
    let read: Vec<_> = rows.iter().map(|row| row.get("timestamp").unwrap().as_timestamp().unwrap()).collect();
    assert_eq!(read, [i64::MIN, -1, 0, 3, 5, i64::MAX]);
    // Two clustering columns, and the first rows of them.
    store.write(&[fill(2, 0), fill(1, 9), fill(1, -9), fill(2, -1)], &[]).unwrap();
    let rows = store.partition(&TRADE_LOGS, &["r".into()], Some(3)).unwrap();
    let read: Vec<_> = rows.iter().map(|row| row.key[1..].to_vec()).collect();
    let key = |nanos, sequence| vec![Value::Timestamp(nanos), Value::Long(sequence)];
    assert_eq!(read, [key(1, -9), key(1, 9), key(2, -1)]);
    assert!(store.partition(&TRADE_LOGS, &["r".into()], Some(0)).unwrap().is_empty());
}

pub fn a_leaderboard_comes_best_first(store: &dyn ViewStore) {
    let scores = [(-1.5, 1), (0.0, 7), (2.25, 3), (0.0, 4), (1e300, 5), (-1e-300, 6)];
    for (value, trial) in scores {
        store.write(&[score("sharpe", value, trial), score("sharp", value, 0)], &[]).unwrap();
    }
    let rows = store.partition(&LEADERBOARDS, &["e".into(), "sharpe".into()], None).unwrap();
    // Best first; of equals the earlier trial.
    assert_eq!(texts(&rows, "model_id"), ["m5", "m3", "m4", "m7", "m6", "m1"]);
    let best = store.partition(&LEADERBOARDS, &["e".into(), "sharpe".into()], Some(1)).unwrap();
    assert_eq!(texts(&best, "model_id"), ["m5"]);
}

pub fn partitions_do_not_run_into_each_other(store: &dyn ViewStore) {
    let names = ["a", "aa", "a\u{0}", "a\u{0}a", "b", "A", "é"];
    for name in names {
        store.write(&[point(name, 1, 1.0), point(name, 2, 2.0)], &[]).unwrap();
    }
    for name in names {
        let rows = store.partition(&EQUITY_CURVES, &[name.into()], None).unwrap();
        assert_eq!(texts(&rows, "run_id"), [name, name]);
    }
}

pub fn a_scan_meets_every_row_once(store: &dyn ViewStore) {
    let ids: Vec<String> = (0..50).map(|i| format!("e{i:02}")).collect();
    for id in &ids {
        store.write(&[experiment(id, 1).with("name", "x")], &[]).unwrap();
    }
    let mut read = texts(&store.scan(&EXPERIMENTS, None).unwrap(), "experiment_id");
    read.sort();
    assert_eq!(read, ids);
    assert_eq!(store.scan(&EXPERIMENTS, Some(7)).unwrap().len(), 7);
    assert_eq!(store.scan(&EXPERIMENTS, Some(700)).unwrap().len(), 50);
}

pub fn the_higher_stamp_stays_cell_by_cell(store: &dyn ViewStore) {
    let submitted = experiment("e", 1).with("status", "submitted").with("name", "gold").with("place", 4);
    let running = experiment("e", 2).with("status", "running");
    store.write(&[running], &[]).unwrap();
    store.write(&[submitted], &[]).unwrap();
    let row = only(store, "e");
    assert_eq!(row.get("status"), Some(&"running".into()));
    assert_eq!(row.get("name"), Some(&"gold".into()));
    assert_eq!(row.get("place"), Some(&Value::Long(4)));
}

pub fn a_null_takes_a_value_back(store: &dyn ViewStore) {
    let mut back = experiment("e", 2);
    back.cells = vec![("name", Value::Null)];
    store.write(&[experiment("e", 1).with("name", "gold")], &[]).unwrap();
    let never = {
        store.write(&[experiment("f", 1)], &[]).unwrap();
        only(store, "f").cells
    };
    store.write(&[back.clone()], &[]).unwrap();
    assert_eq!(only(store, "e").cells, never);
    // What is older than the null does not come through, what is newer does.
    store.write(&[experiment("e", 1).with("name", "silver")], &[]).unwrap();
    assert_eq!(only(store, "e").get("name"), Some(&Value::Null));
    store.write(&[experiment("e", 3).with("name", "oil"), back], &[]).unwrap();
    assert_eq!(only(store, "e").get("name"), Some(&"oil".into()));
}

pub fn equal_stamps_end_in_the_same_value_whichever_comes_first(store: &dyn ViewStore) {
    let model = |name: &'static str, value: Value| {
        let mut upsert = Upsert::new(&MODELS, vec!["m".into()], 1);
        upsert.cells.push((name, value));
        upsert
    };
    let mut compared = 0;
    for (name, stays, goes) in [
        ("verdict", "b".into(), "abc".into()),
        ("verdict", Value::Null, "abc".into()),
        ("trial", Value::Long(7), Value::Long(6)),
        // The bytes decide, not the number.
        ("trial", Value::Long(-1), Value::Long(1)),
        ("confirmed", true.into(), false.into()),
    ] {
        for batches in [[&stays, &goes], [&goes, &stays]] {
            store.clear().unwrap();
            for value in batches {
                store.write(&[model(name, value.clone())], &[]).unwrap();
            }
            let row = store.row(&MODELS, &["m".into()]).unwrap().unwrap();
            assert_eq!(row.get(name), Some(&stays), "{stays:?} against {goes:?}");
            store.clear().unwrap();
            store.write(&batches.map(|value| model(name, value.clone())), &[]).unwrap();
            let row = store.row(&MODELS, &["m".into()]).unwrap().unwrap();
            assert_eq!(row.get(name), Some(&stays), "{stays:?} against {goes:?} in one batch");
            compared += 1;
        }
    }
    assert_eq!(compared, 10);
}

pub fn writing_twice_changes_nothing(store: &dyn ViewStore) {
    let upserts = meeting_upserts();
    let once = digest_of(store, &upserts, 1_000);
    let rows = store.scan(&EXPERIMENTS, None).unwrap();
    for _ in 0..2 {
        store.write(&upserts, &[]).unwrap();
    }
    store.write(&upserts[..5], &[]).unwrap();
    assert_eq!(store.digest().unwrap(), once);
    assert_eq!(store.scan(&EXPERIMENTS, None).unwrap(), rows);
}

pub fn any_order_and_any_batches_end_in_the_same_rows(store: &dyn ViewStore) {
    let upserts = meeting_upserts();
    let expected = digest_of(store, &upserts, 1_000);
    let rows: u64 = expected.values().map(|digest| digest.rows).sum();
    assert_eq!(rows, 3 + 1 + 60);
    for seed in 1..=12 {
        let batch = [1, 3, 17, 1_000][seed % 4];
        assert_eq!(digest_of(store, &shuffled(&upserts, seed as u64), batch), expected, "seed {seed}");
        // And with half of it delivered again in yet another order.
        let again = shuffled(&upserts, 1_000 + seed as u64);
        store.write(&again[..again.len() / 2], &[]).unwrap();
        assert_eq!(store.digest().unwrap(), expected, "seed {seed}, again");
    }
}

pub fn a_cleared_store_is_empty_and_fills_again(store: &dyn ViewStore) {
    let upserts = meeting_upserts();
    store.write(&upserts, &[at("t", 0, 9)]).unwrap();
    let before = store.digest().unwrap();
    store.clear().unwrap();
    assert!(store.progress().unwrap().is_empty());
    assert!(store.digest().unwrap().values().all(|digest| digest.rows == 0));
    // The very same stamps count again.
    store.write(&upserts, &[at("t", 0, 3)]).unwrap();
    assert_eq!(store.digest().unwrap(), before);
    assert_eq!(store.progress().unwrap(), [at("t", 0, 3)]);
}

pub fn a_digest_sees_every_cell_and_no_observation(store: &dyn ViewStore) {
    let run = |nanos: i64| {
        let observed = Value::Timestamp(nanos);
        Upsert::new(&RUNS, vec!["e".into(), "r".into()], 1)
            .with("status", "completed")
            .with("start", observed.clone())
            .with("end", observed)
    };
    let first = digest_of(store, &[run(1)], 1);
    assert_eq!(digest_of(store, &[run(2)], 1), first);
    let mut differ = 0;
    for changed in [
        run(1).with("trial", 0),
        run(1).with("status", "failed"),
        run(1).with("phase", "completed"),
        Upsert { key: vec!["e".into(), "s".into()], ..run(1) },
        Upsert { key: vec!["f".into(), "r".into()], ..run(1) },
    ] {
        let digest = digest_of(store, &[changed], 1);
        assert_ne!(digest["runs"], first["runs"]);
        assert!(digest.iter().all(|(name, digest)| *name == "runs" || *digest == first[name]));
        differ += 1;
    }
    assert_eq!(differ, 5);
    // Nor is progress in it.
    store.clear().unwrap();
    store.write(&[run(1)], &[at("t", 0, 77)]).unwrap();
    assert_eq!(store.digest().unwrap(), first);
}

pub fn progress_never_goes_back(store: &dyn ViewStore) {
    store.write(&[], &[at("t", 0, 0), at("t", 10, 5), at("t", 2, 7), at("s", 0, 1)]).unwrap();
    store.write(&[], &[at("t", 2, 6), at("s", 0, 3), at("s", 0, 2)]).unwrap();
    let mut progress = store.progress().unwrap();
    progress.sort();
    assert_eq!(progress, [at("s", 0, 3), at("t", 0, 0), at("t", 2, 7), at("t", 10, 5)]);
    let row = store.row(&PROJECTION_PROGRESS, &["t".into(), 10.into()]).unwrap().unwrap();
    assert_eq!(row.get("next_offset"), Some(&Value::Long(5)));
}

pub fn progress_is_never_ahead_of_rows(store: &dyn ViewStore) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looked = 0;
            // The last look is after the last write, so that at least one saw something.
            loop {
                let last = done.load(Ordering::Acquire);
                let offset = store.progress().unwrap().first().map_or(0, |progress| progress.next_offset);
                let rows = store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap();
                assert!(rows.len() as u64 >= offset, "progress {offset} with {} rows", rows.len());
                looked += 1;
                if last {
                    assert_eq!(offset, 400);
                    return looked;
                }
            }
        });
        for batch in 0..40 {
            let rows: Vec<_> = (batch * 10..batch * 10 + 10).map(|i| point("r", i, 1.0)).collect();
            store.write(&rows, &[at("t", 0, (batch as u64 + 1) * 10)]).unwrap();
        }
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
}

pub fn a_reader_sees_whole_rows(store: &dyn ViewStore) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                if let Some(row) = store.row(&EXPERIMENTS, &["e".into()]).unwrap() {
                    assert_eq!(row.get("name"), row.get("detail"));
                }
            }
        });
        for stamp in 1..60 {
            let text = format!("version {stamp}");
            let version = experiment("e", stamp).with("name", text.as_str()).with("detail", text.as_str());
            store.write(&[version], &[]).unwrap();
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
}

pub fn what_does_not_fit_is_refused_and_nothing_is_written(store: &dyn ViewStore) {
    let with = |name: &'static str, value: Value| {
        let mut upsert = experiment("e", 1);
        upsert.cells.push((name, value));
        upsert
    };
    let bad = [
        ("there is no column colour", with("colour", "red".into())),
        ("there is no column experiment_id", with("experiment_id", "x".into())),
        ("place is Long", with("place", "first".into())),
        ("a key of 0 values, not 1", Upsert { key: vec![], ..experiment("e", 1) }),
        ("a key of 2 values, not 1", Upsert { key: vec!["e".into(), 1.into()], ..experiment("e", 1) }),
        ("is null in a key", Upsert { key: vec![Value::Null], ..experiment("e", 1) }),
        ("the stamp is -1", experiment("e", -1)),
        ("is an empty partition key", experiment("", 1)),
        ("experiment_id is Text", Upsert { key: vec![1.into()], ..experiment("e", 1) }),
        ("is negative zero in a key", score("sharpe", -0.0, 1)),
        ("leave an undefined number out", {
            let mut upsert = point("r", 1, 1.0);
            upsert.cells[0].1 = Value::Double(f64::NAN);
            upsert
        }),
    ];
    for (message, upsert) in bad {
        let error = store.write(&[experiment("good", 1), upsert], &[at("t", 0, 1)]).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.retry());
    }
    assert!(store.scan(&EXPERIMENTS, None).unwrap().is_empty());
    assert!(store.progress().unwrap().is_empty());
    store.row(&RUNS, &["e".into()]).unwrap_err();
    store.partition(&LEADERBOARDS, &["e".into()], None).unwrap_err();
}

/// A check: panics when the store breaks its promise.
pub type Check = fn(&dyn ViewStore);

/// Every check by name.
pub const CHECKS: &[(&str, Check)] = &[
    ("a_row_comes_back_as_it_was_written", a_row_comes_back_as_it_was_written),
    ("what_was_never_written_is_not_there", what_was_never_written_is_not_there),
    ("a_partition_comes_in_clustering_order", a_partition_comes_in_clustering_order),
    ("a_leaderboard_comes_best_first", a_leaderboard_comes_best_first),
    ("partitions_do_not_run_into_each_other", partitions_do_not_run_into_each_other),
    ("a_scan_meets_every_row_once", a_scan_meets_every_row_once),
    ("a_visit_meets_every_row_until_broken_off", visits::a_visit_meets_every_row_until_broken_off),
    ("the_higher_stamp_stays_cell_by_cell", the_higher_stamp_stays_cell_by_cell),
    ("a_null_takes_a_value_back", a_null_takes_a_value_back),
    (
        "equal_stamps_end_in_the_same_value_whichever_comes_first",
        equal_stamps_end_in_the_same_value_whichever_comes_first,
    ),
    ("writing_twice_changes_nothing", writing_twice_changes_nothing),
    ("any_order_and_any_batches_end_in_the_same_rows", any_order_and_any_batches_end_in_the_same_rows),
    ("a_cleared_store_is_empty_and_fills_again", a_cleared_store_is_empty_and_fills_again),
    ("a_digest_sees_every_cell_and_no_observation", a_digest_sees_every_cell_and_no_observation),
    ("progress_never_goes_back", progress_never_goes_back),
    ("progress_is_never_ahead_of_rows", progress_is_never_ahead_of_rows),
    ("a_reader_sees_whole_rows", a_reader_sees_whole_rows),
    (
        "what_does_not_fit_is_refused_and_nothing_is_written",
        what_does_not_fit_is_refused_and_nothing_is_written,
    ),
];
