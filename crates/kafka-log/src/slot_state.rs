//! What a slot is to its group: its states and every transition between them. Pure: no client and no clock.
//!
//! ```text
//! Joining ──assigned──▶ Active ──revoked──▶ Leaving ──given_up──▶ Joining
//! Joining, Active, Leaving ──lost────▶ Joining   a fresh client joins in place of one that nobody answers
//! Joining, Active, Leaving ──fenced──▶ Fenced    another member has the slot's number; final
//! ```
//!
//! A transaction is no state: it begins and ends within one commit (`transaction.rs`).

use std::collections::BTreeSet;
use std::time::Instant;

use gauntlet_log::{CommitOutcome, Positions, Task, TopicPartition};

/// What a slot is to its group.
#[derive(Debug)]
pub(crate) enum SlotState {
    /// Has asked for its share of the partitions and has not been told it yet.
    Joining {
        since: Instant,
        /// What it had before, when that was lost without notice.
        lost: Lost,
    },
    /// Reads its share, which may be none.
    Active(Share),
    /// The slot's user has been told that the share is taken away, and may commit what is finished; the next poll gives
    /// the share up.
    Leaving(Share),
    /// Another member has the slot's number.
    Fenced,
}

/// What a member works on.
#[derive(Debug, Default)]
pub(crate) struct Share {
    pub(crate) tasks: Vec<Task>,
    /// Partitions that the member may commit positions of.
    pub(crate) owned: BTreeSet<TopicPartition>,
    /// Next offset of each partition to be read, for error messages and for pausing.
    pub(crate) next: Positions,
    /// Asked for no records, a member reads nothing.
    pub(crate) is_paused: bool,
}

/// What a member had when it lost its share without notice.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// Tasks that the slot's user has not been told of yet.
    untold: Vec<Task>,
    /// The user may still come with steps that it took for these, until something is assigned again.
    partitions: BTreeSet<TopicPartition>,
}

impl SlotState {
    /// A member that asks for its share now.
    pub(crate) fn joining(now: Instant) -> SlotState {
        SlotState::Joining { since: now, lost: Lost::default() }
    }

    /// The group has told the share.
    pub(crate) fn assigned(&mut self, share: Share) {
        if !self.is_fenced() {
            *self = SlotState::Active(share);
        }
    }

    /// The group takes the share away: the tasks that the slot's user must be told of. `None` when there are none, and
    /// the share can be given up at once.
    pub(crate) fn revoked(&mut self) -> Option<Vec<Task>> {
        let SlotState::Active(share) = self else { return None };
        if share.tasks.is_empty() {
            return None;
        }
        let tasks = std::mem::take(&mut share.tasks);
        *self = SlotState::Leaving(std::mem::take(share));
        Some(tasks)
    }

    /// The share is given up; a new one is asked for.
    pub(crate) fn given_up(&mut self, now: Instant) {
        match self {
            SlotState::Active(_) | SlotState::Leaving(_) => *self = SlotState::joining(now),
            SlotState::Joining { since, .. } => *since = now,
            SlotState::Fenced => {}
        }
    }

    /// The share is lost without notice, and a fresh client asks for a new one.
    pub(crate) fn lost(&mut self, now: Instant) {
        match self {
            SlotState::Active(share) | SlotState::Leaving(share) => {
                let Share { tasks, owned, .. } = std::mem::take(share);
                *self = SlotState::Joining { since: now, lost: Lost { untold: tasks, partitions: owned } };
            }
            SlotState::Joining { since, .. } => *since = now,
            SlotState::Fenced => {}
        }
    }

    /// Another member has the slot's number.
    pub(crate) fn fenced(&mut self) {
        *self = SlotState::Fenced;
    }

    /// Tasks that were lost and of which the slot's user is told now; `None` when there are none.
    pub(crate) fn take_untold(&mut self) -> Option<Vec<Task>> {
        match self {
            SlotState::Joining { lost, .. } if !lost.untold.is_empty() => {
                Some(std::mem::take(&mut lost.untold))
            }
            _ => None,
        }
    }

    /// The answer to a commit of these positions that needs no transaction; `None` when it can be tried.
    pub(crate) fn refuses(&self, positions: &Positions) -> Option<CommitOutcome> {
        match self {
            SlotState::Fenced => Some(CommitOutcome::Fenced),
            // The user does not know yet that the tasks are lost, or has steps from before it knew.
            SlotState::Joining { lost, .. } if !lost.partitions.is_empty() => Some(CommitOutcome::Unknown),
            SlotState::Joining { .. } => (!positions.is_empty()).then_some(CommitOutcome::Fenced),
            SlotState::Active(share) | SlotState::Leaving(share) => {
                let is_foreign = positions.keys().any(|place| !share.owned.contains(place));
                is_foreign.then_some(CommitOutcome::Fenced)
            }
        }
    }

    pub(crate) fn is_fenced(&self) -> bool {
        matches!(self, SlotState::Fenced)
    }

    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self, SlotState::Leaving(_))
    }

    /// Since when it has been waiting for its share.
    pub(crate) fn joining_since(&self) -> Option<Instant> {
        match self {
            SlotState::Joining { since, .. } => Some(*since),
            SlotState::Active(_) | SlotState::Leaving(_) | SlotState::Fenced => None,
        }
    }

    /// The share that is read.
    pub(crate) fn share_mut(&mut self) -> Option<&mut Share> {
        match self {
            SlotState::Active(share) | SlotState::Leaving(share) => Some(share),
            SlotState::Joining { .. } | SlotState::Fenced => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn place(partition: u32) -> TopicPartition {
        TopicPartition::new("in", partition)
    }

    fn share() -> Share {
        let tasks = vec![Task { id: 0, partitions: vec![place(0)] }];
        Share { tasks, owned: BTreeSet::from([place(0)]), ..Share::default() }
    }

    fn active() -> SlotState {
        let mut state = SlotState::joining(Instant::now());
        state.assigned(share());
        state
    }

    fn positions(partition: u32) -> Positions {
        Positions::from([(place(partition), 1)])
    }

    #[test]
    fn what_is_owned_can_be_committed_until_it_is_given_up() {
        let mut state = SlotState::joining(Instant::now());
        assert!(state.joining_since().is_some());
        assert_eq!(state.refuses(&positions(0)), Some(CommitOutcome::Fenced), "nothing is owned yet");
        state.assigned(share());
        assert_eq!((state.joining_since(), state.refuses(&positions(0))), (None, None));
        assert_eq!(state.refuses(&positions(1)), Some(CommitOutcome::Fenced), "another member's");
        assert_eq!(state.revoked().unwrap(), share().tasks);
        assert!(state.is_leaving());
        assert_eq!(state.refuses(&positions(0)), None, "what is finished may be committed");
        state.given_up(Instant::now());
        assert_eq!(state.refuses(&positions(0)), Some(CommitOutcome::Fenced));
        assert!(state.take_untold().is_none(), "its user knows");
    }

    #[test]
    fn without_tasks_there_is_nothing_to_tell() {
        let mut state = SlotState::joining(Instant::now());
        state.assigned(Share::default());
        assert!(state.revoked().is_none() && !state.is_leaving());
    }

    #[test]
    fn what_was_lost_is_told_once_and_commits_are_unknown_until_the_next_share() {
        for lose_again in [false, true] {
            let mut state = active();
            state.lost(Instant::now());
            if lose_again {
                state.lost(Instant::now());
            }
            assert_eq!(state.refuses(&positions(0)), Some(CommitOutcome::Unknown));
            assert_eq!(state.take_untold().unwrap(), share().tasks);
            assert!(state.take_untold().is_none());
            assert_eq!(state.refuses(&positions(0)), Some(CommitOutcome::Unknown), "steps from before");
            state.assigned(share());
            assert_eq!(state.refuses(&positions(0)), None);
        }
    }

    #[test]
    fn what_is_lost_while_it_is_taken_away_is_not_told_again() {
        let mut state = active();
        assert!(state.revoked().is_some());
        state.lost(Instant::now());
        assert!(state.take_untold().is_none());
        assert_eq!(state.refuses(&positions(0)), Some(CommitOutcome::Unknown));
    }

    #[test]
    fn fenced_is_final() {
        let mut state = active();
        state.fenced();
        state.assigned(share());
        state.lost(Instant::now());
        state.given_up(Instant::now());
        assert!(state.is_fenced() && state.revoked().is_none() && state.share_mut().is_none());
        assert_eq!(state.refuses(&Positions::new()), Some(CommitOutcome::Fenced));
    }
}
