//! What a process serves over HTTP: health, metrics and commands on the loopback interface. Health and metrics alone are
//! also served where `telemetry.listen` says.

/// Commands of other processes.
pub mod commands;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use gauntlet_config::Config;
use gauntlet_gateway::{Gateway, connections};
use gauntlet_operations::services::address_file;
use gauntlet_operations::tokens::secret;
use gauntlet_operations::{Node, Refusal};
use gauntlet_runtime::{Running, Waiting};
use tokio::sync::watch;

use crate::remote::Address;
use crate::scrape;
use commands::Commands;

/// Prometheus's text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How often expired records are removed.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);

/// How often counted things are folded.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How often the directory is looked for where it was.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long threads that answer commands may take to end.
const LAST_TIME: Duration = Duration::from_secs(2);

/// What the handlers of health share.
#[derive(Clone)]
struct Health {
    node: Arc<Node>,
    running: Arc<Running>,
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

/// Serves until a signal comes, a processor fails, or the directory is not where it was.
pub fn serve(
    node: &Arc<Node>,
    running: &Arc<Running>,
    listeners: Listeners,
    ready: impl FnOnce(&str),
) -> Result<(), Refusal> {
    let outside = |error: std::io::Error| Refusal::Outside(format!("cannot serve: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(outside)?;
    let address =
        Address { listen: listeners.all.local_addr().map_err(outside)?.to_string(), token: secret()? };
    // What several processes reach they ask themselves, and several may share the directory.
    let file = node.services.is_exclusive().then(|| address_file(&node.config.dir));
    if let Some(file) = &file {
        write_private(file, &serde_json::to_string(&address).unwrap_or_default()).map_err(outside)?;
    }
    let commands = Commands::new(node.clone(), running.clone(), address.token.as_str().into());
    let under_way = commands.under_way();
    let watching = || {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(async || ([("content-type", METRICS_TYPE)], scrape::render())))
            .with_state(Health { node: node.clone(), running: running.clone() })
    };
    let gateway = Gateway::new(node.clone(), running.clone(), address.token.clone());
    let app = Router::new()
        .route("/api/v1/commands", post(commands::command))
        .route("/api/v1/commands/{number}/stop", post(commands::stop))
        .with_state(commands)
        .merge(watching())
        .merge(gauntlet_gateway::router(gateway.clone()));
    let app = gauntlet_gateway::guarded(app, listeners.all.local_addr().map_err(outside)?);
    let served = runtime.block_on(async {
        let (end, ending) = watch::channel(false);
        let all = tokio::net::TcpListener::from_std(listeners.all)?;
        if let Some(listener) = listeners.watching {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(connections::serve(listener, watching(), ending.clone()));
        }
        let all = tokio::spawn(connections::serve(all, app, ending));
        ready(&format!("http://{}{}", address.listen, gateway.link()));
        let ended = look_after(node.clone(), running.clone()).await;
        under_way.stop_all();
        gateway.end();
        let _ = end.send(true);
        // It has caught its own panics, and there is nothing to say about those of the runtime.
        let _ = all.await;
        Ok(ended)
    });
    // Commands under way hold the shared parts; they have been told to end.
    runtime.shutdown_timeout(LAST_TIME);
    if let Some(file) = &file {
        remove_own(file, &address);
    }
    served.map_err(outside)?
}

/// Removes the address that this process has written; what another has written there since is not its business.
fn remove_own(file: &Path, own: &Address) {
    let text = std::fs::read_to_string(file).ok();
    let found = text.and_then(|text| serde_json::from_str::<Address>(&text).ok());
    if found.is_some_and(|found| found.token == own.token) {
        // A file that is gone already is as good as removed.
        let _ = std::fs::remove_file(file);
    }
}

/// Removes what has expired and folds what is counted, until a signal comes, a processor fails or the directory is gone.
async fn look_after(node: Arc<Node>, running: Arc<Running>) -> Result<(), Refusal> {
    let mut kept_since: Option<Instant> = None;
    let (mut folded, mut looked) = (Instant::now(), Instant::now());
    while !node.is_interrupted() && running.failure().is_none() {
        if kept_since.is_none_or(|since| since.elapsed() > RETENTION_EVERY) {
            kept_since = Some(Instant::now());
            let node = node.clone();
            // It reads and writes the log, which takes its time.
            tokio::task::spawn_blocking(move || node.enforce_retention());
        }
        if folded.elapsed() > UPKEEP_EVERY {
            folded = Instant::now();
            scrape::upkeep();
        }
        if looked.elapsed() > LOOK_EVERY {
            looked = Instant::now();
            if !node.services.is_in_place() {
                return Err(Refusal::Outside(format!(
                    "the directory {} was removed, moved or exchanged while it was served: what was acknowledged lies in \
                     the files that were taken away; start again on the directory that is meant",
                    node.config.dir.display()
                )));
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Writes a file that only its owner may read, from the first moment on.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
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
async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    let readiness = match health.node.is_interrupted() {
        true => Err("stopping".to_owned()),
        false => health.running.readiness(),
    };
    match readiness {
        Ok(()) => (StatusCode::OK, ready(&health.running.waiting())),
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
