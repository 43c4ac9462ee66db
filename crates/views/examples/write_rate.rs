//! How many rows a second one thread writes to the embedded store on disk: `cargo run --release --example write_rate`.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use gauntlet_views::schema::{EQUITY_CURVES, EXPERIMENTS, RUNS};
use gauntlet_views::{EmbeddedStore, Progress, Upsert, Value, ViewError, ViewStore};

const ROWS: i64 = 300_000;
const BATCH: usize = 1_000;
const RUNS_PER_EXPERIMENT: i64 = 200;

/// An id as ids are: in no order. The multiplier spreads them.
fn id(i: i64) -> String {
    let spread = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{spread:016x}-{i:019x}")
}

/// A run: ten columns with its key, ids in no order within one experiment after the other.
fn run(i: i64, stamp: i64) -> Upsert {
    Upsert::new(&RUNS, vec![id(i / RUNS_PER_EXPERIMENT).into(), id(i).into()], stamp)
        .with("model_id", id(-i))
        .with("snapshot_id", id(7))
        .with("start", Value::Timestamp(i))
        .with("end", Value::Timestamp(i + stamp))
        .with("status", "completed")
        .with("phase", "tuning")
        .with("key_metrics", r#"{"max_drawdown":0.125,"sharpe":0.30000000000000004,"win_rate":null}"#)
        .with("trial", i)
}

/// A point of an equity curve: one cell, keys in order.
fn point(i: i64) -> Upsert {
    let key = vec![format!("{}:walk_forward", id(1)).into(), Value::Timestamp(i * 3_600_000_000_000)];
    Upsert::new(&EQUITY_CURVES, key, 1).with("portfolio_value", 1e5 + i as f64)
}

/// The worst case: twelve columns, and every row on another page of a large tree.
fn scattered(i: i64) -> Upsert {
    let mut row = Upsert::new(&EXPERIMENTS, vec![id(i).into()], 1)
        .with("place", i)
        .with("start", Value::Timestamp(i))
        .with("end", Value::Timestamp(i + 1));
    for name in [
        "name",
        "description",
        "config_id",
        "mandate",
        "status",
        "detail",
        "tuning_snapshot",
        "holdout_snapshot",
    ] {
        row = row.with(name, format!("{name} of the experiment"));
    }
    row
}

fn measure(store: &EmbeddedStore, label: &str, row: impl Fn(i64) -> Upsert) -> Result<(), ViewError> {
    let rows: Vec<Upsert> = (0..ROWS).map(row).collect();
    let start = Instant::now();
    for (number, batch) in rows.chunks(BATCH).enumerate() {
        let next_offset = ((number + 1) * BATCH) as u64;
        store.write(batch, &[Progress { topic: label.into(), partition: 0, next_offset, last: None }])?;
    }
    println!("{label:<40} {:>9.0} rows/s", ROWS as f64 / start.elapsed().as_secs_f64());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("views.redb");
    let store = EmbeddedStore::open(&path)?;
    println!("{ROWS} rows in batches of {BATCH}, each synced");
    measure(&store, "runs, 10 columns", |i| run(i, 1))?;
    measure(&store, "runs delivered again", |i| run(i, 1))?;
    measure(&store, "runs merged with a later stamp", |i| run(i, 2))?;
    measure(&store, "equity points, 3 columns", point)?;
    measure(&store, "scattered over a tree, 12 columns", scattered)?;
    let start = Instant::now();
    let digest = store.digest()?;
    let rows: u64 = digest.values().map(|table| table.rows).sum();
    println!("{:<40} {:>9.0} rows/s", "digest", rows as f64 / start.elapsed().as_secs_f64());
    println!("file: {} MiB", std::fs::metadata(&path)?.len() >> 20);
    Ok(())
}
