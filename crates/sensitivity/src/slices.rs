//! One axis at a time through a finalist: the others keep their values.

use gauntlet_domain::experiment::Parameters;
use gauntlet_quant::inference::Undefined;
use gauntlet_search::Domain;

use crate::cube::{Cube, Point};
use crate::error::{SensitivityError, samples_within};
use crate::values::Blocks;

/// Points of a slice.
pub const POINTS: u32 = 11;

/// How far a slice reaches to both sides, in quantiles.
pub const REACH: f64 = 0.15;

/// Values of an integer or of a stepped float that a slice reaches at least to both sides.
const STEPS: u128 = 2;

/// The points to evaluate, slice after slice.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceDesign {
    points: Vec<Point>,
    /// Axis and number of points of each slice; whether its values have an order.
    slices: Vec<(usize, usize, bool)>,
}

/// One slice; a score is the better, the higher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slice {
    /// Highest less lowest score.
    pub range: f64,
    /// Largest |Δf/Δu| between neighbours; none for a categorical axis.
    pub steepest: Option<f64>,
    /// Whether the best score is the first or the last of the slice, and no other equals it: better points may lie beyond.
    /// Never for a categorical axis.
    pub is_best_at_edge: bool,
}

impl SliceDesign {
    /// Slices through `finalist`, one an axis: 11 points over ±0.15 in quantiles, cut at the bounds; of a discrete axis the
    /// values there, and at least two to both sides; of a category all choices. Points that violate a condition are left out.
    pub fn new(cube: &Cube, finalist: &Parameters) -> Result<Self, SensitivityError> {
        Self::of(cube, finalist, POINTS)
    }

    /// The same with another number of points over ±0.15, from 3 to 1,001, where evaluations are dear. An even number is
    /// raised by one, so that the finalist is among them.
    pub fn of(cube: &Cube, finalist: &Parameters, along: u32) -> Result<Self, SensitivityError> {
        samples_within(along, 3, 1_001)?;
        let centre = cube.unit_of(finalist).ok_or(SensitivityError::BadBox)?;
        let mut design = Self { points: Vec::new(), slices: Vec::new() };
        for (axis, parameter) in cube.axes().enumerate() {
            let coordinates = coordinates(&parameter.domain, centre[axis], along | 1);
            let points = coordinates.into_iter().map(|u| {
                let mut point = cube.at(with(&centre, axis, u));
                // The finalist itself where the axis is not: its own numbers, not those of its quantiles.
                for (name, value) in finalist {
                    if *name != parameter.name {
                        point.params.insert(name.clone(), value.clone());
                    }
                }
                point
            });
            let points: Vec<Point> = points.filter(|point| cube.is_feasible(point)).collect();
            let is_ordered = !matches!(parameter.domain, Domain::Categorical(_));
            design.slices.push((axis, points.len(), is_ordered));
            design.points.extend(points);
        }
        Ok(design)
    }

    /// The points to evaluate.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// A slice an axis from the values of the points, in their order.
    ///
    /// An axis with a value that is not finite is `NonFinite` (one of eleven is more than 5 %), one with a single feasible point
    /// `NotTestable`. A flat slice has a range of 0, which is a finding.
    pub fn report(&self, values: &[Option<f64>]) -> Result<Vec<Result<Slice, Undefined>>, Undefined> {
        if values.len() != self.points.len() {
            return Err(Undefined::Infeasible);
        }
        let mut from = 0;
        let mut slice = |&(axis, count, is_ordered): &(usize, usize, bool)| {
            let (points, values) = (&self.points[from..from + count], &values[from..from + count]);
            from += count;
            let units: Vec<f64> = points.iter().map(|point| point.unit[axis]).collect();
            slice(&units, values, is_ordered)
        };
        Ok(self.slices.iter().map(&mut slice).collect())
    }
}

fn with(centre: &[f64], axis: usize, u: f64) -> Vec<f64> {
    let mut unit = centre.to_vec();
    unit[axis] = u;
    unit
}

/// Coordinates of a slice in ascending order: of discrete domains one for each value.
fn coordinates(domain: &Domain, centre: f64, along: u32) -> Vec<f64> {
    let even = (0..along).map(|i| centre + REACH * (2.0 * f64::from(i) / f64::from(along - 1) - 1.0));
    let even: Vec<f64> = even.map(|u| u.clamp(0.0, 1.0)).collect();
    let Some(count) = domain.count() else {
        let mut even = even;
        even.dedup();
        return even;
    };
    let mut places: Vec<u128> = if let Domain::Categorical(_) = domain {
        (0..count).collect()
    } else {
        let own = domain.place(&domain.at(centre)).unwrap_or(0);
        let steps = own.saturating_sub(STEPS)..=(own + STEPS).min(count - 1);
        even.iter().filter_map(|u| domain.place(&domain.at(*u))).chain(steps).collect()
    };
    places.sort_unstable();
    places.dedup();
    places.iter().filter_map(|place| domain.quantile_of(&domain.grid_value(*place))).collect()
}

fn slice(units: &[f64], values: &[Option<f64>], is_ordered: bool) -> Result<Slice, Undefined> {
    let f = match Blocks::of(values, 1, values.len().max(1)) {
        Ok(blocks) => blocks.kept[0].1.clone(),
        Err(Undefined::ZeroVariance) if values.len() > 1 => {
            return Ok(Slice { range: 0.0, steepest: is_ordered.then_some(0.0), is_best_at_edge: false });
        }
        Err(Undefined::NonFinite) => return Err(Undefined::NonFinite),
        Err(_) => return Err(Undefined::NotTestable),
    };
    let high = f.iter().fold(f64::NEG_INFINITY, |high, f| high.max(*f));
    let low = f.iter().fold(f64::INFINITY, |low, f| low.min(*f));
    let slopes = f.windows(2).zip(units.windows(2)).map(|(f, u)| ((f[1] - f[0]) / (u[1] - u[0])).abs());
    let steepest = slopes.fold(0.0, f64::max);
    let inner = f[1..f.len() - 1].iter().fold(f64::NEG_INFINITY, |inner, f| inner.max(*f));
    Ok(Slice {
        range: high - low,
        steepest: is_ordered.then_some(steepest),
        is_best_at_edge: is_ordered && high > inner,
    })
}
