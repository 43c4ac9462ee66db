//! What to train and how to trade on it: an estimator, its features, and parameters that tuning may vary.

use serde::{Deserialize, Serialize};

use super::features::{DEFAULT_FEATURES, Feature};
use crate::error::BacktestError;
use crate::params::{ParamSpec, Params, resolve};
use crate::signal::{AtrStop, STOP_PARAMETERS};

/// A model before training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// What learns.
    pub estimator: Estimator,
    /// What it sees.
    pub features: Vec<Feature>,
    /// How far ahead a label looks, in bars.
    pub horizon_bars: usize,
    /// Return over the horizon above which a bar is labelled up.
    pub label_threshold: f64,
    /// Long above a probability of `0.5 + threshold`, short below `0.5 − threshold`.
    pub threshold: f64,
    /// Penalty on squared weights (logistic) or leaves (gbdt).
    pub l2: f64,
    /// Trees of a gbdt.
    pub trees: usize,
    /// Splits from the root of a tree to its leaves, at most.
    pub depth: usize,
    /// Share of each tree that is added.
    pub learning_rate: f64,
    /// The stop, if there is one.
    pub stop: Option<AtrStop>,
}

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Estimator {
    /// Logistic regression.
    Logistic,
    /// Gradient-boosted trees.
    Gbdt,
}

static COMMON: [ParamSpec; 4] = [
    ParamSpec::int("horizon_bars", 1, 1, 100_000, "bars that a label looks ahead"),
    ParamSpec::float("label_threshold", 0.0, -1.0, 1.0, "return above which a bar is labelled up"),
    ParamSpec::float("threshold", 0.0, 0.0, 0.5, "distance from one half at which a probability trades"),
    ParamSpec::float("l2", 1.0, 0.0, 1e9, "penalty on squared weights or leaves"),
];

static TREES: [ParamSpec; 3] = [
    ParamSpec::int("trees", 100, 1, 10_000, "trees"),
    ParamSpec::int("depth", 4, 1, 16, "depth of a tree"),
    ParamSpec::float("learning_rate", 0.1, 1e-6, 1.0, "share of each tree that is added"),
];

impl Estimator {
    /// All estimators.
    pub const ALL: [Estimator; 2] = [Estimator::Logistic, Estimator::Gbdt];

    /// The name in an experiment.
    pub fn name(self) -> &'static str {
        match self {
            Estimator::Logistic => "logistic",
            Estimator::Gbdt => "gbdt",
        }
    }

    /// The estimator of that name; a refusal lists the known ones.
    pub fn parse(name: &str) -> Result<Estimator, BacktestError> {
        let known = || Estimator::ALL.iter().map(|estimator| estimator.name());
        Estimator::ALL
            .into_iter()
            .find(|estimator| estimator.name() == name)
            .ok_or_else(|| BacktestError::unknown("estimator", name, known()))
    }

    /// The parameters that it takes, those of the labels and of the trading rule included.
    pub fn parameters(self) -> Vec<&'static ParamSpec> {
        let own: &'static [ParamSpec] = match self {
            Estimator::Logistic => &[],
            Estimator::Gbdt => &TREES,
        };
        own.iter().chain(&COMMON).chain(&STOP_PARAMETERS).collect()
    }
}

impl ModelConfig {
    /// A model with these features (the default ones when none is named) and parameters; unknown names and values
    /// out of bounds are refused.
    pub fn build(
        estimator: Estimator,
        features: &[String],
        params: &Params,
    ) -> Result<ModelConfig, BacktestError> {
        let values = resolve(estimator.name(), &estimator.parameters(), params)?;
        let named: Vec<Feature> = features.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        Ok(ModelConfig {
            estimator,
            features: if named.is_empty() { DEFAULT_FEATURES.to_vec() } else { named },
            horizon_bars: values.int("horizon_bars"),
            label_threshold: values.float("label_threshold"),
            threshold: values.float("threshold"),
            l2: values.float("l2"),
            trees: values.int("trees"),
            depth: values.int("depth"),
            learning_rate: values.float("learning_rate"),
            stop: AtrStop::of(&values),
        })
    }
}

impl ModelConfig {
    /// Whether both learn the same from the same bars: all that may differ is the rule that trades on the probabilities, its
    /// threshold and its stop.
    pub fn learns_like(&self, other: &ModelConfig) -> bool {
        ModelConfig { threshold: other.threshold, stop: other.stop, ..self.clone() } == *other
    }
}

impl Default for ModelConfig {
    /// A gbdt with default features and parameters.
    fn default() -> ModelConfig {
        ModelConfig::build(Estimator::Gbdt, &[], &Params::new()).expect("defaults lie within their bounds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::AfterStop;

    #[test]
    fn unknown_parameters_are_refused_with_the_nearest() {
        let params = Params::from([("tree".to_owned(), 10.into())]);
        let error = ModelConfig::build(Estimator::Gbdt, &[], &params).unwrap_err().to_string();
        assert!(error.contains("did you mean 'trees'"), "{error}");
        assert!(ModelConfig::build(Estimator::Logistic, &[], &params).is_err(), "a regression has no trees");
        let error = Estimator::parse("gbt").unwrap_err().to_string();
        assert!(error.contains("did you mean 'gbdt'"), "{error}");
    }

    #[test]
    fn every_parameter_arrives() {
        let params: Params =
            [("trees", 7.into()), ("depth", 2.into()), ("threshold", 0.1.into()), ("stop_atr", 3.into())]
                .map(|(name, value): (&str, crate::params::ParamValue)| (name.to_owned(), value))
                .into();
        let config = ModelConfig::build(Estimator::Gbdt, &["rsi(7)".to_owned()], &params).unwrap();
        assert_eq!((config.trees, config.depth, config.threshold), (7, 2, 0.1));
        assert_eq!(config.stop, Some(AtrStop { multiple: 3.0, period: 14, after: AfterStop::Wait }));
        assert_eq!(config.features, [Feature::Rsi(7)]);
    }
}
