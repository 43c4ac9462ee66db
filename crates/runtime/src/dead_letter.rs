//! A record that cannot be read, or that a machine refuses, goes to its topic's dead letters, with its bytes untouched
//! and the reason in headers under the names that Kafka Connect writes, so that its tools find them, in the same commit
//! as its position. Its neighbours are not disturbed.
//!
//! A dead letter that can be read after all, for example by a later build, is put back by an operator: appended again to
//! its topic with a header that names the dead letter, so that it is put back once.

use gauntlet_domain::Topic;
use gauntlet_domain::topics::{self, parked_from};
use gauntlet_log::{Header, NewRecord, Record, TopicPartition};
use gauntlet_wire::WireError;

const CONNECT: &str = "__connect.errors.";
/// The header that names the dead letter that a record was before it was put back.
const PUT_BACK: &str = "gauntlet_putback";
const REFUSED: &str = "gauntlet.Refused";

/// The dead letter for a record that cannot be read. The connector is the processor; its class is the codec, which refused
/// the value.
pub(crate) fn dead_letter(record: &Record, processor: &str, error: &WireError) -> NewRecord {
    let name = format!("gauntlet.wire.WireError.{}", error.name());
    set_aside(record, processor, ["VALUE_CONVERTER", "gauntlet.wire.Codec", &name, &error.to_string()])
}

/// The dead letter for an event that a machine refuses.
pub(crate) fn refused(record: &Record, processor: &str, why: &str) -> NewRecord {
    set_aside(record, processor, ["TASK_PUT", &format!("gauntlet.{processor}"), REFUSED, why])
}

fn set_aside(record: &Record, processor: &str, [stage, class, exception, message]: [&str; 4]) -> NewRecord {
    let (mut headers, topic) = (record.headers.clone(), record.partition.topic.as_str());
    let mut put = |name: &str, value: String| {
        headers.push((format!("{CONNECT}{name}").into(), value.into_bytes()));
    };
    put("topic", record.partition.topic.clone());
    put("partition", record.partition.partition.to_string());
    put("offset", record.offset.to_string());
    put("connector.name", processor.to_owned());
    put("stage", stage.to_owned());
    put("class.name", class.to_owned());
    put("exception.class.name", exception.to_owned());
    put("exception.message", message.to_owned());
    NewRecord {
        topic: format!("{}.dlq", parked_from(topic).unwrap_or(topic)).into(),
        key: record.key.clone(),
        headers,
        value: record.value.clone(),
        timestamp_micros: record.timestamp_micros,
    }
}

/// What a dead letter says.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The topic on which the record lay.
    pub topic: &'static Topic,
    /// The partition and the offset there, if the dead letter says so.
    pub lay_at: Option<(u32, u64)>,
    /// The processor that set it aside; empty in a dead letter that no processor wrote.
    pub processor: String,
    /// Why, in one word: the name of a [`WireError`], or `Refused`.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// The record's own headers.
    pub headers: Vec<Header>,
}

impl DeadLetter {
    /// Reads a record of a dead-letter topic; `None` on any other topic.
    pub fn of(record: &Record) -> Option<DeadLetter> {
        let topic = topics::ALL.iter().find(|topic| topic.dead_letters() == record.partition.topic)?;
        let said = |name: &str| {
            // The last one: a dead letter that was put back and set aside again has two.
            let mut found = record.headers.iter().rev();
            let value = found.find_map(|(key, value)| (key.strip_prefix(CONNECT)? == name).then_some(value));
            value.map_or_else(String::new, |value| String::from_utf8_lossy(value).into_owned())
        };
        let own = |(name, _): &&Header| !name.starts_with(CONNECT) && name != PUT_BACK;
        Some(DeadLetter {
            topic,
            lay_at: said("partition").parse().ok().zip(said("offset").parse().ok()),
            processor: said("connector.name"),
            reason: said("exception.class.name").rsplit('.').next().unwrap_or_default().to_owned(),
            message: said("exception.message"),
            headers: record.headers.iter().filter(own).cloned().collect(),
        })
    }

    /// Whether a machine could read the record and refused it.
    pub fn is_refused(&self) -> bool {
        REFUSED.ends_with(&format!(".{}", self.reason))
    }

    /// The record as it lay on its topic, at an offset without meaning.
    pub fn original(&self, letter: &Record) -> Record {
        let partition = self.lay_at.map_or(letter.partition.partition, |(partition, _)| partition);
        let partition = TopicPartition::new(self.topic.name, partition).into();
        Record { partition, headers: self.headers.clone(), ..letter.clone() }
    }

    /// The record that puts it back.
    pub fn put_back(&self, letter: &Record) -> NewRecord {
        let mut headers = self.headers.clone();
        headers.push((PUT_BACK.into(), place(letter).into_bytes()));
        NewRecord {
            topic: self.topic.name.into(),
            key: letter.key.clone(),
            headers,
            value: letter.value.clone(),
            timestamp_micros: letter.timestamp_micros,
        }
    }
}

/// The name of a dead letter: where it lies, as `topic.dlq/partition=offset`.
pub fn place(letter: &Record) -> String {
    format!("{}={}", letter.partition, letter.offset)
}

/// The name of the dead letter that a record was before it was put back.
pub fn was_letter(record: &Record) -> Option<&str> {
    let (_, value) = record.headers.iter().find(|(name, _)| name == PUT_BACK)?;
    std::str::from_utf8(value).ok()
}
