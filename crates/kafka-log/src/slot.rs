//! A member of a consumer group with its transactional producer; used by one thread.
//!
//! A change of assignment is answered in two polls: the first tells what is taken away, so that its user can commit what
//! is finished under the old membership; the next gives it up. Committed offsets are read after the producer has taken
//! the transactional id over, so nothing of a predecessor is still on its way when state is restored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_log::{
    Assignment, Commit, CommitOutcome, LogError, Member, Polled, Positions, Record, Slot, Task,
    TopicPartition,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::clients::{self, Change, Consumer, HEARTBEAT_MS, Producer, at_offsets, learn_topics};
use crate::errors::{code, patiently, refused};
use crate::log::Cluster;
use crate::renewal::{Client as _, RENEWAL, Silence};
use crate::settings::KafkaSettings;
use crate::state;
use crate::tail::{advance, failure_of, read_batch};
use crate::transaction::{self, Ended, Transaction};
use crate::watchdog::Watched;

/// A member.
pub(crate) struct KafkaSlot {
    cluster: Arc<Cluster>,
    member: Member,
    consumer: Consumer,
    /// None until there is something to commit for, and after a transaction that did not succeed.
    producer: Option<Producer>,
    /// Partitions that this member may commit positions of.
    owned: BTreeSet<TopicPartition>,
    tasks: Vec<Task>,
    /// Next offset of each partition to be read, for error messages.
    next: Positions,
    /// What is taken away has been told; the next poll gives it up.
    is_giving_up: bool,
    is_fenced: bool,
    /// Since when it has asked for its share of the partitions and not been told, be it none. The library would wait as
    /// long as a member may take between two polls; a broker can owe the answer for ever (KAFKA-20938).
    asking_since: Option<Instant>,
    silence: Silence,
    /// Which joining of the slot in this process it is.
    joining: u64,
    /// Tasks that were lost without notice and not told of yet.
    lost: Vec<Task>,
    /// Their partitions, until something is assigned again: its user may still come with steps that it took for them.
    lost_partitions: BTreeSet<TopicPartition>,
    /// Asked for no records, the slot is a member that reads nothing.
    is_resting: bool,
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
        Ok(KafkaSlot {
            member,
            consumer,
            producer: None,
            owned: BTreeSet::new(),
            tasks: Vec::new(),
            next: Positions::new(),
            is_giving_up: false,
            is_fenced: false,
            asking_since: Some(Instant::now()),
            silence,
            joining,
            lost: Vec::new(),
            lost_partitions: BTreeSet::new(),
            is_resting: false,
            watched,
            cluster,
        })
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
        std::thread::sleep(Duration::from_millis(200));
        let old = std::mem::replace(&mut self.consumer, subscribed(&self.cluster, &self.member)?);
        leave(&old);
        self.lost.append(&mut self.tasks);
        self.lost_partitions.append(&mut self.owned);
        self.next.clear();
        self.is_giving_up = false;
        self.producer = None;
        self.asking_since = Some(Instant::now());
        self.silence.begin_again();
        Ok(())
    }

    fn fenced(&mut self) -> LogError {
        self.is_fenced = true;
        LogError::Fenced { processor: self.member.processor.clone(), slot: self.member.slot }
    }

    /// Answers an assignment: takes the transactional id over, reads committed offsets, starts reading there.
    fn take_over(&mut self, assigned: &[(String, i32)]) -> Result<Vec<Task>, LogError> {
        let settings = &self.cluster.settings;
        let places = assigned.iter().filter_map(|(topic, partition)| {
            let topic = topic.strip_prefix(&settings.prefix)?;
            Some(TopicPartition::new(topic, u32::try_from(*partition).ok()?))
        });
        let assigned: BTreeSet<TopicPartition> = places.collect();
        let topics = &self.member.topics;
        let leads = topics.first().is_some_and(|topic| assigned.contains(&TopicPartition::new(topic, 0)));
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
        let (consumer, complaints) = (&self.consumer, self.consumer.complaints());
        let places = places_of(settings, &owned);
        let committed = patiently(settings, RENEWAL, complaints, "reading committed offsets", |time| {
            committed_in(settings, consumer, &places, time)
        })?;
        let next: Positions =
            owned.iter().map(|place| (place.clone(), committed.get(place).copied().unwrap_or(0))).collect();
        let list = offsets_of(&self.cluster, &next)?;
        patiently(settings, RENEWAL, complaints, "asking for a topic", |time| {
            learn_topics(consumer, &list, time)
        })?;
        consumer.assign(&list).map_err(|error| refused(settings, "starting to read", &error))?;
        (self.owned, self.tasks, self.next) = (owned, tasks.clone(), next);
        self.asking_since = None;
        self.lost_partitions.clear();
        self.is_resting = false;
        Ok(tasks)
    }

    fn give_up(&mut self) -> Result<(), LogError> {
        self.is_giving_up = false;
        self.asking_since = Some(Instant::now());
        self.owned.clear();
        self.next.clear();
        self.consumer
            .unassign()
            .map_err(|error| refused(&self.cluster.settings, "giving partitions up", &error))
    }

    /// The next change of assignment, if one has been announced.
    fn change(&mut self) -> Result<Option<Polled>, LogError> {
        if !self.lost.is_empty() {
            return Ok(Some(Polled::Revoked(std::mem::take(&mut self.lost))));
        }
        match self.consumer.context().take_change() {
            None => Ok(None),
            Some(Change::Revoke) if self.tasks.is_empty() => self.give_up().map(|()| None),
            Some(Change::Revoke) => {
                self.is_giving_up = true;
                Ok(Some(Polled::Revoked(std::mem::take(&mut self.tasks))))
            }
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
        let (watched, consumer, settings) = (&self.watched, &self.consumer, &self.cluster.settings);
        let (records, error) = watched.call(|| read_batch(settings, consumer, max_records, timeout));
        advance(&mut self.next, &records);
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
            _ => failure_of(&self.cluster, &self.next, error).map_or(Ok(()), Err),
        }
    }

    /// Stops or goes on reading what is assigned.
    fn rest(&mut self, is_resting: bool) -> Result<(), LogError> {
        if self.is_resting != is_resting {
            let list = offsets_of(&self.cluster, &self.next)?;
            let done = if is_resting { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
            done.map_err(|error| refused(&self.cluster.settings, "pausing", &error))?;
            self.is_resting = is_resting;
        }
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
                self.is_fenced = !self.has_fenced_itself().unwrap_or(false);
                return self.is_fenced;
            }
            if self.is_fenced || Instant::now() >= until {
                return self.is_fenced;
            }
            // What is read here belongs to whoever joins next.
            let _ = self.poll_batch(1, Duration::from_millis(50));
        }
    }
}

impl Slot for KafkaSlot {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Polled, LogError> {
        if self.is_fenced {
            return Err(self.fenced());
        }
        let until = Instant::now() + timeout;
        if self.is_giving_up {
            self.give_up()?;
        }
        loop {
            if let Some(change) = self.change()? {
                return Ok(change);
            }
            if self.asking_since.is_some_and(|since| since.elapsed() >= RENEWAL) {
                self.join_again("the group does not answer")?;
            }
            self.rest(max_records == 0)?;
            let left = until.saturating_duration_since(Instant::now());
            let records = self.poll_batch(max_records, left)?;
            if !records.is_empty() {
                self.silence.is_broken();
                return Ok(Polled::Records(records));
            }
            if self.silence.is_forsaken(&self.consumer) {
                self.join_again("nobody answers")?;
            }
            if left.is_zero() {
                return Ok(self.change()?.unwrap_or(Polled::Idle));
            }
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<CommitOutcome, LogError> {
        if !self.lost_partitions.is_empty() {
            // Its user does not know yet that the tasks are lost, or has steps from before it knew.
            return Ok(CommitOutcome::Unknown);
        }
        if self.is_fenced || commit.positions.keys().any(|place| !self.owned.contains(place)) {
            return Ok(CommitOutcome::Fenced);
        }
        let Commit { outputs: mut records, positions, snapshots } = commit;
        for topic in records.iter().map(|record| &*record.topic).collect::<BTreeSet<_>>() {
            self.cluster.partitions(topic)?;
        }
        for (task, snapshot) in &snapshots {
            records.push(state::record(&self.member.processor, *task, snapshot));
        }
        let offsets = match self.consumer.group_metadata() {
            _ if positions.is_empty() => None,
            Some(group) => Some((offsets_of(&self.cluster, &positions)?, group)),
            None => return Ok(CommitOutcome::Unknown),
        };
        let Some(producer) = self.producer.take() else {
            // Nothing is assigned, so nothing can have been read.
            return Ok(if records.is_empty() { CommitOutcome::Committed } else { CommitOutcome::Fenced });
        };
        let prefix = self.cluster.settings.prefix.clone();
        let transaction = Transaction { records: Arc::new(records), prefix, offsets };
        let (producer, ended) = self.watched.call(|| transaction::run(producer, transaction));
        self.producer = producer;
        let (why, is_fence) = match ended {
            Ended::Committed => return Ok(CommitOutcome::Committed),
            Ended::Fenced(why) => (why, true),
            Ended::Unknown(why) => (why, false),
        };
        let Member { processor, slot, .. } = &self.member;
        tracing::warn!(processor, slot, %why, is_fence, "transaction did not succeed");
        let is_about_membership = matches!(
            code(&why),
            Some(
                RDKafkaErrorCode::FencedInstanceId
                    | RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::IllegalGeneration
            )
        );
        if (is_fence || is_about_membership) && self.is_replaced() {
            return Ok(CommitOutcome::Fenced);
        }
        Ok(CommitOutcome::Unknown)
    }
}

impl Drop for KafkaSlot {
    /// Leaves without a word: the slot's number keeps its tasks until the session is over, so that a restart is quick.
    fn drop(&mut self) {
        leave(&self.consumer);
    }
}

/// Before a client is closed: nobody answers its changes any more, and one that waits is answered, or closing would wait
/// for it.
fn leave(consumer: &Consumer) {
    consumer.context().close();
    if let Err(error) = consumer.unassign() {
        tracing::debug!(%error, "leaving a group");
    }
}

/// By which a group knows this process.
fn client_id(cluster: &Cluster) -> String {
    format!("gauntlet-{}", cluster.token)
}

/// A client that asks to be a member.
fn subscribed(cluster: &Cluster, member: &Member) -> Result<Consumer, LogError> {
    let settings = &cluster.settings;
    let failed = |error: KafkaError| refused(settings, "joining a group", &error);
    let consumer =
        clients::member(settings, &client_id(cluster), &member.processor, member.slot).map_err(failed)?;
    let subscribed = match member.assignment {
        Assignment::CoPartitioned => &member.topics[..],
        // Whoever is given the first partition of the first topic leads; the others stand by.
        Assignment::Single | Assignment::Leader => &member.topics[..1],
    };
    let topics: Vec<String> = subscribed.iter().map(|topic| settings.prefixed(topic)).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(failed)?;
    Ok(consumer)
}

/// Tasks that the partitions make up. Topics that are read together are assigned together by the range strategy when
/// they have equally many partitions and every member reads the same ones; anything else is said and not worked with.
fn tasks_of(member: &Member, leads: bool, owned: &BTreeSet<TopicPartition>) -> Result<Vec<Task>, LogError> {
    let in_order =
        |partition: u32| member.topics.iter().map(move |topic| TopicPartition::new(topic.clone(), partition));
    match member.assignment {
        Assignment::Single | Assignment::Leader if !leads => Ok(Vec::new()),
        Assignment::Single | Assignment::Leader => {
            let by_topic =
                member.topics.iter().flat_map(|topic| owned.iter().filter(move |p| p.topic == *topic));
            Ok(vec![Task { id: 0, partitions: by_topic.cloned().collect() }])
        }
        Assignment::CoPartitioned => {
            let numbers: BTreeSet<u32> = owned.iter().map(|place| place.partition).collect();
            let mut tasks = Vec::new();
            for id in numbers {
                let partitions: Vec<TopicPartition> = in_order(id).collect();
                if let Some(missing) = partitions.iter().find(|place| !owned.contains(place)) {
                    return Err(LogError::Refused {
                        at: format!("the group of {}", member.processor),
                        detail: format!(
                            "partition {id} of some of its topics was assigned but not {missing}: all members of a group \
                             must run the same version"
                        ),
                    });
                }
                tasks.push(Task { id, partitions });
            }
            Ok(tasks)
        }
    }
}

/// Positions as a list for the client library.
pub(crate) fn offsets_of(cluster: &Cluster, positions: &Positions) -> Result<TopicPartitionList, LogError> {
    let settings = &cluster.settings;
    let named: Vec<(String, u32, u64)> = positions
        .iter()
        .map(|(place, next)| (settings.prefixed(&place.topic), place.partition, *next))
        .collect();
    at_offsets(named.iter().map(|(topic, partition, next)| (topic.as_str(), *partition, *next)))
        .map_err(|error| refused(settings, "naming offsets", &error))
}

/// Partitions whose committed offsets are asked for.
pub(crate) fn places_of<'a>(
    settings: &KafkaSettings,
    places: impl IntoIterator<Item = &'a TopicPartition>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for place in places {
        let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
        list.add_partition(&settings.prefixed(&place.topic), partition);
    }
    list
}

/// Committed offsets of a group, as a consumer of that group sees them: offsets of a transaction that is still open are
/// a transient error.
pub(crate) fn committed_in(
    settings: &KafkaSettings,
    consumer: &Consumer,
    places: &TopicPartitionList,
    time: Duration,
) -> Result<Positions, KafkaError> {
    if places.count() == 0 {
        return Ok(Positions::new());
    }
    let answer = consumer.committed_offsets(places.clone(), time)?;
    let mut positions = BTreeMap::new();
    for element in answer.elements() {
        element.error()?;
        let (Offset::Offset(next), Some(topic)) =
            (element.offset(), element.topic().strip_prefix(&settings.prefix))
        else {
            continue;
        };
        let (Ok(next), Ok(partition)) = (u64::try_from(next), u32::try_from(element.partition())) else {
            continue;
        };
        positions.insert(TopicPartition::new(topic, partition), next);
    }
    Ok(positions)
}
