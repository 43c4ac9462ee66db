//! The one table of records: number, schema, topic, key, id and subject of each. [`Event`], [`RecordKind`], the codec, the
//! registry and the traces follow from it.
//!
//! To add a record, write its struct, its schema, its row here and its sample (`crates/wire/tests/samples`). To change a
//! record, publish a new version: a schema `NAME.vN.avsc` and `version N is NUMBER` in its row. Numbers only grow, and a
//! number is never used again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::*;
use crate::bar_spec::BarSpec;
use crate::decimal::Scale;
use crate::event::SINGLE_ORDER_KEY;
use crate::experiment::*;
use crate::ids::{ContentHash, EventId, ExperimentId, ModelId, SnapshotId, TrialId};
use crate::market::*;
use crate::robustness::*;
use crate::selection::*;
use crate::time::Timestamp;
use crate::topics::{self, Topic};
use crate::trace::About::{self, Experiment, Itself, Nothing, SeriesOf, Snapshot};

/// The type of a body in [`Event`]: itself, or a box around it.
macro_rules! body {
    ($name:ident) => { $name };
    ($name:ident boxed) => { Box<$name> };
}

/// The text of a schema.
macro_rules! schema {
    ($folder:ident, $($file:expr),+) => {
        include_str!(concat!("../../../schemas/", stringify!($folder), "/", $($file),+, ".avsc"))
    };
}

/// Declares [`Event`], [`RecordKind`] and what each knows of the rows. A row reads:
///
/// number, name, `boxed` where the body is large (an event is moved a few times on its way, a million ticks a second
/// are), later versions with their numbers, folder of the schema, topic, and the topic of those with another scale than the
/// usual one; then, of the body `e`, the key that decides the
/// partition, what the id is derived from besides the name, and what the event is about.
macro_rules! records {
    ($(
        $number:literal $name:ident $($boxed:ident)? $(, version $version:literal is $later:literal)*
        : $folder:ident on $topic:ident $(and $scaled:ident)?
        |$e:ident| key $key:expr, id [$($part:expr),+], about $about:expr;
    )+) => {
        /// Any event; the names are those of the Avro records.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Event { $($name(body!($name $($boxed)?))),+ }

        /// The name of a record without its body.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum RecordKind { $($name),+ }

        impl RecordKind {
            /// Every record there is.
            pub const ALL: &'static [RecordKind] = &[$(RecordKind::$name),+];

            /// The record's name, as in its schema.
            pub const fn name(self) -> &'static str {
                match self { $(RecordKind::$name => stringify!($name)),+ }
            }

            /// The topics that hold it; the second one holds those with another scale than the usual one.
            pub const fn topics(self) -> &'static [&'static Topic] {
                match self { $(RecordKind::$name => &[&topics::$topic $(, &topics::$scaled)?]),+ }
            }

            /// Every version that was ever published, oldest first. New events are written in the last one.
            pub const fn published(self) -> &'static [Published] {
                match self {
                    $(RecordKind::$name => &[
                        Published {
                            version: 1,
                            number: $number,
                            schema: schema!($folder, stringify!($name)),
                        },
                        $(Published {
                            version: $version,
                            number: $later,
                            schema: schema!($folder, stringify!($name), ".v", $version),
                        }),*
                    ]),+
                }
            }

            /// Calls the visitor with the type of the record's body.
            #[inline]
            pub fn visit<V: KindVisitor>(self, visitor: V) -> V::Output {
                match self { $(RecordKind::$name => visitor.visit::<$name>()),+ }
            }
        }

        #[allow(unused_variables, reason = "a row need not look at the body")]
        impl Event {
            /// Which record this is.
            #[inline]
            pub fn kind(&self) -> RecordKind {
                match self { $(Event::$name(_) => RecordKind::$name),+ }
            }

            /// What one unit of its prices and sizes is; the usual for what has none.
            fn scale(&self) -> Scale {
                match self {
                    $($(Event::$name(body) => { let _ = &topics::$scaled; body.scale },)?)+
                    _ => Scale::USUAL,
                }
            }

            /// The key that decides the partition, and with it what this event is ordered against.
            pub fn key(&self) -> String {
                match self { $(Event::$name($e) => ToString::to_string(&$key)),+ }
            }

            /// The id: a function of what the event is about, never of when, where or how often it was made.
            pub fn id(&self) -> EventId {
                let kind = self.kind().name().as_bytes();
                match self {
                    $(Event::$name($e) => EventId::derive(&[kind, $($part.id_bytes().as_slice()),+])),+
                }
            }

            /// What it is about.
            pub(crate) fn about(&self) -> About {
                match self { $(Event::$name($e) => $about),+ }
            }

            /// Calls the visitor with the body.
            #[inline]
            pub fn visit<V: BodyVisitor>(&self, visitor: V) -> V::Output {
                match self { $(Event::$name(body) => visitor.visit::<$name>(body)),+ }
            }
        }

        $(
            impl From<$name> for Event {
                #[inline]
                fn from(body: $name) -> Event { Event::$name(body.into()) }
            }

            impl Body for $name {
                const KIND: RecordKind = RecordKind::$name;
            }
        )+
    };
}

records! {
    // A definition is what it says: another definition is another event.
    1 InstrumentDefined, version 2 is 56: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.to_json()], about Nothing;
    2 TickBlock boxed, version 2 is 57: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.instrument, e.source, e.block], about Nothing;
    3 BarBlock boxed, version 2 is 58: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.instrument, e.source, e.block], about Nothing;
    4 Quote, version 2 is 59, version 3 is 69: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.instrument, e.source, e.sequence], about Nothing;
    5 Trade, version 2 is 60, version 3 is 70: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.instrument, e.source, e.sequence], about Nothing;
    6 FeedCompleted, version 2 is 61: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.instrument, e.source], about Nothing;
    7 Bar, version 2 is 62: market on MARKET_BARS and MARKET_BARS_V2
        |e| key e.instrument, id [e.instrument, e.spec, e.open_time], about Nothing;
    65 BarRevised boxed: market on MARKET_BARS and MARKET_BARS_V2
        |e| key e.instrument, id [e.instrument, e.spec, e.revision], about Nothing;
    8 TickRejected: market on MARKET_QUALITY
        |e| key e.instrument, id [e.instrument, e.source, e.reason, first(&e.rows)], about Nothing;
    9 TickCorrected: market on MARKET_QUALITY
        |e| key e.instrument, id [e.instrument, e.source, e.reason, first(&e.rows)], about Nothing;
    10 GapDetected, version 2 is 68: market on MARKET_QUALITY
        |e| key e.instrument, id [e.instrument, e.source, e.to], about Nothing;
    63 FeedAborted: market on MARKET_TICKS and MARKET_TICKS_V2
        |e| key e.instrument, id [e.instrument, e.source], about Nothing;
    11 SourceCleaned, version 2 is 64, version 3 is 71: market on MARKET_QUALITY
        |e| key e.instrument, id [e.instrument, e.source], about Nothing;
    12 CreateSnapshot, version 2 is 66: market on DATA_COMMANDS
        |e| key e.instrument, id [e.snapshot_id], about Snapshot(e.snapshot_id);
    13 SnapshotDue, version 2 is 67: market on DATA_REQUESTS
        |e| key e.instrument, id [e.snapshot_id], about Snapshot(e.snapshot_id);
    14 SnapshotSealed, version 2 is 47: market on DATA_SNAPSHOTS
        |e| key e.instrument, id [e.snapshot_id], about Snapshot(e.snapshot_id);
    15 ConfigRegistered: research on CONFIG
        |e| key e.config_hash, id [e.config_hash], about Itself;
    16 SubmitExperiment, version 2 is 72: research on EXPERIMENT_COMMANDS
        |e| key SINGLE_ORDER_KEY, id [e.experiment_id], about Experiment(e.experiment_id);
    17 CancelExperiment: research on EXPERIMENT_COMMANDS
        |e| key SINGLE_ORDER_KEY, id [e.experiment_id], about Experiment(e.experiment_id);
    18 ExperimentSubmitted boxed, version 2 is 73: research on EXPERIMENTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    19 ExperimentStarted boxed, version 2 is 43, version 3 is 48, version 4 is 91: research on EXPERIMENTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    20 ExperimentCompleted, version 2 is 33, version 3 is 49: research on EXPERIMENTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    21 ExperimentCancelled: research on EXPERIMENTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    22 ExperimentFailed, version 2 is 34: research on EXPERIMENTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    23 TrainingRequested boxed, version 2 is 35, version 3 is 55, version 4 is 92: research on TRAINING_REQUESTS
        |e| key e.trial_id, id [e.trial_id], about Experiment(e.experiment_id);
    24 TrialCompleted: research on TRIAL_RESULTS
        |e| key e.experiment_id, id [e.trial_id], about Experiment(e.experiment_id);
    25 TrialPruned: research on TRIAL_RESULTS
        |e| key e.experiment_id, id [e.trial_id], about Experiment(e.experiment_id);
    26 TrialFailed, version 2 is 36: research on TRIAL_RESULTS
        |e| key e.experiment_id, id [e.trial_id], about Experiment(e.experiment_id);
    27 EvaluationRequested boxed, version 2 is 37, version 3 is 50, version 4 is 93: research on EVALUATION_REQUESTS
        |e| key e.model_id, id [e.model_id], about Experiment(e.experiment_id);
    28 EvaluationCompleted boxed, version 2 is 38, version 3 is 51, version 4 is 94: research on EVALUATION_OUTCOMES
        |e| key e.experiment_id, id [e.model_id], about Experiment(e.experiment_id);
    29 EvaluationFailed, version 2 is 39: research on EVALUATION_OUTCOMES
        |e| key e.experiment_id, id [e.model_id], about Experiment(e.experiment_id);
    30 TradeLogChunk boxed, version 2 is 40, version 3 is 52: research on RESULTS_SERIES
        |e| key run(e.model_id, e.phase.word()), id [e.model_id, e.phase.word(), e.chunk], about SeriesOf(e.experiment_id);
    31 EquityCurveChunk, version 2 is 41, version 3 is 53: research on RESULTS_SERIES
        |e| key run(e.model_id, e.phase.word()), id [e.model_id, e.phase.word(), e.chunk], about SeriesOf(e.experiment_id);
    32 LedgerEntered boxed, version 2 is 42, version 3 is 54, version 4 is 74: research on TRIAL_LEDGER
        |e| key e.mandate, id [e.experiment_id], about Experiment(e.experiment_id);
    44 WalkForwardRequested boxed, version 2 is 95: research on EVALUATION_REQUESTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    45 WalkForwardCompleted boxed, version 2 is 96: research on EVALUATION_OUTCOMES
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    46 WalkForwardFailed: research on EVALUATION_OUTCOMES
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    75 TrialFamilyRequested boxed, version 2 is 97: research on EVALUATION_REQUESTS
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    76 TrialFamilyMeasured boxed: research on EVALUATION_OUTCOMES
        |e| key e.experiment_id, id [e.experiment_id], about Experiment(e.experiment_id);
    77 SensitivityRequested boxed, version 2 is 98: research on SENSITIVITY_REQUESTS
        |e| key e.model_id, id [e.model_id], about Experiment(e.experiment_id);
    78 SensitivityReported boxed: research on SENSITIVITY_REPORTS
        |e| key e.experiment_id, id [e.model_id], about Experiment(e.experiment_id);
    79 RiskRequested boxed, version 2 is 99: research on RISK_REQUESTS
        |e| key e.model_id, id [e.model_id], about Experiment(e.experiment_id);
    80 RiskMeasured boxed: research on RISK_FIGURES
        |e| key e.experiment_id, id [e.model_id], about Experiment(e.experiment_id);
    81 RiskVerdictIssued boxed, version 2 is 100: research on RISK_VERDICTS
        |e| key e.mandate, id [e.experiment_id], about Experiment(e.experiment_id);
    82 CandidateSelected boxed: research on SELECTION_DECISIONS
        |e| key e.candidate.mandate, id [e.candidate.model_id, e.candidate.attempt],
        about Experiment(e.candidate.experiment_id);
    83 CandidateRejected boxed: research on SELECTION_DECISIONS
        |e| key e.candidate.mandate, id [e.candidate.model_id, e.candidate.attempt],
        about Experiment(e.candidate.experiment_id);
    84 ExperimentJudged: research on SELECTION_DECISIONS
        |e| key e.mandate, id [e.experiment_id], about Experiment(e.experiment_id);
    89 ChallengeRequested boxed: research on SELECTION_REQUESTS
        |e| key e.mandate, id [e.challenger.model_id, e.champion.model_id], about Experiment(e.experiment_id);
    90 ChallengeMeasured: research on SELECTION_COMPARISONS
        |e| key e.mandate, id [e.challenger, e.champion], about Experiment(e.experiment_id);
    // What one person says of a gate of a model is one command, whatever the words.
    85 Waive: research on PROMOTION_COMMANDS
        |e| key e.mandate, id [e.version_hash, e.gate, e.author, e.expires], about Itself;
    86 WaiverGranted: research on SELECTION_DECISIONS
        |e| key e.waive.mandate, id [e.command], about Itself;
    87 WaiverRefused: research on SELECTION_DECISIONS
        |e| key e.waive.mandate, id [e.command], about Itself;
    88 PolicyRegistered: research on CONFIG
        |e| key policy(&e.mandate, &e.name), id [e.mandate, e.name, e.policy_hash], about Itself;
    101 TokenIssued: platform on ACCESS |e| key e.token, id [e.token], about Itself;
    102 TokenRevoked: platform on ACCESS |e| key e.token, id [e.token], about Itself;
    // One actor and one key are one command, whatever it says: another content under it is refused before.
    103 CommandAudited boxed: platform on AUDIT |e| key e.actor, id [e.actor, e.key], about Itself;
}

/// A block's rows have one report for each reason; the first row tells it from the next block's.
fn first(rows: &[i64]) -> i64 {
    rows.first().copied().unwrap_or(-1)
}

/// A policy by its mandate and its name, so that a compacted topic keeps each.
fn policy(mandate: &str, name: &str) -> String {
    format!("{mandate}:{name}")
}

/// A run: a model in a phase.
fn run(model: ModelId, phase: &str) -> String {
    format!("{model}:{phase}")
}

impl RecordKind {
    /// The topic that holds it; of those with another scale than the usual one see [`Event::topic`].
    pub const fn topic(self) -> &'static Topic {
        self.topics()[0]
    }

    /// The record of that name.
    pub fn from_name(name: &str) -> Option<RecordKind> {
        RecordKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl Event {
    /// The topic that it is on.
    #[inline]
    pub fn topic(&self) -> &'static Topic {
        let topics = self.kind().topics();
        if topics.len() > 1 && !self.scale().is_usual() { topics[1] } else { topics[0] }
    }
}

/// One version of a record, as it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Version, from 1.
    pub version: u32,
    /// Its number: that of no other version of any record.
    pub number: u32,
    /// The text of its Avro schema.
    pub schema: &'static str,
}

/// The body of a record.
pub trait Body: Serialize + DeserializeOwned + Into<Event> {
    /// Which record it is of.
    const KIND: RecordKind;
}

/// Something to do with the type of a body.
pub trait KindVisitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<B: Body>(self) -> Self::Output;
}

/// Something to do with a body of whatever type.
pub trait BodyVisitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<B: Body>(self, body: &B) -> Self::Output;
}

/// The bytes of a part of an id.
enum IdBytes<'a> {
    Borrowed(&'a [u8]),
    Number([u8; 8]),
    Text(String),
}

impl IdBytes<'_> {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        match self {
            IdBytes::Borrowed(bytes) => bytes,
            IdBytes::Number(bytes) => bytes,
            IdBytes::Text(text) => text.as_bytes(),
        }
    }
}

/// What an id may be derived from: texts and ids by their bytes, whole numbers and times big-endian.
trait IdPart {
    fn id_bytes(&self) -> IdBytes<'_>;
}

macro_rules! id_parts {
    ($($type:ty: |$e:ident| $bytes:expr;)+) => {
        $(impl IdPart for $type {
            #[inline]
            fn id_bytes(&self) -> IdBytes<'_> {
                let $e = self;
                $bytes
            }
        })+
    };
}

id_parts! {
    str: |e| IdBytes::Borrowed(e.as_bytes());
    String: |e| IdBytes::Borrowed(e.as_bytes());
    i64: |e| IdBytes::Number(e.to_be_bytes());
    Timestamp: |e| IdBytes::Number(e.0.to_be_bytes());
    BarSpec: |e| IdBytes::Text(e.to_string());
    ContentHash: |e| IdBytes::Borrowed(&e.0);
    SnapshotId: |e| IdBytes::Borrowed(e.0.as_bytes());
    ExperimentId: |e| IdBytes::Borrowed(e.0.as_bytes());
    TrialId: |e| IdBytes::Borrowed(e.0.as_bytes());
    ModelId: |e| IdBytes::Borrowed(e.0.as_bytes());
    EventId: |e| IdBytes::Borrowed(e.0.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_record_is_found_by_its_name() {
        assert!(RecordKind::ALL.len() >= 32);
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(RecordKind::from_name("Bars"), None);
    }

    #[test]
    fn versions_count_from_one_and_every_number_is_used_once() {
        let mut numbers = BTreeSet::new();
        for kind in RecordKind::ALL {
            let published = kind.published();
            for (at, version) in published.iter().enumerate() {
                assert_eq!(version.version as usize, at + 1, "{}", kind.name());
                assert!(numbers.insert(version.number), "{} is used twice", version.number);
            }
            assert!(published.windows(2).all(|pair| pair[0].number < pair[1].number), "{}", kind.name());
        }
        assert!(numbers.len() >= 32);
    }

    #[test]
    fn a_schema_is_that_of_its_record() {
        for kind in RecordKind::ALL {
            for version in kind.published() {
                let schema: serde_json::Value = serde_json::from_str(version.schema).unwrap();
                assert_eq!(schema["name"], kind.name());
            }
        }
    }
}
