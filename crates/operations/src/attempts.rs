//! An experiment that ended without a result, submitted once more; and the end of one by a person.

use gauntlet_domain::experiment::{
    CancelExperiment, ExperimentCancelled, ExperimentFailed, ExperimentFailure, SubmitExperiment,
};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{ContentHash, Event, ExperimentId};
use gauntlet_views::schema;
use serde::{Deserialize, Serialize};

use crate::answer::Standing;
use crate::browse::find;
use crate::node::Node;
use crate::publish::{is_published, publish_once};
use crate::refusal::Refusal;
use crate::rows::text;

/// Which experiment a document is when it is submitted again: the first of its attempts that has not failed and was not
/// cancelled. The id of the next attempt is derived from the document's hash and the id of the event that ended the one
/// before, so that asking twice is the same attempt.
pub(crate) fn latest(node: &Node, spec: &ExperimentSpec) -> Result<ExperimentId, Refusal> {
    let mut id = spec.experiment_id();
    loop {
        let row = node.views.row(&schema::EXPERIMENTS, &[id.to_string().as_str().into()])?;
        let ended = match row.as_ref().and_then(|row| text(row, "status")) {
            Some("failed") => Event::from(ExperimentFailed {
                experiment_id: id,
                reason: ExperimentFailure::Unknown(String::new()),
                detail: String::new(),
            }),
            Some("cancelled") => ExperimentCancelled { experiment_id: id, reason: String::new() }.into(),
            _ => return Ok(id),
        };
        // The id of an ending is that of its kind and its experiment.
        id = ExperimentId::derive(&[&spec.config_hash().0, ended.id().0.as_bytes()]);
    }
}

/// Which experiment to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The experiment, by the beginning of its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A cancellation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cancelling {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// It lies on the log, or there is nothing left to cancel.
    pub cancel: Standing,
    /// How the experiment had ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl Cancelling {
    /// Whether the experiment had ended otherwise.
    pub fn is_too_late(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status != "cancelled")
    }
}

/// Publishes a cancellation; nothing, where the experiment has ended.
pub fn cancel(node: &Node, request: &CancelRequest) -> Result<Cancelling, Refusal> {
    let experiment_id = match find(node, &schema::EXPERIMENTS, &request.id) {
        Ok(row) => {
            let id = text(&row, "experiment_id").unwrap_or_default();
            let experiment_id: ExperimentId = id
                .parse()
                .map_err(|_| Refusal::Broken(format!("'{id}' in the views is no experiment id")))?;
            if let Some(status @ ("completed" | "failed" | "cancelled")) = text(&row, "status") {
                let status = Some(status.to_owned());
                return Ok(Cancelling { experiment_id, cancel: Standing::Ended, status });
            }
            experiment_id
        }
        // No processor has taken it in yet: it is in no view.
        Err(refusal) => match request.id.parse() {
            Ok(id) if is_submitted(node, id)? => id,
            _ => return Err(refusal),
        },
    };
    let command = CancelExperiment { experiment_id, reason: request.reason.clone() };
    publish_once(node, "gateway", &[command.into()])?;
    Ok(Cancelling { experiment_id, cancel: Standing::Requested, status: None })
}

/// Whether an experiment lies on the log, among the newest that were submitted.
fn is_submitted(node: &Node, experiment_id: ExperimentId) -> Result<bool, Refusal> {
    // Its id alone makes the event's.
    let like = SubmitExperiment {
        experiment_id,
        config_hash: ContentHash::of(&[]),
        document: String::new(),
        submitted_by: String::new(),
    };
    is_published(node, &like.into())
}
