//! A record that cannot be read goes to its topic's dead letters, with its bytes untouched and the reason in headers as
//! Kafka Connect writes them, in the same commit as its position. Its neighbours are not disturbed.

use gauntlet_log::{NewRecord, Record};
use gauntlet_wire::WireError;

/// The dead letter for a record.
pub(crate) fn dead_letter(record: &Record, processor: &str, error: &WireError) -> NewRecord {
    let mut headers = record.headers.clone();
    let mut put = |name: &'static str, value: String| headers.push((name.into(), value.into_bytes()));
    put("__gauntlet.errors.topic", record.partition.topic.clone());
    put("__gauntlet.errors.partition", record.partition.partition.to_string());
    put("__gauntlet.errors.offset", record.offset.to_string());
    put("__gauntlet.errors.group", processor.to_owned());
    put("__gauntlet.errors.stage", "value".to_owned());
    put("__gauntlet.errors.exception.message", error.to_string());
    NewRecord {
        topic: format!("{}.dlq", record.partition.topic).into(),
        key: record.key.clone(),
        headers,
        value: record.value.clone(),
        timestamp_micros: record.timestamp_micros,
    }
}
