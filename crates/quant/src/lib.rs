//! Numbers: performance metrics, inference, risk, indicators, data splits. Slices in, values out; no I/O, no clock, no threads.
//!
//! Sums that decide anything run in index order, so that a result is the same to the last bit for any number of workers.

/// Technical indicators over columns of prices.
pub mod indicators;
/// Inference about Sharpe ratios: standard errors, deflation, overfitting, tests of many.
pub mod inference;
/// Performance metrics, one file each.
pub mod metrics;
/// Risk of returns and portfolios, and tests of forecasts of it.
pub mod risk;
/// Walk-forward folds with purge and embargo.
pub mod splits;
