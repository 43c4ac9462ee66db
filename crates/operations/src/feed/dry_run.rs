//! `feed --dry-run`: what a file is understood as and what cleaning would say of it. Nothing is published; a log is opened only
//! to look up what the instrument is defined as.

use std::collections::BTreeMap;
use std::path::Path;

use gauntlet_domain::decimal::{Price, Quantity};
use gauntlet_domain::market::{BarBlock, TickBlock, TickKind};
use gauntlet_domain::{Event, Timestamp};
use gauntlet_feed::{Block, Stop};
use serde::Serialize;

use super::spool::Readable;
use super::stopped::Stopped;
use super::trial::{TRIED_ROWS, Trial};
use super::{FeedRequest, Understood, files};
use crate::coverage::known;
use crate::node::Node;
use crate::refusal::Refusal;

/// Rows that are shown.
const SHOWN_ROWS: usize = 3;

/// What would come of all files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// Each file.
    pub files: Vec<DryFile>,
}

/// What would come of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryFile {
    /// The path as given.
    pub file: String,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it was understood as, and what its rows are.
    #[serde(flatten)]
    pub read: Option<DryRead>,
}

/// A file that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRead {
    /// What it was understood as.
    pub understood: gauntlet_feed::Understood,
    /// Rows of the instrument that were read and cleaned.
    pub rows: i64,
    /// Whether that is the whole file; otherwise its first 100,000 rows.
    pub whole: bool,
    /// The first of them.
    pub first_rows: Vec<ShownRow>,
    /// Range of their times.
    pub times: Option<(String, String)>,
    /// Range of their prices, those of quotes on both sides.
    pub prices: Option<(String, String)>,
    /// Rows that would be left out, by reason.
    pub rejected: BTreeMap<String, i64>,
    /// Rows that would be put right or flagged, by reason.
    pub corrected: BTreeMap<String, i64>,
    /// Gaps.
    pub gaps: i64,
    /// Why `feed` would not publish it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// What a person should know of how it is read.
    pub warnings: Vec<String>,
}

/// A row as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownRow {
    /// Its number in the file.
    pub row: i64,
    /// Its time.
    pub time: String,
    /// What it says: names and values.
    #[serde(serialize_with = "as_object")]
    pub values: Vec<(&'static str, String)>,
}

impl DryRun {
    /// Whether `feed` would take all files.
    pub fn is_good(&self) -> bool {
        self.files.iter().all(|file| file.read.as_ref().is_some_and(|read| read.stopped.is_none()))
    }
}

/// Reads files as `feed` would. Several files are each said what they are; one that cannot be read is a refusal.
pub fn dry_run(request: &FeedRequest) -> Result<DryRun, Refusal> {
    dry_run_of(Understood::of(request, Stop::default())?, request)
}

/// The same of an instrument as it is defined on a node.
pub fn dry_run_on(node: &Node, request: &FeedRequest) -> Result<DryRun, Refusal> {
    let mut understood = Understood::of(request, Stop::when(node.interrupted.clone()))?;
    understood.is_known_as(known(node, &understood.options.instrument)?.definition);
    dry_run_of(understood, request)
}

fn dry_run_of(understood: Understood, request: &FeedRequest) -> Result<DryRun, Refusal> {
    let (paths, _) = files(&request.paths)?;
    let is_one = paths.len() == 1;
    let mut found = Vec::new();
    for path in paths {
        let file = path.display().to_string();
        let read = read_at(&path, &understood);
        found.push(match read {
            Ok(read) => DryFile { file, error: None, read: Some(read) },
            Err(refusal) if is_one => return Err(refusal),
            Err(refusal) => DryFile { file, error: Some(refusal.to_string()), read: None },
        });
    }
    Ok(DryRun { files: found })
}

/// Reads what lies at a path. What comes through a pipe lies in a file until then.
fn read_at(path: &Path, request: &Understood) -> Result<DryRead, Refusal> {
    let folder = std::env::temp_dir().join(format!("gauntlet-dry-run-{}", std::process::id()));
    let readable = Readable::at(path, &folder, &request.options)?;
    read(readable.open(&request.options)?, request)
}

/// Reads one file, or its first rows.
fn read(mut source: gauntlet_feed::Source, request: &Understood) -> Result<DryRead, Refusal> {
    let mut seen = Seen::default();
    let mut trial: Option<Trial> = None;
    let mut trip = None;
    let whole = loop {
        if trial.as_ref().is_some_and(|trial| trial.rows >= TRIED_ROWS) {
            break false;
        }
        let Some(block) = source.next_block()? else { break true };
        let event = match block {
            Block::Ticks(block) => {
                seen.ticks(&block);
                Event::from(block)
            }
            Block::Bars(block) => {
                seen.bars(&block);
                Event::from(block)
            }
        };
        let trial = trial.get_or_insert_with(|| {
            Trial::new(gauntlet_feed::definition(
                source.instrument(),
                &source,
                &request.bars,
                request.known.as_ref(),
            ))
        });
        trip = trip.or(trial.take(&event, source.missing()));
    };
    let Some(mut trial) = trial else {
        return Err(Refusal::BadInput(format!("{}: has no row", source.name())));
    };
    let at_end = if whole { trial.end(&source) } else { trial.share() };
    let stopped = trip.or(at_end).map(|trip| Stopped::of(trip, &source, 0)).transpose()?;
    let price = |price: i64| source.scale().price_text(Price(price));
    let time = |time: i64| Timestamp(time).to_string();
    Ok(DryRead {
        understood: source.understood(),
        rows: trial.rows,
        whole,
        first_rows: seen.first,
        times: seen.times.map(|(from, to)| (time(from), time(to))),
        prices: seen.prices.map(|(low, high)| (price(low), price(high))),
        rejected: trial.tally.rejected,
        corrected: trial.tally.corrected,
        gaps: trial.tally.gaps,
        stopped,
        warnings: source.warnings(),
    })
}

/// Rows as they were read.
#[derive(Default)]
struct Seen {
    first: Vec<ShownRow>,
    times: Option<(i64, i64)>,
    prices: Option<(i64, i64)>,
}

impl Seen {
    fn ticks(&mut self, block: &TickBlock) {
        let price = |value: i64| block.scale.price_text(Price(value));
        let size =
            |values: &[i64], at: usize| values.get(at).map(|size| block.scale.size_text(Quantity(*size)));
        for at in 0..block.len() {
            let kind = TickKind::from_code(block.kinds[at]);
            let is_quote = matches!(kind, Some(TickKind::Quote | TickKind::ReceivedQuote));
            let is_readable = kind.is_some_and(|kind| (kind as u8) < FIRST_FAULT);
            let has_price = is_readable && kind != Some(TickKind::Book);
            let (low, high) = (block.prices[at], block.asks.get(at).copied().filter(|_| is_quote));
            if has_price && kind != Some(TickKind::VolumeOnly) {
                self.range(block.times[at], low, high.unwrap_or(low));
            }
            if self.first.len() >= SHOWN_ROWS {
                continue;
            }
            let mut values = Vec::new();
            let mut put = |name: &'static str, value: Option<String>| {
                values.extend(value.map(|value| (name, value)));
            };
            put("kind", kind.map(kind_name));
            if has_price && is_quote {
                put("bid", Some(price(low)));
                put("ask", high.map(price));
                put("bid_size", size(&block.sizes, at));
                put("ask_size", size(&block.ask_sizes, at));
            } else if has_price {
                put("price", Some(price(low)));
                put("size", size(&block.sizes, at));
            }
            put("id", block.sequences.get(at).map(i64::to_string));
            self.first.push(ShownRow {
                row: block.rows[at],
                time: Timestamp(block.times[at]).to_string(),
                values,
            });
        }
    }

    fn bars(&mut self, block: &BarBlock) {
        for at in 0..block.rows.len() {
            let is_readable = block.kinds[at] < FIRST_FAULT;
            if is_readable {
                self.range(block.open_times[at], block.lows[at], block.highs[at]);
            }
            if self.first.len() >= SHOWN_ROWS {
                continue;
            }
            let prices = [
                ("open", &block.opens),
                ("high", &block.highs),
                ("low", &block.lows),
                ("close", &block.closes),
            ];
            let mut values: Vec<(&'static str, String)> = match is_readable {
                true => {
                    prices.map(|(name, values)| (name, block.scale.price_text(Price(values[at])))).to_vec()
                }
                false => vec![("kind", "cannot be read".to_owned())],
            };
            let volume = block.volumes.get(at).filter(|_| is_readable);
            values.extend(volume.map(|volume| ("volume", block.scale.size_text(Quantity(*volume)))));
            self.first.push(ShownRow {
                row: block.rows[at],
                time: Timestamp(block.open_times[at]).to_string(),
                values,
            });
        }
    }

    fn range(&mut self, time: i64, low: i64, high: i64) {
        let wider = |range: Option<(i64, i64)>, low: i64, high: i64| {
            Some(range.map_or((low, high), |(from, to)| (from.min(low), to.max(high))))
        };
        self.times = wider(self.times, time, time);
        self.prices = wider(self.prices, low.min(high), high.max(low));
    }
}

/// The name of a kind in small letters, with a space between its words.
fn kind_name(kind: TickKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push(' ');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn as_object<S: serde::Serializer>(
    values: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name, value)))
}

/// Code of the first kind of a row that cannot be read.
const FIRST_FAULT: u8 = 16;
