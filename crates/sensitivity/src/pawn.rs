//! PAWN (Pianosi and Wagener 2015, 2018): how far the distribution of the score moves when one axis is held in a slice. It
//! takes any sample, such as a hypercube or the points of a screening.

use gauntlet_quant::inference::{Interval, Philox, Purpose, Undefined, quantile};

use crate::cube::{Cube, Point};
use crate::error::{SensitivityError, samples_within};
use crate::hypercube::hypercube;
use crate::values::{Blocks, converged, intervals};

/// Slices of an axis.
pub const SLICES: usize = 10;

/// Runs of an input that the score does not depend on.
pub const DUMMIES: u32 = 200;

/// Points of a sample, where nothing else is asked for.
pub const SAMPLES: u32 = 512;

/// Points that a slice holds at least, on average.
const LEAST_IN_SLICE: usize = 2;

/// The points to evaluate: a Latin hypercube over the box.
#[derive(Debug, Clone, PartialEq)]
pub struct PawnDesign {
    cube: Cube,
    seed: u64,
    points: Vec<Point>,
}

/// Kolmogorov–Smirnov distances between the scores in a slice and all scores, over the slices of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PawnIndex {
    /// Median over the slices, from 0 to 1.
    pub median: f64,
    /// Maximum over the slices, from 0 to 1.
    pub max: f64,
}

/// What a sample says.
#[derive(Debug, Clone, PartialEq)]
pub struct PawnReport {
    /// An axis each, in the order of the cube.
    pub indices: Vec<Result<PawnIndex, Undefined>>,
    /// 95 % percentile interval of each median, over resampled points.
    pub median_intervals: Vec<Result<Interval, Undefined>>,
    /// What an axis without influence stays below: 95 % quantiles over [`DUMMIES`] runs of a dummy input. Distances are above
    /// zero in small slices, so an index below this shows nothing.
    pub threshold: PawnIndex,
    /// Points without a value.
    pub dropped: usize,
    /// Whether the intervals of all defined medians are narrower than 0.1.
    pub converged: bool,
}

impl PawnDesign {
    /// A hypercube of `samples` points, from 20 to 100,000.
    pub fn new(cube: &Cube, samples: u32, seed: u64) -> Result<Self, SensitivityError> {
        samples_within(samples, (SLICES * LEAST_IN_SLICE) as u32, 100_000)?;
        Ok(Self { cube: cube.clone(), seed, points: hypercube(cube, samples, seed)? })
    }

    /// The box that the points lie in.
    pub fn cube(&self) -> &Cube {
        &self.cube
    }

    /// The points to evaluate.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Indices from the values of the points, in their order; see [`report`].
    pub fn report(&self, values: &[Option<f64>]) -> Result<PawnReport, Undefined> {
        let mut report = report(&self.points, values, self.seed)?;
        for (axis, index) in report.indices.iter_mut().enumerate() {
            if !self.cube.is_resolved(axis) {
                *index = Err(Undefined::NotTestable);
                report.median_intervals[axis] = Err(Undefined::NotTestable);
            }
        }
        let defined = report.median_intervals.iter().filter(|i| **i != Err(Undefined::NotTestable));
        report.converged = converged(defined.map(|interval| interval.ok()), 1.0);
        Ok(report)
    }
}

/// Indices of any sample of points and their values; 20 points at least.
///
/// A point whose value is not finite is dropped; more than 5 % dropped is `NonFinite`, and values that are all the same are
/// `ZeroVariance`. An axis on which all points have one coordinate is `NotTestable`.
pub fn report(points: &[Point], values: &[Option<f64>], seed: u64) -> Result<PawnReport, Undefined> {
    let blocks = Blocks::of(values, points.len(), 1)?;
    let (have, need) = (blocks.kept.len(), SLICES * LEAST_IN_SLICE);
    if have < need {
        return Err(Undefined::TooFewObservations { have, need });
    }
    let outputs: Vec<f64> = blocks.kept.iter().map(|(_, value)| value[0]).collect();
    let axes = points[0].unit.len();
    let column = |axis: usize| blocks.kept.iter().map(|(i, _)| points[*i].unit[axis]).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (0..axes).map(column).collect();
    let indices: Vec<_> = columns.iter().map(|inputs| pawn(inputs, &outputs)).collect();
    let median_intervals = intervals(seed, have, |drawn| {
        let of = |column: &[f64]| drawn.iter().map(|&row| column[row]).collect::<Vec<f64>>();
        let outputs = of(&outputs);
        columns.iter().map(|inputs| pawn(&of(inputs), &outputs).map(|index| index.median)).collect()
    });
    let converged = converged(median_intervals.iter().map(|interval| interval.ok()), 1.0);
    let threshold = threshold(&outputs, seed)?;
    Ok(PawnReport { indices, median_intervals, threshold, dropped: blocks.dropped, converged })
}

/// The index of one input: `inputs` and `outputs` are finite and equally many.
///
/// Ten slices between the deciles of the inputs, closed on the left, the last one on both sides, so every point is in one slice
/// and equal inputs are in the same. Slices that ties leave empty do not count.
pub fn pawn(inputs: &[f64], outputs: &[f64]) -> Result<PawnIndex, Undefined> {
    let slices = slices(inputs)?;
    let mut order: Vec<usize> = (0..outputs.len()).collect();
    order.sort_by(|a, b| outputs[*a].total_cmp(&outputs[*b]));
    let mut sizes = [0_u32; SLICES];
    slices.iter().for_each(|&slice| sizes[slice] += 1);
    let (mut below, mut largest) = ([0_u32; SLICES], [0.0_f64; SLICES]);
    for (rank, &place) in order.iter().enumerate() {
        below[slices[place]] += 1;
        // Both distribution functions jump at the last of equal outputs.
        if order.get(rank + 1).is_some_and(|next| outputs[*next] == outputs[place]) {
            continue;
        }
        let all = (rank + 1) as f64 / outputs.len() as f64;
        for slice in (0..SLICES).filter(|&slice| sizes[slice] > 0) {
            let distance = (f64::from(below[slice]) / f64::from(sizes[slice]) - all).abs();
            largest[slice] = largest[slice].max(distance);
        }
    }
    let distances: Vec<f64> = (0..SLICES).filter(|&s| sizes[s] > 0).map(|s| largest[s]).collect();
    let of = |q: f64| quantile(&distances, q).ok_or(Undefined::NotTestable);
    Ok(PawnIndex { median: of(0.5)?, max: of(1.0)? })
}

/// The slice of each input.
fn slices(inputs: &[f64]) -> Result<Vec<usize>, Undefined> {
    let mut sorted = inputs.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), sorted.last()) {
        (Some(first), Some(last)) if first < last => {}
        _ => return Err(Undefined::NotTestable),
    }
    let last = sorted.len() - 1;
    // Inner edges: type 7 quantiles, in whole numbers so that an edge that is an input is that input.
    let edge = |number: usize| {
        let (at, rest) = (last * number / SLICES, last * number % SLICES);
        let above = sorted[(at + 1).min(last)];
        sorted[at] + (above - sorted[at]) * (rest as f64 / SLICES as f64)
    };
    let edges: Vec<f64> = (1..SLICES).map(edge).collect();
    Ok(inputs.iter().map(|input| edges.partition_point(|edge| edge <= input)).collect())
}

/// 95 % quantiles of the indices of inputs that the outputs do not depend on.
fn threshold(outputs: &[f64], seed: u64) -> Result<PawnIndex, Undefined> {
    let dummy = |replicate: u32| {
        let mut stream = Philox::new(seed, Purpose::Dummy, u64::from(replicate));
        pawn(&outputs.iter().map(|_| stream.unit()).collect::<Vec<_>>(), outputs)
    };
    let runs = (0..DUMMIES).map(dummy).collect::<Result<Vec<_>, _>>()?;
    let of = |figure: fn(&PawnIndex) -> f64| {
        quantile(&runs.iter().map(figure).collect::<Vec<_>>(), 0.95).ok_or(Undefined::NotTestable)
    };
    Ok(PawnIndex { median: of(|run| run.median)?, max: of(|run| run.max)? })
}
