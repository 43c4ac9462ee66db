//! Given, when, then for machines, and the properties that every machine must have.
//!
//! Panics on a broken expectation, as a test does.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

/// Replay, redelivery, restarts, interleaving.
mod properties;

pub use properties::{Partitions, check_interleavings, check_properties};

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
            Event::EvaluationCompleted(_)
            | Event::EvaluationFailed(_)
            | Event::WalkForwardCompleted(_)
            | Event::WalkForwardFailed(_)
            | Event::TrialFamilyMeasured(_) => "evaluator".into(),
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
