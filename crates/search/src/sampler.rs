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

use serde::{Deserialize, Serialize};

pub use grid::Grid;
pub use random::Random;
pub use sobol::Sobol;
pub use tpe::Tpe;

use crate::error::{SearchError, unknown_name};
use crate::observation::{Direction, Observation};
use crate::space::Space;
use crate::value::Params;

/// A rule that proposes parameters.
pub trait Sampler: Send + Sync {
    /// The parameters of trial `trial`, given the observations of trials `0 ..= trial - W` in trial order.
    ///
    /// `None`: the space is exhausted, or no point that satisfies the conditions was found within the bounded
    /// number of redraws that each sampler documents. A later trial may then still get a proposal, except
    /// from a grid.
    fn propose(&self, space: &Space, seed: u64, trial: u64, history: &[Observation]) -> Option<Params>;
}

/// How many trials, counted from trial 0, the proposal of `trial` may see when `parallelism` run at once: the
/// trials `0 ..= trial - parallelism`. A parallelism of 0 is taken as 1.
pub fn observable_trials(trial: u64, parallelism: u64) -> u64 {
    (trial + 1).saturating_sub(parallelism.max(1))
}

/// The samplers that a name selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// [`Grid`]
    Grid,
    /// [`Random`]
    Random,
    /// [`Sobol`]
    Sobol,
    /// [`Tpe`]
    Tpe,
}

impl SamplerKind {
    /// The names that [`FromStr`] knows.
    pub const NAMES: [&'static str; 4] = ["grid", "random", "sobol", "tpe"];

    /// The name that selects it.
    pub fn name(self) -> &'static str {
        match self {
            SamplerKind::Grid => "grid",
            SamplerKind::Random => "random",
            SamplerKind::Sobol => "sobol",
            SamplerKind::Tpe => "tpe",
        }
    }

    /// The sampler with its defaults, after checking that it can search this space: a grid that is too large
    /// under conditions, too many dimensions for Sobol, and conditions that nothing satisfies are refused
    /// here rather than discovered in the middle of a search.
    pub fn build(self, space: &Space, direction: Direction) -> Result<Box<dyn Sampler>, SearchError> {
        let sampler: Box<dyn Sampler> = match self {
            SamplerKind::Grid => {
                Grid::check(space)?;
                Box::new(Grid)
            }
            SamplerKind::Random => Box::new(Random),
            SamplerKind::Sobol => {
                Sobol::check(space)?;
                Box::new(Sobol)
            }
            SamplerKind::Tpe => Box::new(Tpe::new(direction)),
        };
        match sampler.propose(space, 0, 0, &[]) {
            Some(_) => Ok(sampler),
            None => Err(SearchError::Unsatisfiable { sampler: self.name() }),
        }
    }
}

impl FromStr for SamplerKind {
    type Err = SearchError;

    fn from_str(name: &str) -> Result<Self, SearchError> {
        let kinds = [SamplerKind::Grid, SamplerKind::Random, SamplerKind::Sobol, SamplerKind::Tpe];
        kinds
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| unknown_name("sampler", name, &Self::NAMES))
    }
}
