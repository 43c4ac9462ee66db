//! Tokens made and taken back over HTTP, by persons alone.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gauntlet_operations::Node;
use gauntlet_operations::acting::Given;
use gauntlet_operations::tokens::{Scope, TokenRequest, tokens};
use gauntlet_runtime::Running;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::actor::{Actor, Role};
use crate::answer::{self, BODY_LIMIT};
use crate::commands::{Command, Reason, as_given, nowhere};
use crate::problem::Problem;

/// A token that is to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What it is for.
    name: String,
    /// What it may do: `read`, `submit`, `ingest`, `operate`.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// Days for which it is good, 366 at most.
    days: u16,
}

/// Makes a token, which acts in the name of who asks. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "commands",
    params(("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body = TokenBody,
    responses((status = 201, description = "The token with its secret", body = serde_json::Value), (status = 403, body = Problem)))]
pub async fn issue(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require_person()?;
    let bytes = answer::bytes(body, BODY_LIMIT).await?;
    let TokenBody { name, scopes, days } = answer::json(&bytes)?;
    let (person, author) = (actor.name.clone(), actor.name.clone());
    let lasts_nanos = i64::from(days) * 86_400 * 1_000_000_000;
    let command = Command::new(&gateway, &actor, &headers, "POST /api/v1/tokens".into(), &bytes)?;
    let again = |_: &Given| {
        Err(Problem::idempotency_conflict(
            "the token of this key was made, and its secret was shown once: revoke it, make another",
        ))
    };
    let request = TokenRequest::Issue { name, person, scopes, lasts_nanos, author };
    let work = move |node: &Node, running: &Running| tokens(node, Some(running), &request);
    command.run(StatusCode::CREATED, again, nowhere, work).await
}

/// Takes a token back; who is no operator, only their own.
#[utoipa::path(post, path = "/api/v1/tokens/{token}/revoke", tag = "commands",
    params(("token" = String, Path, description = "Its public name, or its beginning"),
        ("Idempotency-Key" = String, Header, description = "What makes sending it again the same command")),
    request_body = Reason,
    responses((status = 200, description = "It counts no more", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn revoke(
    State(gateway): State<Shared>,
    actor: Actor,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require_person()?;
    actor.require(Role::Operator)?;
    let bytes = answer::bytes(body, BODY_LIMIT).await?;
    let Reason { reason } = answer::json(&bytes)?;
    let command =
        Command::new(&gateway, &actor, &headers, format!("POST /api/v1/tokens/{token}/revoke"), &bytes)?;
    let request = TokenRequest::Revoke { token, reason, author: actor.name.clone() };
    let work = move |node: &Node, running: &Running| tokens(node, Some(running), &request);
    command.run(StatusCode::OK, as_given, nowhere, work).await
}
