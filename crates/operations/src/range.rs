//! `data bars`, `data ticks`: the bars or ticks of an instrument in a range of time, as they lie on the log.
//!
//! Ticks come as the source gave them, in the order of the log: what cleaning rejected among them is in the list `quality`, by row
//! and source. Rows of a source that was given up are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gauntlet_config::nearest;
use gauntlet_domain::market::SnapshotDue;
use gauntlet_domain::topics::{MARKET_TICKS, MARKET_TICKS_V2};
use gauntlet_domain::{BarSpec, Event, InstrumentId, SnapshotId, Timestamp};
use gauntlet_lake::table::{ColumnKind, TableFormat, TableWriter};
use gauntlet_log::{LogError, TopicPartition, partition_for};
use gauntlet_runtime::{events, restore};
use gauntlet_views::schema;
use serde::{Deserialize, Serialize};

use crate::coverage::known;
use crate::node::Node;
pub use crate::range_rows::{BAR_COLUMNS, BarRow, TICK_COLUMNS, TickFields, TickRow, bar_cells};
use crate::range_rows::{tick, tick_cells};
use crate::refusal::Refusal;
use crate::rows::text;

/// Bars or ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Series {
    /// Closed bars of a length, after all revisions; the only one that there is when left out.
    Bars(Option<BarSpec>),
    /// Ticks.
    Ticks,
}

/// Which of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRequest {
    /// `SYMBOL.VENUE`, or a symbol that one venue alone has.
    pub instrument: String,
    /// What of it.
    pub series: Series,
    /// First time: of a bar its open, of a tick its own.
    pub from: Timestamp,
    /// The time before which a tick lies, and at or before which a bar has closed.
    pub to: Timestamp,
    /// A file that ends in `.csv`, `.parquet` or `.arrow`; the rows in the answer when left out.
    pub out: Option<PathBuf>,
}

/// Rows of an answer at most; a file has no such bound.
const MOST_ROWS: usize = 1_000_000;

/// What there is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranged {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Rows in the range.
    pub rows: usize,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// The bars, where no file was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bars: Option<Vec<BarRow>>,
    /// The ticks, where no file was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticks: Option<Vec<TickRow>>,
}

/// Where the blocks of a partition lie and which times they hold, by instrument: folded from the records as it is asked.
#[derive(Default)]
pub(crate) struct TickPlaces(Mutex<BTreeMap<TopicPartition, Blocks>>);

#[derive(Default)]
struct Blocks {
    /// Every record before this offset has been taken in.
    next: u64,
    /// Offset, first and last time of each block.
    of: BTreeMap<String, Vec<(u64, i64, i64)>>,
    /// Sources that were given up.
    given_up: BTreeSet<String>,
}

impl Blocks {
    fn take(&mut self, offset: u64, event: Event) {
        self.next = offset + 1;
        match event {
            Event::TickBlock(block) => {
                let ends = block.times.iter().min().zip(block.times.iter().max());
                if let Some((first, last)) = ends {
                    self.of.entry(block.instrument).or_default().push((offset, *first, *last));
                }
            }
            Event::FeedAborted(feed) => drop(self.given_up.insert(feed.source)),
            _ => {}
        }
    }
}

/// Gives the ticks of an instrument in a range, block by block, in the order of the log.
fn each_block(
    node: &Node,
    instrument: &str,
    (from, to): (Timestamp, Timestamp),
    give: &mut dyn FnMut(Vec<TickRow>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    for topic in [MARKET_TICKS, MARKET_TICKS_V2] {
        let partition = partition_for(instrument.as_bytes(), node.log.partitions(topic.name)?);
        let place = TopicPartition::new(topic.name, partition);
        let (offsets, given_up) = touched(node, &place, instrument, (from, to))?;
        for offset in offsets {
            let mut rows = Vec::new();
            restore::for_each(&*node.log, &place, offset, offset + 1, |record| {
                if let Some(Event::TickBlock(block)) = event(node, &record)?
                    && !given_up.contains(&block.source)
                {
                    let in_range = |row: &TickRow| from <= row.time && row.time < to;
                    rows = (0..block.len()).filter_map(|at| tick(&block, at)).filter(in_range).collect();
                }
                Ok(())
            })?;
            give(rows)?;
        }
    }
    Ok(())
}

fn event(node: &Node, record: &gauntlet_log::Record) -> Result<Option<Event>, LogError> {
    Ok(events::readable(&node.codec, record)?.map(|recorded| recorded.event))
}

/// The offsets of an instrument's blocks that hold times of a range, and the sources that were given up.
fn touched(
    node: &Node,
    place: &TopicPartition,
    instrument: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<(Vec<u64>, BTreeSet<String>), Refusal> {
    let (start, end) = node.log.bounds(place)?;
    let mut partitions = node.ticks.0.lock().unwrap_or_else(PoisonError::into_inner);
    let blocks = partitions.entry(place.clone()).or_default();
    let begin = blocks.next.max(start);
    restore::for_each(&*node.log, place, begin, end, |record| {
        match event(node, &record)? {
            Some(event) => blocks.take(record.offset, event),
            None => blocks.next = record.offset + 1,
        }
        Ok(())
    })?;
    let of = blocks.of.get(instrument).map(Vec::as_slice).unwrap_or_default();
    let is_touched =
        |(offset, first, last): &&(u64, i64, i64)| *offset >= start && *last >= from.0 && *first < to.0;
    Ok((of.iter().filter(is_touched).map(|(offset, ..)| *offset).collect(), blocks.given_up.clone()))
}

/// The instrument that is meant.
fn instrument(node: &Node, name: &str) -> Result<String, Refusal> {
    let rows = node.views.scan(&schema::SOURCES, None)?;
    let fed: BTreeSet<&str> = rows.iter().filter_map(|row| text(row, "instrument")).collect();
    if fed.contains(name) {
        return Ok(name.to_owned());
    }
    // What a program sends is in no view before its source has ended.
    if let Some((symbol, venue)) = name.rsplit_once('.')
        && let Ok(id) = InstrumentId::new(symbol, venue)
        && known(node, &id)?.definition.is_some()
    {
        return Ok(name.to_owned());
    }
    let of_symbol: Vec<&&str> =
        fed.iter().filter(|fed| fed.split_once('.').is_some_and(|(symbol, _)| symbol == name)).collect();
    match of_symbol.as_slice() {
        [one] => Ok((**one).to_owned()),
        [] => {
            let hint = nearest(name, fed.iter().copied()).map(|name| format!("did you mean {name}? "));
            let known = if fed.is_empty() { "nothing".into() } else { Vec::from_iter(fed).join(", ") };
            let hint = hint.unwrap_or_default();
            Err(Refusal::NotFound(format!("there are no data of {name}: {hint}there are data of {known}")))
        }
        several => {
            let several = several.iter().map(|name| **name).collect::<Vec<_>>().join(" or ");
            Err(Refusal::BadInput(format!("several venues have {name}: write {several}")))
        }
    }
}

/// Whether there is such an instrument, and such bars of it.
pub fn check(node: &Node, request: &RangeRequest) -> Result<(), Refusal> {
    let instrument = instrument(node, &request.instrument)?;
    if let Series::Bars(spec) = request.series {
        closed(node, &instrument, spec)?;
    }
    Ok(())
}

/// Bars or ticks of a range, into a file or into the answer.
pub fn range(node: &Node, request: &RangeRequest) -> Result<Ranged, Refusal> {
    let instrument = instrument(node, &request.instrument)?;
    let mut ranged = Ranged { instrument, rows: 0, out: request.out.clone(), bars: None, ticks: None };
    if let Some(out) = &request.out {
        let format = format_of_file(out)?;
        let failed = |error: std::io::Error| Refusal::Outside(format!("{}: {error}", out.display()));
        let file = std::io::BufWriter::new(std::fs::File::create(out).map_err(failed)?);
        ranged.rows = write(node, request, format, file)?;
        return Ok(ranged);
    }
    match request.series {
        Series::Bars(spec) => {
            let bars = bars(node, &ranged.instrument, spec, request)?;
            ranged.rows = bars.len();
            require_few(ranged.rows)?;
            ranged.bars = Some(bars);
        }
        Series::Ticks => {
            let mut ticks = Vec::new();
            each_block(node, &ranged.instrument, (request.from, request.to), &mut |rows| {
                ticks.extend(rows);
                require_few(ticks.len())
            })?;
            ranged.rows = ticks.len();
            ranged.ticks = Some(ticks);
        }
    }
    Ok(ranged)
}

fn require_few(rows: usize) -> Result<(), Refusal> {
    if rows <= MOST_ROWS {
        return Ok(());
    }
    Err(Refusal::BadInput(format!(
        "more than {MOST_ROWS} rows are no answer: narrow the range, or ask for a file"
    )))
}

/// The length of bars that is meant, of those that have closed.
fn closed(node: &Node, instrument: &str, spec: Option<BarSpec>) -> Result<BarSpec, Refusal> {
    let closed = node.bars.specs(instrument)?;
    let there_are = || closed.iter().map(BarSpec::to_string).collect::<Vec<_>>().join(", ");
    match (spec, closed.iter().next()) {
        (Some(spec), _) if closed.contains(&spec) => Ok(spec),
        (None, Some(only)) if closed.len() == 1 => Ok(*only),
        (None, Some(_)) => {
            Err(Refusal::BadInput(format!("say which bars of {instrument}: there are {}", there_are())))
        }
        (_, None) => Err(Refusal::NotFound(format!("no bars of {instrument} have closed yet"))),
        (Some(spec), Some(_)) => Err(Refusal::NotFound(format!(
            "there are no {spec} bars of {instrument}: there are {}",
            there_are()
        ))),
    }
}

fn bars(
    node: &Node,
    instrument: &str,
    spec: Option<BarSpec>,
    request: &RangeRequest,
) -> Result<Vec<BarRow>, Refusal> {
    let spec = closed(node, instrument, spec)?;
    let revision = node.bars.revision(instrument, spec)?;
    let (snapshot_id, instrument) = (SnapshotId::derive(&[b"range"]), instrument.to_owned());
    let due = SnapshotDue { snapshot_id, instrument, spec, from: request.from, to: request.to, revision };
    Ok(node.bars.bars(&due)?.iter().map(BarRow::from).collect())
}

/// How a file is written, by the ending of its name.
pub fn format_of_file(out: &Path) -> Result<TableFormat, Refusal> {
    match out.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok(TableFormat::Csv),
        Some("parquet") => Ok(TableFormat::Parquet),
        Some("arrow") => Ok(TableFormat::Arrow),
        _ => Err(Refusal::BadInput(format!(
            "--out {}: give a name that ends in .csv, .parquet or .arrow",
            out.display()
        ))),
    }
}

/// Writes a range; answers how many rows it has.
pub fn write<W: std::io::Write + Send>(
    node: &Node,
    request: &RangeRequest,
    format: TableFormat,
    to: W,
) -> Result<usize, Refusal> {
    let instrument = instrument(node, &request.instrument)?;
    let columns: &[(&str, ColumnKind)] = match request.series {
        Series::Bars(_) => &BAR_COLUMNS,
        Series::Ticks => &TICK_COLUMNS,
    };
    let mut writer = TableWriter::new(format, columns, to).map_err(unwritten)?;
    let mut rows = 0;
    match request.series {
        Series::Bars(spec) => {
            let bars = bars(node, &instrument, spec, request)?;
            rows = bars.len();
            writer.write(bar_cells(&bars)).map_err(unwritten)?;
        }
        Series::Ticks => each_block(node, &instrument, (request.from, request.to), &mut |ticks| {
            rows += ticks.len();
            if ticks.is_empty() { Ok(()) } else { writer.write(tick_cells(&ticks)).map_err(unwritten) }
        })?,
    }
    writer.finish().map_err(unwritten)?;
    Ok(rows)
}

fn unwritten(error: impl std::fmt::Display) -> Refusal {
    Refusal::Outside(format!("the rows cannot be written: {error}"))
}
