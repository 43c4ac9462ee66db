//! The processors that a process knows. The binary has the one list of them and passes it in.

use std::fmt;
use std::sync::Arc;

use gauntlet_config::nearest;
use gauntlet_domain::Recorded;
use gauntlet_processor::machine::Definition;
use gauntlet_processor::worker::Worker;
use gauntlet_runtime::PROJECTOR;
use gauntlet_views::Upsert;

use crate::refusal::Refusal;

/// All processors, each kind in pipeline order.
#[derive(Clone)]
pub struct Processors {
    /// Machines.
    pub machines: Vec<Definition>,
    /// Workers.
    pub workers: Vec<Arc<dyn Worker>>,
    /// What fills the views.
    pub projection: ViewRows,
}

/// A projection into the views: rows from events.
#[derive(Clone, Copy)]
pub struct ViewRows {
    /// Topics that it reads.
    pub topics: &'static [&'static str],
    /// The rows that an event makes.
    pub rows: fn(&Recorded) -> Vec<Upsert>,
}

impl Processors {
    /// Names, in pipeline order.
    pub fn names(&self) -> Vec<&'static str> {
        self.writers().into_iter().chain([PROJECTOR]).collect()
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
