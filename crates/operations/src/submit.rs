//! `submit` and `cancel`: experiments in, with everything that is wrong said before anything is published.

use std::time::{Duration, Instant};

use gauntlet_config::ExperimentDocument;
use gauntlet_domain::experiment::{CancelExperiment, ConfigRegistered, SubmitExperiment};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{Event, ExperimentId, external};
use gauntlet_experiments::validate::{Problem, validate};
use gauntlet_runtime::Running;
use gauntlet_views::{Row, schema};
use serde::{Deserialize, Serialize};

use crate::answer::Standing;
use crate::browse::find;
use crate::coverage::require_bars;
use crate::experiment_report::{ExperimentReport, experiment_report};
use crate::node::Node;
use crate::progress::Progress;
use crate::publish::publish_once;
use crate::refusal::Refusal;
use crate::rows::text;

/// A document as it was read, for the node that takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// The document's text.
    pub text: String,
    /// Its file's name.
    pub name: String,
    /// `key=value` pairs laid over it.
    pub overrides: Vec<(String, String)>,
    /// Whether to wait for the end.
    pub wait: bool,
}

/// An experiment that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// Its id.
    pub experiment_id: ExperimentId,
    /// It lies on the log.
    pub status: Standing,
    /// Whether it was not there before.
    #[serde(skip)]
    pub is_new: bool,
    /// Sections of the document that no stage reads yet.
    #[serde(skip)]
    pub unread: Vec<&'static str>,
}

/// What waiting for an experiment gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Waited {
    /// It has ended.
    Ended(ExperimentReport),
    /// All is quiet, and event time has not passed the end of its period.
    Pending(Pending),
}

/// An experiment that waits for data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Its id.
    pub experiment_id: ExperimentId,
    /// It waits.
    pub status: Standing,
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
    /// It lies on the log.
    pub cancel: Standing,
}

/// Reads and checks a document.
pub fn check(text: &str, name: &str, overrides: &[(String, String)]) -> Result<ExperimentSpec, Refusal> {
    let document = ExperimentDocument::read(text, name, overrides)?;
    refuse(&document, &validate(&document.spec))?;
    Ok(document.spec)
}

/// Refuses a document with problems, each with its place.
pub(crate) fn refuse(document: &ExperimentDocument, problems: &[Problem]) -> Result<(), Refusal> {
    if problems.is_empty() {
        return Ok(());
    }
    let line = |problem: &Problem| format!("{}: {problem}", document.place(&problem.field));
    Err(Refusal::BadInput(problems.iter().map(line).collect::<Vec<_>>().join("\n")))
}

/// Publishes an experiment.
pub fn submit(node: &Node, request: &SubmitRequest) -> Result<Submitted, Refusal> {
    let spec = check(&request.text, &request.name, &request.overrides)?;
    if let Some(trainer) = external::trainer(&spec.model.strategy)
        && node.services.is_exclusive()
    {
        return Err(Refusal::BadInput(format!(
            "{}: model.strategy: a trainer outside ({trainer}) is reached over Kafka and this log is embedded: \
             set kafka.bootstrap_servers, or use a strategy that is built in",
            request.name
        )));
    }
    let instrument = spec.instrument().map_err(Refusal::input)?;
    let (tuning, holdout) = spec.snapshots().map_err(Refusal::input)?;
    require_bars(node, &instrument, tuning.spec)?;
    let (experiment_id, config_hash) = (spec.experiment_id(), spec.config_hash());
    let document = spec.canonical_json();
    let events = [
        Event::from(ConfigRegistered { config_hash, document: document.clone() }),
        tuning.into(),
        holdout.into(),
        SubmitExperiment { experiment_id, config_hash, document }.into(),
    ];
    let is_new = publish_once(node, "gateway", &events)?;
    let unread = [
        ("sensitivity", spec.sensitivity.is_some()),
        ("gates", spec.gates.is_some()),
        ("paper", spec.paper.is_some()),
        ("live", spec.live.is_some()),
    ];
    let unread = unread.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect();
    Ok(Submitted { experiment_id, status: Standing::Submitted, is_new, unread })
}

/// Waits for an experiment's end and answers with its leaderboard.
pub fn wait(
    node: &Node,
    running: &Running,
    id: ExperimentId,
    progress: &dyn Progress,
) -> Result<Waited, Refusal> {
    let key = [id.to_string().as_str().into()];
    let budget = spec_of(node, id)?.map_or(0, |spec| u64::from(spec.tuning.trials));
    let step = progress.begin("trials", budget, "trials");
    let mut shown = Instant::now();
    let mut ends = None;
    let mut waits_outside = false;
    let row = node.wait_for(running, || {
        // Counting reads every trial: now and then is enough for the eye.
        if step.is_watched() && shown.elapsed() > Duration::from_millis(250) {
            step.at(node.views.partition(&schema::TUNING_RESULTS, &key, None)?.len() as u64);
            shown = Instant::now();
        }
        // Quiet first: a row that is read after that is the last word.
        let quiet = running.is_quiet()?;
        let row = node.views.row(&schema::EXPERIMENTS, &key)?;
        if !row.as_ref().is_some_and(is_ended) {
            if !quiet || !row.as_ref().is_some_and(is_running) {
                return Ok(quiet.then_some(row));
            }
            // Nothing is on its way here, but a program outside may be at work, for as long as it takes.
            if !waits_outside {
                let spec = spec_of(node, id)?;
                let Some(trainer) = spec.as_ref().and_then(|spec| external::trainer(&spec.model.strategy))
                else {
                    return Ok(Some(row));
                };
                step.waits(&format!("trainer {trainer}"));
                waits_outside = true;
            }
            std::thread::sleep(Duration::from_millis(50));
            return Ok(None);
        }
        // Ended: what came before the ending on other topics may still be on its way into the views.
        let ends = match &ends {
            Some(ends) => ends,
            None => ends.insert(node.projected_ends()?),
        };
        Ok(node.is_projected(ends)?.then_some(row))
    })?;
    let done = node.views.partition(&schema::TUNING_RESULTS, &key, None)?.len();
    step.end(&format!("{done} trials"));
    Ok(match row {
        Some(row) if is_ended(&row) => Waited::Ended(experiment_report(node, row)?),
        _ => Waited::Pending(Pending { experiment_id: id, status: Standing::Pending }),
    })
}

fn is_ended(row: &Row) -> bool {
    matches!(status(row), Some("completed" | "cancelled" | "failed"))
}

fn is_running(row: &Row) -> bool {
    status(row) == Some("running")
}

fn status(row: &Row) -> Option<&str> {
    text(row, "status")
}

/// The experiment's document.
fn spec_of(node: &Node, id: ExperimentId) -> Result<Option<ExperimentSpec>, Refusal> {
    let key = [id.to_string().as_str().into()];
    let document = |row: Row| -> Result<Option<ExperimentSpec>, Refusal> {
        let Some(config) = row.get("config_id").and_then(|value| value.as_text()) else { return Ok(None) };
        let row = node.views.row(&schema::CONFIGURATIONS, &[config.into()])?;
        let text = row.as_ref().and_then(|row| row.get("parameters")).and_then(|value| value.as_text());
        Ok(text.and_then(|text| serde_json::from_str(text).ok()))
    };
    let row = node.views.row(&schema::EXPERIMENTS, &key)?;
    Ok(row.map(document).transpose()?.flatten())
}

/// Publishes a cancellation.
pub fn cancel(node: &Node, request: &CancelRequest) -> Result<Cancelling, Refusal> {
    let row = find(node, &schema::EXPERIMENTS, &request.id)?;
    let id = text(&row, "experiment_id").unwrap_or_default();
    let experiment_id: ExperimentId =
        id.parse().map_err(|_| Refusal::Broken(format!("'{id}' in the views is no experiment id")))?;
    let command = CancelExperiment { experiment_id, reason: request.reason.clone() };
    publish_once(node, "gateway", &[command.into()])?;
    Ok(Cancelling { experiment_id, cancel: Standing::Requested })
}
