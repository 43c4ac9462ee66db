//! The worker that seals snapshots: a due range in, the sealed snapshot out.
//!
//! The bars of a due range are final, so sealing it is a function of the request; the files are named by content.

use gauntlet_domain::Event;
use gauntlet_processor::worker::{Answer, Data, DataError, Worker};

/// Seals snapshots.
pub struct Snapshots;

impl Worker for Snapshots {
    fn name(&self) -> &'static str {
        "snapshots"
    }

    fn topic(&self) -> &'static str {
        "data.requests.v1"
    }

    fn run(&self, request: &Event, data: &dyn Data) -> Answer {
        match request {
            // There is no other answer than a sealed snapshot: bars that cannot be read now are tried again.
            Event::SnapshotDue(due) => match data.seal(due) {
                Ok(sealed) => Ok(vec![sealed.into()]),
                Err(DataError::Unavailable(why) | DataError::Retry(why)) => Err(DataError::Retry(why)),
            },
            _ => Ok(Vec::new()),
        }
    }

    fn panicked(&self, _request: &Event, _message: &str) -> Vec<Event> {
        Vec::new()
    }
}
