//! `waive`: a person sets the refusal of a gate aside. The selector judges whether that holds.

use gauntlet_domain::person::Person;
use gauntlet_domain::selection::Waive;
use gauntlet_domain::{ContentHash, Event, EventId, Timestamp};
use gauntlet_runtime::Running;
use gauntlet_views::{Row, Value, schema};
use serde::{Deserialize, Serialize};

use crate::browse::find;
use crate::node::Node;
use crate::publish::publish_once;
use crate::refusal::Refusal;
use crate::rows::{as_text, text};

/// What to set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiveRequest {
    /// The model, by the beginning of its id.
    pub model: String,
    /// The gate.
    pub gate: String,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Until when, by event time.
    pub expires: Timestamp,
    /// The version of the model that the person saw; the one that there is where it is left out.
    pub hash: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaiveAnswer {
    /// Whether it holds.
    pub accepted: bool,
    /// Why not, or the author's reason.
    pub reason: String,
    /// The command on the log.
    #[serde(serialize_with = "id_text")]
    pub event_id: EventId,
    /// Until when it holds.
    #[serde(serialize_with = "as_text")]
    pub expires: Timestamp,
    /// What the model is now: `selected` or `rejected`.
    pub decision: Option<String>,
    /// Gates that it does not pass still.
    pub failed: Vec<String>,
}

fn id_text<S: serde::Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// The last decision about a model.
pub(crate) fn decision(node: &Node, model_id: &str) -> Result<Option<Row>, Refusal> {
    let rows = node.views.scan(&schema::SELECTIONS, None)?;
    Ok(rows.into_iter().find(|row| text(row, "model_id") == Some(model_id)))
}

/// The version of a model that was decided about last.
///
/// # Errors
/// No such model, or nobody has decided about it yet.
pub fn version(node: &Node, model: &str) -> Result<String, Refusal> {
    let row = find(node, &schema::MODELS, model)?;
    let model = text(&row, "model_id").unwrap_or_default();
    let decided = decision(node, model)?.ok_or_else(|| undecided(model))?;
    Ok(text(&decided, "version_hash").unwrap_or_default().to_owned())
}

fn undecided(model: &str) -> Refusal {
    Refusal::BadInput(format!(
        "model {model} is not decided about yet: its experiment, or an earlier one of its mandate, is under way"
    ))
}

fn is_granted(waiver: &Row) -> bool {
    waiver.get("granted").and_then(Value::as_bool).unwrap_or(false)
}

/// Publishes a waiver and waits until it is judged.
pub fn waive(node: &Node, running: &Running, request: &WaiveRequest) -> Result<WaiveAnswer, Refusal> {
    Person::named(&request.author).map_err(Refusal::BadInput)?;
    if request.reason.trim().is_empty() {
        return Err(Refusal::BadInput("--reason: say why, a waiver is read by others".into()));
    }
    let row = find(node, &schema::MODELS, &request.model)?;
    let model = text(&row, "model_id").unwrap_or_default().to_owned();
    let Some(decided) = decision(node, &model)? else {
        return Err(undecided(&model));
    };
    let column = |name: &str| text(&decided, name).unwrap_or_default();
    let hash = request.hash.as_deref().unwrap_or_else(|| column("version_hash"));
    let version_hash: ContentHash =
        hash.parse().map_err(|_| Refusal::BadInput(format!("--hash: '{hash}' is no hash of 64 digits")))?;
    let command = Waive {
        mandate: column("mandate").to_owned(),
        model_id: model.parse().map_err(|_| Refusal::Broken(format!("'{model}' is no model id")))?,
        version_hash,
        gate: request.gate.clone(),
        author: request.author.trim().to_owned(),
        reason: request.reason.trim().to_owned(),
        expires: request.expires,
    };
    let event = Event::from(command.clone());
    let key = [model.as_str().into(), event.id().to_string().as_str().into()];
    publish_once(node, "gateway", std::slice::from_ref(&event))?;
    let attempt = |row: &Row| row.get("attempt").and_then(Value::as_long);
    let before = attempt(&decided);
    let row = node.wait_for(running, || {
        // Quiet first: what is read after that is the last word.
        let quiet = running.is_quiet()?;
        let row = node.views.row(&schema::WAIVERS, &key)?;
        let is_granted = row.as_ref().is_some_and(is_granted);
        // One that holds is followed by a decision, perhaps after a comparison with the champion.
        let is_over =
            row.is_some() && (!is_granted || decision(node, &model)?.as_ref().and_then(attempt) > before);
        Ok(if quiet || is_over { Some(row) } else { None })
    })?;
    let Some(row) = row else {
        return Err(Refusal::Outside("nobody judges waivers here: does the selector run?".into()));
    };
    let accepted = is_granted(&row);
    let detail = text(&row, "detail").unwrap_or_default();
    let now = decision(node, &model)?;
    let of = |name: &str| now.as_ref().and_then(|row| text(row, name)).map(str::to_owned);
    Ok(WaiveAnswer {
        accepted,
        reason: if accepted { command.reason } else { detail.to_owned() },
        event_id: event.id(),
        expires: command.expires,
        decision: of("decision"),
        failed: of("failed").and_then(|failed| serde_json::from_str(&failed).ok()).unwrap_or_default(),
    })
}
