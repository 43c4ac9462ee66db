//! A log that counts the records that are read from it, for tests which hold reading to a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::port::EventLog;
use crate::watched::{Watch, Watched};

/// Another log, and how many records it has given to readers without a group.
pub type CountingLog = Watched<Arc<dyn EventLog>, Count>;

/// How many records were read.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicU64>);

impl Watch for Count {
    fn read(&self, records: usize) {
        self.0.fetch_add(records as u64, Ordering::Relaxed);
    }
}

impl CountingLog {
    /// Over another log.
    pub fn over(log: Arc<dyn EventLog>) -> CountingLog {
        Watched::new(log, Count::default())
    }

    /// Records read since the last time that this was asked.
    pub fn take_count(&self) -> u64 {
        self.watch.0.swap(0, Ordering::Relaxed)
    }
}
