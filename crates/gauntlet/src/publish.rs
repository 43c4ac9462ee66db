//! Publishing from outside: nothing that lies on the log already is appended again.

use std::collections::HashSet;

use gauntlet_domain::{Event, EventId};
use gauntlet_log::{NewRecord, TopicPartition, partition_for};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::{clock, restore, spans};
use gauntlet_wire::headers;

use crate::node::Node;
use crate::report::Refusal;

/// Ids of the events that a key's partition of the event's topic holds already.
pub fn published(node: &Node, event: &Event) -> Result<HashSet<EventId>, Refusal> {
    let topic = event.kind().topic().name;
    let partitions = node.log.partitions(topic)?;
    let place = TopicPartition::new(topic, partition_for(event.key().as_bytes(), partitions));
    let (start, end) = node.log.bounds(&place)?;
    let mut ids = HashSet::new();
    restore::for_each(&*node.log, &place, start, end, |record| {
        ids.extend(headers::event_id(&record.headers));
        Ok(())
    })?;
    Ok(ids)
}

/// The record of an event from outside.
pub fn record(node: &Node, event: &Event, source: &str) -> Result<NewRecord, Refusal> {
    Ok(events::record(&node.codec, event, Cause::outside(source, clock::now()))?)
}

/// Appends the events that are not there yet, as one. True when anything was appended.
pub fn publish_once(node: &Node, source: &'static str, wanted: &[Event]) -> Result<bool, Refusal> {
    let (mut records, mut spans) = (Vec::new(), Vec::new());
    let began = clock::now();
    for event in wanted {
        if !published(node, event)?.contains(&event.id()) {
            records.push(record(node, event, source)?);
            spans.push(event);
        }
    }
    let any = !records.is_empty();
    if any {
        node.log.append(records)?;
    }
    if let Some(port) = &node.spans {
        let ended = clock::now();
        let spans = spans.into_iter().filter_map(|event| spans::published(source, event, began, ended));
        spans.for_each(|span| port.finished(span));
    }
    Ok(any)
}
