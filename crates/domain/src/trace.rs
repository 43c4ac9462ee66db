//! What an event belongs to, and its place in a trace as the W3C header `traceparent` writes it.
//!
//! Both are derived: the same event has the same place, however often and wherever it is written. Neither takes part in
//! a decision, an id or a digest.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::ids::{EventId, ExperimentId, SnapshotId};
use crate::record::{Event, RecordKind};

/// What a chain of control events is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Its id: an experiment's, a snapshot's, or that of the only event there is about it.
    pub id: [u8; 16],
    /// The command that begins the chain.
    pub first: EventId,
    /// Who takes that command in.
    pub owner: &'static str,
}

/// What a record is about, as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Market data: too many to be followed one by one.
    Nothing,
    /// Itself: there is no other event about it.
    Itself,
    /// A snapshot.
    Snapshot(SnapshotId),
    /// An experiment.
    Experiment(ExperimentId),
    /// A series of an experiment: too many to be followed one by one.
    SeriesOf(ExperimentId),
}

impl Subject {
    /// Its id as people write it.
    pub fn id_text(&self) -> String {
        uuid::Uuid::from_bytes(self.id).to_string()
    }
}

impl Event {
    /// What a control event belongs to. Market data and series are too many to be followed one by one: they have none.
    pub fn subject(&self) -> Option<Subject> {
        let (id, command, owner) = match self.about() {
            About::Nothing | About::SeriesOf(_) => return None,
            About::Itself => {
                let first = self.id();
                return Some(Subject { id: *first.0.as_bytes(), first, owner: "projector" });
            }
            About::Snapshot(id) => (id.0, RecordKind::CreateSnapshot, "market-data"),
            About::Experiment(id) => (id.0, RecordKind::SubmitExperiment, "experiments"),
        };
        // As `Event::id` makes it.
        let first = EventId::derive(&[command.name().as_bytes(), id.as_bytes()]);
        Some(Subject { id: *id.as_bytes(), first, owner })
    }

    /// The experiment that it belongs to.
    pub fn experiment(&self) -> Option<ExperimentId> {
        match self.about() {
            About::Experiment(id) | About::SeriesOf(id) => Some(id),
            About::Nothing | About::Itself | About::Snapshot(_) => None,
        }
    }
}

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never all zero.
    pub trace: [u8; 16],
    /// The span in which the event was made; never all zero.
    pub span: [u8; 8],
    /// Whether who began the trace wants it recorded.
    pub is_sampled: bool,
}

/// The span in which a processor handles an event, or in which `source` publishes its own.
pub fn span_id(event: EventId, source: &str) -> [u8; 8] {
    let hash = Sha256::new().chain_update(event.0.as_bytes()).chain_update(source).finalize();
    let mut id = [0; 8];
    id.copy_from_slice(&hash[..8]);
    // Zero means that there is none.
    id[7] |= u8::from(id == [0; 8]);
    id
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(self.is_sampled))
    }
}

/// No `traceparent` that says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: write 00-<32 hexadecimal digits>-<16>-<2>, as W3C Trace Context says")]
pub struct ParseTraceError;

impl FromStr for TraceContext {
    type Err = ParseTraceError;

    /// A later version may say more behind the flags; version `ff` and ids of zeros are none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits).ok_or(ParseTraceError)?;
            let is_hex = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            u128::from_str_radix(part, 16).ok().filter(|_| is_hex).ok_or(ParseTraceError)
        };
        let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        if version == 0xff || trace == 0 || span == 0 || (version == 0 && parts.next().is_some()) {
            return Err(ParseTraceError);
        }
        let span = u64::try_from(span).map_err(|_| ParseTraceError)?;
        Ok(TraceContext { trace: trace.to_be_bytes(), span: span.to_be_bytes(), is_sampled: flags & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{CancelExperiment, SubmitExperiment};
    use crate::{ContentHash, ExperimentId, InstrumentId, Timestamp, market::CreateSnapshot};

    #[test]
    fn a_traceparent_reads_back_and_anything_else_is_none() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context: TraceContext = text.parse().unwrap();
        assert_eq!(context.to_string(), text);
        assert!(context.is_sampled);
        let with = |from: &str, to: &str| text.replacen(from, to, 1);
        assert!(!with("-01", "-00").parse::<TraceContext>().unwrap().is_sampled);
        assert!(
            with("-01", "-03").parse::<TraceContext>().unwrap().is_sampled,
            "other flags are none of ours"
        );
        assert!(format!("{}-more", with("00-", "01-")).parse::<TraceContext>().is_ok(), "a later version");
        for wrong in [
            "",
            "nonsense",
            &with("00-", "ff-"),
            &with("00-", "0-"),
            &with("4bf9", "4BF9"),
            &with("4bf9", "+bf9"),
            &with("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &with("00f067aa0ba902b7", &"0".repeat(16)),
            &with("-01", ""),
            &format!("{text}-more"),
            &with("4736-", "473é-"),
        ] {
            assert_eq!(wrong.parse::<TraceContext>(), Err(ParseTraceError), "{wrong}");
        }
    }

    #[test]
    fn a_chain_begins_with_the_command_that_bears_its_subject() {
        let experiment_id = ExperimentId::derive(&[b"x"]);
        let submit = Event::from(SubmitExperiment {
            experiment_id,
            config_hash: ContentHash::of(b""),
            document: String::new(),
            submitted_by: String::new(),
        });
        let cancel = Event::from(CancelExperiment { experiment_id, reason: String::new() });
        let subject = submit.subject().unwrap();
        assert_eq!((subject.first, subject.id), (submit.id(), *experiment_id.0.as_bytes()));
        assert_eq!(cancel.subject(), Some(subject));
        assert_eq!((cancel.experiment(), submit.experiment()), (Some(experiment_id), Some(experiment_id)));
        let create = Event::from(CreateSnapshot::new(
            &InstrumentId::new("A", "B").unwrap(),
            "time:1h".parse().unwrap(),
            Timestamp(0),
            Timestamp(1),
        ));
        assert_eq!(create.subject().unwrap().first, create.id());
        assert_eq!(create.experiment(), None);
    }

    #[test]
    fn a_span_is_one_events_at_one_processor() {
        let (a, b) = (EventId::derive(&[b"a"]), EventId::derive(&[b"b"]));
        assert_eq!(span_id(a, "tuner"), span_id(a, "tuner"));
        assert_ne!(span_id(a, "tuner"), span_id(b, "tuner"));
        assert_ne!(span_id(a, "tuner"), span_id(a, "trainer"));
    }
}
