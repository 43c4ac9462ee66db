//! A member of a consumer group with its transactional producer; used by one thread. Its states and their transitions are
//! in `slot_state.rs`.
//!
//! A change of assignment is answered in two polls: the first tells what is taken away, so that the slot's user can commit
//! what is finished under the old membership; the next gives it up. Committed offsets are read after the producer has taken
//! the transactional id over, so nothing of a predecessor is still on its way when state is restored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_log::{
    Assignment, Commit, CommitOutcome, LogError, Member, Polled, Positions, Record, Slot, Task,
    TopicPartition,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::assignment::{leads, places, subscription, tasks_of};
use crate::clients::{self, Change, HEARTBEAT_MS, Producer, learn_topics};
use crate::cluster::Cluster;
use crate::errors::{code, patiently, refused};
use crate::membership::Membership;
use crate::offsets::{committed_in, offsets_of, places_of};
use crate::renewal::{Client as _, RENEWAL, Silence};
use crate::slot_state::{Share, SlotState};
use crate::snapshots;
use crate::tail::{advance, failure_of, read_batch};
use crate::transaction::{self, Ended, Transaction};
use crate::watchdog::Watched;

/// Pause before a member joins again with a fresh client.
const REJOIN_PAUSE: Duration = Duration::from_millis(200);

/// A member.
pub(crate) struct KafkaSlot {
    cluster: Arc<Cluster>,
    member: Member,
    consumer: Membership,
    /// `None` until there is something to commit for, and after a transaction that did not succeed.
    producer: Option<Producer>,
    /// A share that is not told is waited for [`RENEWAL`]: the library would wait as long as a member may take between two
    /// polls, and a broker can owe the answer for ever (KAFKA-20938).
    state: SlotState,
    silence: Silence,
    /// Which joining of the slot in this process it is.
    joining: u64,
    watched: Arc<Watched>,
}

impl KafkaSlot {
    /// Joins the processor's group.
    pub(crate) fn join(cluster: Arc<Cluster>, member: Member) -> Result<KafkaSlot, LogError> {
        for topic in &member.topics {
            cluster.partitions(topic)?;
        }
        let joining = cluster.count_joining(&member.processor, member.slot);
        let consumer = subscribed(&cluster, &member)?;
        let topic = member.topics.first().map_or("", String::as_str);
        let silence = Silence::of(cluster.settings.prefixed(topic));
        let watched = cluster.watchdog.watch(format!("{} slot {}", member.processor, member.slot));
        let state = SlotState::joining(Instant::now());
        Ok(KafkaSlot { cluster, member, consumer, producer: None, state, silence, joining, watched })
    }

    /// Whether the group's member with this slot's number is this process after all: a broker that dies can give a
    /// member a new id and come back with the old one, so that the member fences itself. A group goes on naming the client
    /// that a static member first came with: of two processes with one number the one that it names goes on.
    fn has_fenced_itself(&self) -> Result<bool, LogError> {
        let Member { processor, slot, .. } = &self.member;
        Ok(self.cluster.is_latest(processor, *slot, self.joining)
            && self.cluster.clients_in(processor)?.contains(&client_id(&self.cluster)))
    }

    /// Joins with a new client; what it had is lost.
    fn join_again(&mut self, why: &str) -> Result<(), LogError> {
        let Member { processor, slot, .. } = &self.member;
        tracing::warn!(processor, slot, why, "a member joins again");
        std::thread::sleep(REJOIN_PAUSE);
        self.consumer = subscribed(&self.cluster, &self.member)?;
        self.producer = None;
        self.state.lost(Instant::now());
        self.silence.restart();
        Ok(())
    }

    fn fenced(&mut self) -> LogError {
        self.state.fenced();
        LogError::Fenced { processor: self.member.processor.clone(), slot: self.member.slot }
    }

    /// Answers an assignment: takes the transactional id over, reads committed offsets, starts reading there.
    fn take_over(&mut self, assigned: &[(String, i32)]) -> Result<Vec<Task>, LogError> {
        let settings = &self.cluster.settings;
        let assigned = places(settings, assigned);
        let leads = leads(&self.member, &assigned);
        let owned = match self.member.assignment {
            Assignment::CoPartitioned => assigned,
            Assignment::Single if leads => self.cluster.everything(&self.member)?,
            Assignment::Single | Assignment::Leader => BTreeSet::new(),
        };
        let tasks = tasks_of(&self.member, leads, &owned)?;
        if self.producer.is_none() && !owned.is_empty() {
            let Member { processor, slot, .. } = &self.member;
            self.producer = Some(transaction::take_over(settings, &format!("{processor}.{slot}"))?);
        }
        let next = self.start_reading(&owned)?;
        self.state.assigned(Share { tasks: tasks.clone(), owned, next, is_paused: false });
        Ok(tasks)
    }

    /// Starts to read partitions at their committed offsets, which it gives.
    fn start_reading(&self, owned: &BTreeSet<TopicPartition>) -> Result<Positions, LogError> {
        let settings = &self.cluster.settings;
        let (consumer, complaints) = (&*self.consumer, self.consumer.complaints());
        let places = places_of(settings, owned);
        let committed = patiently(settings, RENEWAL, complaints, "reading committed offsets", |time| {
            committed_in(settings, consumer, &places, time)
        })?;
        let next: Positions =
            owned.iter().map(|place| (place.clone(), committed.get(place).copied().unwrap_or(0))).collect();
        let list = offsets_of(settings, &next)?;
        patiently(settings, RENEWAL, complaints, "asking for a topic", |time| {
            learn_topics(consumer, &list, time)
        })?;
        consumer.assign(&list).map_err(|error| refused(settings, "starting to read", &error))?;
        Ok(next)
    }

    fn give_up(&mut self) -> Result<(), LogError> {
        self.state.given_up(Instant::now());
        self.consumer
            .unassign()
            .map_err(|error| refused(&self.cluster.settings, "giving partitions up", &error))
    }

    /// The next change of assignment, if one has been announced.
    fn change(&mut self) -> Result<Option<Polled>, LogError> {
        if let Some(lost) = self.state.take_untold() {
            return Ok(Some(Polled::Revoked(lost)));
        }
        match self.consumer.context().take_change() {
            None => Ok(None),
            Some(Change::Revoke) => match self.state.revoked() {
                Some(tasks) => Ok(Some(Polled::Revoked(tasks))),
                None => self.give_up().map(|()| None),
            },
            Some(Change::Assign(partitions)) => match self.take_over(&partitions) {
                Ok(tasks) => Ok((!tasks.is_empty()).then_some(Polled::Assigned(tasks))),
                Err(error @ LogError::Unavailable { .. }) => {
                    self.join_again(&error.to_string())?;
                    Ok(None)
                }
                Err(error) => Err(error),
            },
        }
    }

    /// What the client has, as records or an error of the port.
    fn poll_batch(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        let (watched, consumer, settings) = (&self.watched, &*self.consumer, &self.cluster.settings);
        let (records, error) = watched.call(|| read_batch(settings, consumer, max_records, timeout));
        if let Some(share) = self.state.share_mut() {
            advance(&mut share.next, &records);
        }
        if let Some(error) = error {
            self.answer(&error)?;
        }
        Ok(records)
    }

    /// What an error of the client's poll means to a member.
    fn answer(&mut self, error: &KafkaError) -> Result<(), LogError> {
        match code(error) {
            Some(RDKafkaErrorCode::FencedInstanceId) if self.has_fenced_itself()? => {
                self.join_again("it fenced itself")
            }
            Some(RDKafkaErrorCode::FencedInstanceId) => Err(self.fenced()),
            // The library goes on by itself; polling too rarely or a lost session end in a new assignment.
            Some(
                RDKafkaErrorCode::PollExceeded
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::IllegalGeneration,
            ) => Ok(()),
            _ => {
                let none = Positions::new();
                let next = self.state.share_mut().map_or(&none, |share| &share.next);
                failure_of(&self.cluster, next, error).map_or(Ok(()), Err)
            }
        }
    }

    /// Stops or goes on reading what is assigned.
    fn pause(&mut self, is_paused: bool) -> Result<(), LogError> {
        let settings = &self.cluster.settings;
        let Some(share) = self.state.share_mut().filter(|share| share.is_paused != is_paused) else {
            return Ok(());
        };
        let list = offsets_of(settings, &share.next)?;
        let done = if is_paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        done.map_err(|error| refused(settings, "pausing", &error))?;
        share.is_paused = is_paused;
        Ok(())
    }

    /// Whether another member has this slot's number. One that was merely away for too long is told otherwise, and may
    /// join again; the group tells within a heartbeat.
    fn is_replaced(&mut self) -> bool {
        let until = Instant::now() + Duration::from_millis(u64::from(HEARTBEAT_MS) * 5 / 2);
        loop {
            let fatal = self.consumer.client().fatal_error();
            if fatal.is_some_and(|(code, _)| code == RDKafkaErrorCode::FencedInstanceId) {
                // Without an answer the error stands.
                if !self.has_fenced_itself().unwrap_or(false) {
                    self.state.fenced();
                }
                return self.state.is_fenced();
            }
            if self.state.is_fenced() || Instant::now() >= until {
                return self.state.is_fenced();
            }
            // What is read here belongs to whoever joins next.
            let _ = self.poll_batch(1, Duration::from_millis(50));
        }
    }

    /// The transaction of a commit. `None` when the group does not know its member now.
    fn transaction(&self, commit: Commit) -> Result<Option<Transaction>, LogError> {
        let Commit { outputs: mut records, positions, snapshots } = commit;
        for topic in records.iter().map(|record| &*record.topic).collect::<BTreeSet<_>>() {
            self.cluster.partitions(topic)?;
        }
        for (task, snapshot) in &snapshots {
            records.push(snapshots::record(&self.member.processor, *task, snapshot));
        }
        let settings = &self.cluster.settings;
        let offsets = match self.consumer.group_metadata() {
            _ if positions.is_empty() => None,
            Some(group) => Some((offsets_of(settings, &positions)?, group)),
            None => return Ok(None),
        };
        Ok(Some(Transaction { records: Arc::new(records), prefix: settings.prefix.clone(), offsets }))
    }

    /// What a transaction that did not succeed means to the slot's user.
    fn outcome_of(&mut self, why: &KafkaError, is_fence: bool) -> CommitOutcome {
        let Member { processor, slot, .. } = &self.member;
        tracing::warn!(processor, slot, %why, is_fence, "transaction did not succeed");
        let is_about_membership = matches!(
            code(why),
            Some(
                RDKafkaErrorCode::FencedInstanceId
                    | RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::IllegalGeneration
            )
        );
        if (is_fence || is_about_membership) && self.is_replaced() {
            return CommitOutcome::Fenced;
        }
        CommitOutcome::Unknown
    }
}

impl Slot for KafkaSlot {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Polled, LogError> {
        if self.state.is_fenced() {
            return Err(self.fenced());
        }
        let until = Instant::now() + timeout;
        if self.state.is_leaving() {
            self.give_up()?;
        }
        loop {
            if let Some(change) = self.change()? {
                return Ok(change);
            }
            if self.state.joining_since().is_some_and(|since| since.elapsed() >= RENEWAL) {
                self.join_again("the group does not answer")?;
            }
            self.pause(max_records == 0)?;
            let left = until.saturating_duration_since(Instant::now());
            let records = self.poll_batch(max_records, left)?;
            if !records.is_empty() {
                self.silence.end();
                return Ok(Polled::Records(records));
            }
            if self.silence.is_unanswered(&self.consumer) {
                self.join_again("nobody answers")?;
            }
            if left.is_zero() {
                return Ok(self.change()?.unwrap_or(Polled::Idle));
            }
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<CommitOutcome, LogError> {
        if let Some(outcome) = self.state.refuses(&commit.positions) {
            return Ok(outcome);
        }
        let Some(transaction) = self.transaction(commit)? else { return Ok(CommitOutcome::Unknown) };
        let Some(producer) = self.producer.take() else {
            // Nothing is assigned, so nothing can have been read.
            let is_empty = transaction.records.is_empty();
            return Ok(if is_empty { CommitOutcome::Committed } else { CommitOutcome::Fenced });
        };
        let (producer, ended) = self.watched.call(|| transaction::run(producer, transaction));
        self.producer = producer;
        match ended {
            Ended::Committed => Ok(CommitOutcome::Committed),
            Ended::Fenced(why) => Ok(self.outcome_of(&why, true)),
            Ended::Unknown(why) => Ok(self.outcome_of(&why, false)),
        }
    }
}

/// By which a group knows this process.
fn client_id(cluster: &Cluster) -> String {
    format!("gauntlet-{}", cluster.token)
}

/// A client that asks to be a member.
fn subscribed(cluster: &Cluster, member: &Member) -> Result<Membership, LogError> {
    let settings = &cluster.settings;
    let failed = |error: KafkaError| refused(settings, "joining a group", &error);
    let consumer =
        clients::member(settings, &client_id(cluster), &member.processor, member.slot).map_err(failed)?;
    let topics: Vec<String> = subscription(member).iter().map(|topic| settings.prefixed(topic)).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(failed)?;
    Ok(Membership::of(consumer))
}
