//! What can be wrong with the input of a backtest or a training. Retrying never helps: everything here is pure.

/// Why a backtest or a training cannot run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BacktestError {
    /// No strategy, parameter, feature or estimator has this name.
    #[error("{what} '{name}' is not known: did you mean '{nearest}'? known are {}", known.join(", "))]
    UnknownName {
        /// What was named: `strategy`, `parameter of ma-cross`, `feature`…
        what: String,
        /// The name as given.
        name: String,
        /// The known name closest to it.
        nearest: String,
        /// All known names.
        known: Vec<String>,
    },
    /// A parameter has a value of the wrong kind or outside its bounds.
    #[error("parameter '{name}' of {owner} is {value}: give {expected}")]
    BadParameter {
        /// The strategy or model.
        owner: String,
        /// The parameter.
        name: String,
        /// The value as given.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// A cost or account setting is negative, infinite or undefined.
    #[error("{field} is {value}: give {expected}")]
    BadSetting {
        /// The field as in an experiment.
        field: &'static str,
        /// The value as given.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// Accounts with limits were to run side by side, which checks no order.
    #[error("account.limits are not checked side by side: run the model by itself")]
    LimitsSideBySide,
    /// A plan names a version of the set of metrics that is not there.
    #[error(
        "plan.metric_set is {metric_set}, and this release has the versions 1 to {newest} of the set of metrics: \
         evaluate the plan with the release that made it, or a newer one"
    )]
    UnknownMetricSet {
        /// The version as the plan has it.
        metric_set: i64,
        /// The newest version there is.
        newest: u32,
    },
    /// Nothing to learn from.
    #[error(
        "{rows} labelled rows with {positive} positive are too few to train on: \
         widen the training range, shorten horizon_bars, or lower label_threshold"
    )]
    NothingToLearn {
        /// Rows with features and a label.
        rows: usize,
        /// Rows labelled up.
        positive: usize,
    },
    /// The estimator refused.
    #[error("training failed: {0}")]
    Training(String),
    /// The bytes are not a model.
    #[error("not a model artifact: {0}")]
    MalformedArtifact(String),
}

impl BacktestError {
    /// Never: the same input gives the same refusal.
    pub fn retry_helps(&self) -> bool {
        false
    }

    /// The refusal of an unknown name.
    pub(crate) fn unknown<'a>(
        what: impl Into<String>,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> BacktestError {
        let known: Vec<String> = known.map(str::to_owned).collect();
        let nearest = known.iter().min_by_key(|candidate| strsim::damerau_levenshtein(candidate, name));
        BacktestError::UnknownName {
            what: what.into(),
            name: name.to_owned(),
            nearest: nearest.cloned().unwrap_or_default(),
            known,
        }
    }
}
