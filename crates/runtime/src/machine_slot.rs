//! A machine's slot: poll records, step through them, commit what follows as one.
//!
//! A record that cannot be read yet makes its partition pause (`held.rs`); what came before it and what lies in other
//! partitions is committed. Only while a task's state is being restored does the whole slot wait for the registry.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gauntlet_domain::{Event, Input, Recorded, Timestamp};
use gauntlet_log::{
    Assignment, Commit, CommitOutcome, EventLog, LogError, Member, NewRecord, Polled, Positions, Record,
    StateSnapshot, Task, TopicPartition,
};
use gauntlet_processor::machine::{Definition, Inputs, Machine};
use gauntlet_wire::Codec;

use crate::clock;
use crate::dead_letter::{dead_letter, refused};
use crate::events::{self, Cause};
use crate::held::{Held, Pauses, size};
use crate::observer::{Observer, Seen};
use crate::races::{Race, Trigger};
use crate::restore::{FeedError, Restored, restore, state_snapshot};
use crate::running::{Options, SlotError, Stop};

/// A task at work.
struct Live {
    task: Task,
    machine: Box<dyn Machine>,
    /// Next offset of each input.
    positions: Positions,
    /// Records since the last state snapshot.
    since_snapshot: usize,
}

/// Steps that are taken and not committed. While more records are ready they are gathered: a commit costs as much as
/// thousands of steps.
#[derive(Default)]
struct Pending {
    commit: Commit,
    seen: Seen,
    /// When the first step was taken.
    began: Option<Instant>,
    /// Records stepped through.
    records: usize,
    /// Bytes of outputs.
    bytes: usize,
}

impl Pending {
    fn has_room(&self, options: &Options) -> bool {
        self.records < options.batch_records
            && self.bytes < PENDING_BYTES
            && self.began.is_none_or(|began| began.elapsed() < COMMIT_INTERVAL)
    }

    /// Steps through records.
    fn step(
        &mut self,
        codec: &Codec,
        definition: &Definition,
        observer: &Observer,
        tasks: &mut BTreeMap<u32, Live>,
        held: &mut Held,
        records: &[Record],
    ) -> Result<(), SlotError> {
        let recorded_at = clock::now();
        for run in records.chunk_by(|a, b| a.partition == b.partition) {
            let partition = &run[0].partition;
            let Some(live) = owner(definition, tasks, partition) else { continue };
            let (mut taken, mut next) = (0, None);
            for record in run {
                let Some(read) = held.read(codec, record) else { continue };
                match read {
                    Err(error) => {
                        self.seen.letter(error.name());
                        self.push(dead_letter(record, definition.name, &error));
                    }
                    Ok(event) => self.one(codec, definition, observer, live, (record, event, recorded_at))?,
                }
                taken += 1;
                next = Some(record.offset + 1);
            }
            let Some(next) = next else { continue };
            self.began.get_or_insert_with(Instant::now);
            live.since_snapshot += taken;
            self.records += taken;
            for positions in [&mut live.positions, &mut self.commit.positions] {
                match positions.get_mut(&**partition) {
                    Some(position) => *position = next,
                    None => drop(positions.insert(TopicPartition::clone(partition), next)),
                }
            }
            self.seen.records(partition, taken as u64);
        }
        Ok(())
    }

    /// Steps through one event.
    fn one(
        &mut self,
        codec: &Codec,
        definition: &Definition,
        observer: &Observer,
        live: &mut Live,
        (record, event, recorded_at): (&Record, Event, Timestamp),
    ) -> Result<(), SlotError> {
        let (partition, offset) = (&record.partition, record.offset);
        let began = observer.began();
        let input = Input { event: &event, writer: events::writer(record) };
        if let Some(why) = live.machine.refuses(input) {
            tracing::warn!(processor = definition.name, %partition, offset, %why, "event refused");
            self.seen.letter("Refused");
            self.push(refused(record, definition.name, &why));
        }
        let outputs = live.machine.step(input);
        // Most ticks put nothing out and are in no trace: their envelope is not made.
        let is_followed = began.is_some() && event.subject().is_some();
        if outputs.is_empty() && !is_followed {
            return Ok(());
        }
        let input = Recorded { envelope: events::envelope(record, &event), event };
        for output in &outputs {
            let race = || {
                let mut positions = live.positions.clone();
                positions.insert(TopicPartition::clone(partition), offset);
                Race { trigger: Trigger::Input(TopicPartition::clone(partition)), positions }
            };
            let cause = Cause {
                input: Some(&input),
                source: definition.name,
                logic: Some(definition.version),
                recorded_at,
                took_micros: None,
                decided_at: output.raced.then(|| race().to_text()),
            };
            self.push(events::record(codec, &output.event, cause)?);
        }
        let outputs = outputs.iter().map(|output| &output.event);
        observer.handled(&mut self.seen, &input, (partition, offset), outputs, began);
        Ok(())
    }

    fn push(&mut self, output: NewRecord) {
        self.bytes += output.value.as_ref().map_or(0, Vec::len);
        self.commit.outputs.push(output);
    }
}

/// Records that are read and stepped through at a time: few enough to stay in the processor's cache.
const CHUNK: usize = 1024;
/// A poll that brought so many bytes of values has left more behind, most likely.
const CHUNK_BYTES: usize = 1 << 20;
/// For how long steps are gathered at most: what they put out is seen no later.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of outputs that are gathered at most, give or take a chunk.
const PENDING_BYTES: usize = 8 << 20;

/// Runs one slot of a machine until it is stopped.
pub(crate) fn run(
    log: &dyn EventLog,
    codec: &Codec,
    definition: &Definition,
    options: &Options,
    stop: &Stop,
    mut observer: Observer,
) -> Result<(), SlotError> {
    let slot = options.slot;
    let assignment = match definition.inputs {
        Inputs::CoPartitioned => Assignment::CoPartitioned,
        Inputs::Single => Assignment::Single,
    };
    let topics = definition.topics.iter().map(|topic| (*topic).to_owned()).collect();
    let member = Member { processor: definition.name.into(), slot, topics, assignment };
    'joined: loop {
        let mut port = log.join(member.clone())?;
        let mut tasks: BTreeMap<u32, Live> = BTreeMap::new();
        let mut held = Held::new(definition.name);
        let mut pending = Pending::default();
        while !stop.is_raised() {
            let chunk = CHUNK.min(options.batch_records.saturating_sub(pending.records)).max(1);
            let polled = match held.take_due() {
                Some(records) => Polled::Records(records),
                None => {
                    let room = if held.has_room(options.batch_records) { chunk } else { 0 };
                    let is_idle = pending.commit.positions.is_empty();
                    let timeout = if is_idle { options.poll_timeout } else { Duration::ZERO };
                    held.poll(&mut *port, room, timeout)?
                }
            };
            let mut is_more_ready = false;
            if let Polled::Records(records) = &polled {
                pending.step(codec, definition, &observer, &mut tasks, &mut held, records)?;
                observer.held.set(held.len() as f64);
                is_more_ready = is_much(records, chunk) && pending.has_room(options);
            }
            // Tasks that are taken away are still this slot's until the next poll.
            if !is_more_ready && !pending.commit.positions.is_empty() {
                let every = options.snapshot_every_records;
                let snapshots = snapshots(log, definition, tasks.values_mut(), every)?;
                let Pending { commit, seen, .. } = std::mem::take(&mut pending);
                match observer.commit(&mut *port, Commit { snapshots, ..commit }, seen)? {
                    CommitOutcome::Committed => {}
                    CommitOutcome::Fenced => {
                        return Err(LogError::Fenced { processor: definition.name.into(), slot }.into());
                    }
                    // What happened is learned from the committed positions when the tasks are restored.
                    CommitOutcome::Unknown => {
                        observer.rejoins.increment(1);
                        continue 'joined;
                    }
                }
            }
            match polled {
                Polled::Idle | Polled::Records(_) => {}
                Polled::Assigned(new) => {
                    observer.starts(true);
                    for task in new {
                        let began = Instant::now();
                        let Some(restored) = restored(log, codec, definition, &task, stop)? else { break };
                        let Restored { machine, positions, given_up } = restored;
                        if !given_up.is_empty() {
                            // With the positions that they were decided at, so that they are committed by their owner.
                            pending.commit.positions.extend(positions.clone());
                            given_up.into_iter().for_each(|output| pending.push(output));
                        }
                        observer.restored(began.elapsed());
                        tracing::info!(processor = definition.name, slot, task = task.id, "task assigned");
                        tasks.insert(task.id, Live { task, machine, positions, since_snapshot: 0 });
                    }
                    observer.tasks(tasks.keys().copied());
                }
                Polled::Revoked(old) => {
                    for task in old {
                        tracing::info!(processor = definition.name, slot, task = task.id, "task revoked");
                        held.forget(&task.partitions);
                        tasks.remove(&task.id);
                    }
                    observer.tasks(tasks.keys().copied());
                }
            }
            if pending.commit.positions.is_empty() {
                observer.starts(false);
            }
        }
        let commit =
            Commit { snapshots: snapshots(log, definition, tasks.values_mut(), 1)?, ..pending.commit };
        if commit != Commit::default() {
            // Fenced at the very end: the new owner has its own state.
            observer.commit(&mut *port, commit, pending.seen)?;
        }
        return Ok(());
    }
}

/// The machine of a task with its state; waits while records behind it cannot be read yet. `None` when everything stops.
fn restored(
    log: &dyn EventLog,
    codec: &Codec,
    definition: &Definition,
    task: &Task,
    stop: &Stop,
) -> Result<Option<Restored>, SlotError> {
    let mut pauses = Pauses::new();
    while !stop.is_raised() {
        match restore(log, codec, definition, task) {
            Ok(restored) => return Ok(Some(restored)),
            Err(FeedError::Log(error)) => return Err(error.into()),
            Err(FeedError::Output(error)) => return Err(error.into()),
            Err(FeedError::Undecided { partition, offset, error }) => {
                let (processor, task) = (definition.name, task.id);
                tracing::warn!(processor, task, %partition, offset, %error, "state waits, the record will be tried again");
                stop.sleep(pauses.next());
            }
        }
    }
    Ok(None)
}

/// Whether a poll brought so much that more is likely to be ready.
fn is_much(records: &[Record], chunk: usize) -> bool {
    records.len() >= chunk || records.iter().map(size).sum::<usize>() >= CHUNK_BYTES
}

fn owner<'a>(
    definition: &Definition,
    tasks: &'a mut BTreeMap<u32, Live>,
    partition: &TopicPartition,
) -> Option<&'a mut Live> {
    let id = match definition.inputs {
        Inputs::CoPartitioned => partition.partition,
        Inputs::Single => 0,
    };
    tasks.get_mut(&id)
}

/// State of the tasks that have taken in enough since their last snapshot.
fn snapshots<'a>(
    log: &dyn EventLog,
    definition: &Definition,
    tasks: impl Iterator<Item = &'a mut Live>,
    every: usize,
) -> Result<Vec<(u32, StateSnapshot)>, SlotError> {
    let mut snapshots = Vec::new();
    for live in tasks.filter(|live| live.since_snapshot >= every) {
        live.since_snapshot = 0;
        let snapshot = state_snapshot(log, definition, &live.positions, &*live.machine)?;
        snapshots.push((live.task.id, snapshot));
    }
    Ok(snapshots)
}

/// How long a slot waits for records when there are none.
pub(crate) const POLL_TIMEOUT: Duration = Duration::from_millis(100);
