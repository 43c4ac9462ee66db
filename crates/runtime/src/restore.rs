//! State after a restart: the latest snapshot, then the inputs behind it up to the committed positions, fed again with
//! their outputs dropped (they are on the log already).
//!
//! The order of inputs from several partitions is free, because no decision depends on it, except for decisions that
//! raced (`races.rs`): those are fed at exactly the point that they recorded. Replay feeds inputs by the same rule.
//!
//! State of another version of the logic is folded anew. What that version has begun, the machine learns from its outputs
//! and ends by name: no version goes on with what another has begun.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Duration;

use gauntlet_domain::{Recorded, Topic};
use gauntlet_log::{
    EventLog, LogError, NewRecord, Positions, Record, StateSnapshot, Tail, Task, TopicPartition,
};
use gauntlet_processor::machine::{Definition, Machine, Output, StateError};
use gauntlet_wire::{Codec, WireError};

use crate::clock;
use crate::events::{self, Cause};
use crate::paused::size;
use crate::races::{Race, Trigger, output_ends, races};

/// Records read at once while feeding.
const CHUNK: usize = 512;
/// Bytes of records read at once, about: chunks of trades and equity are long.
const CHUNK_BYTES: usize = 4 << 20;

/// Reads a stretch of one partition. A long one is read ahead on a thread of its own, by one chunk: what a record is stored
/// as is undone while the ones before it are looked at. At most three chunks are in memory.
pub fn for_each(
    log: &dyn EventLog,
    place: &TopicPartition,
    from: u64,
    to: u64,
    mut visit: impl FnMut(Record) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let mut visit_all = |records: Vec<Record>| records.into_iter().try_for_each(&mut visit);
    let is_short = to.saturating_sub(from) <= CHUNK as u64;
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        let ahead = move || {
            // Where nobody takes any more the visit has failed, and says why.
            chunks(log, place, from, to, |records| Ok(sender.send(records).is_err())).map(drop)
        };
        let reader = (!is_short).then(|| Builder::new().name("read-ahead".into()).spawn_scoped(scope, ahead));
        let Some(Ok(reader)) = reader else {
            return chunks(log, place, from, to, |records| visit_all(records).map(|()| false)).map(drop);
        };
        receiver.iter().try_for_each(visit_all)?;
        reader.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Reads a stretch of one partition up to the first record for which the answer is yes.
pub fn any(
    log: &dyn EventLog,
    place: &TopicPartition,
    from: u64,
    to: u64,
    mut is_wanted: impl FnMut(Record) -> Result<bool, LogError>,
) -> Result<bool, LogError> {
    chunks(log, place, from, to, |records| {
        for record in records {
            if is_wanted(record)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Reads a stretch of one partition some records at a time, up to those for which the answer is yes.
fn chunks(
    log: &dyn EventLog,
    place: &TopicPartition,
    from: u64,
    to: u64,
    mut is_end: impl FnMut(Vec<Record>) -> Result<bool, LogError>,
) -> Result<bool, LogError> {
    if from >= to {
        return Ok(false);
    }
    let mut tail = log.tail(&Positions::from([(place.clone(), from)]))?;
    let mut next = from;
    // Few at first: how long they are is seen from those before.
    let mut room = CHUNK / 16;
    while next < to {
        // No more than there can be: what lies behind is not read.
        let most = room.min(usize::try_from(to - next).unwrap_or(CHUNK));
        let mut records = tail.poll(most, Duration::from_secs(1))?;
        if !records.is_empty() {
            let bytes: usize = records.iter().map(size).sum();
            room = (CHUNK_BYTES * records.len() / bytes.max(1)).clamp(1, CHUNK);
        }
        next = records.last().map_or(next, |record| record.offset + 1);
        records.truncate(records.partition_point(|record| record.offset < to));
        if is_end(records)? {
            return Ok(true);
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
    /// An output could not be written.
    #[error("an output could not be written: {0}")]
    Output(WireError),
}

impl FeedError {
    fn undecided(record: Record, error: WireError) -> FeedError {
        let Record { partition, offset, .. } = record;
        FeedError::Undecided { partition: Arc::unwrap_or_clone(partition), offset, error }
    }
}

/// For those who end with it.
impl From<FeedError> for LogError {
    fn from(error: FeedError) -> LogError {
        match error {
            FeedError::Log(error) => error,
            FeedError::Undecided { partition, offset, error } => {
                LogError::Undecided { partition, offset, detail: error.to_string() }
            }
            FeedError::Output(_) => LogError::Invariant { detail: error.to_string() },
        }
    }
}

/// What outputs followed from.
pub enum Fed<'a> {
    /// An input, and where it lies.
    Input(&'a TopicPartition, u64, &'a Recorded),
    /// A change of the logic.
    LogicChange,
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
    /// What the machine reads, in the order in which it is fed.
    pub reads: &'static [&'static Topic],
}

impl Feeder<'_> {
    /// Feeds the machine; `visit` gets everything that was fed with what the machine put out. Records that cannot be read
    /// are left out, as they were the first time.
    pub fn feed(
        mut self,
        machine: &mut dyn Machine,
        mut visit: impl FnMut(Fed<'_>, Vec<Output>) -> Result<(), LogError>,
    ) -> Result<(), FeedError> {
        let races = std::mem::take(&mut self.races);
        let mut inputs = Inputs { log: self.log, next: self.from.clone(), readers: BTreeMap::new() };
        for race in races {
            // Races before the snapshot are behind us; races after the end are not ours to feed.
            let is_behind = race.positions.iter().any(|(place, offset)| *offset < inputs.at(place));
            if is_behind || !race.is_before(&self.to) {
                continue;
            }
            for (place, offset) in self.in_order(&race.positions) {
                self.advance(machine, &mut inputs, (place, *offset), &mut visit)?;
            }
            match &race.trigger {
                Trigger::Input(own) => {
                    let decided = race.positions.get(own).copied().unwrap_or(0);
                    self.advance(machine, &mut inputs, (own, decided + 1), &mut visit)?;
                }
                Trigger::LogicChange { .. } => visit(Fed::LogicChange, machine.give_up())?,
            }
        }
        for (place, offset) in self.in_order(&self.to) {
            self.advance(machine, &mut inputs, (place, *offset), &mut visit)?;
        }
        Ok(())
    }

    /// Positions in the order in which the machine declares its inputs: answers after what asks for them, as they came.
    fn in_order<'a>(&self, positions: &'a Positions) -> Vec<(&'a TopicPartition, &'a u64)> {
        let mut ordered: Vec<_> = positions.iter().collect();
        let rank = |place: &TopicPartition| self.reads.iter().position(|topic| *topic.name == *place.topic);
        ordered.sort_by_key(|(place, _)| rank(place));
        ordered
    }

    /// Feeds one partition up to an offset.
    fn advance(
        &self,
        machine: &mut dyn Machine,
        inputs: &mut Inputs<'_>,
        (place, to): (&TopicPartition, u64),
        visit: &mut impl FnMut(Fed<'_>, Vec<Output>) -> Result<(), LogError>,
    ) -> Result<(), FeedError> {
        while let Some(record) = inputs.take(place, to)? {
            match events::read(self.codec, &record) {
                Ok(input) => {
                    let outputs = machine.step(input.input());
                    visit(Fed::Input(place, record.offset, &input), outputs)?;
                }
                Err(error) if error.is_transient() => return Err(FeedError::undecided(record, error)),
                Err(_) => {}
            }
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

/// The state of a task as it is kept: the inputs that it covers, and where the outputs ended among which a restart looks
/// for races.
pub fn state_snapshot(
    log: &dyn EventLog,
    definition: &Definition,
    inputs: &Positions,
    machine: &dyn Machine,
) -> Result<StateSnapshot, StateError> {
    let mut positions = inputs.clone();
    positions.extend(output_ends(log, definition));
    Ok(StateSnapshot { version: definition.version.into(), positions, bytes: machine.save()? })
}

/// Refuses state that is ahead of the committed positions. Going on from them would do again what was done, and what
/// follows would see it twice.
fn check_covered(processor: &str, inputs: &Positions, committed: &Positions) -> Result<(), LogError> {
    for (partition, covered) in inputs {
        let committed = committed.get(partition).copied().unwrap_or(0);
        if *covered > committed {
            let (processor, partition) = (processor.to_owned(), partition.clone());
            return Err(LogError::PositionsBehind { processor, partition, committed, covered: *covered });
        }
    }
    Ok(())
}

/// A task's state after a restart.
pub struct Restored {
    /// The machine.
    pub machine: Box<dyn Machine>,
    /// Next offset of each input.
    pub positions: Positions,
    /// What the machine has given up because another version of the logic had begun it: to be committed before anything
    /// else.
    pub given_up: Vec<NewRecord>,
    /// Records that were fed.
    pub fed: usize,
}

/// A machine with the state of a task.
pub fn restore(
    log: &dyn EventLog,
    codec: &Codec,
    definition: &Definition,
    task: &Task,
) -> Result<Restored, FeedError> {
    let to = committed_of(&log.committed(definition.name)?, task);
    let mut machine = (definition.create)();
    let mut from: Positions = to.keys().map(|place| (place.clone(), 0)).collect();
    let mut races_from = Positions::new();
    let mut is_anew = true;
    if let Some(StateSnapshot { version, positions, bytes }) = log.snapshot(definition.name, task.id)? {
        let is_output =
            |place: &TopicPartition| definition.races_on.iter().any(|topic| topic.name == place.topic);
        let (outputs, inputs) =
            positions.into_iter().partition::<Positions, _>(|(place, _)| is_output(place));
        check_covered(definition.name, &inputs, &to)?;
        if version == definition.version && machine.restore(&bytes).is_ok() {
            from.extend(inputs);
            races_from = outputs;
            is_anew = false;
        } else {
            machine = (definition.create)();
        }
    }
    let others = if is_anew { recall(log, codec, definition, &mut *machine)? } else { BTreeSet::new() };
    // A task that has taken in nothing has decided nothing, and has no saved state that says where to look from.
    let has_begun = to.values().any(|to| *to > 0);
    let races = if has_begun { races(log, definition, task, &races_from)? } else { Vec::new() };
    let behind =
        |(place, to): (&TopicPartition, &u64)| to.saturating_sub(from.get(place).copied().unwrap_or(0));
    let fed = usize::try_from(to.iter().map(behind).sum::<u64>()).unwrap_or(usize::MAX);
    let reads = definition.reads;
    Feeder { log, codec, from, to: to.clone(), races, reads }.feed(&mut *machine, |_, _| Ok(()))?;
    let trigger = Trigger::LogicChange { from: Vec::from_iter(others).join("+") };
    let decided_at = Race { trigger, positions: to.clone() }.to_text();
    let given_up = machine.give_up().into_iter().map(|output| {
        tracing::warn!(processor = definition.name, event = ?output.event, "begun by other logic, given up");
        let outside = Cause::outside(definition.name, clock::now());
        let cause =
            Cause { logic: Some(definition.version), decided_at: Some(decided_at.clone()), ..outside };
        events::record(codec, &output.event, cause).map_err(FeedError::Output)
    });
    let given_up = given_up.collect::<Result<_, _>>()?;
    Ok(Restored { machine, positions: to, given_up, fed })
}

/// Tells a machine what other versions of its logic have put out about what may be under way; gives those versions.
pub(crate) fn recall(
    log: &dyn EventLog,
    codec: &Codec,
    definition: &Definition,
    machine: &mut dyn Machine,
) -> Result<BTreeSet<String>, FeedError> {
    let mut versions = BTreeSet::new();
    for topic in definition.recalls {
        for partition in 0..log.partitions(topic.name)? {
            let place = TopicPartition::new(topic.name, partition);
            let (start, end) = log.bounds(&place)?;
            let mut undecided = None;
            let read = for_each(log, &place, start, end, |record| {
                let version = events::logic_version(definition.name, &record);
                if version == definition.version {
                    return Ok(());
                }
                match events::decode(codec, &record) {
                    Ok(event) => {
                        machine.recall(&event);
                        versions.insert(version.to_owned());
                    }
                    Err(error) if error.is_transient() => {
                        let ended = Err(events::undecided(&record, &error));
                        undecided = Some(FeedError::undecided(record, error));
                        return ended;
                    }
                    Err(_) => {}
                }
                Ok(())
            });
            if let Some(undecided) = undecided {
                return Err(undecided);
            }
            read?;
        }
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_ahead_of_the_committed_positions_is_refused_by_name() {
        let place = TopicPartition::new("market.ticks.v1", 0);
        let covered = |offset| Positions::from([(place.clone(), offset)]);
        let committed = covered(5);
        assert!(check_covered("market-data", &covered(5), &committed).is_ok());
        let error = check_covered("market-data", &covered(6), &committed).unwrap_err().to_string();
        assert!(error.starts_with("market-data has committed market.ticks.v1/0 up to 5"), "{error}");
        // What has expired is no position at all.
        assert!(check_covered("market-data", &covered(1), &Positions::new()).is_err());
    }
}
