//! An event with its envelope. The events themselves are in the table of [`record`](crate::record).
//!
//! An event's body is a function of its cause. What the wall clock says, who wrote it and how long it took live in
//! the `Envelope`; they are shown to people and take part in no decision, id or digest.

use crate::evaluation::walk_forward_run;
use crate::ids::{EventId, ExperimentId, ModelId, TrialId};
pub use crate::record::{Event, RecordKind};
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Constant key of topics whose whole point is one order.
pub const SINGLE_ORDER_KEY: &str = "all";

impl Event {
    /// Who is to answer a request of training or evaluation; `None` for every other event.
    pub fn addressee(&self) -> Option<&str> {
        match self {
            Event::TrainingRequested(e) => Some(&e.addressee),
            Event::EvaluationRequested(e) => Some(&e.addressee),
            Event::WalkForwardRequested(e) => Some(&e.addressee),
            Event::TrialFamilyRequested(e) => Some(&e.addressee),
            _ => None,
        }
    }

    /// The id of the request of a worker that this event answers, or whose answer it belongs to as trades or
    /// equity; `None` where there is none.
    pub fn answers(&self) -> Option<EventId> {
        let request =
            |kind: RecordKind, of: &uuid::Uuid| EventId::derive(&[kind.name().as_bytes(), of.as_bytes()]);
        let training = |trial: &TrialId| Some(request(RecordKind::TrainingRequested, &trial.0));
        let evaluation = |model: &ModelId| Some(request(RecordKind::EvaluationRequested, &model.0));
        let walk = |of: &ExperimentId| Some(request(RecordKind::WalkForwardRequested, &of.0));
        let run = |of: &ExperimentId, model: &ModelId| {
            if *model == walk_forward_run(*of) { walk(of) } else { evaluation(model) }
        };
        match self {
            Event::TrialCompleted(e) => training(&e.trial_id),
            Event::TrialPruned(e) => training(&e.trial_id),
            Event::TrialFailed(e) => training(&e.trial_id),
            Event::EvaluationCompleted(e) => evaluation(&e.model_id),
            Event::EvaluationFailed(e) => evaluation(&e.model_id),
            Event::WalkForwardCompleted(e) => walk(&e.experiment_id),
            Event::WalkForwardFailed(e) => walk(&e.experiment_id),
            Event::TrialFamilyMeasured(e) => {
                Some(request(RecordKind::TrialFamilyRequested, &e.experiment_id.0))
            }
            Event::SensitivityReported(e) => Some(request(RecordKind::SensitivityRequested, &e.model_id.0)),
            Event::ChallengeMeasured(e) => Some(EventId::derive(&[
                RecordKind::ChallengeRequested.name().as_bytes(),
                e.challenger.0.as_bytes(),
                e.champion.0.as_bytes(),
            ])),
            Event::RiskMeasured(e) => Some(request(RecordKind::RiskRequested, &e.model_id.0)),
            Event::TradeLogChunk(e) => run(&e.experiment_id, &e.model_id),
            Event::EquityCurveChunk(e) => run(&e.experiment_id, &e.model_id),
            _ => None,
        }
    }
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
    use crate::market::*;

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
        assert_eq!(Event::from(definition.clone()).id(), id);
        // What version 2 added is part of it as soon as any of it is said.
        let scaled = InstrumentDefined { positive_prices: true, ..definition };
        let added = r#","scale":{"price_exponent":-9,"size_exponent":-8},"tick_size":null,"positive_prices":true,"asset_class":"","calendar":null,"limits":{"clock_ahead_nanos":300000000000,"clock_intervals":20,"level_medians":12,"level_ticks":12,"level_tails":3,"spread_medians":50,"spread_tails":20,"block_sizes":20}}"#;
        assert_eq!(scaled.to_json(), format!("{}{added}", &json[..json.len() - 1]));
        assert_ne!(Event::from(scaled).id(), id);
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
            Event::from(SnapshotDue::from(&command).sealed(crate::ContentHash::of(b""), rows))
        };
        assert_eq!(sealed(1).id(), sealed(2).id());
    }
}
