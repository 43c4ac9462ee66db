//! `feed`: publishes files of ticks or bars and answers with what cleaning made of them.
//!
//! Idempotent: a file is known by its hash, its blocks by their number, so feeding it again (also after an interrupted
//! first time) adds only what is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gauntlet_domain::market::FeedCompleted;
use gauntlet_domain::{BarSpec, Event, InstrumentId};
use gauntlet_feed::{BarRules, Block, Format, Options, Source};
use gauntlet_runtime::Running;
use gauntlet_views::{Row, schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::node::Node;
use crate::progress::Step;
use crate::publish::{publish_once, published, record};
use crate::report::{Refusal, Report};
use crate::table::table;

/// Blocks that one append holds.
const BLOCKS_PER_APPEND: usize = 16;

/// What to feed.
#[derive(Debug, Clone, Serialize, Deserialize, clap::Args)]
pub struct FeedArgs {
    /// Files, or folders whose files are taken in the order of their names.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Symbol, such as XAUUSD.
    #[arg(long)]
    pub instrument: String,
    /// Venue, such as OANDA.
    #[arg(long)]
    pub venue: String,
    /// lean-quote, csv, parquet, binance-jsonl, bars-csv, lean-bar, or auto.
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// The file's clock against UTC, such as -05:00.
    #[arg(long, default_value = "+00:00", allow_hyphen_values = true)]
    pub utc_offset: String,
    /// Bars to build from ticks, separated by commas.
    #[arg(long, default_value = "time:1m,time:1h,time:1d")]
    pub bars: String,
    /// Spec of ready-made bars whose spacing cannot be told from the file.
    #[arg(long)]
    pub spec: Option<String>,
    /// Market of a file that holds several: spot, usdm, cm.
    #[arg(long)]
    pub market: Option<String>,
    /// max, or a multiple of real time such as 60x.
    #[arg(long, default_value = "max")]
    pub speed: String,
}

/// Feeds and waits until cleaning has caught up.
pub fn feed(node: &Node, running: &Running, args: &FeedArgs, quiet: bool) -> Result<Report, Refusal> {
    let request = Request::of(args)?;
    let mut total = Totals::default();
    for path in files(&args.paths)? {
        let source = gauntlet_feed::open(&path, &request.options)?;
        total.read_in(node, running, &request, source, quiet)?;
    }
    Ok(total.report())
}

/// A feed's arguments, understood.
struct Request {
    options: Options,
    bars: BarRules,
    /// Event time over wall time; `None` is as fast as it goes.
    speed: Option<f64>,
}

impl Request {
    fn of(args: &FeedArgs) -> Result<Request, Refusal> {
        let instrument = InstrumentId::new(&args.instrument, &args.venue).map_err(Refusal::input)?;
        let mut options = Options::new(instrument);
        options.format = format(&args.format)?;
        options.utc_offset_seconds = utc_offset(&args.utc_offset)?;
        options.market = args.market.clone();
        options.bar_spec = args.spec.as_deref().map(str::parse).transpose().map_err(Refusal::input)?;
        let bars = args.bars.split(',').map(|spec| spec.trim().parse()).collect::<Result<Vec<BarSpec>, _>>();
        let bars = BarRules::new(bars.map_err(Refusal::input)?);
        Ok(Request { options, bars, speed: speed(&args.speed)? })
    }
}

/// The format of that name; `None` is told from the file.
pub fn format(name: &str) -> Result<Option<Format>, Refusal> {
    if name == "auto" { Ok(None) } else { name.parse().map(Some).map_err(Refusal::input) }
}

/// `±HH:MM` in seconds.
pub fn utc_offset(text: &str) -> Result<i32, Refusal> {
    let bad =
        || Refusal::BadInput(format!("--utc-offset '{text}' is not a clock offset: write it like -05:00"));
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => return Err(bad()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(bad)?;
    let (hours, minutes): (i32, i32) =
        (hours.parse().map_err(|_| bad())?, minutes.parse().map_err(|_| bad())?);
    if !(0..=18).contains(&hours) || !(0..60).contains(&minutes) {
        return Err(bad());
    }
    Ok(sign * (hours * 3600 + minutes * 60))
}

fn speed(text: &str) -> Result<Option<f64>, Refusal> {
    if text == "max" {
        return Ok(None);
    }
    let factor = text.strip_suffix('x').and_then(|factor| factor.parse::<f64>().ok());
    match factor {
        Some(factor) if factor.is_finite() && factor > 0.0 => Ok(Some(factor)),
        _ => Err(Refusal::BadInput(format!(
            "--speed '{text}' is not known: use max, 1x, 60x or another multiple"
        ))),
    }
}

/// Files as given; the files of a folder in the order of their names.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Refusal> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |error| Refusal::BadInput(format!("{}: {error}", path.display()));
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut inside: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        inside.retain(|path| path.is_file());
        inside.sort();
        if inside.is_empty() {
            return Err(Refusal::BadInput(format!("{}: the folder has no files", path.display())));
        }
        files.extend(inside);
    }
    Ok(files)
}

/// What came of all files.
#[derive(Default)]
struct Totals {
    read: i64,
    published: i64,
    accepted: i64,
    rejected: BTreeMap<String, i64>,
    corrected: BTreeMap<String, i64>,
    gaps: i64,
    sources: Vec<serde_json::Value>,
}

impl Totals {
    /// Publishes one file and adds what cleaning made of it.
    fn read_in(
        &mut self,
        node: &Node,
        running: &Running,
        request: &Request,
        source: Source,
        quiet: bool,
    ) -> Result<(), Refusal> {
        let instrument = request.options.instrument.as_str().to_owned();
        let (name, hash) = (source.name().to_owned(), source.source_hash().to_string());
        let known = cleaned(node, &instrument, &hash)?;
        let (read, published) = match &known {
            Some(row) => (long(row, "rows"), 0),
            None => publish(node, request, source, &hash, quiet)?,
        };
        let row = node.wait_for(running, || cleaned(node, &instrument, &hash))?;
        self.read += read;
        self.published += published;
        self.accepted += long(&row, "accepted");
        self.gaps += long(&row, "gaps");
        let rejected = counts(&row, "rejected");
        let corrected = counts(&row, "corrected");
        self.sources.push(json!({
            "name": name, "source": hash, "read": read, "published": published, "accepted": long(&row, "accepted"),
            "rejected": rejected, "corrected": corrected, "gaps": long(&row, "gaps"), "already_there": known.is_some(),
        }));
        add(&mut self.rejected, rejected);
        add(&mut self.corrected, corrected);
        Ok(())
    }

    fn report(self) -> Report {
        let mut rows = vec![
            vec!["read".to_owned(), self.read.to_string()],
            vec!["published".to_owned(), self.published.to_string()],
            vec!["accepted".to_owned(), self.accepted.to_string()],
        ];
        rows.extend(
            self.rejected.iter().map(|(reason, n)| vec![format!("rejected: {reason}"), n.to_string()]),
        );
        rows.extend(
            self.corrected.iter().map(|(reason, n)| vec![format!("corrected: {reason}"), n.to_string()]),
        );
        rows.push(vec!["gaps".to_owned(), self.gaps.to_string()]);
        let mut text = table(&["rows", "count"], rows);
        if self.accepted == 0 && self.rejected.get("out_of_order").is_some_and(|late| *late > 0) {
            text.push_str(
                "\nevery row lies before what this instrument has already: feed history before newer data, or into \
                 another directory",
            );
        }
        let json = json!({
            "read": self.read, "published": self.published, "accepted": self.accepted, "rejected": self.rejected,
            "corrected": self.corrected, "gaps": self.gaps, "sources": self.sources,
        });
        Report::done(json, text)
    }
}

fn add(total: &mut BTreeMap<String, i64>, counts: BTreeMap<String, i64>) {
    for (reason, count) in counts {
        *total.entry(reason).or_default() += count;
    }
}

/// Publishes a file's blocks that are not there yet; gives rows read and rows published.
fn publish(
    node: &Node,
    request: &Request,
    mut source: Source,
    hash: &str,
    quiet: bool,
) -> Result<(i64, i64), Refusal> {
    let name = source.name().to_owned();
    let step = Step::begin(&format!("feed {name}"), source.bytes_total(), "bytes", quiet);
    let began = Instant::now();
    let (mut rows, mut blocks, mut published_rows) = (0_i64, 0_i64, 0_i64);
    let mut first_time = None;
    let mut waiting = Vec::new();
    let mut present = None;
    while let Some(block) = source.next_block()? {
        if node.is_interrupted() {
            return Err(Refusal::Interrupted);
        }
        let (event, count, time) = match block {
            Block::Ticks(block) => {
                if present.is_none() {
                    let ticks = Block::Ticks(block.clone());
                    present = Some(define(node, request, source.format(), &ticks)?);
                }
                let (count, time) = (block.len() as i64, block.times.first().copied());
                (Event::from(block), count, time)
            }
            Block::Bars(block) => {
                if present.is_none() {
                    let bars = Block::Bars(block.clone());
                    present = Some(define(node, request, source.format(), &bars)?);
                }
                let (count, time) = (block.open_times.len() as i64, block.open_times.first().copied());
                (Event::from(block), count, time)
            }
        };
        if let (Some(factor), Some(time)) = (request.speed, time) {
            let first = *first_time.get_or_insert(time);
            pace(node, &began, Duration::from_nanos(((time - first).max(0) as f64 / factor) as u64))?;
        }
        rows += count;
        blocks += 1;
        if !present.as_ref().is_some_and(|ids: &std::collections::HashSet<_>| ids.contains(&event.id())) {
            published_rows += count;
            waiting.push(record(node, &event, "feed")?);
        }
        if waiting.len() >= BLOCKS_PER_APPEND || (request.speed.is_some() && !waiting.is_empty()) {
            node.log.append(std::mem::take(&mut waiting))?;
        }
        step.at(source.bytes_read());
    }
    let instrument = request.options.instrument.as_str().to_owned();
    let end = FeedCompleted { instrument, source: hash.to_owned(), name, rows, blocks };
    let end = Event::from(end);
    if !present.is_some_and(|ids| ids.contains(&end.id())) {
        waiting.push(record(node, &end, "feed")?);
    }
    node.log.append(waiting)?;
    let read = i64::try_from(source.rows_read()).unwrap_or(i64::MAX);
    step.end(&format!("{rows} rows in {blocks} blocks"));
    Ok((read, published_rows))
}

/// Publishes the instrument's definition if it is new, and gives the ids that its partition holds.
fn define(
    node: &Node,
    request: &Request,
    format: Format,
    first: &Block,
) -> Result<std::collections::HashSet<gauntlet_domain::EventId>, Refusal> {
    let instrument = &request.options.instrument;
    let definition = Event::from(gauntlet_feed::definition(instrument, format, first, &request.bars));
    let present = published(node, &definition)?;
    publish_once(node, "feed", &[definition])?;
    Ok(present)
}

/// Sleeps until wall time has come as far as event time allows.
fn pace(node: &Node, began: &Instant, due: Duration) -> Result<(), Refusal> {
    while began.elapsed() < due {
        if node.is_interrupted() {
            return Err(Refusal::Interrupted);
        }
        std::thread::sleep((due - began.elapsed().min(due)).min(Duration::from_millis(50)));
    }
    Ok(())
}

/// The source's row once cleaning has answered for it.
fn cleaned(node: &Node, instrument: &str, hash: &str) -> Result<Option<Row>, Refusal> {
    let row = node.views.row(&schema::SOURCES, &[instrument.into(), hash.into()])?;
    Ok(row.filter(|row| row.get("status").and_then(|status| status.as_text()) == Some("cleaned")))
}

fn long(row: &Row, column: &str) -> i64 {
    row.get(column).and_then(|value| value.as_long()).unwrap_or(0)
}

fn counts(row: &Row, column: &str) -> BTreeMap<String, i64> {
    let text = row.get(column).and_then(|value| value.as_text());
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// A file's name without folders.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
