//! A decider: `handle` says what follows from an input, `apply` folds facts into state. Both are pure, `apply` is total.

use gauntlet_domain::{Event, Input};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::machine::{Machine, Output, StateError};

/// What state is folded from. An input is a fact as well as an output is: "two of three evaluations have arrived" is
/// known from inputs alone.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// An input was taken in.
    Seen(Input<'a>),
    /// An output was put out.
    Emitted(&'a Event),
}

/// A decision and its fold.
pub trait Decider: Default + Send {
    /// What the decider remembers.
    type State: Default + Serialize + DeserializeOwned + Send;

    /// What follows from an input in this state. Never panics, never fails: "no" is an event.
    fn handle(state: &Self::State, input: Input<'_>) -> Vec<Output>;

    /// Why an input counts for nothing in this state and should be looked at by a person, as [`Machine::refuses`].
    fn refuses(_state: &Self::State, _input: Input<'_>) -> Option<String> {
        None
    }

    /// Folds a fact into the state. Total: a fact that says nothing new changes nothing.
    fn apply(state: &mut Self::State, fact: Fact<'_>);
}

/// A decider as a machine: handle, then apply the input and every output.
#[derive(Default)]
pub struct Folded<D: Decider> {
    state: D::State,
    decider: std::marker::PhantomData<D>,
}

impl<D: Decider> Folded<D> {
    /// The state, for tests and views.
    pub fn state(&self) -> &D::State {
        &self.state
    }
}

impl<D: Decider> Machine for Folded<D> {
    fn step(&mut self, input: Input<'_>) -> Vec<Output> {
        let outputs = D::handle(&self.state, input);
        D::apply(&mut self.state, Fact::Seen(input));
        for output in &outputs {
            D::apply(&mut self.state, Fact::Emitted(&output.event));
        }
        outputs
    }

    fn refuses(&self, input: Input<'_>) -> Option<String> {
        D::refuses(&self.state, input)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(serde_json::to_vec(&self.state)?)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.state = serde_json::from_slice(bytes)?;
        Ok(())
    }
}
