//! Random trajectories on a grid of levels, and the choice of those that lie far apart.

use gauntlet_quant::inference::{Philox, Purpose};

use crate::cube::{Cube, Point};
use crate::error::SensitivityError;
use crate::hypercube::permutation;

/// Trajectories that are drawn for each one asked for, before the conditions count as infeasible.
const MOST_DRAWS: u64 = 200;

/// `count` trajectories whose points all satisfy the conditions, each from the next counter that gives one.
pub(super) fn draw(
    cube: &Cube,
    count: u32,
    levels: u32,
    seed: u64,
) -> Result<Vec<Vec<Vec<f64>>>, SensitivityError> {
    let levels_of: Vec<u32> = (0..cube.dimensions()).map(|axis| levels_of(cube, axis, levels)).collect();
    let counters = 0..u64::from(count) * MOST_DRAWS;
    let drawn =
        counters.map(|counter| trajectory(&levels_of, &mut Philox::new(seed, Purpose::Trajectory, counter)));
    let is_feasible = |trajectory: &Vec<Vec<f64>>| {
        !cube.space().has_conditions()
            || trajectory.iter().all(|on| cube.is_feasible(&point(cube, levels, on)))
    };
    let found: Vec<_> = drawn.filter(is_feasible).take(count as usize).collect();
    if found.len() < count as usize {
        return Err(SensitivityError::Infeasible { remedy: "loosen a `when`, or use pawn" });
    }
    Ok(found)
}

/// The point at coordinates on the levels, from 0 to 1.
pub(super) fn point(cube: &Cube, levels: u32, on: &[f64]) -> Point {
    let unit = on.iter().enumerate().map(|(axis, x)| {
        let [low, high] = cube.bounds()[axis];
        let own = cube.places(axis).filter(|(_, count)| *count < u128::from(levels));
        let parameter = cube.axes().nth(axis);
        // A level that is a value: the middle of its quantiles.
        let value = own.zip(parameter).and_then(|((first, count), parameter)| {
            let place = first + (x * (count - 1) as f64).round() as u128;
            parameter.domain.quantile_of(&parameter.domain.grid_value(place))
        });
        value.unwrap_or(low + x * (high - low))
    });
    cube.at(unit.collect())
}

/// Levels of an axis: `levels`, or the values of a discrete axis that has fewer.
fn levels_of(cube: &Cube, axis: usize, levels: u32) -> u32 {
    cube.places(axis).map_or(levels, |(_, count)| count.min(u128::from(levels)) as u32)
}

/// Two levels, half of them apart, for every axis, a random one of both to begin with; then one axis at a time, in random
/// order, goes to its other level.
fn trajectory(levels: &[u32], stream: &mut Philox) -> Vec<Vec<f64>> {
    let coordinate = |level: u32, levels: u32| f64::from(level) / f64::from((levels - 1).max(1));
    let ends: Vec<[f64; 2]> = levels
        .iter()
        .map(|&levels| {
            let step = levels / 2;
            let base = stream.below(levels - step);
            let (low, high) = (coordinate(base, levels), coordinate((base + step).min(levels - 1), levels));
            if stream.below(2) == 0 { [low, high] } else { [high, low] }
        })
        .collect();
    let mut points = vec![ends.iter().map(|[start, _]| *start).collect::<Vec<f64>>()];
    for axis in permutation(levels.len() as u32, stream) {
        let mut next = points[points.len() - 1].clone();
        next[axis as usize] = ends[axis as usize][1];
        points.push(next);
    }
    points
}

/// Distance of two trajectories: the sum of the Euclidean distances between all their points (Campolongo, Cariboni and
/// Saltelli 2007, section 2). Equal trajectories have the distance 0.
pub fn distance(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    if one == other {
        return 0.0;
    }
    let between = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    one.iter().map(|a| other.iter().map(|b| between(a, b)).sum::<f64>()).sum()
}

/// Places of `count` candidates that lie far apart, in the order of their choice: the farthest pair, then one at a time the
/// candidate that adds most to the sum of squared [`distance`]s. Ties go to the lowest place.
///
/// This grows the set greedily; the exact optimum would look at every combination (Ruano et al. 2012).
pub fn farthest(candidates: &[Vec<Vec<f64>>], count: usize) -> Vec<usize> {
    let places = candidates.len();
    if count >= places {
        return (0..places).collect();
    }
    let mut squares = vec![0.0; places * places];
    let mut best = (0, 1.min(places - 1));
    for one in 0..places {
        for other in one + 1..places {
            let d = distance(&candidates[one], &candidates[other]);
            squares[one * places + other] = d * d;
            squares[other * places + one] = d * d;
            if d * d > squares[best.0 * places + best.1] {
                best = (one, other);
            }
        }
    }
    let mut chosen: Vec<usize> = [best.0, best.1].into_iter().take(count).collect();
    let mut gains = vec![0.0; places];
    let gain = |gains: &mut [f64], of: usize| {
        gains.iter_mut().zip(&squares[of * places..]).for_each(|(gain, square)| *gain += square);
    };
    chosen.iter().for_each(|&of| gain(&mut gains, of));
    while chosen.len() < count {
        let free = (0..places).filter(|place| !chosen.contains(place));
        let next = free.reduce(|best, place| if gains[place] > gains[best] { place } else { best });
        let Some(next) = next else { break };
        chosen.push(next);
        gain(&mut gains, next);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trajectory_moves_every_axis_once_by_half_of_its_levels() {
        let levels = [4, 2, 3, 5];
        let mut seen = std::collections::BTreeSet::new();
        for counter in 0..200 {
            let points = trajectory(&levels, &mut Philox::new(1, Purpose::Trajectory, counter));
            assert_eq!(points.len(), 5);
            let mut moved = [0; 4];
            for pair in points.windows(2) {
                let steps: Vec<usize> = (0..4).filter(|&axis| pair[0][axis] != pair[1][axis]).collect();
                assert_eq!(steps.len(), 1);
                let axis = steps[0];
                let expected = [2.0 / 3.0, 1.0, 0.5, 0.5][axis];
                assert!(((pair[0][axis] - pair[1][axis]).abs() - expected).abs() < 1e-15);
                moved[axis] += 1;
            }
            assert_eq!(moved, [1; 4]);
            points.iter().for_each(|point| {
                seen.insert((point[0] * 3.0).round() as u32);
            });
        }
        assert_eq!(seen.len(), 4, "every level of the first axis is used");
    }

    #[test]
    fn ties_go_to_the_lowest_place() {
        let at = |x: f64| vec![vec![x], vec![x]];
        let corners = [at(0.5), at(0.0), at(1.0), at(0.0), at(1.0)];
        // The pairs (1, 2), (1, 4), (2, 3) and (3, 4) are equally far; then 3 and 4 add the same.
        assert_eq!(farthest(&corners, 2), [1, 2]);
        assert_eq!(farthest(&corners, 3), [1, 2, 3]);
        assert_eq!(farthest(&corners, 9), [0, 1, 2, 3, 4]);
        assert_eq!(farthest(&vec![at(0.5); 3], 2), [0, 1]);
    }
}
