//! SQL: `POST /api/v1/sql` with a document, and `GET` for short statements.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::Shared;
use crate::actor::{Actor, Role};
use crate::answer::{BODY_LIMIT, Params, bytes, json};
use crate::format::Format;
use crate::problem::Problem;

/// What is asked.
#[cfg_attr(not(feature = "sql"), allow(dead_code, reason = "a build without SQL refuses whatever is asked"))]
#[derive(Debug, Clone, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SqlQuery {
    /// One statement that reads: `SELECT instrument, count(*) AS ticks FROM ticks GROUP BY instrument`.
    pub query: String,
    /// How the answer is written: json, csv, parquet, arrow; what `Accept` names when left out.
    pub format: Option<String>,
    /// Rows at most; all when left out.
    pub limit: Option<usize>,
    /// What was said at a recorded time that has passed: RFC 3339, a date, or `2h ago`.
    pub as_of: Option<String>,
}

/// Asks in SQL. The answer is a document with `columns` and `rows`, a CSV or Parquet file, or an Arrow IPC stream.
#[utoipa::path(post, path = "/api/v1/sql", tag = "sql", request_body = SqlQuery,
    responses((status = 200, description = "The rows", body = serde_json::Value), (status = 400, body = Problem),
        (status = 422, description = "It takes more than it may", body = Problem),
        (status = 504, description = "It takes longer than it may", body = Problem)))]
pub async fn post(
    State(gateway): State<Shared>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    let query = json(&bytes(body, BODY_LIMIT).await?)?;
    asked(gateway, actor, query, &headers).await
}

/// The same for a short statement in the address.
#[utoipa::path(get, path = "/api/v1/sql", tag = "sql", params(SqlQuery),
    responses((status = 200, description = "The rows", body = serde_json::Value), (status = 400, body = Problem)))]
pub async fn get(
    State(gateway): State<Shared>,
    actor: Actor,
    Params(query): Params<SqlQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    actor.require(Role::Viewer)?;
    asked(gateway, actor, query, &headers).await
}

fn format_of(query: &SqlQuery, headers: &HeaderMap) -> Result<Format, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    match &query.format {
        Some(format) => Format::of(&format!("sql.{format}"), None).map(|(_, format)| format),
        None => Format::of("sql", accept).map(|(_, format)| format),
    }
}

#[cfg(not(feature = "sql"))]
async fn asked(_: Shared, _: Actor, query: SqlQuery, headers: &HeaderMap) -> Result<Response, Problem> {
    format_of(&query, headers)?;
    Err(Problem::not_built("this process was built without SQL: build it with --features sql"))
}

#[cfg(feature = "sql")]
async fn asked(
    gateway: Shared,
    actor: Actor,
    query: SqlQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    engine::asked(&gateway, &actor, query, headers).await
}

/// What is done with a query where there is an engine.
#[cfg(feature = "sql")]
pub mod engine {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use axum::response::Response;
    use gauntlet_operations::Refusal;
    use gauntlet_sql::gate::Answer;
    use gauntlet_sql::{Done, Gate, Limits, Query, SqlError};
    use tokio::sync::Semaphore;

    use super::{SqlQuery, format_of};
    use crate::actor::{Actor, Role};
    use crate::format::{Format, streamed_holding};
    use crate::position;
    use crate::problem::Problem;
    use crate::work::Ends;
    use crate::{Shared, past};

    /// How long a query waits for its turn.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Where queries are run; its threads begin with the first one.
    pub struct Sql {
        gate: std::sync::OnceLock<Result<Gate, String>>,
        room: Arc<Semaphore>,
    }

    impl Sql {
        /// So many at a time.
        pub fn new(at_a_time: u32) -> Sql {
            Sql { gate: std::sync::OnceLock::new(), room: Arc::new(Semaphore::new(at_a_time as usize)) }
        }

        fn gate(&self, limits: Limits) -> Result<&Gate, SqlError> {
            let gate = self.gate.get_or_init(|| Gate::new(limits).map_err(|error| error.to_string()));
            gate.as_ref().map_err(|why| SqlError::Source(Refusal::Outside(why.clone())))
        }
    }

    impl From<SqlError> for Problem {
        fn from(error: SqlError) -> Problem {
            let text = error.to_string();
            match error {
                SqlError::Statement(_) | SqlError::NotAQuery(_) => Problem::sql_statement(text),
                SqlError::Time(limit) => Problem::sql_time(text).with("seconds", limit.as_secs()),
                SqlError::Limit { key, .. } => Problem::sql_limit(text).with("key", key),
                SqlError::Source(refusal) => refusal.into(),
                SqlError::Cancelled => Problem::unavailable(text),
                SqlError::Unwritten(_) | SqlError::Broken(_) => Problem::broken(text),
            }
        }
    }

    /// Begins a query, and answers once its first rows are there.
    pub async fn asked(
        gateway: &Shared,
        actor: &Actor,
        query: SqlQuery,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let format = format_of(&query, headers)?;
        let limits = Limits::from(gateway.node.config.sql);
        let room = gateway.sql.room.clone().acquire_owned();
        let place =
            tokio::time::timeout(PATIENCE, room).await.ok().and_then(Result::ok).ok_or_else(|| {
                Problem::too_many_requests("other queries are being worked on: come again in a moment")
                    .retry_after(1)
            })?;
        let asked = Query {
            text: query.query.clone(),
            limit: query.limit,
            sees_access: actor.require(Role::Operator).is_ok(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Ends(stop.clone());
        let (shared, began) = (gateway.clone(), Instant::now());
        let as_of = past::time(query.as_of.as_deref())?;
        let answer = tokio::task::spawn_blocking(move || {
            let gate = shared.sql.gate(limits)?;
            let node = match as_of {
                Some(time) => &shared.node.as_of(time)?,
                None => &*shared.node,
            };
            let moment = node.moment().cloned();
            gate.ask(node, &asked, &stop).map(|answer| (answer, stop, moment))
        });
        let answer = answer.await.unwrap_or_else(|_| Err(SqlError::Broken("it has panicked".into())));
        let told = QueryLog { actor: actor.name.clone(), query: query.query, began };
        let (answer, stop, moment) = answer.map_err(|error| {
            told.tell(Err(&error));
            Problem::from(error)
        })?;
        let position = position::encode(&answer.positions);
        let mut response = streamed_holding(format.media_type(), ends, move |to| {
            let _place = place;
            let done = write(answer, format, &stop, to);
            told.tell(done.as_ref().map(|done| *done));
            done.map(drop).map_err(std::io::Error::other)
        });
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        put(position::HEADER, &position);
        put("cache-control", "no-store");
        Ok(past::named(response, moment.as_ref()))
    }

    fn write(
        answer: Answer,
        format: Format,
        stop: &AtomicBool,
        to: impl std::io::Write + Send,
    ) -> Result<Done, SqlError> {
        let format = match format {
            Format::Json => gauntlet_sql::Format::Json,
            Format::Table(table) => gauntlet_sql::Format::Table(table),
        };
        gauntlet_sql::write(answer, format, stop, to)
    }

    /// Who asked what, for the log of the process.
    struct QueryLog {
        actor: String,
        query: String,
        began: Instant,
    }

    impl QueryLog {
        fn tell(&self, done: Result<Done, &SqlError>) {
            let QueryLog { actor, query, began } = self;
            let seconds = began.elapsed().as_secs_f64();
            match done {
                Ok(Done { rows, rows_read, bytes_read, .. }) => {
                    tracing::info!(%actor, query, rows, rows_read, bytes_read, seconds, "query answered");
                }
                Err(error) => tracing::info!(%actor, query, seconds, %error, "query not answered"),
            }
        }
    }
}
