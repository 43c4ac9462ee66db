//! Answers as of a recorded time that has passed: `as_of=2026-01-31`, `as_of=2h ago`.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use gauntlet_domain::Timestamp;
use gauntlet_operations::Node;
use gauntlet_operations::as_of::{Moment, parse_time};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::position;
use crate::problem::Problem;

/// The header of an answer as of a time: which time that is.
pub const HEADER: &str = "gauntlet-as-of";

/// As of when.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsOfParams {
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
}

/// The time in a parameter.
pub fn time(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let time = text.map(parse_time).transpose();
    time.map_err(|error| Problem::bad_input(format!("as_of: {error}")))
}

/// The node as of a time, or as it is. Blocks.
pub fn node(of: &Node, as_of: Option<Timestamp>) -> Result<Node, Problem> {
    Ok(match as_of {
        Some(time) => of.as_of(time)?,
        None => of.clone(),
    })
}

/// The answer with the time and the positions that it is of.
pub fn named(mut response: Response, moment: Option<&Arc<Moment>>) -> Response {
    let Some(moment) = moment else { return response };
    let time = moment.time.to_string();
    for (name, value) in [(HEADER, time), (position::HEADER, position::encode(&moment.positions))] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
