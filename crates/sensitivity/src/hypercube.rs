//! Latin hypercubes (McKay, Beckman and Conover 1979): of n equal slices of every axis, each holds one point.

use gauntlet_quant::inference::{Philox, Purpose};

use crate::cube::{Cube, Point};
use crate::error::{SensitivityError, samples_within};

/// Points of a neighbourhood, where nothing else is asked for.
pub const NEIGHBOURS: u32 = 64;

/// Half the side of a neighbourhood, as a share of each axis.
pub const NEIGHBOURHOOD: f64 = 0.1;

/// Hypercubes that are drawn before the conditions count as infeasible.
const MOST_DRAWS: u64 = 100;

/// `samples` points of a box, from 2 to 2^20. On each axis the coordinate is (π + U)/n, π a random permutation of 0…n-1.
///
/// Points that violate a condition are left out, and the next hypercubes fill up: the strata are exact without conditions only.
pub fn hypercube(cube: &Cube, samples: u32, seed: u64) -> Result<Vec<Point>, SensitivityError> {
    samples_within(samples, 2, 1 << 20)?;
    let mut points = Vec::with_capacity(samples as usize);
    for draw in 0..MOST_DRAWS {
        let columns: Vec<Vec<f64>> =
            (0..cube.dimensions()).map(|axis| column(samples, seed, draw << 32 | axis as u64)).collect();
        for row in 0..samples as usize {
            let point = cube.point(&columns.iter().map(|column| column[row]).collect::<Vec<_>>());
            if cube.is_feasible(&point) {
                points.push(point);
            }
            if points.len() == samples as usize {
                return Ok(points);
            }
        }
    }
    Err(SensitivityError::Infeasible { remedy: "loosen a `when` or choose other bounds" })
}

/// One axis: each of n strata once, in random order.
fn column(samples: u32, seed: u64, replicate: u64) -> Vec<f64> {
    let mut stream = Philox::new(seed, Purpose::Hypercube, replicate);
    let order = permutation(samples, &mut stream);
    order.into_iter().map(|stratum| (f64::from(stratum) + stream.unit()) / f64::from(samples)).collect()
}

/// 0…n-1 in random order (Fisher and Yates; Durstenfeld 1964).
pub(crate) fn permutation(n: u32, stream: &mut Philox) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last as usize, stream.below(last + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_search::Space;

    #[test]
    fn every_stratum_of_every_axis_holds_one_point() {
        let document =
            serde_json::json!({"x": {"float": [0, 1]}, "y": {"float": [-3, 5]}, "z": {"int": [0, 999]}});
        let space = Space::from_json(&document).unwrap();
        let cube = Cube::around(&space, &[0.5, 0.95, 0.3], 0.1).unwrap();
        let points = hypercube(&cube, 64, 5).unwrap();
        for axis in 0..3 {
            let [low, high] = cube.bounds()[axis];
            let mut strata: Vec<usize> =
                points.iter().map(|p| ((p.unit[axis] - low) / (high - low) * 64.0) as usize).collect();
            strata.sort_unstable();
            assert_eq!(strata, (0..64).collect::<Vec<_>>());
        }
        assert_eq!(points, hypercube(&cube, 64, 5).unwrap());
        assert_ne!(points, hypercube(&cube, 64, 6).unwrap());
    }

    #[test]
    fn conditions_thin_the_points_out_and_nothing_feasible_is_said() {
        let of = |when: &str| {
            let document = serde_json::json!({"a": {"int": [1, 20]}, "b": {"int": [1, 20], "when": when}});
            Cube::whole(&Space::from_json(&document).unwrap()).unwrap()
        };
        let cube = of("b > a");
        let points = hypercube(&cube, 50, 1).unwrap();
        assert!(points.len() == 50 && points.iter().all(|point| cube.is_feasible(point)));
        assert!(matches!(hypercube(&of("b > a + 19"), 50, 1), Err(SensitivityError::Infeasible { .. })));
    }
}
