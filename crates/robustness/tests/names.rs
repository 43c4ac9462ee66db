//! The tables of the crate's documentation, and what reports have.

use std::collections::BTreeSet;

use gauntlet_robustness::figures::{AXIS_FIGURES, FIGURES};

/// Names in the first column of the tables of the crate.
fn documented() -> Vec<String> {
    let lines = include_str!("../src/lib.rs").lines();
    let rows = lines.filter_map(|line| line.strip_prefix("//! | `"));
    let names = rows.flat_map(|row| {
        let first = row.split(" |").next().unwrap();
        first.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>()
    });
    names.collect()
}

#[test]
fn the_tables_have_every_figure_once_and_no_other() {
    let documented = documented();
    let known: Vec<&str> = FIGURES.into_iter().chain(AXIS_FIGURES).collect();
    assert_eq!(documented.len(), known.len());
    let (documented, known): (BTreeSet<&str>, BTreeSet<&str>) =
        (documented.iter().map(String::as_str).collect(), known.into_iter().collect());
    assert_eq!(documented, known);
    assert_eq!(known.len(), FIGURES.len() + AXIS_FIGURES.len());
}
