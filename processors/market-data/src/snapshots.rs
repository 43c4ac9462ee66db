//! The worker that seals snapshots: a due range in, the sealed snapshot out.
//!
//! The bars of a due range are final, so sealing it is a function of the request; the files are named by content.

use gauntlet_domain::Event;
use gauntlet_processor::worker::{Answer, Data, Worker};

/// Seals snapshots.
pub struct Snapshots;

impl Worker for Snapshots {
    fn name(&self) -> &'static str {
        "snapshots"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn topic(&self) -> &'static str {
        "data.requests.v1"
    }

    fn run(&self, request: &Event, data: &dyn Data) -> Answer {
        match request {
            // There is no other answer than a sealed snapshot: where its bars are damaged, the worker stops and says so.
            Event::SnapshotDue(due) => Ok(vec![data.seal(due)?.into()]),
            _ => Ok(Vec::new()),
        }
    }

    fn panicked(&self, _request: &Event, _message: &str) -> Vec<Event> {
        Vec::new()
    }
}
