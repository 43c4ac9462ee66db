//! Log, codec, views, lake and spans behind one trait: embedded in a directory, or a cluster's. `open` is the only place
//! that asks which.
//!
//! A build without the feature `cluster` has none of the clients and says so.

#[cfg(feature = "cluster")]
mod clients;
#[cfg(feature = "cluster")]
mod cluster;
/// The services of one machine.
mod embedded;
/// Who has a directory open.
mod holder;
#[cfg(feature = "cluster")]
mod spans;
/// Codec, views and lake: each embedded or a cluster's, whatever the log is.
mod stores;
/// The views of a directory.
mod views;
#[cfg(not(feature = "cluster"))]
mod without;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_config::Config;
use gauntlet_log::EventLog;
use gauntlet_runtime::Elsewhere;
use gauntlet_runtime::spans::Spans;
use gauntlet_views::ViewStore;

use crate::refusal::Refusal;

pub use stores::Stores;
pub use views::has_damaged_views;

#[cfg(feature = "cluster")]
use self::{clients as remote, cluster as kafka, spans as collector};
#[cfg(not(feature = "cluster"))]
use self::{without as collector, without as kafka, without as remote};

#[cfg(feature = "cluster")]
pub use kafka::{access_rights, external_trainer_rights};
pub(crate) use kafka::{apply_topics, plan_topics};
pub(crate) use remote::{migrate_views, register_schemas};

/// What a process is to the others of a cluster. On one machine there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It stays, with a number of its own.
    Resident,
    /// It comes for one request, and works only where nobody else does.
    Visitor,
}

/// What a process does with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may append to the log.
    Write,
    /// It reads: the log does not change by a byte, and others may read it at the same time.
    Read,
}

/// Fills a new store of views.
pub type Fill<'a> = &'a dyn Fn(Arc<dyn ViewStore>) -> Result<(), Refusal>;

/// Everything that operations and processors work on.
pub trait Services: Send + Sync {
    /// The log.
    fn log(&self) -> Arc<dyn EventLog>;
    /// Codec, views, lake and spans.
    fn stores(&self) -> &Stores;
    /// This process's number among those that share the work.
    fn slot(&self) -> u32;
    /// What other processes run, when this one runs only what nobody else does.
    fn elsewhere(&self) -> Option<Elsewhere>;
    /// How often lag and health are looked at.
    fn watch_every(&self) -> Duration;
    /// Whether this process alone reaches the log: other processes send it their requests, and programs outside cannot
    /// work with it.
    fn is_exclusive(&self) -> bool;
    /// Whether what this process has open is still what its directory names; what is on a cluster has no place here.
    fn is_in_place(&self) -> bool {
        true
    }
    /// Whether the log keeps records whose time is over until somebody removes them.
    fn keeps_expired(&self) -> bool;
}

/// Opens the directory, one process at a time, or several that only read; or connects to what the configuration names.
pub fn open(config: &Config, role: Role, access: Access) -> Result<Arc<dyn Services>, Refusal> {
    let dir = &config.dir;
    // Its owner's alone, where it is made here.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| {
        Refusal::Outside(format!(
            "cannot create {}: {error}; choose another directory with --dir",
            dir.display()
        ))
    })?;
    if is_shared(config) {
        kafka::open(config, role)
    } else {
        Ok(Arc::new(embedded::Embedded::open(config, access)?))
    }
}

/// Who holds a directory that is in use, in words.
pub fn holder(dir: &Path) -> String {
    holder::named(dir)
}

/// Whether several processes share the configured log.
fn is_shared(config: &Config) -> bool {
    !config.kafka.bootstrap_servers.is_empty()
}

/// Refuses what makes sense on a cluster alone.
pub fn require_shared(config: &Config, why: &str) -> Result<(), Refusal> {
    if is_shared(config) { Ok(()) } else { Err(Refusal::BadInput(why.to_owned())) }
}

/// Refuses a directory that nothing was ever done in; what a cluster holds is not asked.
pub fn require_used(config: &Config) -> Result<(), Refusal> {
    if is_shared(config) || embedded::log_file(&config.dir).exists() {
        return Ok(());
    }
    Err(Refusal::BadInput(format!(
        "there is nothing in {}: run gauntlet demo or gauntlet feed first, or name another directory with --dir",
        config.dir.display()
    )))
}

/// The way to the configured collector, if there is one.
fn spans(config: &Config) -> Result<Option<Arc<dyn Spans>>, Refusal> {
    let has_collector = !config.telemetry.otlp_endpoint.is_empty();
    has_collector.then(|| collector::spans(config)).transpose()
}

/// Where a process that holds a directory says how to reach it.
pub fn address_file(dir: &Path) -> std::path::PathBuf {
    dir.join("up.json")
}
