//! Gaussian kernels truncated to a domain, and their mass in the cells of a discrete one.

use crate::rng::Stream;

/// Gaussians by column. Kernels of equal mean and width are one class, so that what is expensive is computed once.
#[derive(Debug, Clone)]
pub(super) struct Gaussians {
    pub(super) means: Vec<f64>,
    pub(super) sigmas: Vec<f64>,
    inverse_sigmas: Vec<f64>,
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
    below: f64,
    above: f64,
    log_width: f64,
    /// The logarithm of the mass in it, of each class that was asked for, in ascending order of the classes.
    known: Vec<(usize, f64)>,
}

impl Cell {
    pub(super) fn new(x: f64, below: f64, above: f64) -> Self {
        Self { x, below, above, log_width: libm::log(above - below), known: Vec::with_capacity(32) }
    }
}

impl Gaussians {
    /// One Gaussian at each observation, as wide as the larger gap to its neighbours (at the ends: as the inner
    /// gap), but no wider than the domain and no narrower than a share of it; the prior sits in the middle and is
    /// as wide as the domain.
    pub(super) fn new(low: f64, high: f64, observed: &[f64]) -> Self {
        let (n, width) = (observed.len(), high - low);
        let mut means = observed.to_vec();
        means.push(0.5 * (low + high));
        let (order, zeros) = (ascending(observed), vec![0.0; n + 1]);
        let mut all = Self {
            means,
            sigmas: zeros.clone(),
            inverse_sigmas: zeros.clone(),
            masses: zeros.clone(),
            log_masses: zeros.clone(),
            scales: zeros,
            class: vec![0; n + 1],
        };
        let shape = Shapes::new(low, high, width / f64::min(100.0, (n + 2) as f64));
        // Of equal means the widths differ at the two ends only, so a class is among the last few.
        let (mut recent, mut recent_mean) = (Vec::new(), f64::NAN);
        let mut before = low;
        for (rank, i) in order.iter().copied().chain([n]).enumerate() {
            let mean = all.means[i];
            let after = order.get(rank + 1).map_or(high, |&next| all.means[next]);
            let gap = match rank {
                _ if i == n => width,
                0 if n > 1 => after - mean,
                _ if n > 1 && rank == n - 1 => mean - before,
                _ => f64::max(mean - before, after - mean),
            };
            before = mean;
            let sigma = gap.clamp(shape.narrowest.sigma, width);
            if mean != recent_mean {
                recent.clear();
                recent_mean = mean;
            }
            let (class, shape) = match recent.iter().find(|(_, shape): &&(usize, Shape)| shape.sigma == sigma)
            {
                Some(known) => *known,
                None => {
                    let new = (i, shape.of(mean, sigma));
                    recent.push(new);
                    new
                }
            };
            all.class[i] = class;
            all.sigmas[i] = shape.sigma;
            all.inverse_sigmas[i] = shape.inverse_sigma;
            all.masses[i] = shape.mass;
            all.log_masses[i] = shape.log_mass;
            all.scales[i] = shape.scale;
        }
        all
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
        // Unlike `f64::max` and `f64::min`, which look for NaN, these are one instruction for several kernels.
        let larger = |a: f64, b: f64| if a > b { a } else { b };
        let smaller = |a: f64, b: f64| if a < b { a } else { b };
        let log_width = cell.log_width - LN_SQRT_2PI;
        let kernels = self.means.iter().zip(&self.inverse_sigmas).zip(&self.scales).zip(&self.log_masses);
        for (sum, (((mean, inverse_sigma), scale), log_mass)) in sums.iter_mut().zip(kernels) {
            let outside = larger(larger(cell.below - mean, mean - cell.above), 0.0) * inverse_sigma;
            *sum += smaller(log_width - scale, -log_mass) - 0.5 * outside * outside;
        }
    }

    pub(super) fn log_density(&self, k: usize, x: f64) -> f64 {
        let z = (x - self.means[k]) / self.sigmas[k];
        -0.5 * z * z - self.scales[k] - LN_SQRT_2PI
    }

    pub(super) fn log_probability(&self, k: usize, cell: &mut Cell) -> f64 {
        let class = self.class[k];
        match cell.known.binary_search_by_key(&class, |known| known.0) {
            Ok(place) => cell.known[place].1,
            Err(place) => {
                let log = self.compute_log_probability(k, cell);
                cell.known.insert(place, (class, log));
                log
            }
        }
    }

    /// Computes what [`Gaussians::log_probability`] is asked for when it is going to be asked for every kernel.
    pub(super) fn learn_all(&self, cell: &mut Cell) {
        let classes = (0..self.class.len()).filter(|k| self.class[*k] == *k);
        cell.known = classes.map(|k| (k, self.compute_log_probability(k, cell))).collect();
    }

    fn compute_log_probability(&self, k: usize, cell: &Cell) -> f64 {
        let (mean, sigma) = (self.means[k], self.sigmas[k]);
        let mass = normal_mass((cell.below - mean) / sigma, (cell.above - mean) / sigma);
        libm::log(mass / self.masses[k])
    }
}

/// What the kernels of a class share besides the mean.
#[derive(Clone, Copy)]
struct Shape {
    sigma: f64,
    inverse_sigma: f64,
    mass: f64,
    log_mass: f64,
    scale: f64,
}

impl Shape {
    fn new(sigma: f64, mass: f64) -> Self {
        let (log_mass, scale) = (libm::log(mass), libm::log(sigma * mass));
        Self { sigma, inverse_sigma: 1.0 / sigma, mass, log_mass, scale }
    }
}

/// Shapes in a domain.
struct Shapes {
    low: f64,
    high: f64,
    /// That of most kernels: as narrow as they may be and far from the bounds.
    narrowest: Shape,
}

impl Shapes {
    fn new(low: f64, high: f64, narrowest: f64) -> Self {
        Self { low, high, narrowest: Shape::new(narrowest, 1.0) }
    }

    fn of(&self, mean: f64, sigma: f64) -> Shape {
        let far = FAR * sigma;
        if mean - self.low < far || self.high - mean < far {
            return Shape::new(sigma, normal_mass((self.low - mean) / sigma, (self.high - mean) / sigma));
        }
        if sigma == self.narrowest.sigma { self.narrowest } else { Shape::new(sigma, 1.0) }
    }
}

/// The mass outside of so many widths on both sides is less than half of the last bit of 1: [`normal_mass`] is 1.
const FAR: f64 = 9.0;

/// Bits that order as [`f64::total_cmp`] does.
pub(in crate::sampler) fn ordered_bits(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The places of numbers in ascending order, of equal ones the first one first.
fn ascending(numbers: &[f64]) -> Vec<usize> {
    // One integer for number and place, so that a comparison is one step: sorting takes much of a proposal.
    let key = |(place, x): (usize, &f64)| u128::from(ordered_bits(*x)) << 64 | place as u128;
    let mut keys: Vec<u128> = numbers.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u64 as usize).collect()
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
    match (a, b) {
        _ if a > 0.0 => tail(a) - tail(b),
        // At least one half, less what is below its last bit.
        _ if a < -FAR && b >= 0.0 => tail(-b),
        _ => tail(-b) - tail(-a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mass_to_which_a_far_tail_is_nothing_has_the_same_bits_without_it() {
        let tail = |x: f64| 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
        let steps = |from: i32, to: i32| (from..=to).map(|step| f64::from(step) / 64.0);
        let mut compared = 0;
        for a in steps(-640, -575) {
            for b in steps(0, 640) {
                assert_eq!(normal_mass(a, b).to_bits(), (tail(-b) - tail(-a)).to_bits(), "{a} {b}");
                assert!(a >= -FAR || b <= FAR || normal_mass(a, b) == 1.0, "{a} {b}");
                compared += 1;
            }
        }
        assert_eq!(compared, 66 * 641);
    }

    #[test]
    fn places_are_those_of_a_stable_sort() {
        let mut stream = Stream::new(7);
        for n in 0..200 {
            let number = |_| match stream.bits() % 4 {
                0 => (stream.unit() - 0.5) * 1e9,
                1 => -0.0,
                _ => (stream.unit() * 9.0).round() - 4.0,
            };
            let numbers: Vec<f64> = (0..n).map(number).collect();
            let mut expected: Vec<usize> = (0..n).collect();
            expected.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
            assert_eq!(ascending(&numbers), expected);
        }
    }

    #[test]
    fn kernels_of_a_class_are_equal_and_no_others_are() {
        let observed: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
        let all = Gaussians::new(-0.5, 16.5, &observed);
        let shape = |k: usize| (all.means[k], all.sigmas[k]);
        for k in 0..=observed.len() {
            assert!((0..=observed.len()).all(|j| (shape(j) == shape(k)) == (all.class[j] == all.class[k])));
            let mass =
                normal_mass((-0.5 - all.means[k]) / all.sigmas[k], (16.5 - all.means[k]) / all.sigmas[k]);
            assert_eq!(all.masses[k].to_bits(), mass.to_bits());
            assert_eq!(all.scales[k].to_bits(), libm::log(all.sigmas[k] * mass).to_bits());
        }
    }
}
