//! Searches that have ended, and searches that another version of the logic has begun.

use crate::common::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{Event, ExperimentId};
use gauntlet_processor::harness::recorded;
use gauntlet_processor::machine::{Machine, Output};
use gauntlet_tuner::Tuner;
use serde_json::{Value, json};

/// Digits of an id in the saved state.
const DIGITS: usize = 32;

fn search(name: &str, trials: u32) -> ExperimentSpec {
    spec(name, json!({ "sampler": "random", "trials": trials, "parallelism": 4, "seed": 3 }))
}

fn step(machine: &mut Tuner, event: impl Into<Event>) -> Vec<Event> {
    machine.step(recorded(event).input()).into_iter().map(|output| output.event).collect()
}

fn finish(machine: &mut Tuner, numbers: std::ops::Range<usize>) {
    for i in numbers {
        let spec = search(&format!("search {i}"), 1);
        step(machine, submitted(&spec));
        let outputs = step(machine, started(&spec));
        let [Event::TrainingRequested(request)] = &outputs[..] else { panic!("{outputs:?}") };
        let outputs = step(machine, answer(request));
        let [Event::TrialFamilyRequested(family)] = &outputs[..] else { panic!("{outputs:?}") };
        let outputs = step(machine, measured(family));
        assert!(matches!(outputs[0], Event::LedgerEntered(_)), "{outputs:?}");
    }
}

fn saved(machine: &Tuner) -> (usize, Value) {
    let bytes = machine.save().unwrap();
    (bytes.len(), serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn ten_thousand_ended_searches_leave_their_ids_and_nothing_else() {
    let mut machine = Tuner::default();
    finish(&mut machine, 0..1_000);
    let (after_1_000, _) = saved(&machine);
    finish(&mut machine, 1_000..10_000);
    let (after_10_000, state) = saved(&machine);
    assert_eq!(after_10_000 - after_1_000, 9_000 * DIGITS);
    assert_eq!(state["studies"], json!({}));
    for i in (0..10_000).step_by(97) {
        let spec = search(&format!("search {i}"), 1);
        let experiment_id = spec.experiment_id();
        let late = [
            submitted(&spec),
            started(&spec).into(),
            ExperimentCancelled { experiment_id, reason: String::new() }.into(),
        ];
        for event in late {
            assert_eq!(step(&mut machine, event), []);
        }
    }
    assert_eq!(saved(&machine), (after_10_000, state), "what is late changes nothing");
}

#[test]
fn a_late_answer_to_an_ended_search_is_no_fault_and_one_to_no_search_is() {
    let spec = search("one", 1);
    let played = play(&spec, |_| 0);
    let mut machine = Tuner::default();
    for event in &played.history {
        step(&mut machine, event.clone());
    }
    let late = recorded(answer(&played.requests[0]));
    assert_eq!(machine.refuses(late.input()), None);
    assert!(Tuner::default().refuses(late.input()).unwrap().contains("there is no experiment"));
}

// Another version of the logic.

/// A search of another version that asked for six trials, of which four were answered: those two that no version of
/// today's would have asked for yet among them.
struct Begun {
    spec: ExperimentSpec,
    requests: Vec<TrainingRequested>,
    inputs: Vec<Event>,
}

fn begun_by_another() -> Begun {
    let spec = search("begun", 30);
    let mut first = Tuner::default();
    step(&mut first, submitted(&spec));
    let mut requests: Vec<TrainingRequested> =
        step(&mut first, started(&spec)).into_iter().map(asked).collect();
    while requests.len() < 6 {
        let next = answer(&requests[requests.len() - 4]);
        requests.extend(step(&mut first, next).into_iter().map(asked));
    }
    let answers = [0, 1, 4, 5].map(|trial: usize| answer(&requests[trial]));
    let inputs = [vec![submitted(&spec), started(&spec).into()], answers.to_vec()].concat();
    Begun { spec, requests, inputs }
}

fn asked(event: Event) -> TrainingRequested {
    match event {
        Event::TrainingRequested(request) => *request,
        other => panic!("{other:?}"),
    }
}

/// A tuner that has learned what another version has put out.
fn that_recalls(outputs: &[Event]) -> Tuner {
    let mut machine = Tuner::default();
    outputs.iter().for_each(|output| machine.recall(output));
    machine
}

fn entry(outputs: Vec<Output>, id: ExperimentId) -> LedgerEntered {
    let [Output { event: Event::LedgerEntered(ledger), raced: true }] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(ledger.experiment_id, id);
    *ledger.clone()
}

#[test]
fn a_search_that_another_version_has_begun_is_given_up_by_name() {
    let Begun { spec, requests, inputs } = begun_by_another();
    let recorded_outputs: Vec<Event> = requests.iter().cloned().map(Event::from).collect();
    let mut machine = that_recalls(&recorded_outputs);
    for input in &inputs {
        assert_eq!(step(&mut machine, input.clone()), [], "nothing is asked by another rule");
    }
    // Saved and restored anywhere it is the same.
    let mut restored = Tuner::default();
    restored.restore(&machine.save().unwrap()).unwrap();
    let ledger = entry(machine.give_up(), spec.experiment_id());
    assert_eq!(entry(restored.give_up(), spec.experiment_id()), ledger);
    assert_eq!(ledger.ended, TuningEnd::LogicChanged);
    assert_eq!((ledger.requested, ledger.completed + ledger.pruned + ledger.failed), (6, 4));
    assert!(ledger.finalists.is_empty());
    // Once, and for good.
    assert_eq!(machine.give_up(), []);
    for late in [answer(&requests[2]), started(&spec).into(), submitted(&spec)] {
        assert_eq!(step(&mut machine, late), []);
    }
    // Others go on.
    let new = search("new", 4);
    step(&mut machine, submitted(&new));
    assert_eq!(step(&mut machine, started(&new)).len(), 4);
}

#[test]
fn what_another_version_had_ended_or_not_begun_is_not_given_up() {
    let Begun { spec, requests, inputs } = begun_by_another();
    let ended = play(&search("ended", 3), |_| 0);
    let waiting = search("waiting", 3);
    let of_ended = ended.requests.iter().cloned().map(Event::from);
    let of_begun = requests.iter().cloned().map(Event::from);
    let entered = ended.rest.iter().map(|output| output.event.clone());
    let outputs: Vec<Event> = of_begun.chain(of_ended).chain(entered).collect();
    let mut machine = that_recalls(&outputs);
    for input in [&inputs[..], &ended.history, &[submitted(&waiting)]].concat() {
        assert_eq!(step(&mut machine, input), []);
    }
    entry(machine.give_up(), spec.experiment_id());
    assert_eq!(step(&mut machine, started(&waiting)).len(), 3, "its first request is this version's");
}
