//! Given, when, then for machines, and the three properties that every machine must have.
//!
//! Panics on a broken expectation, as a test does.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use gauntlet_domain::{Envelope, Event, Recorded, Timestamp};

use crate::machine::{Machine, Output};

/// An event with the plainest envelope; answers come from the processors that answer.
pub fn recorded(event: impl Into<Event>) -> Recorded {
    let event = event.into();
    let id = event.id();
    let envelope = Envelope {
        id,
        causation: id,
        correlation: id,
        source: match event {
            Event::TrialCompleted(_) | Event::TrialPruned(_) | Event::TrialFailed(_) => "trainer".into(),
            Event::EvaluationCompleted(_) | Event::EvaluationFailed(_) => "evaluator".into(),
            _ => "test".into(),
        },
        logic: None,
        recorded_at: Timestamp(0),
        took_micros: None,
        decided_at: None,
        trace: None,
    };
    Recorded { event, envelope }
}

/// A machine that has seen some events.
pub struct Given<M: Machine> {
    machine: M,
}

/// What a machine answered.
pub struct Then {
    outputs: Vec<Output>,
}

/// Starts with events already seen.
pub fn given<M: Machine + Default>(history: impl IntoIterator<Item = Event>) -> Given<M> {
    let mut machine = M::default();
    for event in history {
        machine.step(recorded(event).input());
    }
    Given { machine }
}

impl<M: Machine> Given<M> {
    /// One more event arrives.
    pub fn when(mut self, event: impl Into<Event>) -> Then {
        Then { outputs: self.machine.step(recorded(event).input()) }
    }
}

impl Then {
    /// It answers exactly this.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = Event>) {
        let got: Vec<Event> = self.outputs.into_iter().map(|output| output.event).collect();
        assert_eq!(got, expected.into_iter().collect::<Vec<_>>());
    }

    /// It answers nothing.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// The answers, for closer looks.
    pub fn outputs(self) -> Vec<Output> {
        self.outputs
    }
}

/// Outputs of a machine over a history.
pub fn run<M: Machine + Default>(history: &[Event]) -> Vec<Event> {
    let mut machine = M::default();
    history
        .iter()
        .flat_map(|event| machine.step(recorded(event.clone()).input()))
        .map(|output| output.event)
        .collect()
}

/// Checks that replay equals the record, that redelivery changes nothing, and that saving and restoring anywhere
/// changes nothing. Gives the number of outputs compared; a check that compared nothing fails.
#[track_caller]
pub fn check_properties<M: Machine + Default>(history: &[Event]) -> usize {
    let expected = run::<M>(history);
    assert!(!expected.is_empty(), "the history gives no output: nothing would be compared");
    assert_eq!(run::<M>(history), expected, "replay differs from the record");

    let mut machine = M::default();
    let mut redelivered = Vec::new();
    for event in history {
        redelivered.extend(machine.step(recorded(event.clone()).input()));
        let again = machine.step(recorded(event.clone()).input());
        assert!(again.is_empty(), "redelivery of {} gave {again:?}", event.kind().name());
    }
    let redelivered: Vec<Event> = redelivered.into_iter().map(|output| output.event).collect();
    assert_eq!(redelivered, expected, "redelivery changed the outputs");

    let mut machine = M::default();
    let mut restored = Vec::new();
    for event in history {
        let saved = machine.save().expect("state can be saved");
        machine = M::default();
        machine.restore(&saved).expect("saved state can be read");
        restored.extend(machine.step(recorded(event.clone()).input()).into_iter().map(|output| output.event));
    }
    assert_eq!(restored, expected, "saving and restoring changed the outputs");
    expected.len()
}
