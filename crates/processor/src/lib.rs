//! What a processor is. Three kinds; take the weakest that works:
//!
//! * a **machine** turns one input and its state into outputs and the next state. A [`Decider`] is the machine to write
//!   when the state can be folded from facts; a transducer such as the bar builder implements [`Machine`] itself,
//!   because it must look at each tick once.
//! * a **worker** ([`Worker`]) turns one request into outcomes at great expense; pure in its arguments, among them the
//!   data that it declares.
//! * a **projection** turns one event into rows; it lives in `processors/projector`.
//!
//! All are pure: no clock, no randomness, no I/O, no order of a hash map. The runtime does the rest.

/// What workers may read and store.
pub mod data;
/// Machines that decide and fold.
pub mod decider;
/// What stays of what has ended.
pub mod ended;
/// Given, when, then.
pub mod harness;
/// What the runtime runs.
pub mod machine;
/// Who reads and writes which topic.
pub mod topology;
/// Expensive, pure answers to requests.
pub mod worker;

pub use data::{ArtifactReader, ArtifactStore, BarReader, DataError, Declared, Ports, SnapshotSealer};
pub use decider::{Decider, Fact, Folded};
pub use ended::EndedIds;
pub use machine::{Definition, Inputs, Machine, Output, StateError};
pub use topology::{Access, Topology};
pub use worker::{Answer, Answering, AnyWorker, Worker};
