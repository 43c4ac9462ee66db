//! Whether there are data for what is asked: said before anything is published, since a request for bars that nobody
//! makes would wait for ever.

use std::collections::BTreeSet;

use gauntlet_config::nearest;
use gauntlet_domain::topics::{MARKET_TICKS, MARKET_TICKS_V2};
use gauntlet_domain::{BarSpec, Event, InstrumentId, RecordKind};
use gauntlet_log::{LogError, Positions, Record, StateSnapshot, TopicPartition, partition_for};
use gauntlet_market_data::{KnownInstrument, known_instrument};
use gauntlet_runtime::{events, restore};
use gauntlet_views::schema;
use gauntlet_wire::headers;

use crate::node::Node;
use crate::refusal::Refusal;

/// Refuses an instrument without data, naming those that have some.
fn require_data(node: &Node, instrument: &InstrumentId) -> Result<(), Refusal> {
    let rows = node.views.scan(&schema::SOURCES, None)?;
    let known: BTreeSet<&str> = rows.iter().filter_map(|row| row.get("instrument")?.as_text()).collect();
    if known.contains(instrument.as_str()) {
        return Ok(());
    }
    let hint = match nearest(instrument.as_str(), known.iter().copied()) {
        Some(name) => format!("did you mean {name}?"),
        None if known.is_empty() => "nothing has been fed yet".to_owned(),
        None => format!("there is data for {}", Vec::from_iter(known).join(", ")),
    };
    Err(Refusal::BadInput(format!(
        "data.instrument: there is no data for {instrument}: {hint}; feed it first"
    )))
}

/// Refuses bars that the instrument has not and that are not made from its ticks either.
pub fn require_bars(node: &Node, instrument: &InstrumentId, spec: BarSpec) -> Result<(), Refusal> {
    if node.bars.has_bars(instrument.as_str(), spec)? {
        return Ok(());
    }
    let closed = node.bars.specs(instrument.as_str())?;
    // None has closed yet; the first one will if ticks come and the definition names it.
    let known = known(node, instrument)?;
    let has_ticks = known.has_ticks;
    if has_ticks && known.bars().contains(&spec) {
        return Ok(());
    }
    if closed.is_empty() && !has_ticks {
        // Nothing on the log for it; the views know the names of others.
        require_data(node, instrument)?;
    }
    let have: Vec<String> = closed.iter().map(BarSpec::to_string).collect();
    let have = if have.is_empty() { "none yet".to_owned() } else { have.join(", ") };
    let remedy = if has_ticks {
        format!("feed ticks with --bars {spec}: bars are made of ticks that come after it")
    } else {
        format!("only ready-made bars were fed: feed bars of this length, or ticks with --bars {spec}")
    };
    Err(Refusal::BadInput(format!(
        "data.bars: nobody makes {spec} bars of {instrument}; it has {have}; choose one of them, or {remedy}"
    )))
}

/// An instrument as its ticks and definitions on the log make it: what the machine's saved state knows, and the records
/// behind it. So no more is read than a restart of the machine would.
pub(crate) fn known(node: &Node, instrument: &InstrumentId) -> Result<KnownInstrument, Refusal> {
    let key = instrument.as_str().as_bytes();
    let partition = partition_for(key, node.log.partitions(MARKET_TICKS.name)?);
    let (mut known, positions) = saved(node, instrument, partition)?;
    // An instrument's ticks are on one of the two.
    for topic in [MARKET_TICKS, MARKET_TICKS_V2] {
        let place = TopicPartition::new(topic.name, partition);
        let (start, end) = node.log.bounds(&place)?;
        let from = positions.get(&place).copied().unwrap_or_default().max(start);
        restore::for_each(&*node.log, &place, from, end, |record| {
            if record.key != key {
                return Ok(());
            }
            match headers::kind(&record.headers) {
                Some(RecordKind::TickBlock | RecordKind::Quote | RecordKind::Trade) => known.has_ticks = true,
                Some(RecordKind::InstrumentDefined) => {
                    if let Some(Event::InstrumentDefined(definition)) = event(node, &record)? {
                        known.definition = Some(definition);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
    }
    Ok(known)
}

/// What the machine's saved state knows of an instrument, and how far it has read. Nothing where there is no state, or state
/// that a restart would not use either.
fn saved(
    node: &Node,
    instrument: &InstrumentId,
    partition: u32,
) -> Result<(KnownInstrument, Positions), Refusal> {
    let machine = gauntlet_market_data::DEFINITION;
    let state = node.log.snapshot(machine.name, partition)?;
    let state = state.filter(|state| state.version == machine.version);
    let known = state.and_then(|StateSnapshot { positions, bytes, .. }| {
        let known = known_instrument(&bytes, instrument.as_str()).ok()?;
        Some((known.unwrap_or_default(), positions))
    });
    Ok(known.unwrap_or_default())
}

/// What a record says; a dead letter says nothing.
fn event(node: &Node, record: &Record) -> Result<Option<Event>, LogError> {
    Ok(events::readable(&node.codec, record)?.map(|recorded| recorded.event))
}
