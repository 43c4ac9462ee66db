//! Commands of other processes: the token first, then the body, then lines with the progress and at last the answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use gauntlet_operations::{Node, Progress, Refusal, Request, Step};
use gauntlet_runtime::Running;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::report::Report;
use crate::table::{Layout, set_layout};

/// Bytes of a request at most.
const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Commands that are answered at a time; who comes then is asked to come again.
const MOST_COMMANDS: usize = 32;
/// Lines that wait for a slow reader.
const LINES: usize = 256;
/// Time between two lines at most, so that the other side knows that somebody is there.
const STILL_HERE: Duration = Duration::from_secs(1);
/// The media type of lines.
pub const LINES_TYPE: &str = "application/x-ndjson";

/// The header that says how the caller lays tables out.
pub const LAYOUT_HEADER: &str = "gauntlet-layout";

/// What a line of an answer says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The number by which the command can be stopped.
    Number(u64),
    /// A step of long work begins: its number, label, total and unit.
    Begin(u64, String, u64, String),
    /// How far a step has come.
    At(u64, u64),
    /// What a step waits for.
    Waits(u64, String),
    /// What came out of a step.
    End(u64, String),
    /// Somebody is there.
    Still,
    /// The answer. No line follows it.
    Answer(Result<Report, Refusal>),
}

/// What commands work on.
#[derive(Clone)]
pub struct Commands {
    node: Arc<Node>,
    running: Arc<Running>,
    token: Arc<str>,
    room: Arc<Semaphore>,
    under_way: Arc<UnderWay>,
}

/// The flags that end commands, by number.
#[derive(Default)]
pub struct UnderWay {
    next: AtomicU64,
    flags: Mutex<BTreeMap<u64, Arc<AtomicBool>>>,
}

impl UnderWay {
    fn begin(&self) -> (u64, Arc<AtomicBool>) {
        let (number, flag) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::<AtomicBool>::default());
        self.flags().insert(number, flag.clone());
        (number, flag)
    }

    fn flags(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<AtomicBool>>> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, number: u64) -> bool {
        let flags = self.flags();
        let flag = flags.get(&number);
        flag.inspect(|flag| flag.store(true, Ordering::Relaxed)).is_some()
    }

    /// Ends everything that is under way.
    pub fn stop_all(&self) {
        self.flags().values().for_each(|flag| flag.store(true, Ordering::Relaxed));
    }
}

impl Commands {
    /// Over a node whose processors run.
    pub fn new(node: Arc<Node>, running: Arc<Running>, token: Arc<str>) -> Commands {
        let room = Arc::new(Semaphore::new(MOST_COMMANDS));
        Commands { node, running, token, room, under_way: Arc::default() }
    }

    /// What is under way.
    pub fn under_way(&self) -> Arc<UnderWay> {
        self.under_way.clone()
    }

    /// The refusal of a caller who cannot read the directory.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if equal_in_constant_time(given.as_bytes(), self.token.as_bytes()) {
            return None;
        }
        let why = "the token does not match the one in the directory's up.json";
        Some(refused(StatusCode::UNAUTHORIZED, Refusal::BadInput(why.into())))
    }
}

fn refused(status: StatusCode, refusal: Refusal) -> Response {
    (status, axum::Json(Err::<Report, Refusal>(refusal))).into_response()
}

/// Ends a command that is under way.
pub async fn stop(State(commands): State<Commands>, Path(number): Path<u64>, headers: HeaderMap) -> Response {
    match commands.refusal(&headers) {
        Some(refused) => refused,
        None if commands.under_way.stop(number) => StatusCode::ACCEPTED.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Runs a command.
pub async fn command(State(commands): State<Commands>, headers: HeaderMap, body: Body) -> Response {
    if let Some(refused) = commands.refusal(&headers) {
        return refused;
    }
    let request = match request(body).await {
        Ok(request) => request,
        Err((status, refusal)) => return refused(status, refusal),
    };
    let Ok(permit) = commands.room.clone().try_acquire_owned() else {
        let why = format!("{MOST_COMMANDS} commands are under way here: ask again when one has ended");
        return refused(StatusCode::SERVICE_UNAVAILABLE, Refusal::Outside(why));
    };
    let wants_lines = headers.get("accept").is_some_and(|accepted| accepted == LINES_TYPE);
    let laid_out =
        headers.get(LAYOUT_HEADER).and_then(|layout| serde_json::from_slice(layout.as_bytes()).ok());
    let (lines, mut received) = mpsc::channel(LINES);
    let (number, flag) = commands.under_way.begin();
    let left = (lines.clone(), flag.clone());
    tokio::spawn(async move {
        // Who has left waits for nothing any more.
        left.0.closed().await;
        left.1.store(true, Ordering::Relaxed);
    });
    tokio::task::spawn_blocking(move || {
        let Commands { node, running, under_way, .. } = commands;
        let progress = OnLines { lines: lines.clone(), next: AtomicU64::new(0) };
        let _ = lines.blocking_send(Line::Number(number));
        // The thread answers another command next, and is told its layout then.
        set_layout(laid_out.unwrap_or(Layout::TABS));
        let work = || Report::of(&request.answer(&node.until(flag.clone()), Some(&running), &progress)?);
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Refusal::Broken("the command panicked: see what up has logged".into())));
        under_way.flags().remove(&number);
        drop(permit);
        let _ = lines.blocking_send(Line::Answer(answer));
    });
    if wants_lines {
        let stream = futures_util::stream::unfold(Some(received), |received| async {
            let mut received = received?;
            let line = match tokio::time::timeout(STILL_HERE, received.recv()).await {
                Ok(line) => line?,
                Err(_) => Line::Still,
            };
            let left = (!matches!(line, Line::Answer(_))).then_some(received);
            Some((bytes(&line), left))
        });
        return ([("content-type", LINES_TYPE)], Body::from_stream(stream)).into_response();
    }
    while let Some(line) = received.recv().await {
        if let Line::Answer(answer) = line {
            return axum::Json(answer).into_response();
        }
    }
    refused(StatusCode::INTERNAL_SERVER_ERROR, Refusal::Broken("the command gave no answer".into()))
}

/// The request in a body.
async fn request(body: Body) -> Result<Request, (StatusCode, Refusal)> {
    let Ok(read) = tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_LIMIT)).await else {
        let why = format!("the body did not arrive within {} s", BODY_TIME.as_secs());
        return Err((StatusCode::REQUEST_TIMEOUT, Refusal::BadInput(why)));
    };
    let bytes = read.map_err(|error| {
        let why = format!("the body cannot be read ({error}); it may have {BODY_LIMIT} bytes at most");
        (StatusCode::PAYLOAD_TOO_LARGE, Refusal::BadInput(why))
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        (StatusCode::UNPROCESSABLE_ENTITY, Refusal::BadInput(format!("no request: {error}")))
    })
}

/// A line as bytes.
fn bytes(line: &Line) -> Result<Bytes, serde_json::Error> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes.into())
}

/// Tells the other side.
struct OnLines {
    lines: mpsc::Sender<Line>,
    next: AtomicU64,
}

struct StepOnLines {
    lines: mpsc::Sender<Line>,
    number: u64,
}

impl Progress for OnLines {
    fn begin(&self, label: &str, total: u64, unit: &str) -> Box<dyn Step> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.lines.blocking_send(Line::Begin(number, label.into(), total, unit.into()));
        Box::new(StepOnLines { lines: self.lines.clone(), number })
    }
}

impl Step for StepOnLines {
    fn is_watched(&self) -> bool {
        true
    }

    fn at(&self, position: u64) {
        // A reader that is behind learns of a later position.
        let _ = self.lines.try_send(Line::At(self.number, position));
    }

    fn waits(&self, what: &str) {
        let _ = self.lines.try_send(Line::Waits(self.number, what.into()));
    }

    fn end(self: Box<Self>, outcome: &str) {
        let _ = self.lines.blocking_send(Line::End(self.number, outcome.into()));
    }
}

fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
