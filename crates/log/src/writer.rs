//! The one thread that writes: it gathers waiting commits into one durable write (group commit).
//!
//! A commit is checked for fencing right before it is written, so nobody can lose a task between the check and the
//! write.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use crossbeam_channel::{Receiver, Sender};

use crate::fault::{self, Moment};
use crate::frame;
use crate::local::Shared;
use crate::pack::Packer;
use crate::partitioner::partition_for;
use crate::port::{Commit, CommitOutcome, LogError};
use crate::store::{Batch, Placed};

/// Output bytes that one durable write gathers at most.
const GROUP_BYTES: usize = 16 << 20;

/// One waiting commit.
pub(crate) struct Request {
    /// Who commits; `None` is an append from outside any group.
    pub(crate) member: Option<(String, u32, u64)>,
    pub(crate) commit: Commit,
    pub(crate) answer: Sender<Result<CommitOutcome, LogError>>,
}

/// Gathers waiting commits and writes them as one batch, for as long as anybody can commit.
pub(crate) fn write_commits(shared: &Shared, requests: &Receiver<Request>) {
    let mut ends: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let mut packer = Packer::default();
    for number in 1.. {
        let Ok(first) = requests.recv() else { return };
        let mut group = vec![first];
        let mut bytes = output_bytes(&group[0].commit);
        while bytes < GROUP_BYTES
            && let Ok(next) = requests.try_recv()
        {
            bytes += output_bytes(&next.commit);
            group.push(next);
        }
        write_group(shared, group, &mut ends, &mut packer, number);
    }
}

fn output_bytes(commit: &Commit) -> usize {
    commit
        .outputs
        .iter()
        .map(|record| record.value.as_ref().map_or(0, Vec::len) + record.key.len() + 64)
        .sum()
}

/// Writes a group as the process's write of this number, counted from 1.
fn write_group(
    shared: &Shared,
    group: Vec<Request>,
    ends: &mut BTreeMap<(u32, u32), u64>,
    packer: &mut Packer,
    number: u64,
) {
    // Held until the batch is durable: membership cannot change between the check and the write.
    let coordinator = shared.coordinator.read().unwrap_or_else(PoisonError::into_inner);
    let mut batch = Batch::default();
    let mut answers = Vec::with_capacity(group.len());
    let mut new_ends = ends.clone();
    for request in group {
        if let Some((processor, slot, epoch)) = &request.member {
            let owns = |partition| coordinator.owns(processor, *slot, *epoch, partition);
            if !coordinator.is_current(processor, *slot, *epoch) || !request.commit.positions.keys().all(owns)
            {
                // The answer may go to a thread that has given up waiting; then nobody is there to be told.
                let _ = request.answer.send(Ok(CommitOutcome::Fenced));
                continue;
            }
        }
        match place(shared, request.member.as_ref(), request.commit, &mut new_ends, packer, &mut batch) {
            Ok(()) => answers.push(request.answer),
            Err(error) => {
                let _ = request.answer.send(Err(error));
            }
        }
    }
    let written = write(shared, batch, number);
    drop(coordinator);
    match written {
        Ok(()) => {
            *ends = new_ends;
            shared.announce();
            for answer in answers {
                let _ = answer.send(Ok(CommitOutcome::Committed));
            }
        }
        Err(error) => {
            ends.clear();
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

fn write(shared: &Shared, batch: Batch, number: u64) -> Result<(), LogError> {
    if cfg!(debug_assertions) {
        fault::point(Moment::Before, number);
    }
    shared.store.write(batch)?;
    if cfg!(debug_assertions) {
        fault::point(Moment::After, number);
    }
    Ok(())
}

/// Gives every output its offset and adds the commit to the batch; on an error nothing of it is added.
fn place(
    shared: &Shared,
    member: Option<&(String, u32, u64)>,
    commit: Commit,
    ends: &mut BTreeMap<(u32, u32), u64>,
    packer: &mut Packer,
    batch: &mut Batch,
) -> Result<(), LogError> {
    let mut placed = Vec::with_capacity(commit.outputs.len());
    for record in &commit.outputs {
        let topic = shared.topic(&record.topic)?;
        placed.push((topic.id, partition_for(&record.key, topic.partitions)));
    }
    let mut positions = Vec::with_capacity(commit.positions.len());
    let processor = member.map_or("", |(processor, ..)| processor);
    for (partition, offset) in commit.positions {
        let topic = shared.topic(&partition.topic)?;
        positions.push((processor.to_owned(), topic.id, partition.partition, offset));
    }
    for ((topic, partition), record) in placed.into_iter().zip(&commit.outputs) {
        let end = match ends.get(&(topic, partition)) {
            Some(end) => *end,
            None => shared.store.bounds(topic, partition)?.1,
        };
        ends.insert((topic, partition), end + 1);
        batch.records.push(Placed { topic, partition, offset: end, bytes: frame::encode(record, packer) });
    }
    batch.positions.extend(positions);
    let snapshots = commit.snapshots.into_iter();
    batch.snapshots.extend(snapshots.map(|(task, snapshot)| (processor.to_owned(), task, snapshot)));
    Ok(())
}
