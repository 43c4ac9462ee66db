//! How many rows a second one thread writes to the embedded store on disk: `cargo run --release --example write_rate`.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use gauntlet_views::schema::{EQUITY_CURVES, EXPERIMENTS};
use gauntlet_views::{EmbeddedStore, Progress, Upsert, Value, ViewError, ViewStore};

const ROWS: i64 = 300_000;
const BATCH: usize = 1_000;

/// A row of eleven cells under a key that looks like an id.
fn wide(i: i64, stamp: i64) -> Upsert {
    // Ids come in no order; the multiplier spreads them.
    let id = format!("{:016x}-{i:08x}", (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut row = Upsert::new(&EXPERIMENTS, vec![id.into()], stamp)
        .with("place", i)
        .with("start", Value::Timestamp(i))
        .with("end", Value::Timestamp(i + 1));
    for name in [
        "name", "description", "config_id", "mandate", "status", "detail", "tuning_snapshot", "holdout_snapshot",
    ] {
        row = row.with(name, format!("{name} of the experiment"));
    }
    row
}

/// A point of an equity curve: one cell.
fn narrow(i: i64, stamp: i64) -> Upsert {
    let key = vec!["0f8e1c2a-model:walk_forward".into(), Value::Timestamp(i * 3_600_000_000_000)];
    Upsert::new(&EQUITY_CURVES, key, stamp).with("portfolio_value", 1e5 + i as f64)
}

fn measure(store: &EmbeddedStore, label: &str, row: impl Fn(i64) -> Upsert) -> Result<(), ViewError> {
    let rows: Vec<Upsert> = (0..ROWS).map(row).collect();
    let start = Instant::now();
    for (number, batch) in rows.chunks(BATCH).enumerate() {
        let next_offset = ((number + 1) * BATCH) as u64;
        store.write(batch, &[Progress { topic: "t".into(), partition: 0, next_offset }])?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{label:<40} {:>9.0} rows/s", ROWS as f64 / seconds);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("views.redb");
    let store = EmbeddedStore::open(&path)?;
    println!("batches of {BATCH}, synced each");
    measure(&store, "11 cells, new, keys in no order", |i| wide(i, 1))?;
    measure(&store, "11 cells, delivered again", |i| wide(i, 1))?;
    measure(&store, "11 cells, merged with a later stage", |i| wide(i, 2))?;
    measure(&store, "1 cell, new, keys in order", |i| narrow(i, 1))?;
    let start = Instant::now();
    let digest = store.digest()?;
    let rows: u64 = digest.values().map(|table| table.rows).sum();
    println!("{:<40} {:>9.0} rows/s", "digest", rows as f64 / start.elapsed().as_secs_f64());
    println!("file: {} MiB", std::fs::metadata(&path)?.len() >> 20);
    Ok(())
}
