//! The topic catalogue: one entry a topic, the truth that runtime, replay, digest and documents follow.

use std::sync::LazyLock;

use gauntlet_domain::RecordKind;

/// How a topic is cut into partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// As many partitions as the installation configures, by hash of the key.
    ByKey,
    /// One partition: the topic is an order.
    Single,
}

/// How long records stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// For ever.
    Forever,
    /// The newest record of each key.
    Compacted,
    /// By age, in days.
    Days(u32),
}

/// A topic.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Name without the installation's prefix.
    pub name: &'static str,
    /// What the key is, for people.
    pub key: &'static str,
    /// Records that it may hold.
    pub records: &'static [RecordKind],
    /// The only processor that writes it; `feed` and `gateway` are outside.
    pub writer: &'static str,
    /// Processors that read it.
    pub readers: &'static [&'static str],
    /// How it is cut.
    pub partitioning: Partitioning,
    /// How long records stay.
    pub retention: Retention,
}

impl Topic {
    /// Partitions in an installation that configures `keyed` for topics cut by key.
    pub fn partitions(&self, keyed: u32) -> u32 {
        match self.partitioning {
            Partitioning::ByKey => keyed,
            Partitioning::Single => 1,
        }
    }

    /// True for what comes from outside: replay takes it as given, everything else it makes again.
    pub fn is_input(&self) -> bool {
        matches!(self.writer, "feed" | "gateway")
    }

    /// Name of the topic for records that could not be read.
    pub fn dead_letters(&self) -> String {
        format!("{}.dlq", self.name)
    }
}

use RecordKind::*;

/// Feed → market-data: reference data, ticks and ready-made bars of an instrument, in one order.
pub const MARKET_TICKS: Topic = Topic {
    name: "market.ticks.v1",
    key: "instrument",
    records: &[InstrumentDefined, TickBlock, BarBlock, Quote, Trade, FeedCompleted],
    writer: "feed",
    readers: &["market-data"],
    partitioning: Partitioning::ByKey,
    // Until an archive holds them elsewhere: state and replay begin at the first tick.
    retention: Retention::Forever,
};

/// Closed bars.
pub const MARKET_BARS: Topic = Topic {
    name: "market.bars.v1",
    key: "instrument",
    records: &[Bar],
    writer: "market-data",
    readers: &["snapshots"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// The cleaning ledger.
pub const MARKET_QUALITY: Topic = Topic {
    name: "market.quality.v1",
    key: "instrument",
    records: &[TickRejected, TickCorrected, GapDetected, SourceCleaned],
    writer: "market-data",
    readers: &["projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Snapshots asked for.
pub const DATA_COMMANDS: Topic = Topic {
    name: "data.commands.v1",
    key: "instrument",
    records: &[CreateSnapshot],
    writer: "gateway",
    readers: &["market-data", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Ranges whose end event time has passed.
pub const DATA_REQUESTS: Topic = Topic {
    name: "data.requests.v1",
    key: "instrument",
    records: &[SnapshotDue],
    writer: "market-data",
    readers: &["snapshots", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Days(30),
};

/// Sealed snapshots.
pub const DATA_SNAPSHOTS: Topic = Topic {
    name: "data.snapshots.v1",
    key: "instrument",
    records: &[SnapshotSealed],
    writer: "snapshots",
    readers: &["experiments", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Resolved documents.
pub const CONFIG: Topic = Topic {
    name: "config.v1",
    key: "config hash",
    records: &[ConfigRegistered],
    writer: "gateway",
    readers: &["projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Compacted,
};

/// The order of submission.
pub const EXPERIMENT_COMMANDS: Topic = Topic {
    name: "experiment.commands.v1",
    key: "constant",
    records: &[SubmitExperiment, CancelExperiment],
    writer: "gateway",
    readers: &["experiments"],
    partitioning: Partitioning::Single,
    retention: Retention::Forever,
};

/// The state of every experiment.
pub const EXPERIMENTS: Topic = Topic {
    name: "experiments.v1",
    key: "experiment",
    records: &[
        ExperimentSubmitted,
        ExperimentStarted,
        ExperimentCompleted,
        ExperimentCancelled,
        ExperimentFailed,
    ],
    writer: "experiments",
    readers: &["tuner", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Trials to run.
pub const TRAINING_REQUESTS: Topic = Topic {
    name: "training.requests.v1",
    key: "trial",
    records: &[TrainingRequested],
    writer: "tuner",
    readers: &["trainer"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Days(30),
};

/// What trials gave.
pub const TRIAL_RESULTS: Topic = Topic {
    name: "trial.results.v1",
    key: "experiment",
    records: &[TrialCompleted, TrialPruned, TrialFailed],
    writer: "trainer",
    readers: &["tuner", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Finalists to evaluate.
pub const EVALUATION_REQUESTS: Topic = Topic {
    name: "evaluation.requests.v1",
    key: "model",
    records: &[EvaluationRequested],
    writer: "tuner",
    readers: &["evaluator"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Days(30),
};

/// What evaluation found.
pub const EVALUATION_OUTCOMES: Topic = Topic {
    name: "evaluation.outcomes.v1",
    key: "experiment",
    records: &[EvaluationCompleted, EvaluationFailed],
    writer: "evaluator",
    readers: &["experiments", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Trade logs and equity curves of finalists.
pub const RESULTS_SERIES: Topic = Topic {
    name: "results.series.v1",
    key: "run",
    records: &[TradeLogChunk, EquityCurveChunk],
    writer: "evaluator",
    readers: &["projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// What was tried on which stretch of data.
pub const TRIAL_LEDGER: Topic = Topic {
    name: "trial.ledger.v1",
    key: "mandate",
    records: &[LedgerEntered],
    writer: "tuner",
    readers: &["experiments", "projector"],
    partitioning: Partitioning::ByKey,
    retention: Retention::Forever,
};

/// Every topic, in pipeline order.
pub const CATALOGUE: &[Topic] = &[
    MARKET_TICKS,
    MARKET_BARS,
    MARKET_QUALITY,
    DATA_COMMANDS,
    DATA_REQUESTS,
    DATA_SNAPSHOTS,
    CONFIG,
    EXPERIMENT_COMMANDS,
    EXPERIMENTS,
    TRAINING_REQUESTS,
    TRIAL_RESULTS,
    EVALUATION_REQUESTS,
    EVALUATION_OUTCOMES,
    RESULTS_SERIES,
    TRIAL_LEDGER,
];

/// The topic that holds a record.
pub fn topic_of(kind: RecordKind) -> &'static Topic {
    static HOMES: LazyLock<Vec<&'static Topic>> = LazyLock::new(|| {
        let home = |kind: &RecordKind| {
            let found = CATALOGUE.iter().find(|topic| topic.records.contains(kind));
            found.expect("invariant: every record has its topic (tests::every_record_has_one_topic)")
        };
        RecordKind::ALL.iter().map(home).collect()
    });
    // The discriminants count from 0 in the order of `ALL`.
    HOMES[kind as usize]
}

/// The topic of that name.
pub fn topic_named(name: &str) -> Option<&'static Topic> {
    CATALOGUE.iter().find(|topic| topic.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_one_topic() {
        for kind in RecordKind::ALL {
            let topics = CATALOGUE.iter().filter(|topic| topic.records.contains(kind)).count();
            assert_eq!(topics, 1, "{} is in {topics} topics", kind.name());
        }
    }

    #[test]
    fn topic_names_are_unique_and_versioned() {
        for topic in CATALOGUE {
            assert_eq!(CATALOGUE.iter().filter(|other| other.name == topic.name).count(), 1);
            assert!(topic.name.ends_with(".v1"), "{}", topic.name);
        }
    }
}
