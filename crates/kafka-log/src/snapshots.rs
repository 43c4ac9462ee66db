//! State snapshots on a compacted topic: written in the transaction of what they cover, the latest of each task counts.

use std::time::Duration;

use gauntlet_log::{
    Header, LogError, NewRecord, Positions, Record, StateSnapshot, Tail as _, TopicPartition,
    parse_positions, positions_text,
};
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::tail::KafkaTail;

/// The topic.
pub const TOPIC: &str = "processor.state.v1";

/// A snapshot as a record; the version of the logic and the inputs covered are headers.
pub(crate) fn record(processor: &str, task: u32, snapshot: &StateSnapshot) -> NewRecord {
    NewRecord {
        topic: TOPIC.into(),
        key: key(processor, task),
        headers: vec![
            ("version".into(), snapshot.version.clone().into_bytes()),
            ("positions".into(), positions_text(&snapshot.positions).into_bytes()),
        ],
        value: Some(snapshot.bytes.clone()),
        timestamp_micros: 0,
    }
}

/// The latest snapshot of a task. One that cannot be read is none: its task is folded from the beginning.
pub(crate) fn latest(
    cluster: &Arc<Cluster>,
    processor: &str,
    task: u32,
) -> Result<Option<StateSnapshot>, LogError> {
    let key = key(processor, task);
    let partitions = cluster.partitions(TOPIC)?;
    let place = TopicPartition::new(TOPIC, gauntlet_log::partition_for(&key, partitions));
    let mut latest = None;
    read(cluster, &place, |record| {
        if record.key == key {
            latest = snapshot(record);
        }
    })?;
    Ok(latest)
}

/// Removes every snapshot: on a compacted topic that takes a tombstone for each key.
pub(crate) fn delete_all(cluster: &Arc<Cluster>) -> Result<(), LogError> {
    let mut keys = std::collections::BTreeSet::new();
    for partition in 0..cluster.partitions(TOPIC)? {
        read(cluster, &TopicPartition::new(TOPIC, partition), |record| {
            keys.insert(record.key);
        })?;
    }
    let tombstone =
        |key| NewRecord { topic: TOPIC.into(), key, headers: Vec::new(), value: None, timestamp_micros: 0 };
    cluster.append(keys.into_iter().map(tombstone).collect())
}

fn key(processor: &str, task: u32) -> Vec<u8> {
    format!("{processor}/{task}").into_bytes()
}

fn snapshot(record: Record) -> Option<StateSnapshot> {
    let header = |name: &str| {
        let found: Option<&Header> = record.headers.iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    let version = header("version")?.to_owned();
    let positions: Positions = parse_positions(header("positions")?)?;
    Some(StateSnapshot { version, positions, bytes: record.value? })
}

fn read(
    cluster: &Arc<Cluster>,
    place: &TopicPartition,
    mut visit: impl FnMut(Record),
) -> Result<(), LogError> {
    let (start, end) = cluster.bounds(place)?;
    if start >= end {
        return Ok(());
    }
    let mut tail = KafkaTail::open(cluster.clone(), &Positions::from([(place.clone(), start)]))?;
    loop {
        for record in tail.poll(64, Duration::from_secs(1))? {
            let offset = record.offset;
            visit(record);
            if offset + 1 >= end {
                return Ok(());
            }
        }
    }
}
