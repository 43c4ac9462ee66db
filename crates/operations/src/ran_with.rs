//! The configuration that a thing ran with: the document of an experiment, a run or a model as it was submitted, and what
//! a trial or a model has beside it. Consumes views and the log, changes nothing.

use gauntlet_domain::Event;
use gauntlet_domain::topics::{EVALUATION_OUTCOMES, TRIAL_RESULTS, Topic};
use gauntlet_log::LogError;
use gauntlet_runtime::{events, restore};
use gauntlet_views::{Row, Value, schema};
use gauntlet_wire::headers;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::browse::find_anywhere;
use crate::experiment_report::document;
use crate::node::Node;
use crate::publish::place_in;
use crate::refusal::Refusal;
use crate::rows::text;

/// What has a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An experiment.
    Experiment,
    /// A trial, a phase of a model, or a walk-forward.
    Run,
    /// A finalist.
    Model,
    /// A resolved document by its hash.
    Configuration,
    /// A document in a file.
    Document,
    /// A policy.
    Policy,
}

impl Kind {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Experiment => "experiment",
            Kind::Run => "run",
            Kind::Model => "model",
            Kind::Configuration => "configuration",
            Kind::Document => "document",
            Kind::Policy => "policy",
        }
    }

    /// Its name with its article.
    pub(crate) fn with_article(self) -> String {
        format!("{} {}", if self == Kind::Experiment { "an" } else { "a" }, self.word())
    }
}

/// What a configuration is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Its id; of a policy its hash, of a document in a file the id of the experiment that it would be.
    pub id: String,
    /// The name of the experiment or the policy, or of the file.
    pub name: Option<String>,
    /// The mandate that registered a policy; none for the default policy, which every mandate has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mandate: Option<String>,
    /// SHA-256 of the canonical document.
    pub hash: String,
}

/// A configuration, and what it is of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RanWith {
    pub subject: Subject,
    /// The document as it was submitted, with every default spelled out.
    pub document: Map<String, Json>,
    /// What a trial or a model has beside its document.
    pub own: Map<String, Json>,
}

/// The canonical document of whatever has this id, or of the experiment of this name.
pub fn document_of(node: &Node, id: &str) -> Result<Json, Refusal> {
    Ok(Json::Object(ran_with(node, find_anywhere(node, id)?)?.document))
}

/// What the thing of a row ran with.
pub(crate) fn ran_with(node: &Node, row: Row) -> Result<RanWith, Refusal> {
    let kind = match row.table.name {
        name if name == schema::EXPERIMENTS.name => Kind::Experiment,
        name if name == schema::MODELS.name => Kind::Model,
        name if name == schema::RUNS.name => Kind::Run,
        name if name == schema::CONFIGURATIONS.name => Kind::Configuration,
        _ => return Err(without_document(&row)),
    };
    let id = row.key.last().and_then(Value::as_text).unwrap_or_default().to_owned();
    if kind == Kind::Configuration {
        let document = text(&row, "parameters").and_then(|text| serde_json::from_str(text).ok());
        let document = document.ok_or_else(|| unreadable(&id))?;
        let subject = Subject { kind, hash: id.clone(), id, name: None, mandate: None };
        return Ok(RanWith { subject, document, own: Map::new() });
    }
    let experiment = experiment_of(node, &row)?;
    let Some(Json::Object(document)) = document(node, &experiment)? else { return Err(unreadable(&id)) };
    let hash = text(&experiment, "config_id").unwrap_or_default().to_owned();
    let name = text(&experiment, "name").map(str::to_owned);
    let own = match kind {
        Kind::Experiment => Map::new(),
        _ => own(node, &experiment, &row)?,
    };
    Ok(RanWith { subject: Subject { kind, id, name, mandate: None, hash }, document, own })
}

fn without_document(row: &Row) -> Refusal {
    let id = row.key.last().and_then(Value::as_text).unwrap_or_default();
    Refusal::BadInput(format!(
        "{id} is a snapshot of data, and no document belongs to it: give an experiment, a run, a model or a configuration"
    ))
}

fn unreadable(id: &str) -> Refusal {
    Refusal::Broken(format!(
        "the document of {id} is not in the views, or cannot be read: gauntlet views rebuild makes them again from the log"
    ))
}

/// The experiment of a model or a run, or the experiment itself.
fn experiment_of(node: &Node, row: &Row) -> Result<Row, Refusal> {
    if row.table.name == schema::EXPERIMENTS.name {
        return Ok(row.clone());
    }
    let id = text(row, "experiment_id").unwrap_or_default();
    node.views.row(&schema::EXPERIMENTS, &[id.into()])?.ok_or_else(|| unreadable(id))
}

/// What a trial or a model has beside its document: parameters, the artifact's hash, the hashes of its experiment's bars,
/// the versions of the logic that made it. A walk-forward has nothing: each of its folds has a trial of its own.
fn own(node: &Node, experiment: &Row, row: &Row) -> Result<Map<String, Json>, Refusal> {
    let mut own = Map::new();
    let Some(trial) = row.get("trial").and_then(Value::as_long) else { return Ok(own) };
    let id = text(experiment, "experiment_id").unwrap_or_default();
    let model = match text(row, "model_id") {
        Some(model) => node.views.row(&schema::MODELS, &[model.into()])?,
        None => None,
    };
    let tried = node.views.row(&schema::TUNING_RESULTS, &[id.into(), Value::Long(trial)])?;
    // A model whose evaluation failed has none of its own: they are its trial's.
    let parameters = model.as_ref().and_then(|row| text(row, "parameters"));
    let parameters = parameters.or_else(|| tried.as_ref().and_then(|row| text(row, "hyperparameters")));
    if let Some(parameters) = parameters.and_then(|text| serde_json::from_str(text).ok()) {
        own.insert("parameters".to_owned(), parameters);
    }
    let artifact = model.as_ref().and_then(|row| text(row, "artifact_path"));
    if let Some(path) = artifact {
        own.insert("artifact".to_owned(), path.rsplit('/').next().unwrap_or(path).into());
    }
    own.insert("snapshots".to_owned(), Json::Object(snapshots(node, experiment)?));
    let model_id = model.as_ref().and_then(|row| text(row, "model_id"));
    own.insert("logic".to_owned(), Json::Object(logic(node, id, trial, model_id)?));
    Ok(own)
}

/// The content hashes of the bars that an experiment was tuned on and of those that it held out, where they are sealed.
fn snapshots(node: &Node, experiment: &Row) -> Result<Map<String, Json>, Refusal> {
    let mut hashes = Map::new();
    for (what, column) in [("tuning", "tuning_snapshot"), ("holdout", "holdout_snapshot")] {
        let Some(id) = text(experiment, column) else { continue };
        let row = node.views.row(&schema::DATA_SNAPSHOTS, &[id.into()])?;
        if let Some(hash) = row.as_ref().and_then(|row| text(row, "hash")) {
            hashes.insert(what.to_owned(), hash.into());
        }
    }
    Ok(hashes)
}

/// The version of the logic of whoever ran a trial, and of whoever evaluated its model, by processor: from the records of
/// the log, which has the results of an experiment in one partition of a topic each.
fn logic(
    node: &Node,
    experiment: &str,
    trial: i64,
    model: Option<&str>,
) -> Result<Map<String, Json>, Refusal> {
    let mut versions = Map::new();
    let is_of_trial = |event: &Event| match event {
        Event::TrialCompleted(event) => event.trial == trial,
        Event::TrialPruned(event) => event.trial == trial,
        Event::TrialFailed(event) => event.trial == trial,
        _ => false,
    };
    learn(node, &TRIAL_RESULTS, experiment, &mut versions, &is_of_trial)?;
    if let Some(model) = model {
        let is_of_model = |event: &Event| match event {
            Event::EvaluationCompleted(event) => event.model_id.to_string() == model,
            Event::EvaluationFailed(event) => event.model_id.to_string() == model,
            _ => false,
        };
        learn(node, &EVALUATION_OUTCOMES, experiment, &mut versions, &is_of_model)?;
    }
    Ok(versions)
}

/// Notes the version of whoever wrote the first record of an experiment that is asked for. A program outside need not say
/// its version.
fn learn(
    node: &Node,
    topic: &Topic,
    experiment: &str,
    versions: &mut Map<String, Json>,
    is_wanted: &dyn Fn(&Event) -> bool,
) -> Result<(), Refusal> {
    let place = place_in(node, topic.name, experiment)?;
    let (start, end) = node.log.bounds(&place)?;
    restore::any(&*node.log, &place, start, end, |record| {
        if record.key != experiment.as_bytes() {
            return Ok(false);
        }
        let is_it = events::readable(&node.codec, &record)?.is_some_and(|of| is_wanted(&of.event));
        if is_it {
            let writer = events::writer(&record);
            let is_own = node.processors.names().contains(&writer);
            let said = headers::logic_version(&record.headers);
            let version = if is_own { Some(events::logic_version(writer, &record)) } else { said };
            if let Some(version) = version {
                versions.insert(writer.to_owned(), version.into());
            }
        }
        Ok::<_, LogError>(is_it)
    })?;
    Ok(())
}
