//! Logistic regression with an L2 penalty on the weights, by Newton's method (iteratively reweighted least squares).
//!
//! Sums run over the rows in order and the exponential is libm's, so the same rows give the same bits everywhere.

use serde::{Deserialize, Serialize};

/// Log-odds as a linear function of standardised features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    /// Log-odds when every feature is at its mean.
    pub intercept: f64,
    /// Change of the log-odds per standard deviation.
    pub weights: Vec<f64>,
}

/// Newton steps before giving up on further precision; convergence takes about six.
const MAX_STEPS: usize = 50;
/// Largest change of a weight that counts as standing still.
const TOLERANCE: f64 = 1e-10;

impl Logistic {
    /// Fits to rows of `columns` standardised features. `l2` is the penalty on half the sum of squared weights.
    pub(super) fn fit(rows: &[f64], columns: usize, up: &[bool], l2: f64) -> Logistic {
        let size = columns + 1;
        // The last one is the intercept. A trace of penalty keeps the system solvable whatever the features.
        let mut solution = vec![0.0; size];
        let mut penalty = vec![l2.max(1e-9); size];
        penalty[columns] = 1e-9;
        for _ in 0..MAX_STEPS {
            let mut gradient: Vec<f64> = solution.iter().zip(&penalty).map(|(w, l2)| -w * l2).collect();
            let mut hessian = vec![0.0; size * size];
            for (row, up) in rows.chunks_exact(columns).zip(up) {
                let probability = sigmoid(log_odds(&solution, row));
                let error = f64::from(u8::from(*up)) - probability;
                let curvature = probability * (1.0 - probability);
                for i in 0..size {
                    let x = row.get(i).copied().unwrap_or(1.0);
                    gradient[i] += error * x;
                    for j in 0..=i {
                        hessian[i * size + j] += curvature * x * row.get(j).copied().unwrap_or(1.0);
                    }
                }
            }
            (0..size).for_each(|i| hessian[i * size + i] += penalty[i]);
            solve(&mut hessian, &mut gradient);
            let step = gradient;
            solution.iter_mut().zip(&step).for_each(|(weight, step)| *weight += step);
            if step.iter().all(|step| step.abs() < TOLERANCE) {
                break;
            }
        }
        let intercept = solution[columns];
        solution.truncate(columns);
        Logistic { intercept, weights: solution }
    }

    /// Probability of a rise.
    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        let linear = self.weights.iter().zip(row).fold(0.0, |sum, (weight, x)| sum + weight * x);
        sigmoid(linear + self.intercept)
    }
}

/// One over one plus e to the minus `x`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// `solution` has one entry more than the row: the intercept.
fn log_odds(solution: &[f64], row: &[f64]) -> f64 {
    let linear = solution.iter().zip(row).fold(0.0, |sum, (weight, x)| sum + weight * x);
    linear + solution[row.len()]
}

/// Solves `matrix · x = vector` in place by Cholesky's method; of the symmetric matrix the lower half is read.
fn solve(matrix: &mut [f64], vector: &mut [f64]) {
    let size = vector.len();
    for i in 0..size {
        for j in 0..=i {
            let known: f64 = (0..j).fold(0.0, |sum, k| sum + matrix[i * size + k] * matrix[j * size + k]);
            let rest = matrix[i * size + j] - known;
            matrix[i * size + j] =
                if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / matrix[j * size + j] };
        }
    }
    for i in 0..size {
        let known: f64 = (0..i).fold(0.0, |sum, k| sum + matrix[i * size + k] * vector[k]);
        vector[i] = (vector[i] - known) / matrix[i * size + i];
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).fold(0.0, |sum, k| sum + matrix[k * size + i] * vector[k]);
        vector[i] = (vector[i] - known) / matrix[i * size + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_give_the_log_odds_of_each() {
        // At x = -1 one of four is up, at x = 1 three of four: log-odds ±ln 3.
        let rows = [-1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0];
        let up = [true, false, false, false, true, true, true, false];
        let model = Logistic::fit(&rows, 1, &up, 0.0);
        assert!((model.weights[0] - 3.0_f64.ln()).abs() < 1e-6, "{model:?}");
        assert!(model.intercept.abs() < 1e-6);
        assert!((model.predict(&[1.0]) - 0.75).abs() < 1e-6);
    }

    #[test]
    fn a_penalty_shrinks_and_perfect_separation_stays_finite() {
        let model = Logistic::fit(&[-1.0, 1.0], 1, &[false, true], 1.0);
        assert!(model.weights[0] > 0.0 && model.weights[0] < 1.0, "{model:?}");
    }
}
