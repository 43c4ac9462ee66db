//! The worker that seals snapshots: a due range in, the sealed snapshot out.
//!
//! The bars of a due range are final, so sealing it is a function of the request; the files are named by content.

use gauntlet_domain::topics::{DATA_REQUESTS, DATA_SNAPSHOTS, MARKET_BARS, MARKET_BARS_V2};
use gauntlet_domain::{Event, Topic};
use gauntlet_processor::data::SnapshotSealer;
use gauntlet_processor::worker::{Answer, Answering, Worker};

/// Seals snapshots.
pub struct Snapshots;

impl Worker for Snapshots {
    fn name(&self) -> &'static str {
        "snapshots"
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn topic(&self) -> &'static Topic {
        &DATA_REQUESTS
    }

    fn looks_up(&self) -> &'static [&'static Topic] {
        &[&MARKET_BARS, &MARKET_BARS_V2]
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&DATA_SNAPSHOTS]
    }

    fn panicked(&self, _request: &Event, _message: &str) -> Vec<Event> {
        Vec::new()
    }
}

impl Answering for Snapshots {
    type Data<'a> = &'a dyn SnapshotSealer;

    fn run(&self, request: &Event, sealer: &dyn SnapshotSealer) -> Answer {
        match request {
            // There is no other answer than a sealed snapshot: where its bars are damaged, the worker stops and says so.
            Event::SnapshotDue(due) => Ok(vec![sealer.seal(due)?.into()]),
            _ => Ok(Vec::new()),
        }
    }
}
