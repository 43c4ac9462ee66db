//! A record that cannot be read goes to its topic's dead letters, with its bytes untouched and the reason in headers under
//! the names that Kafka Connect writes, so that its tools find them, in the same commit as its position. Its neighbours
//! are not disturbed.

use gauntlet_log::{NewRecord, Record};
use gauntlet_wire::WireError;

/// The dead letter for a record. The connector is the processor; its class is the codec, which refused the value.
pub(crate) fn dead_letter(record: &Record, processor: &str, error: &WireError) -> NewRecord {
    let mut headers = record.headers.clone();
    let mut put = |name: &'static str, value: String| headers.push((name.into(), value.into_bytes()));
    put("__connect.errors.topic", record.partition.topic.clone());
    put("__connect.errors.partition", record.partition.partition.to_string());
    put("__connect.errors.offset", record.offset.to_string());
    put("__connect.errors.connector.name", processor.to_owned());
    put("__connect.errors.stage", "VALUE_CONVERTER".to_owned());
    put("__connect.errors.class.name", "gauntlet.wire.Codec".to_owned());
    put("__connect.errors.exception.class.name", format!("gauntlet.wire.WireError.{}", error.name()));
    put("__connect.errors.exception.message", error.to_string());
    NewRecord {
        topic: format!("{}.dlq", record.partition.topic).into(),
        key: record.key.clone(),
        headers,
        value: record.value.clone(),
        timestamp_micros: record.timestamp_micros,
    }
}
