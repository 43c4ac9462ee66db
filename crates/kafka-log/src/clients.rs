//! Configuration of consumers and producers: what the port's promises rest on is set here, once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{NoCustomPartitioner, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::settings::{KafkaSettings, Membership};

/// The broker ends a transaction that is open for longer: shorter than the session, so that what a dead member left
/// open is gone before somebody else takes its partitions over.
pub(crate) const TRANSACTION_TIMEOUT_MS: u32 = 10_000;
/// Session timeout: a member that has sent no heartbeat for so long is out of its group.
pub const SESSION: Duration = Duration::from_secs(15);
/// Time between two heartbeats; a fenced member learns of it within this time.
pub(crate) const HEARTBEAT_MS: u32 = 1_000;
/// Largest record: a state snapshot or a block of ticks.
pub(crate) const RECORD_BYTES: u32 = 64 << 20;
/// Size of the records that a client fetches in advance, in KiB.
const AHEAD_KIB: u32 = 16 << 10;
/// The group in whose name partitions are read without membership.
pub(crate) const READERS: &str = "readers";
/// How many complaints of the client library are kept for error messages.
const COMPLAINTS: usize = 4;

/// What the library reports to a client: changes of assignment, and complaints for error messages.
#[derive(Default)]
pub(crate) struct Context {
    changes: Mutex<VecDeque<Change>>,
    complaints: Complaints,
    is_closing: AtomicBool,
}

/// A change of assignment that has been announced and not been answered yet.
pub(crate) enum Change {
    /// Topic and partition of everything that is this member's now.
    Assign(Vec<(String, i32)>),
    /// Everything is taken away.
    Revoke,
}

/// The last complaints of a client.
#[derive(Default)]
pub(crate) struct Complaints(Mutex<VecDeque<String>>);

impl Complaints {
    fn add(&self, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.back().is_none_or(|last| last != text) {
            kept.push_back(text.to_owned());
        }
        if kept.len() > COMPLAINTS {
            kept.pop_front();
        }
    }

    /// The complaint that explains most: one about identity before one about the network.
    pub(crate) fn best(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let about_identity = |text: &&String| {
            let text = text.to_lowercase();
            text.contains("authentication") || text.contains("ssl") || text.contains("certificate")
        };
        kept.iter().rev().find(about_identity).or_else(|| kept.back()).cloned()
    }
}

impl Context {
    /// The next change that waits for an answer.
    pub(crate) fn take_change(&self) -> Option<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// From now on nobody answers changes any more.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    /// What the client has complained of.
    pub(crate) fn complaints(&self) -> &Complaints {
        &self.complaints
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Warning};
        match level {
            Emerg | Alert | Critical | Error => {
                self.complaints.add(message);
                tracing::warn!(facility, message, "kafka client");
            }
            Warning => tracing::debug!(facility, message, "kafka client"),
            _ => tracing::trace!(facility, message, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.add(reason);
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Context {
    /// Only notes the change: the library waits until the assignment is changed, and that happens in the slot's poll, after
    /// the slot's user has finished with the tasks that go.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.is_closing.load(Ordering::Relaxed) {
            if let Err(error) = consumer.unassign() {
                tracing::debug!(%error, "kafka client");
            }
            return;
        }
        let change = match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let elements = partitions.elements();
                Change::Assign(elements.iter().map(|e| (e.topic().to_owned(), e.partition())).collect())
            }
            _ => Change::Revoke,
        };
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    /// A record that could not be delivered fails its transaction, which says so.
    fn delivery(&self, _: &rdkafka::producer::DeliveryResult<'_>, (): ()) {}
}

pub(crate) type Consumer = BaseConsumer<Context>;
pub(crate) type Producer = ThreadedProducer<Context>;

/// What every client has in common.
fn base(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.bootstrap)
        .set("client.id", "gauntlet")
        .set("socket.keepalive.enable", "true")
        .set("allow.auto.create.topics", "false")
        // Requests must not wait for minutes once a broker is back.
        .set("reconnect.backoff.max.ms", "2000")
        .set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// Sets the installation's properties last, so that they override sizes and times; properties that are fixed have been
/// refused before.
fn over(mut config: ClientConfig, settings: &KafkaSettings) -> ClientConfig {
    for (property, value) in &settings.properties {
        config.set(property, value);
    }
    config
}

/// A consumer in a group, which need not join it.
fn reader(settings: &KafkaSettings, group: &str) -> ClientConfig {
    let mut config = base(settings);
    config
        .set("group.id", settings.prefixed(group))
        .set("group.protocol", "classic")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "50")
        .set("fetch.message.max.bytes", (8 << 20).to_string())
        .set("receive.message.max.bytes", (2 * RECORD_BYTES).to_string())
        .set("queued.max.messages.kbytes", AHEAD_KIB.to_string())
        // The limit is in bytes, and a client below it fetches more at once: by default it waits a second, in which a quick
        // reader has nothing to do.
        .set("queued.min.messages", "10000000")
        .set("fetch.queue.backoff.ms", "2");
    config
}

/// A reader that does not join its group.
pub(crate) fn reader_without_group(settings: &KafkaSettings, group: &str) -> Result<Consumer, KafkaError> {
    over(reader(settings, group), settings).create_with_context(Context::default())
}

/// A client that sees the ends of partitions with uncommitted records included; it never reads any.
pub(crate) fn uncommitted_reader(settings: &KafkaSettings) -> Result<Consumer, KafkaError> {
    let mut config = reader(settings, READERS);
    config.set("isolation.level", "read_uncommitted");
    over(config, settings).create_with_context(Context::default())
}

/// A reader that is told at once when a partition's end is reached.
pub(crate) fn end_reader(settings: &KafkaSettings) -> Result<Consumer, KafkaError> {
    let mut config = reader(settings, READERS);
    config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "5");
    over(config, settings).create_with_context(Context::default())
}

/// A member of a processor's group.
pub(crate) fn member(
    settings: &KafkaSettings,
    client: &str,
    processor: &str,
    slot: u32,
) -> Result<Consumer, KafkaError> {
    let mut config = reader(settings, processor);
    // By this a process recognises its own member in the group.
    config.set("client.id", client);
    if settings.membership == Membership::Static {
        // Padded with zeros, because ranges are assigned in the order of names.
        config.set("group.instance.id", settings.prefixed(&format!("{processor}.{slot:010}")));
    }
    config
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", SESSION.as_millis().to_string())
        .set("heartbeat.interval.ms", HEARTBEAT_MS.to_string())
        .set("max.poll.interval.ms", "600000");
    over(config, settings).create_with_context(Context::default())
}

/// A transactional producer. It fences nobody before its transactions are initialised.
pub(crate) fn producer(settings: &KafkaSettings, transactional_id: &str) -> Result<Producer, KafkaError> {
    let mut config = base(settings);
    config
        .set("transactional.id", settings.prefixed(transactional_id))
        .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
        // Must be shorter than the transaction.
        .set("message.timeout.ms", (TRANSACTION_TIMEOUT_MS - 1_000).to_string())
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        // A transaction ends when its last record has arrived: waiting for further records would delay each one.
        .set("linger.ms", "0")
        .set("socket.nagle.disable", "true")
        // Right after a commit the broker answers "concurrent transactions" for a moment; the library asks again after
        // this time, and its default of 100 ms makes commits twenty times slower.
        .set("retry.backoff.ms", "1")
        .set("message.max.bytes", RECORD_BYTES.to_string())
        .set("queue.buffering.max.kbytes", (4 * AHEAD_KIB).to_string());
    over(config, settings).create_with_context(Context::default())
}

/// Makes topics known to a client that is about to read them. Otherwise it finds their leaders only when it next looks at
/// all its topics, which it does once a second.
pub(crate) fn learn_topics(
    consumer: &Consumer,
    partitions: &TopicPartitionList,
    time: Duration,
) -> Result<(), KafkaError> {
    let names: BTreeSet<String> =
        partitions.elements().iter().map(|element| element.topic().to_owned()).collect();
    names.iter().try_for_each(|name| consumer.fetch_metadata(Some(name), time).map(|_| ()))
}

/// A list of partitions, each at an offset.
pub(crate) fn at_offsets<'a>(
    places: impl IntoIterator<Item = (&'a str, u32, u64)>,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in places {
        let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
        list.add_partition_offset(topic, i32::try_from(partition).unwrap_or(i32::MAX), offset)?;
    }
    Ok(list)
}

/// A client for administration.
pub(crate) fn admin(settings: &KafkaSettings) -> Result<AdminClient<Context>, KafkaError> {
    over(base(settings), settings).create_with_context(Context::default())
}
