//! Elementary effects (Morris 1991): what a step along one axis changes, averaged over the space. A screening for few points.

mod trajectories;

use gauntlet_quant::inference::{Interval, Undefined};

use crate::cube::{Cube, Point};
use crate::error::{SensitivityError, samples_within};
use crate::values::{Blocks, converged, intervals, mean};

pub use trajectories::{distance, farthest};

/// Levels of an axis, where nothing else is asked for.
pub const LEVELS: u32 = 4;

/// Trajectories, where nothing else is asked for.
pub const TRAJECTORIES: u32 = 20;

/// Random trajectories that the ones to evaluate are chosen from.
pub const CANDIDATES: u32 = 500;

/// The points to evaluate: `trajectories` times d + 1 points, of which two neighbours differ in one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct MorrisDesign {
    cube: Cube,
    seed: u64,
    /// Coordinates of each trajectory on the levels, from 0 to 1.
    trajectories: Vec<Vec<Vec<f64>>>,
    points: Vec<Point>,
}

/// Effects of one axis, in units of the score for the whole axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MorrisIndex {
    /// Mean effect: effects of both signs cancel.
    pub mu: f64,
    /// Mean absolute effect (Campolongo, Cariboni and Saltelli 2007).
    pub mu_star: f64,
    /// Standard deviation of the effects, divisor n - 1: large for curved or interacting axes.
    pub sigma: f64,
    /// 95 % percentile interval of `mu_star` over trajectories.
    pub mu_star_interval: Result<Interval, Undefined>,
}

/// What the values of a design say.
#[derive(Debug, Clone, PartialEq)]
pub struct MorrisReport {
    /// An axis each, in the order of the cube. `NotTestable` where the steps do not move the parameter.
    pub indices: Vec<Result<MorrisIndex, Undefined>>,
    /// Trajectories without a value for one of their points.
    pub dropped: usize,
    /// Whether the intervals of all defined `mu_star` are narrower than a tenth of the largest `mu_star`.
    pub converged: bool,
}

impl MorrisDesign {
    /// Chooses `trajectories` (2 to 10,000) of `candidates` random ones by [`farthest`]; with no more candidates than that, all
    /// are random. All points satisfy the conditions: a trajectory that does not is drawn again from the next counter.
    ///
    /// Trajectories that lie far apart keep to the corners. Where axes interact, their `mu_star` is therefore above its average
    /// over all base points (for the G-function by a third to two thirds, in SALib's optimised trajectories as well); the order
    /// of the axes stays. Random trajectories have no such bias and need more points to cover the space.
    ///
    /// An axis has `levels` levels (2 to 1,000), evenly spaced over the box; a discrete axis with fewer values has those. A
    /// step is half of the levels, rounded down: Δ = p/(2(p - 1)) for an even p.
    pub fn new(
        cube: &Cube,
        trajectories: u32,
        candidates: u32,
        levels: u32,
        seed: u64,
    ) -> Result<Self, SensitivityError> {
        samples_within(trajectories, 2, 10_000)?;
        samples_within(candidates.max(trajectories), 2, 10_000)?;
        samples_within(levels, 2, 1_000)?;
        let candidates = trajectories::draw(cube, candidates.max(trajectories), levels, seed)?;
        let chosen = farthest(&candidates, trajectories as usize);
        let trajectories: Vec<Vec<Vec<f64>>> =
            chosen.into_iter().map(|candidate| candidates[candidate].clone()).collect();
        let points = trajectories.iter().flatten().map(|on| trajectories::point(cube, levels, on)).collect();
        Ok(Self { cube: cube.clone(), seed, trajectories, points })
    }

    /// The box that the points lie in.
    pub fn cube(&self) -> &Cube {
        &self.cube
    }

    /// The points to evaluate.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Effects from the values of the points, in their order.
    ///
    /// A trajectory with a value that is not finite is dropped; more than 5 % dropped is `NonFinite`, and values that are all
    /// the same are `ZeroVariance`. A step that leaves the parameter where it was is no effect of 0: it is left out.
    pub fn report(&self, values: &[Option<f64>]) -> Result<MorrisReport, Undefined> {
        let axes = self.cube.dimensions();
        let blocks = Blocks::of(values, self.trajectories.len(), axes + 1)?;
        let effects: Vec<Vec<Option<f64>>> =
            blocks.kept.iter().map(|(trajectory, values)| self.moved(*trajectory, values)).collect();
        let column = |axis: usize| effects.iter().filter_map(|row| row[axis]).collect::<Vec<f64>>();
        let resampled = intervals(self.seed, effects.len(), |drawn| {
            let of = |axis: usize| {
                let drawn = drawn.iter().filter_map(|&row| effects[row][axis].map(f64::abs));
                let drawn: Vec<f64> = drawn.collect();
                if drawn.is_empty() { Err(Undefined::NotTestable) } else { Ok(mean(&drawn)) }
            };
            (0..axes).map(of).collect()
        });
        let indices: Vec<_> = (0..axes).map(|axis| summary(&column(axis), resampled[axis])).collect();
        let largest = indices.iter().flatten().fold(0.0, |largest: f64, index| largest.max(index.mu_star));
        let stars = indices.iter().flatten().map(|index| index.mu_star_interval.ok());
        Ok(MorrisReport { converged: converged(stars, largest), indices, dropped: blocks.dropped })
    }

    /// Effects of a trajectory; none of an axis whose parameter did not move.
    fn moved(&self, trajectory: usize, values: &[f64]) -> Vec<Option<f64>> {
        let on = &self.trajectories[trajectory];
        let points = &self.points[trajectory * on.len()..][..on.len()];
        let mut effects = elementary_effects(on, values);
        for (step, pair) in points.windows(2).enumerate() {
            if pair[0].params == pair[1].params
                && let Some(axis) = moved_axis(&on[step], &on[step + 1])
            {
                effects[axis] = None;
            }
        }
        effects
    }
}

/// Elementary effects of one trajectory: (f(x ± Δe_i) - f(x))/±Δ for each axis, from its points (coordinates from 0 to 1) and
/// their values. `None` for an axis that no step moves.
pub fn elementary_effects(points: &[Vec<f64>], values: &[f64]) -> Vec<Option<f64>> {
    let mut effects = vec![None; points.first().map_or(0, Vec::len)];
    for (points, values) in points.windows(2).zip(values.windows(2)) {
        if let Some(axis) = moved_axis(&points[0], &points[1]) {
            effects[axis] = Some((values[1] - values[0]) / (points[1][axis] - points[0][axis]));
        }
    }
    effects
}

fn moved_axis(before: &[f64], after: &[f64]) -> Option<usize> {
    before.iter().zip(after).position(|(before, after)| before != after)
}

/// Moments of the effects of one axis; at least two are needed.
fn summary(effects: &[f64], star: Result<Interval, Undefined>) -> Result<MorrisIndex, Undefined> {
    match effects.len() {
        0 => return Err(Undefined::NotTestable),
        1 => return Err(Undefined::TooFewObservations { have: 1, need: 2 }),
        _ => {}
    }
    let mu = mean(effects);
    let squares = effects.iter().map(|effect| (effect - mu) * (effect - mu)).sum::<f64>();
    let absolute: Vec<f64> = effects.iter().map(|effect| effect.abs()).collect();
    let sigma = (squares / (effects.len() - 1) as f64).sqrt();
    let mu_star = mean(&absolute);
    // A sum of values near the largest number overflows.
    if !(mu_star.is_finite() && sigma.is_finite()) {
        return Err(Undefined::NonFinite);
    }
    Ok(MorrisIndex { mu, mu_star, sigma, mu_star_interval: star })
}
