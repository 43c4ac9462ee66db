//! A Gauntlet: log, views and lake, and the processors over them; a directory of one machine, or a cluster's services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_config::{ArchiveConfig, Config};
use gauntlet_domain::EventId;
use gauntlet_lake::Lake;
use gauntlet_log::{EventLog, Positions, TopicPartition, interruptible};
use gauntlet_processor::data::Ports;
use gauntlet_processor::worker::Worker;
use gauntlet_runtime::bar_index::BarIndex;
use gauntlet_runtime::spans::Spans;
use gauntlet_runtime::{Options, Parts, Running, Upkeep, clock, retention};
use gauntlet_views::ViewStore;
use gauntlet_wire::Codec;

use crate::acting::Acting;
use crate::archiving::{self, ArchivedLog, Archiver};
use crate::as_of::{Moment, Moments};
use crate::data::LakeData;
use crate::ingest::Sources;
use crate::noted::Noted;
use crate::page::ListColumns;
use crate::processors::Processors;
use crate::projecting::{self, Projecting};
use crate::range::TickPlaces;
use crate::refusal::Refusal;
use crate::series_on_log::SeriesOnLog;
use crate::services::{self, Access, Role, Services};

/// An open directory, or a connected cluster. Clones are of the same one.
#[derive(Clone)]
pub struct Node {
    /// The log with its archive. Reading from it ends when a signal comes.
    pub log: Arc<dyn EventLog>,
    /// The same without that end.
    endless: Arc<dyn EventLog>,
    /// The codec.
    pub codec: Codec,
    /// The views.
    pub views: Arc<dyn ViewStore>,
    /// The lake.
    pub lake: Arc<Lake>,
    /// Where bars lie on the log.
    pub bars: Arc<BarIndex>,
    /// The configuration.
    pub config: Config,
    /// Raised by a signal.
    pub interrupted: Arc<AtomicBool>,
    /// Where finished spans go, if the configuration names a collector.
    pub spans: Option<Arc<dyn Spans>>,
    /// The processors.
    pub processors: Processors,
    /// What is done differently on a directory and on a cluster.
    pub services: Arc<dyn Services>,
    /// In whose name commands are carried out, where somebody's name is known.
    pub(crate) acting: Option<Arc<Acting>>,
    /// The views, where this process alone writes them.
    pub(crate) noted: Option<Arc<Noted>>,
    /// Columns of lists that were asked for.
    pub(crate) columns: Arc<ListColumns>,
    /// Programs that send ticks.
    pub(crate) sources: Arc<Sources>,
    /// Where ticks lie on the log.
    pub(crate) ticks: Arc<TickPlaces>,
    /// The time that has passed as of which this node is.
    pub(crate) moment: Option<Arc<Moment>>,
    /// The same as of times that were asked for.
    pub(crate) moments: Arc<Moments>,
    /// Ids of events that this process has published, or found to be.
    published: Arc<Mutex<BTreeSet<EventId>>>,
}

/// A log from which reading ends when a flag is raised.
fn until(log: Arc<dyn EventLog>, flag: &Arc<AtomicBool>) -> Arc<dyn EventLog> {
    let flag = flag.clone();
    Arc::new(interruptible(log, move || flag.load(Ordering::Relaxed)))
}

/// Published events that a process remembers; beyond them it forgets all and looks again.
const REMEMBERED: usize = 10_000;

impl Node {
    /// Whether this process has published an event, or found it published.
    pub(crate) fn has_published(&self, id: EventId) -> bool {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Notes events that lie on the log now.
    pub(crate) fn remember_published(&self, ids: impl Iterator<Item = EventId>) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        if published.len() >= REMEMBERED {
            published.clear();
        }
        published.extend(ids);
    }

    /// Opens the directory, one process at a time; or connects to what the configuration names.
    pub fn open(
        config: &Config,
        role: Role,
        access: Access,
        processors: Processors,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Node, Refusal> {
        let services = services::open(config, role, access)?;
        Ok(Node::over(services, config, processors, interrupted))
    }

    /// Over services that are open already.
    pub fn over(
        services: Arc<dyn Services>,
        config: &Config,
        processors: Processors,
        interrupted: Arc<AtomicBool>,
    ) -> Node {
        let stores = services.stores();
        let endless: Arc<dyn EventLog> = Arc::new(ArchivedLog::new(services.log(), stores.lake.clone()));
        let log = until(endless.clone(), &interrupted);
        let codec = stores.codec.clone();
        let views = beside_log(stores.views.clone(), &endless, &*services, &processors);
        // Nobody else writes to what only this process reaches.
        let is_own = stores.are_views_embedded() && services.is_exclusive();
        let noted = is_own.then(|| Arc::new(Noted::new(views.clone())));
        let views = noted.clone().map_or(views, |noted| noted as Arc<dyn ViewStore>);
        let (lake, spans) = (stores.lake.clone(), stores.spans.clone());
        let bars = Arc::new(BarIndex::kept_in(config.dir.join("index"), endless.clone(), codec.clone()));
        let config = config.clone();
        let (columns, sources, ticks) = (Arc::default(), Arc::default(), Arc::default());
        let (acting, published) = (None, Arc::default());
        let (moment, moments) = (None, Arc::default());
        Node {
            log,
            endless,
            codec,
            views,
            lake,
            bars,
            config,
            interrupted,
            spans,
            processors,
            services,
            acting,
            noted,
            columns,
            sources,
            ticks,
            moment,
            moments,
            published,
        }
    }

    /// The same for one request, which ends when this flag is raised.
    #[must_use]
    pub fn until(&self, interrupted: Arc<AtomicBool>) -> Node {
        let log = until(self.endless.clone(), &interrupted);
        Node { log, interrupted, ..self.clone() }
    }

    /// The log without the end that a signal makes.
    pub(crate) fn endless(&self) -> &Arc<dyn EventLog> {
        &self.endless
    }

    /// The same as of a time that has passed: with a log that ends there, and a store of what the views said then.
    pub(crate) fn in_the_past(
        &self,
        moment: Arc<Moment>,
        log: Arc<dyn EventLog>,
        store: Arc<dyn ViewStore>,
        bars: Arc<BarIndex>,
    ) -> Node {
        Node {
            log: until(log.clone(), &self.interrupted),
            views: beside_log(store, &log, &*self.services, &self.processors),
            endless: log,
            bars,
            moment: Some(moment),
            // What is kept of lists, ticks and times is of now.
            noted: None,
            columns: Arc::default(),
            ticks: Arc::default(),
            moments: Arc::default(),
            ..self.clone()
        }
    }

    /// Threads for expensive work.
    pub fn workers(&self) -> usize {
        match self.config.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers as usize,
        }
    }

    /// What workers read and store, for doing work again: bars are found by an index that is made for the purpose, so
    /// that nothing that was kept beside the log is believed, and nothing is kept of what is made again.
    pub(crate) fn data(&self) -> Ports {
        let bars = BarIndex::in_memory(self.log.clone(), self.codec.clone());
        let lake = Arc::new(self.lake.keeping_nothing());
        Ports::new(Arc::new(LakeData::new(lake, Arc::new(bars))))
    }

    /// What workers read and store, for doing work.
    fn working_data(&self, here: &[&str]) -> Result<Ports, Refusal> {
        let (lake, bars) = (self.lake.clone(), self.bars.clone());
        let seals = here.contains(&gauntlet_market_data::Snapshots.name());
        let data = if seals { LakeData::sealing(lake, bars)? } else { LakeData::new(lake, bars) };
        Ok(Ports::new(Arc::new(data)))
    }

    /// Starts all processors for whose work somebody may wait; a visitor of a cluster only those that nobody else runs.
    pub fn start(&self) -> Result<Running, Refusal> {
        self.start_only(self.processors.awaited())
    }

    /// Starts some processors.
    pub fn start_only(&self, here: Vec<&'static str>) -> Result<Running, Refusal> {
        let runtime = &self.config.runtime;
        let options = Options {
            workers: self.workers(),
            batch_records: runtime.batch_records as usize,
            poll_timeout: Duration::from_millis(u64::from(runtime.poll_timeout_ms)),
            snapshot_every_records: runtime.snapshot_every_records as usize,
            worker_queue: runtime.worker_queue as usize,
            projector_batch: runtime.projector_batch as usize,
            slot: self.services.slot(),
            watch_every: self.services.watch_every(),
        };
        let parts = Parts {
            log: self.endless.clone(),
            codec: self.codec.clone(),
            definitions: self.processors.machines.clone(),
            workers: self.processors.workers.clone(),
            data: self.working_data(&here)?,
            only: Some(here),
            elsewhere: self.services.elsewhere(),
            projections: vec![Arc::new(self.projecting(self.views.clone()))],
            upkeep: self
                .archiver()
                .map(|archiver| Arc::new(archiver) as Arc<dyn Upkeep>)
                .into_iter()
                .collect(),
            spans: self.spans.clone(),
        };
        Ok(gauntlet_runtime::start(parts, options)?)
    }

    /// What archives the log, where the configuration wants that.
    fn archiver(&self) -> Option<Archiver> {
        let ArchiveConfig { enabled, file_kb } = self.config.archive;
        let most_bytes = u64::from(file_kb) << 10;
        enabled.then(|| Archiver::new(self.services.log(), self.codec.clone(), self.lake.clone(), most_bytes))
    }

    /// Archives every range of the log that has closed by now, where the configuration wants an archive; gives how many
    /// files are new.
    pub fn archive(&self) -> Result<u64, Refusal> {
        let archived = self.archiver().map(|archiver| archiver.archive());
        archived
            .transpose()
            .map(Option::unwrap_or_default)
            .map_err(|error| Refusal::Outside(error.to_string()))
    }

    /// Brings the views up to the end of the log without running anything else.
    pub fn catch_up(&self) -> Result<(), Refusal> {
        self.project_into(self.views.clone())
    }

    /// Brings a store of views up to the end of the log.
    pub fn project_into(&self, views: Arc<dyn ViewStore>) -> Result<(), Refusal> {
        gauntlet_runtime::project_all(&*self.log, &self.codec, &self.projecting(views)).map_err(|error| {
            if self.is_interrupted() { Refusal::Interrupted } else { Refusal::Outside(error.to_string()) }
        })
    }

    /// Views in another store, read as this node's own are.
    pub(crate) fn views_over(&self, store: Arc<dyn ViewStore>) -> Arc<dyn ViewStore> {
        beside_log(store, &self.endless, &*self.services, &self.processors)
    }

    /// The projection into a store of views.
    pub(crate) fn projecting(&self, views: Arc<dyn ViewStore>) -> Projecting {
        Projecting::new(self.processors.projection, views)
    }

    /// The ends of all topics that are projected, as of now.
    pub fn projected_ends(&self) -> Result<Positions, Refusal> {
        let mut ends = Positions::new();
        for topic in self.processors.projection.topics {
            for partition in 0..self.log.partitions(topic.name)? {
                let place = TopicPartition::new(topic.name, partition);
                let (_, end) = self.log.bounds(&place)?;
                ends.insert(place, end);
            }
        }
        Ok(ends)
    }

    /// How far the views have come.
    pub fn projected(&self) -> Result<Positions, Refusal> {
        projecting::progress(&*self.views).map_err(|error| Refusal::Outside(error.to_string()))
    }

    /// Whether the views have come as far as this.
    pub fn is_projected(&self, ends: &Positions) -> Result<bool, Refusal> {
        let progress = self.projected()?;
        Ok(ends.iter().all(|(place, end)| progress.get(place).copied().unwrap_or(0) >= *end))
    }

    /// Removes records whose time is over. Trouble with it is said and waits for the next time: nothing depends on it.
    pub fn enforce_retention(&self) {
        if !self.services.keeps_expired() {
            return;
        }
        match self.remove_expired() {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "expired records removed"),
            Err(why) => tracing::warn!(%why, "expired records could not be removed"),
        }
    }

    /// Removes what has expired and was taken in by all who read it, the archiver among them.
    fn remove_expired(&self) -> Result<u64, String> {
        let mut progress = BTreeMap::new();
        let projected = projecting::progress(&*self.views).map_err(|error| error.to_string())?;
        progress.insert(self.processors.projection.name, projected);
        let mut topology = self.processors.topology();
        match self.archiver() {
            Some(archiver) => {
                let archived = archiver.archived_of_expiring().map_err(|error| error.to_string())?;
                progress.insert(archiving::NAME, archived);
            }
            None => topology = topology.without(archiving::NAME),
        }
        // Of the log alone: what lies in the archive has been removed already.
        retention::enforce(&*self.services.log(), &topology, &progress, clock::now())
            .map_err(|error| error.to_string())
    }

    /// Whether a signal has asked the command to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits until `done` answers something; ends early on a failure or a signal.
    pub fn wait_for<T>(
        &self,
        running: &Running,
        mut done: impl FnMut() -> Result<Option<T>, Refusal>,
    ) -> Result<T, Refusal> {
        let began = Instant::now();
        loop {
            if let Some(value) = done()? {
                return Ok(value);
            }
            if let Some(failure) = running.failure() {
                return Err(failure.into());
            }
            if self.is_interrupted() {
                return Err(Refusal::Interrupted);
            }
            // Each look asks the log and the views about everything: a long wait looks less often.
            std::thread::sleep(
                (began.elapsed() / 50).clamp(Duration::from_millis(2), Duration::from_millis(40)),
            );
        }
    }
}
/// A store of views; beside an embedded log trades and equity are read from that.
fn beside_log(
    store: Arc<dyn ViewStore>,
    log: &Arc<dyn EventLog>,
    services: &dyn Services,
    processors: &Processors,
) -> Arc<dyn ViewStore> {
    let stores = services.stores();
    if !(stores.are_views_embedded() && services.is_exclusive()) {
        return store;
    }
    let (log, codec, rows) = (log.clone(), stores.codec.clone(), processors.projection.rows);
    Arc::new(SeriesOnLog::new(store, log, codec, rows))
}
