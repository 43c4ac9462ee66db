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
    Gaussian(Vec<Gaussian>),
    Choice(Vec<Vec<f64>>),
}

#[derive(Debug, Clone, Copy)]
struct Gaussian {
    mean: f64,
    sigma: f64,
    /// The Gaussian's mass within the domain.
    mass: f64,
}

/// A mixture of products: kernel `i` is the product over the axes of their kernels `i`.
#[derive(Debug, Clone)]
pub(super) struct Parzen {
    axes: Vec<Axis>,
    kernels: Vec<Kernels>,
    weights: Vec<f64>,
}

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
    /// Kernels for observed coordinates, one row for each trial, oldest first, with a coordinate for each
    /// axis.
    pub(super) fn new(axes: &[Axis], observed: &[Vec<f64>]) -> Self {
        let column = |i: usize| observed.iter().map(|row| row[i]).collect::<Vec<_>>();
        let kernels = axes.iter().enumerate().map(|(i, axis)| kernels(axis, &column(i))).collect();
        Self { axes: axes.to_vec(), kernels, weights: weights(observed.len()) }
    }

    /// A draw, as a coordinate for each axis. Axis `i` uses the stream's path `i`.
    pub(super) fn sample(&self, stream: &Stream) -> Vec<f64> {
        let kernel = pick(&self.weights, stream.named("kernel").unit());
        let axes = self.axes.iter().zip(&self.kernels).enumerate();
        axes.map(|(i, (axis, kernels))| sample(axis, kernels, kernel, stream.at(i as u64))).collect()
    }

    /// The logarithm of the density (continuous axes, in warped coordinates) or probability (others) of
    /// coordinates.
    pub(super) fn log_density(&self, point: &[f64]) -> f64 {
        let logs: Vec<f64> = (0..self.weights.len())
            .map(|k| {
                let factors = self.axes.iter().zip(&self.kernels).zip(point);
                libm::log(self.weights[k])
                    + factors.map(|((axis, kernels), x)| log_factor(axis, kernels, k, *x)).sum::<f64>()
            })
            .collect();
        // The prior reaches every point of the domain, so the largest is finite.
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + libm::log(logs.iter().map(|l| libm::exp(l - largest)).sum())
    }
}

/// Optuna's default weights: the 25 newest trials count fully, older ones less and less; the prior as much as
/// a new trial. They sum to 1.
fn weights(n: usize) -> Vec<f64> {
    let ramp = n.saturating_sub(25);
    let oldest = 1.0 / n.max(1) as f64;
    let slope = if ramp > 1 { (1.0 - oldest) / (ramp - 1) as f64 } else { 0.0 };
    let mut weights: Vec<f64> =
        (0..n).map(|i| if i < ramp { oldest + slope * i as f64 } else { 1.0 }).collect();
    weights.push(1.0);
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

fn kernels(axis: &Axis, observed: &[f64]) -> Kernels {
    match *axis {
        Axis::Continuous { low, high, .. } => Kernels::Gaussian(gaussians(low, high, observed)),
        Axis::Discrete { low, high, log, .. } => {
            let warped: Vec<f64> = observed.iter().map(|x| warp(*x, log)).collect();
            Kernels::Gaussian(gaussians(low, high, &warped))
        }
        Axis::Choice { count } => Kernels::Choice(choices(count, observed)),
    }
}

/// One Gaussian at each observation, as wide as the larger gap to its neighbours (at the ends: as the inner
/// gap), but no wider than the domain and no narrower than a share of it; the prior sits in the middle and is
/// as wide as the domain.
fn gaussians(low: f64, high: f64, means: &[f64]) -> Vec<Gaussian> {
    let (n, width) = (means.len(), high - low);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
    let narrowest = width / f64::min(100.0, (n + 2) as f64);
    let mut sigmas = vec![width; n];
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
    let kernel = |mean: f64, sigma: f64| Gaussian {
        mean,
        sigma,
        mass: normal_mass((low - mean) / sigma, (high - mean) / sigma),
    };
    let prior = kernel(0.5 * (low + high), width);
    means.iter().zip(sigmas).map(|(mean, sigma)| kernel(*mean, sigma)).chain([prior]).collect()
}

fn choices(count: usize, observed: &[f64]) -> Vec<Vec<f64>> {
    let kernels = observed.len() + 1;
    let floor = 1.0 / kernels as f64;
    let total = 1.0 + floor * count as f64;
    let row = |x: &f64| (0..count).map(|c| (floor + f64::from(u8::from(c == *x as usize))) / total).collect();
    observed.iter().map(row).chain([vec![1.0 / count as f64; count]]).collect()
}

fn sample(axis: &Axis, kernels: &Kernels, kernel: usize, mut stream: Stream) -> f64 {
    match (axis, kernels) {
        (Axis::Continuous { low, high, .. }, Kernels::Gaussian(g)) => {
            truncated(&g[kernel], *low, *high, stream)
        }
        // The domain rounds it to a value in `Axis::value`, but densities are needed before that.
        (Axis::Discrete { low, high, step, log }, Kernels::Gaussian(g)) => {
            let x = unwarp(truncated(&g[kernel], *low, *high, stream), *log);
            let (first, last) = (unwarp(*low, *log) + step / 2.0, unwarp(*high, *log) - step / 2.0);
            let (first, last) = if *log { (first.round(), last.round()) } else { (first, last) };
            (first + ((x - first) / step).round() * step).clamp(first, last)
        }
        (_, Kernels::Choice(rows)) => pick(&rows[kernel], stream.unit()) as f64,
        (Axis::Choice { .. }, Kernels::Gaussian(_)) => 0.0, // `kernels` never builds this pair
    }
}

/// A truncated Gaussian by rejection. The mean is inside the bounds and sigma at most their distance, so that
/// at least a third of the draws is kept; after 64 refusals (probability 10^-11) it is the mean.
fn truncated(kernel: &Gaussian, low: f64, high: f64, mut stream: Stream) -> f64 {
    let draws = (0..64).map(|_| kernel.mean + kernel.sigma * stream.normal());
    draws.into_iter().find(|x| low <= *x && *x <= high).unwrap_or(kernel.mean)
}

fn log_factor(axis: &Axis, kernels: &Kernels, kernel: usize, x: f64) -> f64 {
    match (axis, kernels) {
        (Axis::Continuous { .. }, Kernels::Gaussian(g)) => {
            let Gaussian { mean, sigma, mass } = g[kernel];
            let z = (x - mean) / sigma;
            -0.5 * z * z - libm::log(sigma * mass) - LN_SQRT_2PI
        }
        (Axis::Discrete { step, log, .. }, Kernels::Gaussian(g)) => {
            let Gaussian { mean, sigma, mass } = g[kernel];
            let edge = |x: f64| (warp(x, *log) - mean) / sigma;
            libm::log(normal_mass(edge(x - step / 2.0), edge(x + step / 2.0)) / mass)
        }
        (_, Kernels::Choice(rows)) => libm::log(rows[kernel][x as usize]),
        (Axis::Choice { .. }, Kernels::Gaussian(_)) => f64::NEG_INFINITY, // `kernels` never builds this pair
    }
}

/// ln √(2π)
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_7;

/// The standard normal's mass between two bounds, computed in the tail where both are, so that it does not
/// cancel.
fn normal_mass(a: f64, b: f64) -> f64 {
    let tail = |x: f64| 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
    if a > 0.0 { tail(a) - tail(b) } else { tail(-b) - tail(-a) }
}

/// The index whose cumulative weight first exceeds `u`.
fn pick(weights: &[f64], u: f64) -> usize {
    let mut sum = 0.0;
    let found = weights.iter().position(|w| {
        sum += w;
        u < sum
    });
    found.unwrap_or(weights.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use serde_json::Value as Json;

    fn numbers(json: &Json) -> Vec<f64> {
        json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
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
            let observed: Vec<_> =
                numbers(&case["observed"]).into_iter().map(|x| vec![coordinate(x)]).collect();
            let estimator = Parzen::new(&axes, &observed);
            for (x, expected) in numbers(&case["points"]).into_iter().zip(numbers(&case["log_density"])) {
                let ours = estimator.log_density(&[coordinate(x)]);
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
        let estimator = Parzen::new(&axes, &[vec![2.0], vec![6.0], vec![6.0]]);
        let n = 20_000;
        let root = Stream::new(3);
        let samples: Vec<f64> = (0..n).map(|i| estimator.sample(&root.at(i))[0]).collect();
        let mut total = 0.0;
        for value in 1..=8 {
            let expected = libm::exp(estimator.log_density(&[f64::from(value)]));
            let share = samples.iter().filter(|x| **x == f64::from(value)).count() as f64 / n as f64;
            assert!((share - expected).abs() < 0.015, "{value}: {share} is not {expected}");
            total += expected;
        }
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn old_trials_weigh_less_and_all_weights_sum_to_one() {
        for n in [0, 1, 24, 25, 26, 27, 100] {
            let weights = weights(n);
            assert_eq!(weights.len(), n + 1);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(weights.windows(2).all(|w| w[0] <= w[1]));
        }
    }
}
