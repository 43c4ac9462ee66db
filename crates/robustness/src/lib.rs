//! Robustness of a finalist: what becomes of its score when parameters, costs, timing or data are others.
//!
//! A pure function of (plan, parameters, terms, bars), with the same bits for any number of threads. All points see the same
//! bars, folds, seed and resampled rows (common random numbers), so a difference is one of the point. A score is the objective
//! over the plan's folds, turned round where less is better. Every run on the tuning bars is counted in
//! [`Analysis::evaluations`]; runs over resampled bars are not among them.
//!
//! Figures of the whole; one without a value has its reason under the same name in [`Analysis::undefined`]:
//!
//! | name | what |
//! |---|---|
//! | `plateau` | share of the neighbours that keep 80 % of the score; the strategy's parameters ±10 % of each axis |
//! | `plateau_low`, `plateau_high` | its 95 % interval (Wilson) |
//! | `plateau_within_error` | share of the neighbours within one standard error below the score; Sharpe ratio only |
//! | `neighbours_median`, `neighbours_low` | median and 10 % quantile of the neighbours' scores over the score |
//! | `cliff_distance` | smallest Chebyshev distance, in quantiles of the axes, to an evaluated point below half of the score |
//! | `cliff_radius` | largest distance that was evaluated |
//! | `break_even_cost_multiple` | multiple of all costs at which the total return is first 0 or less; 1,000 where it gains there still; undefined without costs |
//! | `costs_x2_return`, `costs_x4_return`, `delay_1_bar_return` | total return of the stress of that name |
//! | `loss_probability` | share of the paths of resampled returns that end below the capital |
//! | `path_drawdown` | 95 % quantile of their largest fall from a peak |
//! | `path_sharpe_low`, `path_sharpe_median`, `path_sharpe_high` | 5, 50 and 95 % of their Sharpe ratio per bar |
//! | `path_wealth_low`, `path_wealth_median`, `path_wealth_high` | 5, 50 and 95 % of their final wealth over the capital |
//! | `market_loss_probability`, `market_path_drawdown` | the same of runs over resampled bars |
//! | `market_path_sharpe_low`, `market_path_sharpe_median`, `market_path_sharpe_high` | |
//! | `market_path_wealth_low`, `market_path_wealth_median`, `market_path_wealth_high` | |
//! | `regime_profit_share` | largest share of the profit that bars of low, middling or high volatility carry |
//! | `sobol_converged` | 1 where every interval of a Sobol total is narrower than 0.1, else 0 |
//!
//! Figures of each axis, in the order of the space; axes of costs are named `costs.…`:
//!
//! | name | what |
//! |---|---|
//! | `slice_range`, `slice_steepest` | highest less lowest score of a slice through the finalist; largest slope, in score per axis |
//! | `slice_best_at_edge` | 1 where the best score of the slice is at its end, else 0 |
//! | `sobol_first`, `sobol_first_low`, `sobol_first_high` | share of the variance that the axis explains by itself; 95 % interval |
//! | `sobol_total`, `sobol_total_low`, `sobol_total_high` | share with all its interactions; 95 % interval |
//! | `morris_mu`, `morris_sigma` | mean and standard deviation of elementary effects, in score per axis |
//! | `morris_mu_star`, `morris_mu_star_low`, `morris_mu_star_high` | mean absolute effect; 95 % interval |
//! | `pawn_median`, `pawn_max` | Kolmogorov–Smirnov distances of slices to the whole, median and maximum |
//! | `pawn_dummy` | what the median of an axis without influence stays below (95 %) |
//!
//! Definitions and sources of the indices are in `gauntlet_sensitivity`, of paths and regimes in `gauntlet_quant::risk`.
//!
//! Reading order: [`figures`], `terrain` (what varies), `evaluator` (the one way a point is run), then `local`, `global`,
//! `stress`, `paths`, and `analysis`, which puts them together.

mod analysis;
mod axes;
mod evaluator;
/// Names of figures, and why one has no value.
pub mod figures;
mod global;
mod local;
mod paths;
mod stress;
mod terrain;
mod threads;

pub use analysis::{Analysis, analyse_on};
