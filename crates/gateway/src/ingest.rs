//! Ticks from programs: `POST /api/v1/ticks`, a batch at a time. Nothing waits here: what cleaning cannot keep up with is refused
//! until it can.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gauntlet_operations::ingest::{self, Batch, EndOfSource, NotTaken};

use crate::Shared;
use crate::actor::{Actor, Role};
use crate::answer;
use crate::problem::Problem;

/// Bytes of a batch at most.
const BATCH_LIMIT: usize = 4 << 20;

impl From<NotTaken> for Problem {
    fn from(why: NotTaken) -> Problem {
        match why {
            NotTaken::Refused(refusal) => refusal.into(),
            NotTaken::OutOfTurn { expected } => Problem::out_of_turn(format!(
                "batch {expected} of the source comes first: send it, then this one"
            ))
            .with("expected", expected),
            NotTaken::Ended => {
                Problem::out_of_turn("the source has ended: begin another one under a name of its own")
            }
            NotTaken::Behind { records, most } => Problem::backpressure(format!(
                "cleaning is {records} batches behind, {most} at most: come again in a second"
            ))
            .with("queue", records)
            .with("capacity", most)
            .retry_after(1),
        }
    }
}

/// Publishes a batch of ticks of a source. It is durable when the answer comes; the same batch again is the same batch.
#[utoipa::path(post, path = "/api/v1/ticks", tag = "data",
    request_body(content = serde_json::Value, description = "instrument, source, batch (from 0), ticks: `{time, bid, ask, bid_size, ask_size}` or `{time, price, size, side}`, and perhaps sequence"),
    responses((status = 202, description = "How many were appended, and the number of the next batch", body = serde_json::Value),
        (status = 409, description = "Another batch comes first; `expected`", body = Problem),
        (status = 429, description = "Cleaning is behind", body = Problem)))]
pub async fn ticks(State(gateway): State<Shared>, actor: Actor, body: Body) -> Result<Response, Problem> {
    actor.require(Role::Feeder)?;
    let bytes = answer::bytes(body, BATCH_LIMIT).await?;
    let taken = gateway.work.run(move |node| {
        let batch: Batch = answer::json(&bytes)?;
        Ok(ingest::ingest(node, &batch)?)
    });
    Ok((StatusCode::ACCEPTED, axum::Json(taken.await?)).into_response())
}

/// Ends a source: what waits for later ticks is decided.
#[utoipa::path(post, path = "/api/v1/ticks/end", tag = "data",
    request_body(content = serde_json::Value, description = "instrument, source, batches, ticks"),
    responses((status = 202, description = "It has ended", body = serde_json::Value), (status = 409, body = Problem)))]
pub async fn end(State(gateway): State<Shared>, actor: Actor, body: Body) -> Result<Response, Problem> {
    actor.require(Role::Feeder)?;
    let bytes = answer::bytes(body, BATCH_LIMIT).await?;
    let ended = gateway.work.run(move |node| {
        let end: EndOfSource = answer::json(&bytes)?;
        Ok(ingest::end(node, &end)?)
    });
    Ok((StatusCode::ACCEPTED, axum::Json(ended.await?)).into_response())
}
