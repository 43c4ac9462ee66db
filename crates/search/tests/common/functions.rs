//! Functions that searches are compared on, and how well one does.
#![allow(dead_code, reason = "each user takes its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::f64::consts::{E, PI, TAU};

use gauntlet_search::{Ask, Choice, Direction, Observation, Outcome, Parameters, SamplerKind, Search, Space};
use serde_json::json;

/// Name, dimensions, bounds, and the function to minimise.
pub struct Function {
    pub name: &'static str,
    bounds: &'static [[f64; 2]],
    pub value: fn(&[f64]) -> f64,
}

pub const FUNCTIONS: [Function; 5] = [
    Function { name: "hartmann6", bounds: &[[0.0, 1.0]; 6], value: hartmann6 },
    Function { name: "rosenbrock5", bounds: &[[-5.0, 10.0]; 5], value: rosenbrock },
    Function { name: "ackley10", bounds: &[[-32.768, 32.768]; 10], value: ackley },
    Function { name: "rastrigin5", bounds: &[[-5.12, 5.12]; 5], value: rastrigin },
    Function { name: "branin", bounds: &[[-5.0, 10.0], [0.0, 15.0]], value: branin },
];

impl Function {
    pub fn space(&self) -> Space {
        let row = |(i, bounds): (usize, &[f64; 2])| (format!("x{i}"), json!({ "float": bounds }));
        Space::from_json(&serde_json::Value::Object(self.bounds.iter().enumerate().map(row).collect()))
            .unwrap()
    }

    /// The best value after each trial of a search.
    pub fn search(&self, sampler: &str, seed: u64, parallelism: u64, trials: usize) -> Vec<f64> {
        let sampler: Choice<SamplerKind> = sampler.parse().unwrap();
        let mut search = Search::new(self.space(), &sampler, Direction::Minimize, seed, parallelism).unwrap();
        let (mut best, mut running) = (Vec::new(), VecDeque::new());
        let mut lowest = f64::INFINITY;
        while best.len() < trials {
            match search.ask() {
                Ask::Trial(params) => running.push_back(params),
                Ask::Wait => {
                    let params: Parameters = running.pop_front().unwrap();
                    let x: Vec<f64> = params.values().map(|value| value.as_number().unwrap()).collect();
                    let value = (self.value)(&x);
                    lowest = lowest.min(value);
                    let outcome = Outcome::Completed(value);
                    search.observe(Observation { trial: best.len() as u64, params, outcome });
                    best.push(lowest);
                }
                Ask::Exhausted => panic!("the space is continuous"),
            }
        }
        best
    }
}

/// The quantile of sorted values, between two of them by their distance, as numpy computes it.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Six coordinates from 0 to 1.
pub fn hartmann6(x: &[f64]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let distance = |i: usize| (0..6).map(|j| A[i][j] * (x[j] - P[i][j]).powi(2)).sum::<f64>();
    -(0..4).map(|i| ALPHA[i] * libm::exp(-distance(i))).sum::<f64>()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|p| 100.0 * (p[1] - p[0] * p[0]).powi(2) + (1.0 - p[0]).powi(2)).sum()
}

fn ackley(x: &[f64]) -> f64 {
    let mean = |of: fn(f64) -> f64| x.iter().map(|v| of(*v)).sum::<f64>() / x.len() as f64;
    let (square, cosine) = (mean(|v| v * v), mean(|v| libm::cos(TAU * v)));
    -20.0 * libm::exp(-0.2 * square.sqrt()) - libm::exp(cosine) + 20.0 + E
}

fn rastrigin(x: &[f64]) -> f64 {
    10.0 * x.len() as f64 + x.iter().map(|v| v * v - 10.0 * libm::cos(TAU * v)).sum::<f64>()
}

/// Two coordinates.
pub fn branin(x: &[f64]) -> f64 {
    let a = x[1] - 5.1 / (4.0 * PI * PI) * x[0] * x[0] + 5.0 / PI * x[0] - 6.0;
    a * a + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * libm::cos(x[0]) + 10.0
}
