//! Proposing the parameters of the next trial.
//!
//! The contract of every sampler: a proposal is a pure function of the space, the seed, the trial's number, the
//! observations that it was shown and the trials under way, and it satisfies `accepts`. What it keeps between
//! proposals only saves time. Which observations it is shown is the duty of [`crate::Search`]: exactly the first
//! `observable_trials`, in trial order, so that parallel workers cannot change a search by finishing in another
//! order.

mod grid;
mod parzen;
mod random;
mod sobol;
mod tpe;

use gauntlet_domain::Direction;
use gauntlet_domain::experiment::Parameters;

pub use grid::Grid;
pub use random::Random;
pub use sobol::{Sobol, SobolDimension};
pub use tpe::{Tpe, TpeSettings};

use crate::error::SearchError;
use crate::observation::Observation;
use crate::settings::{Choice, Kind, Setting};
use crate::space::Space;

/// What a sampler is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Where to search.
    pub space: &'a Space,
    /// The seed of the search.
    pub seed: u64,
    /// The number of the trial, from 0.
    pub trial: u64,
    /// The parameters of earlier trials whose results the sampler has not been shown, in trial order.
    pub under_way: &'a [Parameters],
    /// Whether parameters may be proposed: they satisfy the conditions and, where the search does not repeat
    /// itself, were not tried before.
    pub accepts: &'a dyn Fn(&Parameters) -> bool,
}

/// A rule that proposes parameters.
pub trait Sampler: Send {
    /// Takes in how a trial ended. In trial order, each once.
    fn observe(&mut self, observation: &Observation);

    /// The parameters of a trial.
    ///
    /// `None`: the space is exhausted, or nothing that is accepted was found within the bounded number of redraws
    /// that each sampler documents. A later trial may then still get a proposal, except from a grid.
    fn propose(&mut self, question: &Question<'_>) -> Option<Parameters>;
}

/// How many trials, counted from trial 0, the proposal of `trial` may see when `parallelism` run at once: the
/// trials `0 ..= trial - parallelism`. A parallelism of 0 is taken as 1.
pub fn observable_trials(trial: u64, parallelism: u64) -> u64 {
    (trial + 1).saturating_sub(parallelism.max(1))
}

/// A sampler by its name: a row of [`SAMPLERS`].
#[derive(Clone, Copy)]
pub struct SamplerKind {
    /// What selects it in a document.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What a document can set.
    pub settings: &'static [Setting],
    /// The sampler before its first trial.
    make: fn(&Choice<SamplerKind>, &Space, Direction) -> Box<dyn Sampler>,
    /// Why it cannot search a space.
    check: fn(&Space) -> Result<(), SearchError>,
}

/// Of every sampler that draws. Searches that were stored without it did repeat themselves.
const REPEAT: Setting = Setting::flag(
    "repeat",
    false,
    true,
    "whether a discrete space's points may be tried again while others are left",
);

/// Every sampler. To add one: its file in `sampler/` and, here, its `mod` and its row.
pub const SAMPLERS: &[SamplerKind] = &[
    SamplerKind {
        name: "grid",
        summary: "every point of the grid, once",
        settings: &[],
        make: |_, _, _| Box::new(Grid::default()),
        check: Grid::check,
    },
    SamplerKind {
        name: "random",
        summary: "independent uniform draws",
        settings: &[REPEAT],
        make: |_, _, _| Box::new(Random),
        check: |_| Ok(()),
    },
    SamplerKind {
        name: "sobol",
        summary: "a sequence that covers the space more evenly than random draws",
        settings: &[REPEAT],
        make: |choice, _, _| Box::new(Sobol::new(choice.flag("repeat") == Some(false))),
        check: Sobol::check,
    },
    SamplerKind {
        name: "tpe",
        summary: "learns from past trials where good ones are dense: the tree-structured Parzen estimator",
        settings: TpeSettings::TABLE,
        make: |choice, space, direction| Box::new(Tpe::new(space, direction, TpeSettings::of(choice))),
        check: |_| Ok(()),
    },
];

impl Kind for SamplerKind {
    const WHAT: &'static str = "sampler";

    fn rows() -> &'static [Self] {
        SAMPLERS
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn settings(&self) -> &'static [Setting] {
        self.settings
    }
}

impl Choice<SamplerKind> {
    /// The sampler, after checking that it can search this space: a grid that is too large under conditions, too
    /// many dimensions for Sobol, and conditions that nothing satisfies are refused here rather than discovered
    /// in the middle of a search.
    pub fn build(&self, space: &Space, direction: Direction) -> Result<Box<dyn Sampler>, SearchError> {
        (self.kind.check)(space)?;
        let accepts = |params: &Parameters| space.satisfies(params);
        let first = Question { space, seed: 0, trial: 0, under_way: &[], accepts: &accepts };
        let mut sampler = (self.kind.make)(self, space, direction);
        match sampler.propose(&first) {
            Some(_) => Ok(sampler),
            None => Err(SearchError::Unsatisfiable { sampler: self.kind.name }),
        }
    }

    /// Whether points of a discrete space may be tried again. A grid has none twice, so it need not remember them.
    pub fn may_repeat(&self) -> bool {
        self.flag("repeat").unwrap_or(true)
    }
}
