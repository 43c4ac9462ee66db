//! Reading a whole table.

use std::ops::ControlFlow;

use super::{experiment, texts};
use crate::port::ViewStore;
use crate::schema::EXPERIMENTS;

/// In the order of keys where the store says so, and no further than it is asked to.
pub fn a_visit_meets_every_row_until_it_is_broken_off(store: &dyn ViewStore) {
    let rows: Vec<_> = (0..50).rev().map(|i| experiment(&format!("e{i:02}"), 1)).collect();
    store.write(&rows, &[]).unwrap();
    let visited = |most: usize| {
        let mut keys = Vec::new();
        store
            .visit(&EXPERIMENTS, &mut |row| {
                // What is visited can be read meanwhile.
                assert_eq!(store.row(&EXPERIMENTS, &row.key).unwrap().as_ref(), Some(&row));
                keys.push(row.key);
                if keys.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        keys
    };
    assert_eq!(visited(7).len(), 7);
    let mut keys = visited(700);
    if !store.visits_in_order() {
        keys.sort();
    }
    assert!(keys.len() == 50 && keys.is_sorted(), "{keys:?}");
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
