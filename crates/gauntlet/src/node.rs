//! A Gauntlet: log, views and lake, and the processors over them; a directory of one machine, or a cluster's services.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gauntlet_config::Config;
use gauntlet_lake::Lake;
use gauntlet_log::{EventLog, LocalLog, Positions, TopicPartition};
use gauntlet_processor::machine::Definition;
use gauntlet_processor::topology::{Access, Topology};
use gauntlet_processor::worker::Worker;
use gauntlet_runtime::spans::Spans;
use gauntlet_runtime::{Options, PROJECTOR, Parts, Running};
use gauntlet_views::{EmbeddedStore, ViewStore};
use gauntlet_wire::Codec;

use crate::cluster::{self, Cluster};
use crate::data::LakeData;
use crate::projecting::Projecting;
use crate::report::Refusal;

/// Machines, in pipeline order.
pub fn definitions() -> Vec<Definition> {
    vec![gauntlet_market_data::DEFINITION, gauntlet_experiments::DEFINITION, gauntlet_tuner::DEFINITION]
}

/// Workers, in pipeline order.
pub fn workers() -> Vec<Arc<dyn Worker>> {
    vec![
        Arc::new(gauntlet_market_data::Snapshots),
        Arc::new(gauntlet_trainer::Trainer::default()),
        Arc::new(gauntlet_evaluator::Evaluator),
    ]
}

/// What a process is to the others of a cluster. On one machine there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It stays, with a number of its own: `up`, `run`.
    Resident,
    /// It comes for one command, and works only where nobody else does.
    Visitor,
}

/// What all processors read and write, in pipeline order.
pub fn topology() -> Topology {
    let machines = definitions().into_iter().map(|definition| definition.access());
    let workers = workers().into_iter().map(|worker| worker.access());
    let reads = gauntlet_projector::TOPICS.to_vec();
    let projector = Access { name: PROJECTOR, reads, looks_up: Vec::new(), writes: Vec::new() };
    Topology::new(machines.chain(workers).chain([projector]))
}

/// Names of all processors, in pipeline order.
pub fn processors() -> Vec<&'static str> {
    topology().processors().iter().map(|access| access.name).collect()
}

/// An open directory, or a connected cluster.
pub struct Node {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The codec.
    pub codec: Codec,
    /// The views.
    pub views: Arc<dyn ViewStore>,
    /// The lake.
    pub lake: Arc<Lake>,
    /// The configuration.
    pub config: Config,
    /// Raised by a signal.
    pub interrupted: Arc<AtomicBool>,
    /// The cluster's log, when it is one.
    cluster: Option<Cluster>,
    role: Role,
    /// Where finished spans go, if the configuration names a collector.
    pub spans: Option<Arc<dyn Spans>>,
}

impl Node {
    /// Opens the directory, one process at a time; or connects to what the configuration names.
    pub fn open(config: &Config, role: Role, interrupted: Arc<AtomicBool>) -> Result<Node, Refusal> {
        let dir = &config.dir;
        std::fs::create_dir_all(dir).map_err(|error| {
            Refusal::Outside(format!(
                "cannot create {}: {error}; choose another directory with --dir",
                dir.display()
            ))
        })?;
        let (log, cluster): (Arc<dyn EventLog>, _) = if config.kafka.bootstrap_servers.is_empty() {
            let log = LocalLog::open(&dir.join("log.redb"))?;
            // Whoever holds the log is alone here, so an address is that of an `up` that was killed: its port may be
            // somebody else's by now. Mostly there is none.
            let _ = std::fs::remove_file(Node::address_file(dir));
            (Arc::new(log), None)
        } else {
            let cluster = Cluster::connect(config, role)?;
            (cluster.log(), Some(cluster))
        };
        let views: Arc<dyn ViewStore> = if config.cql.nodes.is_empty() {
            Arc::new(EmbeddedStore::open(&dir.join("views.redb"))?)
        } else {
            cluster::views(config)?
        };
        let codec = if config.registry.url.is_empty() { Codec::default() } else { cluster::codec(config)? };
        let lake = Arc::new(match config.lake.url.as_str() {
            "" => Lake::open(dir.join("lake"))?,
            url if url.starts_with("file:") => Lake::open_url(url)?,
            _ => cluster::lake(config)?,
        });
        let topics = gauntlet_runtime::topics(config.topics.partitions);
        match &cluster {
            None => {
                // Files that nobody has finished; in a folder of others, as on a cluster, somebody may be about to.
                if !config.lake.url.starts_with("file:") {
                    lake.remove_leftovers()?;
                }
                log.create_topics(&topics)?;
            }
            Some(cluster) => cluster.check_topics(&topics)?,
        }
        let has_collector = !config.telemetry.otlp_endpoint.is_empty();
        let spans = has_collector.then(|| cluster::spans(config)).transpose()?;
        Ok(Node { log, codec, views, lake, config: config.clone(), interrupted, cluster, role, spans })
    }

    /// Whether several processes may work at once.
    pub fn is_cluster(config: &Config) -> bool {
        !config.kafka.bootstrap_servers.is_empty()
    }

    /// Whether a directory has been used before.
    pub fn exists(dir: &Path) -> bool {
        dir.join("log.redb").exists()
    }

    /// Threads for expensive work.
    pub fn workers(&self) -> usize {
        match self.config.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers as usize,
        }
    }

    /// What workers read and store.
    pub fn data(&self) -> Arc<LakeData> {
        Arc::new(LakeData::new(self.lake.clone(), self.log.clone(), self.codec.clone()))
    }

    /// Starts all processors; a visitor of a cluster only those that nobody else runs.
    pub fn start(&self) -> Result<Running, Refusal> {
        self.start_only(processors())
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
            slot: self.cluster.as_ref().map_or(0, |cluster| cluster.slot()),
            watch_every: Duration::from_secs(if self.cluster.is_some() { 10 } else { 1 }),
        };
        let progress = {
            let views = self.views.clone();
            move || crate::projecting::progress(&*views)
        };
        let parts = Parts {
            log: self.log.clone(),
            codec: self.codec.clone(),
            definitions: definitions(),
            workers: workers(),
            data: self.data(),
            only: Some(here),
            elsewhere: match (&self.cluster, self.role) {
                (Some(cluster), Role::Visitor) => Some(cluster.elsewhere()),
                _ => None,
            },
            projection: Some((Box::new(Projecting::new(self.views.clone())), Box::new(progress))),
            spans: self.spans.clone(),
        };
        Ok(gauntlet_runtime::start(parts, options)?)
    }

    /// Brings the views up to the end of the log without running anything else.
    pub fn catch_up(&self) -> Result<(), Refusal> {
        self.project_into(self.views.clone())
    }

    /// Brings a store of views up to the end of the log.
    pub fn project_into(&self, views: Arc<dyn ViewStore>) -> Result<(), Refusal> {
        let mut projection = Projecting::new(views);
        gauntlet_runtime::project_all(&*self.log, &self.codec, &mut projection)
            .map_err(|error| Refusal::Outside(error.to_string()))
    }

    /// The ends of all topics that are projected, as of now.
    pub fn projected_ends(&self) -> Result<Positions, Refusal> {
        let mut ends = Positions::new();
        for topic in gauntlet_projector::TOPICS {
            for partition in 0..self.log.partitions(topic.name)? {
                let place = TopicPartition::new(topic.name, partition);
                let (_, end) = self.log.bounds(&place)?;
                ends.insert(place, end);
            }
        }
        Ok(ends)
    }

    /// Whether the views have come as far as this.
    pub fn is_projected(&self, ends: &Positions) -> Result<bool, Refusal> {
        let progress =
            crate::projecting::progress(&*self.views).map_err(|error| Refusal::Outside(error.to_string()))?;
        Ok(ends.iter().all(|(place, end)| progress.get(place).copied().unwrap_or(0) >= *end))
    }

    /// Removes records whose time is over. Trouble with it is said and waits for the next time: nothing depends on it.
    pub fn enforce_retention(&self) {
        if self.cluster.is_some() {
            // Brokers see to it.
            return;
        }
        let projected = crate::projecting::progress(&*self.views);
        let removed = projected.map_err(|error| error.to_string()).and_then(|projected| {
            let now = gauntlet_runtime::clock::now();
            gauntlet_runtime::retention::enforce(&*self.log, &topology(), &projected, now)
                .map_err(|error| error.to_string())
        });
        match removed {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "expired records removed"),
            Err(why) => tracing::warn!(%why, "expired records could not be removed"),
        }
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
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where a running `up` says how to reach it.
    pub fn address_file(dir: &Path) -> PathBuf {
        dir.join("up.json")
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::experiment::{CancelExperiment, ConfigRegistered};
    use gauntlet_domain::market::CreateSnapshot;
    use gauntlet_domain::{ContentHash, Event, ExperimentId, InstrumentId, RecordKind, Timestamp, topics};
    use gauntlet_processor::topology::is_input;

    use super::*;

    #[test]
    fn every_derived_topic_has_one_writer_and_every_input_none() {
        let topology = topology();
        assert_eq!(topology.problems(), Vec::<String>::new());
        let (mut inputs, mut derived) = (0, 0);
        for topic in topics::ALL {
            let writers =
                topology.processors().iter().filter(|access| access.writes.contains(&topic)).count();
            assert_eq!(writers, usize::from(!is_input(topic)), "{}", topic.name);
            if is_input(topic) { inputs += 1 } else { derived += 1 }
        }
        assert!(inputs >= 4 && derived >= 11, "{inputs} and {derived}");
    }

    #[test]
    fn the_order_of_racing_decisions_is_looked_for_where_they_are_written() {
        for definition in definitions() {
            for topic in definition.races_on {
                assert!(
                    definition.writes.contains(topic),
                    "{} does not write {}",
                    definition.name,
                    topic.name
                );
            }
        }
    }

    #[test]
    fn the_owner_of_a_subject_takes_in_its_first_command() {
        let instrument = InstrumentId::new("A", "B").unwrap();
        let spec = "time:1h".parse().unwrap();
        let snapshot = Event::from(CreateSnapshot::new(&instrument, spec, Timestamp(0), Timestamp(1)));
        let experiment_id = ExperimentId::derive(&[b"x"]);
        let cancel = Event::from(CancelExperiment { experiment_id, reason: String::new() });
        let config_hash = ContentHash::of(b"");
        let config = Event::from(ConfigRegistered { config_hash, document: String::new() });
        for (event, command) in [
            (snapshot, RecordKind::CreateSnapshot),
            (cancel, RecordKind::SubmitExperiment),
            (config, RecordKind::ConfigRegistered),
        ] {
            let owner = event.subject().unwrap().owner;
            assert!(topology().readers_of(command.topic()).any(|reader| reader == owner), "{owner}");
        }
    }
}
