//! The contract suite on the embedded store, and what only the one on disk can show.
#![allow(clippy::unwrap_used)]

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use gauntlet_views::contract::CHECKS;
use gauntlet_views::schema::{EQUITY_CURVES, EXPERIMENTS};
use gauntlet_views::*;

#[test]
fn the_store_in_memory_keeps_the_contract() {
    for (name, check) in CHECKS {
        eprintln!("{name}");
        check(&EmbeddedStore::memory().unwrap());
    }
}

#[test]
fn the_store_on_disk_keeps_the_contract() {
    for (name, check) in CHECKS {
        eprintln!("{name}");
        let dir = tempfile::tempdir().unwrap();
        check(&EmbeddedStore::open(&dir.path().join("views.redb")).unwrap());
    }
}

fn progress(next_offset: u64) -> [Progress; 1] {
    [Progress { topic: "t".into(), partition: 0, next_offset, last: None }]
}

fn fill(path: &Path, rows: usize) {
    let row = |i: usize| {
        Upsert::new(&EXPERIMENTS, vec![format!("e{i:06}").into()], 1)
            .with("name", format!("needle-{i:06}-{}", "x".repeat(200)))
    };
    let store = EmbeddedStore::open(path).unwrap();
    store.write(&(0..rows).map(row).collect::<Vec<_>>(), &progress(rows as u64)).unwrap();
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    fill(&path, 500);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.scan(&EXPERIMENTS, None).unwrap().len(), 500);
    assert_eq!(store.progress().unwrap(), progress(500));
}

#[test]
fn a_second_process_is_told_who_holds_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    let _first = EmbeddedStore::open(&path).unwrap();
    let error = EmbeddedStore::open(&path).err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[test]
fn a_damaged_row_is_named_and_nothing_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    fill(&path, 500);
    let bytes = std::fs::read(&path).unwrap();
    let needle = b"needle-000250";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"n0edle").unwrap();
    drop(file);
    let store = EmbeddedStore::open(&path).unwrap();
    let key = ["e000250".into()];
    let again = Upsert::new(&EXPERIMENTS, key.to_vec(), 2).with("name", "new");
    for error in [
        store.row(&EXPERIMENTS, &key).unwrap_err(),
        store.scan(&EXPERIMENTS, None).unwrap_err(),
        store.digest().unwrap_err(),
        store.write(&[again], &progress(501)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("table experiments is damaged at [Text(\"e000250\")]"), "{error}");
    }
    // The write that met it wrote nothing; what is whole can still be read.
    assert_eq!(store.progress().unwrap(), progress(500));
    assert!(store.row(&EXPERIMENTS, &["e000251".into()]).unwrap().is_some());
}

#[test]
fn a_file_of_garbage_is_an_error_and_not_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    std::fs::write(&path, vec![7_u8; 100_000]).unwrap();
    let error = EmbeddedStore::open(&path).err().unwrap();
    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[test]
fn any_page_overwritten_is_an_error_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    fill(&path, 500);
    let clean = std::fs::read(&path).unwrap();
    let mut named = 0;
    for page in (4096..clean.len()).step_by(4096 * 7) {
        let mut damaged = clean.clone();
        let end = (page + 4096).min(damaged.len());
        damaged[page..end].fill(0xAB);
        std::fs::write(&path, &damaged).unwrap();
        match EmbeddedStore::open(&path).and_then(|store| store.scan(&EXPERIMENTS, None)) {
            Ok(rows) => assert_eq!(rows.len(), 500, "page at {page}: rows were skipped"),
            Err(error) => {
                assert!(error.to_string().contains("damaged"), "page at {page}: {error}");
                named += 1;
            }
        }
    }
    assert!(named > 0, "no page held anything that matters");
}

#[test]
fn a_file_of_other_tables_is_emptied_and_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    fill(&path, 5);
    {
        let database = redb::Database::create(&path).unwrap();
        let txn = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, &str>::new("_meta");
        txn.open_table(meta).unwrap().insert("tables", "of an older build").unwrap();
        txn.commit().unwrap();
    }
    let store = EmbeddedStore::open(&path).unwrap();
    assert!(store.scan(&EXPERIMENTS, None).unwrap().is_empty());
    assert!(store.progress().unwrap().is_empty());
    drop(store);
    fill(&path, 5);
    assert_eq!(EmbeddedStore::open(&path).unwrap().scan(&EXPERIMENTS, None).unwrap().len(), 5);
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    let records = redb::TableDefinition::<u64, &str>::new("records");
    {
        let database = redb::Database::create(&path).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(records).unwrap().insert(1, "precious").unwrap();
        txn.commit().unwrap();
    }
    let error = EmbeddedStore::open(&path).err().unwrap();
    assert!(error.to_string().contains("something else than views"), "{error}");
    use redb::ReadableDatabase;
    let table = redb::Database::open(&path).unwrap().begin_read().unwrap().open_table(records).unwrap();
    assert_eq!(table.get(1).unwrap().unwrap().value(), "precious");
}

/// More than the port promises: on the embedded store a batch is one.
#[test]
fn a_reader_of_the_embedded_store_sees_whole_batches() {
    let store = EmbeddedStore::memory().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for batch in 0..50_i64 {
                let point = |i: i64| {
                    let key = vec!["r".into(), Value::Timestamp(batch * 10 + i)];
                    Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", 1.0)
                };
                store.write(&(0..10).map(point).collect::<Vec<_>>(), &[]).unwrap();
            }
        });
        let mut seen = 0;
        while seen < 500 {
            let rows = store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap().len();
            assert!(rows % 10 == 0 && rows >= seen, "{rows} rows after {seen}");
            seen = rows;
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_file_in_which_many_writes_have_left_room_is_smaller_when_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    // Keys in no order and texts that do not compress, a few at a time, each written twice.
    let scrambled = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let text = |n: u64| (0..40).map(|i| format!("{:016x}", scrambled(scrambled(n) ^ i))).collect::<String>();
    let row = |n: u64, stamp: i64| {
        Upsert::new(&EXPERIMENTS, vec![format!("{:016x}", scrambled(n)).into()], stamp)
            .with("description", text(n + stamp as u64))
    };
    for stamp in 1..=2 {
        for batch in 0..100 {
            let rows: Vec<_> = (batch * 200..(batch + 1) * 200).map(|n| row(n, stamp)).collect();
            store.write(&rows, &progress(batch)).unwrap();
        }
    }
    let (digest, before) = (store.digest().unwrap(), std::fs::metadata(&path).unwrap().len());
    drop(store);
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(after * 4 < before * 3, "{before} and {after} bytes");
    assert_eq!(EmbeddedStore::open(&path).unwrap().digest().unwrap(), digest);
}
