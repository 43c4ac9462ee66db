//! Bars and ticks of an instrument in a range of time, as JSON, CSV, Parquet or Arrow.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use gauntlet_operations::Node;
use gauntlet_operations::range::{self, RangeRequest, Series, range};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::actor::{Actor, Role};
use crate::answer::{Params, documented, time_or};
use crate::format::{Format, streamed};
use crate::problem::Problem;
use crate::{Shared, past};

/// Which bars, and from when to when.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RangeParams {
    /// Of bars: their length, such as `time:1h`; the only one that there is when left out.
    pub bars: Option<String>,
    /// First time, RFC 3339 or a date; the first one when left out.
    pub from: Option<String>,
    /// The time before which a tick lies, and by which a bar has closed; the last one when left out.
    pub to: Option<String>,
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
}

/// `bars` or `ticks` of an instrument, also as `bars.csv`, `.parquet`, `.arrow`.
#[utoipa::path(get, path = "/api/v1/instruments/{id}/{series}", tag = "data",
    params(("id" = String, Path, description = "`SYMBOL.VENUE`, or a symbol that one venue alone has"),
        ("series" = String, Path, description = "bars or ticks, perhaps with an ending"), RangeParams),
    responses((status = 200, description = "The rows", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn data(
    State(gateway): State<Shared>,
    actor: Actor,
    Path((instrument, name)): Path<(String, String)>,
    Params(params): Params<RangeParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let (name, format) = Format::of(&name, accept)?;
    let series = match (name, &params.bars) {
        ("bars", spec) => {
            let spec = spec.as_ref().map(|spec| spec.parse()).transpose();
            Series::Bars(spec.map_err(|error| Problem::bad_input(format!("bars: {error}")))?)
        }
        ("ticks", None) => Series::Ticks,
        ("ticks", Some(_)) => return Err(Problem::bad_input("bars: ticks have no length")),
        (other, _) => {
            return Err(Problem::not_found(format!("an instrument has no '{other}': ask for bars or ticks")));
        }
    };
    let (from, to) = (time_or("from", params.from, i64::MIN)?, time_or("to", params.to, i64::MAX)?);
    let request = RangeRequest { instrument, series, from, to, out: None };
    let as_of = past::time(params.as_of.as_deref())?;
    let Format::Table(table) = format else {
        let work = move |node: &Node| {
            let node = past::node(node, as_of)?;
            Ok((range(&node, &request)?, node.moment().cloned()))
        };
        let (rows, moment) = gateway.work.run(work).await?;
        return Ok(past::named(documented(&rows, &headers)?, moment.as_ref()));
    };
    // What is wrong with the request is said before the file begins.
    let asked = request.clone();
    let check = move |node: &Node| {
        let node = past::node(node, as_of)?;
        range::check(&node, &asked)?;
        Ok(node)
    };
    let node = gateway.work.run(check).await?;
    let (place, node) = (gateway.work.place().await?, node.until(gateway.node.interrupted.clone()));
    let moment = node.moment().cloned();
    let file = streamed(format.media_type(), move |to| {
        let _place = place;
        range::write(&node, &request, table, to).map(drop).map_err(std::io::Error::other)
    });
    Ok(past::named(file, moment.as_ref()))
}
