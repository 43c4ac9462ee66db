//! No pruning.

use super::{FoldHistory, Pruner};

/// Every trial runs all its folds.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPruner;

impl Pruner for NoPruner {
    fn observe(&mut self, _trial: &FoldHistory) {}

    fn thresholds(&self) -> Vec<Option<f64>> {
        Vec::new()
    }
}
