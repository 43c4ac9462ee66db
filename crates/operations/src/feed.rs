//! `feed`: publishes files of ticks or bars and answers with what cleaning made of them.
//!
//! Idempotent: a file is known by its hash, its blocks by their number, so feeding it again (also after an interrupted
//! first time) adds only what is missing, or, when much was published in between, what is dropped as a duplicate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gauntlet_domain::market::{BarStamp, FeedCompleted, InstrumentDefined};
use gauntlet_domain::{BarSpec, Event, InstrumentId};
use gauntlet_feed::{BarRules, Block, Format, Options, Reading, Source};
use gauntlet_runtime::Running;
use gauntlet_runtime::recent::{self, SourceProgress};
use gauntlet_views::{Row, schema};
use serde::{Deserialize, Serialize};

use crate::coverage;
use crate::node::Node;
use crate::progress::Progress;
use crate::publish::{place_of, publish_once, record};
use crate::refusal::Refusal;

/// Blocks that one append holds.
const BLOCKS_PER_APPEND: usize = 16;

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
}

/// Feeds and waits until cleaning has caught up.
pub fn feed(
    node: &Node,
    running: &Running,
    request: &FeedRequest,
    progress: &dyn Progress,
) -> Result<Fed, Refusal> {
    let mut understood = Understood::of(request)?;
    understood.known = coverage::known(node, &understood.options.instrument)?.definition;
    understood.options.scale = understood.known.as_ref().map(|known| known.scale);
    let mut fed = Fed::default();
    for path in files(&request.paths)? {
        let source = gauntlet_feed::open(&path, &understood.options)?;
        // The first data fix it.
        understood.options.scale = Some(source.scale());
        fed.add(feed_source(node, running, &understood, source, progress)?);
    }
    Ok(fed)
}

/// A request, understood.
struct Understood {
    options: Options,
    /// What the instrument is defined as before the first file.
    known: Option<InstrumentDefined>,
    bars: BarRules,
    speed: Option<f64>,
}

impl Understood {
    fn of(request: &FeedRequest) -> Result<Understood, Refusal> {
        let instrument = InstrumentId::new(&request.instrument, &request.venue).map_err(Refusal::input)?;
        let mut options = Options::new(instrument);
        options.format = request.format;
        options.utc_offset_seconds = request.utc_offset_seconds;
        options.market = request.market.clone();
        options.bar_spec = request.spec;
        options.bar_stamp = request.stamp;
        options.reading = request.reading.clone();
        let bars = BarRules { lateness_nanos: request.lateness_nanos, ..BarRules::new(request.bars.clone()) };
        Ok(Understood { options, known: None, bars, speed: request.speed })
    }
}

/// Files as given; the files of a folder in the order of their names, numbers in them by value: part-2 before part-10.
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
        // Names that differ in zeros before a number alone are in the order of their letters, never in that of the folder.
        inside.sort_by_cached_key(|path| (natural(&path.to_string_lossy()), path.clone()));
        if inside.is_empty() {
            return Err(Refusal::BadInput(format!("{}: the folder has no files", path.display())));
        }
        files.extend(inside);
    }
    Ok(files)
}

/// A text as its pieces: numbers by value, what is between them as it is.
fn natural(text: &str) -> Vec<(u128, String)> {
    let mut pieces: Vec<(u128, String)> = vec![(0, String::new())];
    let mut was_digit = false;
    for character in text.chars() {
        let digit = character.to_digit(10);
        if digit.is_some() && !was_digit {
            pieces.push((0, String::new()));
        }
        if let Some((number, rest)) = pieces.last_mut() {
            match digit {
                Some(digit) => *number = number.saturating_mul(10).saturating_add(u128::from(digit)),
                None => rest.push(character),
            }
        }
        was_digit = digit.is_some();
    }
    pieces
}

/// Publishes one file and waits for what cleaning makes of it.
fn feed_source(
    node: &Node,
    running: &Running,
    request: &Understood,
    mut source: Source,
    progress: &dyn Progress,
) -> Result<FedSource, Refusal> {
    let instrument = request.options.instrument.as_str().to_owned();
    let (name, hash) = (source.name().to_owned(), source.source_hash().to_string());
    let known = cleaned(node, &instrument, &hash)?;
    let mut warnings = Vec::new();
    let (read, published) = match &known {
        Some(row) => (long(row, "rows"), 0),
        None => {
            let counts = publish(node, request, &mut source, &hash, progress)?;
            warnings = source.warnings();
            counts
        }
    };
    let row = node.wait_for(running, || cleaned(node, &instrument, &hash))?;
    let (accepted, rejected) = (long(&row, "accepted"), counts(&row, "rejected"));
    // A row is in a bar or in the ledger: nothing is lost on the way.
    let (rows, decided) = (long(&row, "rows"), accepted + rejected.values().sum::<i64>());
    if rows != decided {
        return Err(Refusal::Broken(format!("{name}: of {rows} rows {decided} were accepted or rejected")));
    }
    Ok(FedSource {
        name,
        source: hash,
        read,
        published,
        accepted,
        rejected,
        corrected: counts(&row, "corrected"),
        gaps: long(&row, "gaps"),
        already_there: known.is_some(),
        warnings,
    })
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
}

fn add(total: &mut BTreeMap<String, i64>, counts: &BTreeMap<String, i64>) {
    for (reason, count) in counts {
        *total.entry(reason.clone()).or_default() += count;
    }
}

/// Publishes a file's blocks that are not there yet; gives rows read and rows published.
fn publish(
    node: &Node,
    request: &Understood,
    source: &mut Source,
    hash: &str,
    progress: &dyn Progress,
) -> Result<(i64, i64), Refusal> {
    let name = source.name().to_owned();
    let step = progress.begin(&format!("feed {name}"), source.bytes_total(), "bytes");
    let began = Instant::now();
    let (mut rows, mut blocks, mut published_rows) = (0_i64, 0_i64, 0_i64);
    let instrument = request.options.instrument.as_str().to_owned();
    let mut first_time = None;
    let mut waiting = Vec::new();
    let mut present = None;
    while let Some(block) = source.next_block()? {
        if node.is_interrupted() {
            return Err(Refusal::Interrupted);
        }
        let there: SourceProgress = match present {
            Some(there) => there,
            None => *present.insert(define(node, request, source, hash)?),
        };
        let (event, number, count, time) = match block {
            Block::Ticks(block) => {
                let (number, count) = (block.block, block.len());
                let time = block.times.first().copied();
                (Event::from(block), number, count as i64, time)
            }
            Block::Bars(block) => {
                let (number, count) = (block.block, block.open_times.len());
                let time = block.open_times.first().copied();
                (Event::from(block), number, count as i64, time)
            }
        };
        if let (Some(factor), Some(time)) = (request.speed, time) {
            let first = *first_time.get_or_insert(time);
            pace(node, &began, Duration::from_nanos(((time - first).max(0) as f64 / factor) as u64))?;
        }
        rows += count;
        blocks += 1;
        if number >= there.next {
            published_rows += count;
            waiting.push(record(node, &event, "feed")?);
        }
        if waiting.len() >= BLOCKS_PER_APPEND || (request.speed.is_some() && !waiting.is_empty()) {
            node.log.append(std::mem::take(&mut waiting))?;
        }
        step.at(source.bytes_read());
    }
    if !present.is_some_and(|there| there.completed) {
        let (source, scale) = (hash.to_owned(), source.scale());
        let end = FeedCompleted { instrument, source, name, rows, blocks, scale };
        waiting.push(record(node, &end.into(), "feed")?);
    }
    node.log.append(waiting)?;
    let read = i64::try_from(source.rows_read()).unwrap_or(i64::MAX);
    step.end(&format!("{rows} rows in {blocks} blocks"));
    Ok((read, published_rows))
}

/// Publishes the instrument's definition if it is new, and says how far the source has been published before.
fn define(node: &Node, request: &Understood, source: &Source, hash: &str) -> Result<SourceProgress, Refusal> {
    let instrument = &request.options.instrument;
    let definition =
        Event::from(gauntlet_feed::definition(instrument, source, &request.bars, request.known.as_ref()));
    let place = place_of(node, &definition)?;
    let there = recent::source_progress(&*node.log, &node.codec, &place, instrument.as_str(), hash)?;
    publish_once(node, "feed", &[definition])?;
    Ok(there)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_in_the_order_of_their_values() {
        let mut names =
            ["part-10.csv", "part-2.csv", "20140505_quote.zip", "20140504_quote.zip", "part-1.csv"];
        names.sort_by_cached_key(|name| natural(name));
        let sorted = ["20140504_quote.zip", "20140505_quote.zip", "part-1.csv", "part-2.csv", "part-10.csv"];
        assert_eq!(names, sorted);
    }
}
