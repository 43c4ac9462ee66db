//! Every event in one closed list, with its identity, its key and its envelope.
//!
//! An event's body is a function of its cause. What the wall clock says, who wrote it and how long it took live in
//! the `Envelope`; they are shown to people and take part in no decision, id or digest.

use crate::experiment::*;
use crate::ids::{EventId, ModelId, TrialId};
use crate::market::*;
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// A body, or where it lies.
macro_rules! body {
    ($name:ident) => { $name };
    ($name:ident boxed) => { Box<$name> };
}

/// Declares [`Event`] and [`RecordKind`] together, so that a record cannot be in one and not in the other. Large bodies
/// lie apart: an event is moved a few times on its way, a million ticks a second are.
macro_rules! events {
    ($($name:ident $($place:ident)?),+ $(,)?) => {
        /// Any event; the names are those of the Avro records.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Event { $($name(body!($name $($place)?))),+ }

        /// The name of a record without its body.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum RecordKind { $($name),+ }

        impl RecordKind {
            /// Every record there is.
            pub const ALL: &'static [RecordKind] = &[$(RecordKind::$name),+];

            /// The record's name, as in its schema.
            pub fn name(self) -> &'static str {
                match self { $(RecordKind::$name => stringify!($name)),+ }
            }

            /// The record of that name.
            pub fn from_name(name: &str) -> Option<RecordKind> {
                RecordKind::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }

        impl Event {
            /// Which record this is.
            pub fn kind(&self) -> RecordKind {
                match self { $(Event::$name(_) => RecordKind::$name),+ }
            }
        }

        $(impl From<$name> for Event {
            fn from(body: $name) -> Event { Event::$name(body.into()) }
        })+
    };
}

events! {
    InstrumentDefined, TickBlock boxed, BarBlock boxed, Quote, Trade, FeedCompleted,
    Bar, TickRejected, TickCorrected, GapDetected, SourceCleaned,
    CreateSnapshot, SnapshotDue, SnapshotSealed,
    ConfigRegistered, SubmitExperiment, CancelExperiment,
    ExperimentSubmitted boxed, ExperimentStarted boxed, ExperimentCompleted, ExperimentCancelled, ExperimentFailed,
    TrainingRequested boxed, TrialCompleted, TrialPruned, TrialFailed,
    EvaluationRequested boxed, EvaluationCompleted boxed, EvaluationFailed,
    TradeLogChunk boxed, EquityCurveChunk, LedgerEntered boxed,
}

/// Constant key of topics whose whole point is one order.
pub const SINGLE_ORDER_KEY: &str = "all";

impl Event {
    /// The key that decides the partition, and with it what this event is ordered against.
    pub fn key(&self) -> String {
        use Event::*;
        match self {
            InstrumentDefined(e) => e.instrument.clone(),
            TickBlock(e) => e.instrument.clone(),
            BarBlock(e) => e.instrument.clone(),
            Quote(e) => e.instrument.clone(),
            Trade(e) => e.instrument.clone(),
            FeedCompleted(e) => e.instrument.clone(),
            Bar(e) => e.instrument.clone(),
            TickRejected(e) => e.instrument.clone(),
            TickCorrected(e) => e.instrument.clone(),
            GapDetected(e) => e.instrument.clone(),
            SourceCleaned(e) => e.instrument.clone(),
            CreateSnapshot(e) => e.instrument.clone(),
            SnapshotDue(e) => e.instrument.clone(),
            SnapshotSealed(e) => e.instrument.clone(),
            ConfigRegistered(e) => e.config_hash.to_string(),
            SubmitExperiment(_) | CancelExperiment(_) => SINGLE_ORDER_KEY.to_owned(),
            ExperimentSubmitted(e) => e.experiment_id.to_string(),
            ExperimentStarted(e) => e.experiment_id.to_string(),
            ExperimentCompleted(e) => e.experiment_id.to_string(),
            ExperimentCancelled(e) => e.experiment_id.to_string(),
            ExperimentFailed(e) => e.experiment_id.to_string(),
            TrainingRequested(e) => e.trial_id.to_string(),
            TrialCompleted(e) => e.experiment_id.to_string(),
            TrialPruned(e) => e.experiment_id.to_string(),
            TrialFailed(e) => e.experiment_id.to_string(),
            EvaluationRequested(e) => e.model_id.to_string(),
            EvaluationCompleted(e) => e.experiment_id.to_string(),
            EvaluationFailed(e) => e.experiment_id.to_string(),
            TradeLogChunk(e) => format!("{}:{}", e.model_id, e.phase),
            EquityCurveChunk(e) => format!("{}:{}", e.model_id, e.phase),
            LedgerEntered(e) => e.mandate.clone(),
        }
    }

    /// Who is to answer a request of training or evaluation; `None` for every other event.
    pub fn addressee(&self) -> Option<&str> {
        match self {
            Event::TrainingRequested(e) => Some(&e.addressee),
            Event::EvaluationRequested(e) => Some(&e.addressee),
            _ => None,
        }
    }

    /// The id of the request of training or evaluation that this event answers; `None` where it answers none.
    pub fn answers(&self) -> Option<EventId> {
        let request =
            |kind: RecordKind, of: &uuid::Uuid| EventId::derive(&[kind.name().as_bytes(), of.as_bytes()]);
        let training = |trial: &TrialId| Some(request(RecordKind::TrainingRequested, &trial.0));
        let evaluation = |model: &ModelId| Some(request(RecordKind::EvaluationRequested, &model.0));
        match self {
            Event::TrialCompleted(e) => training(&e.trial_id),
            Event::TrialPruned(e) => training(&e.trial_id),
            Event::TrialFailed(e) => training(&e.trial_id),
            Event::EvaluationCompleted(e) => evaluation(&e.model_id),
            Event::EvaluationFailed(e) => evaluation(&e.model_id),
            _ => None,
        }
    }

    /// The id: a function of what the event is about, never of when, where or how often it was made.
    pub fn id(&self) -> EventId {
        use Event::*;
        let kind = self.kind().name().as_bytes();
        let number = |n: i64| n.to_be_bytes();
        match self {
            // A definition is what it says: another definition is another event.
            InstrumentDefined(e) => EventId::derive(&[kind, e.to_json().as_bytes()]),
            TickBlock(e) => block_id(kind, &e.instrument, &e.source, e.block),
            BarBlock(e) => block_id(kind, &e.instrument, &e.source, e.block),
            Quote(e) => block_id(kind, &e.instrument, &e.source, e.sequence),
            Trade(e) => block_id(kind, &e.instrument, &e.source, e.sequence),
            FeedCompleted(e) => EventId::derive(&[kind, e.instrument.as_bytes(), e.source.as_bytes()]),
            Bar(e) => EventId::derive(&[
                kind,
                e.instrument.as_bytes(),
                e.spec.to_string().as_bytes(),
                &number(e.open_time.0),
            ]),
            TickRejected(e) => rows_id(kind, &e.instrument, &e.source, &e.reason, &e.rows),
            TickCorrected(e) => rows_id(kind, &e.instrument, &e.source, &e.reason, &e.rows),
            GapDetected(e) => {
                EventId::derive(&[kind, e.instrument.as_bytes(), e.source.as_bytes(), &number(e.to.0)])
            }
            SourceCleaned(e) => EventId::derive(&[kind, e.instrument.as_bytes(), e.source.as_bytes()]),
            CreateSnapshot(e) => EventId::derive(&[kind, e.snapshot_id.0.as_bytes()]),
            SnapshotDue(e) => EventId::derive(&[kind, e.snapshot_id.0.as_bytes()]),
            SnapshotSealed(e) => EventId::derive(&[kind, e.snapshot_id.0.as_bytes()]),
            ConfigRegistered(e) => EventId::derive(&[kind, &e.config_hash.0]),
            SubmitExperiment(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            CancelExperiment(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            ExperimentSubmitted(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            ExperimentStarted(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            ExperimentCompleted(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            ExperimentCancelled(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            ExperimentFailed(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
            TrainingRequested(e) => EventId::derive(&[kind, e.trial_id.0.as_bytes()]),
            TrialCompleted(e) => EventId::derive(&[kind, e.trial_id.0.as_bytes()]),
            TrialPruned(e) => EventId::derive(&[kind, e.trial_id.0.as_bytes()]),
            TrialFailed(e) => EventId::derive(&[kind, e.trial_id.0.as_bytes()]),
            EvaluationRequested(e) => EventId::derive(&[kind, e.model_id.0.as_bytes()]),
            EvaluationCompleted(e) => EventId::derive(&[kind, e.model_id.0.as_bytes()]),
            EvaluationFailed(e) => EventId::derive(&[kind, e.model_id.0.as_bytes()]),
            TradeLogChunk(e) => chunk_id(kind, &e.model_id, e.phase.word(), e.chunk),
            EquityCurveChunk(e) => chunk_id(kind, &e.model_id, e.phase.word(), e.chunk),
            LedgerEntered(e) => EventId::derive(&[kind, e.experiment_id.0.as_bytes()]),
        }
    }
}

fn block_id(kind: &[u8], instrument: &str, source: &str, number: i64) -> EventId {
    EventId::derive(&[kind, instrument.as_bytes(), source.as_bytes(), &number.to_be_bytes()])
}

/// A block's rows have one report a reason; the first row tells it from the next block's.
fn rows_id(kind: &[u8], instrument: &str, source: &str, reason: &str, rows: &[i64]) -> EventId {
    let first = rows.first().copied().unwrap_or(-1).to_be_bytes();
    EventId::derive(&[kind, instrument.as_bytes(), source.as_bytes(), reason.as_bytes(), &first])
}

fn chunk_id(kind: &[u8], model: &ModelId, phase: &str, chunk: i64) -> EventId {
    EventId::derive(&[kind, model.0.as_bytes(), phase.as_bytes(), &chunk.to_be_bytes()])
}

/// What surrounds a body: how it hangs together with others, and what was observed when it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The event's id, [`Event::id`].
    pub id: EventId,
    /// The event that made this one happen; its own id for a command from outside.
    pub causation: EventId,
    /// The command that begins the chain of which it is part; without one, what its cause says.
    pub correlation: EventId,
    /// Who wrote it: a processor's name, `gateway` or `feed`.
    pub source: String,
    /// Observation: the version of the logic that made it. `None` from outside, and before records said it.
    pub logic: Option<String>,
    /// Observation: when it was written, by the writer's clock.
    pub recorded_at: Timestamp,
    /// Observation: how long the work behind it took, in microseconds.
    pub took_micros: Option<i64>,
    /// For a decision that raced with other inputs: how far each had been read, `topic/partition=offset` joined by
    /// `;`. Replay feeds the inputs in this order; the digest leaves it out.
    pub decided_at: Option<String>,
    /// Its place in a trace, which no decision, id or digest knows; control events have one.
    pub trace: Option<TraceContext>,
}

/// An event with its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The body.
    pub event: Event,
    /// What surrounds it.
    pub envelope: Envelope,
}

/// What a decision may see of an event: what it says and who wrote it. Everything else of the envelope was observed.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The event.
    pub event: &'a Event,
    /// The processor that wrote it, or `outside`.
    pub writer: &'a str,
}

impl Recorded {
    /// What a decision may see.
    pub fn input(&self) -> Input<'_> {
        Input { event: &self.event, writer: &self.envelope.source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_found_by_its_name() {
        assert_eq!(RecordKind::ALL.len(), 32);
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(RecordKind::from_name("Bars"), None);
    }

    #[test]
    fn a_definition_is_about_all_that_it_says() {
        let specs = vec!["time:60s".parse().unwrap(), "time:1h".parse().unwrap()];
        let definition = InstrumentDefined {
            session: Some(Session { open_second: 0, close_second: 3600 }),
            ..InstrumentDefined::new("A.Ö", specs, PriceBasis::Trades)
        };
        // What a feed in another language has to write.
        let json = r#"{"instrument":"A.Ö","currency":"USD","bars":["time:1m","time:1h"],"price":"trades","stamp":"close","empty_bars":"skip","session":{"open_second":0,"close_second":3600},"cleaning":{"lateness_nanos":0,"outlier_centi_bps":400,"absurd_factor":10,"gap_nanos":900000000000,"stale_nanos":600000000000}}"#;
        assert_eq!(definition.to_json(), json);
        let id = EventId::derive(&[b"InstrumentDefined", json.as_bytes()]);
        assert_eq!(Event::from(definition).id(), id);
    }

    #[test]
    fn an_id_is_about_the_thing_and_not_about_its_content() {
        let sealed = |rows| {
            let command = CreateSnapshot::new(
                &crate::InstrumentId::new("XAUUSD", "OANDA").unwrap(),
                "time:1h".parse().unwrap(),
                Timestamp(0),
                Timestamp(1),
            );
            Event::from(SnapshotSealed {
                snapshot_id: command.snapshot_id,
                instrument: command.instrument,
                spec: command.spec,
                from: command.from,
                to: command.to,
                content_hash: crate::ContentHash::of(b""),
                rows,
                files: vec![],
            })
        };
        assert_eq!(sealed(1).id(), sealed(2).id());
    }
}
