//! Events to records and back: the envelope around a body, the topic and key that follow from it.

use gauntlet_domain::{Envelope, Event, EventId, Recorded, Timestamp, topics};
use gauntlet_log::{LogError, NewRecord, Record, TopicPartition};
use gauntlet_wire::{Codec, WireError, envelope_from_headers, headers, headers_from_envelope};

use crate::spans;

/// The writer of a record that does not say who wrote it.
const OUTSIDE: &str = "outside";

/// The cause of an output, and what was observed about it.
pub struct Cause<'a> {
    /// The input; `None` for what comes from outside.
    pub input: Option<&'a Recorded>,
    /// Who writes.
    pub source: &'a str,
    /// The version of its logic; `None` from outside.
    pub logic: Option<&'a str>,
    /// When, by the wall clock.
    pub recorded_at: Timestamp,
    /// How long the work took.
    pub took_micros: Option<i64>,
    /// For a decision that raced.
    pub decided_at: Option<String>,
}

impl<'a> Cause<'a> {
    /// From outside: the event is its own cause.
    pub fn outside(source: &'a str, recorded_at: Timestamp) -> Cause<'a> {
        Cause { input: None, source, logic: None, recorded_at, took_micros: None, decided_at: None }
    }
}

/// The record of an event.
pub fn record(codec: &Codec, event: &Event, cause: Cause<'_>) -> Result<NewRecord, WireError> {
    let id = event.id();
    let envelope = Envelope {
        id,
        causation: cause.input.map_or(id, |input| input.envelope.id),
        correlation: correlation(event, id, cause.input),
        source: cause.source.to_owned(),
        logic: cause.logic.map(str::to_owned),
        recorded_at: cause.recorded_at,
        took_micros: cause.took_micros,
        decided_at: cause.decided_at,
        trace: spans::place(event, id, cause.input, cause.source),
    };
    let kind = event.kind();
    Ok(NewRecord {
        topic: event.topic().name.into(),
        key: event.key().into_bytes(),
        headers: headers_from_envelope(kind, &envelope),
        value: Some(codec.encode(event)?),
        timestamp_micros: cause.recorded_at.0 / 1000,
    })
}

/// The id of the command that begins the chain of causes: known from the subject that an event belongs to; without a
/// subject it is inherited from the input.
fn correlation(event: &Event, id: EventId, input: Option<&Recorded>) -> EventId {
    let inherited = || input.map_or(id, |input| input.envelope.correlation);
    event.subject().map_or_else(inherited, |subject| subject.first)
}

/// The event in a record, for readers who pass over what can never be read (it is a dead letter of the processor that needs
/// it).
/// What cannot be read now is an error: a reader that passed over it would leave it out for good.
pub fn readable(codec: &Codec, record: &Record) -> Result<Option<Recorded>, LogError> {
    match read(codec, record) {
        Ok(recorded) => Ok(Some(recorded)),
        Err(error) if error.is_transient() => Err(undecided(record, &error)),
        Err(_) => Ok(None),
    }
}

/// The error of a reader that cannot wait until the record can be read.
pub fn undecided(record: &Record, error: &WireError) -> LogError {
    let partition = TopicPartition::clone(&record.partition);
    LogError::Undecided { partition, offset: record.offset, detail: error.to_string() }
}

/// The event in a record with its envelope.
pub fn read(codec: &Codec, record: &Record) -> Result<Recorded, WireError> {
    let event = decode(codec, record)?;
    let envelope = envelope(record, &event);
    Ok(Recorded { event, envelope })
}

/// The event in a record.
#[inline]
pub fn decode(codec: &Codec, record: &Record) -> Result<Event, WireError> {
    let event = codec.decode(record.value.as_deref())?;
    let topic = record.partition.topic.as_str();
    if event.topic().name != topic && topics::named(topic).is_some() {
        return Err(WireError::ForeignRecord { record: event.kind().name(), topic: topic.to_owned() });
    }
    Ok(event)
}

/// The id of the event in a record, as its envelope has it; a foreign writer may have left it out.
pub(crate) fn id(record: &Record) -> Option<EventId> {
    headers::event_id(&record.headers)
}

/// Who wrote a record, as its envelope has it.
pub fn writer(record: &Record) -> &str {
    match headers::event_id(&record.headers) {
        Some(_) => headers::source(&record.headers).unwrap_or(OUTSIDE),
        None => OUTSIDE,
    }
}

/// The version of a processor's logic that made a record. Before records said it, that of `experiments` was 2 and every
/// other one was 1.
pub fn logic_version<'a>(processor: &str, record: &'a Record) -> &'a str {
    let unsaid = if processor == "experiments" { "2" } else { "1" };
    headers::logic_version(&record.headers).unwrap_or(unsaid)
}

/// A record's envelope. A foreign writer may have left the headers out; then the event is its own cause.
pub fn envelope(record: &Record, event: &Event) -> Envelope {
    envelope_from_headers(&record.headers).unwrap_or_else(|| {
        let id = event.id();
        Envelope {
            id,
            causation: id,
            correlation: id,
            source: OUTSIDE.into(),
            logic: None,
            recorded_at: Timestamp(record.timestamp_micros.saturating_mul(1000)),
            took_micros: None,
            decided_at: None,
            trace: headers::trace(&record.headers),
        }
    })
}
