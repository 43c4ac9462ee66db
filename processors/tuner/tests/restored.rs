//! Searches that go on after a restart.

use crate::common::*;
use gauntlet_domain::Event;
use gauntlet_domain::experiment::TrainingRequested;
use gauntlet_processor::harness::recorded;
use gauntlet_processor::machine::Machine;
use gauntlet_tuner::Tuner;
use serde_json::{Value, json};

fn requests(machine: &mut Tuner, event: Event) -> Vec<TrainingRequested> {
    let outputs = machine.step(recorded(event).input()).into_iter();
    let request = |event| match event {
        Event::TrainingRequested(request) => Some(*request),
        _ => None,
    };
    outputs.filter_map(|output| request(output.event)).collect()
}

/// The requests of a search whose machine is saved and restored before every event; `change` is applied to what was
/// saved. Results come in pairs, the later trial first.
fn restarted(sampler: &str, change: impl Fn(&mut Value)) -> Vec<TrainingRequested> {
    let tuning = json!({ "sampler": sampler, "trials": 60, "parallelism": 8 });
    let spec = spec("restarted", tuning);
    let mut machine = Tuner::default();
    let mut asked = requests(&mut machine, submitted(&spec));
    asked.extend(requests(&mut machine, started(&spec).into()));
    for pair in 0..30 {
        for trial in [2 * pair + 1, 2 * pair] {
            let mut state: Value = serde_json::from_slice(&machine.save().unwrap()).unwrap();
            change(&mut state);
            machine = Tuner::default();
            machine.restore(&serde_json::to_vec(&state).unwrap()).unwrap();
            asked.extend(requests(&mut machine, answer(&asked[trial])));
        }
    }
    assert_eq!(asked.len(), 60);
    asked
}

#[test]
fn a_restarted_search_asks_what_it_would_have_asked() {
    for sampler in ["tpe", "tpe()", "random()", "sobol()"] {
        let tuning = json!({ "sampler": sampler, "trials": 60, "parallelism": 8 });
        let mut whole = play(&spec("restarted", tuning), |_| 0).requests;
        whole.sort_by_key(|request| request.trial);
        assert_eq!(restarted(sampler, |_| {}), whole, "{sampler}");
    }
}

/// States of versions that did not keep what was asked.
#[test]
fn a_state_without_the_parameters_of_trials_under_way_is_gone_on_with() {
    for sampler in ["tpe", "tpe()"] {
        let without = restarted(sampler, |state| {
            for study in state["studies"].as_object_mut().unwrap().values_mut() {
                let Some(searches) = study["searches"].as_array_mut().filter(|all| !all.is_empty()) else {
                    continue;
                };
                searches[0].as_object_mut().unwrap().remove("asked").unwrap();
            }
        });
        assert_eq!(without, restarted(sampler, |_| {}), "{sampler}");
    }
}
