//! A record that cannot be read, or that a machine refuses, goes to its topic's dead letters, with its bytes untouched
//! and the reason in headers under the names that Kafka Connect writes, so that its tools find them, in the same commit
//! as its position. Its neighbours are not disturbed.

use gauntlet_log::{NewRecord, Record};
use gauntlet_wire::WireError;

/// The dead letter for a record that cannot be read. The connector is the processor; its class is the codec, which refused
/// the value.
pub(crate) fn dead_letter(record: &Record, processor: &str, error: &WireError) -> NewRecord {
    let name = format!("gauntlet.wire.WireError.{}", error.name());
    letter(record, processor, ["VALUE_CONVERTER", "gauntlet.wire.Codec", &name, &error.to_string()])
}

/// The dead letter for an event that a machine refuses.
pub(crate) fn refused(record: &Record, processor: &str, why: &str) -> NewRecord {
    letter(record, processor, ["TASK_PUT", &format!("gauntlet.{processor}"), "gauntlet.Refused", why])
}

fn letter(record: &Record, processor: &str, [stage, class, exception, message]: [&str; 4]) -> NewRecord {
    let mut headers = record.headers.clone();
    let mut put = |name: &'static str, value: String| headers.push((name.into(), value.into_bytes()));
    put("__connect.errors.topic", record.partition.topic.clone());
    put("__connect.errors.partition", record.partition.partition.to_string());
    put("__connect.errors.offset", record.offset.to_string());
    put("__connect.errors.connector.name", processor.to_owned());
    put("__connect.errors.stage", stage.to_owned());
    put("__connect.errors.class.name", class.to_owned());
    put("__connect.errors.exception.class.name", exception.to_owned());
    put("__connect.errors.exception.message", message.to_owned());
    NewRecord {
        topic: format!("{}.dlq", record.partition.topic).into(),
        key: record.key.clone(),
        headers,
        value: record.value.clone(),
        timestamp_micros: record.timestamp_micros,
    }
}
