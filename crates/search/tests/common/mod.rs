//! Proposals as functions of their arguments.
#![allow(dead_code, reason = "each user takes its part")]

use gauntlet_search::{
    Choice, Direction, Grid, Observation, Parameters, Question, Random, Sampler, SamplerKind, Space,
};

/// The proposal of a new sampler that was shown a history, with nothing under way.
pub fn proposed(
    mut sampler: impl Sampler,
    space: &Space,
    seed: u64,
    trial: u64,
    history: &[Observation],
) -> Option<Parameters> {
    history.iter().for_each(|observation| sampler.observe(observation));
    sampler.propose(&Question {
        space,
        seed,
        trial,
        under_way: &[],
        accepts: &|params| space.satisfies(params),
    })
}

pub fn random(space: &Space, seed: u64, trial: u64) -> Option<Parameters> {
    proposed(Random, space, seed, trial, &[])
}

pub fn grid(space: &Space, trial: u64) -> Option<Parameters> {
    proposed(Grid::default(), space, 0, trial, &[])
}

pub fn choice(text: &str) -> Choice<SamplerKind> {
    text.parse().unwrap()
}

/// A sampler's proposal by its text; `None` also when it cannot search the space.
pub fn by_text(
    text: &str,
    space: &Space,
    seed: u64,
    trial: u64,
    history: &[Observation],
) -> Option<Parameters> {
    struct Boxed(Box<dyn Sampler>);
    impl Sampler for Boxed {
        fn observe(&mut self, observation: &Observation) {
            self.0.observe(observation);
        }
        fn propose(&mut self, question: &Question<'_>) -> Option<Parameters> {
            self.0.propose(question)
        }
    }
    let sampler = choice(text).build(space, direction(text)).ok()?;
    proposed(Boxed(sampler), space, seed, trial, history)
}

/// Both directions take part.
fn direction(text: &str) -> Direction {
    if text.contains("multivariate=true") { Direction::Maximize } else { Direction::Minimize }
}
