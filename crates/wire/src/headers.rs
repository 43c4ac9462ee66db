//! Envelopes as headers: CloudEvents 1.0 Kafka binding, binary mode, with the extensions `causationid`,
//! `correlationid`, `logicversion`, `tookmicros` and `decidedat`; and W3C's `traceparent` on control events.

use std::borrow::Cow;

use gauntlet_domain::{Envelope, EventId, RecordKind, Timestamp, TraceContext};

/// A header's name and bytes.
pub type Header = (Cow<'static, str>, Vec<u8>);

const ID: &str = "ce_id";
const TYPE: &str = "ce_type";
const SOURCE: &str = "ce_source";
const TIME: &str = "ce_time";
const CAUSATION: &str = "ce_causationid";
const CORRELATION: &str = "ce_correlationid";
const LOGIC: &str = "ce_logicversion";
const TOOK: &str = "ce_tookmicros";
const DECIDED_AT: &str = "ce_decidedat";
const TRACE_PARENT: &str = "traceparent";

/// Writes the headers of an event.
pub fn headers_from_envelope(kind: RecordKind, envelope: &Envelope) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::with_capacity(12);
    let mut put = |name: &'static str, value: String| headers.push((Cow::Borrowed(name), value.into_bytes()));
    put("ce_specversion", "1.0".into());
    put(ID, envelope.id.to_string());
    put(TYPE, kind.name().into());
    put(SOURCE, envelope.source.clone());
    put(TIME, envelope.recorded_at.to_string());
    put(CAUSATION, envelope.causation.to_string());
    put(CORRELATION, envelope.correlation.to_string());
    if let Some(version) = &envelope.logic {
        put(LOGIC, version.clone());
    }
    if let Some(micros) = envelope.took_micros {
        put(TOOK, micros.to_string());
    }
    if let Some(positions) = &envelope.decided_at {
        put(DECIDED_AT, positions.clone());
    }
    if let Some(trace) = &envelope.trace {
        put(TRACE_PARENT, trace.to_string());
    }
    put("content-type", "application/avro".into());
    headers
}

/// Reads an envelope; `None` when a needed header is missing or unreadable.
pub fn envelope_from_headers(headers: &[Header]) -> Option<Envelope> {
    let id: EventId = text(headers, ID)?.parse().ok()?;
    Some(Envelope {
        id,
        causation: text(headers, CAUSATION).and_then(|t| t.parse().ok()).unwrap_or(id),
        correlation: text(headers, CORRELATION).and_then(|t| t.parse().ok()).unwrap_or(id),
        source: text(headers, SOURCE)?.to_owned(),
        logic: logic_version(headers).map(str::to_owned),
        recorded_at: text(headers, TIME).and_then(|t| t.parse().ok()).unwrap_or(Timestamp(0)),
        took_micros: text(headers, TOOK).and_then(|t| t.parse().ok()),
        decided_at: text(headers, DECIDED_AT).map(str::to_owned),
        trace: trace(headers),
    })
}

/// The event id alone, for those who only look for duplicates.
pub fn event_id(headers: &[Header]) -> Option<EventId> {
    text(headers, ID)?.parse().ok()
}

/// Who wrote the event, if the record says it.
pub fn source(headers: &[Header]) -> Option<&str> {
    text(headers, SOURCE)
}

/// The version of the logic that made the event, if the record says it.
pub fn logic_version(headers: &[Header]) -> Option<&str> {
    text(headers, LOGIC)
}

/// The id of the event that made this one happen, if the record says it.
pub fn causation_id(headers: &[Header]) -> Option<EventId> {
    text(headers, CAUSATION)?.parse().ok()
}

/// The record's kind, without decoding it.
pub fn kind(headers: &[Header]) -> Option<RecordKind> {
    RecordKind::from_name(text(headers, TYPE)?)
}

/// The positions that a racing decision was made at, if it raced.
pub fn decided_at(headers: &[Header]) -> Option<&str> {
    text(headers, DECIDED_AT)
}

/// The place in a trace, if the writer gave one that can be read.
pub fn trace(headers: &[Header]) -> Option<TraceContext> {
    text(headers, TRACE_PARENT)?.parse().ok()
}

fn text<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(key, _)| key == name)?;
    std::str::from_utf8(value).ok()
}
