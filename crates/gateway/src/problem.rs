//! Why there is no answer, as RFC 9457 has it: `application/problem+json` with a type that programs read and a sentence that people
//! read, and beside them what mending it takes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gauntlet_operations::Refusal;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The media type of a problem.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// A problem. Members beside these are those of its type.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, a path below the address of the API.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "/problems/filter-syntax")]
    kind: &'static str,
    /// The kind in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status of the answer.
    #[serde(serialize_with = "status_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What was wrong, where, and what to do.
    detail: String,
    /// What mending it takes, by the names of its type.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    more: Map<String, Value>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// Declares the kinds of problems: name, status, path, title.
macro_rules! problems {
    ($($(#[$doc:meta])+ $name:ident = $status:ident, $kind:literal, $title:literal;)+) => {
        impl Problem {
            $(
                $(#[$doc])+
                pub fn $name(detail: impl Into<String>) -> Problem {
                    Problem::new(StatusCode::$status, $kind, $title, detail.into())
                }
            )+
        }

        /// Every kind of problem: its path, status and title.
        pub const KINDS: &[(&str, StatusCode, &str)] = &[$(($kind, StatusCode::$status, $title)),+];
    };
}

problems! {
    /// What was asked for is not understood.
    bad_input = BAD_REQUEST, "/problems/bad-input", "The request cannot be answered as it is";
    /// A filter does not parse; `column`, `near`, `suggestion`.
    filter_syntax = BAD_REQUEST, "/problems/filter-syntax", "The filter does not parse";
    /// A cursor is none, or of another query.
    cursor_mismatch = BAD_REQUEST, "/problems/cursor-mismatch", "The cursor belongs to another query";
    /// A cursor lies beyond the end of the log; `newest`.
    cursor_ahead = CONFLICT, "/problems/cursor-ahead", "The cursor is ahead of the log";
    /// Nobody has said who asks.
    sign_in_required = UNAUTHORIZED, "/problems/sign-in-required", "Say who asks";
    /// Who asks may not do this; `role`.
    role_required = FORBIDDEN, "/problems/role-required", "Another role is needed";
    /// The request comes from a page of another host.
    cross_site = FORBIDDEN, "/problems/cross-site", "The request comes from another site";
    /// The name of this server is not the one that was asked for.
    other_host = MISDIRECTED_REQUEST, "/problems/other-host", "This server has another name";
    /// There is no such thing.
    not_found = NOT_FOUND, "/problems/not-found", "There is no such thing";
    /// The method does not fit the path.
    method_not_allowed = METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "The path has other methods";
    /// What is asked for as a format is not to be had.
    not_acceptable = NOT_ACCEPTABLE, "/problems/not-acceptable", "There is no answer in that format";
    /// A command has no key.
    idempotency_key_required = BAD_REQUEST, "/problems/idempotency-key-required", "A command needs a key";
    /// A key was used for something else; `first`.
    idempotency_conflict = UNPROCESSABLE_ENTITY, "/problems/idempotency-conflict", "The key was used for another command";
    /// A command under this key is under way.
    idempotency_in_progress = CONFLICT, "/problems/idempotency-in-progress", "A command under this key is under way";
    /// What was sent does not hold; `errors`.
    validation = UNPROCESSABLE_ENTITY, "/problems/validation", "What was sent does not hold";
    /// What is to be changed is no more what the caller saw; `expected`, `actual`.
    evidence_changed = PRECONDITION_FAILED, "/problems/evidence-changed", "It has changed since it was read";
    /// A body is too large; `limit`.
    too_large = PAYLOAD_TOO_LARGE, "/problems/too-large", "The body is too large";
    /// A body did not come in time.
    too_slow = REQUEST_TIMEOUT, "/problems/too-slow", "The body did not come in time";
    /// A batch comes before its turn; `expected`.
    out_of_turn = CONFLICT, "/problems/out-of-turn", "Another batch comes first";
    /// More was sent than is taken in; `queue`, `capacity`.
    backpressure = TOO_MANY_REQUESTS, "/problems/backpressure", "More was sent than is taken in";
    /// Who asks asks too much; `limit`.
    too_many_requests = TOO_MANY_REQUESTS, "/problems/too-many-requests", "Fewer requests at a time, please";
    /// A query took more than it may; `key`.
    sql_limit = UNPROCESSABLE_ENTITY, "/problems/sql-limit", "The query takes more than it may";
    /// A query took longer than it may; `seconds`.
    sql_time = GATEWAY_TIMEOUT, "/problems/sql-time", "The query takes longer than it may";
    /// A query does not parse, or names what there is not.
    sql_statement = BAD_REQUEST, "/problems/sql-statement", "The query cannot be run as it is";
    /// A part of a file that it does not have; `bytes`.
    range = RANGE_NOT_SATISFIABLE, "/problems/range", "The file ends before that";
    /// This build cannot do that.
    not_built = NOT_IMPLEMENTED, "/problems/not-built", "This build cannot do that";
    /// The views have not come as far as was asked for; `position`.
    projection_behind = SERVICE_UNAVAILABLE, "/problems/projection-behind", "The views are behind";
    /// Something outside is missing.
    unavailable = SERVICE_UNAVAILABLE, "/problems/unavailable", "Something that this needs is not there";
    /// A fault of ours.
    broken = INTERNAL_SERVER_ERROR, "/problems/broken", "Something is broken here";
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Problem {
        Problem { kind, title, status, detail, more: Map::new(), retry_after: None }
    }

    /// The path of its kind.
    #[cfg(test)]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// With a member of its type.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// With the seconds after which to ask again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let detail = refusal.to_string();
        match refusal {
            Refusal::BadInput(_) => Problem::bad_input(detail),
            Refusal::NotFound(_) => Problem::not_found(detail),
            Refusal::Invalid(errors) => Problem::validation(detail).with("errors", serde_json::json!(errors)),
            Refusal::Outside(_) | Refusal::InUse(_) | Refusal::Interrupted => {
                Problem::unavailable(detail).retry_after(1)
            }
            Refusal::Broken(_) => {
                tracing::error!(%detail, "a request met something broken");
                Problem::broken(detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
