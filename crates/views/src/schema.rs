//! The tables as data. The embedded store and the CQL statements both follow from these declarations.
//!
//! Grow a table by adding columns at its end; a column's place is its name in stored rows. Documents inside a row are
//! JSON text with sorted keys; an undefined number in them is null.

/// Tables of tokens and commands.
mod access;
/// Tables of what events wrote.
mod history;
/// Tables of market data.
mod market;
/// Tables of robustness, risk and selection.
mod selection;

pub use access::{AUDIT, TOKENS};
pub use history::{
    CONFIGURATION_CHANGES, EXPERIMENT_CHANGES, History, ORIGIN, POLICY_CHANGES, SELECTION_CHANGES,
    SNAPSHOT_CHANGES, STAMP, TOKEN_CHANGES, VERDICT_CHANGES, changes,
};
pub use market::{QUALITY, SOURCES};
pub use selection::{POLICIES, RISK_FIGURES, SELECTIONS, SENSITIVITY, WAIVERS};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number of 64 bits.
    Long,
    /// An IEEE double, finite.
    Double,
    /// Yes or no.
    Bool,
    /// Nanoseconds since the epoch, UTC. In CQL a `bigint` of nanoseconds: its `timestamp` has milliseconds, and two
    /// ticks within one of them would become one row.
    Timestamp,
}

impl Kind {
    /// The type in CQL.
    pub fn cql(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Long | Kind::Timestamp => "bigint",
            Kind::Double => "double",
            Kind::Bool => "boolean",
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// True for what a wall clock said: shown to people, left out of digests.
    pub observation: bool,
    /// True for a clustering column whose greatest value comes first.
    pub descending: bool,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Columns that name a partition: what is read together.
    pub partition_key: &'static [Column],
    /// Columns that name a row in its partition and order it there.
    pub clustering: &'static [Column],
    /// All other columns.
    pub columns: &'static [Column],
    /// What a row is.
    pub doc: &'static str,
}

impl Table {
    /// Columns of the key: partition key, then clustering columns.
    pub fn key(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.partition_key.iter().chain(self.clustering)
    }

    /// Number of columns in the key.
    pub fn key_len(&self) -> usize {
        self.partition_key.len() + self.clustering.len()
    }

    /// Place of a column among [`Table::stored`].
    pub fn column(&self, name: &str) -> Option<usize> {
        let place = self.columns.iter().position(|column| column.name == name);
        // Most have no other column than these.
        place.or_else(|| self.stored().position(|column| column.name == name))
    }

    /// Rows that the embedded store keeps together at most; 1 where each row lies alone.
    pub fn rows_per_block(&self) -> usize {
        BLOCKS.iter().find(|(table, _)| std::ptr::eq(*table, self)).map_or(1, |(_, rows)| *rows)
    }
}

/// A column of values that are part of what a table says, in rising order where it is of the key.
pub const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, observation: false, descending: false }
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn long(name: &'static str) -> Column {
    column(name, Kind::Long)
}

const fn double(name: &'static str) -> Column {
    column(name, Kind::Double)
}

const fn boolean(name: &'static str) -> Column {
    column(name, Kind::Bool)
}

const fn time(name: &'static str) -> Column {
    column(name, Kind::Timestamp)
}

impl Column {
    const fn observed(self) -> Column {
        Column { observation: true, ..self }
    }

    pub(crate) const fn descending(self) -> Column {
        Column { descending: true, ..self }
    }
}

/// Experiments.
pub static EXPERIMENTS: Table = Table {
    name: "experiments",
    partition_key: &[text("experiment_id")],
    clustering: &[],
    columns: &[
        text("name"),
        text("description"),
        time("start").observed(),
        time("end").observed(),
        text("config_id"),
        text("mandate"),
        long("place"),
        text("status"), // submitted | running | completed | cancelled | failed
        text("detail"),
        text("tuning_snapshot"),
        text("holdout_snapshot"),
        text("warnings"),
        text("submitted_by"),
        text("judgement"), // selected | rejected | cancelled | failed
        text("selected"),
        text("policy"),
    ],
    doc: "An experiment; start is when tuning began",
};

/// Resolved documents.
pub static CONFIGURATIONS: Table = Table {
    name: "configurations",
    partition_key: &[text("config_id")],
    clustering: &[],
    columns: &[text("parameters")],
    doc: "A resolved experiment document as canonical JSON, by its hash",
};

/// Runs.
pub static RUNS: Table = Table {
    name: "runs",
    partition_key: &[text("experiment_id")],
    clustering: &[text("run_id")],
    columns: &[
        text("model_id"),
        text("snapshot_id"),
        time("start").observed(),
        time("end").observed(),
        text("status"), // completed | pruned | failed
        text("phase"),  // tuning | walk_forward | holdout
        text("key_metrics"),
        long("trial"),
        text("summary"),
        text("inference"),
        text("denied"),
    ],
    doc: "A trial, run_id its trial id; one phase of a finalist, run_id MODEL:PHASE; a walk-forward, run_id EXPERIMENT:walk_forward",
};

/// Models.
pub static MODELS: Table = Table {
    name: "models",
    partition_key: &[text("model_id")],
    clustering: &[],
    columns: &[
        long("version"),
        text("training_config_id"),
        text("artifact_path"),
        text("experiment_id"),
        long("trial"),
        text("parameters"),
        boolean("confirmed"),
        text("verdict"),
    ],
    doc: "A finalist and what evaluation says of it",
};

/// What gates say.
pub static VERDICTS: Table = Table {
    name: "verdicts",
    partition_key: &[text("model_id")],
    clustering: &[text("gate")],
    columns: &[
        text("experiment_id"),
        double("statistic"),
        double("threshold"), // null when infinite too
        text("comparison"),  // at_least | at_most | unknown
        text("outcome"),     // passed | refused | undefined | waived | unknown
        text("evidence"),
        text("waiver"),
    ],
    doc: "What a gate says of a finalist; evidence and waiver are documents",
};

/// Data snapshots.
pub static DATA_SNAPSHOTS: Table = Table {
    name: "data_snapshots",
    partition_key: &[text("snapshot_id")],
    clustering: &[],
    columns: &[
        text("source"),
        time("range_from"),
        time("range_to"),
        text("hash"),
        long("rows"),
        text("instrument"),
        text("spec"),
        text("status"), // requested | due | sealed
        text("files"),
        long("revision"),
    ],
    doc: "Bars of a range after so many revisions; source is the venue",
};

/// Trades of finalists.
pub static TRADE_LOGS: Table = Table {
    name: "trade_logs",
    partition_key: &[text("run_id")],
    clustering: &[time("timestamp"), long("sequence")],
    columns: &[text("asset"), text("action"), double("price"), double("quantity"), double("pnl")],
    doc: "A fill; sequence orders fills of one time",
};

/// Equity of finalists.
pub static EQUITY_CURVES: Table = Table {
    name: "equity_curves",
    partition_key: &[text("run_id")],
    clustering: &[time("timestamp")],
    columns: &[double("portfolio_value")],
    doc: "Equity at the close of a bar",
};

/// What tuning tried.
pub static TUNING_RESULTS: Table = Table {
    name: "tuning_results",
    partition_key: &[text("experiment_id")],
    clustering: &[long("trial")],
    columns: &[
        text("trial_id"),
        text("hyperparameters"),
        text("metrics"),
        text("state"), // completed | pruned | failed
        double("value"),
        text("detail"),
    ],
    doc: "A trial and what it gave; value is the objective",
};

/// Rankings.
pub static LEADERBOARDS: Table = Table {
    name: "leaderboards",
    partition_key: &[text("experiment_id"), text("metric")],
    clustering: &[double("score").descending(), long("trial")],
    columns: &[
        text("model_id"),
        double("walk_forward"), // before finalists had a tuning score
        double("holdout"),
        boolean("confirmed"),
        double("tuning"),
    ],
    doc: "A finalist under one metric, best first; score is the tuning score, negated when less is better",
};

/// Folds of walk-forwards.
pub static WALK_FORWARD_FOLDS: Table = Table {
    name: "walk_forward_folds",
    partition_key: &[text("experiment_id")],
    clustering: &[long("fold")],
    columns: &[
        time("range_from"),
        time("range_to"),
        long("trial"), // null where the search before it chose nothing: the fold stayed flat
        long("completed"),
        text("parameters"),
        double("in_sample"),
        double("in_sample_return"),
        double("value"),
        double("total_return"),
        double("annual_return"),
    ],
    doc: "What was chosen before a fold, from 1, and what it came to there; in_sample and value are the objective, in_sample_return and annual_return the return of a year",
};

/// The trial ledger.
pub static TRIAL_LEDGER: Table = Table {
    name: "trial_ledger",
    partition_key: &[text("mandate")],
    clustering: &[long("place")],
    columns: &[
        text("experiment_id"),
        text("ended"),
        long("requested"),
        long("completed"),
        long("pruned"),
        long("failed"),
        text("finalists"),
        text("sharpe"),
        long("looks"),
        text("instrument"),
        time("data_from"),
        time("data_to"),
        time("holdout_from"),
        time("holdout_to"),
        text("family"),
        text("representatives"),
        text("series"),
    ],
    doc: "What an experiment tried, by its place in the order of its mandate",
};

/// How far the projector has come. No view, and in no digest.
pub static PROJECTION_PROGRESS: Table = Table {
    name: "projection_progress",
    partition_key: &[text("topic")],
    clustering: &[long("partition")],
    columns: &[long("next_offset"), long("last_offset"), text("last_event")],
    doc: "The next offset to project of a partition of the log, and the last event of which rows are here",
};

/// Where series of runs lie on the log: a table of stores that keep no rows of them
/// ([`ViewStore::is_beside_log`](crate::ViewStore::is_beside_log)).
pub static SERIES_CHUNKS: Table = Table {
    name: "series_chunks",
    partition_key: &[text("run_id")],
    clustering: &[text("view"), long("chunk")],
    columns: &[text("topic"), long("partition"), long("offset")],
    doc: "The record that holds so many rows of a view",
};

/// Every view.
pub static VIEWS: &[&Table] = &[
    &EXPERIMENTS,
    &CONFIGURATIONS,
    &RUNS,
    &MODELS,
    &VERDICTS,
    &DATA_SNAPSHOTS,
    &TRADE_LOGS,
    &EQUITY_CURVES,
    &TUNING_RESULTS,
    &LEADERBOARDS,
    &WALK_FORWARD_FOLDS,
    &TRIAL_LEDGER,
    &SENSITIVITY,
    &RISK_FIGURES,
    &SELECTIONS,
    &WAIVERS,
    &POLICIES,
    &SOURCES,
    &QUALITY,
    &TOKENS,
    &AUDIT,
];

/// Tables whose rows the embedded store keeps together in compressed blocks, and the rows of a block at most. They are
/// written and read together: a block is written anew when one of its rows changes, so rows that come one by one (runs,
/// trials) lie alone.
pub static BLOCKS: &[(&Table, usize)] =
    &[(&TRADE_LOGS, 8_192), (&EQUITY_CURVES, 8_192), (&LEADERBOARDS, 128)];

/// Every table that a store holds: the views, what events wrote of them, and the progress.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    VIEWS.iter().copied().chain(changes()).chain([&PROJECTION_PROGRESS])
}

/// Every table of a store on one machine.
pub fn embedded_tables() -> impl Iterator<Item = &'static Table> {
    tables().chain([&SERIES_CHUNKS])
}

/// The view of that name.
pub fn view(name: &str) -> Option<&'static Table> {
    VIEWS.iter().copied().find(|table| table.name == name)
}

/// The table's `CREATE TABLE` in the CQL that ScyllaDB and Cassandra share.
pub fn cql(table: &Table) -> String {
    let names = |columns: &[Column]| columns.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
    let mut text = format!("CREATE TABLE IF NOT EXISTS {} (\n", table.name);
    for column in table.key().chain(table.stored()) {
        text += &format!("    {} {},\n", column.name, column.kind.cql());
    }
    text += &format!("    PRIMARY KEY (({})", names(table.partition_key));
    if !table.clustering.is_empty() {
        text += &format!(", {}", names(table.clustering));
    }
    text += ")\n) WITH ";
    if !table.clustering.is_empty() {
        let way = |c: &Column| format!("{} {}", c.name, if c.descending { "DESC" } else { "ASC" });
        let ways: Vec<String> = table.clustering.iter().map(way).collect();
        text += &format!("CLUSTERING ORDER BY ({})\n    AND ", ways.join(", "));
    }
    text + &format!("comment = '{}';\n", table.doc.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_table_renders_as_cql() {
        assert_eq!(
            cql(&CONFIGURATIONS),
            "CREATE TABLE IF NOT EXISTS configurations (
    config_id text,
    parameters text,
    PRIMARY KEY ((config_id))
) WITH comment = 'A resolved experiment document as canonical JSON, by its hash';
"
        );
        assert_eq!(
            cql(&LEADERBOARDS),
            "CREATE TABLE IF NOT EXISTS leaderboards (
    experiment_id text,
    metric text,
    score double,
    trial bigint,
    model_id text,
    walk_forward double,
    holdout double,
    confirmed boolean,
    tuning double,
    origin bigint,
    PRIMARY KEY ((experiment_id, metric), score, trial)
) WITH CLUSTERING ORDER BY (score DESC, trial ASC)
    AND comment = 'A finalist under one metric, best first; score is the tuning score, negated when less is better';
"
        );
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
    fn names_need_no_quotes_in_cql() {
        // Reserved words of Cassandra 5 and ScyllaDB that a column could be called.
        const RESERVED: &[&str] = &[
            "add",
            "allow",
            "alter",
            "and",
            "apply",
            "asc",
            "authorize",
            "batch",
            "begin",
            "by",
            "columnfamily",
            "create",
            "default",
            "delete",
            "desc",
            "describe",
            "drop",
            "entries",
            "execute",
            "from",
            "full",
            "grant",
            "if",
            "in",
            "index",
            "infinity",
            "insert",
            "into",
            "is",
            "keyspace",
            "limit",
            "materialized",
            "mbean",
            "mbeans",
            "modify",
            "nan",
            "norecursive",
            "not",
            "null",
            "of",
            "on",
            "or",
            "order",
            "primary",
            "rename",
            "replace",
            "revoke",
            "schema",
            "scylla_timeuuid_list_index",
            "select",
            "set",
            "table",
            "to",
            "token",
            "truncate",
            "unlogged",
            "unset",
            "update",
            "use",
            "using",
            "view",
            "where",
            "with",
        ];
        let mut seen = 0;
        for table in tables() {
            for name in table.key().chain(table.stored()).map(|c| c.name).chain([table.name]) {
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
                assert!(!RESERVED.contains(&name), "{name} is reserved");
                seen += 1;
            }
        }
        assert!(seen > 80);
    }

    #[test]
    fn a_name_names_one_thing() {
        let names: BTreeSet<_> = tables().map(|table| table.name).collect();
        assert_eq!(names.len(), tables().count());
        for table in tables() {
            let columns: BTreeSet<_> = table.key().chain(table.stored()).map(|c| c.name).collect();
            assert_eq!(columns.len(), table.key_len() + table.stored().count(), "{}", table.name);
            assert!(!table.partition_key.is_empty() && table.columns.len() < 256, "{}", table.name);
            // Order and identity never come from a clock, and only clustering columns have a direction.
            assert!(table.key().all(|c| !c.observation), "{}", table.name);
            let others = table.partition_key.iter().chain(table.columns);
            assert!(others.clone().all(|c| !c.descending), "{}", table.name);
        }
        assert_eq!(view("runs"), Some(&RUNS));
        assert_eq!(view("projection_progress"), None);
    }
}
