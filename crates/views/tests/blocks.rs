//! Rows in blocks, through the port: what a reader gets is the same as if each row lay alone.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};

use gauntlet_views::schema::{BLOCKS, EQUITY_CURVES, LEADERBOARDS, TRADE_LOGS};
use gauntlet_views::*;
use proptest::prelude::*;

/// Rows as they must come: the cell with the highest stamp of each column. Stamps are all different.
#[derive(Default)]
struct Model(BTreeMap<&'static str, BTreeMap<Vec<Value>, BTreeMap<&'static str, (i64, Value)>>>);

impl Model {
    fn write(&mut self, upserts: &[Upsert]) {
        for upsert in upserts {
            let rows = self.0.entry(upsert.table.name).or_default();
            let cells = rows.entry(upsert.key.clone()).or_default();
            for (name, value) in &upsert.cells {
                let cell = cells.entry(name).or_insert((-1, Value::Null));
                if upsert.stamp > cell.0 {
                    *cell = (upsert.stamp, value.clone());
                }
            }
        }
    }

    fn rows(&self, table: &'static Table) -> Vec<Row> {
        let row = |(key, cells): (&Vec<Value>, &BTreeMap<_, (i64, Value)>)| {
            let cell = |column: &Column| cells.get(column.name).map_or(Value::Null, |cell| cell.1.clone());
            Row { table, key: key.clone(), cells: table.stored().map(cell).collect() }
        };
        let mut rows: Vec<Row> = self.0.get(table.name).into_iter().flatten().map(row).collect();
        rows.sort_by(in_order);
        rows
    }
}

/// The order of the port: key column by key column, a descending one the other way round.
fn in_order(a: &Row, b: &Row) -> std::cmp::Ordering {
    let columns = a.table.key().zip(a.key.iter().zip(&b.key));
    columns.fold(std::cmp::Ordering::Equal, |so_far, (column, (a, b))| {
        so_far.then(if column.descending { b.cmp(a) } else { a.cmp(b) })
    })
}

fn fill(run: i64, time: i64, stamp: i64) -> Upsert {
    let key = vec![format!("r{run}").into(), Value::Timestamp(time / 2), (time % 2).into()];
    let row = Upsert::new(&TRADE_LOGS, key, stamp);
    match stamp % 4 {
        0 => row.with("action", format!("action {stamp}")).with("asset", format!("a{time}")),
        1 => row.with("asset", "gold").with("price", stamp as f64 / 7.0),
        2 => Upsert { cells: vec![("action", Value::Null)], ..row },
        _ => row,
    }
}

fn score(experiment: i64, place: i64, stamp: i64) -> Upsert {
    let metric = ["sharpe", "sortino", "calmar"][(place % 3) as usize];
    let key = vec![format!("e{experiment}").into(), metric.into(), (place as f64 / 3.0).into(), place.into()];
    Upsert::new(&LEADERBOARDS, key, stamp)
        .with("confirmed", stamp % 2 == 0)
        .with("holdout", 1.0 / stamp as f64)
}

fn point(run: &str, bar: i64, stamp: i64, value: f64) -> Upsert {
    let key = vec![run.into(), Value::Timestamp(bar * 3_600_000_000_000)];
    Upsert::new(&EQUITY_CURVES, key, stamp).with("portfolio_value", value)
}

fn check(store: &EmbeddedStore, model: &Model) {
    for &(table, _) in BLOCKS {
        let expected = model.rows(table);
        assert_eq!(store.scan(table, None).unwrap(), expected);
        let mut visited = Vec::new();
        store
            .visit(table, &mut |row| {
                visited.push(row);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(visited, expected);
        let partition = |row: &Row| row.key[..table.partition_key.len()].to_vec();
        for rows in expected.chunk_by(|a, b| partition(a) == partition(b)) {
            let key = partition(&rows[0]);
            assert_eq!(store.partition(table, &key, None).unwrap(), rows);
            let some = rows.len() / 2;
            assert_eq!(store.partition(table, &key, Some(some)).unwrap(), rows[..some]);
        }
        for row in expected.iter().step_by(expected.len() / 20 + 1) {
            assert_eq!(store.row(table, &row.key).unwrap().as_ref(), Some(row));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rows_of_small_blocks_come_back_in_any_order_and_any_batches(
        rows in prop::collection::vec((0..3_i64, 0..300_i64, any::<bool>()), 1..600),
        batch in prop_oneof![Just(1_usize), 2..9_usize, 50..200_usize],
    ) {
        let (store, mut model) = (EmbeddedStore::memory().unwrap(), Model::default());
        let upserts: Vec<Upsert> = (1..)
            .zip(rows)
            .map(|(stamp, (experiment, place, is_fill))| {
                if is_fill { fill(experiment, place, stamp) } else { score(experiment, place * 7 % 300, stamp) }
            })
            .collect();
        let digests = |batches: &[&[Upsert]]| {
            let store = EmbeddedStore::memory().unwrap();
            batches.iter().for_each(|batch| store.write(batch, &[]).unwrap());
            store.digest().unwrap()
        };
        for batch in upserts.chunks(batch) {
            store.write(batch, &[]).unwrap();
            model.write(batch);
        }
        check(&store, &model);
        // Once more changes nothing.
        store.write(&upserts, &[]).unwrap();
        check(&store, &model);
        prop_assert_eq!(store.digest().unwrap(), digests(&[&upserts]));
    }
}

#[test]
fn long_curves_come_back_forwards_backwards_and_mixed() {
    const BARS: i64 = 20_000;
    let value = |bar: i64| 100_000.0 + (bar as f64 * 0.37).sin() * 500.0;
    let mut expected = None;
    for order in ["forwards", "backwards", "mixed"] {
        let (store, mut model) = (EmbeddedStore::memory().unwrap(), Model::default());
        for (stamp, start) in (1..).zip((0..BARS).step_by(2_500)) {
            let upserts: Vec<Upsert> = (start..start + 2_500)
                .flat_map(|i| {
                    let bar = match order {
                        "forwards" => i,
                        "backwards" => BARS - 1 - i,
                        // 7919 has no divisor in common with the number of bars.
                        _ => i * 7_919 % BARS,
                    };
                    [point("a", bar, stamp, value(bar)), point("b", -bar, stamp, -value(bar))]
                })
                .collect();
            store.write(&upserts, &[]).unwrap();
            model.write(&upserts);
        }
        check(&store, &model);
        let digest = store.digest().unwrap()["equity_curves"];
        assert_eq!(digest.rows, 2 * BARS as u64);
        assert_eq!(*expected.get_or_insert(digest), digest, "{order}");
    }
}

#[test]
fn a_curve_takes_little_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    let empty = {
        EmbeddedStore::open(&path).unwrap();
        std::fs::metadata(&path).unwrap().len()
    };
    let store = EmbeddedStore::open(&path).unwrap();
    let mut equity = 100_000.0;
    for run in 0..100 {
        let points: Vec<Upsert> = (0..4_000_i64)
            .map(|bar| {
                equity += 36.25 * ((bar * 7_919 + run) % 41 - 20) as f64 / 1e3;
                point(&format!("{run}:tuning"), bar, 1, equity)
            })
            .collect();
        store.write(&points, &[]).unwrap();
    }
    assert_eq!(store.digest().unwrap()["equity_curves"].rows, 400_000);
    drop(store);
    let bytes = std::fs::metadata(&path).unwrap().len() - empty;
    assert!(bytes < 400_000 * 4, "{bytes} bytes");
}

#[test]
fn a_damaged_block_is_named_and_no_row_of_it_is_wrong_or_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("views.redb");
    let fill = |bar: i64| {
        let key = vec!["needle".into(), Value::Timestamp(bar), bar.into()];
        Upsert::new(&TRADE_LOGS, key, 1).with("price", 1.0 / (bar + 3) as f64).with("action", "buy")
    };
    {
        let store = EmbeddedStore::open(&path).unwrap();
        store.write(&(0..3_000).map(fill).collect::<Vec<_>>(), &[]).unwrap();
        let other = Upsert::new(&TRADE_LOGS, vec!["other".into(), Value::Timestamp(1), 1.into()], 1);
        store.write(&[other], &[]).unwrap();
    }
    let clean = std::fs::read(&path).unwrap();
    let expected = {
        let store = EmbeddedStore::open(&path).unwrap();
        store.partition(&TRADE_LOGS, &["needle".into()], None).unwrap()
    };
    assert_eq!(expected.len(), 3_000);
    // The value of a piece begins behind its key: what follows the keys of the block is damaged byte by byte.
    let pieces: Vec<usize> = (0..clean.len() - 6).filter(|at| clean[*at..].starts_with(b"needle")).collect();
    assert!(pieces.len() > 3, "the block has several pieces");
    let mut named = 0;
    for at in pieces.iter().flat_map(|at| (0..4_000).step_by(197).map(move |by| at + by)) {
        if at >= clean.len() {
            continue;
        }
        let mut file = std::fs::File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[clean[at] ^ 0x10]).unwrap();
        drop(file);
        match EmbeddedStore::open(&path).and_then(|store| {
            let rows = store.partition(&TRADE_LOGS, &["needle".into()], None)?;
            if rows.len() == 3_000 {
                store.write(&[fill(1)], &[])?
            }
            Ok(rows)
        }) {
            // A byte that belongs to nothing, or the block under a key where nobody looks for it.
            Ok(rows) => assert!(rows == expected, "byte {at}: other rows than were written"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("damaged"), "byte {at}: {error}");
                named += usize::from(
                    error
                        .contains("table trade_logs is damaged at [Text(\"needle\"), Timestamp(0), Long(0)]"),
                );
            }
        }
        std::fs::write(&path, &clean).unwrap();
    }
    assert!(named > 25, "{named} named");
}

#[test]
fn a_temporary_store_leaves_no_file_and_keeps_what_it_is_given() {
    let store = EmbeddedStore::temporary().unwrap();
    let own = format!("gauntlet-views-{}-", std::process::id());
    let named = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&own))
    };
    assert!(!std::fs::read_dir(std::env::temp_dir()).unwrap().any(named));
    store.write(&[point("r", 1, 1, 0.5)], &[]).unwrap();
    assert_eq!(store.partition(&EQUITY_CURVES, &["r".into()], None).unwrap().len(), 1);
}
