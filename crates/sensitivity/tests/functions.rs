//! Functions whose indices are known, over the unit cube.

use std::f64::consts::PI;

use gauntlet_search::Space;
use gauntlet_sensitivity::Point;

/// Coefficients of the G-function.
pub const G: [f64; 4] = [0.0, 1.0, 4.5, 9.0];

/// `dimensions` continuous parameters from 0 to 1, named x0, x1, ….
pub fn unit_space(dimensions: usize) -> Space {
    let range = serde_json::json!({"float": [0, 1]});
    let document: serde_json::Map<_, _> = (0..dimensions).map(|i| (format!("x{i}"), range.clone())).collect();
    space(document.into())
}

pub fn space(document: serde_json::Value) -> Space {
    Space::from_json(&document).unwrap()
}

/// sin x₁ + 7 sin² x₂ + 0.1 x₃⁴ sin x₁ over [-π, π] (Ishigami and Homma 1990).
pub fn ishigami(unit: &[f64]) -> f64 {
    let x: Vec<f64> = unit.iter().map(|u| PI * (2.0 * u - 1.0)).collect();
    x[0].sin() + 7.0 * x[1].sin().powi(2) + 0.1 * x[2].powi(4) * x[0].sin()
}

/// Π (|4u - 2| + a)/(1 + a) (Saltelli and Sobol 1995).
pub fn g_function(unit: &[f64]) -> f64 {
    unit.iter().zip(G).map(|(u, a)| ((4.0 * u - 2.0).abs() + a) / (1.0 + a)).product()
}

/// First and total indices of [`ishigami`], from its partial variances.
pub fn ishigami_indices() -> Vec<(f64, f64)> {
    let (a, b) = (7.0, 0.1);
    let whole = a * a / 8.0 + b * PI.powi(4) / 5.0 + b * b * PI.powi(8) / 18.0 + 0.5;
    let first = 0.5 * (1.0 + b * PI.powi(4) / 5.0).powi(2);
    let both = b * b * PI.powi(8) * (1.0 / 18.0 - 1.0 / 50.0);
    let second = a * a / 8.0;
    vec![(first / whole, (first + both) / whole), (second / whole, second / whole), (0.0, both / whole)]
}

/// First and total indices of [`g_function`].
pub fn g_indices() -> Vec<(f64, f64)> {
    let of = |a: f64| 1.0 / (3.0 * (1.0 + a) * (1.0 + a));
    let product: f64 = G.iter().map(|&a| 1.0 + of(a)).product();
    let whole = product - 1.0;
    G.iter().map(|&a| (of(a) / whole, of(a) * product / (1.0 + of(a)) / whole)).collect()
}

/// Values of points, in their order.
pub fn values(points: &[Point], f: fn(&[f64]) -> f64) -> Vec<Option<f64>> {
    points.iter().map(|point| Some(f(&point.unit))).collect()
}
