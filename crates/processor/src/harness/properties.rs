//! The properties that every machine must have, checked over a history of its inputs:
//!
//! 1. replay equals the record;
//! 2. an input that is delivered again, at once or late, changes nothing;
//! 3. where batches end, and saving and restoring between any two inputs, changes nothing;
//! 4. another order of inputs that lie in different partitions gives the same set of outputs.
//!
//! [`check_properties`] checks the first three, [`check_interleavings`] the fourth. A check that compared nothing fails.

use std::collections::BTreeMap;

use gauntlet_domain::Event;

use super::{recorded, run};
use crate::machine::Machine;

/// Checks that replay equals the record, that redelivery changes nothing, and that batches, saving and restoring change
/// nothing. Gives the number of outputs compared.
#[track_caller]
pub fn check_properties<M: Machine + Default>(history: &[Event]) -> usize {
    let expected = run::<M>(history);
    assert!(!expected.is_empty(), "the history gives no output: nothing would be compared");
    assert_same(&run::<M>(history), &expected, "replay");
    redelivered_at_once::<M>(history, &expected);
    redelivered_late::<M>(history, &expected);
    for size in [1, 2, 3, 7, history.len()] {
        restarted_after_batches::<M>(history, size, &expected);
    }
    expected.len()
}

/// One step; its outputs without their marks.
fn step<M: Machine>(machine: &mut M, event: &Event) -> Vec<Event> {
    machine.step(recorded(event.clone()).input()).into_iter().map(|output| output.event).collect()
}

/// Delivers an input again, which must give nothing.
#[track_caller]
fn again<M: Machine>(machine: &mut M, event: &Event, when: &str) {
    let outputs = step(machine, event);
    assert!(outputs.is_empty(), "{} delivered again {when} gave {outputs:?}", event.kind().name());
}

#[track_caller]
fn redelivered_at_once<M: Machine + Default>(history: &[Event], expected: &[Event]) {
    let mut machine = M::default();
    let mut outputs = Vec::new();
    for event in history {
        outputs.extend(step(&mut machine, event));
        again(&mut machine, event, "at once");
    }
    assert_same(&outputs, expected, "redelivery at once");
}

/// After every input, every earlier one once more, in both directions: so each comes late, out of order, and often.
#[track_caller]
fn redelivered_late<M: Machine + Default>(history: &[Event], expected: &[Event]) {
    let mut machine = M::default();
    let mut outputs = Vec::new();
    for (place, event) in history.iter().enumerate() {
        outputs.extend(step(&mut machine, event));
        let earlier = history[..=place].iter();
        for event in earlier.clone().chain(earlier.rev()) {
            again(&mut machine, event, &format!("after input {place}"));
        }
    }
    assert_same(&outputs, expected, "late redelivery");
}

/// The machine is saved and restored after every batch, and the batch before is delivered once more, as after a crash
/// between a commit and the answer to it.
#[track_caller]
fn restarted_after_batches<M: Machine + Default>(history: &[Event], size: usize, expected: &[Event]) {
    let mut machine = M::default();
    let mut outputs = Vec::new();
    for batch in history.chunks(size) {
        for event in batch {
            outputs.extend(step(&mut machine, event));
        }
        let saved = machine.save().expect("state can be saved");
        machine = M::default();
        machine.restore(&saved).expect("saved state can be read");
        assert!(machine.save().expect("state can be saved") == saved, "restored state is saved differently");
        for event in batch {
            again(&mut machine, event, "after a restart");
        }
    }
    assert_same(&outputs, expected, &format!("restarts after batches of {size}"));
}

/// How a machine's inputs lie on the log.
pub struct Partitions<'a> {
    /// The partition of an input, by any name: inputs of one keep their order.
    pub of: &'a dyn Fn(&Event) -> String,
    /// Whether an input can be there already: an answer comes after its request. Gets the outputs so far.
    pub is_possible: &'a dyn Fn(&Event, &[Event]) -> bool,
}

/// Checks that the order in which inputs of different partitions arrive changes no output: each partition as early and
/// as late as can be, then `orders` drawn ones. The history must hold no real race, such as a cancellation. Gives the
/// number of outputs compared.
#[track_caller]
pub fn check_interleavings<M: Machine + Default>(
    history: &[Event],
    partitions: &Partitions<'_>,
    orders: u64,
) -> usize {
    let mut by_name: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in history {
        by_name.entry((partitions.of)(event)).or_default().push(event);
    }
    let queues: Vec<Vec<&Event>> = by_name.into_values().collect();
    assert!(queues.len() > 1, "all inputs lie in one partition: there is no other order");
    let expected = sorted(run::<M>(history));
    let mut compared = 0;
    let mut compare = |what: &str, choose: &mut dyn FnMut(&[usize]) -> usize| {
        let outputs = sorted(interleaved::<M>(&queues, partitions, choose));
        assert_same(&outputs, &expected, what);
        compared += outputs.len();
    };
    for first in 0..queues.len() {
        let rank = |queue: usize| (queue + queues.len() - first) % queues.len();
        let by_rank = |open: &[usize]| (0..open.len()).min_by_key(|place| rank(open[*place])).unwrap_or(0);
        compare(&format!("partition {first} first"), &mut { by_rank });
        let last = |open: &[usize]| (0..open.len()).max_by_key(|place| rank(open[*place])).unwrap_or(0);
        compare(&format!("partition {first} last"), &mut { last });
    }
    for order in 0..orders {
        let mut state = order;
        let mut drawn = |open: &[usize]| (next_number(&mut state) % open.len() as u64) as usize;
        compare(&format!("order {order}"), &mut drawn);
    }
    assert!(compared > 0, "no output was compared");
    compared
}

/// Outputs over all inputs, the partition of the next one chosen among those whose next input is possible.
#[track_caller]
fn interleaved<M: Machine + Default>(
    queues: &[Vec<&Event>],
    partitions: &Partitions<'_>,
    choose: &mut dyn FnMut(&[usize]) -> usize,
) -> Vec<Event> {
    let mut machine = M::default();
    let mut next = vec![0; queues.len()];
    let mut outputs: Vec<Event> = Vec::new();
    loop {
        let is_open = |queue: &usize| {
            let event = queues[*queue].get(next[*queue]);
            event.is_some_and(|event| (partitions.is_possible)(event, &outputs))
        };
        let open: Vec<usize> = (0..queues.len()).filter(is_open).collect();
        if open.is_empty() {
            break;
        }
        let queue = open[choose(&open)];
        outputs.extend(step(&mut machine, queues[queue][next[queue]]));
        next[queue] += 1;
    }
    let left: usize = queues.iter().zip(&next).map(|(queue, next)| queue.len() - next).sum();
    assert_eq!(left, 0, "{left} inputs never became possible: outputs that they answer are missing");
    outputs
}

fn sorted(mut outputs: Vec<Event>) -> Vec<Event> {
    outputs.sort_by_key(Event::id);
    outputs
}

#[track_caller]
fn assert_same(outputs: &[Event], expected: &[Event], what: &str) {
    if let Some((got, wanted)) = outputs.iter().zip(expected).find(|(got, wanted)| got != wanted) {
        panic!("{what} gave {got:?} instead of {wanted:?}");
    }
    assert_eq!(outputs.len(), expected.len(), "{what} gave another number of outputs");
}

/// SplitMix64: orders that are the same on every run.
fn next_number(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
