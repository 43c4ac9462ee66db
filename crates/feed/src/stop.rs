//! Asked to stop: a flag that whoever reads a file may raise from another thread, such as a handler of signals.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Raised when reading is to end. It is looked at with every piece of a file, packed and unpacked.
#[derive(Debug, Clone, Default)]
pub struct Stop(Option<Arc<AtomicBool>>);

impl Stop {
    /// Reading ends when this is true.
    pub fn when(flag: Arc<AtomicBool>) -> Stop {
        Stop(Some(flag))
    }

    /// Whether reading is to end.
    pub fn is_raised(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// An error once it is raised. What a decoder makes of it does not matter: who gets an error asks the flag first.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_raised() { Err(io::Error::other("asked to stop")) } else { Ok(()) }
    }
}

/// Two readers of one file differ by nothing that could be seen in what they read.
impl PartialEq for Stop {
    fn eq(&self, _: &Stop) -> bool {
        true
    }
}

impl Eq for Stop {}

/// Bytes until it is asked to stop.
pub(crate) struct Stoppable<R> {
    pub inner: R,
    pub stop: Stop,
}

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.inner.read(buffer)
    }
}
