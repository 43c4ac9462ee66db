//! Connections of a listener: bounded in number and in the time that they take to say what they want.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections of one listener at a time; more wait until one ends.
const MOST_CONNECTIONS: usize = 512;
/// How long a connection may take for the head of a request, and may stay open between two.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long answers under way may take once everything ends.
const GRACE: Duration = Duration::from_secs(2);

/// Serves a listener until `ending` says so; then answers under way have a short time to end, whatever else is open.
pub async fn serve(listener: TcpListener, app: Router, mut ending: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = ending.wait_for(|ending| *ending) => break,
        };
        while connections.try_join_next().is_some() {}
        if let Some((stream, permit)) = accepted {
            connections.spawn(answer(stream, permit, app.clone(), ending.clone()));
        }
    }
    drop(listener);
    // Whatever is open after that is cut off with the set.
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

/// The next connection, once there is room for it; `None` after an error that says nothing about the next one.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // No descriptors are left, perhaps: the next attempt would fail as fast.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// Answers the requests of a connection.
async fn answer(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    app: Router,
    mut ending: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    // An error is the other side's: it has gone, was too slow, or speaks something else.
    let ends = tokio::select! {
        _ = connection.as_mut() => false,
        _ = ending.wait_for(|ending| *ending) => true,
    };
    if ends {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
