//! The one table of topics: name, key, partitioning and retention of each.
//!
//! Which records a topic holds follows from the rows of [`record`](crate::record). Who writes and reads it is said by the
//! processors (`gauntlet_processor::topology`).

use crate::record::RecordKind;

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

/// A topic. Two topics with the same name are the same topic.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Name without the installation's prefix.
    pub name: &'static str,
    /// What the key is, for people.
    pub key: &'static str,
    /// How it is cut.
    pub partitioning: Partitioning,
    /// How long records stay.
    pub retention: Retention,
}

impl PartialEq for Topic {
    fn eq(&self, other: &Topic) -> bool {
        self.name == other.name
    }
}

impl Eq for Topic {}

/// How names of topics of parked requests end.
const PARKED: &str = ".parked";

/// The name of the topic from which parked requests come; `None` when it is the name of no topic of parked requests.
pub fn parked_from(name: &str) -> Option<&str> {
    name.strip_suffix(PARKED)
}

impl Topic {
    /// Partitions in an installation that configures `keyed` for topics cut by key.
    pub fn partitions(&self, keyed: u32) -> u32 {
        match self.partitioning {
            Partitioning::ByKey => keyed,
            Partitioning::Single => 1,
        }
    }

    /// Name of the topic for records that could not be read.
    pub fn dead_letters(&self) -> String {
        format!("{}.dlq", self.name)
    }

    /// Whether it holds requests that workers answer.
    pub fn holds_requests(&self) -> bool {
        // They are kept for some days, and nothing else is.
        matches!(self.retention, Days(_))
    }

    /// Name of the topic for requests that cannot be answered yet.
    pub fn parked(&self) -> String {
        format!("{}{PARKED}", self.name)
    }

    /// Records that it holds, in the order of their table.
    pub fn records(&self) -> impl Iterator<Item = RecordKind> {
        RecordKind::ALL.iter().copied().filter(move |kind| kind.topics().contains(&self))
    }
}

/// Declares a constant for each topic and the list of all.
macro_rules! topics {
    ($($(#[$doc:meta])+ $constant:ident = $name:literal, key $key:literal, $partitioning:ident, $retention:expr;)+) => {
        $(
            $(#[$doc])+
            pub const $constant: Topic = Topic {
                name: $name,
                key: $key,
                partitioning: Partitioning::$partitioning,
                retention: $retention,
            };
        )+

        /// Every topic, in pipeline order.
        pub const ALL: &[Topic] = &[$($constant),+];
    };
}

use Retention::{Compacted, Days, Forever};

topics! {
    /// Reference data, ticks and ready-made bars of an instrument, in one order. Kept until an archive holds them
    /// elsewhere: state and replay begin at the first tick.
    MARKET_TICKS = "market.ticks.v1", key "instrument", ByKey, Forever;
    /// The same of instruments with another scale than the usual one, which readers of version 1 do not know.
    MARKET_TICKS_V2 = "market.ticks.v2", key "instrument", ByKey, Forever;
    /// Closed bars.
    MARKET_BARS = "market.bars.v1", key "instrument", ByKey, Forever;
    /// Closed bars of instruments with another scale than the usual one.
    MARKET_BARS_V2 = "market.bars.v2", key "instrument", ByKey, Forever;
    /// The cleaning ledger.
    MARKET_QUALITY = "market.quality.v1", key "instrument", ByKey, Forever;
    /// Snapshots asked for.
    DATA_COMMANDS = "data.commands.v1", key "instrument", ByKey, Forever;
    /// Ranges whose end event time has passed.
    DATA_REQUESTS = "data.requests.v1", key "instrument", ByKey, Days(30);
    /// Sealed snapshots.
    DATA_SNAPSHOTS = "data.snapshots.v1", key "instrument", ByKey, Forever;
    /// Resolved documents, and policies of mandates.
    CONFIG = "config.v1", key "config hash, or mandate and policy", ByKey, Compacted;
    /// The order of submission.
    EXPERIMENT_COMMANDS = "experiment.commands.v1", key "constant", Single, Forever;
    /// The state of every experiment.
    EXPERIMENTS = "experiments.v1", key "experiment", ByKey, Forever;
    /// Trials to run.
    TRAINING_REQUESTS = "training.requests.v1", key "trial", ByKey, Days(30);
    /// What trials gave.
    TRIAL_RESULTS = "trial.results.v1", key "experiment", ByKey, Forever;
    /// Finalists to evaluate.
    EVALUATION_REQUESTS = "evaluation.requests.v1", key "model", ByKey, Days(30);
    /// What evaluation found.
    EVALUATION_OUTCOMES = "evaluation.outcomes.v1", key "experiment", ByKey, Forever;
    /// Trade logs and equity curves of finalists.
    RESULTS_SERIES = "results.series.v1", key "run", ByKey, Forever;
    /// Finalists whose sensitivity is to be analysed.
    SENSITIVITY_REQUESTS = "sensitivity.requests.v1", key "model", ByKey, Days(30);
    /// What became of their scores.
    SENSITIVITY_REPORTS = "sensitivity.reports.v1", key "experiment", ByKey, Forever;
    /// Finalists whose risk is to be measured.
    RISK_REQUESTS = "risk.requests.v1", key "model", ByKey, Days(30);
    /// Their risk figures.
    RISK_FIGURES = "risk.figures.v1", key "experiment", ByKey, Forever;
    /// What was tried on which stretch of data.
    TRIAL_LEDGER = "trial.ledger.v1", key "mandate", ByKey, Forever;
    /// What the gates say of an experiment's finalists, but for those that need the ledger.
    RISK_VERDICTS = "risk.verdicts.v1", key "mandate", ByKey, Forever;
    /// What people decide about models.
    PROMOTION_COMMANDS = "promotion.commands.v1", key "mandate", ByKey, Forever;
    /// Models to be compared with the champion of their mandate.
    SELECTION_REQUESTS = "selection.requests.v1", key "mandate", ByKey, Days(30);
    /// What the comparison gave.
    SELECTION_COMPARISONS = "selection.comparisons.v1", key "mandate", ByKey, Forever;
    /// Which finalists are selected, and on what grounds.
    SELECTION_DECISIONS = "selection.decisions.v1", key "mandate", ByKey, Forever;
    /// Tokens of programs.
    ACCESS = "platform.access.v1", key "token", ByKey, Forever;
    /// Who commanded what over HTTP.
    AUDIT = "platform.audit.v1", key "actor", ByKey, Forever;
}

/// The topic of that name.
pub fn named(name: &str) -> Option<&'static Topic> {
    ALL.iter().find(|topic| topic.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_its_topics_and_every_topic_holds_a_record() {
        for kind in RecordKind::ALL {
            let topics: Vec<&Topic> =
                ALL.iter().filter(|topic| topic.records().any(|held| held == *kind)).collect();
            assert_eq!(topics, kind.topics(), "{}", kind.name());
            // A second topic is the next version of the first.
            for pair in topics.windows(2) {
                assert_eq!(pair[0].name.trim_end_matches(".v1"), pair[1].name.trim_end_matches(".v2"));
            }
        }
        for topic in ALL {
            assert!(topic.records().next().is_some(), "{} holds no record", topic.name);
        }
    }

    #[test]
    fn topic_names_are_unique_and_versioned() {
        for topic in ALL {
            assert_eq!(ALL.iter().filter(|other| other.name == topic.name).count(), 1);
            assert!(topic.name.ends_with(".v1") || topic.name.ends_with(".v2"), "{}", topic.name);
            assert_eq!(named(topic.name), Some(topic));
        }
        assert_eq!(named("market.ticks"), None);
    }
}
