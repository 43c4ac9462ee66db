//! What could have been: paths of resampled returns, runs over resampled bars, and the regimes that carried the profit.
//!
//! Bars are resampled as ratios to the close before them, the spreads as well, in blocks whose mean length is that of the
//! market's returns ([`path_block_length`]). A path begins with the first bar; its times are those of the bars. Whatever lasts
//! longer than a block is destroyed: trends of the market that a rule lives on may be gone.

use gauntlet_backtest::{BarRow, Bars, StrategySpec};
use gauntlet_domain::experiment::TrialPlan;
use gauntlet_quant::inference::{LEAST_OBSERVATIONS, Philox, Purpose, Undefined, stationary_indices};
use gauntlet_quant::metrics::Running;
use gauntlet_quant::risk::{PathFigures, RegimeLimits, Regimes, Resampled, path_block_length, resampled};
use gauntlet_walkforward::{Decided, Model, Segments, SideBySide};

use crate::figures::{Figures, Reason};
use crate::terrain::{Terrain, strategy_of};
use crate::threads::in_chunks;

/// Paths in a chunk, which share the memory of one set of bars.
const CHUNK: usize = 25;

/// Figures of paths: drawdown, probability of a loss, Sharpe ratio, wealth.
const OF_RETURNS: [&str; 8] = [
    "path_drawdown",
    "loss_probability",
    "path_sharpe_low",
    "path_sharpe_median",
    "path_sharpe_high",
    "path_wealth_low",
    "path_wealth_median",
    "path_wealth_high",
];
const OF_BARS: [&str; 8] = [
    "market_path_drawdown",
    "market_loss_probability",
    "market_path_sharpe_low",
    "market_path_sharpe_median",
    "market_path_sharpe_high",
    "market_path_wealth_low",
    "market_path_wealth_median",
    "market_path_wealth_high",
];

/// What paths are made of.
pub(crate) struct Paths<'a> {
    pub(crate) plan: &'a TrialPlan,
    pub(crate) bars: &'a Bars,
    pub(crate) terrain: &'a Terrain,
    pub(crate) threads: usize,
    pub(crate) replicates: u32,
}

impl Paths<'_> {
    /// Sets the figures of paths of resampled net returns.
    pub(crate) fn of_returns(&self, returns: &[f64], figures: &mut Figures, remarks: &mut Vec<String>) {
        let seed = self.plan.seed as u64;
        let found = path_block_length(returns)
            .and_then(|block_length| resampled(returns, block_length, seed, self.replicates));
        remarks.extend(found.as_ref().ok().map(|found| remark("returns", found)));
        set(&OF_RETURNS, found.map_err(Reason::from), figures);
    }

    /// Sets the figures of runs over resampled bars; of a rule only.
    pub(crate) fn of_bars(&self, figures: &mut Figures, remarks: &mut Vec<String>) {
        let model = Model::of(self.plan, &strategy_of(&self.terrain.finalist));
        let found = match model {
            Ok(Model::Rule(rule)) => self.runs(&rule).map_err(Reason::from),
            Ok(Model::Learned(_)) | Err(_) => {
                remarks.push(format!("bootstrap_path: {}", Reason::RulesOnly));
                Err(Reason::RulesOnly)
            }
        };
        remarks.extend(found.as_ref().ok().map(|found| remark("bars", found)));
        set(&OF_BARS, found, figures);
    }

    fn runs(&self, rule: &StrategySpec) -> Result<Resampled, Undefined> {
        let ratios = Ratios::of(self.bars)?;
        let block_length = path_block_length(&ratios.returns())?;
        let replicates: Vec<u32> = (0..self.replicates).collect();
        let paths = in_chunks(&replicates, CHUNK, self.threads, |replicates| {
            let mut path = self.bars.clone();
            let run = |replicate: &u32| {
                let seed = self.plan.seed as u64;
                let mut stream = Philox::new(seed, Purpose::MarketPath, u64::from(*replicate));
                ratios.rebuild(&stationary_indices(ratios.count, block_length, &mut stream), &mut path);
                self.run(rule, &path)
            };
            replicates.iter().map(run).collect()
        });
        let paths: Vec<PathFigures> = paths.into_iter().collect::<Result<_, _>>()?;
        Resampled::of(&paths, block_length, self.plan.seed as u64)
    }

    /// The rule over the folds of the plan, other bars under it.
    fn run(&self, rule: &StrategySpec, bars: &Bars) -> Result<PathFigures, Undefined> {
        let costs = self.terrain.costs;
        if self.plan.account.limits.is_some() {
            let strategy = strategy_of(&self.terrain.finalist);
            let decided = Decided::of(self.plan, &strategy, bars, costs.latency_bars);
            let (segments, _) = decided.map_err(|_| Undefined::Infeasible)?.trade(&costs);
            return path_figures(&segments.running);
        }
        let trader = std::iter::once((rule, costs));
        let mut walk = SideBySide::under(self.plan, trader, bars).map_err(|_| Undefined::Infeasible)?;
        (0..self.plan.folds.len()).for_each(|fold| walk.fold(fold, &[0]));
        path_figures(walk.running(0))
    }
}

/// What became of an account on a path.
fn path_figures(running: &Running) -> Result<PathFigures, Undefined> {
    let returns = &running.returns;
    Ok(PathFigures {
        // Not annual: of one period.
        sharpe: returns.sharpe(0.0, 1.0).ok_or(Undefined::ZeroVariance),
        wealth: 1.0 + returns.total_return().ok_or(Undefined::NonFinite)?,
        max_drawdown: returns.max_drawdown().ok_or(Undefined::NonFinite)?,
    })
}

/// Bars as ratios to the close before them; one less than there are bars.
struct Ratios {
    rows: Vec<BarRow>,
    count: u32,
}

impl Ratios {
    /// `TooFewObservations` below 31 bars, `Infeasible` where a price is not positive.
    fn of(bars: &Bars) -> Result<Ratios, Undefined> {
        let have = bars.len().saturating_sub(1);
        if have < LEAST_OBSERVATIONS {
            return Err(Undefined::TooFewObservations { have, need: LEAST_OBSERVATIONS });
        }
        let prices = bars.open.iter().chain(&bars.high).chain(&bars.low).chain(&bars.close);
        if !prices.copied().all(|price| price > 0.0 && price.is_finite()) {
            return Err(Undefined::Infeasible);
        }
        let ratio = |(row, before): (BarRow, &f64)| BarRow {
            open: row.open / before,
            high: row.high / before,
            low: row.low / before,
            close: row.close / before,
            open_spread: row.open_spread / before,
            close_spread: row.close_spread / before,
            ..row
        };
        let rows: Vec<BarRow> = bars.rows().skip(1).zip(&bars.close).map(ratio).collect();
        let count = u32::try_from(have).map_err(|_| Undefined::Infeasible)?;
        Ok(Ratios { rows, count })
    }

    /// Returns of the market, close to close.
    fn returns(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.close - 1.0).collect()
    }

    /// Prices from the first bar of `path` on, which stays, as do all times.
    fn rebuild(&self, indices: &[u32], path: &mut Bars) {
        let mut before = path.close[0];
        for (bar, index) in (1..).zip(indices) {
            let row = &self.rows[*index as usize];
            path.open[bar] = row.open * before;
            path.high[bar] = row.high * before;
            path.low[bar] = row.low * before;
            path.open_spread[bar] = row.open_spread * before;
            path.close_spread[bar] = row.close_spread * before;
            path.volume[bar] = row.volume;
            before *= row.close;
            path.close[bar] = before;
        }
    }
}

/// How the paths were drawn, and how sure the share of losses is.
fn remark(what: &str, found: &Resampled) -> String {
    let Resampled { block_length, replicates, seed, loss, .. } = found;
    let error = loss.map_or(String::new(), |loss| {
        format!("; the Monte-Carlo error of the loss probability is {:.4}", loss.monte_carlo_error)
    });
    format!(
        "bootstrap_path: {replicates} paths of {what} in blocks of {block_length:.1} bars on average, seed {seed}: what \
         lasts longer is destroyed{error}"
    )
}

fn set(names: &[&str; 8], found: Result<Resampled, Reason>, figures: &mut Figures) {
    let found = match found {
        Ok(found) => found,
        Err(reason) => return figures.leave(names, &reason),
    };
    let of = |value: Result<f64, Undefined>| value.map_err(Reason::from);
    let values = [
        of(found.max_drawdown.map(|quantiles| quantiles.high)),
        of(found.loss.map(|loss| loss.share)),
        of(found.sharpe.map(|quantiles| quantiles.low)),
        of(found.sharpe.map(|quantiles| quantiles.median)),
        of(found.sharpe.map(|quantiles| quantiles.high)),
        of(found.final_wealth.map(|quantiles| quantiles.low)),
        of(found.final_wealth.map(|quantiles| quantiles.median)),
        of(found.final_wealth.map(|quantiles| quantiles.high)),
    ];
    names.iter().zip(values).for_each(|(name, value)| figures.set(name, value));
}

/// The largest share of the profit that one regime of the market's volatility carries. A gate may decide by it, so the limits
/// between the regimes come from the bars before the first that is judged.
pub(crate) fn regimes(plan: &TrialPlan, bars: &Bars, segments: &Segments) -> Result<f64, Reason> {
    let judged = plan.folds.iter().map(|fold| fold.test_from.max(0) as usize).min().unwrap_or(0);
    let before = bars.close[..judged.min(bars.len())].windows(2);
    let limits = RegimeLimits::of(&before.map(|pair| pair[1] / pair[0] - 1.0).collect::<Vec<f64>>())?;
    let regimes = Regimes::of(&segments.returns, &segments.benchmark, limits)?;
    let mut largest = f64::NEG_INFINITY;
    for regime in regimes.by_volatility {
        largest = largest.max(regime.profit_share?);
    }
    Ok(largest)
}
