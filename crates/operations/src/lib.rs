//! What people ask a Gauntlet for: submit, feed, browse, compare, replay, verify, dead letters, snapshots, research tools.
//!
//! A [`Request`] goes to an open [`Node`] and comes back as an [`Answer`] or a [`Refusal`]; [`ToolRequest`]s need no node and
//! [`SetupRequest`]s prepare a cluster's services. Requests are serialisable, so that a process that holds a directory can
//! take those of others. An answer serialises to the document that scripts read. Nothing here knows of arguments, tables,
//! terminals or HTTP, and no operation asks whether it works on a directory or on a cluster: [`services`] decides it once.

/// Commands in somebody's name.
pub mod acting;
/// What comes back.
pub mod answer;
/// The archive of the log on the lake.
pub mod archiving;
/// A node as of a time that has passed.
pub mod as_of;
/// Questions and answers over stdin and stdout.
mod ask_tell;
/// Experiments that are submitted again, or cancelled.
pub mod attempts;
/// A strategy over a file.
pub mod backtest;
/// Bars from a file of ticks.
pub mod bars;
/// Lists, single things, comparisons.
pub mod browse;
/// How long the trials of a document take.
mod budget;
/// Which keys differ between what two things ran with.
pub mod config_diff;
/// Checking and explaining configurations.
pub mod configuration;
/// Whether there are data for what is asked.
mod coverage;
/// What workers read and store.
mod data;
/// Numbers of dates from a CSV file.
mod dated_csv;
/// Records that were set aside.
pub mod dead_letters;
/// The main job on bundled data.
pub mod demo;
/// Searches that ended since no point was left.
pub mod exhausted;
/// What `ls experiments` lists.
mod experiment_list;
/// An experiment with its leaderboard.
pub mod experiment_report;
/// Files of ticks and bars onto the log.
pub mod feed;
/// Ticks that programs send.
pub mod ingest;
/// What instruments are.
pub mod instruments;
/// Digests, and checks of what is kept.
pub mod integrity;
/// Which data there are of an instrument.
pub mod inventory;
/// Columns of lists in memory.
mod kept_columns;
/// What a mandate has tried.
pub mod ledger;
/// Equity and prices told from returns.
mod levels;
/// Rows of a view, one at a time.
pub mod listing;
/// Metrics of a series.
pub mod metrics;
/// A model: what was tried, what passed, what was waived.
pub mod model_report;
/// A directory or a cluster, and what runs over it.
pub mod node;
/// What luck alone would have shown.
pub mod noise;
/// Views that note what is written.
mod noted;
/// Answers of programs outside, checked.
mod outside;
/// Pages of a list.
pub mod page;
/// Which experiments wait because their own data cannot be read.
mod parked;
/// Policies of mandates.
pub mod policy;
/// The processors that a process knows.
pub mod processors;
/// How far long work has come.
pub mod progress;
/// The projector over a store of views.
mod projecting;
/// Publishing from outside.
mod publish;
/// The configuration that a thing ran with.
pub mod ran_with;
/// Bars and ticks of a range.
pub mod range;
/// Bars and ticks as rows.
mod range_rows;
/// The trial ledger, counted again.
pub mod recount;
/// Why there is no answer.
pub mod refusal;
/// Re-execution.
pub mod replay;
/// What is asked for.
pub mod request;
/// Risk of a series.
pub mod risk;
/// Rows of views as answers.
pub mod rows;
/// A run's own numbers.
pub mod runs;
/// A sampler by itself.
pub mod search;
/// How far a score depends on each parameter.
pub mod sensitivity;
/// A series as a chart draws it.
pub mod series;
/// Views whose trades and equity curves stay on the log.
mod series_on_log;
/// Log, codec, views, lake and spans; embedded or a cluster's.
pub mod services;
/// Preparing a cluster's services.
pub mod setup;
/// Sealed data.
pub mod snapshot;
/// Inference over the returns of many trials.
pub mod stats;
/// The rules that exist.
pub mod strategies;
/// Experiments in.
pub mod submit;
/// Tokens of programs.
pub mod tokens;
/// Reasons for what has no value.
mod undefined;
/// Rows of lists as columns.
pub mod view_columns;
/// Refusals set aside.
pub mod waive;
/// Periods in a year, for tools over files.
mod year;

pub use answer::Answer;
pub use node::Node;
pub use processors::Processors;
pub use progress::{Progress, Silent, Step};
pub use refusal::Refusal;
pub use request::{Request, SetupRequest, ToolRequest};
pub use services::{Access, Role, Services};
