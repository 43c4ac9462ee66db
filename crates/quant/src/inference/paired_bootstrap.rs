//! p-value of equal Sharpe ratios by the studentised circular block bootstrap (Ledoit and Wolf 2008, section 3.2).
//!
//! A replicate is l = ⌊n/b⌋ blocks of b periods, each from a uniform start, wrapped round, both strategies by the same blocks.
//! Its statistic is |Δ* - Δ|/error*, where error* = √(Ψ*/(l·b)) has the gradient of the replicate and Ψ* = 1/l·Σ ζζ' with
//! ζ the sum of a block over √b. The p-value is (1 + #{statistic* ≥ |Δ|/error}) / (R + 1), the error of the sample being that of
//! `SharpeDifference`. The paper's own program divides by n also where b does not divide it.
//!
//! A replicate in which a strategy or the difference does not vary has no statistic and counts as extreme, which only raises
//! the p-value.

use super::{Philox, Purpose, SharpeDifference, SimulatedShare, Undefined, at_least};
use crate::metrics::numeric::{Moments, NOISE};

/// Blocks that a sample has to hold: the error of a replicate comes from so many values.
const LEAST_BLOCKS: usize = 8;

/// Two-sided p-value from net returns of the same periods, with its Monte-Carlo error. `block` is in periods: 5 or 10 are usual.
///
/// Undefined as `SharpeDifference` is, below eight blocks (`TooFewObservations`), and without a block length or replicates
/// (`Infeasible`).
pub fn paired_bootstrap_p(
    challenger: &[f64],
    champion: &[f64],
    block: usize,
    seed: u64,
    replicates: u32,
) -> Result<SimulatedShare, Undefined> {
    let sample = SharpeDifference::of(challenger, champion)?;
    if block == 0 || replicates == 0 {
        return Err(Undefined::Infeasible);
    }
    at_least(LEAST_BLOCKS.saturating_mul(block), challenger.len())?;
    let starts = u32::try_from(challenger.len()).map_err(|_| Undefined::Infeasible)?;
    let blocks = Blocks {
        legs: [Leg::of(challenger, block), Leg::of(champion, block)],
        count: challenger.len() / block,
        length: block,
    };
    let extreme = (0..replicates).filter(|&replicate| {
        let mut stream = Philox::new(seed, Purpose::PairedBlocks, u64::from(replicate));
        let draws: Vec<u32> = (0..blocks.count).map(|_| stream.below(starts)).collect();
        blocks.is_extreme(&draws, &sample)
    });
    let p = (1 + extreme.count()) as f64 / (f64::from(replicates) + 1.0);
    Ok(SimulatedShare::new(p, replicates, seed))
}

/// Both strategies in blocks.
struct Blocks {
    legs: [Leg; 2],
    /// Blocks of a replicate.
    count: usize,
    /// Periods of a block.
    length: usize,
}

impl Blocks {
    /// Whether the replicate of these starts is at least as far from the sample as the sample is from equality.
    fn is_extreme(&self, draws: &[u32], sample: &SharpeDifference) -> bool {
        let (count, rows) = (draws.len() as f64, (draws.len() * self.length) as f64);
        let [Some(first), Some(second)] = [0, 1].map(|leg| self.legs[leg].replicate(draws)) else {
            return true;
        };
        let [challenger, champion] = &self.legs;
        let sum_of_squares = draws.iter().fold(0.0, |sum, &start| {
            let difference =
                first.influence(challenger.block(start)) - second.influence(champion.block(start));
            sum + difference * difference
        });
        // Ψ*/(l·b) with Ψ* = b/l·Σ(mean of the block)².
        let error = sum_of_squares.sqrt() / count;
        // Sharpe ratios have the divisor n - 1.
        let to_sample = ((rows - 1.0) / rows).sqrt();
        let distance = ((first.sharpe - second.sharpe) * to_sample - sample.difference).abs();
        let is_nearer = distance < sample.statistic() * error;
        // An error of zero is nearer to nothing.
        !is_nearer
    }
}

/// One strategy: means of deviations and of their squares, of the block from every start.
struct Leg {
    mean: f64,
    blocks: Vec<[f64; 2]>,
}

/// Moments of one strategy in a replicate, with divisor n.
struct Replicate {
    /// Mean of deviations from the sample's mean.
    shift: f64,
    variance: f64,
    std_dev: f64,
    sharpe: f64,
}

impl Leg {
    fn of(returns: &[f64], length: usize) -> Leg {
        let mean = Moments::of(returns.iter().copied()).mean;
        let blocks = (0..returns.len()).map(|start| {
            let rows = returns[start..].iter().chain(returns).take(length);
            let sums = rows.fold([0.0, 0.0], |[sum, squares], value| {
                let deviation = value - mean;
                [sum + deviation, squares + deviation * deviation]
            });
            sums.map(|sum| sum / length as f64)
        });
        Leg { mean, blocks: blocks.collect() }
    }

    fn block(&self, start: u32) -> [f64; 2] {
        self.blocks[start as usize]
    }

    /// `None` where the strategy does not vary.
    fn replicate(&self, draws: &[u32]) -> Option<Replicate> {
        let sums = draws.iter().fold([0.0, 0.0], |[sum, squares], &start| {
            let [deviation, square] = self.block(start);
            [sum + deviation, squares + square]
        });
        let [shift, squares] = sums.map(|sum| sum / draws.len() as f64);
        let variance = squares - shift * shift;
        if variance <= NOISE * squares {
            return None;
        }
        let std_dev = variance.sqrt();
        Some(Replicate { shift, variance, std_dev, sharpe: (self.mean + shift) / std_dev })
    }
}

impl Replicate {
    /// Mean over a block of z - SR/2·(z² - 1).
    fn influence(&self, [deviation, square]: [f64; 2]) -> f64 {
        let z = (deviation - self.shift) / self.std_dev;
        let z_squared = (square - 2.0 * self.shift * deviation + self.shift * self.shift) / self.variance;
        z - self.sharpe / 2.0 * (z_squared - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LEAST_OBSERVATIONS, SharpeEstimate};
    use super::*;

    fn noise(series: u64, count: usize, mean: f64) -> Vec<f64> {
        let mut stream = Philox::new(12, Purpose::Simulation, series);
        (0..count).map(|_| 0.01 * (stream.unit() - 0.5 + mean)).collect()
    }

    /// The paper's formulas with their matrices, row by row.
    fn statistic_by_matrices(rows: [&[f64]; 2], length: usize, difference: f64) -> f64 {
        let count = rows[0].len() as f64;
        let mean = |of: &dyn Fn(usize) -> f64| (0..rows[0].len()).map(of).sum::<f64>() / count;
        let moments = [
            mean(&|t| rows[0][t]),
            mean(&|t| rows[1][t]),
            mean(&|t| rows[0][t].powi(2)),
            mean(&|t| rows[1][t].powi(2)),
        ];
        let cube = |leg: usize| (moments[leg + 2] - moments[leg].powi(2)).powf(1.5);
        let gradient = [
            moments[2] / cube(0),
            -moments[3] / cube(1),
            -moments[0] / (2.0 * cube(0)),
            moments[1] / (2.0 * cube(1)),
        ];
        let deviation = |t: usize| {
            let row = [rows[0][t], rows[1][t], rows[0][t].powi(2), rows[1][t].powi(2)];
            [0, 1, 2, 3].map(|k| row[k] - moments[k])
        };
        let blocks = rows[0].len() / length;
        let mut psi = [[0.0; 4]; 4];
        for block in 0..blocks {
            let mut zeta = [0.0; 4];
            for t in block * length..(block + 1) * length {
                let of = deviation(t);
                (0..4).for_each(|k| zeta[k] += of[k] / (length as f64).sqrt());
            }
            (0..16).for_each(|at| psi[at / 4][at % 4] += zeta[at / 4] * zeta[at % 4] / blocks as f64);
        }
        let form = (0..16).map(|at| gradient[at / 4] * psi[at / 4][at % 4] * gradient[at % 4]).sum::<f64>();
        let sharpes = rows.map(|returns| SharpeEstimate::of(returns).unwrap().sharpe);
        (sharpes[0] - sharpes[1] - difference).abs() / (form / count).sqrt()
    }

    #[test]
    fn a_count_of_replicates_by_matrices() {
        for (count, length) in [(60, 5), (63, 7), (100, 1), (107, 10)] {
            let series = [noise(1, count, 0.0), noise(2, count, 0.05)];
            let sample = SharpeDifference::of(&series[0], &series[1]).unwrap();
            let mut extreme = 0;
            for replicate in 0..400 {
                let mut stream = Philox::new(7, Purpose::PairedBlocks, replicate);
                let starts = (0..count / length).map(|_| stream.below(count as u32) as usize);
                let rows: Vec<usize> =
                    starts.flat_map(|start| (start..start + length).map(|row| row % count)).collect();
                let [x, y] = [0, 1].map(|leg| -> Vec<f64> { rows.iter().map(|&t| series[leg][t]).collect() });
                let statistic = statistic_by_matrices([&x, &y], length, sample.difference);
                extreme += u32::from(statistic >= sample.statistic());
            }
            let p = paired_bootstrap_p(&series[0], &series[1], length, 7, 400).unwrap();
            assert_eq!(p.share, f64::from(1 + extreme) / 401.0, "{count} periods in blocks of {length}");
            assert!(extreme > 20 && extreme < 380, "{extreme}");
            assert_eq!((p.replicates, p.seed), (400, 7));
        }
    }

    #[test]
    fn any_order_of_replicates_gives_the_same() {
        let (x, y) = (noise(3, 200, 0.0), noise(4, 200, 0.1));
        let sample = SharpeDifference::of(&x, &y).unwrap();
        let blocks = Blocks { legs: [Leg::of(&x, 5), Leg::of(&y, 5)], count: 40, length: 5 };
        let is_extreme = |replicate: u64| {
            let mut stream = Philox::new(3, Purpose::PairedBlocks, replicate);
            let draws: Vec<u32> = (0..40).map(|_| stream.below(200)).collect();
            blocks.is_extreme(&draws, &sample)
        };
        let backwards = (0..500).rev().filter(|&replicate| is_extreme(replicate)).count();
        let p = paired_bootstrap_p(&x, &y, 5, 3, 500).unwrap();
        assert_eq!(p.share, (1 + backwards) as f64 / 501.0);
    }

    #[test]
    fn a_replicate_that_does_not_vary_is_extreme() {
        // One return in 200 periods: most replicates miss it.
        let mut x = vec![0.0; 200];
        x[100] = 0.01;
        let p = paired_bootstrap_p(&x, &noise(5, 200, 0.0), 5, 1, 999).unwrap();
        assert!(p.share > 0.3, "{p:?}");
        assert_eq!(p.monte_carlo_error, (p.share * (1.0 - p.share) / 999.0).sqrt());
    }

    #[test]
    fn undefined_with_its_reason() {
        let (x, y) = (noise(6, 79, 0.0), noise(7, 79, 0.0));
        let short = Undefined::TooFewObservations { have: 79, need: 80 };
        assert_eq!(paired_bootstrap_p(&x, &y, 10, 1, 99), Err(short));
        assert_eq!(paired_bootstrap_p(&x, &x, 5, 1, 99), Err(Undefined::ZeroVariance));
        assert_eq!(paired_bootstrap_p(&x, &y, 0, 1, 99), Err(Undefined::Infeasible));
        assert_eq!(paired_bootstrap_p(&x, &y, 5, 1, 0), Err(Undefined::Infeasible));
        assert_eq!(paired_bootstrap_p(&x, &y[1..], 5, 1, 99), Err(Undefined::Infeasible));
        let short = Undefined::TooFewObservations { have: 20, need: LEAST_OBSERVATIONS };
        assert_eq!(paired_bootstrap_p(&x[..20], &y[..20], 1, 1, 99), Err(short));
    }
}
