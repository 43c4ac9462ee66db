//! Publishing from outside: what lies on the log already is not appended again, and finding that out costs the same
//! whatever lies there.
//!
//! What was taken in shows in the views; what has not been yet lies among the newest records. What escapes both, such as
//! two who publish the same at once, is appended again and dropped by its id by who reads it: ids are derived, every
//! reader takes an event in once, and the digest is over distinct events.

use gauntlet_domain::Event;
use gauntlet_log::{NewRecord, TopicPartition, partition_for};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::{clock, recent, spans};

use crate::node::Node;
use crate::refusal::Refusal;

/// Where an event lies once it is published.
fn place_of(node: &Node, event: &Event) -> Result<TopicPartition, Refusal> {
    place_in(node, event.topic().name, &event.key())
}

/// Where events with a key lie in a topic.
pub fn place_in(node: &Node, topic: &'static str, key: &str) -> Result<TopicPartition, Refusal> {
    let partitions = node.log.partitions(topic)?;
    Ok(TopicPartition::new(topic, partition_for(key.as_bytes(), partitions)))
}

/// Whether an event is known to be published. A no may be wrong, and then costs a duplicate.
pub(crate) fn is_published(node: &Node, event: &Event) -> Result<bool, Refusal> {
    if let Some((table, key)) = (node.processors.projection.row_that_shows)(event)
        && node.views.row(table, &key)?.is_some()
    {
        return Ok(true);
    }
    Ok(recent::has_event(&*node.log, &place_of(node, event)?, event.id())?)
}

/// The record of an event from outside.
pub fn record(node: &Node, event: &Event, source: &str) -> Result<NewRecord, Refusal> {
    Ok(events::record(&node.codec, event, Cause::outside(source, clock::now()))?)
}

/// Appends the events that are not there yet, as one, and with them who commanded it, where that is known. True when any of
/// the events was appended.
pub fn publish_once(node: &Node, source: &'static str, wanted: &[Event]) -> Result<bool, Refusal> {
    let (mut records, mut spans) = (Vec::new(), Vec::new());
    let began = clock::now();
    let is_missing =
        |event: &Event| Ok::<_, Refusal>(!node.has_published(event.id()) && !is_published(node, event)?);
    for event in wanted {
        // The same definition governs every file of a feed: it is looked for once.
        if is_missing(event)? {
            records.push(record(node, event, source)?);
            spans.push(event);
        }
    }
    let any = !records.is_empty();
    let audit = node.acting.as_ref().map(|acting| acting.audit(wanted));
    if let Some(audit) = &audit
        && is_missing(audit)?
    {
        records.push(record(node, audit, "gateway")?);
    }
    if !records.is_empty() {
        node.log.append(records)?;
    }
    node.remember_published(wanted.iter().chain(&audit).map(Event::id));
    if let Some(port) = &node.spans {
        let ended = clock::now();
        let spans = spans.into_iter().filter_map(|event| spans::published(source, event, began, ended));
        spans.for_each(|span| port.finished(span));
    }
    Ok(any)
}
