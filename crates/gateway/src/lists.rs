//! Lists: `GET /api/v1/runs?filter=…&sort=-sharpe&fields=run_id,sharpe&limit=50`, and on with `cursor`; as JSON, CSV, Parquet or
//! Arrow, by the ending of the path or by `Accept`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use gauntlet_domain::Timestamp;
use gauntlet_lake::table::{ColumnKind, TableFormat, TableWriter};
use gauntlet_operations::Node;
use gauntlet_operations::browse::Sort;
use gauntlet_operations::listing::{parse_filter, require_column};
use gauntlet_operations::page::{self, PageRequest, listed};
use gauntlet_operations::rows::{ViewRow, named_json};
use gauntlet_operations::view_columns::{cells, columns};
use gauntlet_runtime::clock;
use gauntlet_views::Table;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use crate::actor::{Actor, Role};
use crate::answer::{Params, documented};
use crate::cursor::{after, cursor, query_hash};
use crate::format::{Format, streamed};
use crate::position::{self, MinPosition};
use crate::problem::Problem;
use crate::{Gateway, Shared, past};

/// Where the lists are.
const BELOW: &str = "/api/v1/";
/// Rows of a page when no limit is given, and at most.
const ROWS: usize = 100;
const MOST_ROWS: usize = 10_000;
/// Rows read at a time for a file.
const CHUNK: usize = 4_096;
/// Bytes of a filter in an address.
const MOST_FILTER: usize = 4 << 10;

/// What is asked of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Which rows: `sharpe >= 1.5 and state in ("completed", "pruned") and start > 7d ago`.
    pub filter: Option<String>,
    /// Columns that decide the order, the first one first; `-` before one for the greatest first: `-sharpe,start`.
    pub sort: Option<String>,
    /// Columns to answer with; all when left out. A name of a document's is `sharpe` or `metrics.sharpe`.
    pub fields: Option<String>,
    /// Rows at most: 100 of a page when left out, 10,000 at most; of a file all when left out.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
    /// Answer only when the views have come as far as this `Gauntlet-Position`.
    pub min_position: Option<String>,
    /// Seconds to wait for that, 30 at most.
    pub wait: Option<f64>,
}

impl ListParams {
    fn min_position(&self) -> MinPosition {
        MinPosition { min_position: self.min_position.clone(), wait: self.wait }
    }
}

/// The list of a name; those of who asks and who may are for operators.
fn table(name: &str, actor: &Actor) -> Result<&'static Table, Problem> {
    let Some(table) = listed(name) else {
        let names = page::names().collect::<Vec<_>>();
        let hint = gauntlet_domain::names::nearest(name, names.iter().copied());
        let hint = hint.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
        return Err(Problem::not_found(format!(
            "there is no list '{name}': {hint}known are {}",
            names.join(", ")
        )));
    };
    let role = if matches!(name, "audit" | "tokens") { Role::Operator } else { Role::Viewer };
    actor.require(role)?;
    Ok(table)
}

fn sort(text: Option<&str>) -> Vec<Sort> {
    let part = |part: &str| {
        let (descending, column) = match part.trim().strip_prefix('-') {
            Some(column) => (true, column),
            None => (false, part.trim()),
        };
        Sort { column: column.to_owned(), descending }
    };
    text.unwrap_or_default().split(',').filter(|part| !part.trim().is_empty()).map(part).collect()
}

/// A request of a list as it is worked on.
#[derive(Clone)]
struct Wanted {
    request: PageRequest,
    query: String,
    fields: Option<Vec<String>>,
    as_of: Option<Timestamp>,
}

fn wanted(of: &'static Table, params: &ListParams, format: Format) -> Result<Wanted, Problem> {
    if let Some(filter) = &params.filter {
        if filter.len() > MOST_FILTER {
            return Err(Problem::bad_input(format!("a filter has {MOST_FILTER} bytes at most"))
                .with("limit", MOST_FILTER));
        }
        parse_filter(of, filter, clock::now()).map_err(|error| {
            Problem::filter_syntax(format!("filter: {error}"))
                .with("column", error.column)
                .with("near", error.near)
                .with("expected", error.problem)
                .with("suggestion", error.suggestion)
        })?;
    }
    let (filter, order) = (params.filter.clone(), params.sort.as_deref().unwrap_or_default());
    let query = query_hash(&[of.name, filter.as_deref().unwrap_or_default(), order]);
    let limit = params.limit.unwrap_or(if format == Format::Json { ROWS } else { usize::MAX });
    if format == Format::Json && limit > MOST_ROWS {
        return Err(Problem::bad_input(format!(
            "limit: {limit} is more than the {MOST_ROWS} rows of a page: go on with `next`, or take a file ({}.csv)",
            of.name
        )));
    }
    let mut as_of = past::time(params.as_of.as_deref())?;
    let after = params.cursor.as_deref().map(|text| after(&query, text)).transpose()?;
    let after = match after {
        // The pages of a list are of one time, whenever they are asked for.
        Some((after, time)) if as_of.is_none() || time.is_some() => {
            as_of = time;
            Some(after)
        }
        Some(_) => {
            return Err(Problem::cursor_mismatch("the cursor is of a list of now: leave `as_of` out"));
        }
        None => None,
    };
    let fields = params.fields.as_ref().map(|fields| fields.split(',').map(|name| name.trim().to_owned()));
    let fields = fields.map(Iterator::collect::<Vec<String>>);
    for name in fields.iter().flatten() {
        require_column(of, "fields", name)?;
    }
    let request = PageRequest { of, filter, sort: sort(params.sort.as_deref()), limit, after };
    Ok(Wanted { request, query, fields, as_of })
}

/// The list that the path names.
pub async fn list(
    State(gateway): State<Shared>,
    actor: Actor,
    Params(params): Params<ListParams>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let (name, format) = Format::of(uri.path().trim_start_matches(BELOW), accept)?;
    let of = table(name, &actor)?;
    let wanted = wanted(of, &params, format)?;
    position::reached(&gateway, &params.min_position()).await?;
    match format {
        Format::Json => page_document(&gateway, &uri, wanted, &headers).await,
        Format::Table(table) => file(&gateway, wanted, table, format.media_type()).await,
    }
}

/// A page as a document.
async fn page_document(
    gateway: &Gateway,
    uri: &Uri,
    wanted: Wanted,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Wanted { request, query, fields, as_of } = wanted;
    let read = move |node: &Node| {
        let node = past::node(node, as_of)?;
        Ok((page::page(&node, &request)?, node.moment().cloned()))
    };
    let (page, moment) = gateway.work.run(read).await?;
    let next = page.next.map(|after| cursor(&query, after, as_of));
    let rows = page.rows.iter().map(|row| shown(row, fields.as_deref())).collect::<Result<Vec<_>, _>>()?;
    let link = next.as_ref().map(|cursor| link(uri, cursor));
    let document = json!({ "rows": rows, "next": next, "matched": page.matched });
    let mut response = documented(&document, headers)?;
    if let Some(link) = link.and_then(|link| link.parse().ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(past::named(response, moment.as_ref()))
}

/// The address of the next page, as the header `Link` has it.
fn link(uri: &Uri, cursor: &str) -> String {
    let others = uri.query().unwrap_or_default().split('&');
    let others = others.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<&str> = others.collect();
    let and = if query.is_empty() { "" } else { "&" };
    format!("<{}?{}{and}cursor={cursor}>; rel=\"next\"", uri.path(), query.join("&"))
}

/// A row as an object, or the columns of it that are asked for.
fn shown(row: &ViewRow, fields: Option<&[String]>) -> Result<Value, Problem> {
    let broken = |error: serde_json::Error| Problem::broken(format!("a row is no document: {error}"));
    let Some(fields) = fields else { return serde_json::to_value(row).map_err(broken) };
    let whole = serde_json::to_value(row).map_err(broken)?;
    let mut object = Map::new();
    for name in fields {
        let value = match whole.get(name) {
            Some(value) => value.clone(),
            None => named_json(&row.0, name).unwrap_or_default(),
        };
        object.insert(name.clone(), value);
    }
    Ok(Value::Object(object))
}

/// A list as a file.
async fn file(
    gateway: &Arc<Gateway>,
    wanted: Wanted,
    table: TableFormat,
    media_type: &'static str,
) -> Result<Response, Problem> {
    let Wanted { mut request, fields, as_of, .. } = wanted;
    let columns = columns(request.of, fields.as_deref());
    let mut left = request.limit;
    request.limit = CHUNK.min(left);
    // What is wrong with the request is said before the file begins.
    let first = request.clone();
    let read = move |node: &Node| {
        let node = past::node(node, as_of)?;
        Ok((page::page(&node, &first)?, node))
    };
    let (mut page, node) = gateway.work.run(read).await?;
    // The file goes on when the request has been answered.
    let (place, node) = (gateway.work.place().await?, node.until(gateway.node.interrupted.clone()));
    let moment = node.moment().cloned();
    let file = streamed(media_type, move |to| {
        let _place = place;
        let named: Vec<(&str, ColumnKind)> =
            columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        let mut writer = TableWriter::new(table, &named, to).map_err(std::io::Error::other)?;
        loop {
            let cells = columns.iter().map(|column| cells(&page.rows, column)).collect();
            writer.write(cells).map_err(std::io::Error::other)?;
            left -= page.rows.len();
            let Some(after) = page.next.take().filter(|_| left > 0) else {
                return writer.finish().map_err(std::io::Error::other);
            };
            request.after = Some(after);
            request.limit = CHUNK.min(left);
            page = page::page(&node, &request).map_err(std::io::Error::other)?;
        }
    });
    Ok(past::named(file, moment.as_ref()))
}
