//! Numbers: performance metrics, inference, indicators, data splits. Slices in, values out; no I/O, no clock, no threads.
//!
//! Sums that decide anything run in index order, so that a result is the same to the last bit for any number of workers.

/// Technical indicators over columns of prices.
pub mod indicators;
/// Inference about Sharpe ratios: standard errors, deflation, overfitting, tests of many.
pub mod inference;
/// Performance metrics, one file each.
pub mod metrics;
/// Walk-forward folds with purge and embargo.
pub mod splits;
