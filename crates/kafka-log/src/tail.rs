//! Readers without a group.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_log::{LogError, Positions, Record, Tail, TopicPartition};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::clients::{self, Consumer, learn_topics};
use crate::cluster::Cluster;
use crate::errors::{code, is_transient, refused};
use crate::offsets::offsets_of;
use crate::renewal::{Silence, renewing};
use crate::settings::KafkaSettings;

/// Bytes that one poll returns at most, give or take one record.
const POLL_BYTES: usize = 8 << 20;

/// A reader.
pub(crate) struct KafkaTail {
    cluster: Arc<Cluster>,
    consumer: Consumer,
    next: Positions,
    silence: Silence,
}

impl KafkaTail {
    /// Reads from these offsets on.
    pub(crate) fn open(cluster: Arc<Cluster>, from: &Positions) -> Result<KafkaTail, LogError> {
        for place in from.keys() {
            cluster.partitions(&place.topic)?;
        }
        let settings = &cluster.settings;
        let list = offsets_of(settings, from)?;
        let open = || clients::reader_without_group(settings, clients::READERS);
        let know = |consumer: &Consumer, time| learn_topics(consumer, &list, time);
        let (consumer, ()) = renewing(settings, "asking for a topic", open, know)?;
        consumer.assign(&list).map_err(|error| refused(settings, "reading", &error))?;
        let topic = from.keys().next().map_or("", |place| &place.topic);
        let silence = Silence::of(settings.prefixed(topic));
        Ok(KafkaTail { next: from.clone(), consumer, silence, cluster })
    }

    /// When nobody answers any more, a fresh client goes on in this one's place.
    fn renew_if_unanswered(&mut self) -> Result<(), LogError> {
        let settings = &self.cluster.settings;
        if self.silence.is_unanswered(&self.consumer) {
            tracing::debug!("nobody answers: read on with a fresh client");
            let failed = |error| refused(settings, "reading", &error);
            let fresh = clients::reader_without_group(settings, clients::READERS).map_err(failed)?;
            fresh.assign(&offsets_of(settings, &self.next)?).map_err(failed)?;
            self.consumer = fresh;
            self.silence.restart();
        }
        Ok(())
    }
}

impl Tail for KafkaTail {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (records, error) = read_batch(&self.cluster.settings, &self.consumer, max_records, left);
            advance(&mut self.next, &records);
            if let Some(error) = error
                && let Some(failure) = failure_of(&self.cluster, &self.next, &error)
            {
                return Err(failure);
            }
            if !records.is_empty() {
                self.silence.end();
                return Ok(records);
            }
            self.renew_if_unanswered()?;
            if left.is_zero() {
                return Ok(records);
            }
        }
    }
}

/// Waits for a record, then takes what the client has ready, up to an error that it may have among it.
pub(crate) fn read_batch(
    settings: &KafkaSettings,
    consumer: &Consumer,
    max_records: usize,
    timeout: Duration,
) -> (Vec<Record>, Option<KafkaError>) {
    let (mut records, mut bytes) = (Vec::with_capacity(max_records.min(1024)), 0);
    let mut wait = whole_millis(timeout);
    let mut places = Places { settings, latest: None };
    loop {
        match consumer.poll(wait) {
            None => return (records, None),
            Some(Err(error)) => return (records, Some(error)),
            Some(Ok(message)) => {
                bytes += message.payload_len();
                records.push(record_of(&message, places.of(&message)));
            }
        }
        if records.len() >= max_records || bytes >= POLL_BYTES {
            return (records, None);
        }
        wait = Duration::ZERO;
    }
}

/// Rounded up: the client sleeps for whole milliseconds, and polls without a pause in what is left of one.
fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
}

/// Sets positions to the offsets after what was read.
pub(crate) fn advance(next: &mut Positions, records: &[Record]) {
    for run in records.chunk_by(|a, b| a.partition == b.partition) {
        if let Some(last) = run.last() {
            next.insert(TopicPartition::clone(&last.partition), last.offset + 1);
        }
    }
}

/// Where messages lie. They come in runs of one partition, which share its name.
struct Places<'a> {
    settings: &'a KafkaSettings,
    latest: Option<Arc<TopicPartition>>,
}

impl Places<'_> {
    fn of(&mut self, message: &BorrowedMessage<'_>) -> Arc<TopicPartition> {
        let topic = message.topic();
        let topic = topic.strip_prefix(&self.settings.prefix).unwrap_or(topic);
        let partition = u32::try_from(message.partition()).unwrap_or(0);
        match &self.latest {
            Some(latest) if latest.partition == partition && latest.topic == topic => latest.clone(),
            _ => self.latest.insert(Arc::new(TopicPartition::new(topic, partition))).clone(),
        }
    }
}

/// A record as the port has it.
fn record_of(message: &BorrowedMessage<'_>, partition: Arc<TopicPartition>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        let owned = |header: rdkafka::message::Header<'_, &[u8]>| {
            (Cow::Owned(header.key.to_owned()), header.value.unwrap_or_default().to_vec())
        };
        headers.iter().map(owned).collect()
    });
    Record {
        partition,
        offset: u64::try_from(message.offset()).unwrap_or(0),
        key: message.key().unwrap_or_default().to_vec(),
        headers,
        value: message.payload().map(<[u8]>::to_vec),
        timestamp_micros: message.timestamp().to_millis().unwrap_or(0).saturating_mul(1_000),
    }
}

/// What an error of the client's poll means to a reader that has come as far as `next`; `None` when the library goes on
/// by itself.
pub(crate) fn failure_of(cluster: &Cluster, next: &Positions, error: &KafkaError) -> Option<LogError> {
    use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    if matches!(code(error), Some(AutoOffsetReset | OffsetOutOfRange)) {
        let removed = removed_before_read(cluster, next);
        return Some(
            removed.unwrap_or_else(Some).unwrap_or_else(|| refused(&cluster.settings, "reading", error)),
        );
    }
    if is_transient(error) {
        tracing::debug!(%error, "kafka client");
        return None;
    }
    Some(refused(&cluster.settings, "reading", error))
}

/// Which of the positions lies before the beginning of its partition, as an error.
fn removed_before_read(cluster: &Cluster, next: &Positions) -> Result<Option<LogError>, LogError> {
    for (place, asked) in next {
        let (start, _) = cluster.watermarks(place)?;
        if *asked < start {
            return Ok(Some(LogError::OutOfRange { partition: place.clone(), start, asked: *asked }));
        }
    }
    Ok(None)
}
