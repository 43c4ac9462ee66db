//! `feed`: publishes files of ticks or bars and answers with what cleaning made of them.
//!
//! Idempotent: a file is known by its hash and by how it was read, its blocks by their number, so feeding it again (also after
//! an interrupted first time) adds only what is missing, or, when much was published in between, what is dropped as a
//! duplicate. Before its first block is published its first rows are cleaned on trial; a file that was probably read wrongly is
//! not published, and one in which that shows later is given up.

/// Too many refused rows.
pub mod breaker;
/// What a file was understood as.
pub mod dry_run;
/// Which files, in which order.
mod files;
/// What other files say about the same times.
mod overlaps;
/// A file on its way to the log.
mod publisher;
/// What comes through a pipe.
mod spool;
/// A feed that was given up.
mod stopped;
/// A file cleaned on trial.
mod trial;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gauntlet_domain::market::{BarStamp, InstrumentDefined};
use gauntlet_domain::topics::{MARKET_TICKS, MARKET_TICKS_V2};
use gauntlet_domain::{BarSpec, InstrumentId};
use gauntlet_feed::{BarRules, FeedError, Format, Options, Reading, Source, Stop};
use gauntlet_runtime::Running;
use gauntlet_runtime::recent::{self, SourceProgress};
use gauntlet_views::{Row, schema};
use serde::{Deserialize, Serialize};

use crate::coverage;
use crate::node::Node;
use crate::progress::Progress;
use crate::publish::place_in;
use crate::refusal::Refusal;
use crate::rows::text;

pub use files::{file_name, files};
pub use stopped::Stopped;

use publisher::{End, Publisher};
use spool::Readable;
use trial::{Next, Tally, Watched};

/// What to feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedRequest {
    /// Files, or folders whose files are taken in the order of their names.
    pub paths: Vec<PathBuf>,
    /// Symbol, such as XAUUSD.
    pub instrument: String,
    /// Venue, such as OANDA.
    pub venue: String,
    /// The files' format; told from each file when left out.
    pub format: Option<Format>,
    /// The files' clock against UTC.
    pub utc_offset_seconds: i32,
    /// Bars to build from ticks.
    pub bars: Vec<BarSpec>,
    /// Spec of ready-made bars whose spacing cannot be told from the file.
    pub spec: Option<BarSpec>,
    /// Which end of its bars the times of a file of ready-made bars are.
    pub stamp: BarStamp,
    /// Market of a file that holds several: spot, usdm, cm.
    pub market: Option<String>,
    /// Event time over wall time; as fast as it goes when left out.
    pub speed: Option<f64>,
    /// Nanoseconds by which a row may lie behind the latest one; the format's own when left out.
    #[serde(default)]
    pub lateness_nanos: Option<i64>,
    /// How the file is written, where it does not settle that itself.
    #[serde(default)]
    pub reading: Reading,
    /// Goes on however many rows are refused.
    #[serde(default)]
    pub accept_losses: bool,
}

/// What came of all files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fed {
    /// Rows read.
    pub read: i64,
    /// Rows published; the others were there already.
    pub published: i64,
    /// Rows that went into bars.
    pub accepted: i64,
    /// Rows left out, by reason.
    pub rejected: BTreeMap<String, i64>,
    /// Rows put right or flagged, by reason; they are among the accepted.
    pub corrected: BTreeMap<String, i64>,
    /// Gaps found.
    pub gaps: i64,
    /// Each file.
    pub sources: Vec<FedSource>,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FedSource {
    /// Its name.
    pub name: String,
    /// Its hash.
    pub source: String,
    /// Rows read.
    pub read: i64,
    /// Rows published.
    pub published: i64,
    /// Rows that went into bars.
    pub accepted: i64,
    /// Rows left out, by reason.
    pub rejected: BTreeMap<String, i64>,
    /// Rows put right or flagged, by reason; they are among the accepted.
    pub corrected: BTreeMap<String, i64>,
    /// Gaps found.
    pub gaps: i64,
    /// Whether all of it was there before.
    pub already_there: bool,
    /// What a person should know of how it was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it was given up: nothing of it counts. What cleaning said is of its rows alone then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Feeds and waits until cleaning has caught up. A file of which too many rows are refused is the last.
pub fn feed(
    node: &Node,
    running: &Running,
    request: &FeedRequest,
    progress: &dyn Progress,
) -> Result<Fed, Refusal> {
    let mut understood = Understood::of(request, Stop::when(node.interrupted.clone()))?;
    understood.is_known_as(coverage::known(node, &understood.options.instrument)?.definition);
    let mut fed = Fed::default();
    let paths = files(&request.paths)?.0;
    check_all(&paths, &understood.options)?;
    for path in paths {
        let readable = Readable::at(&path, &node.config.dir.join("spool"), &understood.options)?;
        understood.options.given_up = 0;
        let mut source = readable.open(&understood.options)?;
        let mut there = progress_of(node, &source)?;
        while there.aborted {
            // Nothing of it counts: all of it is another source.
            understood.options.given_up += 1;
            source = readable.open(&understood.options)?;
            there = progress_of(node, &source)?;
        }
        // The first data fix it.
        understood.options.scale = Some(source.scale());
        fed.add(feed_source(node, running, &understood, (source, there), progress)?);
        if fed.is_stopped() {
            break;
        }
    }
    Ok(fed)
}

/// Opens each of several files and reads its first block, so that nothing is published where one of them cannot be read. What
/// comes through a pipe comes once.
fn check_all(paths: &[PathBuf], options: &Options) -> Result<(), Refusal> {
    if paths.len() < 2 {
        return Ok(());
    }
    let mut options = options.clone();
    for path in paths.iter().filter(|path| !spool::is_pipe(path)) {
        let first = gauntlet_feed::open(path, &options).and_then(|mut source| {
            source.next_block()?;
            Ok(source.scale())
        });
        match first {
            Ok(scale) => options.scale = Some(scale),
            Err(error @ (FeedError::Interrupted { .. } | FeedError::Io { .. })) => return Err(error.into()),
            Err(error) => {
                let count = paths.len();
                return Err(Refusal::BadInput(format!(
                    "{error}; nothing of the {count} files was published"
                )));
            }
        }
    }
    Ok(())
}

/// A request, understood.
pub(crate) struct Understood {
    pub options: Options,
    /// What the instrument is defined as before the first file.
    pub known: Option<InstrumentDefined>,
    pub bars: BarRules,
    pub speed: Option<f64>,
    accepts_losses: bool,
}

impl Understood {
    /// Checks it. Reading ends once `stop` is raised.
    pub fn of(request: &FeedRequest, stop: Stop) -> Result<Understood, Refusal> {
        let instrument = InstrumentId::new(&request.instrument, &request.venue).map_err(Refusal::input)?;
        let mut options = Options::new(instrument);
        options.format = request.format;
        options.utc_offset_seconds = request.utc_offset_seconds;
        options.market = request.market.clone();
        options.bar_spec = request.spec;
        options.bar_stamp = request.stamp;
        options.reading = request.reading.clone();
        options.stop = stop;
        let bars = BarRules { lateness_nanos: request.lateness_nanos, ..BarRules::new(request.bars.clone()) };
        let (known, speed, accepts_losses) = (None, request.speed, request.accept_losses);
        Ok(Understood { options, known, bars, speed, accepts_losses })
    }
}

impl Understood {
    /// The instrument has this definition already: its scale is fixed, and what a document has set stays.
    pub fn is_known_as(&mut self, known: Option<InstrumentDefined>) {
        self.options.scale = known.as_ref().map(|known| known.scale);
        self.known = known;
    }
}

/// Publishes one file and waits for what cleaning makes of it.
fn feed_source(
    node: &Node,
    running: &Running,
    request: &Understood,
    (mut source, there): (Source, SourceProgress),
    progress: &dyn Progress,
) -> Result<FedSource, Refusal> {
    let instrument = request.options.instrument.as_str().to_owned();
    let (name, hash) = (source.name().to_owned(), source.source_hash().to_string());
    let known = cleaned(node, &instrument, &hash)?;
    let mut published = match &known {
        Some(row) => Published { read: long(row, "rows"), ..Published::default() },
        None => {
            let otherwise = overlaps::other_readings(node, &source)?;
            let mut published = publish(node, request, (&mut source, there), &hash, progress)?;
            published.warnings.extend(otherwise);
            published
        }
    };
    if let Some(stopped) = &published.stopped {
        let row = match stopped.published {
            0 => None,
            _ => Some(node.wait_for(running, || row_of(node, &instrument, &hash, "aborted"))?),
        };
        return Ok(FedSource::stopped(name, hash, published, row.as_ref()));
    }
    let row = node.wait_for(running, || cleaned(node, &instrument, &hash))?;
    let (accepted, rejected) = (long(&row, "accepted"), counts(&row, "rejected"));
    // A row is in a bar or in the ledger: nothing is lost on the way.
    let (rows, decided) = (long(&row, "rows"), accepted + rejected.values().sum::<i64>());
    if rows != decided {
        return Err(Refusal::Broken(format!("{name}: of {rows} rows {decided} were accepted or rejected")));
    }
    if let Some(alone) = &published.alone {
        published.warnings.extend(overlaps::said(&alone.rejected, &rejected));
    }
    Ok(FedSource {
        name,
        source: hash,
        read: published.read,
        published: published.rows,
        accepted,
        rejected,
        corrected: counts(&row, "corrected"),
        gaps: long(&row, "gaps"),
        already_there: known.is_some(),
        warnings: published.warnings,
        stopped: None,
    })
}

impl FedSource {
    /// A file that was given up. Where rows of it are on the log the counts are those of its source, `row`; otherwise those of the
    /// rows that were read.
    fn stopped(name: String, source: String, published: Published, row: Option<&Row>) -> FedSource {
        let alone = match row {
            Some(row) => Tally {
                rejected: counts(row, "rejected"),
                corrected: counts(row, "corrected"),
                gaps: long(row, "gaps"),
            },
            None => published.alone.unwrap_or_default(),
        };
        FedSource {
            name,
            source,
            read: published.read,
            published: published.rows,
            accepted: 0,
            rejected: alone.rejected,
            corrected: alone.corrected,
            gaps: alone.gaps,
            already_there: false,
            warnings: published.warnings,
            stopped: published.stopped,
        }
    }
}

impl Fed {
    fn add(&mut self, source: FedSource) {
        self.read += source.read;
        self.published += source.published;
        self.accepted += source.accepted;
        self.gaps += source.gaps;
        add(&mut self.rejected, &source.rejected);
        add(&mut self.corrected, &source.corrected);
        self.sources.push(source);
    }

    /// Whether the last file was given up.
    pub fn is_stopped(&self) -> bool {
        self.sources.last().is_some_and(|source| source.stopped.is_some())
    }
}

fn add(total: &mut BTreeMap<String, i64>, counts: &BTreeMap<String, i64>) {
    for (reason, count) in counts {
        *total.entry(reason.clone()).or_default() += count;
    }
}

/// What was published of a file.
#[derive(Default)]
struct Published {
    /// Rows read.
    read: i64,
    /// Rows that were not there before.
    rows: i64,
    /// What came of the rows of the file alone, as far as it was read.
    alone: Option<Tally>,
    warnings: Vec<String>,
    stopped: Option<Stopped>,
}

/// Publishes a file's blocks that are not there yet, once the rows of the trial have passed.
fn publish(
    node: &Node,
    request: &Understood,
    (source, there): (&mut Source, SourceProgress),
    hash: &str,
    progress: &dyn Progress,
) -> Result<Published, Refusal> {
    let step = progress.begin(&format!("feed {}", source.name()), source.bytes_total(), "bytes");
    let mut watched = Watched::new(source, request);
    let mut publisher = Publisher::new(node, request, hash, there);
    let trip = loop {
        match watched.next() {
            Ok(Next::Block(event)) => publisher.take(watched.source(), &event)?,
            Ok(Next::End) => break None,
            Ok(Next::Stopped(trip)) => break Some(trip),
            // Trying again goes on from here.
            Err(error @ (FeedError::Interrupted { .. } | FeedError::Io { .. })) => return Err(error.into()),
            Err(error) => {
                publisher.end(watched.source(), &End::Aborted(error.to_string()))?;
                return Err(Refusal::BadInput(format!("{error}{}", after(publisher.rows))));
            }
        }
        step.at(watched.source().bytes_read());
    };
    let end = trip.as_ref().map_or(End::Whole, |trip| End::Aborted(trip.reason.clone()));
    publisher.end(watched.source(), &end)?;
    let read = i64::try_from(watched.source().rows_read()).unwrap_or(i64::MAX);
    let alone = Some(watched.tally());
    step.end(&format!("{} rows in {} blocks", publisher.rows, publisher.blocks));
    let stopped = trip.map(|trip| Stopped::of(trip, source, publisher.rows)).transpose()?;
    Ok(Published { read, rows: publisher.new_rows, alone, warnings: source.warnings(), stopped })
}

/// What an error says of rows that are on the log already.
fn after(rows: i64) -> String {
    match rows {
        0 => String::new(),
        rows => format!(
            "; {rows} rows before it had been published: the source was given up, and they count for nothing"
        ),
    }
}

/// The source's row once cleaning has answered for it.
fn cleaned(node: &Node, instrument: &str, hash: &str) -> Result<Option<Row>, Refusal> {
    row_of(node, instrument, hash, "cleaned")
}

/// The source's row once it has that status.
fn row_of(node: &Node, instrument: &str, hash: &str, status: &str) -> Result<Option<Row>, Refusal> {
    let row = node.views.row(&schema::SOURCES, &[instrument.into(), hash.into()])?;
    Ok(row.filter(|row| text(row, "status") == Some(status)))
}

/// How far a source has been published before. What cleaning has answered for is in the views; the rest is on the log, for
/// cleaning may not have got there.
fn progress_of(node: &Node, source: &Source) -> Result<SourceProgress, Refusal> {
    let (instrument, hash) = (source.instrument().as_str(), source.source_hash().to_string());
    let row = node.views.row(&schema::SOURCES, &[instrument.into(), hash.as_str().into()])?;
    let ended = |aborted| SourceProgress { next: i64::MAX, completed: true, aborted };
    match row.as_ref().and_then(|row| text(row, "status")) {
        Some("cleaned") => Ok(ended(false)),
        Some("aborted") => Ok(ended(true)),
        _ => {
            let topic = if source.scale().is_usual() { MARKET_TICKS } else { MARKET_TICKS_V2 };
            let place = place_in(node, topic.name, instrument)?;
            Ok(recent::source_progress(&*node.log, &node.codec, &place, instrument, &hash)?)
        }
    }
}

fn long(row: &Row, column: &str) -> i64 {
    row.get(column).and_then(|value| value.as_long()).unwrap_or(0)
}

fn counts(row: &Row, column: &str) -> BTreeMap<String, i64> {
    let text = row.get(column).and_then(|value| value.as_text());
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
