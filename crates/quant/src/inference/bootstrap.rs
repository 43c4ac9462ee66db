//! Stationary bootstrap (Politis and Romano 1994): blocks of geometric length with mean b, each from a uniform row, wrapped at
//! the end of the series.

use super::philox::{Philox, Purpose};
use super::{Undefined, all_finite, at_least};
use crate::metrics::numeric::Moments;

/// Rows of one replicate: as many as the series has, each between 0 and `rows` - 1.
///
/// A new block starts with probability 1/`block_length`; a length of one or less draws every row by itself.
pub fn stationary_indices(rows: u32, block_length: f64, stream: &mut Philox) -> Vec<u32> {
    if rows == 0 {
        return Vec::new();
    }
    // 2^32 / b: a word below it starts a block.
    let start = if block_length > 1.0 { (4_294_967_296.0 / block_length) as u64 } else { 1 << 32 };
    let mut row = stream.below(rows);
    let mut indices = vec![row];
    for _ in 1..rows {
        row = if u64::from(stream.word()) < start {
            stream.below(rows)
        } else if row + 1 == rows {
            0
        } else {
            row + 1
        };
        indices.push(row);
    }
    indices
}

/// Means of several series, and of their replicates: all series of one replicate take the same rows, so that the dependence
/// between them is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct BootstrappedMeans {
    /// Observations of each series.
    pub observations: usize,
    /// Mean block length that was used.
    pub block_length: f64,
    /// Sample mean of each series.
    pub means: Vec<f64>,
    /// Replicate means less the sample mean, replicate by replicate.
    deviations: Vec<f64>,
}

impl BootstrappedMeans {
    /// Draws `replicates` of series of one length.
    pub fn draw(
        series: &[&[f64]],
        block_length: f64,
        seed: u64,
        replicates: u32,
    ) -> Result<BootstrappedMeans, Undefined> {
        let observations = series.first().map_or(0, |first| first.len());
        at_least(2, observations)?;
        if replicates == 0 || block_length.is_nan() || series.iter().any(|s| s.len() != observations) {
            return Err(Undefined::Infeasible);
        }
        series.iter().try_for_each(|series| all_finite(series))?;
        let rows = u32::try_from(observations).map_err(|_| Undefined::Infeasible)?;
        let means: Vec<f64> = series.iter().map(|series| Moments::of(series.iter().copied()).mean).collect();
        // Row by row, so that a replicate adds whole rows.
        let mut centred = Vec::with_capacity(observations * series.len());
        for row in 0..observations {
            centred.extend(series.iter().zip(&means).map(|(series, mean)| series[row] - mean));
        }
        let mut deviations = Vec::with_capacity(series.len() * replicates as usize);
        for replicate in 0..replicates {
            let mut stream = Philox::new(seed, Purpose::Bootstrap, u64::from(replicate));
            let mut sums = vec![0.0; series.len()];
            for row in stationary_indices(rows, block_length, &mut stream) {
                let at = row as usize * series.len();
                sums.iter_mut().zip(&centred[at..]).for_each(|(sum, value)| *sum += value);
            }
            deviations.extend(sums.iter().map(|sum| sum / observations as f64));
        }
        Ok(BootstrappedMeans { observations, block_length, means, deviations })
    }

    /// Replicate by replicate, the mean of each series less its sample mean.
    pub fn replicates(&self) -> impl Iterator<Item = &[f64]> {
        self.deviations.chunks_exact(self.means.len().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_mean_length_and_rows_are_uniform() {
        let mut stream = Philox::new(11, Purpose::Bootstrap, 0);
        let rows = stationary_indices(50_000, 8.0, &mut stream);
        let starts = rows.windows(2).filter(|pair| (pair[0] + 1) % 50_000 != pair[1]).count();
        // Binomial with p = 1/8 and a standard deviation of 74.
        assert!((starts as f64 - 6_250.0).abs() < 300.0, "{starts}");
        let mean = rows.iter().map(|&row| f64::from(row)).sum::<f64>() / 50_000.0;
        assert!((mean - 25_000.0).abs() < 1_000.0, "{mean}");
    }

    #[test]
    fn a_length_of_one_draws_every_row_by_itself() {
        let mut stream = Philox::new(3, Purpose::Bootstrap, 0);
        let rows = stationary_indices(10_000, 1.0, &mut stream);
        let runs = rows.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert!(runs < 10, "{runs}");
        assert!(stationary_indices(0, 5.0, &mut stream).is_empty());
    }

    #[test]
    fn a_replicate_does_not_depend_on_how_many_there_are() {
        let series = [0.01, -0.02, 0.03, 0.0, 0.01];
        let few = BootstrappedMeans::draw(&[&series], 2.0, 5, 3).unwrap();
        let many = BootstrappedMeans::draw(&[&series], 2.0, 5, 9).unwrap();
        assert!(few.replicates().zip(many.replicates()).all(|(a, b)| a == b));
        assert_eq!((few.replicates().count(), many.replicates().count()), (3, 9));
        assert!(BootstrappedMeans::draw(&[&series, &series[1..]], 2.0, 5, 3).is_err());
    }
}
