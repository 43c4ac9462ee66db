//! What holds for the list of processors as a whole.

#![allow(clippy::unwrap_used)]

use gauntlet_domain::experiment::{CancelExperiment, ConfigRegistered};
use gauntlet_domain::market::CreateSnapshot;
use gauntlet_domain::{ContentHash, Event, ExperimentId, InstrumentId, RecordKind, Timestamp, topics};
use gauntlet_processor::topology::{Topology, is_input};

use crate::processors::processors;

fn topology() -> Topology {
    processors().topology()
}

#[test]
fn every_derived_topic_has_one_writer_and_every_input_none() {
    let topology = topology();
    assert_eq!(topology.problems(), Vec::<String>::new());
    let (mut inputs, mut derived) = (0, 0);
    for topic in topics::ALL {
        let writers = topology.processors().iter().filter(|access| access.writes.contains(&topic)).count();
        assert_eq!(writers, usize::from(!is_input(topic)), "{}", topic.name);
        if is_input(topic) { inputs += 1 } else { derived += 1 }
    }
    assert!(inputs >= 4 && derived >= 11, "{inputs} and {derived}");
}

#[test]
fn the_order_of_racing_decisions_is_looked_for_where_they_are_written() {
    for definition in processors().machines {
        for topic in definition.races_on {
            assert!(definition.writes.contains(topic), "{} does not write {}", definition.name, topic.name);
        }
    }
}

#[test]
fn the_owner_of_a_subject_takes_in_its_first_command() {
    let instrument = InstrumentId::new("A", "B").unwrap();
    let spec = "time:1h".parse().unwrap();
    let snapshot = Event::from(CreateSnapshot::new(&instrument, spec, Timestamp(0), Timestamp(1)));
    let experiment_id = ExperimentId::derive(&[b"x"]);
    let cancel = Event::from(CancelExperiment { experiment_id, reason: String::new() });
    let config_hash = ContentHash::of(b"");
    let config = Event::from(ConfigRegistered { config_hash, document: String::new() });
    for (event, command) in [
        (snapshot, RecordKind::CreateSnapshot),
        (cancel, RecordKind::SubmitExperiment),
        (config, RecordKind::ConfigRegistered),
    ] {
        let owner = event.subject().unwrap().owner;
        assert!(topology().readers_of(command.topic()).any(|reader| reader == owner), "{owner}");
    }
}

/// `infra/kafka/acls` makes its commands from the plan, and its own tests use the recorded one.
#[cfg(feature = "cluster")]
#[test]
fn the_recorded_plan_has_the_rights_that_processors_declare() {
    use gauntlet_operations::services::{access_rights, external_trainer_rights};
    use serde_json::{Value as Json, json};
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/checks/topics-plan.json");
    let recorded: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sorted = |rights: &Json| {
        let mut rights = rights.clone();
        for right in ["read", "write"] {
            rights[right].as_array_mut().unwrap().sort_by_key(Json::to_string);
        }
        rights
    };
    let declared = access_rights(&processors());
    let of_plan = recorded["access"].as_object().unwrap();
    assert!(declared.keys().eq(of_plan.keys()), "{:?} are declared", declared.keys());
    for (processor, rights) in &declared {
        let of_plan = sorted(&of_plan[*processor]);
        assert_eq!(
            sorted(&json!(rights)),
            of_plan,
            "{processor}: record infra/checks/topics-plan.json again"
        );
    }
    assert_eq!(sorted(&json!(external_trainer_rights())), sorted(&recorded["external_trainer"]));
}
