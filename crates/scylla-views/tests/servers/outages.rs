//! Servers that die, hang or are not there: what was acknowledged stays, what was not may be written again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Numbers, assert_same, options, store};
use gauntlet_scylla_views::{CqlOptions, CqlStore};
use gauntlet_servers::Cassandra;
use gauntlet_views::{EmbeddedStore, Progress, ViewError, ViewStore};

fn at(next_offset: u64) -> [Progress; 1] {
    [Progress { topic: "t".into(), partition: 0, next_offset, last: None }]
}

/// A node that has written an acknowledged row to disk, as it must where there is only one copy.
fn careful_server() -> Cassandra {
    Cassandra::start_with(|config| {
        let batch = config
            .replace("commitlog_sync: periodic", "commitlog_sync: batch")
            .replace("commitlog_sync_period: 10000ms\n", "");
        assert!(batch.contains("commitlog_sync: batch") && !batch.contains("commitlog_sync_period"));
        batch
    })
}

#[test]
fn a_server_that_dies_or_hangs_costs_time_and_nothing_else() {
    let mut server = careful_server();
    let patient = CqlOptions { timeout_ms: 2_000, retry_ms: 240_000, ..options(&server, "outage") };
    let store_patient = store(patient.clone());
    let embedded = EmbeddedStore::memory().unwrap();
    let mut numbers = Numbers::new(7);

    // It dies between two writes and comes back during the second one.
    let (first, second) = (numbers.upserts(2_000), numbers.upserts(2_000));
    store_patient.write(&first, &at(1)).unwrap();
    server.kill();
    std::thread::scope(|scope| {
        let write = scope.spawn(|| {
            let began = Instant::now();
            store_patient.write(&second, &at(2)).unwrap();
            began.elapsed()
        });
        std::thread::sleep(Duration::from_secs(3));
        assert!(!write.is_finished(), "there is nobody to write to");
        server.start_again();
        eprintln!("written {:.1?} after it began, across a restart", write.join().unwrap());
    });
    embedded.write(&first, &at(1)).unwrap();
    embedded.write(&second, &at(2)).unwrap();
    assert!(assert_same(&store_patient, &embedded) > 500);
    assert_eq!(store_patient.progress().unwrap(), at(2));

    // It hangs in the middle of writes: some were applied, some were not.
    let hasty = CqlStore::connect(CqlOptions { timeout_ms: 500, retry_ms: 3_000, ..patient }).unwrap();
    let third = numbers.upserts(6_000);
    let began = Instant::now();
    let mut failed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(60));
            server.pause();
            std::thread::sleep(Duration::from_secs(15));
            server.resume();
        });
        for (number, batch) in third.chunks(100).enumerate() {
            while let Err(error) = hasty.write(batch, &at(3 + number as u64)) {
                assert!(error.retry(), "{error}");
                failed += 1;
            }
        }
    });
    eprintln!("{failed} writes failed and were repeated, {:.1?}", began.elapsed());
    assert!(failed > 0, "the server never hung");
    embedded.write(&third, &[]).unwrap();
    assert!(assert_same(&hasty, &embedded) > 500);
    assert_eq!(hasty.progress().unwrap(), at(2 + 60));

    // A call gives up in its time and says so.
    server.kill();
    let began = Instant::now();
    let error = hasty.write(&numbers.upserts(300), &[]).unwrap_err();
    assert!(matches!(error, ViewError::Unavailable { .. }) && error.retry(), "{error}");
    assert!(error.to_string().contains(&server.contact_point()), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    hasty.progress().unwrap_err();
}

#[test]
fn nobody_there_is_told_fast() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = CqlOptions { nodes: vec![format!("127.0.0.1:{port}")], ..CqlOptions::default() };
    let began = Instant::now();
    for error in [CqlStore::connect(nobody.clone()).err().unwrap(), CqlStore::migrate(&nobody).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("cql.nodes"), "{text}");
        assert!(error.retry());
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
