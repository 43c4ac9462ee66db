//! The tree-structured Parzen estimator (Bergstra et al. 2011), in Optuna's form.

use crate::observation::{Observation, Outcome};
use crate::rng::Stream;
use crate::sampler::parzen::{Axis, Parzen};
use crate::sampler::{Random, Sampler};
use crate::space::{Parameter, Space};
use gauntlet_domain::Direction;
use gauntlet_domain::experiment::{ParameterValue, Parameters};

/// Splits past trials into the best `γ(n) = min(⌈n / 10⌉, 25)` and the rest, estimates the density of
/// parameters in both, draws candidates from the first and proposes the one where the ratio of the two is
/// largest.
///
/// Completed trials rank by value and pruned ones after them by their partial value (Optuna compares the step
/// they reached before that, which an observation does not carry); failed trials are not used. Trials that
/// still run are not in the history, so they need no constant liar. Ties go to the earlier trial.
/// Observations whose values lie outside the space are skipped, so a history from a wider space warms a
/// search up.
///
/// A proposal that violates a condition is drawn again with other random numbers, at most [`Tpe::MAX_DRAWS`]
/// times, then replaced by [`Random`]'s, which is `None` when that fails too.
#[derive(Debug, Clone, Copy)]
pub struct Tpe {
    /// Whether low or high values are better.
    pub direction: Direction,
    /// Completed and pruned trials in the history before it learns from them; until then it proposes as
    /// [`Random`] does.
    pub startup_trials: usize,
    /// Candidates drawn for each proposal.
    pub candidates: u64,
    /// Whether one estimate covers all parameters (follows interactions between them) or each has its own.
    pub multivariate: bool,
}

impl Tpe {
    /// Draws from the estimate before a proposal that satisfies the conditions is left to [`Random`].
    pub const MAX_DRAWS: u64 = 64;

    /// Optuna's defaults, with independent parameters.
    pub fn new(direction: Direction) -> Self {
        Self { direction, startup_trials: 10, candidates: 24, multivariate: false }
    }

    /// The trials to imitate and the trials to avoid, each in trial order.
    fn split<'a>(&self, mut ranked: Vec<Ranked<'a>>) -> (Vec<&'a Observation>, Vec<&'a Observation>) {
        ranked.sort_by(|a, b| {
            a.class
                .cmp(&b.class)
                .then(self.direction.better_first(a.value, b.value))
                .then(a.trial.cmp(&b.trial))
        });
        let bad = ranked.split_off(ranked.len().div_ceil(10).min(25));
        (in_trial_order(ranked), in_trial_order(bad))
    }
}

/// A trial that the estimates use.
struct Ranked<'a> {
    /// 0 completed, 1 pruned with a value, 2 pruned without.
    class: u8,
    /// Compares within a class.
    value: f64,
    trial: u64,
    observation: &'a Observation,
}

fn ranked(observation: &Observation) -> Option<Ranked<'_>> {
    let (class, value) = match observation.outcome {
        Outcome::Completed(_) => (0, observation.objective()?),
        Outcome::Pruned(Some(value)) if value.is_finite() => (1, value),
        Outcome::Pruned(_) => (2, 0.0),
        Outcome::Failed => return None,
    };
    Some(Ranked { class, value, trial: observation.trial, observation })
}

fn in_trial_order(mut ranked: Vec<Ranked<'_>>) -> Vec<&Observation> {
    ranked.sort_by_key(|r| r.trial);
    ranked.into_iter().map(|r| r.observation).collect()
}

impl Sampler for Tpe {
    fn propose(&self, space: &Space, seed: u64, trial: u64, history: &[Observation]) -> Option<Parameters> {
        let used: Vec<Ranked> = history.iter().filter_map(ranked).collect();
        if used.len() < self.startup_trials.max(1) {
            return Random.propose(space, seed, trial, history);
        }
        let (good, bad) = self.split(used);
        let learned: Vec<(&Parameter, Axis)> =
            space.parameters().iter().filter_map(|p| Some((p, Axis::of(&p.domain)?))).collect();
        let group_size = if self.multivariate { learned.len().max(1) } else { 1 };
        let groups: Vec<Group> =
            learned.chunks(group_size).map(|group| Group::new(group, &good, &bad)).collect();
        let fixed: Parameters =
            space.parameters().iter().map(|p| (p.name.clone(), p.domain.at(0.0))).collect();

        let stream = Stream::new(seed).named("tpe").at(trial);
        let draw = |attempt: u64| -> Parameters {
            let mut params = fixed.clone();
            for group in &groups {
                params.extend(group.draw(&stream.at(attempt), self.candidates));
            }
            params
        };
        let draws = if groups.is_empty() { 1 } else { Self::MAX_DRAWS };
        (0..draws)
            .map(draw)
            .find(|params| space.satisfies(params))
            .or_else(|| Random.propose(space, seed, trial, history))
    }
}

/// Parameters that are estimated together.
struct Group<'a> {
    members: &'a [(&'a Parameter, Axis)],
    good: Parzen,
    bad: Parzen,
}

impl<'a> Group<'a> {
    fn new(members: &'a [(&'a Parameter, Axis)], good: &[&Observation], bad: &[&Observation]) -> Self {
        let axes: Vec<Axis> = members.iter().map(|(_, axis)| *axis).collect();
        let coordinates = |o: &&Observation| -> Option<Vec<f64>> {
            members.iter().map(|(p, axis)| axis.coordinate(&p.domain, o.params.get(&p.name)?)).collect()
        };
        let estimate = |trials: &[&Observation]| {
            Parzen::new(&axes, &trials.iter().filter_map(coordinates).collect::<Vec<_>>())
        };
        Self { members, good: estimate(good), bad: estimate(bad) }
    }

    /// The candidate with the largest ratio of densities, the first of equals.
    fn draw(&self, stream: &Stream, candidates: u64) -> Vec<(String, ParameterValue)> {
        let stream = self.members.iter().fold(stream.clone(), |stream, (p, _)| stream.named(&p.name));
        let mut best: Option<(f64, Vec<f64>)> = None;
        for candidate in 0..candidates.max(1) {
            let point = self.good.sample(&stream.at(candidate));
            let gain = self.good.log_density(&point) - self.bad.log_density(&point);
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, point));
            }
        }
        let point = best.map(|(_, point)| point).unwrap_or_default();
        let values = self.members.iter().zip(point);
        values.map(|((p, axis), x)| (p.name.clone(), axis.value(&p.domain, x))).collect()
    }
}
