//! What comes back. An answer serialises to the document that scripts read; its type says what is in it.

use serde::Serialize;

use crate::as_of::AsOf;
use crate::attempts::Cancelling;
use crate::backtest::Backtested;
use crate::bars::MadeBars;
use crate::browse::{Comparison, Listing, Shown};
use crate::config_diff::Diff;
use crate::configuration::{Changed, Key, Valid};
use crate::dead_letters::{ListedDeadLetter, PutBack, ShownDeadLetter};
use crate::demo::Demonstrated;
use crate::feed::Fed;
use crate::feed::dry_run::DryRun;
use crate::instruments::Instruments;
use crate::integrity::{Digests, RebuiltViews, Verified, VerifiedViews};
use crate::ledger::Ledger;
use crate::metrics::Measured;
use crate::policy::{GateCard, Policies};
use crate::range::Ranged;
use crate::replay::Replayed;
use crate::risk::RiskFigures;
use crate::runs::{Exported, RunNumbers};
use crate::setup::{AppliedTopics, MigratedViews, RegisteredSchemas, TopicsPlan};
use crate::snapshot::{Requested, VerifiedSnapshot};
use crate::stats::Stats;
use crate::strategies::StrategyCard;
use crate::submit::{Submitted, Waited};
use crate::tokens::Tokens;
use crate::waive::WaiveAnswer;

/// The answer of one operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum Answer {
    Fed(Fed),
    Instruments(Instruments),
    DryRun(DryRun),
    Snapshot(Requested),
    VerifiedSnapshot(VerifiedSnapshot),
    Submitted(Submitted),
    Waited(Waited),
    Cancelling(Cancelling),
    Policies(Policies),
    Gates(Vec<GateCard>),
    Waived(WaiveAnswer),
    Tokens(Tokens),
    Listing(Listing),
    Shown(Shown),
    RunNumbers(RunNumbers),
    Exported(Exported),
    Comparison(Comparison),
    Ranged(Ranged),
    Ledger(Ledger),
    Digests(Digests),
    Replayed(Replayed),
    Verified(Verified),
    DeadLetters(Vec<ListedDeadLetter>),
    DeadLetter(ShownDeadLetter),
    PutBack(PutBack),
    RebuiltViews(RebuiltViews),
    VerifiedViews(VerifiedViews),
    MadeBars(MadeBars),
    Backtested(Backtested),
    Measured(Measured),
    Risk(RiskFigures),
    Stats(Stats),
    Strategies(Vec<StrategyCard>),
    TopicsPlan(TopicsPlan),
    AppliedTopics(AppliedTopics),
    RegisteredSchemas(RegisteredSchemas),
    MigratedViews(MigratedViews),
    Valid(Valid),
    Configuration(Vec<Key>),
    Changes(Vec<Changed>),
    Diff(Diff),
    /// The document of an experiment, whose shape is that of its schema.
    Document(serde_json::Value),
    /// A JSON Schema, whose shape is JSON Schema's.
    Schema(serde_json::Value),
    Demonstrated(Demonstrated),
    /// What was answered as of a time that has passed.
    AsOf(Box<AsOf<Answer>>),
}

impl Answer {
    /// Whether the answer is no: what was compared differs, a check failed, an experiment failed or waits for data.
    pub fn is_no(&self) -> bool {
        match self {
            Answer::Fed(answer) => answer.is_stopped(),
            Answer::DryRun(answer) => !answer.is_good(),
            Answer::Snapshot(answer) => !answer.has_bars(),
            Answer::VerifiedSnapshot(answer) => !answer.holds(),
            Answer::Waited(Waited::Pending(_)) => true,
            Answer::Cancelling(answer) => answer.is_too_late(),
            Answer::Waived(answer) => !answer.accepted,
            Answer::Waited(Waited::Ended(report)) | Answer::Shown(Shown::Experiment(report)) => {
                report.is_failed()
            }
            Answer::Replayed(answer) => !answer.identical,
            Answer::Verified(answer) => !answer.ok,
            Answer::VerifiedViews(answer) => !answer.ok,
            Answer::PutBack(answer) => !answer.left.is_empty(),
            Answer::TopicsPlan(answer) => !answer.is_possible(),
            Answer::Diff(answer) => !answer.equal,
            Answer::AsOf(answer) => answer.answer.is_no(),
            _ => false,
        }
    }

    /// What was done to the input that whoever asked should know, beside the answer.
    pub fn notes(&self) -> &[String] {
        match self {
            Answer::Measured(answer) => &answer.notes,
            Answer::Risk(answer) => &answer.notes,
            _ => &[],
        }
    }
}

/// How far something that was asked for has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// An experiment lies on the log.
    Submitted,
    /// It waits for data.
    Pending,
    /// A cancellation lies on the log.
    Requested,
    /// It has ended.
    Ended,
}
