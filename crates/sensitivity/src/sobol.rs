//! Sobol indices: the share of the variance of a score that an axis explains by itself, and with all its interactions.
//!
//! Rows A and B are the first and the last d columns of one sequence in 2d dimensions; row AB_i is A with column i of B.

use gauntlet_quant::inference::{Interval, Philox, Purpose, Undefined};
use gauntlet_search::{Sobol, SobolDimension, Space};

use crate::cube::{Cube, Point};
use crate::error::SensitivityError;
use crate::values::{Blocks, converged, intervals, vary};

/// Rows, where nothing else is asked for.
pub const ROWS: u32 = 512;

/// Axes at most: the sequence takes two dimensions for each.
pub const MOST_AXES: usize = Sobol::MAX_DIMENSIONS / 2;

/// How often a box that a condition cuts is halved.
const HALVINGS: i32 = 6;

/// Up to this many axes, all corners of a box are tested against the conditions.
const AXES_WITH_CORNERS: usize = 12;

/// The points to evaluate: for each row A, AB_1 … AB_d, B.
#[derive(Debug, Clone, PartialEq)]
pub struct SobolDesign {
    cube: Cube,
    rows: u32,
    seed: u64,
    points: Vec<Point>,
}

/// What the axis explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SobolIndex {
    /// Share of the variance that the axis explains by itself. An estimate may be a little below 0, and stays so.
    pub first: f64,
    /// Share of the variance that would be left with all other axes known.
    pub total: f64,
    /// 95 % percentile interval of `first`.
    pub first_interval: Result<Interval, Undefined>,
    /// 95 % percentile interval of `total`.
    pub total_interval: Result<Interval, Undefined>,
}

/// What the values of a design say.
#[derive(Debug, Clone, PartialEq)]
pub struct SobolReport {
    /// An axis each, in the order of the cube. An axis of which the box holds one value is `NotTestable`.
    pub indices: Vec<Result<SobolIndex, Undefined>>,
    /// Population variance of the values of all A and B together.
    pub variance: f64,
    /// Rows without a value for one of their points.
    pub dropped: usize,
    /// Whether the intervals of all defined totals are narrower than 0.1.
    pub converged: bool,
}

impl SobolDesign {
    /// `rows` rows, a power of two from 4 to 2^16, so `rows` · (d + 2) points.
    ///
    /// Inputs must be independent. Where a condition cuts the space, the axes that conditions name are halved round `centre`
    /// (one quantile an axis; the middle without one), up to six times, until the corners of the box and all points of the
    /// design are feasible; then the indices describe that box. Infeasible when none is.
    pub fn new(
        space: &Space,
        centre: Option<&[f64]>,
        rows: u32,
        seed: u64,
    ) -> Result<Self, SensitivityError> {
        if !rows.is_power_of_two() || !(4..=1 << 16).contains(&rows) {
            return Err(SensitivityError::NotPowerOfTwo { samples: rows });
        }
        let whole = Cube::whole(space)?;
        let axes = whole.dimensions();
        if axes > MOST_AXES {
            return Err(SensitivityError::TooManyAxes { axes, limit: MOST_AXES });
        }
        let middle = vec![0.5; axes];
        let centre = centre.unwrap_or(&middle);
        let units = scrambled(rows, 2 * axes, seed);
        for halving in 0..=HALVINGS {
            let cube = match halving {
                0 => whole.clone(),
                _ => Cube::where_conditions_cut(space, centre, 0.5_f64.powi(halving + 1))?,
            };
            if !corners_are_feasible(&cube) {
                continue;
            }
            let points = points(&cube, &units);
            if points.iter().all(|point| cube.is_feasible(point)) {
                return Ok(Self { cube, rows, seed, points });
            }
        }
        let remedy = "write the condition as a distance (slow = fast + gap), or use morris or pawn";
        Err(SensitivityError::Infeasible { remedy })
    }

    /// The box that the points fill.
    pub fn cube(&self) -> &Cube {
        &self.cube
    }

    /// The points to evaluate.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Indices from the values of the points, in their order.
    ///
    /// S_i = mean(f_B · (f_ABi - f_A))/V (Saltelli et al. 2010, table 2 (b)) and S_Ti = mean((f_A - f_ABi)²)/(2V) (Jansen
    /// 1999), V the population variance of f_A and f_B together, whose mean is subtracted first. Intervals resample whole rows.
    /// A row with a value that is not finite is dropped; more than 5 % dropped is `NonFinite`, and V = 0 is `ZeroVariance`.
    pub fn report(&self, values: &[Option<f64>]) -> Result<SobolReport, Undefined> {
        let axes = self.cube.dimensions();
        let blocks = Blocks::of(values, self.rows as usize, axes + 2)?;
        let rows: Vec<&[f64]> = blocks.kept.iter().map(|(_, row)| row.as_slice()).collect();
        let all: Vec<usize> = (0..rows.len()).collect();
        let Estimate { variance, first, total } = estimate(&rows, &all)?;
        let resampled = intervals(self.seed, rows.len(), |drawn| match estimate(&rows, drawn) {
            Ok(found) => found.first.into_iter().chain(found.total).map(Ok).collect(),
            Err(reason) => vec![Err(reason); 2 * axes],
        });
        let index = |axis: usize| {
            let index = SobolIndex {
                first: first[axis],
                total: total[axis],
                first_interval: resampled[axis],
                total_interval: resampled[axes + axis],
            };
            if self.cube.is_resolved(axis) { Ok(index) } else { Err(Undefined::NotTestable) }
        };
        let indices: Vec<_> = (0..axes).map(index).collect();
        let totals = indices.iter().flatten().map(|index| index.total_interval.ok());
        Ok(SobolReport { converged: converged(totals, 1.0), indices, variance, dropped: blocks.dropped })
    }
}

struct Estimate {
    variance: f64,
    first: Vec<f64>,
    total: Vec<f64>,
}

/// The estimators over some rows, each A, AB_1 … AB_d, B.
fn estimate(rows: &[&[f64]], drawn: &[usize]) -> Result<Estimate, Undefined> {
    let axes = rows[0].len() - 2;
    let a_and_b = || drawn.iter().flat_map(|&row| [rows[row][0], rows[row][axes + 1]]);
    vary(a_and_b())?;
    let count = drawn.len() as f64;
    let mean = a_and_b().sum::<f64>() / (2.0 * count);
    let variance = a_and_b().map(|f| (f - mean) * (f - mean)).sum::<f64>() / (2.0 * count);
    if !variance.is_finite() {
        return Err(Undefined::NonFinite);
    }
    let (mut first, mut total) = (vec![0.0; axes], vec![0.0; axes]);
    for &row in drawn {
        let (f_a, f_b) = (rows[row][0], rows[row][axes + 1] - mean);
        for axis in 0..axes {
            let step = rows[row][1 + axis] - f_a;
            first[axis] += f_b * step;
            total[axis] += step * step;
        }
    }
    first.iter_mut().for_each(|sum| *sum /= count * variance);
    total.iter_mut().for_each(|sum| *sum /= 2.0 * count * variance);
    if first.iter().chain(&total).any(|index| !index.is_finite()) {
        return Err(Undefined::NonFinite);
    }
    Ok(Estimate { variance, first, total })
}

fn corners_are_feasible(cube: &Cube) -> bool {
    let axes = cube.dimensions();
    if !cube.space().has_conditions() || axes > AXES_WITH_CORNERS {
        return true;
    }
    (0_u32..1 << axes).all(|corner| {
        let within: Vec<f64> = (0..axes).map(|axis| f64::from(corner >> axis & 1)).collect();
        cube.is_feasible(&cube.point(&within))
    })
}

fn points(cube: &Cube, units: &[Vec<f64>]) -> Vec<Point> {
    let axes = cube.dimensions();
    let mut points = Vec::with_capacity(units.len() * (axes + 2));
    for row in units {
        let (a, b) = row.split_at(axes);
        points.push(cube.point(a));
        for axis in 0..axes {
            let mut mixed = a.to_vec();
            mixed[axis] = b[axis];
            points.push(cube.point(&mixed));
        }
        points.push(cube.point(b));
    }
    points
}

/// The first points of a Sobol sequence, none skipped (Owen 2020), under a nested uniform scramble (Owen 1995): a bit is
/// flipped by a random bit that belongs to the bits above it.
fn scrambled(rows: u32, dimensions: usize, seed: u64) -> Vec<Vec<f64>> {
    let sequence: Vec<SobolDimension> = (0..dimensions).filter_map(SobolDimension::new).collect();
    let unit = |(number, dimension): (usize, &SobolDimension), index: u32| {
        let x = u64::from(dimension.coordinate(index));
        let flip = |bit: u32| {
            // The bits above, with a one in front, so that 0 and 00 differ.
            let above = 1_u64 << bit | x >> (32 - bit);
            let mut stream = Philox::new(seed, Purpose::Scramble, (number as u64) << 32 | above);
            u64::from(stream.word() & 1) << (31 - bit)
        };
        let scrambled = (0..32).fold(x, |y, bit| y ^ flip(bit));
        // The middle of the cell: never 0 and never 1.
        (scrambled as f64 + 0.5) / 4_294_967_296.0
    };
    (0..rows).map(|index| sequence.iter().enumerate().map(|of| unit(of, index)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrambling_keeps_the_net() {
        let points = scrambled(64, 6, 9);
        // Every elementary interval of base 2 holds one point of each dimension, and of the first two dimensions together.
        for dimension in 0..6 {
            let mut cells: Vec<u32> = points.iter().map(|p| (p[dimension] * 64.0) as u32).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..64).collect::<Vec<_>>());
        }
        for bits in 0..=6 {
            let (wide, high) = (f64::from(1 << bits), f64::from(1 << (6 - bits)));
            let cell = |p: &Vec<f64>| (p[0] * wide) as u32 * (1 << (6 - bits)) + (p[1] * high) as u32;
            let mut cells: Vec<u32> = points.iter().map(cell).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..64).collect::<Vec<_>>(), "{bits} bits of the first dimension");
        }
        assert_ne!(points, scrambled(64, 6, 10));
    }

    #[test]
    fn rows_a_and_b_come_from_one_sequence_and_mixed_rows_take_one_column() {
        let document = serde_json::json!({"x": {"float": [0, 1]}, "y": {"float": [0, 1]}});
        let design = SobolDesign::new(&Space::from_json(&document).unwrap(), None, 8, 1).unwrap();
        let units = scrambled(8, 4, 1);
        for (row, unit) in design.points().chunks(4).zip(&units) {
            let expected = [[unit[0], unit[1]], [unit[2], unit[1]], [unit[0], unit[3]], [unit[2], unit[3]]];
            assert!(row.iter().zip(expected).all(|(point, expected)| point.unit == expected));
        }
    }
}
