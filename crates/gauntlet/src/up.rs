//! `up` and `run`: processors in one process, with health, metrics and commands over HTTP on the loopback interface. Health
//! and metrics alone are also served where `telemetry.listen` says.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use gauntlet_config::Config;
use gauntlet_operations::services::address_file;
use gauntlet_operations::{Answer, Node, Refusal, Request, Silent};
use gauntlet_runtime::{Running, Waiting};

use crate::remote::Address;
use crate::report::Report;
use crate::scrape;

/// Prometheus's text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bytes of a request at most.
const BODY_LIMIT: usize = 1 << 20;

/// How often expired records are removed.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);

/// How often counted things are folded.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    node: Arc<Node>,
    running: Arc<Running>,
    token: Arc<str>,
}

/// Runs until a signal or a failure.
#[allow(clippy::print_stderr)]
pub fn up(node: Node, processors: Vec<&'static str>, quiet: bool) -> Result<Report, Refusal> {
    let node = Arc::new(node);
    let listeners = Listeners::bind(&node.config)?;
    let running = Arc::new(node.start_only(processors)?);
    serve(&node, &running, listeners, |address| {
        if !quiet {
            eprintln!("up: http://{address} (Ctrl-C stops)");
        }
    })?;
    let running = Arc::into_inner(running);
    match running.map(Running::stop) {
        Some(Err(failure)) => Err(failure.into()),
        _ => Ok(Report {
            code: 0,
            json: serde_json::json!({ "stopped": true }),
            text: "stopped; everything acknowledged is kept".into(),
        }),
    }
}

/// Runs the demo; serves afterwards unless told not to.
#[allow(clippy::print_stderr)]
pub fn demo(node: Node, no_serve: bool, json: bool) -> Result<Report, Refusal> {
    let node = Arc::new(node);
    let listeners = if no_serve { None } else { Some(Listeners::bind(&node.config)?) };
    let running = Arc::new(node.start()?);
    let answer = gauntlet_operations::demo::demo(&node, &running, crate::watching(json))?;
    let report = Report::of(&Answer::Demonstrated(answer))?;
    if let Some(listeners) = listeners {
        crate::report::print(&report, json);
        serve(&node, &running, listeners, |address| {
            eprintln!("serving http://{address} (Ctrl-C stops)");
        })?;
    }
    match Arc::into_inner(running).map(Running::stop) {
        Some(Err(failure)) => Err(failure.into()),
        _ if no_serve => Ok(report),
        _ => Ok(Report::silent()),
    }
}

/// The addresses to serve on, taken before anything starts, so that a port in use is said at once.
pub struct Listeners {
    /// Everything, commands too.
    all: TcpListener,
    /// Health and metrics, for other machines.
    watching: Option<TcpListener>,
}

impl Listeners {
    /// Takes them.
    pub fn bind(config: &Config) -> Result<Listeners, Refusal> {
        let bind = |address: SocketAddr, remedy: &str| {
            let bound = TcpListener::bind(address).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            bound.map_err(|error| {
                Refusal::Outside(format!(
                    "cannot listen on {address}: {error}; choose another address {remedy}"
                ))
            })
        };
        let watching = config.telemetry.listen.parse().ok();
        Ok(Listeners {
            all: bind(config.listen, "with --listen")?,
            watching: watching.map(|address| bind(address, "in telemetry.listen")).transpose()?,
        })
    }
}

/// Serves until a signal comes or a processor fails.
pub fn serve(
    node: &Arc<Node>,
    running: &Arc<Running>,
    listeners: Listeners,
    ready: impl FnOnce(&str),
) -> Result<(), Refusal> {
    let outside = |error: std::io::Error| Refusal::Outside(format!("cannot serve: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(outside)?;
    let address_file = address_file(&node.config.dir);
    let address = Address {
        listen: listeners.all.local_addr().map_err(outside)?.to_string(),
        token: token().map_err(outside)?,
    };
    // What several processes reach they ask themselves, and several may share the directory.
    let has_address_file = node.services.is_exclusive();
    if has_address_file {
        write_private(&address_file, &serde_json::to_string(&address).unwrap_or_default())
            .map_err(outside)?;
    }
    let listen = address.listen.clone();
    let shared = Shared { node: node.clone(), running: running.clone(), token: address.token.into() };
    let watching = || {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(async || ([("content-type", METRICS_TYPE)], scrape::render())))
    };
    let app = watching()
        .route("/api/v1/commands", post(command))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shared.clone());
    let watching = watching().with_state(shared);
    let ended = look_after(node.clone(), running.clone());
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listeners.all)?;
        ready(&listen);
        if let Some(listener) = listeners.watching {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            // Ends with the runtime.
            tokio::spawn(async move { axum::serve(listener, watching).await });
        }
        axum::serve(listener, app).with_graceful_shutdown(ended).await
    });
    // Requests under way hold the shared parts; they end with the runtime.
    runtime.shutdown_timeout(Duration::from_secs(5));
    if has_address_file {
        // A file that is gone already is as good as removed.
        let _ = std::fs::remove_file(&address_file);
    }
    served.map_err(outside)
}

/// Removes what has expired and folds what is counted, until a signal comes or a processor fails.
async fn look_after(node: Arc<Node>, running: Arc<Running>) {
    let mut kept_since: Option<Instant> = None;
    let mut folded = Instant::now();
    while !node.is_interrupted() && running.failure().is_none() {
        if kept_since.is_none_or(|since| since.elapsed() > RETENTION_EVERY) {
            kept_since = Some(Instant::now());
            node.enforce_retention();
        }
        if folded.elapsed() > UPKEEP_EVERY {
            folded = Instant::now();
            scrape::upkeep();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// 256 bits from the system's generator, in hexadecimal digits.
fn token() -> std::io::Result<String> {
    use std::io::Read;
    let mut bytes = [0_u8; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner may read, from the first moment on.
fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // An old file may have other permissions; a new one is made.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok"
}

/// The processors are at work, and log and views answer.
async fn readyz(State(shared): State<Shared>) -> (StatusCode, String) {
    let readiness = match shared.node.is_interrupted() {
        true => Err("stopping".to_owned()),
        false => shared.running.readiness(),
    };
    match readiness {
        Ok(()) => (StatusCode::OK, ready(&shared.running.waiting())),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Ready, and which requests wait for data of their own all the same.
fn ready(waiting: &[Waiting]) -> String {
    let line = |waiting: &Waiting| {
        let Waiting { processor, requests, since, why, .. } = waiting;
        format!("\nparked since {since}, {requests} of {processor}: {why}")
    };
    "ready".to_owned() + &waiting.iter().map(line).collect::<String>()
}

/// Runs a command for a caller who can read the directory.
async fn command(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> (StatusCode, Json<Result<Report, Refusal>>) {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !equal_in_constant_time(given.as_bytes(), shared.token.as_bytes()) {
        let refusal = Refusal::BadInput("the token does not match the one in the directory's up.json".into());
        return (StatusCode::UNAUTHORIZED, Json(Err(refusal)));
    }
    let answered = tokio::task::spawn_blocking(move || {
        Report::of(&request.answer(&shared.node, Some(&shared.running), &Silent)?)
    })
    .await;
    let answer =
        answered.unwrap_or_else(|error| Err(Refusal::Broken(format!("the command panicked: {error}"))));
    (StatusCode::OK, Json(answer))
}

fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
