//! Experiments through their stages, and the documents that they were made from.

use gauntlet_domain::Envelope;
use gauntlet_domain::experiment::{
    ConfigRegistered, ExperimentCancelled, ExperimentCompleted, ExperimentFailed, ExperimentStarted,
    ExperimentSubmitted,
};
use gauntlet_domain::ids::{ContentHash, ExperimentId};
use gauntlet_views::schema::{CONFIGURATIONS, EXPERIMENTS};
use gauntlet_views::{Upsert, Value};

use crate::{ONCE, explained};

// Stamps: the order of an experiment's stages. One of the endings happens.
const SUBMITTED: i64 = 1;
const STARTED: i64 = 2;
const ENDED: i64 = 3;

pub(crate) fn registered(event: &ConfigRegistered) -> Upsert {
    configuration(event.config_hash, &event.document)
}

pub(crate) fn submitted(event: &ExperimentSubmitted) -> Vec<Upsert> {
    let experiment = row(event.experiment_id, SUBMITTED)
        .with("name", event.name.as_str())
        .with("description", description(&event.document))
        .with("config_id", event.config_hash.to_string())
        .with("mandate", event.mandate.as_str())
        .with("place", event.place)
        .with("status", "submitted")
        .with("tuning_snapshot", event.tuning_snapshot.to_string())
        .with("holdout_snapshot", event.holdout_snapshot.to_string())
        .with("submitted_by", event.submitted_by.as_str());
    // A command from any client may come without its registration; the experiment's configuration is there either way.
    vec![experiment, configuration(event.config_hash, &event.document)]
}

pub(crate) fn started(event: &ExperimentStarted, envelope: &Envelope) -> Upsert {
    let started = row(event.experiment_id, STARTED)
        .with("status", "running")
        .with("start", Value::Timestamp(envelope.recorded_at.0));
    let warnings = event.warnings.join("; ");
    if warnings.is_empty() { started } else { started.with("warnings", warnings) }
}

pub(crate) fn completed(event: &ExperimentCompleted, envelope: &Envelope) -> Upsert {
    ended(event.experiment_id, "completed", envelope)
}

pub(crate) fn cancelled(event: &ExperimentCancelled, envelope: &Envelope) -> Upsert {
    ended(event.experiment_id, "cancelled", envelope).with("detail", event.reason.as_str())
}

pub(crate) fn failed(event: &ExperimentFailed, envelope: &Envelope) -> Upsert {
    ended(event.experiment_id, "failed", envelope)
        .with("detail", explained(event.reason.word(), &event.detail))
}

fn ended(id: ExperimentId, status: &str, envelope: &Envelope) -> Upsert {
    row(id, ENDED).with("status", status).with("end", Value::Timestamp(envelope.recorded_at.0))
}

fn row(id: ExperimentId, stamp: i64) -> Upsert {
    Upsert::new(&EXPERIMENTS, vec![id.to_string().into()], stamp)
}

fn configuration(hash: ContentHash, document: &str) -> Upsert {
    Upsert::new(&CONFIGURATIONS, vec![hash.to_string().into()], ONCE).with("parameters", document)
}

/// The description in a document, if it can be read.
fn description(document: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(document).ok()?;
    Some(document.get("description")?.as_str()?.to_owned())
}
