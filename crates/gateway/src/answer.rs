//! What handlers share: parameters and bodies in, documents out.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gauntlet_domain::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Bytes of a body at most, but where more is said.
pub const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Parameters of an address.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(params)| Params(params)).map_err(|error| {
            // What stands before is the library's own sentence.
            let why =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Problem::bad_input(format!("the address: {why}"))
        })
    }
}

/// The bytes of a body.
///
/// # Errors
/// More of them than `limit`, or so slow ones that nobody waits for the end.
pub async fn bytes(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIME, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            Err(Problem::too_large(format!("the body was cut off, or has more than {limit} bytes"))
                .with("limit", limit))
        }
        Err(_) => Err(Problem::too_slow(format!("the body did not arrive within {} s", BODY_TIME.as_secs()))),
    }
}

/// A body that is a text.
pub async fn text(body: Body, limit: usize) -> Result<String, Problem> {
    let bytes = bytes(body, limit).await?;
    String::from_utf8(bytes.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::bad_input(format!("the body is no UTF-8 from byte {at} on: send it as UTF-8"))
    })
}

/// A time of an address; another one where it is left out.
pub fn time_or(name: &str, text: Option<String>, without: i64) -> Result<Timestamp, Problem> {
    let Some(text) = text else { return Ok(Timestamp(without)) };
    text.parse().map_err(|error| Problem::bad_input(format!("{name}: {error}")))
}

/// Reads a JSON document.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let fault =
            serde_json::json!({ "pointer": "", "line": line, "column": column, "reason": error.to_string() });
        Problem::validation(format!("the body: {error}")).with("errors", serde_json::json!([fault]))
    })
}

/// A document, or that the one which the caller has is still right.
pub fn documented(document: &impl Serialize, headers: &HeaderMap) -> Result<Response, Problem> {
    let body = serde_json::to_vec(document)
        .map_err(|error| Problem::broken(format!("the answer is no document: {error}")))?;
    let hash: String = Sha256::digest(&body)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known =
        known.flat_map(|value| value.split(',')).any(|value| value.trim().trim_start_matches("W/") == tag);
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
    };
    let tag = HeaderValue::from_str(&tag).map_err(|error| Problem::broken(error.to_string()))?;
    response.headers_mut().insert(header::ETAG, tag);
    // It may be kept, and is asked for again each time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
