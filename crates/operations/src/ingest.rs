//! Ticks that programs send, batch by batch. A source numbers its batches from 0, and each is one block on the log: what is sent
//! again is there already, what comes out of turn is refused, and nothing is taken in that cleaning would not see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_domain::market::{FeedCompleted, InstrumentDefined, TickBlock, TickKind};
use gauntlet_domain::{Event, InstrumentId, Scale, Timestamp};
use gauntlet_log::TopicPartition;
use gauntlet_runtime::recent;
use serde::{Deserialize, Serialize};

use crate::coverage;
use crate::node::Node;
use crate::publish::{place_in, record};
use crate::refusal::{Fault, Refusal};

/// Ticks of a batch at most.
pub const MOST_TICKS: usize = 10_000;
/// Sources that are remembered; beyond them all are forgotten and looked up again.
const MOST_SOURCES: usize = 4_096;
/// Characters of a source's name at most.
const LONGEST_NAME: usize = 200;
/// Records that cleaning may be behind before more are refused.
const MOST_BEHIND: u64 = 2_048;
/// How often it is looked how far cleaning is behind.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A batch of ticks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// `SYMBOL.VENUE`, which an instrument document has defined.
    pub instrument: String,
    /// Name of the stream: the same one for all of its batches.
    pub source: String,
    /// Number of this batch in its source, from 0.
    pub batch: i64,
    /// The ticks, in the order of the source.
    pub ticks: Vec<TickIn>,
}

/// A tick in natural units: a quote (`bid` and `ask`) or a trade (`price`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TickIn {
    /// Event time: RFC 3339, or nanoseconds since the epoch.
    pub time: TimeIn,
    /// Best bid.
    pub bid: Option<f64>,
    /// Best ask.
    pub ask: Option<f64>,
    /// Its size.
    pub bid_size: Option<f64>,
    /// Its size.
    pub ask_size: Option<f64>,
    /// Price of a trade.
    pub price: Option<f64>,
    /// Size of a trade.
    pub size: Option<f64>,
    /// Who was the aggressor: `buy` or `sell`; not known when left out.
    pub side: Option<Side>,
    /// The venue's own numbering: every tick of a batch has one, or none.
    pub sequence: Option<i64>,
}

/// A time in either form.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum TimeIn {
    /// Nanoseconds since the epoch, UTC.
    Nanos(i64),
    /// RFC 3339.
    Text(String),
}

/// The aggressor of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The buyer.
    Buy,
    /// The seller.
    Sell,
}

/// The end of a source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndOfSource {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Name of the stream.
    pub source: String,
    /// Batches that it had.
    pub batches: i64,
    /// Ticks that they had.
    pub ticks: i64,
}

/// What came of a batch, or of an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ingested {
    /// Ticks that were appended now; 0 where they were there already.
    pub appended: usize,
    /// The number of the batch that comes next.
    pub next: i64,
}

/// Why a batch is not taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// It is refused.
    Refused(Refusal),
    /// Another batch comes before it.
    OutOfTurn {
        /// The number of that one.
        expected: i64,
    },
    /// The source has ended.
    Ended,
    /// Cleaning is behind.
    Behind {
        /// By how many records.
        records: u64,
        /// How many it may be.
        most: u64,
    },
}

impl<E: Into<Refusal>> From<E> for NotTaken {
    fn from(error: E) -> NotTaken {
        NotTaken::Refused(error.into())
    }
}

/// What is known of a source: the next batch, if any is known, and the scale of its instrument.
#[derive(Debug, Clone, Copy)]
struct Source {
    next: Option<i64>,
    scale: Scale,
}

/// Sources that send ticks. Batches of one source are taken one after the other.
#[derive(Default)]
pub(crate) struct Sources {
    of: Mutex<BTreeMap<(String, String), Arc<Mutex<Option<Source>>>>>,
    /// How far cleaning was behind, by partition, and when that was looked.
    behind: Mutex<BTreeMap<TopicPartition, (u64, Instant)>>,
}

impl Sources {
    fn of(&self, instrument: &str, source: &str) -> Arc<Mutex<Option<Source>>> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= MOST_SOURCES {
            of.clear();
        }
        of.entry((instrument.to_owned(), source.to_owned())).or_default().clone()
    }
}

/// Takes a batch in: it is durable when this returns.
pub fn ingest(node: &Node, batch: &Batch) -> Result<Ingested, NotTaken> {
    let instrument = check(&batch.instrument, &batch.source)?;
    if batch.batch < 0 || batch.ticks.is_empty() || batch.ticks.len() > MOST_TICKS {
        let what = format!("a batch has a number from 0 on and 1 to {MOST_TICKS} ticks");
        return Err(Refusal::BadInput(what).into());
    }
    in_turn(node, &instrument, &batch.source, |source| {
        match source.next {
            Some(i64::MAX) => return Err(NotTaken::Ended),
            Some(next) if batch.batch < next => return Ok((Ingested { appended: 0, next }, source.next)),
            Some(next) if batch.batch > next => return Err(NotTaken::OutOfTurn { expected: next }),
            _ => {}
        }
        let event = Event::from(block(batch, source.scale)?);
        require_room(node, &event)?;
        node.log.append(vec![record(node, &event, "feed")?])?;
        let next = batch.batch + 1;
        Ok((Ingested { appended: batch.ticks.len(), next }, Some(next)))
    })
}

/// Ends a source: what waits for later ticks is decided.
pub fn end(node: &Node, end: &EndOfSource) -> Result<Ingested, NotTaken> {
    let instrument = check(&end.instrument, &end.source)?;
    in_turn(node, &instrument, &end.source, |source| {
        match source.next {
            Some(i64::MAX) => return Ok((Ingested { appended: 0, next: i64::MAX }, source.next)),
            Some(next) if end.batches != next => return Err(NotTaken::OutOfTurn { expected: next }),
            _ => {}
        }
        let event = Event::from(FeedCompleted {
            instrument: end.instrument.clone(),
            source: end.source.clone(),
            name: end.source.clone(),
            rows: end.ticks,
            blocks: end.batches,
            scale: source.scale,
        });
        node.log.append(vec![record(node, &event, "feed")?])?;
        Ok((Ingested { appended: 0, next: i64::MAX }, Some(i64::MAX)))
    })
}

fn check(instrument: &str, source: &str) -> Result<InstrumentId, Refusal> {
    let wrong = || Refusal::BadInput(format!("instrument: '{instrument}' is no SYMBOL.VENUE"));
    let (symbol, venue) = instrument.rsplit_once('.').ok_or_else(wrong)?;
    let id = InstrumentId::new(symbol, venue).map_err(Refusal::input)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:/@+".contains(c);
    if source.is_empty() || source.len() > LONGEST_NAME || !source.chars().all(is_plain) {
        return Err(Refusal::BadInput(format!(
            "source: a name has 1 to {LONGEST_NAME} letters, digits and . _ - : / @ +"
        )));
    }
    Ok(id)
}

/// Does something with a source that nobody else does anything with meanwhile. Where it is out of turn by what this process
/// knows, another one may have taken batches: the log is asked before it is refused.
fn in_turn(
    node: &Node,
    instrument: &InstrumentId,
    name: &str,
    work: impl Fn(Source) -> Result<(Ingested, Option<i64>), NotTaken>,
) -> Result<Ingested, NotTaken> {
    let held = node.sources.of(instrument.as_str(), name);
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let known = *held;
    let source = known.map_or_else(|| look_up(node, instrument, name), Ok)?;
    *held = Some(source);
    let done = match work(source) {
        Err(NotTaken::OutOfTurn { .. }) if known.is_some() => {
            let source = look_up(node, instrument, name)?;
            *held = Some(source);
            work(source)
        }
        done => done,
    };
    let (ingested, next) = done.inspect_err(|why| {
        // Whether an append that failed has happened is not known.
        if let NotTaken::Refused(Refusal::Outside(_)) = why {
            *held = None;
        }
    })?;
    *held = Some(Source { next, ..source });
    Ok(ingested)
}

/// What the log says of a source.
fn look_up(node: &Node, instrument: &InstrumentId, name: &str) -> Result<Source, Refusal> {
    let definition: Option<InstrumentDefined> = coverage::known(node, instrument)?.definition;
    let Some(definition) = definition else {
        return Err(Refusal::NotFound(format!(
            "{instrument} is not defined: define it first (POST /api/v1/instruments, or gauntlet instrument set), so that it is \
             known how its prices are cleaned and which bars are made"
        )));
    };
    let scale = definition.scale;
    let like = TickBlock { instrument: instrument.as_str().to_owned(), scale, ..TickBlock::default() };
    let place = place_in(node, Event::from(like).topic().name, instrument.as_str())?;
    let progress = recent::source_progress(&*node.log, &node.codec, &place, instrument.as_str(), name)?;
    Ok(Source { next: (progress.next > 0).then_some(progress.next), scale })
}

/// Refuses more where cleaning is behind.
fn require_room(node: &Node, event: &Event) -> Result<(), NotTaken> {
    let place = place_in(node, event.topic().name, &event.key())?;
    let looked = node.sources.behind.lock().unwrap_or_else(PoisonError::into_inner).get(&place).copied();
    let records = match looked.filter(|(_, at)| at.elapsed() < LOOK_EVERY) {
        Some((records, _)) => records,
        None => {
            let committed = node.log.committed(gauntlet_market_data::DEFINITION.name)?;
            let (_, end) = node.log.bounds(&place)?;
            let records = end.saturating_sub(committed.get(&place).copied().unwrap_or(0));
            let mut behind = node.sources.behind.lock().unwrap_or_else(PoisonError::into_inner);
            behind.insert(place, (records, Instant::now()));
            records
        }
    };
    if records > MOST_BEHIND { Err(NotTaken::Behind { records, most: MOST_BEHIND }) } else { Ok(()) }
}

/// The block of a batch.
fn block(batch: &Batch, scale: Scale) -> Result<TickBlock, Refusal> {
    let count = batch.ticks.len();
    let has = |of: fn(&TickIn) -> bool| batch.ticks.iter().any(of);
    let with = |is: bool| Vec::with_capacity(if is { count } else { 0 });
    let (has_asks, has_sequences) = (has(|tick| tick.ask.is_some()), has(|tick| tick.sequence.is_some()));
    let has_sizes = has(|tick| tick.bid_size.is_some() || tick.size.is_some());
    let has_ask_sizes = has(|tick| tick.ask_size.is_some());
    let mut block = TickBlock {
        instrument: batch.instrument.clone(),
        source: batch.source.clone(),
        block: batch.batch,
        rows: Vec::with_capacity(count),
        sequences: with(has_sequences),
        kinds: Vec::with_capacity(count),
        times: Vec::with_capacity(count),
        prices: Vec::with_capacity(count),
        asks: with(has_asks),
        sizes: with(has_sizes),
        ask_sizes: with(has_ask_sizes),
        scale,
    };
    // Rows count from 1 in the whole source, whatever the batches before had.
    let first = batch.batch.saturating_mul(MOST_TICKS as i64);
    for (at, tick) in batch.ticks.iter().enumerate() {
        let place = Place { at, scale };
        let (kind, price, ask) = place.prices(tick)?;
        if has_sequences {
            let missing = || place.fault("sequence", "is missing, and other ticks of the batch have one");
            block.sequences.push(tick.sequence.ok_or_else(missing)?);
        }
        block.rows.push(first + at as i64 + 1);
        block.kinds.push(kind as u8);
        block.times.push(time(&tick.time).map_err(|what| place.fault("time", &what))?);
        block.prices.push(price);
        if has_asks {
            block.asks.push(ask);
        }
        if has_sizes {
            let (name, size) = match tick.bid_size {
                Some(_) => ("bid_size", tick.bid_size),
                None => ("size", tick.size),
            };
            block.sizes.push(place.size(name, size)?);
        }
        if has_ask_sizes {
            block.ask_sizes.push(place.size("ask_size", tick.ask_size)?);
        }
    }
    Ok(block)
}

/// A tick's place in its batch, and the scale that its numbers are read in.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    scale: Scale,
}

impl Place {
    fn fault(self, name: &str, what: &str) -> Refusal {
        let Place { at, .. } = self;
        let reason = format!("ticks[{at}].{name}: {what}");
        Refusal::Invalid(vec![Fault { pointer: format!("/ticks/{at}/{name}"), line: None, reason }])
    }

    fn price(self, name: &str, value: f64) -> Result<i64, Refusal> {
        let parsed = self.scale.parse_price(value.to_string().as_bytes());
        parsed.map(|price| price.0).map_err(|error| self.fault(name, &format!("{value}: {error}")))
    }

    /// A size; what has none is 0.
    fn size(self, name: &str, value: Option<f64>) -> Result<i64, Refusal> {
        let Some(value) = value else { return Ok(0) };
        let parsed = self.scale.parse_size(value.to_string().as_bytes());
        parsed.map(|size| size.0).map_err(|error| self.fault(name, &format!("{value}: {error}")))
    }

    /// The kind of a tick, its bid or price, and its ask.
    fn prices(self, tick: &TickIn) -> Result<(TickKind, i64, i64), Refusal> {
        match (tick.bid, tick.ask, tick.price) {
            (Some(bid), Some(ask), None) if tick.size.is_none() && tick.side.is_none() => {
                Ok((TickKind::Quote, self.price("bid", bid)?, self.price("ask", ask)?))
            }
            (None, None, Some(price)) if tick.bid_size.is_none() && tick.ask_size.is_none() => {
                let kind = match (tick.side, tick.size) {
                    (Some(Side::Buy), _) => TickKind::Buy,
                    (Some(Side::Sell), _) => TickKind::Sell,
                    (None, Some(_)) => TickKind::Trade,
                    (None, None) => TickKind::Last,
                };
                Ok((kind, self.price("price", price)?, 0))
            }
            _ => Err(self.fault(
                "",
                "a tick is a quote (bid and ask, perhaps their sizes) or a trade (price, perhaps size and side)",
            )),
        }
    }
}

fn time(time: &TimeIn) -> Result<i64, String> {
    match time {
        TimeIn::Nanos(nanos) => Ok(*nanos),
        TimeIn::Text(text) => text.parse::<Timestamp>().map(|time| time.0).map_err(|error| error.to_string()),
    }
}
