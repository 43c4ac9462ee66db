//! Single things: an experiment with its leaderboard, a model with its verdicts, a run with its numbers.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gauntlet_operations::ledger::LedgerRequest;
use gauntlet_operations::runs::RunPart;
use gauntlet_operations::series::drawn;
use gauntlet_operations::{Node, Request, Silent, browse};
use gauntlet_views::{Table, schema};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::actor::{Actor, Role};
use crate::answer::{Params, documented, time_or};
use crate::past::AsOfParams;
use crate::position::{self, MinPosition};
use crate::problem::Problem;
use crate::{Shared, past};

/// Things side by side at most.
const MOST_COMPARED: usize = 8;
/// Pixels of a line at most.
const WIDEST: usize = 10_000;

/// Until when the views must have come.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ThingParams {
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
    /// Answer only when the views have come as far as this `Gauntlet-Position`.
    pub min_position: Option<String>,
    /// Seconds to wait for that, 30 at most.
    pub wait: Option<f64>,
}

/// Which part of a series.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesParams {
    /// First time, RFC 3339 or a date.
    pub from: Option<String>,
    /// Last time.
    pub to: Option<String>,
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
    /// Pixels of the line: of each column of pixels the first, least, greatest and last point; all points when left out.
    pub width: Option<usize>,
}

/// What comes next.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerParams {
    /// Trials that the next experiment is to try; 100 when left out.
    pub trials: Option<u64>,
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
}

/// What to compare.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareParams {
    /// Ids, or their beginnings, separated by commas: 2 to 8 of one kind.
    pub ids: String,
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
}

async fn answered(
    gateway: &Shared,
    actor: &Actor,
    request: Request,
    as_of: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let running = gateway.running.clone();
    read(gateway, as_of, headers, move |node| Ok(request.answer(node, Some(&running), &Silent)?)).await
}

/// Reads something, as of a time where one is given.
async fn read<T: Serialize + Send + 'static>(
    gateway: &Shared,
    as_of: Option<String>,
    headers: &HeaderMap,
    read: impl FnOnce(&Node) -> Result<T, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let as_of = past::time(as_of.as_deref())?;
    let work = move |node: &Node| {
        let node = past::node(node, as_of)?;
        Ok((read(&node)?, node.moment().cloned()))
    };
    let (answer, moment) = gateway.work.run(work).await?;
    Ok(past::named(documented(&answer, headers)?, moment.as_ref()))
}

/// Shows a thing of one kind.
async fn shown(
    gateway: &Shared,
    actor: &Actor,
    of: &'static Table,
    id: String,
    params: ThingParams,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let position = MinPosition { min_position: params.min_position, wait: params.wait };
    position::reached(gateway, &position).await?;
    let show = move |node: &Node| {
        let row = browse::find(node, of, &id)?;
        Ok(browse::shown(node, row)?)
    };
    read(gateway, params.as_of, headers, show).await
}

macro_rules! things {
    ($($(#[$doc:meta])+ $name:ident = $path:literal, $table:ident;)+) => {
        $(
            $(#[$doc])+
            #[utoipa::path(get, path = $path, tag = "things",
                params(("id" = String, Path, description = "The id, or its beginning"), ThingParams),
                responses((status = 200, description = "The thing", body = serde_json::Value), (status = 404, body = Problem)))]
            pub async fn $name(
                State(gateway): State<Shared>,
                actor: Actor,
                Path(id): Path<String>,
                Params(params): Params<ThingParams>,
                headers: HeaderMap,
            ) -> Result<Response, Problem> {
                shown(&gateway, &actor, &schema::$table, id, params, &headers).await
            }
        )+
    };
}

things! {
    /// An experiment with its leaderboard, walk-forward, noise ceiling and verdicts. Its name will do where it is the only one.
    experiment = "/api/v1/experiments/{id}", EXPERIMENTS;
    /// A model with everything that speaks for and against it.
    model = "/api/v1/models/{id}", MODELS;
    /// A run.
    run = "/api/v1/runs/{id}", RUNS;
    /// A data snapshot.
    snapshot = "/api/v1/snapshots/{id}", DATA_SNAPSHOTS;
    /// A document, resolved.
    config = "/api/v1/configs/{id}", CONFIGURATIONS;
}

/// The document that an experiment, a model or a run ran with.
#[utoipa::path(get, path = "/api/v1/documents/{id}", tag = "things",
    params(("id" = String, Path, description = "The id of whatever ran, or its beginning"), AsOfParams),
    responses((status = 200, description = "The document", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn document(
    State(gateway): State<Shared>,
    actor: Actor,
    Path(id): Path<String>,
    Params(params): Params<AsOfParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answered(&gateway, &actor, Request::ShowDocument(id), params.as_of, &headers).await
}

/// Numbers of a run: `trades`, `equity`, or the `folds` of its walk-forward.
#[utoipa::path(get, path = "/api/v1/runs/{id}/{part}", tag = "things",
    params(("id" = String, Path, description = "The id, or its beginning"), ("part" = String, Path, description = "trades, equity or folds"), AsOfParams),
    responses((status = 200, description = "The numbers", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn numbers(
    State(gateway): State<Shared>,
    actor: Actor,
    Path((id, part)): Path<(String, String)>,
    Params(params): Params<AsOfParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let part = match part.as_str() {
        "trades" => RunPart::Trades,
        "equity" => RunPart::Equity,
        "folds" => RunPart::Folds,
        other => {
            return Err(Problem::not_found(format!(
                "a run has no '{other}': ask for trades, equity or folds"
            )));
        }
    };
    answered(&gateway, &actor, Request::ShowRun(id, part), params.as_of, &headers).await
}

/// A run's equity as a line of so many pixels draws it, extremes kept.
#[utoipa::path(get, path = "/api/v1/runs/{id}/series/equity", tag = "things",
    params(("id" = String, Path, description = "The id, or its beginning"), SeriesParams),
    responses((status = 200, description = "Times and values", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn series(
    State(gateway): State<Shared>,
    actor: Actor,
    Path(id): Path<String>,
    Params(params): Params<SeriesParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    if let Some(width) = params.width.filter(|width| !(1..=WIDEST).contains(width)) {
        return Err(Problem::bad_input(format!("width: {width} is not from 1 to {WIDEST}")));
    }
    let range = (time_or("from", params.from, i64::MIN)?, time_or("to", params.to, i64::MAX)?);
    read(&gateway, params.as_of, &headers, move |node| Ok(drawn(node, &id, range, params.width)?)).await
}

/// Several things of one kind side by side.
#[utoipa::path(get, path = "/api/v1/compare", tag = "things", params(CompareParams),
    responses((status = 200, description = "A side for each", body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn compare(
    State(gateway): State<Shared>,
    actor: Actor,
    Params(CompareParams { ids, as_of }): Params<CompareParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ids: Vec<String> =
        ids.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
    if !(2..=MOST_COMPARED).contains(&ids.len()) {
        return Err(Problem::bad_input(format!("ids: give 2 to {MOST_COMPARED}, not {}", ids.len())));
    }
    answered(&gateway, &actor, Request::Compare(ids), as_of, &headers).await
}

/// What was tried for a mandate, on which bars, by whom, and what it deflates to.
#[utoipa::path(get, path = "/api/v1/ledger/{mandate}", tag = "things",
    params(("mandate" = String, Path, description = "What champions are chosen for"), LedgerParams),
    responses((status = 200, description = "The ledger", body = serde_json::Value)))]
pub async fn ledger(
    State(gateway): State<Shared>,
    actor: Actor,
    Path(mandate): Path<String>,
    Params(params): Params<LedgerParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = LedgerRequest { mandate, trials: params.trials.unwrap_or(100) };
    answered(&gateway, &actor, Request::Ledger(request), params.as_of, &headers).await
}

/// How far the log and the views have come.
#[utoipa::path(get, path = "/api/v1/position", tag = "things",
    responses((status = 200, description = "Positions", body = serde_json::Value)))]
pub async fn head(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let ends = gateway.work.run(|node| Ok((node.projected_ends()?, node.projected()?))).await?;
    let lag: u64 =
        ends.0.iter().map(|(place, end)| end.saturating_sub(ends.1.get(place).copied().unwrap_or(0))).sum();
    let document = serde_json::json!({ "log": position::encode(&ends.0), "views": position::encode(&ends.1), "behind": lag });
    documented(&document, &headers)
}
