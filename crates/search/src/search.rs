//! A search under way: what it asked, what it was told, what it asks next.
//!
//! It holds the sampler to its contract: trial `k` follows from the space, the settings, the seed and the results of
//! trials `0 ..= k - W` alone, and from the parameters of the trials between, which follow from the same. So a search
//! that is made again from what was kept ([`Search::observe`], [`Search::resume`]) proposes the same, bit for bit.

use std::collections::{BTreeSet, VecDeque};

use gauntlet_domain::Direction;
use gauntlet_domain::experiment::Parameters;

use crate::error::SearchError;
use crate::observation::Observation;
use crate::rng::Stream;
use crate::sampler::{Grid, Question, Sampler, SamplerKind, observable_trials};
use crate::settings::Choice;
use crate::space::Space;

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// The next trial tries these parameters.
    Trial(Parameters),
    /// Results of earlier trials are missing.
    Wait,
    /// There is nothing more to try: the space is exhausted, or the sampler found no point that the conditions allow.
    Exhausted,
}

/// A search under way.
pub struct Search {
    space: Space,
    seed: u64,
    parallelism: u64,
    sampler: Box<dyn Sampler>,
    observations: Vec<Observation>,
    /// How many of the observations the sampler was shown.
    shown: usize,
    /// Number of the next trial.
    next: u64,
    /// Parameters of trials whose results the next proposal may not see: the last ones before `next`.
    under_way: VecDeque<Parameters>,
    /// Points tried before; `None` where points may be repeated or cannot be counted.
    tried: Option<Tried>,
}

/// Which points of a discrete space were tried, by their numbers.
struct Tried {
    points: u128,
    numbers: BTreeSet<u128>,
}

impl Search {
    /// The largest discrete space whose points are looked through, in their order from a place drawn for the trial,
    /// when the sampler finds none that is left. In a larger one a search ends when the sampler finds none.
    pub const MAX_LOOKED_THROUGH: u128 = Grid::MAX_CONDITIONED;

    /// A search before its first trial. Refuses a space that the sampler cannot search.
    pub fn new(
        space: Space,
        sampler: &Choice<SamplerKind>,
        direction: Direction,
        seed: u64,
        parallelism: u64,
    ) -> Result<Self, SearchError> {
        let points = space.points().filter(|_| !sampler.may_repeat());
        Ok(Self {
            sampler: sampler.build(&space, direction)?,
            tried: points.map(|points| Tried { points, numbers: BTreeSet::new() }),
            space,
            seed,
            parallelism,
            observations: Vec::new(),
            shown: 0,
            next: 0,
            under_way: VecDeque::new(),
        })
    }

    /// Takes in how the next trial, counted without a hole from trial 0, ended.
    pub fn observe(&mut self, observation: Observation) {
        self.observations.push(observation);
    }

    /// What was taken in, in trial order.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// The number of the next trial.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many results the next proposal sees.
    pub fn seen(&self) -> usize {
        usize::try_from(observable_trials(self.next, self.parallelism)).unwrap_or(usize::MAX)
    }

    /// Goes on after a trial that was asked for before a restart.
    pub fn resume(&mut self, params: Parameters) {
        self.asked(params);
    }

    /// Asks for the next trial.
    pub fn ask(&mut self) -> Ask {
        let seen = self.seen();
        let Some(news) = self.observations.get(self.shown.min(seen)..seen) else { return Ask::Wait };
        news.iter().for_each(|observation| self.sampler.observe(observation));
        self.shown = seen;
        match self.propose() {
            Some(params) => {
                self.asked(params.clone());
                Ask::Trial(params)
            }
            None => Ask::Exhausted,
        }
    }

    fn propose(&mut self) -> Option<Parameters> {
        if self.tried.as_ref().is_some_and(|tried| tried.numbers.len() as u128 >= tried.points) {
            return None;
        }
        let (space, tried) = (&self.space, self.tried.as_ref());
        let is_new = |params: &Parameters| {
            let number = tried.and_then(|tried| Some((tried, space.number_of(params)?)));
            number.is_none_or(|(tried, number)| !tried.numbers.contains(&number))
        };
        let accepts = |params: &Parameters| space.satisfies(params) && is_new(params);
        let (seed, trial) = (self.seed, self.next);
        let under_way = self.under_way.make_contiguous();
        let proposed = self.sampler.propose(&Question { space, seed, trial, under_way, accepts: &accepts });
        let Some(points) = tried.map(|tried| tried.points).filter(|p| *p <= Self::MAX_LOOKED_THROUGH) else {
            return proposed;
        };
        // What is left has to be looked for: from a place that the seed decides, so that no corner comes first.
        let from = u128::from(Stream::new(seed).named("rest").at(trial).bits()) % points;
        proposed
            .filter(accepts)
            .or_else(|| (0..points).map(|i| space.point((from + i) % points)).find(|params| accepts(params)))
    }

    fn asked(&mut self, params: Parameters) {
        if let Some(tried) = &mut self.tried
            && let Some(number) = self.space.number_of(&params)
        {
            tried.numbers.insert(number);
        }
        self.under_way.push_back(params);
        self.next += 1;
        let under_way = (self.next as usize).saturating_sub(self.seen());
        while self.under_way.len() > under_way {
            self.under_way.pop_front();
        }
    }
}
