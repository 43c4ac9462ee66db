//! Records, their versions and their numbers.
//!
//! On one machine the catalogue itself is the registry: each version of each record has its number here, the same on
//! every machine, and a number is never used again. A registry on the network gives its own numbers behind the same
//! port; bodies are the same bytes either way.

use gauntlet_domain::RecordKind;

/// One version of one record.
#[derive(Debug, Clone, Copy)]
pub struct RecordVersion {
    /// Schema id in the frame.
    pub id: u32,
    /// The record.
    pub kind: RecordKind,
    /// Version, from 1.
    pub version: u32,
    /// The schema's text.
    pub schema: &'static str,
}

macro_rules! versions {
    ($($id:literal $kind:ident $version:literal $path:literal;)+) => {
        &[$(RecordVersion {
            id: $id,
            kind: RecordKind::$kind,
            version: $version,
            schema: include_str!(concat!("../../../schemas/", $path, ".avsc")),
        }),+]
    };
}

/// Every version ever published. Append only: a line may be added, never changed.
pub const VERSIONS: &[RecordVersion] = versions! {
    1 InstrumentDefined 1 "market/InstrumentDefined";
    2 TickBlock 1 "market/TickBlock";
    3 BarBlock 1 "market/BarBlock";
    4 Quote 1 "market/Quote";
    5 Trade 1 "market/Trade";
    6 FeedCompleted 1 "market/FeedCompleted";
    7 Bar 1 "market/Bar";
    8 TickRejected 1 "market/TickRejected";
    9 TickCorrected 1 "market/TickCorrected";
    10 GapDetected 1 "market/GapDetected";
    11 SourceCleaned 1 "market/SourceCleaned";
    12 CreateSnapshot 1 "market/CreateSnapshot";
    13 SnapshotDue 1 "market/SnapshotDue";
    14 SnapshotSealed 1 "market/SnapshotSealed";
    15 ConfigRegistered 1 "research/ConfigRegistered";
    16 SubmitExperiment 1 "research/SubmitExperiment";
    17 CancelExperiment 1 "research/CancelExperiment";
    18 ExperimentSubmitted 1 "research/ExperimentSubmitted";
    19 ExperimentStarted 1 "research/ExperimentStarted";
    20 ExperimentCompleted 1 "research/ExperimentCompleted";
    21 ExperimentCancelled 1 "research/ExperimentCancelled";
    22 ExperimentFailed 1 "research/ExperimentFailed";
    23 TrainingRequested 1 "research/TrainingRequested";
    24 TrialCompleted 1 "research/TrialCompleted";
    25 TrialPruned 1 "research/TrialPruned";
    26 TrialFailed 1 "research/TrialFailed";
    27 EvaluationRequested 1 "research/EvaluationRequested";
    28 EvaluationCompleted 1 "research/EvaluationCompleted";
    29 EvaluationFailed 1 "research/EvaluationFailed";
    30 TradeLogChunk 1 "research/TradeLogChunk";
    31 EquityCurveChunk 1 "research/EquityCurveChunk";
    32 LedgerEntered 1 "research/LedgerEntered";
};

/// Gives numbers to records and records to numbers.
pub trait Registry: Send + Sync {
    /// The number under which new events of this record are written.
    fn id_of(&self, kind: RecordKind) -> Option<u32>;
    /// The record version behind a number; `None` when it is not known here.
    fn version_of(&self, id: u32) -> Option<&'static RecordVersion>;
}

/// The catalogue as registry.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedRegistry;

impl Registry for EmbeddedRegistry {
    fn id_of(&self, kind: RecordKind) -> Option<u32> {
        VERSIONS.iter().rev().find(|version| version.kind == kind).map(|version| version.id)
    }

    fn version_of(&self, id: u32) -> Option<&'static RecordVersion> {
        VERSIONS.iter().find(|version| version.id == id)
    }
}
