//! Visits: in the order of keys where the store says so, and no further than they are asked to.

use std::ops::ControlFlow;

use super::experiment;
use crate::port::{Row, ViewStore};
use crate::schema::EXPERIMENTS;

pub(super) fn a_visit_meets_every_row_until_broken_off(store: &dyn ViewStore) {
    let rows: Vec<_> = (0..50).rev().map(|i| experiment(&format!("e{i:02}"), 1)).collect();
    store.write(&rows, &[]).unwrap();
    let visited = |most: usize| {
        let mut keys = Vec::new();
        let visit = &mut |row: Row| {
            // What is visited can be read meanwhile.
            assert_eq!(store.row(&EXPERIMENTS, &row.key).unwrap().as_ref(), Some(&row));
            keys.push(row.key);
            if keys.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        store.visit(&EXPERIMENTS, visit).unwrap();
        keys
    };
    assert_eq!(visited(7).len(), 7);
    let mut keys = visited(700);
    if !store.visits_in_order() {
        keys.sort();
    }
    assert!(keys.len() == 50 && keys.is_sorted(), "{keys:?}");
}
