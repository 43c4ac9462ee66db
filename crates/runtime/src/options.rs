//! Sizes and times of a process; none of them changes a result.

use std::time::Duration;

/// How long a slot waits for records when there are none.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// Sizes and times; none of them changes a result.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads that do the work of workers.
    pub workers: usize,
    /// Records between two commits, at most.
    pub batch_records: usize,
    /// How long a slot waits for records.
    pub poll_timeout: Duration,
    /// Records of a task between two snapshots of its state.
    pub snapshot_every_records: usize,
    /// Requests of one worker on their way at once.
    pub worker_queue: usize,
    /// Records that a projection takes in at once.
    pub projector_batch: usize,
    /// Number of this process among those that share the work: the slot that it takes in every group.
    pub slot: u32,
    /// Time between two measurements of how far readers are behind.
    pub watch_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            workers: 2,
            batch_records: 131_072,
            poll_timeout: POLL_TIMEOUT,
            snapshot_every_records: 20_000,
            worker_queue: 1024,
            projector_batch: 4096,
            slot: 0,
            watch_every: Duration::from_secs(1),
        }
    }
}
