//! Research tools, configurations and the services of a cluster as text.

use gauntlet_operations::backtest::Backtested;
use gauntlet_operations::bars::MadeBars;
use gauntlet_operations::configuration::{Changed, Key, Valid};
use gauntlet_operations::setup::{MigratedViews, PlannedTopic, RegisteredSchemas, SchemaState, TopicsPlan};

use crate::table::{number, table};

/// Bars that are shown.
const SHOWN: usize = 20;

/// The first bars, and how many there are.
pub fn bars(made: &MadeBars) -> String {
    let text = table(
        &["time", "open", "high", "low", "close", "volume", "ticks"],
        made.bars.iter().take(SHOWN).map(|bar| {
            let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| bar.scale.price_text(price));
            let ends = [bar.scale.size_text(bar.volume), bar.ticks.to_string()];
            std::iter::once(bar.time.to_string()).chain(prices).chain(ends).collect()
        }),
    );
    format!("{text}\n{} bars of {} rows, {} accepted", made.bars.len(), made.read, made.accepted)
}

/// How it went, and every metric.
pub fn backtested(answer: &Backtested) -> String {
    let rows = answer.metrics.iter().map(|(name, value)| vec![name.clone(), number(*value)]);
    let warnings = answer.warnings.iter().map(|warning| format!("WARNING: {warning}\n"));
    let left_out =
        answer.left_out.iter().map(|(reason, rows)| format!("WARNING: {rows} rows left out: {reason}\n"));
    let denied = super::browse::denied_orders(answer.denied.iter().map(|(reason, count)| (reason, *count)));
    format!(
        "{}{} trades over {} bars, {} to {}\n{denied}{}",
        warnings.chain(left_out).collect::<String>(),
        answer.trades.len(),
        answer.bars,
        answer.capital,
        answer.equity.last().map_or(answer.capital, |point| point.1),
        table(&["metric", "value"], rows)
    )
}

/// What would be done about each topic.
pub fn topics(plan: &TopicsPlan) -> String {
    let rows = plan.topics.iter().map(|topic| {
        vec![topic.topic.clone(), topic.partitions.to_string(), retention(topic), topic.change.to_string()]
    });
    table(&["topic", "partitions", "cleanup", "to do"], rows)
}

fn retention(topic: &PlannedTopic) -> String {
    let of = |name: &str| topic.settings.get(name).cloned().unwrap_or_default();
    match (of("cleanup.policy").as_str(), of("retention.ms").as_str()) {
        ("compact", _) => "newest of each key stays".into(),
        (_, "-1") => "stays".into(),
        (_, age) => format!("deleted after {} days", age.parse::<u64>().unwrap_or(0) / 86_400_000),
    }
}

/// Every version in its subject.
pub fn schemas(answer: &RegisteredSchemas) -> String {
    let state = |state: SchemaState| match state {
        SchemaState::Present => "present",
        SchemaState::Added => "added",
        SchemaState::Missing => "missing",
    };
    let rows = answer.subjects.iter().map(|of| {
        let id = of.id.map(|id| id.to_string()).unwrap_or_default();
        vec![of.subject.clone(), of.version.to_string(), id, state(of.state).to_owned()]
    });
    table(&["subject", "version", "id", ""], rows)
}

/// Steps that were applied to a keyspace.
pub fn migrated(answer: &MigratedViews) -> String {
    match answer.applied.len() {
        0 => format!("keyspace {} is up to date", answer.keyspace),
        count => format!("keyspace {}: {count} steps applied", answer.keyspace),
    }
}

/// That a document is valid.
pub fn valid(answer: &Valid) -> String {
    match answer.experiment {
        Some(experiment) => format!("{} is valid: experiment {}", answer.name, experiment.experiment_id),
        None => format!("{} is valid", answer.name),
    }
}

/// Every key.
pub fn configuration(keys: &[Key]) -> String {
    let meanings: String =
        keys.iter().filter_map(|of| Some(format!("\n{}: {}", of.key, of.meaning.as_deref()?))).collect();
    let rows = keys.iter().map(|of| vec![of.key.clone(), of.value.to_string(), of.origin.clone()]);
    table(&["key", "value", "from"], rows) + &meanings
}

/// Keys that differ from the defaults.
pub fn changes(keys: &[Changed]) -> String {
    let rows = keys
        .iter()
        .map(|of| vec![of.key.clone(), of.default.to_string(), of.value.to_string(), of.origin.clone()]);
    table(&["key", "default", "value", "from"], rows)
}
