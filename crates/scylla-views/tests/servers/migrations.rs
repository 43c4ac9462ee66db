//! Keyspaces that do not fit are refused by name; migrating twice, or two at once, is migrating once.

use crate::support::{cql, options};
use gauntlet_scylla_views::{CqlOptions, CqlStore};
use gauntlet_servers::shared;
use gauntlet_views::schema::{EXPERIMENTS, cql as table_cql, tables};
use gauntlet_views::{Upsert, ViewError, ViewStore};

#[test]
fn a_keyspace_that_is_missing_or_empty_is_to_be_migrated() {
    let options = options(shared::cassandra(), "missing");
    let refused = || CqlStore::connect(options.clone()).err().unwrap();
    let error = refused();
    assert!(matches!(error, ViewError::NotMigrated { .. }) && !error.retry(), "{error}");
    assert_eq!(error.to_string(), "keyspace missing does not exist: run `gauntlet views migrate`");
    cql(
        shared::cassandra(),
        &[
            "CREATE KEYSPACE missing WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
        ],
    );
    assert_eq!(refused().to_string(), "keyspace missing has no views: run `gauntlet views migrate`");
    assert_eq!(CqlStore::migrate(&options).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let store = CqlStore::connect(options.clone()).unwrap();
    store.write(&[Upsert::new(&EXPERIMENTS, vec!["e".into()], 1)], &[]).unwrap();
    // Again, beside a store that is used: nothing happens.
    assert!(CqlStore::migrate(&options).unwrap().is_empty());
    assert_eq!(store.scan(&EXPERIMENTS, None).unwrap().len(), 1);
    // A migration that ended half-way is finished by the next one.
    cql(shared::cassandra(), &["TRUNCATE missing.schema_migrations", "DROP TABLE missing.quality"]);
    assert_eq!(refused().to_string(), "keyspace missing lacks migration 1: run `gauntlet views migrate`");
    assert_eq!(CqlStore::migrate(&options).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let store = CqlStore::connect(options).unwrap();
    assert_eq!(store.scan(&EXPERIMENTS, None).unwrap().len(), 1);
}

#[test]
fn a_keyspace_of_a_newer_version_is_refused() {
    let options = options(shared::cassandra(), "newer");
    CqlStore::migrate(&options).unwrap();
    let newer = "INSERT INTO newer.schema_migrations (version, checksum) VALUES (10, 'x')";
    cql(shared::cassandra(), &[newer]);
    for error in [CqlStore::connect(options.clone()).err().unwrap(), CqlStore::migrate(&options).unwrap_err()]
    {
        assert!(matches!(error, ViewError::NewerSchema { found: 10, .. }) && !error.retry(), "{error}");
        assert!(error.to_string().contains("keyspace newer was made by a newer version"), "{error}");
    }
}

#[test]
fn a_migration_that_somebody_changed_is_refused() {
    let options = options(shared::cassandra(), "changed");
    CqlStore::migrate(&options).unwrap();
    cql(shared::cassandra(), &["UPDATE changed.schema_migrations SET checksum = 'x' WHERE version = 1"]);
    for error in [CqlStore::connect(options.clone()).err().unwrap(), CqlStore::migrate(&options).unwrap_err()]
    {
        assert!(error.to_string().contains("migration 1 of keyspace changed"), "{error}");
        assert!(!error.retry());
    }
}

#[test]
fn several_migrations_at_once_are_one() {
    let options = options(shared::cassandra(), "at_once");
    let applied: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let each: Vec<_> = (0..4).map(|_| scope.spawn(|| CqlStore::migrate(&options).unwrap())).collect();
        each.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(applied.concat(), [1, 2, 3, 4, 5, 6, 7, 8, 9], "{applied:?}");
    CqlStore::connect(options).unwrap();
    assert_eq!(cql(shared::cassandra(), &["SELECT * FROM at_once.leases"]), 0, "the lease was given back");
}

/// A process that died with the lease delays the next one for as long as its lease lasts.
#[test]
fn a_lease_is_waited_for() {
    let options = options(shared::cassandra(), "leased");
    CqlStore::migrate(&options).unwrap();
    cql(
        shared::cassandra(),
        &["INSERT INTO leased.leases (name, holder) VALUES ('tables', 'dead') IF NOT EXISTS USING TTL 4"],
    );
    let began = std::time::Instant::now();
    assert!(CqlStore::migrate(&options).unwrap().is_empty());
    assert!(began.elapsed() > std::time::Duration::from_secs(2), "{:?}", began.elapsed());
}

/// The server's own answer to what the tables are, against the schema.
#[test]
fn the_tables_are_those_of_the_schema() {
    let made = options(shared::cassandra(), "made");
    CqlStore::migrate(&made).unwrap();
    let declared = options(shared::cassandra(), "declared");
    cql(
        shared::cassandra(),
        &[
            "CREATE KEYSPACE declared WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
        ],
    );
    let create = |table| table_cql(table).replace("NOT EXISTS ", "NOT EXISTS declared.").replace(";\n", "");
    let statements: Vec<String> = tables().map(create).collect();
    cql(shared::cassandra(), &statements.iter().map(String::as_str).collect::<Vec<_>>());
    let columns = |options: &CqlOptions, table: &str| {
        crate::support::columns(shared::cassandra(), &options.keyspace, table)
    };
    let mut compared = 0;
    for table in tables() {
        assert_eq!(columns(&made, table.name), columns(&declared, table.name), "{}", table.name);
        compared += columns(&made, table.name).len();
    }
    assert!(compared > 80);
}
