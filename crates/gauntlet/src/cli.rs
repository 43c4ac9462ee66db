//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::args::{
    BarsArgs, ListArgs, ListDeadLettersArgs, MetricsArgs, ReplayDeadLettersArgs, RiskArgs, SearchArgs,
    SensitivityArgs, SnapshotArgs, StatsArgs, SubmitArgs,
};
use crate::data_args::RangeArgs;
use crate::diff_args::DiffArgs;
use crate::feed_args::FeedArgs;
use crate::open::milliseconds;
use crate::read_args::{AsOfArgs, ShowArgs};
use crate::reading_args::ReadingArgs;

/// The version, and the commit that it was built from where that is known.
pub const VERSION: &str = env!("GAUNTLET_VERSION");

/// From market ticks to a validated, ranked trading model, with proof of how it got there.
#[derive(Debug, Parser)]
#[command(name = "gauntlet", version = VERSION, propagate_version = true)]
pub struct Cli {
    /// Prints one JSON document on stdout; everything else goes to stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// Directory of everything the embedded mode owns.
    #[arg(long, global = true)]
    pub dir: Option<PathBuf>,
    /// Configuration overlay: local or cluster.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Configuration file, over the built-in ones.
    #[arg(long, global = true)]
    pub config: Option<PathBuf>,
    /// Threads for expensive work; 0 is one for each core.
    #[arg(long, global = true)]
    pub workers: Option<u32>,
    /// How long to wait for a directory that another process has open, such as 10s or 500ms.
    #[arg(long, global = true, value_name = "TIME", value_parser = milliseconds)]
    pub lock_timeout: Option<u32>,
    /// Shows all columns of a list, however narrow the terminal is.
    #[arg(long, global = true)]
    pub wide: bool,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Policies.
/// How an answer in SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlFormat {
    /// For people.
    Table,
    /// Comma-separated values.
    Csv,
    /// A document with `columns` and `rows`.
    Json,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Registers a policy: name, mandate, and the gates that differ from the default policy.
    Set {
        /// The document.
        file: PathBuf,
        /// Who registers it.
        #[arg(long = "as", value_name = "WHO")]
        author: String,
    },
    /// Shows a policy of a mandate.
    Show {
        /// The mandate.
        mandate: String,
        /// The policy's name.
        name: String,
    },
    /// Lists the policies of all mandates.
    Ls,
    /// Lists the gates that there are, with the thresholds of the default policy.
    Gates,
}

/// Bars or ticks of a range.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Closed bars, after all revisions.
    Bars {
        /// Which bars, such as time:1h; the only ones that there are when left out.
        #[arg(long)]
        bars: Option<String>,
        #[command(flatten)]
        range: RangeArgs,
    },
    /// Ticks as their source gave them, in the order of the log; what cleaning rejected is in ls quality.
    Ticks {
        #[command(flatten)]
        range: RangeArgs,
    },
}

/// Secrets by which programs ask over HTTP.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes one and prints its secret, which is kept nowhere.
    Issue {
        /// What it is for.
        name: String,
        /// What it may do, separated by commas: read, submit, ingest, operate. No scope approves.
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// In whose name the program acts; who issues it when left out.
        #[arg(long, value_name = "WHO")]
        person: Option<String>,
        /// How long it is good, 366 days at most.
        #[arg(long, default_value = "90d")]
        expires: String,
        /// Who issues it.
        #[arg(long = "as", value_name = "WHO")]
        author: String,
    },
    /// Lists them, without their secrets.
    Ls,
    /// Takes one back, at once.
    Revoke {
        /// Its public name, or the beginning of it.
        token: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who takes it back.
        #[arg(long = "as", value_name = "WHO")]
        author: String,
    },
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The main job on bundled real gold: feed, bars, snapshots, tuning, walk-forward, hold-out, leaderboard.
    Demo {
        /// Exits when the pipeline is quiet.
        #[arg(long)]
        no_serve: bool,
        /// Address to serve on afterwards.
        #[arg(long)]
        listen: Option<String>,
    },
    /// All processors in one process.
    Up {
        /// Address of health and commands.
        #[arg(long)]
        listen: Option<String>,
    },
    /// Completions for a shell, to be sourced.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Man pages: one for each command into a folder, or the first one on stdout.
    Man {
        /// The folder.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Some processors, or all, against the configured cluster; several processes share the partitions.
    Run {
        /// Their names, or all.
        #[arg(required = true)]
        processors: Vec<String>,
        /// Number of this process among those that share the work; no two may have the same.
        #[arg(long)]
        instance: Option<u32>,
        /// Address of health and commands.
        #[arg(long)]
        listen: Option<String>,
    },
    /// Publishes files of ticks or bars.
    #[command(after_long_help = gauntlet_feed::guide::text())]
    Feed(FeedArgs),
    /// What instruments are: tick size, calendar, decimals, limits of the cleaning rules.
    #[command(subcommand)]
    Instrument(InstrumentCommand),
    /// Content-addressed data snapshots.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Submits an experiment.
    Submit(SubmitArgs),
    /// Cancels an experiment; what it has found is kept.
    Cancel {
        /// The experiment, or the beginning of its id.
        id: String,
        /// Why.
        #[arg(long, default_value = "cancelled by hand")]
        reason: String,
    },
    /// Which gates a model of a mandate must pass.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Bars or ticks of a range of time, as they lie on the log.
    #[command(subcommand)]
    Data(DataCommand),
    /// Asks in SQL: events, views, bars, ticks, snapshots; read only. SHOW TABLES lists them.
    Sql {
        /// One statement; `-` reads it from standard input.
        statement: String,
        /// How the answer is written. A table has 10,000 rows at most.
        #[arg(long, value_enum, default_value_t = SqlFormat::Table)]
        format: SqlFormat,
        #[command(flatten)]
        as_of: AsOfArgs,
    },
    /// Secrets by which programs ask over HTTP.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Prints a link to the running up that is good once, for a browser of this machine.
    Link,
    /// Sets the refusal of a gate aside, for one version of a model and for a while.
    Waive {
        /// The model, or the beginning of its id.
        model: String,
        /// The gate.
        #[arg(long)]
        gate: String,
        /// Who decides; not who submitted the model.
        #[arg(long = "as", value_name = "WHO")]
        author: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Until when, by event time: a date or a time.
        #[arg(long)]
        expires: String,
        /// The version of the model that was looked at, as show has it.
        #[arg(long)]
        hash: Option<String>,
    },
    /// Lists experiments, runs, models, snapshots, trials, configs, quality, sources or instruments.
    Ls(ListArgs),
    /// Shows whatever has this id.
    Show(ShowArgs),
    /// Writes the equity and the returns of a run, a bar a row.
    Export {
        /// A run's id, or its beginning.
        id: String,
        /// A file that ends in .csv or .parquet.
        #[arg(long)]
        out: PathBuf,
    },
    /// The rules that exist: in words, with parameters, defaults, bounds and warm-up.
    Strategies {
        /// One of them.
        name: Option<String>,
    },
    /// What a mandate has tried on which bars, and what that costs a new candidate.
    Ledger {
        /// What a champion is chosen for: by default an experiment's instrument.
        mandate: String,
        /// Trials that the next experiment is to try.
        #[arg(long, default_value_t = 100)]
        trials: u64,
        #[command(flatten)]
        as_of: AsOfArgs,
    },
    /// Puts several things side by side.
    Compare {
        /// Ids, or their beginnings.
        #[arg(required = true, num_args = 2..)]
        ids: Vec<String>,
        #[command(flatten)]
        as_of: AsOfArgs,
    },
    /// Re-executes from the log and compares every derived event.
    Replay {
        /// An experiment.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// Everything.
        #[arg(long)]
        all: bool,
    },
    /// Checks log, snapshots, models and views against each other.
    Verify {
        /// Heads that an earlier verify --json printed.
        #[arg(long)]
        heads: Option<PathBuf>,
    },
    /// Hashes of all topics and views, the same wherever the same happened.
    Digest,
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The views.
    #[command(subcommand)]
    Views(ViewsCommand),
    /// Records that were set aside because they can never be read, or were refused.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// The cluster's topics.
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// The cluster's schemas.
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Bars from a file of ticks.
    Bars(BarsArgs),
    /// A strategy or model with fixed parameters over a file.
    Backtest {
        /// An experiment document whose data has a path.
        spec: PathBuf,
        /// How that file is written.
        #[command(flatten)]
        reading: ReadingArgs,
        /// Which end of its bars the times of a file of ready-made bars are: open or close.
        #[arg(long, default_value = "open")]
        stamp: String,
    },
    /// Every metric of a series.
    Metrics(MetricsArgs),
    /// Value at risk, expected shortfall and drawdowns of a series, and tests of forecasts of its value at risk.
    Risk(RiskArgs),
    /// How much of the best of many trials is luck: PSR, DSR, MinTRL, PBO, SPA.
    Stats(StatsArgs),
    /// A sampler by itself: asks and is told a JSON line at a time, on stdout and stdin.
    Search(SearchArgs),
    /// How far a score depends on each parameter: asks and is told like search, and ends with the result.
    Sensitivity(SensitivityArgs),
}

/// `gauntlet instrument`
#[derive(Debug, Subcommand)]
pub enum InstrumentCommand {
    /// Defines one by a document; what was fed before stays as it is.
    Set {
        /// A YAML document.
        file: PathBuf,
    },
    /// Shows the definition in force.
    Show {
        /// SYMBOL.VENUE.
        instrument: String,
    },
    /// Lists all.
    Ls,
}

/// `gauntlet snapshot`
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Seals the bars of a range.
    Create(SnapshotArgs),
    /// Lists snapshots.
    Ls,
    /// Shows one.
    Show {
        /// An id, or its beginning.
        id: String,
    },
    /// Re-hashes one.
    Verify {
        /// An id, or its beginning.
        id: String,
    },
}

/// `gauntlet config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Checks a configuration file or an experiment.
    Validate {
        /// The file.
        file: PathBuf,
    },
    /// Every key, its value and where it came from; or one key with what it means.
    Explain {
        /// The key, or a section.
        key: Option<String>,
    },
    /// Keys that differ between what two experiments, runs, models, documents or policies ran with; without any, between
    /// the node's configuration and the defaults.
    Diff(DiffArgs),
    /// JSON Schema of the configuration, or of an experiment.
    Schema {
        /// Of an experiment.
        #[arg(long)]
        experiment: bool,
    },
}

/// `gauntlet views`
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ViewsCommand {
    /// On a cluster: makes the keyspace and its tables, or adds what they lack.
    Migrate,
    /// Makes the views again from the log; on a cluster beside live traffic.
    Rebuild,
    /// Compares the views with what the log makes of them.
    Verify,
}

/// `gauntlet dlq`
#[derive(Debug, Clone, Subcommand)]
pub enum DlqCommand {
    /// Lists dead letters with their reasons.
    Ls(ListDeadLettersArgs),
    /// Shows one: headers, bytes, and what it says if it can be read now.
    Show {
        /// Its name, as dlq ls prints it.
        id: String,
    },
    /// Puts those back on their topics that can be read now; each once.
    Replay(ReplayDeadLettersArgs),
}

/// `gauntlet topics`
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum TopicsCommand {
    /// What apply would do, and the rights that each processor needs.
    Plan,
    /// Creates missing topics and refuses those that differ.
    Apply,
}

/// `gauntlet schemas`
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum SchemasCommand {
    /// Registers every version of every record; a release does it once.
    Register,
    /// Asks whether they would fit, and registers nothing.
    Check,
}
