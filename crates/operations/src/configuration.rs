//! `config validate|explain|diff|schema`.

use std::path::Path;

use gauntlet_config::{Resolved, Sources, load};
use serde_json::{Value as Json, json};

use super::feed::file_name;
use super::submit::check;
use crate::report::{Refusal, Report, unreadable};
use crate::table::table;

/// Checks an experiment document, or a configuration file laid over the defaults.
pub fn validate(path: &Path, sources: &Sources) -> Result<Report, Refusal> {
    let text = read(path)?;
    let name = file_name(path);
    // An experiment has a model; a configuration has none.
    let is_experiment = text.lines().any(|line| line.starts_with("model:") || line.starts_with("data:"));
    if is_experiment {
        let spec = check(&text, &name, &[])?;
        let (id, hash) = (spec.experiment_id(), spec.config_hash());
        let json = json!({ "ok": true, "experiment_id": id, "config_hash": hash });
        return Ok(Report::done(json, format!("{name} is valid: experiment {id}")));
    }
    load(Sources { file: Some(path.to_owned()), ..sources.clone() })?;
    Ok(Report::done(json!({ "ok": true }), format!("{name} is valid")))
}

/// Every key, its value and where it came from.
pub fn explain(resolved: &Resolved) -> Report {
    let entries = resolved.entries();
    let json: Vec<Json> = entries
        .iter()
        .map(|(key, value, origin)| json!({ "key": key, "value": value, "origin": origin.to_string() }))
        .collect();
    let rows =
        entries.iter().map(|(key, value, origin)| vec![key.clone(), value.to_string(), origin.to_string()]);
    Report::done(Json::Array(json), table(&["key", "value", "from"], rows))
}

/// Keys whose value is not the default.
pub fn diff(resolved: &Resolved) -> Result<Report, Refusal> {
    let defaults = load(Sources::default())?.entries();
    let changed: Vec<_> = resolved
        .entries()
        .into_iter()
        .filter_map(|(key, value, origin)| {
            let (_, default, _) = defaults.iter().find(|(of, ..)| *of == key)?.clone();
            (default != value).then_some((key, default, value, origin.to_string()))
        })
        .collect();
    let json: Vec<Json> = changed
        .iter()
        .map(|(key, default, value, from)| json!({ "key": key, "default": default, "value": value, "origin": from }))
        .collect();
    let rows =
        changed.iter().map(|(k, d, v, from)| vec![k.clone(), d.to_string(), v.to_string(), from.clone()]);
    Ok(Report::done(Json::Array(json), table(&["key", "default", "value", "from"], rows)))
}

/// The JSON Schema of the configuration, or of an experiment.
pub fn schema(experiment: bool) -> Report {
    let schema = if experiment { gauntlet_config::experiment_schema() } else { gauntlet_config::schema() };
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    Report::done(schema, text)
}

fn read(path: &Path) -> Result<String, Refusal> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}
