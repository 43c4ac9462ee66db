//! `instrument set|show|ls`: what instruments are, as documents.

use std::collections::BTreeMap;

use gauntlet_config::nearest;
use gauntlet_domain::market::InstrumentDefined;
use gauntlet_domain::topics::{MARKET_TICKS, MARKET_TICKS_V2};
use gauntlet_domain::{Event, InstrumentId, RecordKind};
use gauntlet_instruments::{contradiction, definition};
use gauntlet_log::{LogError, Positions, TopicPartition};
use gauntlet_market_data::known_definitions;
use gauntlet_runtime::{events, restore};
use gauntlet_wire::headers;
use serde::{Deserialize, Serialize};

use crate::coverage::known;
use crate::node::Node;
use crate::publish::publish_once;
use crate::refusal::Refusal;

/// What is asked of the instruments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstrumentRequest {
    /// Define one by a document.
    Set {
        /// The document.
        text: String,
        /// Name of its file.
        name: String,
    },
    /// Show the definition in force of `SYMBOL.VENUE`.
    Show(String),
    /// List all.
    List,
}

/// The definition in force of one, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Instruments {
    /// It was set, or asked for.
    One(Box<InstrumentDefined>),
    /// In the order of their names.
    All(Vec<InstrumentDefined>),
}

/// Defines, shows or lists.
pub fn instruments(node: &Node, request: &InstrumentRequest) -> Result<Instruments, Refusal> {
    Ok(match request {
        InstrumentRequest::Set { text, name } => Instruments::One(Box::new(set(node, text, name)?)),
        InstrumentRequest::Show(id) => {
            let mut all = all(node)?;
            match all.remove(id) {
                Some(definition) => Instruments::One(Box::new(definition)),
                None => return Err(unknown(id, &all)),
            }
        }
        InstrumentRequest::List => Instruments::All(all(node)?.into_values().collect()),
    })
}

/// What a document says, without a node.
pub fn read(text: &str, name: &str) -> Result<InstrumentDefined, Refusal> {
    definition(text, name, None).map_err(Refusal::input)
}

/// Publishes what a document says. What was fed before stays as it was cleaned.
fn set(node: &Node, text: &str, name: &str) -> Result<InstrumentDefined, Refusal> {
    let first = read(text, name)?;
    let (symbol, venue) = first.instrument.rsplit_once('.').unwrap_or((&first.instrument, ""));
    let id = InstrumentId::new(symbol, venue).map_err(Refusal::input)?;
    let known = known(node, &id)?.definition;
    let new = definition(text, name, known.as_ref().map(|known| known.scale)).map_err(Refusal::input)?;
    if let Some(why) = known.as_ref().and_then(|known| contradiction(known, &new)) {
        return Err(Refusal::BadInput(why));
    }
    if known.as_ref() != Some(&new) {
        publish_once(node, "feed", &[new.clone().into()])?;
    }
    Ok(new)
}

fn unknown(id: &str, all: &BTreeMap<String, InstrumentDefined>) -> Refusal {
    let hint = match nearest(id, all.keys().map(String::as_str)) {
        Some(name) => format!("did you mean {name}?"),
        None if all.is_empty() => "none has been set or fed yet".to_owned(),
        None => format!("there are {}", all.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    Refusal::BadInput(format!("no instrument {id}: {hint}"))
}

/// The definitions in force, by name: those in the machine's saved state, and those behind it.
fn all(node: &Node) -> Result<BTreeMap<String, InstrumentDefined>, Refusal> {
    let machine = gauntlet_market_data::DEFINITION;
    let mut all = BTreeMap::new();
    for partition in 0..node.log.partitions(MARKET_TICKS.name)? {
        let state = node.log.snapshot(machine.name, partition)?;
        let state = state.filter(|state| state.version == machine.version);
        let saved = state.and_then(|state| Some((known_definitions(&state.bytes).ok()?, state.positions)));
        let (definitions, positions) = saved.unwrap_or_default();
        all.extend(definitions.into_iter().map(|definition| (definition.instrument.clone(), definition)));
        for topic in [MARKET_TICKS, MARKET_TICKS_V2] {
            later(node, TopicPartition::new(topic.name, partition), &positions, &mut all)?;
        }
    }
    Ok(all)
}

fn later(
    node: &Node,
    place: TopicPartition,
    positions: &Positions,
    all: &mut BTreeMap<String, InstrumentDefined>,
) -> Result<(), LogError> {
    let (start, end) = node.log.bounds(&place)?;
    let from = positions.get(&place).copied().unwrap_or_default().max(start);
    restore::for_each(&*node.log, &place, from, end, |record| {
        if headers::kind(&record.headers) == Some(RecordKind::InstrumentDefined)
            && let Some(Event::InstrumentDefined(definition)) =
                events::readable(&node.codec, &record)?.map(|recorded| recorded.event)
        {
            all.insert(definition.instrument.clone(), definition);
        }
        Ok(())
    })
}
