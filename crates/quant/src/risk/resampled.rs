//! What net returns could have been in another order: paths of a stationary bootstrap (Politis and Romano 1994).
//!
//! A replicate has as many periods as the sample, in blocks of geometric length with a mean of b (`inference::stationary_indices`).
//! Dependence that lasts longer than b is destroyed. b is the length of Politis and White (2004) for the returns or for their
//! squares, whichever is longer: returns alone give nearly one, while volatility clusters last for tens of periods.
//!
//! Sharpe ratio per period (divisor n - 1), final wealth and maximum drawdown of compounded wealth that starts at one; after
//! ruin nothing moves. 5, 50 and 95 % are quantiles of type 7 over the replicates. Replicate j depends on the seed and j alone.

use crate::inference::{
    LEAST_OBSERVATIONS, Philox, Purpose, SimulatedShare, Undefined, all_finite, at_least, block_length,
    stationary_indices,
};
use crate::metrics::numeric::{Moments, quantile, ratio};
use crate::metrics::wealth::{RUIN, Wealth};

/// Quantiles of one figure over all replicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// 5 %.
    pub low: f64,
    /// 50 %.
    pub median: f64,
    /// 95 %.
    pub high: f64,
}

/// Figures of resampled paths. One replicate without a figure leaves it undefined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampled {
    /// Mean block length that was used, in periods.
    pub block_length: f64,
    /// Replicates that were drawn.
    pub replicates: u32,
    /// Seed of all of them.
    pub seed: u64,
    /// Sharpe ratio, per period. `ZeroVariance` where a replicate does not vary.
    pub sharpe: Result<Quantiles, Undefined>,
    /// Wealth at the end, of one at the start. `NonFinite` where it leaves the range of a float, as are the other two.
    pub final_wealth: Result<Quantiles, Undefined>,
    /// Largest fall from a peak, a positive fraction of it.
    pub max_drawdown: Result<Quantiles, Undefined>,
    /// Probability of a final wealth below one.
    pub loss: Result<SimulatedShare, Undefined>,
}

/// Mean block length for paths of these returns, at least one; see the file's head. It is at most ⌈min(3√n, n/3)⌉. Undefined
/// below 16 returns and where they do not vary.
pub fn path_block_length(returns: &[f64]) -> Result<f64, Undefined> {
    let of_returns = block_length(returns)?;
    // The length has no unit, but what counts as no variance has.
    let largest = returns.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let squares: Vec<f64> = returns.iter().map(|value| (value / largest) * (value / largest)).collect();
    match block_length(&squares) {
        Ok(of_squares) => Ok(of_returns.max(of_squares).max(1.0)),
        // All of one size: their volatility has no clusters.
        Err(Undefined::ZeroVariance) => Ok(of_returns.max(1.0)),
        Err(reason) => Err(reason),
    }
}

/// Figures over `replicates` paths. `TooFewObservations` below 30 returns; `Infeasible` without replicates and for a block
/// length below one.
pub fn resampled(
    returns: &[f64],
    block_length: f64,
    seed: u64,
    replicates: u32,
) -> Result<Resampled, Undefined> {
    all_finite(returns)?;
    at_least(LEAST_OBSERVATIONS, returns.len())?;
    let rows = u32::try_from(returns.len()).map_err(|_| Undefined::Infeasible)?;
    if replicates == 0 || !(block_length >= 1.0 && block_length.is_finite()) {
        return Err(Undefined::Infeasible);
    }
    let path = |replicate: u32| {
        let mut stream = Philox::new(seed, Purpose::ResampledPath, u64::from(replicate));
        let indices = stationary_indices(rows, block_length, &mut stream);
        PathFigures::of(indices.into_iter().map(|row| returns[row as usize]))
    };
    Resampled::of(&(0..replicates).map(path).collect::<Vec<_>>(), block_length, seed)
}

impl Resampled {
    /// Figures over some paths, in the order of their numbers. `Infeasible` without paths.
    pub fn of(paths: &[PathFigures], block_length: f64, seed: u64) -> Result<Resampled, Undefined> {
        let replicates = u32::try_from(paths.len()).map_err(|_| Undefined::Infeasible)?;
        if replicates == 0 {
            return Err(Undefined::Infeasible);
        }
        let quantiles_of = |figure: fn(&PathFigures) -> Result<f64, Undefined>| {
            let values: Result<Vec<f64>, Undefined> = paths.iter().map(figure).collect();
            Quantiles::of(&values?)
        };
        let final_wealth = quantiles_of(|path| Ok(path.wealth));
        let losses = paths.iter().filter(|path| path.wealth < 1.0).count();
        let share = losses as f64 / f64::from(replicates);
        Ok(Resampled {
            block_length,
            replicates,
            seed,
            sharpe: quantiles_of(|path| path.sharpe),
            final_wealth,
            max_drawdown: final_wealth.and_then(|_| quantiles_of(|path| Ok(path.max_drawdown))),
            loss: final_wealth.map(|_| SimulatedShare::new(share, replicates, seed)),
        })
    }
}

/// Figures of one path, of resampled returns or of a run over resampled bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathFigures {
    /// Sharpe ratio, per period.
    pub sharpe: Result<f64, Undefined>,
    /// Wealth at the end, of one at the start.
    pub wealth: f64,
    /// Largest fall from a peak, a positive fraction of it.
    pub max_drawdown: f64,
}

impl PathFigures {
    /// Figures of a path of returns.
    pub fn of(returns: impl Iterator<Item = f64>) -> PathFigures {
        let (mut moments, mut wealth, mut max_drawdown) = (Moments::default(), Wealth::default(), 0.0_f64);
        for value in returns {
            let held = if wealth.value > 0.0 { value.max(RUIN) } else { 0.0 };
            moments.push(held);
            max_drawdown = max_drawdown.max(wealth.step(held));
        }
        let std_dev = moments.sample_std_dev().ok_or(Undefined::NonFinite);
        let sharpe = std_dev.and_then(|std_dev| ratio(moments.mean, std_dev).ok_or(Undefined::ZeroVariance));
        PathFigures { sharpe, wealth: wealth.value, max_drawdown }
    }
}

impl Quantiles {
    fn of(values: &[f64]) -> Result<Quantiles, Undefined> {
        all_finite(values)?;
        let at = |share: f64| quantile(values, share).ok_or(Undefined::NonFinite);
        Ok(Quantiles { low: at(0.05)?, median: at(0.5)?, high: at(0.95)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::SharpeEstimate;
    use crate::metrics::{max_drawdown, total_return};

    fn noise(count: usize) -> Vec<f64> {
        let mut stream = Philox::new(21, Purpose::Simulation, 0);
        (0..count).map(|_| 0.02 * (stream.unit() - 0.49)).collect()
    }

    /// The same paths, stored, through the functions that judge a backtest.
    #[test]
    fn figures_are_those_of_the_paths() {
        let returns = noise(300);
        let of = resampled(&returns, 7.0, 5, 200).unwrap();
        let paths: Vec<Vec<f64>> = (0..200)
            .map(|replicate| {
                let mut stream = Philox::new(5, Purpose::ResampledPath, replicate);
                let rows = stationary_indices(300, 7.0, &mut stream);
                rows.iter().map(|&row| returns[row as usize]).collect()
            })
            .collect();
        let near = |quantiles: Result<Quantiles, Undefined>, figure: &dyn Fn(&[f64]) -> f64| {
            let (of, values) =
                (quantiles.unwrap(), paths.iter().map(|path| figure(path)).collect::<Vec<f64>>());
            for (value, share) in [(of.low, 0.05), (of.median, 0.5), (of.high, 0.95)] {
                let expected = quantile(&values, share).unwrap();
                assert!((value - expected).abs() < 1e-12 * expected.abs(), "{value} is not {expected}");
            }
        };
        near(of.sharpe, &|path| SharpeEstimate::of(path).unwrap().sharpe);
        near(of.final_wealth, &|path| 1.0 + total_return(path).unwrap());
        near(of.max_drawdown, &|path| max_drawdown(path).unwrap());
        let losses = paths.iter().filter(|path| total_return(path).unwrap() < 0.0).count();
        let loss = of.loss.unwrap();
        assert!(losses > 2 && loss.share == losses as f64 / 200.0, "{losses} {loss:?}");
        assert_eq!((loss.replicates, loss.seed, of.replicates, of.seed), (200, 5, 200, 5));
        assert_eq!(loss.monte_carlo_error, (loss.share * (1.0 - loss.share) / 200.0).sqrt());
    }

    #[test]
    fn after_ruin_nothing_moves() {
        let path = PathFigures::of([0.5, -1.5, 3.0, 0.2].into_iter());
        assert_eq!((path.wealth, path.max_drawdown), (0.0, 1.0));
        let held = SharpeEstimate::of(&[0.5, -1.0, 0.0, 0.0]).unwrap();
        assert!((path.sharpe.unwrap() - held.sharpe).abs() < 1e-15);
    }

    #[test]
    fn one_path_without_a_figure_leaves_it_undefined() {
        // One return in 60: some replicates miss it.
        let mut returns = vec![0.0; 60];
        returns[30] = 0.1;
        let of = resampled(&returns, 3.0, 1, 100).unwrap();
        assert_eq!(of.sharpe, Err(Undefined::ZeroVariance));
        assert!(of.final_wealth.is_ok() && of.max_drawdown.is_ok());
        assert_eq!(of.loss.unwrap().share, 0.0);
        let of = resampled(&[1e300; 60], 3.0, 1, 100).unwrap();
        let broken = Err(Undefined::NonFinite);
        assert_eq!((of.final_wealth, of.max_drawdown), (broken, broken));
        assert_eq!(of.loss, Err(Undefined::NonFinite));
    }

    #[test]
    fn blocks_are_as_long_as_the_clusters_of_volatility() {
        let returns: Vec<f64> = noise(1000)
            .iter()
            .enumerate()
            .map(|(at, value)| if at / 50 % 2 == 0 { *value } else { 5.0 * value })
            .collect();
        let (plain, length) = (block_length(&returns).unwrap(), path_block_length(&returns).unwrap());
        assert!(length > 3.0 * plain && length > 20.0, "{plain} {length}");
        // The unit does not count, however small it is.
        let tiny: Vec<f64> = returns.iter().map(|value| value * 1e-5).collect();
        assert!((path_block_length(&tiny).unwrap() / length - 1.0).abs() < 1e-9);
        // All of one size.
        let coins: Vec<f64> = noise(100).iter().map(|value| value.signum()).collect();
        assert_eq!(path_block_length(&coins), block_length(&coins).map(|length| length.max(1.0)));
        assert_eq!(path_block_length(&[0.1; 100]), Err(Undefined::ZeroVariance));
    }

    #[test]
    fn undefined_with_its_reason() {
        let returns = noise(40);
        let short = Undefined::TooFewObservations { have: 29, need: 30 };
        assert_eq!(resampled(&returns[..29], 2.0, 1, 10), Err(short));
        assert_eq!(resampled(&returns, 2.0, 1, 0), Err(Undefined::Infeasible));
        for length in [0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(resampled(&returns, length, 1, 10), Err(Undefined::Infeasible));
        }
        assert_eq!(resampled(&[f64::NAN; 40], 2.0, 1, 10), Err(Undefined::NonFinite));
        let few = Undefined::TooFewObservations { have: 15, need: 16 };
        assert_eq!(path_block_length(&returns[..15]), Err(few));
    }
}
