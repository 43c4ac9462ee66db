//! What a machine's slot does: steps through records and gathers what follows from them for one commit.
//!
//! What came before a record that cannot be read yet, and what lies in other partitions, is committed. Only while a task's
//! state is being restored does the whole slot wait for the registry.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gauntlet_domain::{Event, Input, Recorded, Timestamp};
use gauntlet_log::{
    Assignment, Commit, LogError, Member, NewRecord, Positions, Record, StateSnapshot, Task, TopicPartition,
    interruptible,
};
use gauntlet_processor::machine::{Definition, Inputs, Machine};
use gauntlet_processor::topology::check_output;
use gauntlet_wire::Codec;

use crate::clock;
use crate::dead_letter::{dead_letter, refused};
use crate::events::{self, Cause};
use crate::failure::SlotError;
use crate::observer::{Observations, Observer};
use crate::options::Options;
use crate::paused::{PausedRecords, Pauses, size};
use crate::races::{Race, Trigger};
use crate::restore::{FeedError, Restored, restore, state_snapshot};
use crate::slot::{self, Batch, Context, Demand, Next, Work};

/// Records that are read and stepped through at a time: few enough to stay in the processor's cache.
const CHUNK: usize = 1024;
/// A poll that brought so many bytes of values has left more behind, most likely.
const CHUNK_BYTES: usize = 1 << 20;
/// How long steps are gathered at most: their outputs are seen no later than this.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of outputs that are gathered at most, give or take a chunk.
const PENDING_BYTES: usize = 8 << 20;

/// Runs one slot of a machine until it is stopped.
pub(crate) fn run(
    context: Context<'_>,
    definition: &Definition,
    observer: Observer,
) -> Result<(), SlotError> {
    let member = Member {
        processor: definition.name.into(),
        slot: context.options.slot,
        topics: definition.reads.iter().map(|topic| topic.name.to_owned()).collect(),
        assignment: match definition.inputs {
            Inputs::CoPartitioned => Assignment::CoPartitioned,
            Inputs::Single => Assignment::Single,
        },
    };
    slot::run(context, &member, observer, || MachineWork {
        context,
        definition,
        tasks: BTreeMap::new(),
        pending: Pending::default(),
        restored: Vec::new(),
    })
}

/// A task at work.
struct RunningTask {
    machine: Box<dyn Machine>,
    /// Next offset of each input.
    positions: Positions,
    /// Records since the last state snapshot.
    since_snapshot: usize,
    /// Time that they took: about as long as a restart would need for them.
    stepped: Duration,
    /// What saving the state took the last time.
    save_cost: Duration,
}

/// Time of steps that is saved at once, if saving costs little beside it: a restart has no more to do again.
const SAVE_AFTER: Duration = Duration::from_millis(500);
/// Saving may take one part of so many of the time of the steps.
const SAVE_SHARE: u32 = 20;

impl RunningTask {
    /// Whether its state is to be saved: after so many records, or so much work.
    fn is_due(&self, every_records: usize) -> bool {
        self.since_snapshot >= every_records || self.stepped >= SAVE_AFTER.max(self.save_cost * SAVE_SHARE)
    }
}

/// The tasks of a slot.
struct MachineWork<'a> {
    context: Context<'a>,
    definition: &'a Definition,
    tasks: BTreeMap<u32, RunningTask>,
    pending: Pending,
    /// Tasks whose state was just restored, and is to be saved.
    restored: Vec<u32>,
}

impl MachineWork<'_> {
    /// Records that are taken in at a time.
    fn chunk(&self) -> usize {
        CHUNK.min(self.context.options.batch_records.saturating_sub(self.pending.records)).max(1)
    }

    /// The machine of a task with its state; waits while records behind it cannot be read yet. `None` when everything
    /// stops.
    fn restored(&self, task: &Task) -> Result<Option<Restored>, SlotError> {
        let Context { log, codec, stop, .. } = self.context;
        let mut pauses = Pauses::new();
        let over = stop.clone();
        let log = interruptible(log, move || over.is_raised());
        while !stop.is_raised() {
            match restore(&log, codec, self.definition, task) {
                Ok(restored) => return Ok(Some(restored)),
                Err(FeedError::Log(LogError::Interrupted)) => return Ok(None),
                Err(FeedError::Log(error)) => return Err(error.into()),
                Err(FeedError::Output(error)) => return Err(error.into()),
                Err(FeedError::Undecided { partition, offset, error }) => {
                    let (processor, task) = (self.definition.name, task.id);
                    tracing::warn!(processor, task, %partition, offset, %error, "state waits, the record will be tried again");
                    stop.sleep(pauses.next());
                }
            }
        }
        Ok(None)
    }

    /// State of tasks, by their number and the records that they have taken in since their last snapshot.
    fn snapshots(
        &mut self,
        is_due: impl Fn(u32, &RunningTask) -> bool,
    ) -> Result<Vec<(u32, StateSnapshot)>, SlotError> {
        let mut snapshots = Vec::new();
        for (id, task) in self.tasks.iter_mut().filter(|(id, task)| is_due(**id, task)) {
            let (log, began) = (self.context.log, Instant::now());
            snapshots.push((*id, state_snapshot(log, self.definition, &task.positions, &*task.machine)?));
            (task.since_snapshot, task.stepped, task.save_cost) = (0, Duration::ZERO, began.elapsed());
        }
        Ok(snapshots)
    }
}

/// Records behind the last snapshot from which on a restore is a long one.
const LONG_RESTORE: usize = 2_000;

impl Work for MachineWork<'_> {
    fn assigned(&mut self, task: &Task, observer: &mut Observer) -> Result<(), SlotError> {
        observer.starts(true);
        let began = Instant::now();
        let Some(Restored { machine, positions, given_up, fed }) = self.restored(task)? else {
            return Ok(());
        };
        if !given_up.is_empty() {
            // With the positions at which it was decided, so that only the task's owner can commit it.
            self.pending.batch.commit.positions.extend(positions.clone());
            given_up.into_iter().for_each(|output| self.pending.push(output));
        }
        observer.restored(began.elapsed());
        let (stepped, save_cost) = (Duration::ZERO, Duration::ZERO);
        let restored = RunningTask { machine, positions, since_snapshot: fed, stepped, save_cost };
        if fed >= self.context.options.snapshot_every_records.min(LONG_RESTORE) {
            // It has taken its time: the next restart need not do it again, whatever ends this process.
            self.restored.push(task.id);
        }
        self.tasks.insert(task.id, restored);
        Ok(())
    }

    fn revoked(&mut self, task: &Task) {
        self.tasks.remove(&task.id);
    }

    fn demand(&self, paused: &PausedRecords) -> Demand {
        let options = self.context.options;
        let room = if paused.has_room(options.batch_records) { self.chunk() } else { 0 };
        // Pending steps are committed before anybody waits.
        let timeout = if self.pending.records == 0 { options.poll_timeout } else { Duration::ZERO };
        Demand::Records { room, timeout }
    }

    fn take_in(
        &mut self,
        records: &[Record],
        paused: &mut PausedRecords,
        observer: &Observer,
    ) -> Result<Next, SlotError> {
        let is_more_ready = is_much(records, self.chunk());
        let stepping = Stepping { codec: self.context.codec, definition: self.definition, observer };
        self.pending.step(stepping, &mut self.tasks, paused, records)?;
        let may_gather = is_more_ready && self.pending.has_room(self.context.options);
        Ok(if may_gather { Next::GatherMore } else { Next::Commit })
    }

    fn finished(&mut self) -> Result<Option<Batch>, SlotError> {
        let restored = std::mem::take(&mut self.restored);
        if self.pending.batch.commit.positions.is_empty() && restored.is_empty() {
            return Ok(None);
        }
        let every = self.context.options.snapshot_every_records;
        let snapshots = self.snapshots(|id, task| task.is_due(every) || restored.contains(&id))?;
        Ok(Some(std::mem::take(&mut self.pending).with(snapshots)))
    }

    /// With the state of every task that has taken in anything since its last snapshot.
    fn last(&mut self) -> Result<Option<Batch>, SlotError> {
        let snapshots = self.snapshots(|_, task| task.since_snapshot > 0)?;
        let batch = std::mem::take(&mut self.pending).with(snapshots);
        Ok((batch.commit != Commit::default()).then_some(batch))
    }
}

/// Whether a poll brought so much that more is likely to be ready.
fn is_much(records: &[Record], chunk: usize) -> bool {
    records.len() >= chunk || records.iter().map(size).sum::<usize>() >= CHUNK_BYTES
}

/// What a step needs besides its task.
#[derive(Clone, Copy)]
struct Stepping<'a> {
    codec: &'a Codec,
    definition: &'a Definition,
    observer: &'a Observer,
}

impl Stepping<'_> {
    /// The task that owns a partition.
    fn owner<'t>(
        &self,
        tasks: &'t mut BTreeMap<u32, RunningTask>,
        partition: &TopicPartition,
    ) -> Option<&'t mut RunningTask> {
        let id = match self.definition.inputs {
            Inputs::CoPartitioned => partition.partition,
            Inputs::Single => 0,
        };
        tasks.get_mut(&id)
    }
}

/// Steps that are taken and not committed. While more records are ready they are gathered: a commit costs as much as
/// thousands of steps.
#[derive(Default)]
struct Pending {
    batch: Batch,
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

    fn with(self, snapshots: Vec<(u32, StateSnapshot)>) -> Batch {
        let Batch { commit, observations } = self.batch;
        Batch { commit: Commit { snapshots, ..commit }, observations }
    }

    /// Steps through records.
    fn step(
        &mut self,
        stepping: Stepping<'_>,
        tasks: &mut BTreeMap<u32, RunningTask>,
        paused: &mut PausedRecords,
        records: &[Record],
    ) -> Result<(), SlotError> {
        let recorded_at = clock::now();
        for run in records.chunk_by(|a, b| a.partition == b.partition) {
            let partition = &run[0].partition;
            let Some(task) = stepping.owner(tasks, partition) else { continue };
            let (mut taken, mut next, began) = (0, None, Instant::now());
            for record in run {
                let Some(read) = paused.read(stepping.codec, record) else { continue };
                match read {
                    Err(error) => {
                        self.observations().dead_letter(error.name());
                        self.push(dead_letter(record, stepping.definition.name, &error));
                    }
                    Ok(event) => self.one(stepping, task, (record, event, recorded_at))?,
                }
                taken += 1;
                next = Some(record.offset + 1);
            }
            let Some(next) = next else { continue };
            self.began.get_or_insert_with(Instant::now);
            task.since_snapshot += taken;
            task.stepped += began.elapsed();
            self.records += taken;
            for positions in [&mut task.positions, &mut self.batch.commit.positions] {
                match positions.get_mut(&**partition) {
                    Some(position) => *position = next,
                    None => drop(positions.insert(TopicPartition::clone(partition), next)),
                }
            }
            self.observations().records(partition, taken as u64);
        }
        Ok(())
    }

    /// Steps through one event.
    fn one(
        &mut self,
        Stepping { codec, definition, observer }: Stepping<'_>,
        task: &mut RunningTask,
        (record, event, recorded_at): (&Record, Event, Timestamp),
    ) -> Result<(), SlotError> {
        let (partition, offset) = (&record.partition, record.offset);
        let began = observer.began();
        let input = Input { event: &event, writer: events::writer(record) };
        if let Some(why) = task.machine.refuses(input) {
            tracing::warn!(processor = definition.name, %partition, offset, %why, "event refused");
            self.observations().dead_letter("Refused");
            self.push(refused(record, definition.name, &why));
        }
        let outputs = task.machine.step(input);
        // Most ticks put nothing out and are in no trace: their envelope is not made.
        let is_followed = began.is_some() && event.subject().is_some();
        if outputs.is_empty() && !is_followed {
            return Ok(());
        }
        let input = Recorded { envelope: events::envelope(record, &event), event };
        for output in &outputs {
            check_output(definition.name, definition.writes, &output.event)?;
            let race = || {
                let mut positions = task.positions.clone();
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
        observer.handled(self.observations(), &input, (partition, offset), outputs, began);
        Ok(())
    }

    fn observations(&mut self) -> &mut Observations {
        &mut self.batch.observations
    }

    fn push(&mut self, output: NewRecord) {
        self.bytes += output.value.as_ref().map_or(0, Vec::len);
        self.batch.commit.outputs.push(output);
    }
}
