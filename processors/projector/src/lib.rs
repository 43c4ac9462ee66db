//! The projector: events to rows of the views.
//!
//! Consumes [`TOPICS`], emits rows. A row depends on its event alone, so the views can be dropped and made again, and
//! duplicates, reordering and restarts change nothing. Never reads a store or a clock, never decides anything.

/// Tokens, and who commanded what.
mod access;
/// Runs, models and leaderboards from evaluation.
mod evaluations;
/// Experiments and their documents.
mod experiments;
/// The trial ledger.
mod ledger;
/// The cleaning ledger and its sources.
mod market;
/// Sensitivity, risk, decisions.
mod selection;
/// Trade logs and equity curves.
mod series;
/// Data snapshots.
mod snapshots;
/// Runs and tuning results from trials.
mod trials;
/// Walk-forwards and their folds.
mod walk_forwards;

use gauntlet_domain::topics::{
    ACCESS, AUDIT, CONFIG, DATA_COMMANDS, DATA_REQUESTS, DATA_SNAPSHOTS, EVALUATION_OUTCOMES, EXPERIMENTS,
    MARKET_QUALITY, RESULTS_SERIES, RISK_FIGURES, SELECTION_DECISIONS, SENSITIVITY_REPORTS, TRIAL_LEDGER,
    TRIAL_RESULTS,
};
use gauntlet_domain::{Envelope, Event, Recorded, Topic};
use gauntlet_views::{Table, Upsert, Value, schema};
use serde::Serialize;

/// Name among processors.
pub const NAME: &str = "projector";

/// What is read, in pipeline order.
pub const TOPICS: &[&Topic] = &[
    &MARKET_QUALITY,
    &DATA_COMMANDS,
    &DATA_REQUESTS,
    &DATA_SNAPSHOTS,
    &CONFIG,
    &EXPERIMENTS,
    &TRIAL_RESULTS,
    &EVALUATION_OUTCOMES,
    &RESULTS_SERIES,
    &SENSITIVITY_REPORTS,
    &RISK_FIGURES,
    &TRIAL_LEDGER,
    &SELECTION_DECISIONS,
    &ACCESS,
    &AUDIT,
];

/// Stamp of a row that one event writes once.
const ONCE: i64 = 1;

/// The rows that an event makes. Every one fits its table; an event that says nothing to a view makes none.
pub fn rows(recorded: &Recorded) -> Vec<Upsert> {
    let envelope = &recorded.envelope;
    let mut rows = match &recorded.event {
        Event::TickRejected(event) => market::rejected(event),
        Event::TickCorrected(event) => market::corrected(event),
        Event::GapDetected(event) => vec![market::gap(event)],
        Event::SourceCleaned(event) => vec![market::cleaned(event)],
        Event::CreateSnapshot(event) => vec![snapshots::requested(event)],
        Event::SnapshotDue(event) => vec![snapshots::due(event)],
        Event::SnapshotSealed(event) => vec![snapshots::sealed(event)],
        Event::ConfigRegistered(event) => vec![experiments::registered(event)],
        Event::ExperimentSubmitted(event) => experiments::submitted(event),
        Event::ExperimentStarted(event) => vec![experiments::started(event, envelope)],
        Event::ExperimentCompleted(event) => vec![experiments::completed(event, envelope)],
        Event::ExperimentCancelled(event) => vec![experiments::cancelled(event, envelope)],
        Event::ExperimentFailed(event) => vec![experiments::failed(event, envelope)],
        Event::TrialCompleted(event) => trials::completed(event, envelope),
        Event::TrialPruned(event) => trials::pruned(event, envelope),
        Event::TrialFailed(event) => trials::failed(event, envelope),
        Event::EvaluationCompleted(event) => evaluations::completed(event, envelope),
        Event::EvaluationFailed(event) => evaluations::failed(event, envelope),
        Event::WalkForwardCompleted(event) => walk_forwards::completed(event, envelope),
        Event::WalkForwardFailed(event) => vec![walk_forwards::failed(event, envelope)],
        Event::TradeLogChunk(event) => series::trades(event),
        Event::EquityCurveChunk(event) => series::equity(event),
        Event::LedgerEntered(event) => vec![ledger::entered(event)],
        Event::SensitivityReported(event) => selection::reported(event),
        Event::RiskMeasured(event) => vec![selection::measured(event)],
        Event::CandidateSelected(event) => selection::selected(event),
        Event::CandidateRejected(event) => selection::rejected(event),
        Event::ExperimentJudged(event) => vec![selection::judged(event)],
        Event::WaiverGranted(event) => vec![selection::granted(event)],
        Event::WaiverRefused(event) => vec![selection::refused(event)],
        Event::PolicyRegistered(event) => vec![selection::registered(event)],
        Event::TokenIssued(event) => vec![access::issued(event)],
        Event::TokenRevoked(event) => vec![access::revoked(event)],
        Event::CommandAudited(event) => vec![access::audited(event, envelope)],
        // On topics that are not read: inputs of other processors, answered by facts that are (a test of every record
        // that was ever published holds each record of `TOPICS` to its rows).
        _ => Vec::new(),
    };
    // An instrument or a mandate without a name is no partition anywhere.
    rows.retain(|row| row.key.first().and_then(Value::as_text) != Some(""));
    rows
}

pub use series::chunk as series_chunk;

/// The row that is there once an event from outside has been taken in; `None` for one that no view shows.
pub fn row_that_shows(event: &Event) -> Option<(&'static Table, Vec<Value>)> {
    let (table, id) = match event {
        Event::ConfigRegistered(event) => (&schema::CONFIGURATIONS, event.config_hash.to_string()),
        Event::CreateSnapshot(event) => (&schema::DATA_SNAPSHOTS, event.snapshot_id.to_string()),
        // Every submission is answered by a fact about the experiment, be it that it failed.
        Event::SubmitExperiment(event) => (&schema::EXPERIMENTS, event.experiment_id.to_string()),
        // Every waiver is answered, be it that it is refused.
        Event::Waive(waive) => {
            let key = vec![waive.model_id.to_string().into(), event.id().to_string().into()];
            return Some((&schema::WAIVERS, key));
        }
        Event::PolicyRegistered(event) => {
            let key = vec![
                event.mandate.as_str().into(),
                event.name.as_str().into(),
                event.policy_hash.to_string().into(),
            ];
            return Some((&schema::POLICIES, key));
        }
        Event::TokenIssued(event) => return Some((&schema::TOKENS, vec![event.token.as_str().into()])),
        Event::CommandAudited(event) => {
            return Some((&schema::AUDIT, vec![event.actor.as_str().into(), event.key.as_str().into()]));
        }
        _ => return None,
    };
    Some((table, vec![id.into()]))
}

/// Adds when a piece of work began and ended, by its worker's clock; the beginning is known when its duration is.
fn observed(row: Upsert, envelope: &Envelope) -> Upsert {
    let end = envelope.recorded_at;
    let start = envelope.took_micros.map(|micros| end.plus_nanos(micros.saturating_mul(-1_000)));
    row.with("start", start.map(|time| Value::Timestamp(time.0))).with("end", Value::Timestamp(end.0))
}

/// A reason code and its explanation in one text.
fn explained(reason: &str, detail: &str) -> String {
    if detail.is_empty() { reason.to_owned() } else { format!("{reason}: {detail}") }
}

/// A document as JSON in one line; an undefined number is null.
fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document)
        .expect("invariant: a document of a row has only JSON values with text keys")
}
