//! The records of a topic where they lie: closed ranges in the archive, and behind them the log.

use std::ops::ControlFlow;

use gauntlet_domain::plain::Shape;
use gauntlet_domain::{Event, Topic};
use gauntlet_lake::archive::{Range, archived, batch};
use gauntlet_lake::table::RecordBatch;
use gauntlet_log::{Positions, Record, TopicPartition};
use gauntlet_runtime::{events, restore};

use super::{columns, frame, gap, may_leave_out, refuse_gaps, to_log};
use crate::node::Node;
use crate::refusal::Refusal;

/// Records of one partition, from one offset to before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The partition.
    pub place: TopicPartition,
    /// The first offset.
    pub from: u64,
    /// The offset before which they end.
    pub to: u64,
    /// The file in which they are; none of those on the log.
    pub file: Option<Range>,
}

/// The columns of a topic beside the raw ones, as its archive has them.
pub fn columns_of(topic: &Topic) -> Vec<(String, Shape)> {
    columns::columns(topic)
}

/// The column in which an archive has the fields of a record.
pub fn column_of(record: &str) -> String {
    columns::snake_case(record)
}

/// All records of a topic before some positions, or up to the end of a partition that these do not name.
///
/// # Errors
/// An archive of which something is missing.
pub fn stretches(node: &Node, topic: &Topic, before: &Positions) -> Result<Vec<Stretch>, Refusal> {
    let mut archived = archived(&node.lake, topic.name).map_err(to_log)?;
    let mut stretches = Vec::new();
    for partition in 0..node.log.partitions(topic.name)? {
        let place = TopicPartition::new(topic.name, partition);
        let (start, end) = node.log.bounds(&place)?;
        let end = before.get(&place).map_or(end, |before| end.min(*before));
        let ranges = archived.remove(&partition).unwrap_or_default();
        refuse_gaps(&place, &ranges).map_err(Refusal::Outside)?;
        let mut from = start;
        if let Some(first) = ranges.first() {
            if first.first > start && !may_leave_out(topic.name) {
                return Err(Refusal::Outside(gap(&place, start, first.first, None)));
            }
            from = first.first;
        }
        for range in ranges.into_iter().filter(|range| range.first < end) {
            let to = range.next().min(end);
            from = to;
            stretches.push(Stretch { place: place.clone(), from: range.first, to, file: Some(range) });
        }
        if from < end {
            stretches.push(Stretch { place, from, to: end, file: None });
        }
    }
    Ok(stretches)
}

/// Gives the events of a stretch of the log, one after the other, until `give` breaks off. What is no event of the topic is left
/// out, as it is everywhere.
pub fn each_event(
    node: &Node,
    stretch: &Stretch,
    give: &mut dyn FnMut(&Record, Event) -> ControlFlow<()>,
) -> Result<(), Refusal> {
    let Stretch { place, from, to, .. } = stretch;
    restore::any(&*node.log, place, *from, *to, |record| {
        let event = events::readable(&node.codec, &record)?.map(|recorded| recorded.event);
        Ok(event.is_some_and(|event| give(&record, event).is_break()))
    })?;
    Ok(())
}

/// Gives the records of a stretch of the log in the columns of the archive, some at a time, until `give` breaks off.
pub fn each_batch(
    node: &Node,
    topic: &Topic,
    stretch: &Stretch,
    rows: usize,
    give: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<(), Refusal> {
    let Stretch { place, from, to, .. } = stretch;
    let columns = columns::columns(topic);
    let (mut frames, mut values) = (Vec::new(), Vec::new());
    let mut flush = |frames: &mut Vec<_>, values: &mut Vec<_>| {
        let batch = batch(topic.name, place.partition, frames, &columns, values);
        frames.clear();
        values.clear();
        give(batch)
    };
    let is_over = restore::any(&*node.log, place, *from, *to, |record| {
        let said = columns::values(&node.codec, topic, &record);
        values.push(said.map_err(|error| events::undecided(&record, &error))?);
        frames.push(frame(record));
        Ok(frames.len() >= rows && flush(&mut frames, &mut values).is_break())
    })?;
    if !is_over && !frames.is_empty() {
        let _ = flush(&mut frames, &mut values);
    }
    Ok(())
}
