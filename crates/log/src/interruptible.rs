//! A log whose readers end when somebody asks for it.

use std::sync::Arc;

use crate::port::LogError;
use crate::watched::{Watch, Watched};

/// Another log. Reading from it without a group ends with [`LogError::Interrupted`] once that is asked for.
pub type Interruptible<L> = Watched<L, Until>;

/// Whether reading has to end.
#[derive(Clone)]
pub struct Until(Arc<dyn Fn() -> bool + Send + Sync>);

impl Watch for Until {
    fn before(&self) -> Result<(), LogError> {
        if (self.0)() { Err(LogError::Interrupted) } else { Ok(()) }
    }
}

/// A log from which reading ends once `is_over` says so.
pub fn interruptible<L>(log: L, is_over: impl Fn() -> bool + Send + Sync + 'static) -> Interruptible<L> {
    Watched::new(log, Until(Arc::new(is_over)))
}
