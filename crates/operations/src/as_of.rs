//! A node as of a time that has passed: the time becomes a vector of positions, its log ends there, and its views show what the
//! events before it made. Whoever reads a node reads one of these without knowing.
//!
//! A time is the recorded one, by the clocks of those who wrote: of each partition counts everything before the first record that
//! was written later. It is resolved once, and records that come later with an earlier time change nothing about the answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_domain::{RecordKind, Timestamp, topics};
use gauntlet_log::{EndedLog, EventLog, Positions, TopicPartition};
use gauntlet_runtime::bar_index::BarIndex;
use gauntlet_runtime::clock;
use gauntlet_views::{AsOfViews, Origin, Progress, ViewStore};
use serde::Serialize;

use crate::node::Node;
use crate::refusal::Refusal;

/// Nodes that are kept for the next question about the same time.
const KEPT: usize = 4;
/// A time that is younger than this is resolved anew each time: records may be on their way to the log.
const SETTLED: Duration = Duration::from_secs(10);
/// How long is waited for views that are behind.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often they are asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A time that has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The recorded time.
    pub time: Timestamp,
    /// How far each partition went then.
    pub positions: Positions,
}

/// An answer as of a time that has passed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AsOf<T> {
    /// The time, RFC 3339.
    pub as_of: String,
    /// What was answered.
    pub answer: T,
}

/// Nodes as of times that were asked for, the newest question last.
#[derive(Default)]
pub(crate) struct Moments(Mutex<VecDeque<Node>>);

impl Moments {
    fn find(&self, time: Timestamp) -> Option<Node> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |node: &Node| node.moment.as_ref().is_some_and(|moment| moment.time == time);
        let place = kept.iter().position(is_it)?;
        let node = kept.remove(place)?;
        kept.push_back(node.clone());
        Some(node)
    }

    fn keep(&self, node: Node) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(node);
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

/// Reads a time as filters write it: RFC 3339, a date, or `2h ago`.
///
/// # Errors
/// It is none.
pub fn parse_time(text: &str) -> Result<Timestamp, Refusal> {
    gauntlet_filter::time(text, clock::now()).map_err(|error| Refusal::BadInput(format!("'{text}': {error}")))
}

/// How far each partition of the log went at a time. Parked requests are not among them: how much of them was answered by then
/// is not kept.
fn positions_at(log: &dyn EventLog, time: Timestamp) -> Result<Positions, Refusal> {
    let micros = time.0.div_euclid(1_000);
    let mut positions = Positions::new();
    for topic in topics::ALL {
        for partition in 0..log.partitions(topic.name)? {
            let place = TopicPartition::new(topic.name, partition);
            let end = log.first_after(&place, micros)?;
            positions.insert(place, end);
        }
    }
    Ok(positions)
}

/// Whether events of these records lie before the positions.
fn is_before(positions: &Positions) -> impl Fn(Origin) -> bool + Send + Sync + 'static {
    let mut ends: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for kind in RecordKind::ALL {
        for (place, end) in positions.iter().filter(|(place, _)| place.topic == kind.topic().name) {
            ends.insert((record_number(*kind), place.partition), *end);
        }
    }
    move |origin| ends.get(&(origin.record, origin.partition)).is_some_and(|end| origin.offset < *end)
}

/// The number by which origins name a record.
pub(crate) fn record_number(kind: RecordKind) -> u32 {
    kind.published().first().map_or(0, |version| version.number)
}

impl Node {
    /// The time that is now for whoever reads this node: of one as of a time that has passed, that time.
    pub fn now(&self) -> Timestamp {
        self.moment.as_ref().map_or_else(clock::now, |moment| moment.time)
    }

    /// The time that has passed as of which this node is, if it is one.
    pub fn moment(&self) -> Option<&Arc<Moment>> {
        self.moment.as_ref()
    }

    /// This node as of a time that has passed. Its views must reach that far, which is waited for.
    ///
    /// # Errors
    /// A time that has not come; views that are behind.
    pub fn as_of(&self, time: Timestamp) -> Result<Node, Refusal> {
        let now = clock::now();
        if time > now {
            return Err(Refusal::BadInput(format!(
                "{time} has not come yet: it is {now}; ask for a time that has passed"
            )));
        }
        if let Some(node) = self.moments.find(time) {
            return Ok(node.until(self.interrupted.clone()));
        }
        let positions = positions_at(&*self.log, time)?;
        let node = self.as_of_positions(time, positions)?;
        if now.0.saturating_sub(time.0) > i64::try_from(SETTLED.as_nanos()).unwrap_or(i64::MAX) {
            self.moments.keep(node.clone());
        }
        Ok(node)
    }

    /// This node as of some positions, which need not be of any one moment.
    ///
    /// # Errors
    /// Views that are behind.
    pub fn as_of_positions(&self, time: Timestamp, positions: Positions) -> Result<Node, Refusal> {
        let projected: Positions = positions
            .iter()
            .filter(|(place, _)| {
                self.processors.projection.topics.iter().any(|topic| topic.name == place.topic)
            })
            .map(|(place, end)| (place.clone(), *end))
            .collect();
        self.wait_until_projected(&projected)?;
        let progress = projected.iter().map(|(place, end)| Progress {
            topic: place.topic.clone(),
            partition: place.partition,
            next_offset: *end,
            last: None,
        });
        let store = self.services.stores().views.clone();
        let views: Arc<dyn ViewStore> =
            Arc::new(AsOfViews::new(store, progress.collect(), is_before(&positions)));
        let log: Arc<dyn EventLog> = Arc::new(EndedLog::new(self.endless().clone(), positions.clone()));
        let bars = BarIndex::in_memory(log.clone(), self.codec.clone());
        Ok(self.in_the_past(Arc::new(Moment { time, positions }), log, views, Arc::new(bars)))
    }

    fn wait_until_projected(&self, ends: &Positions) -> Result<(), Refusal> {
        let until = Instant::now() + PATIENCE;
        while !self.is_projected(ends)? {
            if self.is_interrupted() {
                return Err(Refusal::Interrupted);
            }
            if Instant::now() >= until {
                return Err(Refusal::Outside(
                    "the views have not come that far yet: ask again, or for an earlier time".into(),
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}
