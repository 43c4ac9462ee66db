//! Gaussian kernels truncated to a domain, and their mass in the cells of a discrete one.

use crate::rng::Stream;

/// Gaussians by column. Kernels of equal mean and width are one class, so that what is expensive is computed once.
#[derive(Debug, Clone)]
pub(super) struct Gaussians {
    pub(super) means: Vec<f64>,
    pub(super) sigmas: Vec<f64>,
    /// Each Gaussian's mass within the domain.
    masses: Vec<f64>,
    log_masses: Vec<f64>,
    /// The logarithm of width times mass.
    scales: Vec<f64>,
    /// The first kernel of the same class.
    class: Vec<usize>,
}

/// The values within half a step of a coordinate, warped.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) x: f64,
    pub(super) below: f64,
    pub(super) above: f64,
    /// The logarithm of each class's mass in it; NaN where nobody asked.
    pub(super) known: Vec<f64>,
}

impl Gaussians {
    /// One Gaussian at each observation, as wide as the larger gap to its neighbours (at the ends: as the inner
    /// gap), but no wider than the domain and no narrower than a share of it; the prior sits in the middle and is
    /// as wide as the domain.
    pub(super) fn new(low: f64, high: f64, observed: &[f64]) -> Self {
        let (n, width) = (observed.len(), high - low);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| observed[*a].total_cmp(&observed[*b]));
        let narrowest = width / f64::min(100.0, (n + 2) as f64);
        let (mut means, mut sigmas) = (observed.to_vec(), vec![width; n + 1]);
        means.push(0.5 * (low + high));
        for (rank, &i) in order.iter().enumerate() {
            let below = rank.checked_sub(1).map_or(low, |r| means[order[r]]);
            let above = order.get(rank + 1).map_or(high, |&j| means[j]);
            let gap = match rank {
                0 if n > 1 => above - means[i],
                _ if n > 1 && rank == n - 1 => means[i] - below,
                _ => f64::max(means[i] - below, above - means[i]),
            };
            sigmas[i] = gap.clamp(narrowest, width);
        }
        order.push(n);
        let empty = vec![0.0; n + 1];
        let (masses, log_masses, scales) = (empty.clone(), empty.clone(), empty);
        let mut all = Self { means, sigmas, masses, log_masses, scales, class: order };
        all.classify(low, high);
        all
    }

    /// Finds the classes and computes for each what its kernels share. `class` has the kernels in the order of their
    /// means; of equal means the widths differ at the two ends only, so a class is among the last few.
    fn classify(&mut self, low: f64, high: f64) {
        let order = std::mem::replace(&mut self.class, vec![0; self.means.len()]);
        let mut recent: Vec<usize> = Vec::new();
        for i in order {
            let (mean, sigma) = (self.means[i], self.sigmas[i]);
            recent.retain(|&j| self.means[j] == mean);
            self.class[i] = match recent.iter().find(|&&j| self.sigmas[j] == sigma) {
                Some(&j) => j,
                None => {
                    self.masses[i] = normal_mass((low - mean) / sigma, (high - mean) / sigma);
                    self.log_masses[i] = libm::log(self.masses[i]);
                    self.scales[i] = libm::log(sigma * self.masses[i]);
                    recent.push(i);
                    i
                }
            };
            let class = self.class[i];
            self.masses[i] = self.masses[class];
            self.log_masses[i] = self.log_masses[class];
            self.scales[i] = self.scales[class];
        }
    }

    pub(super) fn add_densities(&self, x: f64, sums: &mut [f64]) {
        let kernels = self.means.iter().zip(&self.sigmas).zip(&self.scales);
        for (sum, ((mean, sigma), scale)) in sums.iter_mut().zip(kernels) {
            let z = (x - mean) / sigma;
            *sum += -0.5 * z * z - scale - LN_SQRT_2PI;
        }
    }

    /// The mass in a cell is at most the largest density in it times its width, and at most that of the tail.
    pub(super) fn add_bounds(&self, cell: &Cell, sums: &mut [f64]) {
        let log_width = libm::log(cell.above - cell.below) - LN_SQRT_2PI;
        let kernels = self.means.iter().zip(&self.sigmas).zip(&self.scales).zip(&self.log_masses);
        for (sum, (((mean, sigma), scale), log_mass)) in sums.iter_mut().zip(kernels) {
            let outside = f64::max(cell.below - mean, mean - cell.above).max(0.0) / sigma;
            *sum += -0.5 * outside * outside + f64::min(log_width - scale, -log_mass);
        }
    }

    pub(super) fn log_density(&self, k: usize, x: f64) -> f64 {
        let z = (x - self.means[k]) / self.sigmas[k];
        -0.5 * z * z - self.scales[k] - LN_SQRT_2PI
    }

    pub(super) fn log_probability(&self, k: usize, cell: &mut Cell) -> f64 {
        let class = self.class[k];
        if cell.known[class].is_nan() {
            let (mean, sigma) = (self.means[k], self.sigmas[k]);
            let mass = normal_mass((cell.below - mean) / sigma, (cell.above - mean) / sigma);
            cell.known[class] = libm::log(mass / self.masses[k]);
        }
        cell.known[class]
    }
}

/// A truncated Gaussian by rejection. The mean is inside the bounds and sigma at most their distance, so that
/// at least a third of the draws is kept; after 64 refusals (probability 10^-11) it is the mean.
pub(super) fn truncated(mean: f64, sigma: f64, low: f64, high: f64, mut stream: Stream) -> f64 {
    let draws = (0..64).map(|_| mean + sigma * stream.normal());
    draws.into_iter().find(|x| low <= *x && *x <= high).unwrap_or(mean)
}

/// ln √(2π)
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_7;

/// The standard normal's mass between two bounds, computed in the tail where both are, so that it does not
/// cancel.
fn normal_mass(a: f64, b: f64) -> f64 {
    let tail = |x: f64| 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
    if a > 0.0 { tail(a) - tail(b) } else { tail(-b) - tail(-a) }
}
