//! A machine's slot: poll a batch, step through it, commit it as one.
//!
//! A record that cannot be read yet makes its partition pause (`held.rs`); what came before it and what lies in other
//! partitions is committed. Only while a task's state is being restored does the whole slot wait for the registry.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gauntlet_log::{
    Assignment, Commit, CommitOutcome, EventLog, LogError, Member, Polled, Positions, Record, StateSnapshot,
    Task, TopicPartition,
};
use gauntlet_processor::machine::{Definition, Inputs, Machine};
use gauntlet_wire::Codec;

use crate::clock;
use crate::dead_letter::dead_letter;
use crate::events::{self, Cause};
use crate::held::{Held, Pauses};
use crate::observer::{Observer, Seen};
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
                    observer.starts(true);
                    for task in new {
                        let began = Instant::now();
                        let Some(machine) = restored(log, codec, definition, &task, stop)? else { break };
                        let positions = committed_of(&log.committed(definition.name)?, &task);
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
                Polled::Records(records) => {
                    let mut batch = Batch {
                        codec,
                        definition,
                        held: &mut held,
                        observer: &observer,
                        seen: Seen::default(),
                    };
                    let commit = batch.step(&mut tasks, &records, options)?;
                    let seen = batch.seen;
                    observer.held.set(held.len() as f64);
                    if commit == Commit::default() {
                        continue;
                    }
                    match observer.commit(&mut *port, commit, seen)? {
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
            }
            observer.starts(false);
        }
        let snapshots = snapshots(definition, tasks.values_mut(), 1)?;
        if !snapshots.is_empty() {
            // Fenced at the very end: the new owner has its own state.
            observer.commit(&mut *port, Commit { snapshots, ..Commit::default() }, Seen::default())?;
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

/// A batch at work.
struct Batch<'a> {
    codec: &'a Codec,
    definition: &'a Definition,
    held: &'a mut Held,
    observer: &'a Observer,
    seen: Seen,
}

impl Batch<'_> {
    /// Steps through a batch; everything that follows from it in one commit.
    fn step(
        &mut self,
        tasks: &mut BTreeMap<u32, Live>,
        records: &[Record],
        options: &Options,
    ) -> Result<Commit, SlotError> {
        let (codec, definition) = (self.codec, self.definition);
        let recorded_at = clock::now();
        let mut commit = Commit::default();
        for record in records {
            let Some(live) = owner(definition, tasks, &record.partition) else { continue };
            let Some(read) = self.held.read(codec, record) else { continue };
            match read {
                Err(error) => {
                    self.seen.letter(error.name());
                    commit.outputs.push(dead_letter(record, definition.name, &error));
                }
                Ok(input) => {
                    let began = self.observer.began();
                    let outputs = live.machine.step(&input);
                    for output in &outputs {
                        let race = || {
                            let mut positions = live.positions.clone();
                            positions.insert(record.partition.clone(), record.offset);
                            Race { input: record.partition.clone(), positions }
                        };
                        let cause = Cause {
                            input: Some(&input),
                            source: definition.name,
                            recorded_at,
                            took_micros: None,
                            decided_at: output.raced.then(|| race().to_text()),
                        };
                        commit.outputs.push(events::record(codec, &output.event, cause)?);
                    }
                    let outputs = outputs.iter().map(|output| &output.event);
                    self.observer.handled(
                        &mut self.seen,
                        &input,
                        (&record.partition, record.offset),
                        outputs,
                        began,
                    );
                }
            }
            live.positions.insert(record.partition.clone(), record.offset + 1);
            live.since_snapshot += 1;
            commit.positions.insert(record.partition.clone(), record.offset + 1);
            self.seen.record(&record.partition);
        }
        commit.snapshots = snapshots(definition, tasks.values_mut(), options.snapshot_every_records)?;
        Ok(commit)
    }
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
