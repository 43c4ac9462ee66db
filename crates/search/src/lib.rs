//! Hyperparameter search: which parameters to try next, when to stop a trial early, which trials were best.
//!
//! Everything here is a pure function: no I/O, no clock, no threads, no map whose order can be observed.
//! Trial `k` of a search with parallelism `W` is a function of the space, the seed, `k` and the results of
//! trials `0 ..= k - W` ([`observable_trials`]); the order in which workers finish is not an argument. Random
//! numbers are derived from what they are for ([`rng`]), and `ln`, `exp` and `erf` come from `libm`, so a
//! proposal has the same bits on every machine.
//!
//! Reading order: [`condition`], [`space`], [`observation`], [`rng`], [`settings`], [`sampler`] and its
//! samplers, [`search`], [`pruner`], [`best`].

/// The best completed trials.
pub mod best;
/// Constraints between parameters: `slow > fast`.
pub mod condition;
/// Everything that can be wrong with a space or a name.
pub mod error;
/// What a search knows of its past trials.
pub mod observation;
/// Stopping a trial between folds.
pub mod pruner;
/// Random numbers named by their purpose.
pub mod rng;
/// The samplers: grid, random, Sobol, TPE.
pub mod sampler;
/// A search under way.
pub mod search;
/// Samplers and pruners with their settings.
pub mod settings;
/// The parameters to search and their domains.
pub mod space;

pub use best::finalists;
pub use condition::Condition;
pub use error::SearchError;
pub use gauntlet_domain::Direction;
pub use gauntlet_domain::experiment::{ParameterValue, Parameters};
pub use observation::{Observation, Outcome};
pub use pruner::{Decision, FoldHistory, FoldState, PRUNERS, Pruner, PrunerKind};
pub use sampler::{
    Grid, Question, Random, SAMPLERS, Sampler, SamplerKind, Sobol, SobolDimension, Tpe, TpeSettings,
    observable_trials,
};
pub use search::{Ask, Search};
pub use settings::{Choice, SettingError};
pub use space::{Domain, Parameter, Space};
