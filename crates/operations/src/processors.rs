//! The processors that a process knows. The binary has the one list of them and passes it in.

use std::fmt;
use std::sync::Arc;

use gauntlet_config::nearest;
use gauntlet_domain::{Event, Recorded, Topic, topics};
use gauntlet_processor::machine::Definition;
use gauntlet_processor::worker::AnyWorker;
use gauntlet_processor::{Access, Topology};
use gauntlet_views::{Table, Upsert, Value};

use crate::archiving;
use crate::refusal::Refusal;

/// All processors, each kind in pipeline order.
#[derive(Clone)]
pub struct Processors {
    /// Machines.
    pub machines: Vec<Definition>,
    /// Workers.
    pub workers: Vec<Arc<dyn AnyWorker>>,
    /// What fills the views.
    pub projection: ViewRows,
}

/// A projection into the views: rows from events.
#[derive(Clone, Copy)]
pub struct ViewRows {
    /// Its name among processors.
    pub name: &'static str,
    /// Topics that it reads.
    pub topics: &'static [&'static Topic],
    /// The rows that an event makes.
    pub rows: fn(&Recorded) -> Vec<Upsert>,
    /// The row of a chunk of a series for stores that leave series on the log; `None` of every other event.
    pub series_chunk: fn(&Event) -> Option<Upsert>,
    /// The row that is there once an event from outside has been taken in; `None` for one that no view shows.
    pub row_that_shows: fn(&Event) -> Option<(&'static Table, Vec<Value>)>,
}

impl Processors {
    /// What all of them read and write, in pipeline order.
    pub fn topology(&self) -> Topology {
        let machines = self.machines.iter().map(Definition::access);
        let workers = self.workers.iter().map(|worker| worker.access());
        let ViewRows { name, topics, .. } = self.projection;
        let reader = |name, reads| Access { name, reads, looks_up: Vec::new(), writes: Vec::new() };
        let projection = reader(name, topics.to_vec());
        let archiver = reader(archiving::NAME, topics::ALL.iter().collect());
        Topology::new(machines.chain(workers).chain([projection, archiver]))
    }

    /// Names, in pipeline order.
    pub fn names(&self) -> Vec<&'static str> {
        self.awaited().into_iter().chain([archiving::NAME]).collect()
    }

    /// Names of those for whose work somebody may wait: all but the archiver, which whoever comes for one request leaves to
    /// processes that stay.
    pub fn awaited(&self) -> Vec<&'static str> {
        self.writers().into_iter().chain([self.projection.name]).collect()
    }

    /// Names of those that write events.
    pub fn writers(&self) -> Vec<&'static str> {
        let machines = self.machines.iter().map(|definition| definition.name);
        machines.chain(self.workers.iter().map(|worker| worker.name())).collect()
    }

    /// Those with the given names; `all` stands for every one.
    pub fn named(&self, names: &[String]) -> Result<Vec<&'static str>, Refusal> {
        let all = self.names();
        if names.iter().any(|name| name == "all") {
            return Ok(all);
        }
        let find = |name: &String| {
            all.iter().copied().find(|known| known == name).ok_or_else(|| {
                let hint = nearest(name, all.iter().copied());
                let hint = hint.map_or_else(
                    || format!("there are {}", all.join(", ")),
                    |near| format!("did you mean {near}?"),
                );
                Refusal::BadInput(format!("there is no processor '{name}': {hint}"))
            })
        };
        names.iter().map(find).collect()
    }
}

impl fmt::Debug for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Processors").field(&self.names()).finish()
    }
}
