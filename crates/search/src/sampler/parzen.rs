//! The Parzen estimator of TPE: a mixture with one kernel for each observation and one for the prior.
//!
//! Kernels of numbers are Gaussians truncated to the domain, in the logarithm where `log` is set; for
//! integers and stepped floats a value's probability is the Gaussian's mass within half a step of it. Kernels
//! of categories put most of their weight on the observed choice. Widths and weights are those of Optuna
//! (`_ParzenEstimator`, 5.0), which follow Bergstra et al. 2011, "Algorithms for Hyper-Parameter
//! Optimization".

mod density;
mod gaussian;

pub(super) use self::density::{Density, ROUNDING};
pub(super) use self::gaussian::ordered_bits;
use self::gaussian::{Gaussians, truncated};
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
    /// Whether kernels are left out whose share of the sum is below e^-20 for certain.
    is_screened: bool,
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
    /// Kernels for observed coordinates: a column for each axis, oldest first. `weights` are those of `weights`, the
    /// prior's last.
    pub(super) fn new(axes: &[Axis], columns: &[Vec<f64>], weights: Vec<f64>) -> Self {
        let kernels = axes.iter().zip(columns).map(|(axis, column)| kernels(axis, column)).collect();
        let log_weights = weights.iter().map(|weight| libm::log(*weight)).collect();
        Self { axes: axes.to_vec(), kernels, weights, log_weights, is_screened: false }
    }

    /// Leaves out what is negligible: computing the mass of a Gaussian in a cell costs most of a proposal.
    pub(super) fn screened(self) -> Self {
        Self { is_screened: true, ..self }
    }

    /// A draw, as a coordinate for each axis. Axis `i` uses the stream's path `i`.
    pub(super) fn sample(&self, stream: &Stream) -> Vec<f64> {
        let kernel = pick(self.weights.iter().copied(), stream.named("kernel").unit());
        let axes = self.axes.iter().zip(&self.kernels).enumerate();
        axes.map(|(i, (axis, kernels))| sample(axis, kernels, kernel, stream.at(i as u64))).collect()
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
            let estimator = parzen(&axes, observed);
            for (x, expected) in numbers(&case["points"]).into_iter().zip(numbers(&case["log_density"])) {
                let ours = Density::of(estimator.clone()).log(&[coordinate(x)]);
                let error = (ours - expected).abs();
                assert!(error < 1e-9, "{} at {x}: {ours} is not {expected}", case["domain"]);
                let screened = Density::of(estimator.clone().screened()).log(&[coordinate(x)]);
                assert!((screened - ours).abs() < 1e-6, "{} at {x}: {screened}", case["domain"]);
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
            let expected = libm::exp(Density::of(estimator.clone()).log(&[f64::from(value)]));
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
