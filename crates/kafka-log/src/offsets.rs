//! Partitions and offsets as the client library names them, and back.

use std::collections::BTreeMap;
use std::time::Duration;

use gauntlet_log::{LogError, Positions, TopicPartition};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::clients::{Consumer, at_offsets};
use crate::errors::refused;
use crate::settings::KafkaSettings;

/// Positions as a list for the client library.
pub(crate) fn offsets_of(
    settings: &KafkaSettings,
    positions: &Positions,
) -> Result<TopicPartitionList, LogError> {
    let named: Vec<(String, u32, u64)> = positions
        .iter()
        .map(|(place, next)| (settings.prefixed(&place.topic), place.partition, *next))
        .collect();
    at_offsets(named.iter().map(|(topic, partition, next)| (topic.as_str(), *partition, *next)))
        .map_err(|error| refused(settings, "naming offsets", &error))
}

/// Partitions whose committed offsets are asked for.
pub(crate) fn places_of<'a>(
    settings: &KafkaSettings,
    places: impl IntoIterator<Item = &'a TopicPartition>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for place in places {
        let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
        list.add_partition(&settings.prefixed(&place.topic), partition);
    }
    list
}

/// Committed offsets of a group, as a consumer of that group sees them: offsets of a transaction that is still open are
/// a transient error.
pub(crate) fn committed_in(
    settings: &KafkaSettings,
    consumer: &Consumer,
    places: &TopicPartitionList,
    time: Duration,
) -> Result<Positions, KafkaError> {
    if places.count() == 0 {
        return Ok(Positions::new());
    }
    let answer = consumer.committed_offsets(places.clone(), time)?;
    let mut positions = BTreeMap::new();
    for element in answer.elements() {
        element.error()?;
        let (Offset::Offset(next), Some(topic)) =
            (element.offset(), element.topic().strip_prefix(&settings.prefix))
        else {
            continue;
        };
        let (Ok(next), Ok(partition)) = (u64::try_from(next), u32::try_from(element.partition())) else {
            continue;
        };
        positions.insert(TopicPartition::new(topic, partition), next);
    }
    Ok(positions)
}
