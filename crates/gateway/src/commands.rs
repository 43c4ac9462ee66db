//! Commands: what changes something. Each has a key of its own (`Idempotency-Key`), so that sending it again after a lost answer
//! is the same command, and lies on the log with who gave it.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gauntlet_domain::{ContentHash, Timestamp};
use gauntlet_operations::acting::{Acting, Given};
use gauntlet_operations::attempts::{self, CancelRequest};
use gauntlet_operations::browse;
use gauntlet_operations::instruments::{InstrumentRequest, instruments};
use gauntlet_operations::policy::{PolicyRequest, policies};
use gauntlet_operations::snapshot::{self, SnapshotRequest};
use gauntlet_operations::submit::{self, SubmitRequest};
use gauntlet_operations::waive::{WaiveRequest, waive};
use gauntlet_operations::{Node, Refusal};
use gauntlet_runtime::Running;
use gauntlet_views::schema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::actor::{Actor, Role};
use crate::answer::{self, BODY_LIMIT, Params};
use crate::position;
use crate::problem::Problem;
use crate::{Gateway, Shared};

/// Characters of a key at most.
const LONGEST_KEY: usize = 255;

/// Keys of commands that are under way, by actor.
#[derive(Default)]
pub struct InFlight(Mutex<BTreeSet<(String, String)>>);

/// A command under way. Dropping it frees its key.
struct UnderWay {
    gateway: Arc<Gateway>,
    of: (String, String),
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.gateway.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.of);
    }
}

/// A command as it was sent.
pub struct Command {
    gateway: Shared,
    acting: Acting,
    _under_way: UnderWay,
}

impl Command {
    /// Takes a command in: who, what, under which key.
    pub fn new(
        gateway: &Shared,
        actor: &Actor,
        headers: &HeaderMap,
        action: String,
        content: &[u8],
    ) -> Result<Command, Problem> {
        let key = key(headers)?;
        let of = (actor.name.clone(), key.clone());
        if !gateway.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).insert(of.clone()) {
            return Err(Problem::idempotency_in_progress(
                "a command under this key has not been answered yet: wait for it",
            )
            .retry_after(1));
        }
        let _under_way = UnderWay { gateway: gateway.clone(), of };
        let acting = Acting {
            actor: actor.name.clone(),
            by: actor.by.text(),
            request_hash: ContentHash::of(&[action.as_bytes(), b"\n", content].concat()),
            action,
            key,
            address: actor.address.clone(),
        };
        Ok(Command { gateway: gateway.clone(), acting, _under_way })
    }

    /// Carries it out, or answers what came of it when it was sent before.
    pub async fn run<T: Serialize + Send + 'static>(
        self,
        status: StatusCode,
        again: fn(&Given) -> Result<Value, Problem>,
        location: fn(&Value) -> Option<String>,
        work: impl FnOnce(&Node, &Running) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Response, Problem> {
        let (running, acting) = (self.gateway.running.clone(), self.acting.clone());
        let done = self.gateway.work.run(move |node| {
            if let Some(given) = acting.given(node)? {
                return again_or_conflict(&acting, &given, again).map(|answer| (answer, false, None));
            }
            let node = node.acting(acting);
            let answer = work(&node, &running)?;
            let answer = serde_json::to_value(answer)
                .map_err(|error| Problem::broken(format!("the answer is no document: {error}")))?;
            // Who asks for this position waits for what was on the log by now.
            let mut ends = node.projected_ends()?;
            ends.retain(|_, end| *end > 0);
            Ok((answer, true, Some(ends)))
        });
        let (answer, is_new, position) = done.await?;
        let location = location(&answer);
        let mut response = (if is_new { status } else { StatusCode::OK }, axum::Json(answer)).into_response();
        let mut put = |name: header::HeaderName, value: Option<String>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        };
        put(header::LOCATION, location);
        put(header::HeaderName::from_static(position::HEADER), position.map(|ends| position::encode(&ends)));
        put(header::CACHE_CONTROL, Some("no-store".into()));
        Ok(response)
    }
}

fn again_or_conflict(
    acting: &Acting,
    given: &Given,
    again: fn(&Given) -> Result<Value, Problem>,
) -> Result<Value, Problem> {
    if given.request_hash == acting.request_hash.to_string() {
        return again(given);
    }
    Err(Problem::idempotency_conflict(format!(
        "the key {:?} was used for another command ({}): take a new key for a new command",
        acting.key, given.action
    ))
    .with("first", json!({ "action": given.action, "subject": given.subject })))
}

/// The key of a command.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Err(Problem::idempotency_key_required(
            "send `Idempotency-Key` with a text that no other command of yours has, such as a new UUID",
        ));
    };
    let key = value.to_str().unwrap_or_default().trim().trim_matches('"');
    let is_plain =
        !key.is_empty() && key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        Ok(key.to_owned())
    } else {
        Err(Problem::idempotency_key_required(format!(
            "a key has 1 to {LONGEST_KEY} visible characters of ASCII"
        )))
    }
}

/// What a command came to that was given before, where there is no more to say.
pub fn as_given(given: &Given) -> Result<Value, Problem> {
    Ok(json!({ "subject": given.subject, "repeated": true }))
}

/// Of what has no address.
pub fn nowhere(_: &Value) -> Option<String> {
    None
}

fn of_experiment(answer: &Value) -> Option<String> {
    answer["experiment_id"].as_str().map(|id| format!("/api/v1/experiments/{id}"))
}

/// How an experiment is submitted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmitParams {
    /// The period may end after the data: the experiment waits for more.
    #[serde(default)]
    pub ahead: bool,
    /// Begin anew where the document's last attempt failed or was cancelled.
    #[serde(default)]
    pub again: bool,
    /// Name of the document in what is said about it; `document` when left out.
    pub name: Option<String>,
}

/// Submits an experiment. The body is its document, YAML or JSON.
#[utoipa::path(post, path = "/api/v1/experiments", tag = "commands", params(SubmitParams,
        ("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 202, description = "It lies on the log", body = serde_json::Value),
        (status = 422, description = "It does not hold, or the key was used for another one", body = Problem)))]
pub async fn submit(
    State(gateway): State<Shared>,
    actor: Actor,
    Params(params): Params<SubmitParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require(Role::Quant)?;
    let text = answer::text(body, BODY_LIMIT).await?;
    let SubmitParams { ahead, again, name } = params;
    let action = format!("POST /api/v1/experiments?ahead={ahead}&again={again}");
    let command = Command::new(&gateway, &actor, &headers, action, text.as_bytes())?;
    let given = |given: &Given| {
        Ok(json!({ "experiment_id": given.subject, "status": "submitted", "repeated": true }))
    };
    let name = name.unwrap_or_else(|| "document".into());
    let author = Some(actor.name.clone());
    let request = SubmitRequest { text, name, overrides: Vec::new(), wait: false, ahead, again, author };
    let work = move |node: &Node, _: &Running| submit::submit(node, &request);
    command.run(StatusCode::ACCEPTED, given, of_experiment, work).await
}

/// Checks a document as submitting it would, and changes nothing: the document, resolved.
#[utoipa::path(post, path = "/api/v1/experiments/validate", tag = "commands",
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, description = "It holds; the document, resolved", body = serde_json::Value),
        (status = 422, description = "It does not", body = Problem)))]
pub async fn validate(State(gateway): State<Shared>, actor: Actor, body: Body) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let text = answer::text(body, BODY_LIMIT).await?;
    let spec = gateway.work.run(move |node| Ok(submit::resolved(node, &text, "document")?)).await?;
    Ok(axum::Json(json!({ "valid": true, "document": spec })).into_response())
}

/// Why something is done.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In words.
    pub reason: String,
}

/// Cancels an experiment.
#[utoipa::path(post, path = "/api/v1/experiments/{id}/cancel", tag = "commands",
    params(("id" = String, Path, description = "The id, or its beginning"),
        ("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body = Reason,
    responses((status = 202, description = "It lies on the log", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn cancel(
    State(gateway): State<Shared>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = answer::bytes(body, BODY_LIMIT).await?;
    let Reason { reason } = answer::json(&bytes)?;
    let name = actor.name.clone();
    let may_end_any = actor.require(Role::Operator);
    actor.require(Role::Quant).or_else(|_| may_end_any.clone())?;
    let command =
        Command::new(&gateway, &actor, &headers, format!("POST /api/v1/experiments/{id}/cancel"), &bytes)?;
    let request = CancelRequest { id, reason };
    let given = |given: &Given| {
        Ok(json!({ "experiment_id": given.subject, "cancel": "requested", "repeated": true }))
    };
    // Who is no operator ends only what is theirs.
    if let Err(problem) = may_end_any {
        let id = request.id.clone();
        let by = gateway.work.run(move |node| {
            let row = browse::find(node, &schema::EXPERIMENTS, &id)?;
            Ok(row.get("submitted_by").and_then(|value| value.as_text()).unwrap_or_default().to_owned())
        });
        if by.await? != name {
            return Err(problem);
        }
    }
    let work = move |node: &Node, _: &Running| attempts::cancel(node, &request);
    command.run(StatusCode::ACCEPTED, given, of_experiment, work).await
}

/// A refusal that is to be set aside.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverBody {
    /// The gate.
    gate: String,
    /// Why.
    reason: String,
    /// Until when, by event time, RFC 3339.
    expires: String,
}

/// Sets the refusal of a gate aside, for the version of the model that `If-Match` names. The selector judges whether that holds.
#[utoipa::path(post, path = "/api/v1/models/{id}/waivers", tag = "commands",
    params(("id" = String, Path, description = "The id, or its beginning"),
        ("If-Match" = String, Header, description = "`version_hash` of the decision that was seen, in quotes"),
        ("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body = WaiverBody,
    responses((status = 200, description = "What the selector said", body = serde_json::Value),
        (status = 412, description = "The model is another version by now", body = Problem)))]
pub async fn waiver(
    State(gateway): State<Shared>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require(Role::Approver)?;
    actor.require_person()?;
    let seen = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let seen = seen.map(|value| value.trim().trim_matches('"').to_owned()).ok_or_else(|| {
        Problem::bad_input("send `If-Match` with the version_hash of the decision that you saw, in quotes")
    })?;
    let bytes = answer::bytes(body, BODY_LIMIT).await?;
    let WaiverBody { gate, reason, expires } = answer::json(&bytes)?;
    let expires: Timestamp = parsed("expires", &expires)?;
    let command =
        Command::new(&gateway, &actor, &headers, format!("POST /api/v1/models/{id}/waivers"), &bytes)?;
    let author = actor.name.clone();
    let (model, hash) = (id.clone(), seen.clone());
    let actual = gateway.work.run(move |node| Ok(gauntlet_operations::waive::version(node, &model)?)).await?;
    if actual != hash {
        return Err(Problem::evidence_changed(
            "the model was decided about again since you saw it: look at it once more",
        )
        .with("expected", hash)
        .with("actual", actual));
    }
    let request = WaiveRequest { model: id, gate, author, reason, expires, hash: Some(seen) };
    let work = move |node: &Node, running: &Running| waive(node, running, &request);
    command.run(StatusCode::OK, as_given, nowhere, work).await
}

/// Registers a policy. The body is its document.
#[utoipa::path(post, path = "/api/v1/policies", tag = "commands",
    params(("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 201, description = "It is registered", body = serde_json::Value), (status = 422, body = Problem)))]
pub async fn policy(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require(Role::Quant)?;
    let text = answer::text(body, BODY_LIMIT).await?;
    let command = Command::new(&gateway, &actor, &headers, "POST /api/v1/policies".into(), text.as_bytes())?;
    let request = PolicyRequest::Set { text, name: "document".into(), author: actor.name.clone() };
    let work = move |node: &Node, running: &Running| policies(node, Some(running), &request);
    command.run(StatusCode::CREATED, as_given, nowhere, work).await
}

/// Defines an instrument. The body is its document.
#[utoipa::path(post, path = "/api/v1/instruments", tag = "commands",
    params(("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 201, description = "It is defined", body = serde_json::Value), (status = 422, body = Problem)))]
pub async fn instrument(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require(Role::Feeder)?;
    let text = answer::text(body, BODY_LIMIT).await?;
    let command =
        Command::new(&gateway, &actor, &headers, "POST /api/v1/instruments".into(), text.as_bytes())?;
    let request = InstrumentRequest::Set { text, name: "document".into() };
    let work = move |node: &Node, _: &Running| instruments(node, &request);
    command.run(StatusCode::CREATED, as_given, nowhere, work).await
}

/// Bars that are to be sealed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotBody {
    /// `SYMBOL.VENUE`, or a symbol that one venue alone has.
    instrument: String,
    /// Which bars, such as `time:1h`.
    bars: String,
    /// First moment, RFC 3339 or a date; the beginning of the data when left out.
    from: Option<String>,
    /// Last moment.
    to: Option<String>,
    /// Only bars that were known at this moment of event time.
    as_of: Option<String>,
}

/// A part of a body as what it stands for.
fn parsed<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| {
        let reason = format!("{name}: {error}");
        let fault = json!({ "pointer": format!("/{name}"), "reason": reason });
        Problem::validation(reason).with("errors", json!([fault]))
    })
}

/// Seals the bars of a range.
#[utoipa::path(post, path = "/api/v1/snapshots", tag = "commands",
    params(("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body = SnapshotBody,
    responses((status = 201, description = "It is sealed, or will be", body = serde_json::Value), (status = 400, body = Problem)))]
pub async fn snapshot(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require(Role::Quant)?;
    let bytes = answer::bytes(body, BODY_LIMIT).await?;
    let SnapshotBody { instrument, bars, from, to, as_of } = answer::json(&bytes)?;
    let time =
        |name: &str, text: Option<String>| text.map(|text| parsed::<Timestamp>(name, &text)).transpose();
    let request = SnapshotRequest {
        instrument,
        venue: None,
        bars: parsed("bars", &bars)?,
        from: time("from", from)?,
        to: time("to", to)?,
        as_of: time("as_of", as_of)?,
    };
    let command = Command::new(&gateway, &actor, &headers, "POST /api/v1/snapshots".into(), &bytes)?;
    let location =
        |answer: &Value| answer["snapshot_id"].as_str().map(|id| format!("/api/v1/snapshots/{id}"));
    let work = move |node: &Node, running: &Running| snapshot::create(node, running, &request);
    command.run(StatusCode::CREATED, as_given, location, work).await
}
