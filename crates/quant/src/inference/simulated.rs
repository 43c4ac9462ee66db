//! A share of replicates, with all that tells how far to trust it and how to draw it again.

use super::monte_carlo_error;

/// A probability that a simulation estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimulatedShare {
    /// The estimate, from zero to one.
    pub share: f64,
    /// Its standard error, √(p(1 - p)/R).
    pub monte_carlo_error: f64,
    /// Replicates R that were drawn.
    pub replicates: u32,
    /// Seed of all of them.
    pub seed: u64,
}

impl SimulatedShare {
    /// A share with its error.
    pub fn new(share: f64, replicates: u32, seed: u64) -> SimulatedShare {
        let monte_carlo_error = monte_carlo_error(share, replicates);
        SimulatedShare { share, monte_carlo_error, replicates, seed }
    }
}
