//! Who reads what, on one machine: members of a group share its tasks out in ranges; a task changes hands only after
//! its owner has been told and has polled again; a newcomer with a taken slot number fences the member before it.
//!
//! Knows nothing of storage and never blocks.

use std::collections::BTreeMap;

use crate::port::{Assignment, Member, Task, TopicPartition};

/// Membership of every group.
#[derive(Default)]
pub(crate) struct Coordinator {
    groups: BTreeMap<String, Group>,
}

#[derive(Default)]
struct Group {
    tasks: Vec<Task>,
    /// Epoch of each slot's current member.
    members: BTreeMap<u32, u64>,
    /// Slot that owns each task now.
    owners: Vec<Option<u32>>,
    /// Slots that have been told to give a task up.
    revoking: Vec<bool>,
}

/// What a member has to do before it may read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Assigned(Vec<Task>),
    Revoked(Vec<Task>),
    None,
    Fenced,
}

impl Coordinator {
    /// Adds a member; an older one with the same slot is fenced and loses its tasks at once.
    pub(crate) fn join(&mut self, member: &Member, epoch: u64, partitions: &BTreeMap<String, u32>) {
        let group = self.groups.entry(member.processor.clone()).or_default();
        let tasks = tasks_of(member, partitions);
        if group.tasks != tasks {
            group.owners = vec![None; tasks.len()];
            group.revoking = vec![false; tasks.len()];
            group.tasks = tasks;
        }
        group.release_all(member.slot);
        group.members.insert(member.slot, epoch);
    }

    /// Removes a member, unless it has been fenced already.
    pub(crate) fn leave(&mut self, processor: &str, slot: u32, epoch: u64) {
        if let Some(group) = self.groups.get_mut(processor)
            && group.members.get(&slot) == Some(&epoch)
        {
            group.members.remove(&slot);
            group.release_all(slot);
        }
    }

    /// Whether the member has nothing to do before it may read; the common case, answered without changing anything.
    pub(crate) fn is_settled(&self, processor: &str, slot: u32, epoch: u64) -> bool {
        self.groups.get(processor).is_some_and(|group| {
            group.members.get(&slot) == Some(&epoch)
                && (0..group.tasks.len()).all(|task| {
                    let (owner, target) = (group.owners[task], group.target(task));
                    (owner == Some(slot)) == (target == Some(slot) && !group.revoking[task])
                        || (target == Some(slot) && owner.is_some() && owner != Some(slot))
                })
        })
    }

    /// Gives the member its next change.
    pub(crate) fn next_change(&mut self, processor: &str, slot: u32, epoch: u64) -> Change {
        let Some(group) = self.groups.get_mut(processor) else { return Change::Fenced };
        if group.members.get(&slot) != Some(&epoch) {
            return Change::Fenced;
        }
        group.next_change(slot)
    }

    /// Whether the member may commit positions of this partition.
    pub(crate) fn owns(&self, processor: &str, slot: u32, epoch: u64, partition: &TopicPartition) -> bool {
        let Some(group) = self.groups.get(processor) else { return false };
        let task = group.tasks.iter().position(|task| task.partitions.contains(partition));
        group.members.get(&slot) == Some(&epoch) && task.is_some_and(|task| group.owners[task] == Some(slot))
    }

    /// Whether the member is the current one of its slot.
    pub(crate) fn is_current(&self, processor: &str, slot: u32, epoch: u64) -> bool {
        self.groups.get(processor).is_some_and(|group| group.members.get(&slot) == Some(&epoch))
    }
}

impl Group {
    fn next_change(&mut self, slot: u32) -> Change {
        // A task announced as revoked is released by the poll after the announcement.
        for task in 0..self.tasks.len() {
            if self.owners[task] == Some(slot) && self.revoking[task] {
                self.owners[task] = None;
                self.revoking[task] = false;
            }
        }
        let revoked: Vec<usize> = (0..self.tasks.len())
            .filter(|task| self.owners[*task] == Some(slot) && self.target(*task) != Some(slot))
            .collect();
        if !revoked.is_empty() {
            revoked.iter().for_each(|task| self.revoking[*task] = true);
            return Change::Revoked(self.pick(&revoked));
        }
        let assigned: Vec<usize> = (0..self.tasks.len())
            .filter(|task| self.owners[*task].is_none() && self.target(*task) == Some(slot))
            .collect();
        if assigned.is_empty() {
            return Change::None;
        }
        assigned.iter().for_each(|task| self.owners[*task] = Some(slot));
        Change::Assigned(self.pick(&assigned))
    }

    /// Range assignment: contiguous tasks to the members in order of their slots, the first ones get one more.
    fn target(&self, task: usize) -> Option<u32> {
        let members = self.members.len();
        if members == 0 {
            return None;
        }
        let (each, extra) = (self.tasks.len() / members, self.tasks.len() % members);
        let longer = extra * (each + 1);
        let index = if task < longer { task / (each + 1) } else { extra + (task - longer) / each };
        self.members.keys().nth(index).copied()
    }

    fn release_all(&mut self, slot: u32) {
        for (owner, revoking) in self.owners.iter_mut().zip(&mut self.revoking) {
            if *owner == Some(slot) {
                *owner = None;
                *revoking = false;
            }
        }
    }

    fn pick(&self, tasks: &[usize]) -> Vec<Task> {
        tasks.iter().map(|task| self.tasks[*task].clone()).collect()
    }
}

fn tasks_of(member: &Member, partitions: &BTreeMap<String, u32>) -> Vec<Task> {
    let all = |topic: &str| {
        (0..partitions.get(topic).copied().unwrap_or(0)).map({
            let topic = topic.to_owned();
            move |p| TopicPartition::new(topic.clone(), p)
        })
    };
    match member.assignment {
        Assignment::Single => {
            vec![Task { id: 0, partitions: member.topics.iter().flat_map(|topic| all(topic)).collect() }]
        }
        Assignment::Leader => vec![Task { id: 0, partitions: Vec::new() }],
        Assignment::CoPartitioned => {
            let count =
                member.topics.iter().filter_map(|topic| partitions.get(topic)).max().copied().unwrap_or(0);
            let of = |id: u32| {
                member.topics.iter().flat_map(|topic| all(topic)).filter(|p| p.partition == id).collect()
            };
            (0..count).map(|id| Task { id, partitions: of(id) }).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(slot: u32) -> Member {
        Member {
            processor: "tuner".into(),
            slot,
            topics: vec!["a".into(), "b".into()],
            assignment: Assignment::CoPartitioned,
        }
    }

    fn partitions() -> BTreeMap<String, u32> {
        BTreeMap::from([("a".into(), 4), ("b".into(), 4)])
    }

    fn ids(tasks: &[Task]) -> Vec<u32> {
        tasks.iter().map(|task| task.id).collect()
    }

    #[test]
    fn a_task_is_the_same_partition_of_every_topic() {
        let mut coordinator = Coordinator::default();
        coordinator.join(&member(0), 1, &partitions());
        let Change::Assigned(tasks) = coordinator.next_change("tuner", 0, 1) else {
            panic!("nothing assigned")
        };
        assert_eq!(ids(&tasks), [0, 1, 2, 3]);
        assert_eq!(tasks[2].partitions, [TopicPartition::new("a", 2), TopicPartition::new("b", 2)]);
    }

    #[test]
    fn a_task_changes_hands_only_after_its_owner_polled_again() {
        let mut coordinator = Coordinator::default();
        coordinator.join(&member(0), 1, &partitions());
        coordinator.next_change("tuner", 0, 1);
        coordinator.join(&member(1), 2, &partitions());
        assert_eq!(coordinator.next_change("tuner", 1, 2), Change::None);
        let Change::Revoked(tasks) = coordinator.next_change("tuner", 0, 1) else {
            panic!("nothing revoked")
        };
        assert_eq!(ids(&tasks), [2, 3]);
        assert!(
            coordinator.owns("tuner", 0, 1, &TopicPartition::new("a", 3)),
            "still its own until it polls"
        );
        assert_eq!(coordinator.next_change("tuner", 1, 2), Change::None);
        assert_eq!(coordinator.next_change("tuner", 0, 1), Change::None);
        let Change::Assigned(tasks) = coordinator.next_change("tuner", 1, 2) else {
            panic!("nothing assigned")
        };
        assert_eq!(ids(&tasks), [2, 3]);
    }

    #[test]
    fn a_second_member_with_the_same_slot_fences_the_first() {
        let mut coordinator = Coordinator::default();
        coordinator.join(&member(0), 1, &partitions());
        coordinator.next_change("tuner", 0, 1);
        coordinator.join(&member(0), 2, &partitions());
        assert_eq!(coordinator.next_change("tuner", 0, 1), Change::Fenced);
        assert!(!coordinator.owns("tuner", 0, 1, &TopicPartition::new("a", 0)));
        coordinator.leave("tuner", 0, 1);
        assert!(
            matches!(coordinator.next_change("tuner", 0, 2), Change::Assigned(tasks) if tasks.len() == 4)
        );
    }
}
