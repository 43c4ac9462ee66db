//! State after a restart: the latest snapshot, then the inputs behind it up to the committed positions, fed again with
//! their outputs dropped (they are on the log already).
//!
//! The order of inputs from several partitions is free, because no decision depends on it, except for decisions that
//! raced: those recorded how far each input had been read, and are fed at exactly that point. Replay feeds inputs by the
//! same rule.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_domain::Recorded;
use gauntlet_log::{EventLog, LogError, Positions, Record, StateSnapshot, Tail, Task, TopicPartition};
use gauntlet_processor::machine::{Definition, Machine, Output};
use gauntlet_wire::{Codec, WireError, headers};

use crate::events;

/// Records read at once while feeding.
const CHUNK: usize = 512;

/// A racing decision: its input, and how far the other inputs had been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// Where the input lies.
    pub input: TopicPartition,
    /// Next offset of every other input of the task when it was taken in, and the input's own offset.
    pub positions: Positions,
}

impl Race {
    /// As a header: `topic/partition=offset` joined by `;`, the input first.
    pub fn to_text(&self) -> String {
        let place = |(partition, offset): (&TopicPartition, &u64)| format!("{partition}={offset}");
        let own = self.positions.iter().filter(|(partition, _)| **partition == self.input).map(place);
        let others = self.positions.iter().filter(|(partition, _)| **partition != self.input).map(place);
        own.chain(others).collect::<Vec<_>>().join(";")
    }

    /// Reads the header.
    pub fn from_text(text: &str) -> Option<Race> {
        let mut positions = Positions::new();
        let mut input = None;
        for part in text.split(';') {
            let (place, offset) = part.rsplit_once('=')?;
            let (topic, partition) = place.rsplit_once('/')?;
            let partition = TopicPartition::new(topic, partition.parse().ok()?);
            input.get_or_insert_with(|| partition.clone());
            positions.insert(partition, offset.parse().ok()?);
        }
        Some(Race { input: input?, positions })
    }
}

/// Races of a task, in the order in which they were decided.
pub fn races(log: &dyn EventLog, definition: &Definition, task: &Task) -> Result<Vec<Race>, LogError> {
    let mut races = Vec::new();
    for topic in definition.races_on {
        for partition in 0..log.partitions(topic.name)? {
            let place = TopicPartition::new(topic.name, partition);
            let (start, end) = log.bounds(&place)?;
            for_each(log, &place, start, end, |record| {
                let race = headers::decided_at(&record.headers).and_then(Race::from_text);
                races.extend(race.filter(|race| task.partitions.contains(&race.input)));
                Ok(())
            })?;
        }
    }
    // Positions of one task only grow, so the sum orders the decisions; one input may decide several outputs.
    races.sort_by_key(|race| race.positions.values().sum::<u64>());
    races.dedup();
    Ok(races)
}

/// Reads a stretch of one partition.
pub fn for_each(
    log: &dyn EventLog,
    place: &TopicPartition,
    from: u64,
    to: u64,
    mut visit: impl FnMut(Record) -> Result<(), LogError>,
) -> Result<(), LogError> {
    any(log, place, from, to, |record| visit(record).map(|()| false)).map(|_| ())
}

/// Reads a stretch of one partition up to the first record for which the answer is yes.
pub fn any(
    log: &dyn EventLog,
    place: &TopicPartition,
    from: u64,
    to: u64,
    mut is_wanted: impl FnMut(Record) -> Result<bool, LogError>,
) -> Result<bool, LogError> {
    if from >= to {
        return Ok(false);
    }
    let mut tail = log.tail(&Positions::from([(place.clone(), from)]))?;
    let mut next = from;
    while next < to {
        // No more than there can be: what lies behind is not read.
        let most = CHUNK.min(usize::try_from(to - next).unwrap_or(CHUNK));
        for record in tail.poll(most, Duration::from_secs(1))? {
            if record.offset >= to {
                return Ok(false);
            }
            next = record.offset + 1;
            if is_wanted(record)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The end of feeding for a task: what its processor has committed.
pub fn committed_of(committed: &Positions, task: &Task) -> Positions {
    let position = |partition: &TopicPartition| committed.get(partition).copied().unwrap_or(0);
    task.partitions.iter().map(|partition| (partition.clone(), position(partition))).collect()
}

/// Why a machine could not be brought to a state.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record cannot be read yet; a retry helps.
    #[error("{partition} offset {offset}: {error}; nothing was left out, do it again then")]
    Undecided {
        /// Where.
        partition: TopicPartition,
        /// Which record.
        offset: u64,
        /// What the registry said.
        error: WireError,
    },
}

/// For those who end with it.
impl From<FeedError> for LogError {
    fn from(error: FeedError) -> LogError {
        match error {
            FeedError::Log(error) => error,
            FeedError::Undecided { partition, offset, error } => {
                LogError::Undecided { partition, offset, detail: error.to_string() }
            }
        }
    }
}

/// Brings a machine to the state that it had at `to`; gives it the outputs' visitor for replay.
pub struct Feeder<'a> {
    /// The log.
    pub log: &'a dyn EventLog,
    /// The codec.
    pub codec: &'a Codec,
    /// Where to begin.
    pub from: Positions,
    /// Where to end.
    pub to: Positions,
    /// Racing decisions, in order.
    pub races: Vec<Race>,
}

impl Feeder<'_> {
    /// Feeds the machine; `visit` gets every input with what it put out. Records that cannot be read are left out, as
    /// they were the first time.
    pub fn feed(
        self,
        machine: &mut dyn Machine,
        mut visit: impl FnMut(&Recorded, Vec<Output>) -> Result<(), LogError>,
    ) -> Result<(), FeedError> {
        let mut inputs = Inputs { log: self.log, next: self.from, readers: BTreeMap::new() };
        let mut feed = |inputs: &mut Inputs<'_>, place: &TopicPartition, to: u64| -> Result<(), FeedError> {
            while let Some(record) = inputs.take(place, to)? {
                match events::read(self.codec, &record) {
                    Ok(input) => {
                        let outputs = machine.step(input.input());
                        visit(&input, outputs)?;
                    }
                    Err(error) if error.is_transient() => {
                        let Record { partition, offset, .. } = record;
                        let partition = Arc::unwrap_or_clone(partition);
                        return Err(FeedError::Undecided { partition, offset, error });
                    }
                    Err(_) => {}
                }
            }
            Ok(())
        };
        for race in &self.races {
            // Races before the snapshot are behind us; races after the end are not ours to feed.
            if race.positions.iter().any(|(place, offset)| *offset < inputs.at(place)) {
                continue;
            }
            if race.positions.get(&race.input) >= self.to.get(&race.input) {
                continue;
            }
            for (place, offset) in &race.positions {
                feed(&mut inputs, place, *offset)?;
            }
            let decided = race.positions.get(&race.input).copied().unwrap_or(0);
            feed(&mut inputs, &race.input, decided + 1)?;
        }
        for (place, offset) in &self.to {
            feed(&mut inputs, place, *offset)?;
        }
        Ok(())
    }
}

/// Buffered reading of several partitions, each at its own pace. Offsets may have holes: what counts is where a record
/// lies, not how many there were.
struct Inputs<'a> {
    log: &'a dyn EventLog,
    next: Positions,
    readers: BTreeMap<TopicPartition, (Box<dyn Tail>, VecDeque<Record>)>,
}

impl Inputs<'_> {
    fn at(&self, place: &TopicPartition) -> u64 {
        self.next.get(place).copied().unwrap_or(0)
    }

    /// The next record of a partition, if it lies before `to`.
    fn take(&mut self, place: &TopicPartition, to: u64) -> Result<Option<Record>, LogError> {
        let at = self.at(place);
        if at >= to {
            return Ok(None);
        }
        if !self.readers.contains_key(place) {
            let tail = self.log.tail(&Positions::from([(place.clone(), at)]))?;
            self.readers.insert(place.clone(), (tail, VecDeque::new()));
        }
        let Some((tail, buffer)) = self.readers.get_mut(place) else { return Ok(None) };
        while buffer.is_empty() {
            buffer.extend(tail.poll(CHUNK, Duration::from_secs(1))?);
            if buffer.is_empty() {
                let (_, end) = self.log.bounds(place)?;
                if end <= at {
                    let detail = format!("a committed position, {to}, lies beyond the last record, {end}");
                    return Err(LogError::Corrupt { partition: place.clone(), offset: at, detail });
                }
            }
        }
        let record = buffer.pop_front_if(|record| record.offset < to);
        self.next.insert(place.clone(), record.as_ref().map_or(to, |record| record.offset + 1));
        Ok(record)
    }
}

/// Refuses state that is ahead of the committed positions. Going on from them would do again what was done, and what
/// follows would see it twice.
fn check_covered(processor: &str, snapshot: &StateSnapshot, committed: &Positions) -> Result<(), LogError> {
    for (partition, covered) in &snapshot.positions {
        let committed = committed.get(partition).copied().unwrap_or(0);
        if *covered > committed {
            let (processor, partition) = (processor.to_owned(), partition.clone());
            return Err(LogError::PositionsBehind { processor, partition, committed, covered: *covered });
        }
    }
    Ok(())
}

/// A machine with the state of a task, and the positions that it covers.
pub fn restore(
    log: &dyn EventLog,
    codec: &Codec,
    definition: &Definition,
    task: &Task,
) -> Result<Box<dyn Machine>, FeedError> {
    let to = committed_of(&log.committed(definition.name)?, task);
    let mut machine = (definition.create)();
    let mut from: Positions = to.keys().map(|place| (place.clone(), 0)).collect();
    let snapshot = log.snapshot(definition.name, task.id)?;
    if let Some(snapshot) = &snapshot {
        check_covered(definition.name, snapshot, &to)?;
    }
    if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.version == definition.version) {
        if machine.restore(&snapshot.bytes).is_ok() {
            from.extend(snapshot.positions);
        } else {
            machine = (definition.create)();
        }
    }
    let races = if definition.races_on.is_empty() { Vec::new() } else { races(log, definition, task)? };
    Feeder { log, codec, from, to, races }.feed(&mut *machine, |_, _| Ok(()))?;
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_ahead_of_the_committed_positions_is_refused_by_name() {
        let place = TopicPartition::new("market.ticks.v1", 0);
        let covered = |offset| StateSnapshot {
            version: "1".into(),
            positions: Positions::from([(place.clone(), offset)]),
            bytes: Vec::new(),
        };
        let committed = Positions::from([(place.clone(), 5)]);
        assert!(check_covered("market-data", &covered(5), &committed).is_ok());
        let error = check_covered("market-data", &covered(6), &committed).unwrap_err().to_string();
        assert!(error.starts_with("market-data has committed market.ticks.v1/0 up to 5"), "{error}");
        // What has expired is no position at all.
        assert!(check_covered("market-data", &covered(1), &Positions::new()).is_err());
    }

    #[test]
    fn a_race_reads_back_from_its_header() {
        let input = TopicPartition::new("experiments.v1", 1);
        let positions = Positions::from([(input.clone(), 5), (TopicPartition::new("a.v1", 1), 17)]);
        let race = Race { input, positions };
        assert_eq!(race.to_text(), "experiments.v1/1=5;a.v1/1=17");
        assert_eq!(Race::from_text(&race.to_text()), Some(race));
        assert_eq!(Race::from_text("nonsense"), None);
    }
}
