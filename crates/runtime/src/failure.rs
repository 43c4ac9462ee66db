//! Why a slot ended before it was stopped.

use std::any::Any;

use gauntlet_domain::EventId;
use gauntlet_log::{LogError, Remedy};
use gauntlet_processor::machine::StateError;
use gauntlet_processor::topology::Undeclared;
use gauntlet_wire::WireError;

use crate::projection::ProjectionError;

/// What ended a slot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlotError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("an output could not be written: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    Undeclared(#[from] Undeclared),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("request {0} has no answer: {1}")]
    Unanswerable(EventId, String),
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

impl SlotError {
    /// Whether somebody outside the program can put it right.
    fn is_outside(&self) -> bool {
        match self {
            SlotError::Log(error) => error.remedy() != Remedy::Report,
            SlotError::Projection(_) => true,
            SlotError::Wire(_)
            | SlotError::Undeclared(_)
            | SlotError::State(_)
            | SlotError::Unanswerable(..) => false,
        }
    }
}

/// What went wrong, where.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{processor}: {message}")]
pub struct Failure {
    /// The processor.
    pub processor: String,
    /// What was wrong and what to do.
    pub message: String,
    /// True when something outside is missing (disk, another owner), false for a broken invariant.
    pub outside: bool,
}

impl Failure {
    /// The failure of a processor whose slot ended with an error.
    pub(crate) fn of(processor: &str, error: &SlotError) -> Failure {
        Failure { processor: processor.into(), message: error.to_string(), outside: error.is_outside() }
    }

    /// The failure of a processor whose slot panicked.
    pub(crate) fn of_panic(processor: &str, panic: &(dyn Any + Send)) -> Failure {
        let message = format!("panicked: {}", panic_message(panic));
        Failure { processor: processor.into(), message, outside: false }
    }
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}
