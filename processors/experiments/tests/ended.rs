//! What stays of experiments that have ended: sixteen bytes each, and nobody walks over them.

use std::time::Instant;

use crate::common::*;
use gauntlet_domain::Event;
use gauntlet_experiments::Experiments;
use gauntlet_processor::Folded;
use gauntlet_processor::harness::recorded;
use gauntlet_processor::machine::Machine;
use serde_json::{Value, json};

type Subject = Folded<Experiments>;

/// Digits of an id in the saved state.
const DIGITS: usize = 32;

fn step(machine: &mut Subject, event: Event) -> usize {
    machine.step(recorded(event).input()).len()
}

fn numbered(i: usize) -> Value {
    with("name", json!(format!("experiment {i}")))
}

/// Submits experiments on data that are sealed already; two of three complete, the third fails or is cancelled.
fn finish(machine: &mut Subject, numbers: std::ops::Range<usize>) {
    for i in numbers {
        let document = numbered(i);
        assert_eq!(step(machine, submit(&document)), 2, "submitted and started");
        let end = match i % 6 {
            2 => step(machine, cancel(&document)),
            5 => step(machine, ledger(&document, &[])),
            _ => {
                assert_eq!(step(machine, ledger(&document, &[1])), 0);
                step(machine, evaluated(&document, 1, Some(1.0)))
            }
        };
        assert_eq!(end, 1, "ended");
    }
}

fn saved(machine: &Subject) -> (usize, Value) {
    let bytes = machine.save().unwrap();
    (bytes.len(), serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn ten_thousand_ended_experiments_leave_their_ids_and_nothing_else() {
    let mut machine = Subject::default();
    for sealed in [tuning_sealed(&document(), 1200), holdout_sealed(&document(), 300)] {
        step(&mut machine, sealed);
    }
    finish(&mut machine, 0..1_000);
    let (after_1_000, _) = saved(&machine);
    finish(&mut machine, 1_000..10_000);
    let began = Instant::now();
    let (after_10_000, state) = saved(&machine);
    let save = began.elapsed();
    // The number of places given out has one digit more.
    assert!(after_10_000 - after_1_000 <= 9_000 * DIGITS + 1, "{after_1_000} became {after_10_000}");
    for open in ["experiments", "waiting"] {
        assert_eq!(state[open], json!({}), "nothing is open");
    }
    assert_eq!(state["snapshots"].as_object().unwrap().len(), 2);

    let began = Instant::now();
    let mut machine = Subject::default();
    machine.restore(&serde_json::to_vec(&state).unwrap()).unwrap();
    eprintln!("10,000 ended: {after_10_000} bytes, saved in {save:?}, restored in {:?}", began.elapsed());
    for i in (0..10_000).step_by(97) {
        let document = numbered(i);
        let late = [
            submit(&document),
            cancel(&document),
            ledger(&document, &[1]),
            evaluated(&document, 1, Some(2.0)),
            not_evaluated(&document, 7),
        ];
        for event in late {
            assert_eq!(step(&mut machine, event.clone()), 0, "a late {}", event.kind().name());
        }
    }
    assert_eq!(saved(&machine), (after_10_000, state), "what is late changes nothing");
    assert_eq!(step(&mut machine, submit(&numbered(10_000))), 2, "and what is new begins");
}

/// A snapshot finds the experiments that wait for it, however many have ended or wait for others.
#[test]
fn a_sealed_snapshot_starts_those_that_wait_for_it_and_no_others() {
    let mut machine = Subject::default();
    let other = |i: usize| {
        let mut document = numbered(i);
        document["data"]["to"] = json!("2020-06-01");
        document
    };
    for i in 0..50 {
        assert_eq!(step(&mut machine, submit(&numbered(i))) + step(&mut machine, submit(&other(i))), 2);
    }
    assert_eq!(step(&mut machine, cancel(&numbered(7))), 1);
    assert_eq!(step(&mut machine, holdout_sealed(&document(), 300)), 0);
    assert_eq!(step(&mut machine, tuning_sealed(&document(), 1200)), 49);
    let (_, state) = saved(&machine);
    assert_eq!(state["waiting"].as_object().unwrap().len(), 2, "only the others wait");
    for sealed in [tuning_sealed(&other(0), 1200), tuning_sealed(&document(), 1200)] {
        assert_eq!(step(&mut machine, sealed), 0);
    }
    assert_eq!(step(&mut machine, holdout_sealed(&other(0), 300)), 50);
    assert_eq!(saved(&machine).1["waiting"], json!({}));
}
