//! `replay`: every derived event made again from the log and compared with what is recorded.

use gauntlet_domain::{Event, EventId, topics};
use gauntlet_log::TopicPartition;
use gauntlet_processor::topology::is_input;
use gauntlet_runtime::replay::{self, Divergence, Replay};
use gauntlet_views::schema;
use serde::{Deserialize, Serialize, Serializer};

use crate::browse::find;
use crate::node::Node;
use crate::progress::Progress;
use crate::refusal::Refusal;

/// What to re-execute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// An experiment, by the beginning of its id; everything when left out.
    pub experiment: Option<String>,
    /// Threads; as configured when left out.
    pub workers: Option<usize>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Whether all that was compared is the same. False when nothing was compared, also when other versions of the logic
    /// made everything that there is.
    pub identical: bool,
    /// Events compared.
    pub compared: u64,
    /// Answers of trainers outside, taken as they are recorded; left out when nothing was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<u64>,
    /// What other versions of the processors' logic made, which this build cannot make again.
    pub not_compared: Vec<NotCompared>,
    /// The first difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Diverging>,
}

/// Events that another version of a processor's logic made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// Whose.
    pub processor: String,
    /// The version that made them.
    pub version: String,
    /// How many.
    pub events: u64,
}

impl From<replay::NotCompared> for NotCompared {
    fn from(not: replay::NotCompared) -> NotCompared {
        let replay::NotCompared { processor, version, events } = not;
        NotCompared { processor, version, events }
    }
}

/// The first event that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diverging {
    /// Its topic.
    pub topic: String,
    /// Its key.
    pub key: String,
    /// Its id.
    pub event_id: EventId,
    /// What the log has; `None` when only the re-execution made it.
    #[serde(serialize_with = "as_text")]
    pub recorded: Option<Event>,
    /// What the re-execution made; `None` when only the log has it.
    #[serde(serialize_with = "as_text")]
    pub reexecuted: Option<Event>,
}

impl From<Divergence> for Diverging {
    fn from(divergence: Divergence) -> Diverging {
        let Divergence { topic, key, event_id, recorded, reexecuted } = divergence;
        Diverging { topic, key, event_id, recorded, reexecuted }
    }
}

/// An event in one line, for people.
fn as_text<S: Serializer>(event: &Option<Event>, serializer: S) -> Result<S::Ok, S::Error> {
    event.as_ref().map(|event| format!("{event:?}")).serialize(serializer)
}

/// Re-executes an experiment, or everything, and compares.
pub fn replay(node: &Node, request: &ReplayRequest, progress: &dyn Progress) -> Result<Replayed, Refusal> {
    let experiment = match &request.experiment {
        Some(id) => {
            node.catch_up()?;
            let row = find(node, &schema::EXPERIMENTS, id)?;
            row.get("experiment_id").and_then(|value| value.as_text()).map(str::to_owned)
        }
        None => None,
    };
    let wanted = |event: &Event| match &experiment {
        None => true,
        Some(id) => event.experiment().is_some_and(|of| of.to_string() == *id),
    };
    let data = node.data();
    let step = progress.begin("replay", derived_events(node)?, "events");
    let outcome = Replay {
        log: &*node.log,
        codec: &node.codec,
        definitions: &node.processors.machines,
        workers: &node.processors.workers,
        data: &data,
        threads: request.workers.unwrap_or_else(|| node.workers()),
        filter: &wanted,
        progress: &|compared| step.at(compared),
        is_over: &|| node.is_interrupted(),
    }
    .run()?;
    step.end(&format!("{} events compared", outcome.compared));
    let divergence = outcome.divergence.map(Diverging::from);
    let says_something = outcome.compared > 0 || divergence.is_some();
    Ok(Replayed {
        identical: says_something && divergence.is_none(),
        compared: outcome.compared,
        foreign: says_something.then_some(outcome.foreign),
        not_compared: outcome.not_compared.into_iter().map(NotCompared::from).collect(),
        divergence,
    })
}

/// Derived events on the log, for the progress bar.
fn derived_events(node: &Node) -> Result<u64, Refusal> {
    let mut events = 0;
    for topic in topics::ALL.iter().filter(|topic| !is_input(topic)) {
        for partition in 0..node.log.partitions(topic.name)? {
            let (start, end) = node.log.bounds(&TopicPartition::new(topic.name, partition))?;
            events += end - start;
        }
    }
    Ok(events)
}
