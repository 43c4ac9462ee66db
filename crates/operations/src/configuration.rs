//! `config validate|explain|diff|schema`: what a configuration is, where each value came from, whether a document is valid.

use std::path::Path;

use gauntlet_config::{Resolved, Sources, load};
use gauntlet_domain::{ContentHash, ExperimentId};
use serde::Serialize;
use serde_json::Value as Json;

use crate::feed::file_name;
use crate::refusal::{Refusal, unreadable};
use crate::submit::check;

/// A document that is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Valid {
    /// It is.
    pub ok: bool,
    /// Its file's name.
    #[serde(skip)]
    pub name: String,
    /// The experiment that it is, when it is one.
    #[serde(flatten)]
    pub experiment: Option<ValidExperiment>,
}

/// An experiment that could be submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ValidExperiment {
    /// The id that it would have.
    pub experiment_id: ExperimentId,
    /// Hash of the resolved document.
    pub config_hash: ContentHash,
}

/// A key of the configuration; its value has the key's shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Key {
    /// Its path.
    pub key: String,
    /// Its value.
    pub value: Json,
    /// Where the value came from.
    pub origin: String,
}

/// A key whose value is not the default.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Its path.
    pub key: String,
    /// The default.
    pub default: Json,
    /// Its value.
    pub value: Json,
    /// Where the value came from.
    pub origin: String,
}

/// Checks an experiment document, or a configuration file laid over the defaults.
pub fn validate(path: &Path, sources: &Sources) -> Result<Valid, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let name = file_name(path);
    // An experiment has a model; a configuration has none.
    let is_experiment = text.lines().any(|line| line.starts_with("model:") || line.starts_with("data:"));
    let experiment = if is_experiment {
        let spec = check(&text, &name, &[])?;
        Some(ValidExperiment { experiment_id: spec.experiment_id(), config_hash: spec.config_hash() })
    } else {
        load(Sources { file: Some(path.to_owned()), ..sources.clone() })?;
        None
    };
    Ok(Valid { ok: true, name, experiment })
}

/// Every key, its value and where it came from.
pub fn explain(resolved: &Resolved) -> Vec<Key> {
    let entries = resolved.entries().into_iter();
    entries.map(|(key, value, origin)| Key { key, value, origin: origin.to_string() }).collect()
}

/// Keys whose value is not the default.
pub fn diff(resolved: &Resolved) -> Result<Vec<Changed>, Refusal> {
    let defaults = load(Sources::default())?.entries();
    let changed = resolved.entries().into_iter().filter_map(|(key, value, origin)| {
        let (_, default, _) = defaults.iter().find(|(of, ..)| *of == key)?.clone();
        (default != value).then(|| Changed { key, default, value, origin: origin.to_string() })
    });
    Ok(changed.collect())
}

/// The JSON Schema of the configuration, or of an experiment.
pub fn schema(experiment: bool) -> Json {
    if experiment { gauntlet_config::experiment_schema() } else { gauntlet_config::schema() }
}
