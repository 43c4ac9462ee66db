//! Commands for a node that runs elsewhere: `up` writes where it listens and a secret into its directory, readable by
//! its owner alone; a command that finds the directory in use sends its request there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use gauntlet_operations::services::address_file;
use gauntlet_operations::{Progress, Refusal, Request, Step};
use serde::{Deserialize, Serialize};

use crate::report::Report;
use crate::serve::commands::{LAYOUT_HEADER, LINES_TYPE, Line};
use crate::sql_command::Asked;
use crate::table::layout;

/// Where a running `up` is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// `127.0.0.1:8686`
    pub listen: String,
    /// Proves that the caller may read the directory.
    pub token: String,
}

/// Refuses what means something else to another process: its own input and its own open files.
pub fn check(request: &Request) -> Result<(), Refusal> {
    let Request::Feed(feed) = request else { return Ok(()) };
    let own = ["/dev/stdin", "/dev/fd", "/proc/self"];
    match feed.paths.iter().find(|path| own.iter().any(|own| path.starts_with(own))) {
        None => Ok(()),
        Some(path) => Err(Refusal::BadInput(format!(
            "{}: a running up feeds the file, and this is open only here: write it to a file, or use a named pipe",
            path.display()
        ))),
    }
}

/// How long a connection to a process of this machine may take.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// How long a running `up` may say nothing. It says every second that it is there.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read at a time.
const PIECE: usize = 64 << 10;
/// How often signals are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sends a request to the `up` that holds a directory and shows its progress; `None` when none answers. `signals` counts
/// signals to stop: the first one asks `up` to stop the command, the second one leaves.
pub fn send(
    dir: &Path,
    request: &Request,
    progress: &dyn Progress,
    signals: impl Fn() -> usize,
) -> Option<Result<Report, Refusal>> {
    let address = address(dir)?;
    let (lines, received) = sync_channel(64);
    let response = post(&address, "/api/v1/commands")
        .header("accept", LINES_TYPE)
        .header(LAYOUT_HEADER, serde_json::to_string(&layout()).unwrap_or_default())
        .send_json(request)
        .ok()?;
    std::thread::spawn(move || {
        let mut response = response;
        if response.headers().get("content-type").is_none_or(|kind| kind != LINES_TYPE) {
            // It was refused before it began.
            let answer = response.body_mut().read_json::<Result<Report, Refusal>>();
            let _ = lines.send(answer.map(Line::Answer).map_err(|error| error.to_string()));
            return;
        }
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line.map_err(|error| error.to_string());
            let line = line.and_then(|line| {
                serde_json::from_str(&line).map_err(|error| format!("'{}': {error}", line.escape_debug()))
            });
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    Some(follow(&address, &received, progress, signals))
}

/// Where the `up` that holds a directory is reached, as it has written there.
pub fn address(dir: &Path) -> Option<Address> {
    let text = std::fs::read_to_string(address_file(dir)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Asks in SQL; `give` takes the answer piece by piece, and says whether anybody wants more.
///
/// # Errors
/// What `up` says.
pub fn sql(
    address: &Address,
    asked: &Asked,
    patience: Duration,
    mut give: impl FnMut(Vec<u8>) -> bool,
) -> Result<(), Refusal> {
    let lost =
        |why: String| Refusal::Outside(format!("the running up at {} gave no answer: {why}", address.listen));
    let post = post(address, "/api/v1/sql").config().timeout_recv_response(Some(patience)).build();
    let Asked { query, format, limit, as_of } = asked;
    let as_of = as_of.map(|time| time.to_string());
    let body = serde_json::json!({ "query": query, "format": format, "limit": limit, "as_of": as_of });
    let sent = post.send_json(body);
    let mut response = sent.map_err(|error| lost(error.to_string()))?;
    if response.status() != 200 {
        let problem: serde_json::Value =
            response.body_mut().read_json().map_err(|error| lost(error.to_string()))?;
        let detail = problem["detail"].as_str().unwrap_or("it did not say why").to_owned();
        return Err(match response.status().as_u16() {
            400..=428 | 501 | 504 => Refusal::BadInput(detail),
            429 | 503 => Refusal::Outside(detail),
            _ => Refusal::Broken(detail),
        });
    }
    let mut body = response.into_body().into_reader();
    loop {
        let mut piece = vec![0; PIECE];
        match body.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => piece.truncate(read),
            Err(error) => return Err(lost(format!("the answer breaks off: {error}"))),
        }
        if !give(piece) {
            return Ok(());
        }
    }
}

/// Asks the `up` that holds a directory for a link that begins a session of a browser.
pub fn link(dir: &Path) -> Result<Report, Refusal> {
    let none = || {
        let dir = dir.display();
        Refusal::Outside(format!(
            "no up is running on {dir}: start gauntlet up, or name another directory with --dir"
        ))
    };
    let address = address(dir).ok_or_else(none)?;
    let mut response = post(&address, "/api/v1/links").send_empty().map_err(|_| none())?;
    let answer: serde_json::Value = response.body_mut().read_json().map_err(|_| none())?;
    let path = answer["path"].as_str().ok_or_else(none)?;
    let link = format!("http://{}{path}", address.listen);
    Ok(Report { code: 0, json: serde_json::json!({ "link": link }), text: link })
}

/// A request to a running `up`.
fn post(address: &Address, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
    let post = ureq::post(format!("http://{}{path}", address.listen)).config().http_status_as_error(false);
    // It is on this machine: a proxy, which the environment may name, would only learn the token.
    let post = post.proxy(None).timeout_connect(Some(CONNECT_TIME)).timeout_recv_response(Some(SILENCE));
    post.build().header("authorization", format!("Bearer {}", address.token))
}

/// Shows the progress of a command until its answer comes.
fn follow(
    address: &Address,
    received: &Receiver<Result<Line, String>>,
    progress: &dyn Progress,
    signals: impl Fn() -> usize,
) -> Result<Report, Refusal> {
    let lost =
        |why: String| Refusal::Outside(format!("the running up at {} gave no answer: {why}", address.listen));
    let (mut steps, mut number): (BTreeMap<u64, Box<dyn Step>>, _) = (BTreeMap::new(), None);
    let (mut heard, mut asked) = (Instant::now(), false);
    loop {
        let line = match received.recv_timeout(LOOK_EVERY) {
            Ok(line) => {
                heard = Instant::now();
                line.map_err(lost)?
            }
            Err(RecvTimeoutError::Disconnected) => return Err(lost("the connection has ended".into())),
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > SILENCE => {
                return Err(lost(format!("it has said nothing for {} s", SILENCE.as_secs())));
            }
            Err(RecvTimeoutError::Timeout) => Line::Still,
        };
        match signals() {
            0 => {}
            1 if !asked => {
                asked = true;
                // Without a number yet there is nothing to ask for: leaving ends it too.
                let Some(number) = number else { return Err(Refusal::Interrupted) };
                let _ = post(address, &format!("/api/v1/commands/{number}/stop")).send_empty();
            }
            1 => {}
            _ => return Err(Refusal::Interrupted),
        }
        match line {
            Line::Number(given) => number = Some(given),
            Line::Begin(step, label, total, unit) => {
                steps.insert(step, progress.begin(&label, total, &unit));
            }
            Line::At(step, position) => drop(steps.get(&step).map(|step| step.at(position))),
            Line::Waits(step, what) => drop(steps.get(&step).map(|step| step.waits(&what))),
            Line::End(step, outcome) => drop(steps.remove(&step).map(|step| step.end(&outcome))),
            Line::Still => {}
            Line::Answer(answer) => return answer,
        }
    }
}
