//! `config validate|explain|diff|schema`: what a configuration is, where each value came from, whether a document is valid.

use std::path::Path;

use gauntlet_config::{Resolved, Sources, load, nearest};
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
    /// What it means, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
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

/// Every key, its value and where it came from; of one key, or of those in a section, what they mean as well.
pub fn explain(resolved: &Resolved, asked: Option<&str>) -> Result<Vec<Key>, Refusal> {
    let entries = resolved.entries();
    let is_asked = |key: &str| {
        asked.is_none_or(|asked| {
            key.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    if let Some(asked) = asked
        && !entries.iter().any(|(key, ..)| is_asked(key))
    {
        let near = nearest(asked, entries.iter().map(|(key, ..)| key.as_str()));
        let hint = near.map(|key| format!(": did you mean {key}?")).unwrap_or_default();
        return Err(Refusal::BadInput(format!(
            "there is no key '{asked}'{hint}; gauntlet config explain lists all of them"
        )));
    }
    let schema = gauntlet_config::schema();
    let wanted = entries.into_iter().filter(|(key, ..)| is_asked(key));
    let explained = wanted.map(|(key, value, origin)| {
        let meaning = asked.and_then(|_| meaning(&schema, &key));
        Key { key, value, origin: origin.to_string(), meaning }
    });
    Ok(explained.collect())
}

/// What the schema says of a key.
fn meaning(schema: &Json, key: &str) -> Option<String> {
    let resolve = |node: &Json| -> Json {
        let reference = node["$ref"].as_str().or_else(|| node["allOf"][0]["$ref"].as_str());
        reference.and_then(|path| schema.pointer(path.trim_start_matches('#'))).unwrap_or(node).clone()
    };
    let (mut node, mut said) = (schema.clone(), None);
    for part in key.split('.') {
        let next = node["properties"][part].clone();
        said = next["description"].as_str().map(str::to_owned);
        node = resolve(&next);
    }
    said
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
