//! Proposing the parameters of the next trial.
//!
//! The contract of every sampler: a proposal is a pure function of the space, the seed, the trial's number
//! and the observations it is shown, and it lies in its space, conditions included. Which observations those
//! are is the caller's duty: exactly the first `observable_trials`, in trial order, so that parallel
//! workers cannot change a search by finishing in another order.

mod grid;
mod parzen;
mod random;
mod sobol;
mod tpe;

use std::str::FromStr;

use gauntlet_domain::Direction;
use gauntlet_domain::experiment::Parameters;
use gauntlet_domain::names::{UnknownName, find};

pub use grid::Grid;
pub use random::Random;
pub use sobol::Sobol;
pub use tpe::Tpe;

use crate::error::SearchError;
use crate::observation::Observation;
use crate::space::Space;

/// A rule that proposes parameters.
pub trait Sampler: Send + Sync {
    /// The parameters of trial `trial`, given the observations of trials `0 ..= trial - W` in trial order.
    ///
    /// `None`: the space is exhausted, or no point that satisfies the conditions was found within the bounded
    /// number of redraws that each sampler documents. A later trial may then still get a proposal, except
    /// from a grid.
    fn propose(&self, space: &Space, seed: u64, trial: u64, history: &[Observation]) -> Option<Parameters>;
}

/// How many trials, counted from trial 0, the proposal of `trial` may see when `parallelism` run at once: the
/// trials `0 ..= trial - parallelism`. A parallelism of 0 is taken as 1.
pub fn observable_trials(trial: u64, parallelism: u64) -> u64 {
    (trial + 1).saturating_sub(parallelism.max(1))
}

/// A sampler by its name: a row of [`SAMPLERS`].
#[derive(Debug, Clone, Copy)]
pub struct SamplerKind {
    /// What selects it in a document.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The sampler with its defaults, whatever the space.
    pub make: fn(Direction) -> Box<dyn Sampler>,
    /// Why it cannot search a space.
    check: fn(&Space) -> Result<(), SearchError>,
}

/// Every sampler. To add one: its file in `sampler/` and, here, its `mod` and its row.
pub const SAMPLERS: &[SamplerKind] = &[
    SamplerKind {
        name: "grid",
        summary: "every point of the grid, once",
        make: |_| Box::new(Grid),
        check: Grid::check,
    },
    SamplerKind {
        name: "random",
        summary: "independent uniform draws",
        make: |_| Box::new(Random),
        check: |_| Ok(()),
    },
    SamplerKind {
        name: "sobol",
        summary: "a sequence that covers the space more evenly than random draws",
        make: |_| Box::new(Sobol),
        check: Sobol::check,
    },
    SamplerKind {
        name: "tpe",
        summary: "learns from past trials where good ones are dense: the tree-structured Parzen estimator",
        make: |direction| Box::new(Tpe::new(direction)),
        check: |_| Ok(()),
    },
];

impl SamplerKind {
    /// The sampler with its defaults, after checking that it can search this space: a grid that is too large
    /// under conditions, too many dimensions for Sobol, and conditions that nothing satisfies are refused
    /// here rather than discovered in the middle of a search.
    pub fn build(self, space: &Space, direction: Direction) -> Result<Box<dyn Sampler>, SearchError> {
        (self.check)(space)?;
        let sampler = (self.make)(direction);
        match sampler.propose(space, 0, 0, &[]) {
            Some(_) => Ok(sampler),
            None => Err(SearchError::Unsatisfiable { sampler: self.name }),
        }
    }
}

impl FromStr for SamplerKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("sampler", name, SAMPLERS, |row| row.name).copied()
    }
}
