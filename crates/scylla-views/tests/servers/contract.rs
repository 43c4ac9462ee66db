//! The contract suite on a real server, and the same rows as the embedded store for any upserts.

use std::time::{Duration, Instant};

use crate::support::{Numbers, assert_same, options, store};
use gauntlet_scylla_views::CqlOptions;
use gauntlet_servers::shared;
use gauntlet_views::contract::CHECKS;
use gauntlet_views::schema::{EQUITY_CURVES, EXPERIMENTS};
use gauntlet_views::{EmbeddedStore, Progress, Upsert, Value, ViewStore};

#[test]
fn the_store_on_a_server_keeps_the_contract() {
    let store = store(options(shared::cassandra(), "contract"));
    for (name, check) in CHECKS {
        eprintln!("{name}");
        store.clear().unwrap();
        check(&store);
    }
    assert!(CHECKS.len() > 10);
}

/// With pages of three rows and two writes at a time nothing may get lost between them.
#[test]
fn small_pages_and_few_writes_at_a_time_keep_the_contract() {
    let store = store(CqlOptions { page_size: 3, in_flight: 2, ..options(shared::cassandra(), "small") });
    for (name, check) in CHECKS {
        eprintln!("{name}");
        store.clear().unwrap();
        check(&store);
    }
}

#[test]
fn any_upserts_end_in_the_same_rows_as_in_the_embedded_store() {
    let store = store(options(shared::cassandra(), "same"));
    let mut compared = 0;
    for seed in 1..=6 {
        let mut numbers = Numbers::new(seed);
        let embedded = EmbeddedStore::memory().unwrap();
        store.clear().unwrap();
        let upserts = numbers.upserts(1_500);
        let mut rest = &upserts[..];
        while !rest.is_empty() {
            let (batch, later) = rest.split_at((1 + numbers.below(400)).min(rest.len()));
            store.write(batch, &[]).unwrap();
            embedded.write(batch, &[]).unwrap();
            rest = later;
        }
        compared += assert_same(&store, &embedded);
    }
    eprintln!("{compared} rows compared");
    assert!(compared > 2_000);
}

/// Far more rows than a page, a batch or the writes under way hold, and texts that are too large for a batch.
#[test]
fn many_rows_and_large_ones_come_back() {
    let store = store(options(shared::cassandra(), "many"));
    let embedded = EmbeddedStore::memory().unwrap();
    let mut upserts = Vec::new();
    for i in 0..20_000 {
        let key = vec![format!("r{}", i % 3).into(), Value::Timestamp(i)];
        upserts.push(Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", i as f64));
    }
    for i in 0..40 {
        let text = "x".repeat(i * 10_000);
        upserts.push(
            Upsert::new(&EXPERIMENTS, vec![format!("e{}", i / 2).into()], i as i64).with("detail", text),
        );
    }
    let progress = [Progress { topic: "t".into(), partition: 0, next_offset: 20_040, last: None }];
    store.write(&upserts, &progress).unwrap();
    embedded.write(&upserts, &progress).unwrap();
    assert_eq!(assert_same(&store, &embedded), 20_020);
    assert_eq!(store.progress().unwrap(), progress);
    let first = store.partition(&EQUITY_CURVES, &["r1".into()], Some(2_500)).unwrap();
    assert_eq!(first, embedded.partition(&EQUITY_CURVES, &["r1".into()], Some(2_500)).unwrap());
    assert_eq!(first.len(), 2_500);
}

/// What no server takes is an error at once, not something to be tried until it works.
#[test]
fn a_row_that_is_too_large_is_refused() {
    let store = store(options(shared::cassandra(), "large"));
    let row = Upsert::new(&EXPERIMENTS, vec!["e".into()], 1).with("detail", "x".repeat(6 << 20));
    let began = Instant::now();
    let error = store.write(&[row], &[]).unwrap_err();
    eprintln!("{error}");
    assert!(!error.retry() && began.elapsed() < Duration::from_secs(20), "{error}");
    assert!(store.scan(&EXPERIMENTS, None).unwrap().is_empty());
}
