//! The services of one machine: log, and mostly the rest too, in one directory that one process holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_config::Config;
use gauntlet_log::{EventLog, LocalLog};
use gauntlet_runtime::Elsewhere;

use super::Services;
use super::stores::Stores;
use crate::refusal::Refusal;

/// How often lag and health are looked at: it costs nothing here.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The open directory.
pub struct Embedded {
    log: Arc<dyn EventLog>,
    stores: Stores,
}

/// The log's file.
pub fn log_file(dir: &Path) -> PathBuf {
    dir.join("log.redb")
}

impl Embedded {
    /// Opens it and makes the topics that are missing.
    pub fn open(config: &Config) -> Result<Embedded, Refusal> {
        let log = LocalLog::open(&log_file(&config.dir))?;
        // Whoever holds the log is alone here, so an address is that of an `up` that was killed: its port may be
        // somebody else's by now. Mostly there is none.
        let _ = std::fs::remove_file(super::address_file(&config.dir));
        let stores = Stores::open(config)?;
        // Files that nobody has finished; in a folder of others, as on a cluster, somebody may be about to.
        if !config.lake.url.starts_with("file:") {
            stores.lake.remove_leftovers()?;
        }
        log.create_topics(&gauntlet_runtime::topics(config.topics.partitions))?;
        Ok(Embedded { log: Arc::new(log), stores })
    }
}

impl Services for Embedded {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    fn stores(&self) -> &Stores {
        &self.stores
    }

    fn slot(&self) -> u32 {
        0
    }

    fn elsewhere(&self) -> Option<Elsewhere> {
        None
    }

    fn watch_every(&self) -> Duration {
        WATCH_EVERY
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn keeps_expired(&self) -> bool {
        true
    }
}
