//! Subscriptions: `GET /api/v1/events` as Server-Sent Events, or as pages for clients without them. A subscription is a reader of the
//! log: it costs its positions and one chunk, and goes on from any id that it was given, after whatever happened.

/// The newest events, read once for all.
mod hub;
/// An event as it is told.
mod shown;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use gauntlet_domain::topics;
use gauntlet_log::{LogError, Positions, TopicPartition};
use gauntlet_operations::{Node, Refusal};
use gauntlet_runtime::clock;
use gauntlet_runtime::restore::for_each;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use utoipa::IntoParams;

use crate::actor::{Actor, Role};
use crate::answer::Params;
use crate::position::{decode, encode};
use crate::problem::Problem;
use crate::{Gateway, Shared};

pub use hub::Hub;
use hub::{Found, OF_OPERATORS, TOPICS};
use shown::{Shown, shown};

/// Events of a partition that are taken at a time.
const CHUNK: usize = 64;
/// Offsets that are read at a time by who is behind.
const STRETCH: u64 = 256;
/// Events of a page.
const PAGE: usize = 500;
/// How often something is said where nothing happens.
const STILL_HERE: Duration = Duration::from_secs(15);
/// How long a subscriber may take for what it was sent before it is told to come again.
const SLOW: Duration = Duration::from_secs(30);
/// How long somebody may wait for a page.
const LONGEST_WAIT: f64 = 60.0;

/// What to subscribe to.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// Topics, separated by commas; all that there are for the role when left out.
    pub topics: Option<String>,
    /// Names of records, separated by commas: `CandidateSelected,TrialCompleted`.
    pub records: Option<String>,
    /// Ids of experiments, separated by commas.
    pub experiments: Option<String>,
    /// Ids of models, separated by commas.
    pub models: Option<String>,
    /// Where to begin without an id: `now`, or `start` for the beginning of the log.
    pub from: Option<String>,
    /// Go on behind this id; the header `Last-Event-ID` says the same.
    pub after: Option<String>,
    /// For a page: seconds to wait for the first event, 60 at most.
    pub wait: Option<f64>,
}

/// Which events somebody wants.
#[derive(Debug, Clone, Default)]
struct Wanted {
    records: Option<Vec<String>>,
    experiments: Option<Vec<String>>,
    models: Option<Vec<String>>,
}

impl Wanted {
    fn has(&self, event: &Shown) -> bool {
        let in_list = |list: &Option<Vec<String>>, value: Option<&str>| {
            list.as_ref().is_none_or(|list| value.is_some_and(|value| list.iter().any(|of| of == value)))
        };
        let experiment = event.experiment.map(|id| id.to_string());
        event.document.is_some()
            && in_list(&self.records, Some(event.record))
            && in_list(&self.experiments, experiment.as_deref())
            && in_list(&self.models, event.model.as_deref())
    }
}

fn list(text: Option<&String>) -> Option<Vec<String>> {
    let parts = text?.split(',').map(str::trim).filter(|part| !part.is_empty());
    Some(parts.map(str::to_owned).collect())
}

/// The topics that somebody wants and may have.
fn topics(actor: &Actor, params: &EventParams) -> Result<Vec<&'static str>, Problem> {
    actor.require(Role::Viewer)?;
    let is_operator = actor.require(Role::Operator).is_ok();
    let mut known: Vec<&'static str> = TOPICS.iter().map(|topic| topic.name).collect();
    if is_operator {
        known.extend(OF_OPERATORS.iter().map(|topic| topic.name));
    }
    let Some(wanted) = list(params.topics.as_ref()) else { return Ok(known) };
    let find = |name: &String| {
        if let Some(found) = known.iter().find(|known| *known == name) {
            return Ok(*found);
        }
        if OF_OPERATORS.iter().any(|topic| topic.name == name) {
            actor.require(Role::Operator)?;
        }
        let why = if topics::named(name).is_some() { "cannot be subscribed to" } else { "is no topic" };
        Err(Problem::bad_input(format!("topics: '{name}' {why}: take of {}", known.join(", "))))
    };
    wanted.iter().map(find).collect()
}

/// Where somebody begins, and what is to be said of it first.
struct Begin {
    positions: Positions,
    reset: Option<Value>,
}

/// Where to begin on some topics.
fn begin(
    node: &Node,
    topics: &[&'static str],
    id: Option<&str>,
    from: Option<&str>,
) -> Result<Begin, Problem> {
    let given = id.map(|id| {
        decode(id).ok_or_else(|| {
            Problem::bad_input("this is no id of an event of a subscription: take one as it was given")
        })
    });
    let given = given.transpose()?;
    let (mut positions, mut oldest) = (Positions::new(), Positions::new());
    for topic in topics {
        for partition in 0..node.log.partitions(topic).map_err(Refusal::from)? {
            let place = TopicPartition::new(*topic, partition);
            let (start, end) = node.log.bounds(&place).map_err(Refusal::from)?;
            let next = match (&given, from) {
                (Some(given), _) => *given.get(&place).ok_or_else(|| {
                    Problem::cursor_mismatch(format!("the id is of a subscription without {topic}: leave it out, or ask for the same topics"))
                })?,
                (None, Some("start")) => start,
                (None, None | Some("now")) => end,
                (None, Some(other)) => {
                    return Err(Problem::bad_input(format!("from: '{other}' is neither now nor start")));
                }
            };
            if next > end {
                return Err(Problem::cursor_ahead(format!(
                    "the id says that {next} events of {place} were read, and there are {end}: it is of another log, or of a later state of this one"
                ))
                .with("newest", end));
            }
            oldest.insert(place.clone(), start);
            positions.insert(place, next);
        }
    }
    let mut reset = None;
    for (place, start) in &oldest {
        let next = positions.entry(place.clone()).or_insert(*start);
        if *next < *start {
            *next = *start;
            reset = Some(json!({ "reason": "retention" }));
        }
    }
    if let Some(reset) = &mut reset {
        reset["oldest"] = encode(&positions).into();
    }
    Ok(Begin { positions, reset })
}

/// Subscribes to what was asked for, found and decided. With `Accept: text/event-stream` a stream, else a page and the id behind
/// which the next one begins.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventParams,
        ("Last-Event-ID" = Option<String>, Header, description = "Go on behind this id")),
    responses((status = 200, description = "CloudEvents 1.0 in the order of each partition", content_type = "text/event-stream", body = String),
        (status = 409, description = "The id is ahead of the log", body = Problem)))]
pub async fn events(
    State(gateway): State<Shared>,
    actor: Actor,
    Params(params): Params<EventParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let topics = topics(&actor, &params)?;
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_stream = text(header::ACCEPT).is_some_and(|accept| accept.contains("text/event-stream"));
    let id =
        text(header::HeaderName::from_static("last-event-id")).map(str::to_owned).or(params.after.clone());
    let from = params.from.clone();
    let begin = gateway.work.run(move |node| begin(node, &topics, id.as_deref(), from.as_deref())).await?;
    let wanted = Wanted {
        records: list(params.records.as_ref()),
        experiments: list(params.experiments.as_ref()),
        models: list(params.models.as_ref()),
    };
    gateway.hub.begin();
    let grown = gateway.hub.grown();
    let mut reader = Reader { gateway, wanted, positions: begin.positions, grown, found: VecDeque::new() };
    if !is_stream {
        return reader.page(params.wait.unwrap_or(0.0).clamp(0.0, LONGEST_WAIT), begin.reset).await;
    }
    let first = begin.reset.map(|reset| frame("reset", &encode(&reader.positions), &reset.to_string()));
    let told = Told { reader, said: first.into_iter().collect(), last: Instant::now(), is_over: false };
    let stream = stream::unfold(told, |mut told| async {
        let bytes = told.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), told))
    });
    let mut response = Body::from_stream(stream).into_response();
    let kinds = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    for (name, value) in kinds {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Somebody who reads.
struct Reader {
    gateway: Arc<Gateway>,
    wanted: Wanted,
    positions: Positions,
    grown: watch::Receiver<u64>,
    /// Events that were found and not told yet.
    found: VecDeque<Arc<Shown>>,
}

impl Reader {
    /// The next event that is wanted, and the id behind it; `None` when there is none now.
    async fn next(&mut self) -> Result<Option<(Arc<Shown>, String)>, Problem> {
        loop {
            while let Some(event) = self.found.pop_front() {
                self.positions.insert(TopicPartition::clone(&event.place), event.offset + 1);
                if self.wanted.has(&event) {
                    let id = encode(&self.positions);
                    return Ok(Some((event, id)));
                }
            }
            self.grown.borrow_and_update();
            let mut has_moved = false;
            let places: Vec<(TopicPartition, u64)> =
                self.positions.iter().map(|(place, next)| (place.clone(), *next)).collect();
            for (place, from) in places {
                match self.gateway.hub.from(&place, from, CHUNK) {
                    Found::Events(events, next) if events.is_empty() => {
                        self.positions.insert(place, next);
                    }
                    Found::Events(events, _) => self.found.extend(events),
                    Found::Behind => {
                        self.catch_up(place.clone(), from).await?;
                        // Of offsets without records there may be many.
                        has_moved |= self.positions.get(&place).is_some_and(|next| *next > from);
                    }
                }
                if !self.found.is_empty() {
                    break;
                }
            }
            if self.found.is_empty() && !has_moved {
                return Ok(None);
            }
        }
    }

    /// Reads a stretch of a partition from the log.
    async fn catch_up(&mut self, place: TopicPartition, from: u64) -> Result<(), Problem> {
        let Ok(_place) = self.gateway.hub.catch_up.acquire().await else { return Ok(()) };
        let node = self.gateway.node.clone();
        let read = tokio::task::spawn_blocking(move || {
            let (start, end) = node.log.bounds(&place)?;
            let (from, mut events) = (from.max(start), Vec::new());
            // To its end, however long the log takes: what a look does not find at once is not passed over.
            let to = end.min(from.saturating_add(STRETCH));
            if from < to {
                for_each(&*node.log, &place, from, to, |record| {
                    events.push(Arc::new(shown(&node.codec, &record)?));
                    Ok(())
                })?;
            }
            Ok::<_, LogError>((place, events, to.max(from)))
        });
        let read = read.await.map_err(|_| Problem::broken("reading the log panicked"))?;
        let (place, events, to) = read.map_err(Refusal::from)?;
        if events.is_empty() {
            self.positions.insert(place, to);
        }
        self.found.extend(events);
        Ok(())
    }

    /// Some events as a document; `reset` where some were removed before they were asked for.
    async fn page(&mut self, wait: f64, reset: Option<Value>) -> Result<Response, Problem> {
        let until = Instant::now() + Duration::from_secs_f64(wait);
        let mut events: Vec<Value> = Vec::new();
        loop {
            while events.len() < PAGE {
                let Some((event, _)) = self.next().await? else { break };
                let document = event.document.as_deref().unwrap_or("null");
                events.push(serde_json::from_str(document).unwrap_or_default());
            }
            let left = until.saturating_duration_since(Instant::now());
            if !events.is_empty() || left.is_zero() {
                break;
            }
            // Whether there is more or the time is over: it is looked once more.
            let _ = tokio::time::timeout(left, self.grown.changed()).await;
        }
        let next = encode(&self.positions);
        let mut page = json!({ "events": events, "next": next });
        if let Some(reset) = reset {
            page["reset"] = reset;
        }
        Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(page)).into_response())
    }
}

/// A stream as it is told.
struct Told {
    reader: Reader,
    said: VecDeque<Bytes>,
    /// When the subscriber last took something.
    last: Instant,
    is_over: bool,
}

impl Told {
    /// The next piece; `None` when the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if let Some(bytes) = self.said.pop_front() {
            self.last = Instant::now();
            return Some(bytes);
        }
        // It is asked for the next piece when the one before has been taken.
        if self.last.elapsed() > SLOW + STILL_HERE {
            return Some(self.bye("slow-consumer"));
        }
        loop {
            match self.reader.next().await {
                Ok(Some((event, id))) => {
                    self.last = Instant::now();
                    return Some(frame(event.record, &id, event.document.as_deref().unwrap_or("null")));
                }
                Ok(None) => {}
                Err(problem) => {
                    tracing::warn!(?problem, "a subscription ends");
                    return Some(self.bye("log-unavailable"));
                }
            }
            if self.reader.gateway.hub.has_ended() {
                return Some(self.bye("stopping"));
            }
            if tokio::time::timeout(STILL_HERE, self.reader.grown.changed()).await.is_err() {
                self.last = Instant::now();
                return Some(format!(": {}\n\n", clock::now()).into());
            }
        }
    }

    /// The last piece: why, and where to go on.
    fn bye(&mut self, reason: &str) -> Bytes {
        self.is_over = true;
        let id = encode(&self.reader.positions);
        frame("bye", &id, &json!({ "reason": reason, "resume": id }).to_string())
    }
}

/// An event as the protocol has it. A JSON document has no line break.
fn frame(event: &str, id: &str, data: &str) -> Bytes {
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n").into()
}
