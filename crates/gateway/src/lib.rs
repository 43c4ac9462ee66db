//! The HTTP API: who asks, lists and things, commands, subscriptions; over `operations`, which knows nothing of HTTP.
//!
//! Nothing in it lasts: any number of processes on a cluster serve the same, and what people and programs may do lies on the log.
//!
//! Reading order: [`actor`] (who asks), `guard` (what holds for every request), [`problem`] (why there is no answer), `lists`, `things`,
//! `commands`, `events`.

#![allow(unused_qualifications, reason = "utoipa names the parameters of handlers by their whole paths")]

/// Who asks.
pub mod actor;
/// Parameters and bodies in, documents out.
mod answer;
/// What changes something.
mod commands;
/// Connections of a listener.
pub mod connections;
/// Where a page ends.
mod cursor;
/// Bars and ticks.
mod data;
/// Subscriptions.
mod events;
/// Lists as files.
mod format;
/// What holds for every request.
pub mod guard;
/// Ticks from programs.
mod ingest;
/// Files of the lake.
mod lake_files;
/// Lists.
mod lists;
/// The description of the API.
mod openapi;
/// Answers as of a time that has passed.
mod past;
/// Positions as text.
pub mod position;
/// Why there is no answer.
pub mod problem;
/// How much one actor may ask for.
mod rates;
/// Sessions of browsers.
mod session;
/// Signing in and out.
mod sign_in;
/// SQL.
mod sql;
/// Single things.
mod things;
/// Tokens, made and taken back.
mod token_commands;
/// Work for a request.
mod work;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use gauntlet_domain::person::Person;
use gauntlet_operations::Node;
use gauntlet_runtime::Running;

use commands::InFlight;
use events::Hub;
use guard::{Hosts, guard};
use problem::Problem;
use rates::Rates;
use session::Sessions;
use work::Work;

pub use openapi::document as openapi;

/// What handlers share.
pub struct Gateway {
    node: Arc<Node>,
    running: Arc<Running>,
    work: Work,
    /// Known to who can read the directory.
    secret: String,
    /// Who that is.
    person: String,
    sessions: Sessions,
    rates: Rates,
    in_flight: InFlight,
    hub: Arc<Hub>,
    #[cfg(feature = "sql")]
    sql: sql::engine::Sql,
}

/// The gateway as handlers have it.
pub type Shared = Arc<Gateway>;

impl Gateway {
    /// Over a node whose processors run. `secret` is known to who can read the directory alone, and lets in whoever brings it.
    pub fn new(node: Arc<Node>, running: Arc<Running>, secret: String) -> Shared {
        let (work, hub) = (Work::new(node.clone()), Hub::new(node.clone()));
        let (sessions, rates, in_flight) = (Sessions::new(), Rates::default(), InFlight::default());
        Arc::new(Gateway {
            #[cfg(feature = "sql")]
            sql: sql::engine::Sql::new(node.config.sql.at_a_time),
            node,
            running,
            work,
            secret,
            person: local_person(),
            sessions,
            rates,
            in_flight,
            hub,
        })
    }

    /// The path of a link that begins a session, good once.
    pub fn link(&self) -> String {
        format!("/sign-in?code={}", self.sessions.link())
    }

    /// Ends what it has begun, so that nothing holds the node any more.
    pub fn end(&self) {
        self.hub.end();
    }
}

/// The name of who runs this process, as far as it is one.
fn local_person() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    named
        .filter(|name| Person::named(name).is_ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "local".into())
}

/// Everything below `/api/v1` and the way in. Who serves it adds [`guarded`] around all that it serves.
pub fn router(gateway: Shared) -> Router {
    let (mut routes, _) = openapi::routes().split_for_parts();
    for posted in ["experiments", "instruments", "policies", "snapshots", "tokens"] {
        routes = routes.route(&format!("/api/v1/{posted}"), get(lists::list));
    }
    routes
        .route("/", get(sign_in::root))
        .route("/api/v1/openapi.json", get(openapi::serve))
        .route("/api/v1/{list}", get(lists::list))
        .route("/lake/{*path}", get(lake_files::file))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .with_state(gateway)
}

/// What holds for every request to a listener: its name, the site that it comes from, the headers of its answer.
pub fn guarded(app: Router, listen: SocketAddr) -> Router {
    app.layer(from_fn_with_state(Hosts::of(listen), guard))
}

async fn nothing() -> Problem {
    Problem::not_found("there is nothing at this path: /api/v1/openapi.json has all that there is")
}

async fn other_method() -> Problem {
    Problem::method_not_allowed("this path has other methods: /api/v1/openapi.json has them")
}
