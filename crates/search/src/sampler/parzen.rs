//! The Parzen estimator of TPE: a mixture with one kernel for each observation and one for the prior.
//!
//! Kernels of numbers are Gaussians truncated to the domain, in the logarithm where `log` is set; for
//! integers and stepped floats a value's probability is the Gaussian's mass within half a step of it. Kernels
//! of categories put most of their weight on the observed choice. Widths and weights are those of Optuna
//! (`_ParzenEstimator`, 5.0), which follow Bergstra et al. 2011, "Algorithms for Hyper-Parameter
//! Optimization".

use crate::rng::Stream;
use crate::space::{Domain, unwarp, warp};
use gauntlet_domain::experiment::ParameterValue;

/// How a domain is seen by its kernels. A coordinate is the value itself for a discrete number, its [`warp`]
/// for a continuous one, and the index of the choice for a category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Axis {
    /// `low` and `high` are the truncation bounds, warped.
    Continuous { low: f64, high: f64, log: bool },
    /// `low` and `high` lie half a step beyond the outer values, warped.
    Discrete { low: f64, high: f64, step: f64, log: bool },
    /// Choices without an order.
    Choice { count: usize },
}

/// The kernels of one parameter; the last one is the prior.
#[derive(Debug, Clone)]
enum Kernels {
    Gaussian(Gaussians),
    Choice(Choices),
}

/// Gaussians by column. Kernels of equal mean and width are one class, so that what is expensive is computed once.
#[derive(Debug, Clone)]
struct Gaussians {
    means: Vec<f64>,
    sigmas: Vec<f64>,
    /// Each Gaussian's mass within the domain.
    masses: Vec<f64>,
    /// The logarithm of width times mass.
    scales: Vec<f64>,
    /// The first kernel of the same class.
    class: Vec<usize>,
}

/// Kernels of a category: most weight on the observed choice; none observed for the prior.
#[derive(Debug, Clone)]
struct Choices {
    count: usize,
    observed: Vec<Option<usize>>,
    /// Probability of the observed choice, and of each other one.
    same: f64,
    other: f64,
}

/// A mixture of products: kernel `i` is the product over the axes of their kernels `i`.
#[derive(Debug, Clone)]
pub(super) struct Parzen {
    axes: Vec<Axis>,
    kernels: Vec<Kernels>,
    weights: Vec<f64>,
    log_weights: Vec<f64>,
    /// Kernels of discrete numbers further away than so many widths count as zero.
    reach: f64,
}

/// Beyond it a kernel's share is below e^-72, far below that of the prior.
const REACH: f64 = 12.0;

impl Axis {
    /// `None` for a domain of one value: there is nothing to estimate.
    pub(super) fn of(domain: &Domain) -> Option<Self> {
        if domain.count() == Some(1) {
            return None;
        }
        Some(match domain {
            Domain::Int { low, high, step, log } => {
                let (low, high, step) = (*low as f64, *high as f64, *step as f64);
                Axis::Discrete {
                    low: warp(low - step / 2.0, *log),
                    high: warp(high + step / 2.0, *log),
                    step,
                    log: *log,
                }
            }
            Domain::Float { low, high, step: Some(step), .. } => {
                Axis::Discrete { low: low - step / 2.0, high: high + step / 2.0, step: *step, log: false }
            }
            Domain::Float { low, high, step: None, log, .. } => {
                Axis::Continuous { low: warp(*low, *log), high: warp(*high, *log), log: *log }
            }
            Domain::Categorical(choices) => Axis::Choice { count: choices.len() },
            Domain::Fixed(_) => return None,
        })
    }

    /// The coordinate of a value; `None` if the value is not one that this axis could have proposed.
    pub(super) fn coordinate(&self, domain: &Domain, value: &ParameterValue) -> Option<f64> {
        match (self, domain) {
            (Axis::Choice { .. }, Domain::Categorical(choices)) => {
                choices.iter().position(|choice| choice == value).map(|i| i as f64)
            }
            (Axis::Continuous { low, high, log }, _) => {
                let x = value.as_number().filter(|x| !*log || *x > 0.0)?;
                // Tolerates the rounding of exp and ln at the bounds, and nothing beyond it.
                let (x, slack) = (warp(x, *log), (high - low) * 1e-9);
                (low - slack <= x && x <= high + slack).then(|| x.clamp(*low, *high))
            }
            (Axis::Discrete { low, high, log, .. }, _) => {
                let x = value.as_number().filter(|x| !*log || *x > 0.0)?;
                (*low < warp(x, *log) && warp(x, *log) < *high).then_some(x)
            }
            _ => None,
        }
    }

    /// The value of a coordinate.
    pub(super) fn value(&self, domain: &Domain, coordinate: f64) -> ParameterValue {
        match self {
            Axis::Continuous { log, .. } => domain.nearest(unwarp(coordinate, *log)),
            Axis::Discrete { .. } | Axis::Choice { .. } => domain.nearest(coordinate),
        }
    }
}

impl Parzen {
    /// Kernels for observed coordinates: a column for each axis, oldest first. `weights` are those of [`weights`], the
    /// prior's last.
    pub(super) fn new(axes: &[Axis], columns: &[Vec<f64>], weights: Vec<f64>) -> Self {
        let kernels = axes.iter().zip(columns).map(|(axis, column)| kernels(axis, column)).collect();
        let log_weights = weights.iter().map(|weight| libm::log(*weight)).collect();
        Self { axes: axes.to_vec(), kernels, weights, log_weights, reach: f64::INFINITY }
    }

    /// Leaves out what is negligible.
    pub(super) fn within_reach(self) -> Self {
        Self { reach: REACH, ..self }
    }

    /// A draw, as a coordinate for each axis. Axis `i` uses the stream's path `i`.
    pub(super) fn sample(&self, stream: &Stream) -> Vec<f64> {
        let kernel = pick(self.weights.iter().copied(), stream.named("kernel").unit());
        let axes = self.axes.iter().zip(&self.kernels).enumerate();
        axes.map(|(i, (axis, kernels))| sample(axis, kernels, kernel, stream.at(i as u64))).collect()
    }

    /// The logarithm of the density (continuous axes, in warped coordinates) or probability (others) of points, each a
    /// coordinate for each axis.
    pub(super) fn log_densities(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let mut sums = vec![vec![0.0_f64; self.weights.len()]; points.len()];
        for (i, (axis, kernels)) in self.axes.iter().zip(&self.kernels).enumerate() {
            // Equal coordinates have equal factors; in a discrete domain there are many.
            let mut known: Vec<(f64, Vec<f64>)> = Vec::new();
            for (sums, point) in sums.iter_mut().zip(points) {
                let x = point[i];
                match (axis, kernels) {
                    (Axis::Continuous { .. }, Kernels::Gaussian(g)) => g.add_densities(x, sums),
                    (Axis::Discrete { step, log, .. }, Kernels::Gaussian(g)) => {
                        let place = known.iter().position(|(other, _)| *other == x).unwrap_or_else(|| {
                            known.push((x, g.log_probabilities(x, *step, *log, self.reach)));
                            known.len() - 1
                        });
                        sums.iter_mut().zip(&known[place].1).for_each(|(sum, factor)| *sum += factor);
                    }
                    (_, Kernels::Choice(choices)) => choices.add_log_probabilities(x, sums),
                    // `kernels` never builds this pair.
                    (Axis::Choice { .. }, Kernels::Gaussian(_)) => sums.fill(f64::NEG_INFINITY),
                }
            }
        }
        sums.iter_mut().map(|sums| self.log_sum(sums)).collect()
    }

    /// The logarithm of the weighted sum of kernels, given their logarithms.
    fn log_sum(&self, logs: &mut [f64]) -> f64 {
        logs.iter_mut().zip(&self.log_weights).for_each(|(log, weight)| *log += weight);
        // The prior reaches every point of the domain, so the largest is finite.
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Below that `exp` is zero.
        let visible = logs.iter().map(|log| log - largest).filter(|log| *log > -746.0);
        largest + libm::log(visible.map(libm::exp).sum())
    }
}

/// The weight of each trial and, last, of the prior; they sum to 1.
pub(super) fn normalised(mut weights: Vec<f64>) -> Vec<f64> {
    weights.push(1.0);
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// Trials that count fully: the newest.
pub(super) const NEWEST: usize = 25;

/// Optuna's default weights: the 25 newest trials count fully, older ones less and less; the prior as much as
/// a new trial.
pub(super) fn weight(i: usize, n: usize) -> f64 {
    let ramp = n.saturating_sub(NEWEST);
    let oldest = 1.0 / n.max(1) as f64;
    let slope = if ramp > 1 { (1.0 - oldest) / (ramp - 1) as f64 } else { 0.0 };
    if i < ramp { oldest + slope * i as f64 } else { 1.0 }
}

fn kernels(axis: &Axis, observed: &[f64]) -> Kernels {
    match *axis {
        Axis::Continuous { low, high, .. } => Kernels::Gaussian(Gaussians::new(low, high, observed)),
        Axis::Discrete { low, high, log, .. } => {
            let warped: Vec<f64> = observed.iter().map(|x| warp(*x, log)).collect();
            Kernels::Gaussian(Gaussians::new(low, high, &warped))
        }
        Axis::Choice { count } => Kernels::Choice(Choices::new(count, observed)),
    }
}

impl Gaussians {
    /// One Gaussian at each observation, as wide as the larger gap to its neighbours (at the ends: as the inner
    /// gap), but no wider than the domain and no narrower than a share of it; the prior sits in the middle and is
    /// as wide as the domain.
    fn new(low: f64, high: f64, observed: &[f64]) -> Self {
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
        let mut all =
            Self { means, sigmas, masses: vec![0.0; n + 1], scales: vec![0.0; n + 1], class: order };
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
                    self.scales[i] = libm::log(sigma * self.masses[i]);
                    recent.push(i);
                    i
                }
            };
            (self.masses[i], self.scales[i]) = (self.masses[self.class[i]], self.scales[self.class[i]]);
        }
    }

    fn add_densities(&self, x: f64, sums: &mut [f64]) {
        let kernels = self.means.iter().zip(&self.sigmas).zip(&self.scales);
        for (sum, ((mean, sigma), scale)) in sums.iter_mut().zip(kernels) {
            let z = (x - mean) / sigma;
            *sum += -0.5 * z * z - scale - LN_SQRT_2PI;
        }
    }

    /// The logarithm of each kernel's mass within half a step of `x`.
    fn log_probabilities(&self, x: f64, step: f64, log: bool, reach: f64) -> Vec<f64> {
        let (below, above) = (warp(x - step / 2.0, log), warp(x + step / 2.0, log));
        let mut logs = vec![f64::NEG_INFINITY; self.means.len()];
        let of = |k: usize| {
            let (a, b) = ((below - self.means[k]) / self.sigmas[k], (above - self.means[k]) / self.sigmas[k]);
            if a > reach || b < -reach {
                return f64::NEG_INFINITY;
            }
            libm::log(normal_mass(a, b) / self.masses[k])
        };
        (0..logs.len()).filter(|k| self.class[*k] == *k).for_each(|k| logs[k] = of(k));
        (0..logs.len()).for_each(|k| logs[k] = logs[self.class[k]]);
        logs
    }
}

impl Choices {
    fn new(count: usize, observed: &[f64]) -> Self {
        let floor = 1.0 / (observed.len() + 1) as f64;
        let total = 1.0 + floor * count as f64;
        let observed = observed.iter().map(|x| Some(*x as usize)).chain([None]).collect();
        Self { count, observed, same: (floor + 1.0) / total, other: floor / total }
    }

    fn probability(&self, kernel: usize, choice: usize) -> f64 {
        match self.observed[kernel] {
            Some(observed) if observed == choice => self.same,
            Some(_) => self.other,
            None => 1.0 / self.count as f64,
        }
    }

    fn add_log_probabilities(&self, x: f64, sums: &mut [f64]) {
        let (same, other) = (libm::log(self.same), libm::log(self.other));
        let prior = libm::log(1.0 / self.count as f64);
        for (sum, observed) in sums.iter_mut().zip(&self.observed) {
            *sum += observed.map_or(prior, |observed| if observed == x as usize { same } else { other });
        }
    }
}

fn sample(axis: &Axis, kernels: &Kernels, kernel: usize, mut stream: Stream) -> f64 {
    match (axis, kernels) {
        (Axis::Continuous { low, high, .. }, Kernels::Gaussian(g)) => {
            truncated(g.means[kernel], g.sigmas[kernel], *low, *high, stream)
        }
        // The domain rounds it to a value in `Axis::value`, but densities are needed before that.
        (Axis::Discrete { low, high, step, log }, Kernels::Gaussian(g)) => {
            let x = unwarp(truncated(g.means[kernel], g.sigmas[kernel], *low, *high, stream), *log);
            let (first, last) = (unwarp(*low, *log) + step / 2.0, unwarp(*high, *log) - step / 2.0);
            let (first, last) = if *log { (first.round(), last.round()) } else { (first, last) };
            (first + ((x - first) / step).round() * step).clamp(first, last)
        }
        (_, Kernels::Choice(choices)) => {
            pick((0..choices.count).map(|choice| choices.probability(kernel, choice)), stream.unit()) as f64
        }
        (Axis::Choice { .. }, Kernels::Gaussian(_)) => 0.0, // `kernels` never builds this pair
    }
}

/// A truncated Gaussian by rejection. The mean is inside the bounds and sigma at most their distance, so that
/// at least a third of the draws is kept; after 64 refusals (probability 10^-11) it is the mean.
fn truncated(mean: f64, sigma: f64, low: f64, high: f64, mut stream: Stream) -> f64 {
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

/// The index whose cumulative weight first exceeds `u`, or the last.
fn pick(weights: impl Iterator<Item = f64>, u: f64) -> usize {
    let (mut sum, mut last) = (0.0, 0);
    for (i, weight) in weights.enumerate() {
        sum += weight;
        if u < sum {
            return i;
        }
        last = i;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use serde_json::Value as Json;

    fn numbers(json: &Json) -> Vec<f64> {
        json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    }

    fn parzen(axes: &[Axis], observed: Vec<f64>) -> Parzen {
        let n = observed.len();
        Parzen::new(axes, &[observed], normalised((0..n).map(|i| weight(i, n)).collect()))
    }

    #[test]
    fn densities_are_those_of_optuna() {
        let record: Json = serde_json::from_str(include_str!("../../tests/oracles/parzen.json")).unwrap();
        let (mut compared, mut worst) = (0, 0.0_f64);
        for case in record["cases"].as_array().unwrap() {
            let space = Space::from_json(&serde_json::json!({ "p": case["domain"] })).unwrap();
            let domain = &space.parameters()[0].domain;
            let axes = [Axis::of(domain).unwrap()];
            let coordinate = |x: f64| match domain {
                Domain::Categorical(_) => x,
                _ => axes[0].coordinate(domain, &ParameterValue::Float(x)).unwrap(),
            };
            let observed: Vec<f64> = numbers(&case["observed"]).into_iter().map(coordinate).collect();
            let estimator = parzen(&axes, observed).within_reach();
            for (x, expected) in numbers(&case["points"]).into_iter().zip(numbers(&case["log_density"])) {
                let ours = estimator.log_densities(&[vec![coordinate(x)]])[0];
                let error = (ours - expected).abs();
                assert!(error < 1e-9, "{} at {x}: {ours} is not {expected}", case["domain"]);
                worst = worst.max(error);
                compared += 1;
            }
        }
        assert_eq!(compared, 7 * 5 * 8);
        println!("compared {compared} log densities, largest difference {worst:e}");
    }

    #[test]
    fn samples_follow_the_density() {
        let space = Space::from_json(&serde_json::json!({ "p": { "int": [1, 8], "log": true } })).unwrap();
        let axes = [Axis::of(&space.parameters()[0].domain).unwrap()];
        let estimator = parzen(&axes, vec![2.0, 6.0, 6.0]);
        let n = 20_000;
        let root = Stream::new(3);
        let samples: Vec<f64> = (0..n).map(|i| estimator.sample(&root.at(i))[0]).collect();
        let mut total = 0.0;
        for value in 1..=8 {
            let expected = libm::exp(estimator.log_densities(&[vec![f64::from(value)]])[0]);
            let share = samples.iter().filter(|x| **x == f64::from(value)).count() as f64 / n as f64;
            assert!((share - expected).abs() < 0.015, "{value}: {share} is not {expected}");
            total += expected;
        }
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn old_trials_weigh_less_and_all_weights_sum_to_one() {
        for n in [0, 1, 24, 25, 26, 27, 100] {
            let weights = normalised((0..n).map(|i| weight(i, n)).collect());
            assert_eq!(weights.len(), n + 1);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(weights.windows(2).all(|w| w[0] <= w[1]));
        }
    }
}
