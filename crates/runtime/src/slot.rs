//! The loop of a slot: join, poll, take in, commit; join again when nobody knows whether a commit succeeded.
//!
//! What is done with records is plugged in as `Work`: stepping through them (`machine_slot.rs`) or having them answered
//! (`worker_slot.rs`). A record that cannot be read yet makes its partition pause (`paused.rs`).
//!
//! The loop decides when to commit, never what: outputs, positions and state come from the work as one `Batch`.

use std::collections::BTreeSet;
use std::time::Duration;

use gauntlet_log::{Commit, CommitOutcome, EventLog, LogError, Member, Polled, Record, Slot, Task};
use gauntlet_wire::Codec;

use crate::failure::SlotError;
use crate::observer::{Observations, Observer};
use crate::options::Options;
use crate::paused::PausedRecords;
use crate::stop::Stop;

/// What all slots of a process share.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) log: &'a dyn EventLog,
    pub(crate) codec: &'a Codec,
    pub(crate) options: &'a Options,
    pub(crate) stop: &'a Stop,
}

/// What is committed as one, and what is counted when that has succeeded.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) commit: Commit,
    pub(crate) observations: Observations,
}

/// How many records a slot can take in now.
pub(crate) enum Demand {
    /// At most so many, waiting so long for the first one. With room for none the slot only stays a member.
    Records { room: usize, timeout: Duration },
    /// None, and no poll either: work that is under way has to end first.
    Wait,
}

/// Whether more records are likely to be ready after a poll.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// What is finished is committed now.
    Commit,
    /// Steps are gathered for one larger commit.
    GatherMore,
}

/// What a slot does with its tasks and their records. A fresh one is made whenever the slot joins.
pub(crate) trait Work {
    /// A task belongs to this slot now; its records begin at its committed positions.
    fn assigned(&mut self, task: &Task, observer: &mut Observer) -> Result<(), SlotError>;
    /// A task belongs to another slot now. What was finished has been committed, the rest is dropped.
    fn revoked(&mut self, task: &Task);
    /// How many records can be taken in now.
    fn demand(&self, paused: &PausedRecords) -> Demand;
    /// Takes records in; those that cannot be read yet go to `paused`.
    fn take_in(
        &mut self,
        records: &[Record],
        paused: &mut PausedRecords,
        observer: &Observer,
    ) -> Result<Next, SlotError>;
    /// Called before each commit: collects what has become ready outside this thread.
    fn collect(&mut self, _observer: &Observer) -> Result<(), SlotError> {
        Ok(())
    }
    /// Called when there is nothing to read: waits a little for work that is under way.
    fn wait(&mut self, _observer: &Observer) -> Result<(), SlotError> {
        Ok(())
    }
    /// What is finished and not committed yet; `None` when nothing is.
    fn finished(&mut self) -> Result<Option<Batch>, SlotError>;
    /// The last batch before the slot leaves.
    fn last(&mut self) -> Result<Option<Batch>, SlotError> {
        self.finished()
    }
}

/// Runs a slot until it is stopped.
pub(crate) fn run<W: Work>(
    context: Context<'_>,
    member: &Member,
    mut observer: Observer,
    mut begin: impl FnMut() -> W,
) -> Result<(), SlotError> {
    loop {
        let end = Joined {
            context,
            member,
            port: context.log.join(member.clone())?,
            work: begin(),
            paused: PausedRecords::new(observer.processor),
            tasks: BTreeSet::new(),
            observer: &mut observer,
        }
        .run()?;
        match end {
            End::Stopped => return Ok(()),
            // What happened is learned from the committed positions when the tasks are assigned again.
            End::CommitUnknown => observer.rejoins.increment(1),
        }
    }
}

/// How a membership ended.
enum End {
    Stopped,
    CommitUnknown,
}

/// A slot that has joined its group.
struct Joined<'a, W> {
    context: Context<'a>,
    member: &'a Member,
    port: Box<dyn Slot>,
    work: W,
    paused: PausedRecords,
    tasks: BTreeSet<u32>,
    observer: &'a mut Observer,
}

impl<W: Work> Joined<'_, W> {
    fn run(&mut self) -> Result<End, SlotError> {
        let mut next = Next::Commit;
        while !self.context.stop.is_raised() {
            self.work.collect(self.observer)?;
            if next == Next::Commit && !self.commit()? {
                return Ok(End::CommitUnknown);
            }
            next = Next::Commit;
            match self.poll()? {
                Polled::Records(records) => next = self.take_in(&records)?,
                Polled::Idle => self.work.wait(self.observer)?,
                // Tasks that are taken away are this slot's until the next poll, so what is finished is committed first.
                Polled::Assigned(tasks) => {
                    if !self.commit()? {
                        return Ok(End::CommitUnknown);
                    }
                    self.assigned(tasks)?;
                    // What the tasks have given up is committed before they count as started.
                    if !self.commit()? {
                        return Ok(End::CommitUnknown);
                    }
                }
                Polled::Revoked(tasks) => {
                    if !self.commit()? {
                        return Ok(End::CommitUnknown);
                    }
                    self.revoked(tasks);
                }
            }
            self.observer.starts(false);
        }
        if let Some(Batch { commit, observations }) = self.work.last()? {
            // Fenced at the very end: the new owner has its own state.
            self.observer.commit(&mut *self.port, commit, observations)?;
        }
        Ok(End::Stopped)
    }

    /// Paused records whose pause is over, or what the log has.
    fn poll(&mut self) -> Result<Polled, LogError> {
        if let Some(records) = self.paused.take_due() {
            return Ok(Polled::Records(records));
        }
        match self.work.demand(&self.paused) {
            Demand::Records { room, timeout } => self.paused.poll(&mut *self.port, room, timeout),
            Demand::Wait => Ok(Polled::Idle),
        }
    }

    fn take_in(&mut self, records: &[Record]) -> Result<Next, SlotError> {
        let next = self.work.take_in(records, &mut self.paused, self.observer)?;
        self.observer.paused.set(self.paused.len() as f64);
        Ok(next)
    }

    /// Commits what is finished. Answers false when nobody knows whether that succeeded.
    fn commit(&mut self) -> Result<bool, SlotError> {
        let Some(Batch { commit, observations }) = self.work.finished()? else { return Ok(true) };
        match self.observer.commit(&mut *self.port, commit, observations)? {
            CommitOutcome::Committed => Ok(true),
            CommitOutcome::Unknown => Ok(false),
            CommitOutcome::Fenced => {
                let Member { processor, slot, .. } = self.member;
                Err(LogError::Fenced { processor: processor.clone(), slot: *slot }.into())
            }
        }
    }

    fn assigned(&mut self, tasks: Vec<Task>) -> Result<(), SlotError> {
        for task in tasks {
            self.work.assigned(&task, self.observer)?;
            self.tasks.insert(task.id);
            let (processor, slot) = (self.observer.processor, self.member.slot);
            tracing::info!(processor, slot, task = task.id, "task assigned");
        }
        self.observer.tasks(self.tasks.iter().copied());
        Ok(())
    }

    fn revoked(&mut self, tasks: Vec<Task>) {
        for task in tasks {
            let (processor, slot) = (self.observer.processor, self.member.slot);
            tracing::info!(processor, slot, task = task.id, "task revoked");
            self.work.revoked(&task);
            self.paused.forget(&task.partitions);
            self.tasks.remove(&task.id);
        }
        self.observer.paused.set(self.paused.len() as f64);
        self.observer.tasks(self.tasks.iter().copied());
    }
}
