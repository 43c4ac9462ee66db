//! Views are made again beside live traffic: nobody stops, nothing is missing, and progress is never ahead of rows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{assert_same, cql, options, store};
use gauntlet_scylla_views::{CqlOptions, CqlStore};
use gauntlet_servers::shared;
use gauntlet_views::schema::{EQUITY_CURVES, EXPERIMENTS};
use gauntlet_views::{EmbeddedStore, Progress, Upsert, Value, ViewError, ViewStore};

fn point(i: u64) -> Upsert {
    let key = vec!["r".into(), Value::Timestamp(i as i64)];
    Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", i as f64)
}

fn at(next_offset: u64) -> [Progress; 1] {
    [Progress { topic: "t".into(), partition: 0, next_offset, last: None }]
}

fn offset(store: &CqlStore) -> u64 {
    store.progress().unwrap().first().map_or(0, |progress| progress.next_offset)
}

fn rows(store: &CqlStore) -> u64 {
    store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap().len() as u64
}

#[test]
fn a_rebuild_beside_live_traffic_lacks_nothing() {
    let options = options(shared::cassandra(), "beside");
    let live = store(options.clone());
    let operator = CqlStore::connect(options.clone()).unwrap();
    let gateway = CqlStore::connect(options.clone()).unwrap();
    // The log: a record is in it before anybody projects it.
    let log = Mutex::new(Vec::new());
    let done = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = 0;
            while !done.load(Ordering::Acquire) {
                let batch: Vec<Upsert> = (next..next + 5).map(point).collect();
                log.lock().unwrap().extend_from_slice(&batch);
                next += 5;
                live.write(&batch, &at(next)).unwrap();
                written.store(next, Ordering::Release);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let reader = scope.spawn(|| {
            let mut looked = 0;
            while !done.load(Ordering::Acquire) {
                let (offset, rows) = (offset(&gateway), rows(&gateway));
                assert!(rows >= offset, "progress {offset} with {rows} rows");
                looked += 1;
            }
            looked
        });
        for round in 1..=2 {
            std::thread::sleep(Duration::from_millis(500));
            let rebuilt = operator.begin_rebuild().unwrap();
            let end = log.lock().unwrap().len();
            assert!(end > 0 && offset(&rebuilt) == 0, "a rebuild begins at the beginning");
            let records = log.lock().unwrap()[..end].to_vec();
            for (number, batch) in records.chunks(20).enumerate() {
                let next = (number * 20 + batch.len()) as u64;
                rebuilt.write(batch, &at(next)).unwrap();
            }
            let before = written.load(Ordering::Acquire);
            operator.switch_to(&rebuilt).unwrap();
            // Again is the same, as after an error.
            operator.switch_to(&rebuilt).unwrap();
            assert!(offset(&gateway) >= before, "progress went back in round {round}");
        }
        std::thread::sleep(Duration::from_secs(1));
        done.store(true, Ordering::Release);
        eprintln!("{} looks", reader.join().unwrap());
    });
    let log = log.into_inner().unwrap();
    let embedded = EmbeddedStore::memory().unwrap();
    embedded.write(&log, &[]).unwrap();
    assert!(log.len() > 500);
    for store in [&live, &operator, &gateway, &CqlStore::connect(options).unwrap()] {
        assert_eq!(assert_same(store, &embedded), log.len());
        assert_eq!(offset(store), log.len() as u64);
    }
    let kept = cql(
        shared::cassandra(),
        &["SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'beside'"],
    );
    assert_eq!(kept, gauntlet_views::schema::tables().count() + 3, "old tables are dropped");
}

#[test]
fn a_rebuild_that_is_not_complete_is_not_read() {
    let store = store(options(shared::cassandra(), "incomplete"));
    store.write(&[point(0), point(1)], &at(2)).unwrap();
    let rebuilt = store.begin_rebuild().unwrap();
    rebuilt.write(&[point(0)], &at(1)).unwrap();
    let error = store.switch_to(&rebuilt).unwrap_err();
    assert!(error.to_string().contains("have not come to offset 2 of t 0"), "{error}");
    assert_eq!(rows(&store), 2);
    assert!(store.switch_to(&store).unwrap_err().to_string().contains("begin_rebuild"));
    // Given up, and replaced by another one.
    let again = store.begin_rebuild().unwrap();
    rebuilt.write(&[point(1)], &at(2)).unwrap_err();
    again.write(&[point(0), point(1)], &at(2)).unwrap();
    // What others write meanwhile, and how far they have come, is there after the switch although nobody writes again.
    store.write(&[point(2)], &at(3)).unwrap();
    store.switch_to(&again).unwrap();
    assert_eq!((rows(&store), offset(&store)), (3, 3));
}

#[test]
fn a_rebuild_that_another_has_replaced_is_refused() {
    let options = options(shared::cassandra(), "replaced");
    let (one, other) = (store(options.clone()), CqlStore::connect(options).unwrap());
    let first = one.begin_rebuild().unwrap();
    let second = other.begin_rebuild().unwrap();
    for error in [one.switch_to(&first).unwrap_err(), first.write(&[point(0)], &at(1)).unwrap_err()] {
        assert!(matches!(&error, ViewError::Store(text) if text.contains("another rebuild")), "{error}");
    }
    other.switch_to(&second).unwrap();
    one.write(&[point(0)], &at(1)).unwrap();
    assert_eq!(rows(&other), 1);
}

/// A process that slept through the switch goes on with tables that are gone.
#[test]
fn who_has_missed_the_switch_finds_the_new_tables() {
    let options = options(shared::cassandra(), "missed");
    let (operator, sleeper) = (store(options.clone()), CqlStore::connect(options).unwrap());
    sleeper.write(&[Upsert::new(&EXPERIMENTS, vec!["old".into()], 1)], &[]).unwrap();
    let rebuilt = operator.begin_rebuild().unwrap();
    rebuilt.write(&[Upsert::new(&EXPERIMENTS, vec!["new".into()], 1)], &[]).unwrap();
    sleeper.clear().unwrap();
    // Makes the sleeper's pointer fresh; all that follows happens before it looks again.
    std::thread::sleep(Duration::from_millis(1_100));
    sleeper.scan(&EXPERIMENTS, None).unwrap();
    let began = Instant::now();
    cql(
        shared::cassandra(),
        &[
            "INSERT INTO missed.generations (name, version, current, building) \
             VALUES ('views', 100, 2, null) USING TIMESTAMP 100",
            "DROP TABLE missed.experiments",
        ],
    );
    let read = sleeper.row(&EXPERIMENTS, &["new".into()]).unwrap();
    eprintln!("tables were gone {:.1?} after the last look", began.elapsed());
    assert!(read.is_some());
    sleeper.write(&[Upsert::new(&EXPERIMENTS, vec!["newer".into()], 1)], &[]).unwrap();
    assert_eq!(operator.scan(&EXPERIMENTS, None).unwrap().len(), 2);
}

/// Tables that are gone although the pointer names them are an error and not an endless search.
#[test]
fn a_table_that_is_lost_is_told() {
    let options = CqlOptions { retry_ms: 2_000, ..options(shared::cassandra(), "lost") };
    let store = store(options.clone());
    cql(shared::cassandra(), &["DROP TABLE lost.experiments"]);
    for error in [store.scan(&EXPERIMENTS, None).unwrap_err(), CqlStore::connect(options).err().unwrap()] {
        assert!(error.to_string().contains("has lost tables") && !error.retry(), "{error}");
    }
}
