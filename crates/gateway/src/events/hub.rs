//! The newest events of the topics that can be subscribed to, read once for all subscribers. Who is behind them reads the log for
//! themselves, a few at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use gauntlet_domain::Topic;
use gauntlet_domain::topics::{
    ACCESS, AUDIT, DATA_COMMANDS, DATA_SNAPSHOTS, EVALUATION_OUTCOMES, EXPERIMENT_COMMANDS, EXPERIMENTS,
    PROMOTION_COMMANDS, RISK_FIGURES, RISK_VERDICTS, SELECTION_COMPARISONS, SELECTION_DECISIONS,
    SENSITIVITY_REPORTS, TRIAL_LEDGER, TRIAL_RESULTS,
};
use gauntlet_log::{LogError, Positions, TopicPartition};
use gauntlet_operations::Node;
use tokio::sync::{Semaphore, watch};

use super::shown::{Shown, shown};

/// Topics with what was asked for, found and decided; market data, series and requests are too many to be told one by one.
pub const TOPICS: [&Topic; 13] = [
    &DATA_COMMANDS,
    &DATA_SNAPSHOTS,
    &EXPERIMENT_COMMANDS,
    &EXPERIMENTS,
    &TRIAL_RESULTS,
    &EVALUATION_OUTCOMES,
    &SENSITIVITY_REPORTS,
    &RISK_FIGURES,
    &TRIAL_LEDGER,
    &RISK_VERDICTS,
    &PROMOTION_COMMANDS,
    &SELECTION_COMPARISONS,
    &SELECTION_DECISIONS,
];

/// Topics that operators may subscribe to besides.
pub const OF_OPERATORS: [&Topic; 2] = [&ACCESS, &AUDIT];

/// Events of a partition that are kept at most, and bytes of all partitions.
const RING: usize = 512;
const RING_BYTES: usize = 16 << 20;
/// Records that are read at a time.
const CHUNK: usize = 256;
/// How long the reader waits for the next record.
const WAIT: Duration = Duration::from_millis(500);
/// How long it waits after the log has failed.
const AGAIN: Duration = Duration::from_secs(1);
/// Readers of the log for those who are behind.
const CATCH_UP: usize = 4;

/// The newest events of a partition. Invariant: they are in the order of offsets, and between two of them the log has none.
#[derive(Default)]
struct Ring {
    /// Everything from this offset on and before `next` is here.
    first: u64,
    next: u64,
    events: VecDeque<Arc<Shown>>,
}

/// What is there for a subscriber.
pub enum Found {
    /// Events from an offset on, and the offset after them.
    Events(Vec<Arc<Shown>>, u64),
    /// It is behind: the log has what it wants.
    Behind,
}

/// The newest events.
pub struct Hub {
    node: Arc<Node>,
    rings: Mutex<(BTreeMap<TopicPartition, Ring>, usize)>,
    grown: watch::Sender<u64>,
    begun: Once,
    ended: Arc<AtomicBool>,
    /// Places to catch up in.
    pub catch_up: Semaphore,
}

impl Hub {
    /// Over a node. It reads nothing before somebody subscribes.
    pub fn new(node: Arc<Node>) -> Arc<Hub> {
        Arc::new(Hub {
            node,
            rings: Mutex::default(),
            grown: watch::Sender::new(0),
            begun: Once::new(),
            ended: Arc::default(),
            catch_up: Semaphore::new(CATCH_UP),
        })
    }

    fn rings(&self) -> MutexGuard<'_, (BTreeMap<TopicPartition, Ring>, usize)> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to read, if nobody has.
    pub fn begin(self: &Arc<Hub>) {
        self.begun.call_once(|| {
            let (hub, node) = (self.clone(), self.node.until(self.ended.clone()));
            let spawned =
                std::thread::Builder::new().name("subscriptions".into()).spawn(move || hub.follow(&node));
            if let Err(error) = spawned {
                tracing::error!(%error, "subscriptions cannot be served: no thread");
            }
        });
    }

    /// Ends the reader, and tells all subscribers.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.grown.send_modify(|times| *times += 1);
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Tells when there is more.
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// Events of a partition from an offset on.
    pub fn from(&self, place: &TopicPartition, from: u64, most: usize) -> Found {
        let rings = self.rings();
        let Some(ring) = rings.0.get(place).filter(|ring| ring.first <= from) else { return Found::Behind };
        let begin = ring.events.partition_point(|event| event.offset < from);
        let events: Vec<Arc<Shown>> = ring.events.range(begin..).take(most).cloned().collect();
        let next = if events.len() < most {
            ring.next
        } else {
            events.last().map_or(ring.next, |last| last.offset + 1)
        };
        Found::Events(events, next.max(from))
    }

    fn follow(&self, node: &Node) {
        while !self.ended.load(Ordering::Relaxed) && !self.node.is_interrupted() {
            if let Err(error) = self.read(node)
                && !self.ended.load(Ordering::Relaxed)
            {
                tracing::warn!(%error, "subscriptions: the log cannot be read, it is tried again");
                std::thread::sleep(AGAIN);
            }
        }
    }

    /// Reads until the log fails, from the end on at first and then from where it was.
    fn read(&self, node: &Node) -> Result<(), LogError> {
        let mut from = Positions::new();
        for topic in TOPICS.into_iter().chain(OF_OPERATORS) {
            for partition in 0..node.log.partitions(topic.name)? {
                let place = TopicPartition::new(topic.name, partition);
                let known = self.rings().0.get(&place).map(|ring| ring.next);
                let next = known.map_or_else(|| Ok(node.log.bounds(&place)?.1), Ok::<u64, LogError>)?;
                self.rings().0.entry(place.clone()).or_insert_with(|| Ring {
                    first: next,
                    next,
                    ..Ring::default()
                });
                from.insert(place, next);
            }
        }
        self.grown.send_modify(|times| *times += 1);
        let mut tail = node.log.tail(&from)?;
        while !self.ended.load(Ordering::Relaxed) && !self.node.is_interrupted() {
            let records = tail.poll(CHUNK, WAIT)?;
            let events =
                records.iter().map(|record| shown(&node.codec, record)).collect::<Result<Vec<_>, _>>()?;
            if !events.is_empty() {
                self.add(events);
                self.grown.send_modify(|times| *times += 1);
            }
        }
        Ok(())
    }

    fn add(&self, events: Vec<Shown>) {
        let mut rings = self.rings();
        let (rings, bytes) = &mut *rings;
        let size = |event: &Shown| event.document.as_ref().map_or(0, String::len);
        for event in events {
            let Some(ring) = rings.get_mut(&*event.place) else { continue };
            *bytes += size(&event);
            ring.next = event.offset + 1;
            ring.events.push_back(Arc::new(event));
            while ring.events.len() > RING || *bytes > RING_BYTES {
                let Some(gone) = ring.events.pop_front() else { break };
                *bytes -= size(&gone);
                ring.first = gone.offset + 1;
            }
        }
    }
}
