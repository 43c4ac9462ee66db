//! The services of one machine: log, and mostly the rest too, in one directory that one process holds.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_config::Config;
use gauntlet_log::{EventLog, LocalLog, LogError};
use gauntlet_runtime::Elsewhere;

use super::holder::Holder;
use super::stores::Stores;
use super::{Access, Services, views};
use crate::refusal::Refusal;

/// How often lag and health are looked at: it costs nothing here.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The open directory.
pub struct Embedded {
    log: Arc<dyn EventLog>,
    stores: Stores,
    /// The log's file, and what told it from all others when it was opened.
    file: (PathBuf, Option<(u64, u64)>),
    /// Says that this process holds the directory, where it writes.
    _holder: Option<Holder>,
}

/// The log's file.
pub fn log_file(dir: &Path) -> PathBuf {
    dir.join("log.redb")
}

/// Device and number of a file.
fn place(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Removes the address of an `up` that was killed: whoever holds the log for writing is alone here, and its port may be
/// somebody else's by now. Mostly there is none.
fn remove_address(config: &Config) {
    let _ = std::fs::remove_file(super::address_file(&config.dir));
}

impl Embedded {
    /// Opens it for reading, or opens it and makes the topics that are missing.
    pub fn open(config: &Config, access: Access) -> Result<Embedded, Refusal> {
        match access {
            Access::Write => Embedded::open_to_write(config),
            Access::Read => Embedded::open_to_read(config),
        }
    }

    /// A log that its last process did not close is put in order first, where that is possible: it is not read before.
    fn open_to_read(config: &Config) -> Result<Embedded, Refusal> {
        let path = log_file(&config.dir);
        let log = match LocalLog::open_read_only(&path) {
            Err(not_closed @ LogError::NotClosed { .. }) => {
                let log = LocalLog::open(&path).map_err(|error| match error {
                    LogError::Io { .. } => not_closed,
                    error => error,
                })?;
                remove_address(config);
                Ok(log)
            }
            opened => opened,
        }?;
        // Topics that came later are empty.
        log.create_topics(&gauntlet_runtime::topics(config.topics.partitions))?;
        let stores = Stores::open(config, || views::open(&config.dir, &log))?;
        let file = (path.clone(), place(&path));
        Ok(Embedded { log: Arc::new(log), stores, file, _holder: None })
    }

    fn open_to_write(config: &Config) -> Result<Embedded, Refusal> {
        let path = log_file(&config.dir);
        let log = LocalLog::open(&path)?;
        let holder = Holder::new(&config.dir);
        remove_address(config);
        let stores = Stores::open(config, || views::open(&config.dir, &log))?;
        // Files that nobody has finished; in a folder of others, as on a cluster, somebody may be about to.
        if !config.lake.url.starts_with("file:") {
            stores.lake.remove_leftovers()?;
        }
        log.create_topics(&gauntlet_runtime::topics(config.topics.partitions))?;
        let file = (path.clone(), place(&path));
        Ok(Embedded { log: Arc::new(log), stores, file, _holder: Some(holder) })
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

    fn is_in_place(&self) -> bool {
        let (path, opened) = &self.file;
        *opened == place(path)
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn keeps_expired(&self) -> bool {
        true
    }
}
