//! Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and
//! Zhu 2017).
//!
//! The rows are cut into S contiguous blocks of ⌊n/S⌋; leftover rows are dropped at the start. For each half of the blocks the
//! trial with the highest Sharpe ratio in it (ties: lowest index) is ranked among all N in the other half (average ranks), and
//! ω = rank/(N + 1). PBO is the share of halves with ln(ω/(1 - ω)) ≤ 0: the selected trial is at best the median outside.
//! On trials without skill PBO scatters widely around one half.
//!
//! Sharpe ratios are per observation. Trials that do not vary over all rows used are left out. In a half where a trial does not vary
//! it cannot be selected, and outside it ranks as zero, the ratio of not trading.

use super::dominance::Pooled;
use super::{Dominance, Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{CoMoments, Moments, NOISE};

/// Blocks of the paper.
pub const DEFAULT_BLOCKS: usize = 16;

/// More would be millions of halves: 20 blocks have 184,756.
pub const MOST_BLOCKS: usize = 20;

/// What selecting the best in sample leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overfitting {
    /// Share of halves whose selected trial is at or below the median outside.
    pub pbo: f64,
    /// Trials that vary.
    pub trials: usize,
    /// Rows of a block.
    pub block_rows: usize,
    /// Rows dropped at the start.
    pub dropped_rows: usize,
    /// Halves that were looked at.
    pub halves: usize,
    /// Share of halves whose selected trial has a negative Sharpe ratio outside.
    pub probability_of_loss: f64,
    /// How the Sharpe ratio outside follows the one inside.
    pub degradation: Result<Degradation, Undefined>,
    /// Whether the selected trial is better than one taken at random.
    pub dominance: Dominance,
}

/// Line of the selected trial's Sharpe ratio out of sample on that in sample, by least squares over the halves. Overfitting bends
/// it down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Degradation {
    /// Slope.
    pub slope: f64,
    /// Value at an in-sample Sharpe ratio of zero.
    pub intercept: f64,
    /// Share of the variance that the line explains.
    pub r_squared: f64,
}

/// Of series of one length, one a trial, in an even number of blocks.
pub fn pbo(series: &[&[f64]], blocks: usize) -> Result<Overfitting, Undefined> {
    if blocks < 2 || blocks % 2 == 1 || blocks > MOST_BLOCKS {
        return Err(Undefined::Infeasible);
    }
    let sums = BlockSums::of(series, blocks)?;
    let (mut is_overfit, mut is_loss) = (0_usize, 0_usize);
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    sums.each_half(|in_sample, out_of_sample| {
        let Some((best, sharpe)) = best(in_sample) else { return };
        let reached = out_of_sample[best].unwrap_or(0.0);
        let (mut worse, mut equal) = (0, 0);
        for other in out_of_sample.iter().map(|other| other.unwrap_or(0.0)) {
            worse += usize::from(other < reached);
            equal += usize::from(other == reached);
        }
        // ω ≤ 1/2 with rank = worse + (equal + 1)/2, in whole numbers.
        is_overfit += usize::from(2 * worse + equal <= sums.trials);
        is_loss += usize::from(reached < 0.0);
        inside.push(sharpe);
        outside.push(reached);
    });
    if inside.is_empty() {
        return Err(Undefined::NotTestable);
    }
    let halves = inside.len();
    let mut pooled = Pooled::new(outside.clone());
    sums.each_half(|_, out_of_sample| {
        out_of_sample.iter().for_each(|sharpe| pooled.add(sharpe.unwrap_or(0.0)));
    });
    Ok(Overfitting {
        pbo: is_overfit as f64 / halves as f64,
        trials: sums.trials,
        block_rows: sums.rows,
        dropped_rows: sums.dropped,
        halves,
        probability_of_loss: is_loss as f64 / halves as f64,
        degradation: degradation(&inside, &outside),
        dominance: pooled.dominance(),
    })
}

/// The highest of those there are; the first of equal ones.
fn best(sharpes: &[Option<f64>]) -> Option<(usize, f64)> {
    let defined = sharpes.iter().enumerate().filter_map(|(at, sharpe)| sharpe.map(|sharpe| (at, sharpe)));
    defined.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn degradation(inside: &[f64], outside: &[f64]) -> Result<Degradation, Undefined> {
    let pairs = CoMoments::of(inside, outside).ok_or(Undefined::NotTestable)?;
    let slope = pairs.slope().ok_or(Undefined::ZeroVariance)?;
    let correlation = pairs.correlation().ok_or(Undefined::ZeroVariance)?;
    let mean = |values: &[f64]| Moments::of(values.iter().copied()).mean;
    let intercept = finite(mean(outside) - slope * mean(inside))?;
    Ok(Degradation { slope, intercept, r_squared: correlation * correlation })
}

/// Sums and sums of squares of each trial in each block, of deviations from the trial's mean so that no digits are lost.
struct BlockSums {
    trials: usize,
    blocks: usize,
    rows: usize,
    dropped: usize,
    means: Vec<f64>,
    /// Block by block: sum and sum of squares of each trial.
    sums: Vec<(f64, f64)>,
}

impl BlockSums {
    fn of(series: &[&[f64]], blocks: usize) -> Result<BlockSums, Undefined> {
        let length = series.first().map_or(0, |first| first.len());
        at_least(2 * blocks, length)?;
        if series.iter().any(|series| series.len() != length) {
            return Err(Undefined::Infeasible);
        }
        series.iter().try_for_each(|series| all_finite(series))?;
        let (rows, dropped) = (length / blocks, length % blocks);
        let used = series.iter().map(|series| &series[dropped..]);
        let with_mean = used.map(|series| (series, Moments::of(series.iter().copied())));
        let varying: Vec<(&[f64], f64)> = with_mean
            .filter(|(series, moments)| (moments.sum_sq_dev / series.len() as f64).sqrt() > NOISE)
            .map(|(series, moments)| (series, moments.mean))
            .collect();
        if varying.len() < 2 {
            return Err(Undefined::NotTestable);
        }
        let sums = (0..blocks).flat_map(|block| {
            varying.iter().map(move |(series, mean)| {
                let part = &series[block * rows..(block + 1) * rows];
                part.iter().fold((0.0, 0.0), |(sum, squares), value| {
                    let deviation = value - mean;
                    (sum + deviation, squares + deviation * deviation)
                })
            })
        });
        let sums = sums.collect();
        let means = varying.iter().map(|(_, mean)| *mean).collect();
        Ok(BlockSums { trials: varying.len(), blocks, rows, dropped, means, sums })
    }

    /// Sharpe ratios of every trial inside and outside each half of the blocks, in ascending order of the halves' bits.
    fn each_half(&self, mut look: impl FnMut(&[Option<f64>], &[Option<f64>])) {
        let (mut inside, mut outside) = (vec![None; self.trials], vec![None; self.trials]);
        let mut sums = vec![(0.0, 0.0); self.trials];
        for half in 0..1_u32 << self.blocks {
            if half.count_ones() as usize == self.blocks / 2 {
                self.sharpes(half, &mut sums, &mut inside);
                self.sharpes(!half, &mut sums, &mut outside);
                look(&inside, &outside);
            }
        }
    }

    fn sharpes(&self, half: u32, sums: &mut [(f64, f64)], sharpes: &mut [Option<f64>]) {
        sums.fill((0.0, 0.0));
        for block in (0..self.blocks).filter(|block| half >> block & 1 == 1) {
            let of_block = &self.sums[block * self.trials..];
            sums.iter_mut().zip(of_block).for_each(|(sum, part)| *sum = (sum.0 + part.0, sum.1 + part.1));
        }
        let count = (self.rows * self.blocks / 2) as f64;
        for ((sharpe, (sum, squares)), mean) in sharpes.iter_mut().zip(sums).zip(&self.means) {
            let about_mean = *squares - *sum * *sum / count;
            let std_dev = (about_mean / (count - 1.0)).sqrt();
            let varies = about_mean > 1e-12 * *squares && std_dev > NOISE;
            *sharpe = varies.then(|| (mean + *sum / count) / std_dev);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Philox, Purpose};
    use super::*;

    fn noise(series: u64, mean: f64) -> Vec<f64> {
        let mut stream = Philox::new(21, Purpose::Simulation, series);
        (0..330).map(|_| stream.unit() - 0.5 + mean).collect()
    }

    fn of(series: &[Vec<f64>], blocks: usize) -> Result<Overfitting, Undefined> {
        pbo(&series.iter().map(Vec::as_slice).collect::<Vec<_>>(), blocks)
    }

    #[test]
    fn a_trial_that_is_truly_better_is_not_overfit() {
        let mut family: Vec<Vec<f64>> = (0..9).map(|k| noise(k, 0.0)).collect();
        family.push(noise(9, 0.3));
        let found = of(&family, 16).unwrap();
        assert_eq!((found.pbo, found.halves, found.block_rows, found.dropped_rows), (0.0, 12_870, 20, 10));
        assert_eq!(found.probability_of_loss, 0.0);
        assert!(found.dominance.first_order && found.dominance.second_order);
    }

    #[test]
    fn copies_of_one_trial_share_the_median_rank() {
        // Ranks tie at (N + 1)/2, so ω is one half and every half counts as overfit.
        let found = of(&vec![noise(0, 0.1); 4], 8).unwrap();
        assert_eq!(found.pbo, 1.0);
        assert!(!found.dominance.first_order);
    }

    #[test]
    fn trials_that_never_trade_change_nothing() {
        let mut family: Vec<Vec<f64>> = (0..6).map(|k| noise(k, 0.0)).collect();
        let alone = of(&family, 8).unwrap();
        family.insert(0, vec![0.0; 330]);
        assert_eq!(of(&family, 8).unwrap(), alone);
    }

    #[test]
    fn a_trial_that_trades_in_one_half_only_is_ranked_as_zero_in_the_other() {
        let mut late = noise(1, -0.2);
        late[..165].fill(0.0);
        let found = of(&[noise(0, 0.2), late], 2).unwrap();
        // The late one is selected in neither half: it does not vary in the first and loses in the second.
        assert_eq!((found.pbo, found.halves), (0.0, 2));
    }

    #[test]
    fn undefined_with_its_reason() {
        let family: Vec<Vec<f64>> = (0..3).map(|k| noise(k, 0.0)).collect();
        for blocks in [0, 1, 7, 22] {
            assert_eq!(of(&family, blocks), Err(Undefined::Infeasible));
        }
        assert_eq!(of(&family[..1], 8), Err(Undefined::NotTestable));
        let short: Vec<Vec<f64>> = family.iter().map(|series| series[..31].to_vec()).collect();
        assert_eq!(of(&short, 16), Err(Undefined::TooFewObservations { have: 31, need: 32 }));
    }
}
