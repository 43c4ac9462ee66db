//! Independent uniform draws.

use crate::observation::Observation;
use crate::rng::Stream;
use crate::sampler::Sampler;
use crate::space::Space;
use gauntlet_domain::experiment::Parameters;

/// Uniform search (uniform in the logarithm where `log` is set). A point that violates a condition is redrawn
/// whole, so proposals are uniform over the valid points; `None` after [`Random::MAX_DRAWS`] redraws. The
/// history is ignored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Random {
    /// Draws before a proposal is given up. At one valid point in a thousand, it fails once in 20,000 trials.
    pub const MAX_DRAWS: u64 = 10_000;
}

impl Sampler for Random {
    fn propose(&self, space: &Space, seed: u64, trial: u64, _history: &[Observation]) -> Option<Parameters> {
        let trial = Stream::new(seed).named("random").at(trial);
        let draw = |attempt: u64| -> Parameters {
            let value = |name: &str| trial.at(attempt).named(name).unit();
            space.parameters().iter().map(|p| (p.name.clone(), p.domain.at(value(&p.name)))).collect()
        };
        (0..Self::MAX_DRAWS).map(draw).find(|params| space.satisfies(params))
    }
}
