//! Independent uniform draws.

use crate::observation::Observation;
use crate::rng::Stream;
use crate::sampler::{Question, Sampler};
use gauntlet_domain::experiment::Parameters;

/// Uniform search (uniform in the logarithm where `log` is set). A point that is not accepted is redrawn whole, so
/// proposals are uniform over the points that may be proposed; `None` after [`Random::MAX_DRAWS`] redraws. The
/// observations are ignored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Random {
    /// Draws before a proposal is given up. At one valid point in a thousand, it fails once in 20,000 trials.
    pub const MAX_DRAWS: u64 = 10_000;
}

impl Sampler for Random {
    fn observe(&mut self, _observation: &Observation) {}

    fn propose(&mut self, question: &Question<'_>) -> Option<Parameters> {
        let trial = Stream::new(question.seed).named("random").at(question.trial);
        let draw = |attempt: u64| -> Parameters {
            let attempt = trial.at(attempt);
            let value = |name: &str| attempt.named(name).unit();
            let parameters = question.space.parameters().iter();
            parameters.map(|p| (p.name.clone(), p.domain.at(value(&p.name)))).collect()
        };
        (0..Self::MAX_DRAWS).map(draw).find(|params| (question.accepts)(params))
    }
}
