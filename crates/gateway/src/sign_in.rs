//! The way in and out of a browser, and who somebody is here.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::Shared;
use crate::actor::{Actor, By};
use crate::answer::{Params, documented};
use crate::problem::Problem;
use crate::session::Sessions;

/// The code of a link.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SignInParams {
    /// As `up` printed it.
    pub code: String,
}

/// Begins a session by a link that is good once.
#[utoipa::path(get, path = "/sign-in", tag = "who", params(SignInParams),
    responses((status = 303, description = "The session is in the cookie"), (status = 401, body = Problem)))]
pub async fn sign_in(
    State(gateway): State<Shared>,
    Params(SignInParams { code }): Params<SignInParams>,
) -> Result<Response, Problem> {
    let cookie = gateway.sessions.begin(&code, &gateway.person).ok_or_else(|| {
        Problem::sign_in_required(
            "the link was used before, or is none of this process: gauntlet link prints another one",
        )
    })?;
    Ok((
        StatusCode::SEE_OTHER,
        [(header::SET_COOKIE, cookie), (header::LOCATION, HeaderValue::from_static("/"))],
    )
        .into_response())
}

/// What this is, and where to read on.
pub async fn root() -> Response {
    axum::Json(
        json!({ "name": "gauntlet", "version": env!("CARGO_PKG_VERSION"), "api": "/api/v1/openapi.json" }),
    )
    .into_response()
}

/// Ends a session.
#[utoipa::path(post, path = "/sign-out", tag = "who", responses((status = 204, description = "It is over")))]
pub async fn sign_out() -> Response {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, Sessions::end())]).into_response()
}

/// Another link, for who can read the directory.
#[utoipa::path(post, path = "/api/v1/links", tag = "who",
    responses((status = 201, description = "The path of the link", body = serde_json::Value), (status = 403, body = Problem)))]
pub async fn link(State(gateway): State<Shared>, actor: Actor) -> Result<Response, Problem> {
    if actor.by != By::Directory {
        return Err(Problem::role_required("a link is made by who can read the directory: gauntlet link")
            .with("role", "person"));
    }
    Ok((StatusCode::CREATED, axum::Json(json!({ "path": gateway.link() }))).into_response())
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "who",
    responses((status = 200, description = "Name, right, roles", body = serde_json::Value), (status = 401, body = Problem)))]
pub async fn me(actor: Actor, headers: HeaderMap) -> Result<Response, Problem> {
    let roles: Vec<&str> = actor.roles.iter().map(|role| role.word()).collect();
    documented(&json!({ "name": actor.name, "by": actor.by.text(), "roles": roles }), &headers)
}
