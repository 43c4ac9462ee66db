//! The machine: one task's state and the step that moves it.

use gauntlet_domain::{Event, Input, Topic};

use crate::topology::Access;

/// What a step puts out.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The event.
    pub event: Event,
    /// True when the decision depended on which of several inputs came first: the runtime then records how far each
    /// input had been read, and replay feeds them in that order.
    pub raced: bool,
}

impl Output {
    /// An output that any order of the inputs would have given.
    pub fn new(event: impl Into<Event>) -> Output {
        Output { event: event.into(), raced: false }
    }

    /// An output that another order of the inputs might not have given.
    pub fn raced(event: impl Into<Event>) -> Output {
        Output { event: event.into(), raced: true }
    }
}

/// Why saved state cannot be used. The runtime folds from the beginning instead.
#[derive(Debug, thiserror::Error)]
#[error("saved state cannot be read: {0}")]
pub struct StateError(#[from] serde_json::Error);

/// One task's state and logic.
///
/// Invariants that the harness checks: the same inputs give the same outputs; an input seen before gives none; saving
/// and restoring between any two steps changes nothing.
pub trait Machine: Send {
    /// Takes in one event and puts out what follows from it.
    fn step(&mut self, input: Input<'_>) -> Vec<Output>;
    /// Why an input is none that may be taken in: the runtime puts it to the dead letters with this reason. [`Machine::step`]
    /// passes over such an input by itself, because restore and replay do not ask.
    fn refuses(&self, _input: Input<'_>) -> Option<String> {
        None
    }
    /// Learns, before any input, that another version of the logic has put this out ([`Definition::recalls`]). What that version has begun is not
    /// gone on with by this one's rules: [`Machine::step`] puts out nothing about it.
    fn recall(&mut self, _output: &Event) {}
    /// Ends by name what another version of the logic has begun and not ended; nothing when there is nothing left. The
    /// runtime asks when state is restored, records how far the inputs had been read, and replay asks at the same point.
    fn give_up(&mut self) -> Vec<Output> {
        Vec::new()
    }
    /// The state as bytes.
    fn save(&self) -> Result<Vec<u8>, StateError>;
    /// Replaces the state.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// How a machine's inputs are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// Partition *t* of every input topic is one task.
    CoPartitioned,
    /// One task reads all partitions of all inputs.
    Single,
}

/// A machine as the runtime knows it.
#[derive(Clone, Copy)]
pub struct Definition {
    /// Name: consumer group, source of its events.
    pub name: &'static str,
    /// Version of the logic: raised whenever the same inputs may give other outputs. It is on the record of every output,
    /// so that replay compares what this version has made and nothing else. Saved state of another version is not used.
    pub version: &'static str,
    /// Topics that it reads, in the order in which a restart and a replay feed them between races: what answers comes after
    /// what asks for it.
    pub reads: &'static [&'static Topic],
    /// How they are shared out.
    pub inputs: Inputs,
    /// Topics that it writes; the runtime refuses an output on any other.
    pub writes: &'static [&'static Topic],
    /// Topics on which it puts out decisions that raced ([`Output::raced`]); where a restart looks for their order.
    pub races_on: &'static [&'static Topic],
    /// Topics of its outputs that tell what is under way: when state is folded from the first input, the machine is told what
    /// other versions of the logic have written there ([`Machine::recall`]).
    pub recalls: &'static [&'static Topic],
    /// Makes a machine with empty state.
    pub create: fn() -> Box<dyn Machine>,
}

impl Definition {
    /// What it reads and writes. Besides its inputs it reads outputs of its own: the races that it has decided, and what
    /// other versions of its logic have begun.
    pub fn access(&self) -> Access {
        Access {
            name: self.name,
            reads: self.reads.to_vec(),
            looks_up: self
                .races_on
                .iter()
                .chain(self.recalls.iter().filter(|topic| !self.races_on.contains(topic)))
                .copied()
                .collect(),
            writes: self.writes.to_vec(),
        }
    }
}
