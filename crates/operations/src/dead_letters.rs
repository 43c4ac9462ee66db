//! `dlq`: the records that were set aside, why, and putting those back that can be read after all.

use std::collections::{BTreeMap, HashMap, HashSet};

use gauntlet_domain::{Event, Timestamp, Topic, topics};
use gauntlet_log::{Header, LogError, NewRecord, Record, TopicPartition};
use gauntlet_runtime::dead_letter::{DeadLetter, place, was_letter};
use gauntlet_runtime::{events, restore};
use gauntlet_wire::WireError;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::as_text;

/// Bytes of a value that are shown.
const SHOWN: usize = 256;
/// Bytes that are appended at once, give or take a record.
const BATCH_BYTES: usize = 4 << 20;

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDeadLetters {
    /// Those of one topic, such as data.commands.v1.
    pub topic: Option<String>,
    /// Those that one processor set aside.
    pub processor: Option<String>,
    /// Those with one reason, such as Malformed.
    pub reason: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// What to put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayDeadLetters {
    /// Those with these names, as a list has them.
    Named(Vec<String>),
    /// All that can be read.
    All,
}

/// A record that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedDeadLetter {
    /// Its name: where it lies.
    pub id: String,
    /// The topic on which it lay.
    pub topic: &'static str,
    /// The partition there, if the letter says so.
    pub partition: Option<u32>,
    /// The offset there, if the letter says so.
    pub offset: Option<u64>,
    /// The record's own time.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// Who set it aside.
    pub processor: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// Size of its value; `None` when it has none.
    pub bytes: Option<usize>,
    /// Whether it can be read now.
    pub readable: bool,
}

/// One dead letter with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownDeadLetter {
    /// As a list has it.
    #[serde(flatten)]
    pub letter: ListedDeadLetter,
    /// The record's key.
    pub key: String,
    /// The beginning of its value, in hexadecimal digits.
    pub value_hex: Option<String>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// The event that it is, or why it cannot be read.
    pub says: String,
}

/// What came of putting letters back, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PutBack {
    /// Put back now.
    pub replayed: Vec<String>,
    /// Put back before.
    pub already: Vec<String>,
    /// Left where they are.
    pub left: Vec<Left>,
}

/// A letter that was left where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its name.
    pub id: String,
    /// Why.
    pub why: String,
}

/// Lists letters in the order of their places.
pub fn list(node: &Node, request: &ListDeadLetters) -> Result<Vec<ListedDeadLetter>, Refusal> {
    let topics = match &request.topic {
        Some(name) => vec![known_topic(name)?],
        None => topics::ALL.iter().collect(),
    };
    let most = request.limit.unwrap_or(usize::MAX);
    let is_wanted =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let mut rows = Vec::new();
    for topic in topics {
        each(node, topic, |record, letter| {
            let wanted = is_wanted(&request.processor, &letter.processor)
                && is_wanted(&request.reason, &letter.reason);
            if wanted && rows.len() < most {
                rows.push(row(node, &record, &letter));
            }
            Ok(())
        })?;
    }
    Ok(rows)
}

/// One letter with its headers, the beginning of its bytes, and what it says if it can be read.
pub fn show(node: &Node, id: &str) -> Result<ShownDeadLetter, Refusal> {
    let (record, letter) = named(node, id)?;
    let hex =
        |value: &Vec<u8>| value.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = |(name, value): &Header| (name.to_string(), String::from_utf8_lossy(value).into_owned());
    let says = match readable(node, &record, &letter) {
        Ok(event) => format!("{event:#?}"),
        Err(error) => format!("cannot be read: {error}"),
    };
    Ok(ShownDeadLetter {
        letter: row(node, &record, &letter),
        key: String::from_utf8_lossy(&record.key).into_owned(),
        value_hex: record.value.as_ref().map(hex),
        headers: record.headers.iter().map(text).collect(),
        says,
    })
}

/// Puts letters back on their topics, once each, in the order of their places; what cannot be read or would not be taken
/// stays where it is, and is named with the reason.
pub fn replay(node: &Node, request: &ReplayDeadLetters) -> Result<PutBack, Refusal> {
    let mut chosen: HashMap<&'static str, Option<HashSet<String>>> = HashMap::new();
    match request {
        ReplayDeadLetters::All => chosen.extend(topics::ALL.iter().map(|topic| (topic.name, None))),
        ReplayDeadLetters::Named(ids) => {
            for id in ids {
                let (record, letter) = named(node, id)?;
                let places = chosen.entry(letter.topic.name).or_insert_with(|| Some(HashSet::new()));
                places.iter_mut().for_each(|places| {
                    places.insert(place(&record));
                });
            }
        }
    }
    let mut done = PutBack::default();
    for topic in topics::ALL.iter().filter(|topic| chosen.contains_key(topic.name)) {
        let places = chosen[topic.name].as_ref();
        let is_chosen = |id: &String| places.is_none_or(|places| places.contains(id));
        replay_topic(node, topic, is_chosen, &mut done)?;
    }
    Ok(done)
}

fn replay_topic(
    node: &Node,
    topic: &'static Topic,
    is_chosen: impl Fn(&String) -> bool,
    done: &mut PutBack,
) -> Result<(), Refusal> {
    let mut lying: Option<Lying> = None;
    let (mut batch, mut bytes): (Vec<NewRecord>, usize) = (Vec::new(), 0);
    each(node, topic, |record, letter| {
        let id = place(&record);
        if !is_chosen(&id) {
            return Ok(());
        }
        if letter.is_refused() {
            let why = format!("{} refused it and would again: {}", letter.processor, letter.message);
            done.left.push(Left { id, why });
            return Ok(());
        }
        let event = match readable(node, &record, &letter) {
            Ok(event) => event,
            Err(error) => {
                done.left.push(Left { id, why: error.to_string() });
                return Ok(());
            }
        };
        let lying = match &mut lying {
            Some(lying) => lying,
            none => none.insert(Lying::on(node, topic)?),
        };
        if lying.put_back.contains(&id) {
            done.already.push(id);
        } else if let Some(why) = lying.goes_on_after(&event) {
            done.left.push(Left { id, why });
        } else {
            lying.comes(&event);
            bytes += record.value.as_ref().map_or(0, Vec::len);
            batch.push(letter.put_back(&record));
            done.replayed.push(id);
            if bytes >= BATCH_BYTES {
                bytes = 0;
                node.log.append(std::mem::take(&mut batch))?;
            }
        }
        Ok(())
    })?;
    if !batch.is_empty() {
        node.log.append(batch)?;
    }
    Ok(())
}

/// What lies on a topic.
#[derive(Default)]
struct Lying {
    /// Letters that were put back.
    put_back: HashSet<String>,
    /// How far each source of an instrument has come.
    sources: HashMap<(String, String), i64>,
}

impl Lying {
    fn on(node: &Node, topic: &Topic) -> Result<Lying, LogError> {
        let mut lying = Lying::default();
        for partition in 0..node.log.partitions(topic.name)? {
            let at = TopicPartition::new(topic.name, partition);
            let (start, end) = node.log.bounds(&at)?;
            restore::for_each(&*node.log, &at, start, end, |record| {
                lying.put_back.extend(was_letter(&record).map(str::to_owned));
                if [topics::MARKET_TICKS, topics::MARKET_TICKS_V2].contains(topic)
                    && let Ok(event) = events::decode(&node.codec, &record)
                {
                    lying.comes(&event);
                }
                Ok(())
            })?;
        }
        Ok(lying)
    }

    fn comes(&mut self, event: &Event) {
        if let Some((source, number)) = numbered(event) {
            let latest = self.sources.entry(source).or_insert(number);
            *latest = number.max(*latest);
        }
    }

    /// Why a record would not be taken in any more: a source's rows are taken in by its own numbers, upwards.
    fn goes_on_after(&self, event: &Event) -> Option<String> {
        let (source, number) = numbered(event)?;
        let latest = *self.sources.get(&source).filter(|latest| **latest >= number)?;
        let gone =
            if latest == i64::MAX { "is completed".to_owned() } else { format!("has gone on to {latest}") };
        Some(format!(
            "its source {gone} and what comes behind is not taken in: feed it again as another source"
        ))
    }
}

/// The instrument and source of ticks or bars, and their number in it.
fn numbered(event: &Event) -> Option<((String, String), i64)> {
    let of = |instrument: &String, source: &String, number: i64| {
        Some(((instrument.clone(), source.clone()), number))
    };
    match event {
        Event::TickBlock(e) => of(&e.instrument, &e.source, e.block),
        Event::BarBlock(e) => of(&e.instrument, &e.source, e.block),
        Event::Quote(e) => of(&e.instrument, &e.source, e.sequence),
        Event::Trade(e) => of(&e.instrument, &e.source, e.sequence),
        Event::FeedCompleted(e) => of(&e.instrument, &e.source, i64::MAX),
        _ => None,
    }
}

/// Visits the letters of a topic.
fn each(
    node: &Node,
    topic: &'static Topic,
    mut visit: impl FnMut(Record, DeadLetter) -> Result<(), LogError>,
) -> Result<(), Refusal> {
    let name = topic.dead_letters();
    for partition in 0..node.log.partitions(&name)? {
        let at = TopicPartition::new(name.clone(), partition);
        let (start, end) = node.log.bounds(&at)?;
        restore::for_each(&*node.log, &at, start, end, |record| match DeadLetter::of(&record) {
            Some(letter) => visit(record, letter),
            None => Ok(()),
        })?;
    }
    Ok(())
}

/// The event of a letter, as its topic's readers would have it.
fn readable(node: &Node, record: &Record, letter: &DeadLetter) -> Result<Event, WireError> {
    events::decode(&node.codec, &letter.original(record))
}

fn row(node: &Node, record: &Record, letter: &DeadLetter) -> ListedDeadLetter {
    let (partition, offset) = letter.lay_at.unzip();
    ListedDeadLetter {
        id: place(record),
        topic: letter.topic.name,
        partition,
        offset,
        time: Timestamp(record.timestamp_micros.saturating_mul(1_000)),
        processor: letter.processor.clone(),
        reason: letter.reason.clone(),
        message: letter.message.clone(),
        bytes: record.value.as_ref().map(Vec::len),
        readable: readable(node, record, letter).is_ok(),
    }
}

/// The letter of a name, `topic.dlq/partition=offset`.
fn named(node: &Node, id: &str) -> Result<(Record, DeadLetter), Refusal> {
    let bad = || {
        Refusal::BadInput(format!(
            "'{id}' names no dead letter: write it as gauntlet dlq ls does, such as data.commands.v1.dlq/0=3"
        ))
    };
    let (at, offset) = id.rsplit_once('=').ok_or_else(bad)?;
    let (name, partition) = at.rsplit_once('/').ok_or_else(bad)?;
    let (partition, offset): (u32, u64) = partition.parse().ok().zip(offset.parse().ok()).ok_or_else(bad)?;
    let name = known_topic(name)?.dead_letters();
    let gone = || {
        Refusal::BadInput(format!("there is no dead letter {id}: gauntlet dlq ls lists those that are kept"))
    };
    if partition >= node.log.partitions(&name)? {
        return Err(gone());
    }
    let at = TopicPartition::new(name, partition);
    let (start, end) = node.log.bounds(&at)?;
    if !(start..end).contains(&offset) {
        return Err(gone());
    }
    let mut found = None;
    restore::any(&*node.log, &at, offset, offset + 1, |record| {
        found = DeadLetter::of(&record).map(|letter| (record, letter));
        Ok(true)
    })?;
    found.ok_or_else(gone)
}

/// The topic of that name, with or without `.dlq`.
fn known_topic(name: &str) -> Result<&'static Topic, Refusal> {
    let stem = name.strip_suffix(".dlq").unwrap_or(name);
    topics::named(stem).ok_or_else(|| {
        let near = gauntlet_config::nearest(stem, topics::ALL.iter().map(|topic| topic.name));
        let hint = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
        Refusal::BadInput(format!("there is no topic '{name}'{hint}"))
    })
}
