//! Machine learning: features and labels from bars, an estimator, and a trading rule over its probabilities.
//!
//! Training reads the bars of its range and, for warm-up, those before; never one after. The artifact is a function
//! of (bars, range, configuration, seed) and its bytes are canonical: the same training, the same bytes.

/// What to train and how to trade on it.
pub mod config;
/// Features by name.
pub mod features;
/// Gradient-boosted trees.
pub mod gbdt;
/// What is learned.
pub mod labels;
/// Logistic regression.
pub mod logistic;

use std::ops::Range;

use gauntlet_quant::indicators::Series;
use serde::{Deserialize, Serialize};

pub use config::{Estimator, ModelConfig};
pub use features::{Feature, Features};
pub use labels::Labels;

use crate::bars::{BarRow, Bars};
use crate::error::BacktestError;
use crate::signal::{LiveStop, Signal, Signals, Target};
use crate::strategy::Strategy;
use features::FeatureState;
use gbdt::Gbdt;
use logistic::Logistic;

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// What was trained, and how it trades.
    pub config: ModelConfig,
    /// The seed of the training.
    pub seed: u64,
    /// Mean of each feature over the training rows.
    pub means: Vec<f64>,
    /// Standard deviation of each feature over the training rows; 1 for a feature that is constant there.
    pub scales: Vec<f64>,
    /// What was learned.
    pub fitted: Fitted,
}

/// What was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fitted {
    /// Logistic regression.
    Logistic(Logistic),
    /// Gradient-boosted trees.
    Gbdt(Gbdt),
}

/// Fewest rows to train on, and fewest of each class.
const FEWEST_ROWS: usize = 20;
const FEWEST_OF_A_CLASS: usize = 2;

/// Trains on the bars of `range`.
pub fn train(
    bars: &Bars,
    range: Range<usize>,
    config: &ModelConfig,
    seed: u64,
) -> Result<Artifact, BacktestError> {
    let features = Features::of(&bars.slice(0..range.end), &config.features);
    let labels = Labels::of(bars, range, config.horizon_bars, config.label_threshold);
    fit(&features, &labels, config, seed)
}

/// Fits the configured estimator to every bar that has both features and a label.
pub fn fit(
    features: &Features,
    labels: &Labels,
    config: &ModelConfig,
    seed: u64,
) -> Result<Artifact, BacktestError> {
    let columns = features.columns;
    let (mut rows, mut up) = (Vec::new(), Vec::new());
    for bar in labels.bars() {
        if let (Some(row), Some(label)) = (features.row(bar), labels.get(bar)) {
            rows.extend_from_slice(row);
            up.push(label);
        }
    }
    let positive = up.iter().filter(|up| **up).count();
    if up.len() < FEWEST_ROWS || positive.min(up.len() - positive) < FEWEST_OF_A_CLASS {
        return Err(BacktestError::NothingToLearn { rows: up.len(), positive });
    }
    let (means, scales) = standardise(&mut rows, columns);
    let fitted = match config.estimator {
        Estimator::Logistic => Fitted::Logistic(Logistic::fit(&rows, columns, &up, config.l2)),
        Estimator::Gbdt => Fitted::Gbdt(Gbdt::fit(&rows, columns, &up, config, seed)?),
    };
    Ok(Artifact { config: config.clone(), seed, means, scales, fitted })
}

/// Brings every column to mean 0 and deviation 1; answers what that took.
fn standardise(rows: &mut [f64], columns: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (rows.len() / columns) as f64;
    let column = |rows: &[f64], index: usize, term: &dyn Fn(f64) -> f64| {
        rows.iter().skip(index).step_by(columns).fold(0.0, |sum, value| sum + term(*value)) / count
    };
    let means: Vec<f64> = (0..columns).map(|index| column(rows, index, &|value| value)).collect();
    let scale = |index: usize| {
        let mean = means[index];
        let deviation = column(rows, index, &|value| (value - mean) * (value - mean)).sqrt();
        if deviation > 1e-12 { deviation } else { 1.0 }
    };
    let scales: Vec<f64> = (0..columns).map(scale).collect();
    for row in rows.chunks_exact_mut(columns) {
        row.iter_mut()
            .zip(&means)
            .zip(&scales)
            .for_each(|((value, mean), scale)| *value = (*value - mean) / scale);
    }
    (means, scales)
}

impl Artifact {
    /// Canonical bytes: JSON with the fields in their order and the shortest digits that read back exactly.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data with text keys has a JSON form")
    }

    /// Reads what [`Artifact::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Artifact, BacktestError> {
        let artifact: Artifact = serde_json::from_slice(bytes)
            .map_err(|error| BacktestError::MalformedArtifact(error.to_string()))?;
        let columns = artifact.config.features.len();
        let fits = match &artifact.fitted {
            Fitted::Logistic(model) => model.weights.len() == columns,
            Fitted::Gbdt(model) => model.is_sound(columns),
        };
        if fits && artifact.means.len() == columns && artifact.scales.len() == columns {
            Ok(artifact)
        } else {
            Err(BacktestError::MalformedArtifact(format!("its parts do not fit its {columns} features")))
        }
    }

    /// Probability of a rise, given one row of features as [`Features`] has them.
    pub fn predict_proba(&self, row: &[f64]) -> f64 {
        let scaled: Vec<f64> = row
            .iter()
            .zip(&self.means)
            .zip(&self.scales)
            .map(|((value, mean), scale)| (value - mean) / scale)
            .collect();
        match &self.fitted {
            Fitted::Logistic(model) => model.predict(&scaled),
            Fitted::Gbdt(model) => model.predict(&scaled),
        }
    }

    /// Probability of a rise at every bar.
    pub fn probabilities(&self, bars: &Bars) -> Series {
        let features = Features::of(bars, &self.config.features);
        Series::collect((0..bars.len()).map(|bar| features.row(bar).map(|row| self.predict_proba(row))))
    }

    /// Batch form: the signal of every bar.
    pub fn signals(&self, bars: &Bars) -> Signals {
        let probabilities = self.probabilities(bars);
        Signals {
            targets: (0..bars.len()).map(|bar| self.target(probabilities.get(bar))).collect(),
            stops: self.config.stop.map(|stop| stop.stops(bars)),
        }
    }

    /// Bar-by-bar form, before its first bar.
    pub fn live(&self) -> LiveModel<'_> {
        LiveModel {
            artifact: self,
            features: FeatureState::new(&self.config.features),
            stop: LiveStop::new(self.config.stop),
        }
    }

    /// The trading rule.
    fn target(&self, probability: Option<f64>) -> Target {
        match probability {
            Some(probability) if probability > 0.5 + self.config.threshold => Target::Long,
            Some(probability) if probability < 0.5 - self.config.threshold => Target::Short,
            _ => Target::Flat,
        }
    }
}

/// A model that is fed bar by bar.
pub struct LiveModel<'a> {
    artifact: &'a Artifact,
    features: FeatureState,
    stop: LiveStop,
}

impl Strategy for LiveModel<'_> {
    fn on_bar(&mut self, row: &BarRow) -> Signal {
        let probability = self.features.update(row).map(|values| self.artifact.predict_proba(values));
        self.stop.signal(row, self.artifact.target(probability))
    }
}
