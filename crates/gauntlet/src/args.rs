//! Arguments of commands, and the requests that they make. What is wrong with an argument is said here, before anything is
//! opened.

use std::path::{Path, PathBuf};

use clap::Args;
use gauntlet_config::parse_override;
use gauntlet_domain::Timestamp;
use gauntlet_domain::market::{InstrumentDefined, Session};
use gauntlet_feed::definition::{empty_bars, stamp};
use gauntlet_operations::Refusal;
use gauntlet_operations::bars::BarsRequest;
use gauntlet_operations::browse::{ListRequest, Sort};
use gauntlet_operations::dead_letters::{ListDeadLetters, ReplayDeadLetters};
use gauntlet_operations::feed::file_name;
use gauntlet_operations::integrity::Heads;
use gauntlet_operations::metrics::{MetricsRequest, RiskFree, SeriesKind};
use gauntlet_operations::refusal::unreadable;
use gauntlet_operations::risk::{DEFAULT_ALPHA, RiskRequest};
use gauntlet_operations::search::SearchRequest;
use gauntlet_operations::sensitivity::{Method, SensitivityRequest};
use gauntlet_operations::snapshot::SnapshotRequest;
use gauntlet_operations::stats::StatsRequest;
use gauntlet_operations::submit::{SubmitRequest, check};
use gauntlet_quant::inference::DEFAULT_BLOCKS;

use crate::read_args::AsOfArgs;
use crate::reading_args::{ReadingArgs, format, lateness, utc_offset};

/// What to seal.
#[derive(Debug, Clone, Args)]
pub struct SnapshotArgs {
    /// Symbol, such as XAUUSD.
    #[arg(long)]
    pub instrument: String,
    /// Venue, such as OANDA.
    #[arg(long)]
    pub venue: Option<String>,
    /// Which bars, such as time:1h.
    #[arg(long)]
    pub bars: String,
    /// First moment; the beginning of the data when left out.
    #[arg(long)]
    pub from: Option<String>,
    /// Last moment.
    #[arg(long)]
    pub to: Option<String>,
    /// Only bars that were known at this moment of event time.
    #[arg(long)]
    pub as_of: Option<String>,
}

impl TryFrom<SnapshotArgs> for SnapshotRequest {
    type Error = Refusal;

    fn try_from(args: SnapshotArgs) -> Result<SnapshotRequest, Refusal> {
        let time = |text: Option<String>| {
            text.as_deref().map(str::parse::<Timestamp>).transpose().map_err(Refusal::input)
        };
        Ok(SnapshotRequest {
            instrument: args.instrument,
            venue: args.venue,
            bars: args.bars.parse().map_err(Refusal::input)?,
            from: time(args.from)?,
            to: time(args.to)?,
            as_of: time(args.as_of)?,
        })
    }
}

/// What to submit.
#[derive(Debug, Clone, Args)]
pub struct SubmitArgs {
    /// The document.
    pub file: PathBuf,
    /// Lays a value over the document, such as tuning.trials=50.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Waits for the end and prints the leaderboard.
    #[arg(long)]
    pub wait: bool,
    /// Takes a period that ends after the data; the experiment waits until more are fed.
    #[arg(long)]
    pub ahead: bool,
    /// Begins anew where the document's last attempt failed or was cancelled; its equal trials count once.
    #[arg(long)]
    pub again: bool,
    /// Who submits it, as they say: recorded, and never the one who may waive a gate for it.
    #[arg(long = "as", value_name = "WHO")]
    pub author: Option<String>,
}

impl TryFrom<SubmitArgs> for SubmitRequest {
    type Error = Refusal;

    fn try_from(args: SubmitArgs) -> Result<SubmitRequest, Refusal> {
        let text = std::fs::read_to_string(&args.file).map_err(|error| unreadable(&args.file, &error))?;
        let name = file_name(&args.file);
        let overrides = args.set.iter().map(|pair| parse_override(pair)).collect::<Result<Vec<_>, _>>()?;
        // What is wrong with the document is said before a directory is touched.
        check(&text, &name, &overrides)?;
        let SubmitArgs { wait, ahead, again, author, .. } = args;
        Ok(SubmitRequest { text, name, overrides, wait, ahead, again, author })
    }
}

/// What to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// experiments, runs, models, snapshots, trials, configs, quality, sources, instruments or parked.
    pub what: String,
    /// Which rows, such as "status = 'completed' and max_drawdown < 12% and start > 7d ago".
    #[arg(long)]
    pub filter: Option<String>,
    /// A column; a leading '-' turns the order round.
    #[arg(long, allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// At most so many.
    #[arg(long)]
    pub limit: Option<usize>,
    #[command(flatten)]
    pub as_of: AsOfArgs,
}

impl TryFrom<ListArgs> for ListRequest {
    type Error = Refusal;

    fn try_from(args: ListArgs) -> Result<ListRequest, Refusal> {
        let sort = args.sort.as_deref().map(|sort| match sort.strip_prefix('-') {
            Some(column) => Sort { column: column.to_owned(), descending: true },
            None => Sort { column: sort.to_owned(), descending: false },
        });
        Ok(ListRequest { what: args.what.parse()?, filter: args.filter, sort, limit: args.limit })
    }
}

/// Heads that an earlier `verify --json` printed.
pub fn heads(path: &Path) -> Result<Heads, Refusal> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Refusal::BadInput(format!(
            "--heads {}: {error}; give the output of verify --json kept earlier",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let document: serde_json::Value = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    let heads = document.get("heads").unwrap_or(&document);
    if !heads.is_object() {
        return Err(unreadable(&"there is no object of heads in it"));
    }
    serde_json::from_value(heads.clone()).map_err(|error| unreadable(&error))
}

/// Which dead letters to list.
#[derive(Debug, Clone, Args)]
pub struct ListDeadLettersArgs {
    /// Those of one topic, such as data.commands.v1.
    pub topic: Option<String>,
    /// Those that one processor set aside.
    #[arg(long)]
    pub processor: Option<String>,
    /// Those with one reason, such as Malformed.
    #[arg(long)]
    pub reason: Option<String>,
    /// At most so many.
    #[arg(long)]
    pub limit: Option<usize>,
}

impl From<ListDeadLettersArgs> for ListDeadLetters {
    fn from(args: ListDeadLettersArgs) -> ListDeadLetters {
        let ListDeadLettersArgs { topic, processor, reason, limit } = args;
        ListDeadLetters { topic, processor, reason, limit }
    }
}

/// Which dead letters to put back.
#[derive(Debug, Clone, Args)]
pub struct ReplayDeadLettersArgs {
    /// Names, as dlq ls prints them.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<String>,
    /// All that can be read.
    #[arg(long)]
    pub all: bool,
}

impl From<ReplayDeadLettersArgs> for ReplayDeadLetters {
    fn from(args: ReplayDeadLettersArgs) -> ReplayDeadLetters {
        if args.all { ReplayDeadLetters::All } else { ReplayDeadLetters::Named(args.ids) }
    }
}

/// What to aggregate.
#[derive(Debug, Clone, Args)]
pub struct BarsArgs {
    /// A file of ticks.
    pub path: PathBuf,
    /// Which bars, such as time:1m.
    #[arg(long)]
    pub spec: String,
    /// lean-quote, csv, parquet, binance-jsonl, or auto.
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// The file's clock against UTC, such as -05:00.
    #[arg(long, default_value = "+00:00", allow_hyphen_values = true)]
    pub utc_offset: String,
    /// Symbol, where the file holds several.
    #[arg(long)]
    pub instrument: Option<String>,
    /// Market, where the file holds several.
    #[arg(long)]
    pub market: Option<String>,
    /// close or open.
    #[arg(long, default_value = "close")]
    pub stamp: String,
    /// skip or fill.
    #[arg(long, default_value = "skip")]
    pub empty: String,
    /// Trading hours in UTC, such as 22:00-21:00.
    #[arg(long)]
    pub session: Option<String>,
    /// A document of the instrument, as for instrument set: calendar, tick size, limits of the cleaning rules.
    #[arg(long)]
    pub definition: Option<PathBuf>,
    /// Writes the bars to a file, .csv or .parquet.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Seconds by which a row may lie behind the latest one and still be put in its place.
    #[arg(long)]
    pub lateness: Option<String>,
    /// How the file is written.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

impl TryFrom<BarsArgs> for BarsRequest {
    type Error = Refusal;

    fn try_from(args: BarsArgs) -> Result<BarsRequest, Refusal> {
        Ok(BarsRequest {
            path: args.path,
            spec: args.spec.parse().map_err(Refusal::input)?,
            format: format(&args.format)?,
            utc_offset_seconds: utc_offset(&args.utc_offset)?,
            instrument: args.instrument,
            market: args.market,
            stamp: stamp(&args.stamp).map_err(Refusal::input)?,
            empty: empty_bars(&args.empty).map_err(Refusal::input)?,
            session: args.session.as_deref().map(session).transpose()?,
            definition: args.definition.as_deref().map(definition).transpose()?,
            out: args.out,
            lateness_nanos: args.lateness.as_deref().map(lateness).transpose()?,
            reading: args.reading.try_into()?,
        })
    }
}

/// What an instrument is by a document.
fn definition(path: &Path) -> Result<InstrumentDefined, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    gauntlet_operations::instruments::read(&text, &file_name(path))
}

/// `HH:MM-HH:MM` in UTC.
fn session(text: &str) -> Result<Session, Refusal> {
    let bad = || Refusal::BadInput(format!("--session '{text}' is not known: write it like 22:00-21:00"));
    let second = |part: &str| -> Option<i64> {
        let (hour, minute) = part.split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        ((0..=24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 3600 + minute * 60)
    };
    let (open, close) = text.split_once('-').ok_or_else(bad)?;
    match (second(open), second(close)) {
        (Some(open_second @ 0..86_400), Some(close_second @ 0..=86_400)) => {
            Ok(Session { open_second, close_second })
        }
        _ => Err(bad()),
    }
}

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct MetricsArgs {
    /// A CSV: one column of numbers, or dates (2014-05-01, or RFC 3339) and numbers.
    pub path: PathBuf,
    /// returns or equity.
    #[arg(long, default_value = "returns")]
    pub kind: String,
    /// A CSV of the same kind to compare with, joined by date.
    #[arg(long)]
    pub benchmark: Option<PathBuf>,
    /// Periods in a year; without it, a year of dates says, and 252 where there are no dates.
    #[arg(long, allow_hyphen_values = true)]
    pub periods_per_year: Option<f64>,
    /// Annual risk-free rate, 0.02 for two percent; or a CSV with the annual rate of each date.
    #[arg(long, default_value = "0", value_name = "RATE|FILE", allow_hyphen_values = true)]
    pub risk_free: String,
}

impl TryFrom<MetricsArgs> for MetricsRequest {
    type Error = Refusal;

    fn try_from(args: MetricsArgs) -> Result<MetricsRequest, Refusal> {
        let kind = series_kind(&args.kind)?;
        let MetricsArgs { path, benchmark, periods_per_year, risk_free, .. } = args;
        let risk_free = risk_free.parse().map_or_else(|_| RiskFree::Series(risk_free.into()), RiskFree::Rate);
        Ok(MetricsRequest { path, kind, benchmark, periods_per_year, risk_free })
    }
}

fn series_kind(text: &str) -> Result<SeriesKind, Refusal> {
    match text {
        "returns" => Ok(SeriesKind::Returns),
        "equity" => Ok(SeriesKind::Equity),
        other => Err(Refusal::BadInput(format!("--kind '{other}' is not known: use returns or equity"))),
    }
}

/// What to measure the risk of.
#[derive(Debug, Clone, Args)]
pub struct RiskArgs {
    /// A CSV: one column of numbers, or dates (2014-05-01, or RFC 3339) and numbers.
    pub path: PathBuf,
    /// returns or equity.
    #[arg(long, default_value = "returns")]
    pub kind: String,
    /// Mass of the tail: 0.05 for what is also called 95 %.
    #[arg(long, default_value_t = DEFAULT_ALPHA, allow_hyphen_values = true)]
    pub alpha: f64,
    /// A CSV with the value at risk at alpha that was forecast for each period, a positive loss, joined by date.
    #[arg(long, value_name = "FILE")]
    pub forecasts: Option<PathBuf>,
}

impl TryFrom<RiskArgs> for RiskRequest {
    type Error = Refusal;

    fn try_from(args: RiskArgs) -> Result<RiskRequest, Refusal> {
        let kind = series_kind(&args.kind)?;
        let RiskArgs { path, alpha, forecasts, .. } = args;
        Ok(RiskRequest { path, kind, alpha, forecasts })
    }
}

/// What to infer from.
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// A CSV with a header: a date first, then a column of returns for each trial.
    pub matrix: PathBuf,
    /// Blocks of the cross-validation behind PBO, an even number from 2 to 20.
    #[arg(long, default_value_t = DEFAULT_BLOCKS)]
    pub blocks: usize,
    /// A column of it, or a CSV of a date and one column of returns: what SPA, reality check and StepM compare with.
    #[arg(long, value_name = "COLUMN|FILE")]
    pub benchmark: Option<String>,
    /// Seed of the bootstraps.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Periods in a year; without it, a year of dates says.
    #[arg(long, allow_hyphen_values = true)]
    pub periods_per_year: Option<f64>,
}

impl From<StatsArgs> for StatsRequest {
    fn from(args: StatsArgs) -> StatsRequest {
        let StatsArgs { matrix, blocks, benchmark, seed, periods_per_year } = args;
        StatsRequest { path: matrix, blocks, benchmark, seed, periods_per_year }
    }
}

/// How to search.
#[derive(Debug, Clone, Args)]
pub struct SearchArgs {
    /// A document of the shape that an experiment's parameters have.
    #[arg(long)]
    pub space: PathBuf,
    /// grid, random, sobol or tpe; with settings such as 'tpe(candidates=48)'.
    #[arg(long)]
    pub sampler: String,
    /// none or median; with settings such as 'median(warmup_folds=2)'.
    #[arg(long, default_value = "none")]
    pub pruner: String,
    /// minimize or maximize.
    #[arg(long, default_value = "minimize")]
    pub direction: String,
    /// How many trials may be outstanding.
    #[arg(long, default_value_t = 1)]
    pub parallelism: u32,
    /// Seed of everything random.
    #[arg(long)]
    pub seed: u64,
}

impl TryFrom<SearchArgs> for SearchRequest {
    type Error = Refusal;

    fn try_from(args: SearchArgs) -> Result<SearchRequest, Refusal> {
        let direction = args.direction.parse().map_err(Refusal::input)?;
        let SearchArgs { space, sampler, pruner, parallelism, seed, .. } = args;
        Ok(SearchRequest { space, sampler, pruner, direction, parallelism, seed })
    }
}

/// What to analyse.
#[derive(Debug, Clone, Args)]
pub struct SensitivityArgs {
    /// A document of the shape that an experiment's parameters have.
    #[arg(long)]
    pub space: PathBuf,
    /// sobol (shares of the variance), morris (elementary effects) or pawn (distances of distributions).
    #[arg(long)]
    pub method: String,
    /// sobol: rows, a power of two; morris: trajectories; pawn: points. With d parameters that vary, a row is d + 2 points and
    /// a trajectory d + 1.
    #[arg(long, value_name = "N")]
    pub samples: u32,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl TryFrom<SensitivityArgs> for SensitivityRequest {
    type Error = Refusal;

    fn try_from(args: SensitivityArgs) -> Result<SensitivityRequest, Refusal> {
        let method = args.method.parse::<Method>();
        let method = method.map_err(|error| Refusal::BadInput(format!("--method: {error}")))?;
        let SensitivityArgs { space, samples, seed, .. } = args;
        Ok(SensitivityRequest { space, method, samples, seed })
    }
}
