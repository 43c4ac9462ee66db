//! A machine's slot: poll a batch, step through it, commit it as one.
//!
//! A record that cannot be read yet makes its partition pause (`held.rs`); what came before it and what lies in other
//! partitions is committed. Only while a task's state is being restored does the whole slot wait for the registry.

use std::collections::BTreeMap;
use std::time::Duration;

use gauntlet_log::{
    Assignment, Commit, CommitOutcome, EventLog, LogError, Member, Polled, Positions, Record, StateSnapshot,
    Task, TopicPartition,
};
use gauntlet_processor::machine::{Definition, Inputs, Machine};
use gauntlet_wire::Codec;

use crate::clock;
use crate::dead_letter::{dead_letter, refused};
use crate::events::{self, Cause};
use crate::held::{Held, Pauses};
use crate::restore::{FeedError, Race, committed_of, restore};
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

/// Runs one slot of a machine until it is stopped.
pub(crate) fn run(
    log: &dyn EventLog,
    codec: &Codec,
    definition: &Definition,
    slot: u32,
    options: &Options,
    stop: &Stop,
) -> Result<(), SlotError> {
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
        while !stop.is_raised() {
            let polled = match held.take_due() {
                Some(records) => Polled::Records(records),
                None => {
                    let room = if held.len() < options.batch_records { options.batch_records } else { 0 };
                    held.poll(&mut *port, room, options.poll_timeout)?
                }
            };
            match polled {
                Polled::Idle => {}
                Polled::Assigned(new) => {
                    for task in new {
                        let Some(machine) = restored(log, codec, definition, &task, stop)? else { break };
                        let positions = committed_of(&log.committed(definition.name)?, &task);
                        tracing::info!(processor = definition.name, slot, task = task.id, "task assigned");
                        tasks.insert(task.id, Live { task, machine, positions, since_snapshot: 0 });
                    }
                }
                Polled::Revoked(old) => {
                    for task in old {
                        tracing::info!(processor = definition.name, slot, task = task.id, "task revoked");
                        held.forget(&task.partitions);
                        tasks.remove(&task.id);
                    }
                }
                Polled::Records(records) => {
                    let commit = step(codec, definition, &mut tasks, &mut held, &records, options)?;
                    if commit == Commit::default() {
                        continue;
                    }
                    match port.commit(commit)? {
                        CommitOutcome::Committed => {}
                        CommitOutcome::Fenced => {
                            return Err(LogError::Fenced { processor: definition.name.into(), slot }.into());
                        }
                        // What happened is learned from the committed positions when the tasks are restored.
                        CommitOutcome::Unknown => continue 'joined,
                    }
                }
            }
        }
        let snapshots = snapshots(definition, tasks.values_mut(), 1)?;
        if !snapshots.is_empty() {
            // Fenced at the very end: the new owner has its own state.
            port.commit(Commit { snapshots, ..Commit::default() })?;
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
) -> Result<Option<Box<dyn Machine>>, LogError> {
    let mut pauses = Pauses::new();
    while !stop.is_raised() {
        match restore(log, codec, definition, task) {
            Ok(machine) => return Ok(Some(machine)),
            Err(FeedError::Log(error)) => return Err(error),
            Err(FeedError::Undecided { partition, offset, error }) => {
                let (processor, task) = (definition.name, task.id);
                tracing::warn!(processor, task, %partition, offset, %error, "state waits, the record will be tried again");
                stop.sleep(pauses.next());
            }
        }
    }
    Ok(None)
}

/// Steps through a batch; everything that follows from it in one commit.
fn step(
    codec: &Codec,
    definition: &Definition,
    tasks: &mut BTreeMap<u32, Live>,
    held: &mut Held,
    records: &[Record],
    options: &Options,
) -> Result<Commit, SlotError> {
    let recorded_at = clock::now();
    let mut commit = Commit::default();
    for record in records {
        let Some(live) = owner(definition, tasks, &record.partition) else { continue };
        let Some(read) = held.read(codec, record) else { continue };
        match read {
            Err(error) => commit.outputs.push(dead_letter(record, definition.name, &error)),
            Ok(input) => {
                if let Some(why) = live.machine.refuses(&input) {
                    let (partition, offset) = (&record.partition, record.offset);
                    tracing::warn!(processor = definition.name, %partition, offset, %why, "event refused");
                    commit.outputs.push(refused(record, definition.name, &why));
                }
                for output in live.machine.step(&input) {
                    let race = || {
                        let mut positions = live.positions.clone();
                        positions.insert(record.partition.clone(), record.offset);
                        Race { input: record.partition.clone(), positions }
                    };
                    let cause = Cause {
                        input: Some(&input.envelope),
                        source: definition.name,
                        recorded_at,
                        took_micros: None,
                        decided_at: output.raced.then(|| race().to_text()),
                    };
                    commit.outputs.push(events::record(codec, &output.event, cause)?);
                }
            }
        }
        live.positions.insert(record.partition.clone(), record.offset + 1);
        live.since_snapshot += 1;
        commit.positions.insert(record.partition.clone(), record.offset + 1);
    }
    commit.snapshots = snapshots(definition, tasks.values_mut(), options.snapshot_every_records)?;
    Ok(commit)
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
    definition: &Definition,
    tasks: impl Iterator<Item = &'a mut Live>,
    every: usize,
) -> Result<Vec<(u32, StateSnapshot)>, SlotError> {
    let mut snapshots = Vec::new();
    for live in tasks.filter(|live| live.since_snapshot >= every) {
        live.since_snapshot = 0;
        let bytes = live.machine.save()?;
        let positions = live.positions.clone();
        snapshots
            .push((live.task.id, StateSnapshot { version: definition.version.into(), positions, bytes }));
    }
    Ok(snapshots)
}

/// How long a slot waits for records when there are none.
pub(crate) const POLL_TIMEOUT: Duration = Duration::from_millis(100);
