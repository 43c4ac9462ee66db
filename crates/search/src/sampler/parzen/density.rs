//! The density of a mixture at points: what it is, and between which numbers it lies for certain.

use std::collections::BTreeMap;

use super::gaussian::Cell;
use super::{Axis, Kernels, Parzen};
use crate::space::warp;

/// The density of a mixture (on continuous axes, in warped coordinates) or its probability (on others). A point has a
/// coordinate for each axis. What is computed for one point is kept for the next ones.
#[derive(Debug, Clone)]
pub(in crate::sampler) struct Density {
    mixture: Parzen,
    /// Of each axis the cells met so far. Equal coordinates have equal cells; in a discrete domain there are many.
    cells: Vec<Vec<Cell>>,
    /// What was computed, by the bits of the point.
    known: BTreeMap<Vec<u64>, f64>,
}

/// 256 kernels that are left out change a density by less than 10^-6 of it.
const NATS: f64 = 20.0;

/// Below it `exp` is zero.
const ZERO: f64 = 746.0;

/// More than the rounding errors of a bound. A kernel that is let through for it is left out of the sum itself.
pub(in crate::sampler) const ROUNDING: f64 = 1e-6;

impl Density {
    pub(in crate::sampler) fn of(mixture: Parzen) -> Self {
        Self { cells: vec![Vec::new(); mixture.axes.len()], mixture, known: BTreeMap::new() }
    }

    /// What it is the density of.
    pub(in crate::sampler) fn mixture(&self) -> &Parzen {
        &self.mixture
    }

    /// The logarithm of the density.
    pub(in crate::sampler) fn log(&mut self, point: &[f64]) -> f64 {
        let bits: Vec<u64> = point.iter().map(|x| x.to_bits()).collect();
        if let Some(log) = self.known.get(&bits) {
            return *log;
        }
        let log = self.compute_log(point);
        self.known.insert(bits, log);
        log
    }

    fn compute_log(&mut self, point: &[f64]) -> f64 {
        let places = self.places(point);
        if !self.mixture.is_screened {
            let kernels = 0..self.mixture.weights.len();
            return log_sum(kernels.map(|k| self.log_kernel(k, point, &places)).collect(), ZERO);
        }
        let bounds = self.bounds(point, &places);
        if self.cells.iter().all(Vec::is_empty) {
            return log_sum(bounds, NATS);
        }
        let prior = bounds.len() - 1;
        let top = (0..prior).fold(prior, |top, k| if bounds[k] > bounds[top] { k } else { top });
        let mut exact = |kernel| self.log_kernel(kernel, point, &places);
        let least = f64::max(exact(top), exact(prior)) - NATS - ROUNDING;
        let visible = bounds.iter().enumerate().filter(|(_, bound)| **bound >= least);
        log_sum(visible.map(|(kernel, _)| exact(kernel)).collect(), NATS)
    }

    /// A number that [`Density::log`] does not exceed by more than [`ROUNDING`]; much cheaper.
    pub(in crate::sampler) fn log_at_most(&mut self, point: &[f64]) -> f64 {
        let places = self.places(point);
        log_sum(self.bounds(point, &places), ZERO)
    }

    /// A number that is not above [`Density::log`] by more than [`ROUNDING`]: the share of the prior, which is one kernel.
    pub(in crate::sampler) fn log_at_least(&mut self, point: &[f64]) -> f64 {
        let places = self.places(point);
        self.log_kernel(self.mixture.weights.len() - 1, point, &places)
    }

    /// For each axis the place of the coordinate's cell among those met so far; 0 where there are no cells.
    fn places(&mut self, point: &[f64]) -> Vec<usize> {
        (0..point.len()).map(|axis| self.place(axis, point[axis])).collect()
    }

    fn place(&mut self, axis: usize, x: f64) -> usize {
        let (Axis::Discrete { step, log, .. }, Kernels::Gaussian(g)) =
            (self.mixture.axes[axis], &self.mixture.kernels[axis])
        else {
            return 0;
        };
        let cells = &mut self.cells[axis];
        cells.iter().position(|cell| cell.x == x).unwrap_or_else(|| {
            let mut cell = Cell::new(x, warp(x - step / 2.0, log), warp(x + step / 2.0, log));
            if !self.mixture.is_screened {
                g.learn_all(&mut cell);
            }
            cells.push(cell);
            cells.len() - 1
        })
    }

    /// For each kernel a number that the logarithm of its share does not exceed; without cells the logarithm itself.
    fn bounds(&self, point: &[f64], places: &[usize]) -> Vec<f64> {
        let mut sums = vec![0.0; self.mixture.weights.len()];
        for (i, kernels) in self.mixture.kernels.iter().enumerate() {
            match (kernels, self.cells[i].get(places[i])) {
                (Kernels::Gaussian(g), None) => g.add_densities(point[i], &mut sums),
                (Kernels::Gaussian(g), Some(cell)) => g.add_bounds(cell, &mut sums),
                (Kernels::Choice(choices), _) => choices.add_log_probabilities(point[i], &mut sums),
            }
        }
        sums.iter_mut().zip(&self.mixture.log_weights).for_each(|(sum, weight)| *sum += weight);
        sums
    }

    /// The logarithm of a kernel's share.
    fn log_kernel(&mut self, k: usize, point: &[f64], places: &[usize]) -> f64 {
        let factors = self.mixture.kernels.iter().zip(&mut self.cells).enumerate().map(
            |(i, (kernels, cells))| match (kernels, cells.get_mut(places[i])) {
                (Kernels::Gaussian(g), None) => g.log_density(k, point[i]),
                (Kernels::Gaussian(g), Some(cell)) => g.log_probability(k, cell),
                (Kernels::Choice(choices), _) => libm::log(choices.probability(k, point[i] as usize)),
            },
        );
        factors.sum::<f64>() + self.mixture.log_weights[k]
    }
}

/// The logarithm of a sum, given the logarithms of its parts; parts that are `nats` below the largest are left out.
fn log_sum(logs: Vec<f64>, nats: f64) -> f64 {
    // The prior reaches every point of the domain, so the largest is finite.
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let visible = logs.iter().map(|log| log - largest).filter(|log| *log > -nats);
    largest + libm::log(visible.map(libm::exp).sum())
}
