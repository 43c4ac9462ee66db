//! What slots, tails and topics share: clients for questions, and what is known of the cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_log::{LogError, Member, NewRecord, Positions, TopicPartition};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode::{LeaderNotAvailable, UnknownPartition};
use rdkafka::{Offset, TopicPartitionList};

use crate::clients::{self, Consumer, Producer};
use crate::ends::Ends;
use crate::errors::refused;
use crate::offsets::{committed_in, places_of};
use crate::renewal::QueryClient;
use crate::settings::KafkaSettings;
use crate::transaction::{self, Ended, Transaction};
use crate::watchdog::Watchdog;

/// How long the first contact may take.
const FIRST_CONTACT: Duration = Duration::from_secs(10);
/// What a call into the client library may take before the process is ended.
const STUCK: Duration = Duration::from_secs(60);

/// What slots, tails and topics share.
pub(crate) struct Cluster {
    pub(crate) settings: KafkaSettings,
    pub(crate) watchdog: Arc<Watchdog>,
    /// For metadata, and for the ends of partitions as readers of committed records see them.
    committed_reads: QueryClient,
    /// For the ends of partitions with what is written and not committed yet.
    uncommitted_reads: QueryClient,
    /// Partitions of topics, by name with prefix.
    partitions: Mutex<HashMap<String, u32>>,
    ends: Ends,
    /// For committed offsets, by group.
    groups: Mutex<HashMap<String, Arc<QueryClient>>>,
    /// For appends from outside any processor, with its transactional id.
    gateway: Mutex<Option<Producer>>,
    /// Names this process and no other, where ours must be told from those of other processes.
    pub(crate) token: String,
    /// How often each slot was joined in this process: only the latest joining is valid.
    joined: Mutex<HashMap<(String, u32), u64>>,
}

impl Cluster {
    /// Connects; says within ten seconds when no broker answers.
    pub(crate) fn connect(settings: KafkaSettings) -> Result<Cluster, LogError> {
        let queries = QueryClient::new(|settings| clients::reader_without_group(settings, clients::READERS));
        let queries = queries
            .opened(&settings)
            .map_err(|error| LogError::Settings { detail: format!("kafka.properties: {error}") })?;
        let hasty = KafkaSettings { patience: FIRST_CONTACT, ..settings.clone() };
        queries.ask(&hasty, "first contact", |consumer, time| {
            // Without a poll the client reports no complaints.
            let _ = consumer.poll(Duration::ZERO);
            consumer.fetch_metadata(None, time.min(Duration::from_secs(2))).map(|_| ())
        })?;
        Ok(Cluster {
            uncommitted_reads: QueryClient::new(clients::uncommitted_reader),
            settings,
            watchdog: Watchdog::start(STUCK),
            committed_reads: queries,
            partitions: Mutex::default(),
            ends: Ends::new(),
            groups: Mutex::default(),
            gateway: Mutex::new(None),
            token: format!("{:016x}", RandomState::new().hash_one(std::process::id())),
            joined: Mutex::default(),
        })
    }

    /// Partitions of one of our topics.
    pub(crate) fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        let name = self.settings.prefixed(topic);
        let known = |cluster: &Cluster| {
            cluster.partitions.lock().unwrap_or_else(PoisonError::into_inner).get(&name).copied()
        };
        if let Some(partitions) = known(self) {
            return Ok(partitions);
        }
        let all = self.all_partitions()?;
        all.get(&name).copied().ok_or_else(|| LogError::UnknownTopic { topic: topic.to_owned() })
    }

    /// Partitions of every topic with our prefix, fresh from the broker.
    pub(crate) fn all_partitions(&self) -> Result<BTreeMap<String, u32>, LogError> {
        let metadata = self.ask("asking for topics", |consumer, time| consumer.fetch_metadata(None, time))?;
        let ours = metadata.topics().iter().filter(|topic| topic.name().starts_with(&self.settings.prefix));
        let all: BTreeMap<String, u32> = ours
            .filter(|topic| topic.error().is_none() && !topic.partitions().is_empty())
            .map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32))
            .collect();
        let mut known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(all.iter().map(|(name, partitions)| (name.clone(), *partitions)));
        Ok(all)
    }

    /// Client ids of the members of a processor's group.
    pub(crate) fn clients_in(&self, processor: &str) -> Result<Vec<String>, LogError> {
        let group = self.settings.prefixed(processor);
        let list =
            self.ask("asking for a group", |consumer, time| consumer.fetch_group_list(Some(&group), time))?;
        let ours = list.groups().iter().filter(|found| found.name() == group);
        Ok(ours.flat_map(|found| found.members()).map(|member| member.client_id().to_owned()).collect())
    }

    /// Counts a joining of a slot in this process.
    pub(crate) fn count_joining(&self, processor: &str, slot: u32) -> u64 {
        let mut joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        let count = joined.entry((processor.to_owned(), slot)).or_insert(0);
        *count += 1;
        *count
    }

    /// Whether nobody in this process has joined the slot after that one.
    pub(crate) fn is_latest(&self, processor: &str, slot: u32, joining: u64) -> bool {
        let joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        joined.get(&(processor.to_owned(), slot)) == Some(&joining)
    }

    /// Asks until there is an answer, a refusal, or no patience left.
    pub(crate) fn ask<T>(
        &self,
        what: &str,
        call: impl Fn(&Consumer, Duration) -> Result<T, KafkaError>,
    ) -> Result<T, LogError> {
        self.committed_reads.ask(&self.settings, what, call)
    }

    /// All partitions of a member's topics.
    pub(crate) fn everything(&self, member: &Member) -> Result<BTreeSet<TopicPartition>, LogError> {
        let mut all = BTreeSet::new();
        for topic in &member.topics {
            let partitions = 0..self.partitions(topic)?;
            all.extend(partitions.map(|partition| TopicPartition::new(topic, partition)));
        }
        Ok(all)
    }

    pub(crate) fn forget_metadata(&self) {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until topics that were created are known and have leaders.
    pub(crate) fn wait_for_topics(&self, names: &[&str]) -> Result<(), LogError> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let metadata =
                self.ask("asking for topics", |consumer, time| consumer.fetch_metadata(None, time))?;
            let is_led = |name: &str| {
                metadata.topics().iter().any(|topic| {
                    topic.name() == name
                        && !topic.partitions().is_empty()
                        && topic.partitions().iter().all(|p| p.error().is_none() && p.leader() >= 0)
                })
            };
            match names.iter().find(|name| !is_led(name)) {
                None => return Ok(()),
                Some(name) if Instant::now() >= until => {
                    return Err(LogError::Unavailable {
                        at: format!("the leader of topic {name}"),
                        detail: "it was created 30 s ago; check the brokers".into(),
                    });
                }
                Some(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// First offset and the broker's end, which is that of the last stable transaction.
    pub(crate) fn watermarks(&self, place: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.watermarks_of(&self.committed_reads, place)
    }

    fn watermarks_of(&self, queries: &QueryClient, place: &TopicPartition) -> Result<(u64, u64), LogError> {
        let (topic, partition) =
            (self.settings.prefixed(&place.topic), i32::try_from(place.partition).unwrap_or(0));
        let (low, high) = queries.ask(&self.settings, "asking for offsets", |consumer, time| {
            match consumer.fetch_watermarks(&topic, partition, time) {
                // The client forgets partitions while a broker is away; what the broker says is asked for anew.
                Err(KafkaError::MetadataFetch(UnknownPartition))
                    if is_there(consumer, &topic, partition, time)? =>
                {
                    Err(KafkaError::MetadataFetch(LeaderNotAvailable))
                }
                answer => answer,
            }
        })?;
        Ok((u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0)))
    }

    /// First offset and the offset after the last committed record.
    ///
    /// A commit is acknowledged before its markers are written, so what it wrote is shown a moment later. Whoever has
    /// seen a commit, or positions that were committed with it, must find its records within the bounds: what is
    /// written now is waited for until it is committed or aborted, which takes no longer than a transaction may.
    pub(crate) fn bounds(&self, place: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.partitions(&place.topic)?;
        let (_, written) = self.watermarks_of(&self.uncommitted_reads, place)?;
        let until = Instant::now() + self.settings.patience;
        let mut pause = Duration::from_millis(1);
        loop {
            let (low, high) = self.watermarks(place)?;
            if high >= written {
                return Ok((low, self.ends.end(&self.settings, place, low, high)?));
            }
            if Instant::now() >= until {
                return Err(LogError::Unavailable {
                    at: format!("the end of {place}"),
                    detail: format!(
                        "a transaction stays open at offset {high}; see kafka-transactions.sh find-hanging"
                    ),
                });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// The first offset whose record was written after a time, or the end. Brokers find it by their index of times, which
    /// are milliseconds.
    pub(crate) fn first_after(&self, place: &TopicPartition, micros: i64) -> Result<u64, LogError> {
        let (low, end) = self.bounds(place)?;
        let (topic, partition) =
            (self.settings.prefixed(&place.topic), i32::try_from(place.partition).unwrap_or(0));
        // Before the epoch lies nothing, and -1 and -2 have meanings of their own.
        let millis = (micros.div_euclid(1_000) + 1).max(0);
        let found = self.ask("asking for offsets of a time", |consumer, time| {
            let mut asked = TopicPartitionList::new();
            asked.add_partition_offset(&topic, partition, Offset::Offset(millis))?;
            let answered = consumer.offsets_for_times(asked, time)?;
            let answered = answered.find_partition(&topic, partition);
            answered.map_or(Ok(Offset::End), |of| of.error().map(|()| of.offset()))
        })?;
        Ok(match found {
            Offset::Offset(offset) => u64::try_from(offset).unwrap_or(0).clamp(low, end.max(low)),
            _ => end,
        })
    }

    /// Appends records as one transaction of the gateway. A transaction whose outcome is unknown is ended by taking the
    /// id over, and the records are written again: they may then be there twice, under the same event ids.
    pub(crate) fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError> {
        for topic in records.iter().map(|record| &*record.topic).collect::<BTreeSet<_>>() {
            self.partitions(topic)?;
        }
        if records.is_empty() {
            return Ok(());
        }
        let records = Arc::new(records);
        let mut gateway = self.gateway.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + self.settings.patience;
        loop {
            let producer = match gateway.take() {
                Some(producer) => producer,
                None => transaction::take_over(&self.settings, &format!("gateway.{}", self.token))?,
            };
            let prefix = self.settings.prefix.clone();
            let transaction = Transaction { records: records.clone(), prefix, offsets: None };
            let (producer, ended) = transaction::run(producer, transaction);
            *gateway = producer;
            match ended {
                Ended::Committed => return Ok(()),
                Ended::Fenced(error) | Ended::Unknown(error) => {
                    if is_hopeless(&error) || Instant::now() >= until {
                        return Err(refused(&self.settings, "appending", &error));
                    }
                    tracing::warn!(%error, "append is tried again");
                }
            }
        }
    }

    /// Committed positions of a processor.
    pub(crate) fn committed(&self, processor: &str) -> Result<Positions, LogError> {
        let settings = &self.settings;
        let mut known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_empty() {
            known = self.all_partitions()?.into_iter().collect();
        }
        let places: Vec<TopicPartition> = known
            .iter()
            .filter_map(|(name, partitions)| {
                let topic = name.strip_prefix(&settings.prefix)?;
                Some((0..*partitions).map(move |partition| TopicPartition::new(topic, partition)))
            })
            .flatten()
            .collect();
        let places = places_of(settings, &places);
        self.queries_of(processor).ask(settings, "reading committed offsets", |consumer, time| {
            committed_in(settings, consumer, &places, time)
        })
    }

    /// The client that asks for committed offsets of a group.
    fn queries_of(&self, group: &str) -> Arc<QueryClient> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || {
            let group = group.to_owned();
            Arc::new(QueryClient::new(move |settings| clients::reader_without_group(settings, &group)))
        };
        groups.entry(group.to_owned()).or_insert_with(open).clone()
    }
}

/// Whether a broker knows the partition.
fn is_there(consumer: &Consumer, topic: &str, partition: i32, time: Duration) -> Result<bool, KafkaError> {
    let metadata = consumer.fetch_metadata(None, time)?;
    let mut topics = metadata.topics().iter().filter(|found| found.name() == topic);
    Ok(topics.any(|found| found.partitions().iter().any(|known| known.id() == partition)))
}

/// Whether writing the same records again must fail again.
fn is_hopeless(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::*;
    crate::errors::code(error).is_some_and(|code| {
        matches!(
            code,
            MessageSizeTooLarge
                | TopicAuthorizationFailed
                | ClusterAuthorizationFailed
                | TransactionalIdAuthorizationFailed
                | InvalidRecord
                | UnknownTopic
                | UnknownTopicOrPartition
        )
    })
}
