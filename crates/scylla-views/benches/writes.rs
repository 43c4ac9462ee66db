//! What the store costs over the bare driver: rows per second of both, into the same tables of the same server, in turn.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use gauntlet_scylla_views::{CqlOptions, CqlStore};
use gauntlet_servers::Cassandra;
use gauntlet_views::schema::{EQUITY_CURVES, EXPERIMENTS};
use gauntlet_views::{Progress, Upsert, Value, ViewStore};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::value::{CqlValue, MaybeUnset};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const ROWS: usize = 20_000;
/// Rows of one call, as the projector hands them over.
const BATCH: usize = 1_000;
const ROUNDS: usize = 5;

fn main() {
    let server = Cassandra::start();
    let options = CqlOptions { nodes: vec![server.contact_point()], ..CqlOptions::default() };
    CqlStore::migrate(&options).unwrap();
    let store = CqlStore::connect(options.clone()).unwrap();
    let bare = Bare::connect(&server, options.in_flight as usize);
    let wide: Vec<Upsert> = (0..ROWS).map(wide).collect();
    let narrow: Vec<Upsert> = (0..ROWS).map(narrow).collect();
    for (what, upserts) in [("partitions of one row", &wide), ("long partitions", &narrow)] {
        let mut ratios = Vec::new();
        for round in 0..=ROUNDS {
            let (of_store, of_bare) = if round % 2 == 0 {
                let first = rate(|| write(&store, upserts));
                (first, rate(|| bare.write(upserts)))
            } else {
                let first = rate(|| bare.write(upserts));
                (rate(|| write(&store, upserts)), first)
            };
            // The first round warms the server up.
            if round > 0 {
                println!("{what}: store {of_store:.0} rows/s, bare driver {of_bare:.0} rows/s");
                ratios.push(of_store / of_bare);
            }
        }
        ratios.sort_by(f64::total_cmp);
        println!("{what}: {:.2} of the bare driver, median of {ROUNDS}\n", ratios[ROUNDS / 2]);
    }
}

/// About 400 bytes, a partition of its own.
fn wide(i: usize) -> Upsert {
    Upsert::new(&EXPERIMENTS, vec![format!("experiment-{i:06}").into()], 1)
        .with("name", "a name of some length")
        .with("status", "completed")
        .with("place", i as i64)
        .with("detail", "x".repeat(330))
}

/// A point of one of ten curves.
fn narrow(i: usize) -> Upsert {
    let key = vec![format!("run-{}", i % 10).into(), Value::Timestamp(i as i64)];
    Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", i as f64)
}

fn rate(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    ROWS as f64 / began.elapsed().as_secs_f64()
}

fn write(store: &CqlStore, upserts: &[Upsert]) {
    for (number, batch) in upserts.chunks(BATCH).enumerate() {
        let next_offset = (number * BATCH) as u64;
        store.write(batch, &[Progress { topic: "t".into(), partition: 0, next_offset, last: None }]).unwrap();
    }
}

/// The driver as its own documentation shows it: a prepared statement, a task for every row, a semaphore.
struct Bare {
    session: Arc<Session>,
    concurrency: usize,
    runtime: Runtime,
}

impl Bare {
    fn connect(server: &Cassandra, concurrency: usize) -> Bare {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let session =
            runtime.block_on(SessionBuilder::new().known_node(server.contact_point()).build()).unwrap();
        Bare { session: Arc::new(session), concurrency, runtime }
    }

    fn write(&self, upserts: &[Upsert]) {
        self.runtime.block_on(async {
            let table = upserts[0].table;
            let columns: Vec<&str> = table.key().chain(table.stored()).map(|column| column.name).collect();
            let marks = vec!["?"; columns.len()].join(", ");
            let cql = format!(
                "INSERT INTO gauntlet.{} ({}) VALUES ({marks}) USING TIMESTAMP ?",
                table.name,
                columns.join(", ")
            );
            let statement = Arc::new(self.session.prepare(cql).await.unwrap());
            let permits = Arc::new(Semaphore::new(self.concurrency));
            for upsert in upserts {
                let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
                let (session, statement) = (Arc::clone(&self.session), Arc::clone(&statement));
                let values = values(upsert);
                tokio::spawn(async move {
                    session.execute_unpaged(&statement, values).await.unwrap();
                    drop(permit);
                });
            }
            let _all = permits.acquire_many(self.concurrency as u32).await.unwrap();
        });
    }
}

fn values(upsert: &Upsert) -> Vec<MaybeUnset<CqlValue>> {
    let columns = upsert.table.stored().map(|column| {
        let cell = upsert.cells.iter().find(|(name, _)| *name == column.name);
        cell.map_or(MaybeUnset::Unset, |(_, value)| MaybeUnset::Set(plain(value)))
    });
    let key = upsert.key.iter().map(|value| MaybeUnset::Set(plain(value)));
    key.chain(columns).chain([MaybeUnset::Set(CqlValue::BigInt(upsert.stamp))]).collect()
}

fn plain(value: &Value) -> CqlValue {
    match value {
        Value::Text(text) => CqlValue::Text(text.clone()),
        Value::Long(number) | Value::Timestamp(number) => CqlValue::BigInt(*number),
        Value::Double(number) => CqlValue::Double(*number),
        Value::Bool(flag) => CqlValue::Boolean(*flag),
        Value::Null => CqlValue::Empty,
    }
}
