//! Gradient-boosted trees on log-loss. `forust-ml` grows them, on one thread and without sampling, so that the same
//! rows give the same trees; the trees are then copied out, so that an artifact depends on this file alone.

use forust_ml::objective::ObjectiveType;
use forust_ml::tree::Tree as GrownTree;
use forust_ml::{GradientBooster, Matrix};
use serde::{Deserialize, Serialize};

use super::config::ModelConfig;
use super::logistic::sigmoid;
use crate::error::BacktestError;

/// Log-odds as a sum over trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gbdt {
    /// Log-odds before the first tree.
    pub base: f64,
    /// The trees, in the order in which they were grown.
    pub trees: Vec<Tree>,
}

/// A tree in columns, its root first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Feature that a node splits on.
    pub feature: Vec<u32>,
    /// A row goes left when its feature is below this.
    pub split: Vec<f64>,
    /// Nodes on the left; 0 marks a leaf, for no node leads to the root.
    pub left: Vec<u32>,
    /// Nodes on the right.
    pub right: Vec<u32>,
    /// Log-odds that a leaf adds.
    pub weight: Vec<f64>,
}

impl Gbdt {
    /// Grows trees on rows of `columns` standardised features.
    pub(super) fn fit(
        rows: &[f64],
        columns: usize,
        up: &[bool],
        config: &ModelConfig,
        seed: u64,
    ) -> Result<Gbdt, BacktestError> {
        let booster = grow(rows, columns, up, config, seed)?;
        Ok(Gbdt { base: booster.base_score, trees: booster.trees.iter().map(copy).collect() })
    }

    /// Probability of a rise.
    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        sigmoid(self.trees.iter().fold(self.base, |sum, tree| sum + tree.leaf(row)))
    }

    /// The invariant of [`Tree::leaf`]: children come after their parents and exist, features exist.
    pub(super) fn is_sound(&self, columns: usize) -> bool {
        self.trees.iter().all(|tree| {
            let nodes = tree.left.len();
            let equal = [tree.feature.len(), tree.split.len(), tree.right.len(), tree.weight.len()];
            let child = |node: usize, child: u32| child as usize > node && (child as usize) < nodes;
            let good = |node: usize| {
                tree.left[node] == 0
                    || (child(node, tree.left[node])
                        && child(node, tree.right[node])
                        && (tree.feature[node] as usize) < columns)
            };
            nodes > 0 && equal.iter().all(|len| *len == nodes) && (0..nodes).all(good)
        })
    }
}

impl Tree {
    fn leaf(&self, row: &[f64]) -> f64 {
        let mut node = 0;
        while self.left[node] != 0 {
            let goes_left = row[self.feature[node] as usize] < self.split[node];
            node = if goes_left { self.left[node] } else { self.right[node] } as usize;
        }
        self.weight[node]
    }
}

fn grow(
    rows: &[f64],
    columns: usize,
    up: &[bool],
    config: &ModelConfig,
    seed: u64,
) -> Result<GradientBooster, BacktestError> {
    let by_column = by_column(rows, columns);
    let labels: Vec<f64> = up.iter().map(|up| f64::from(u8::from(*up))).collect();
    let mut booster = GradientBooster::default()
        .set_objective_type(ObjectiveType::LogLoss)
        .set_iterations(config.trees)
        .set_max_depth(config.depth)
        .set_learning_rate(config.learning_rate as f32)
        .set_l2(config.l2 as f32)
        .set_initialize_base_score(true)
        .set_parallel(false)
        .set_seed(seed);
    booster
        .fit_unweighted(&Matrix::new(&by_column, up.len(), columns), &labels, None)
        .map_err(|error| BacktestError::Training(error.to_string()))?;
    Ok(booster)
}

fn by_column(rows: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|column| rows.iter().skip(column).step_by(columns)).copied().collect()
}

fn copy(grown: &GrownTree) -> Tree {
    let mut tree = Tree::default();
    for node in &grown.nodes {
        let child = |child: usize| if node.is_leaf { 0 } else { child as u32 };
        tree.feature.push(if node.is_leaf { 0 } else { node.split_feature as u32 });
        tree.split.push(if node.is_leaf { 0.0 } else { node.split_value });
        tree.left.push(child(node.left_child));
        tree.right.push(child(node.right_child));
        tree.weight.push(f64::from(node.weight_value));
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> (Vec<f64>, Vec<bool>, ModelConfig) {
        let rows: Vec<f64> = (0..400).flat_map(|i| [f64::from(i % 20), f64::from(i / 20)]).collect();
        let up = rows.chunks(2).map(|row| row[0] >= 10.0 && row[1] >= 5.0).collect();
        (rows, up, ModelConfig { trees: 30, depth: 3, learning_rate: 0.3, ..ModelConfig::default() })
    }

    #[test]
    fn a_step_is_learned() {
        let (rows, up, config) = step();
        let model = Gbdt::fit(&rows, 2, &up, &config, 1).unwrap();
        assert!(model.is_sound(2));
        for (row, up) in rows.chunks(2).zip(&up) {
            assert_eq!(model.predict(row) > 0.5, *up, "{row:?}");
        }
    }

    #[test]
    fn the_copied_trees_answer_like_the_grown_ones() {
        let (rows, up, config) = step();
        let booster = grow(&rows, 2, &up, &config, 1).unwrap();
        let model = Gbdt::fit(&rows, 2, &up, &config, 1).unwrap();
        let theirs = booster.predict(&Matrix::new(&by_column(&rows, 2), up.len(), 2), false);
        for (row, log_odds) in rows.chunks(2).zip(theirs) {
            assert!((model.predict(row) - sigmoid(log_odds)).abs() < 1e-12, "{row:?}");
        }
    }

    #[test]
    fn an_unsound_tree_is_noticed() {
        let tree =
            Tree { feature: vec![0], split: vec![0.0], left: vec![1], right: vec![1], weight: vec![0.0] };
        assert!(!Gbdt { base: 0.0, trees: vec![tree] }.is_sound(1));
        assert!(!Gbdt { base: 0.0, trees: vec![Tree::default()] }.is_sound(1));
    }
}
