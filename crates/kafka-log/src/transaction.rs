//! A transaction from begin to outcome.
//!
//! After anything but a success the producer is of no use: what the broker made of the transaction is learned from the
//! committed offsets, by a successor that has taken the transactional id over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_log::{LogError, NewRecord};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::clients::{Producer, TRANSACTION_TIMEOUT_MS, producer};
use crate::errors::code;
use crate::renewal::renewing;
use crate::settings::KafkaSettings;

/// How long one call may take before it is made again.
const CALL: Duration = Duration::from_secs(3);
/// How long a transaction is tried: the broker has ended it by then.
const WHOLE: Duration = Duration::from_millis(TRANSACTION_TIMEOUT_MS as u64 + 2_000);

/// How a transaction ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// All of it is durable.
    Committed,
    /// Another producer has the id: nothing was written.
    Fenced(KafkaError),
    /// Ended without success, or nobody knows.
    Unknown(KafkaError),
}

/// Takes a transactional id over: ends what its last holder left open and fences that holder.
pub(crate) fn take_over(settings: &KafkaSettings, id: &str) -> Result<Producer, LogError> {
    let open = || producer(settings, id);
    let taken = renewing(settings, "taking over a transactional id", open, |producer, time| {
        producer.init_transactions(time)
    });
    Ok(taken?.0)
}

/// Why a step of a transaction did not succeed.
enum Failed {
    Fenced(KafkaError),
    Abort(KafkaError),
    Lost(KafkaError),
}

/// What is written as one.
pub(crate) struct Transaction {
    /// Records.
    pub(crate) records: Arc<Vec<NewRecord>>,
    /// The prefix of the names of their topics.
    pub(crate) prefix: String,
    /// The next offsets of a group's inputs, and the group as its member knows it now: that changes with every rebalance.
    pub(crate) offsets: Option<(TopicPartitionList, ConsumerGroupMetadata)>,
}

/// Writes a transaction. The producer comes back after a success and is of no use after anything else.
///
/// The library does not keep every time-out that it is given: sending offsets waits for ever when all brokers are
/// forgotten. So a transaction has a thread of its own. One that takes too long is abandoned with its producer, which its
/// successor fences.
pub(crate) fn run(producer: Producer, transaction: Transaction) -> (Option<Producer>, Ended) {
    let (send, receive) = std::sync::mpsc::sync_channel(1);
    let body = move || {
        let ended = run_here(&producer, &transaction);
        if matches!(ended, Ended::Committed) {
            let _ = send.send((Some(producer), ended));
        } else {
            // Closing it can take long as well, and nobody needs to wait for that.
            let _ = send.send((None, ended));
            drop(producer);
        }
    };
    let lost = || Ended::Unknown(KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut));
    if std::thread::Builder::new().name("transaction".into()).spawn(body).is_err() {
        return (None, lost());
    }
    receive.recv_timeout(WHOLE + CALL).unwrap_or_else(|_| (None, lost()))
}

fn run_here(producer: &Producer, transaction: &Transaction) -> Ended {
    let until = Instant::now() + WHOLE;
    let steps = || -> Result<(), Failed> {
        step(until, |_| producer.begin_transaction())?;
        for record in transaction.records.iter() {
            send(producer, record, &format!("{}{}", transaction.prefix, record.topic), until)?;
        }
        if let Some((offsets, group)) = &transaction.offsets {
            step(until, |time| producer.send_offsets_to_transaction(offsets, group, time))?;
        }
        flush(producer, until);
        step(until, |time| producer.commit_transaction(time))
    };
    match steps() {
        Ok(()) => Ended::Committed,
        Err(Failed::Fenced(error)) => Ended::Fenced(error),
        Err(Failed::Lost(error)) => Ended::Unknown(error),
        Err(Failed::Abort(error)) => {
            // Said to the broker so that readers need not wait for the time-out; whether it arrives changes nothing.
            match step(until, |time| producer.abort_transaction(time)) {
                Err(Failed::Fenced(error)) => Ended::Fenced(error),
                _ => Ended::Unknown(error),
            }
        }
    }
}

/// Waits until the broker has every record, looking every millisecond: left to itself, committing looks every 100 ms.
/// The commit reports a delivery that failed.
fn flush(producer: &Producer, until: Instant) {
    while producer.flush(Duration::from_millis(1)).is_err() && Instant::now() < until {}
}

/// One call, repeated while the library says that it may be.
fn step(until: Instant, mut call: impl FnMut(Duration) -> Result<(), KafkaError>) -> Result<(), Failed> {
    loop {
        let error = match call(CALL) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let KafkaError::Transaction(said) = &error else { return Err(Failed::Lost(error)) };
        if is_fence(said.code()) {
            return Err(Failed::Fenced(error));
        }
        if said.txn_requires_abort() {
            return Err(Failed::Abort(error));
        }
        if !said.is_retriable() || Instant::now() >= until {
            return Err(Failed::Lost(error));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
    matches!(code, Fenced | ProducerFenced | InvalidProducerEpoch)
}

/// Hands a record to the client, waiting while its queue is full.
fn send(producer: &Producer, record: &NewRecord, topic: &str, until: Instant) -> Result<(), Failed> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: Some(value) });
    }
    let mut unsent = BaseRecord::<[u8], [u8]>::to(topic).key(record.key.as_slice()).headers(headers);
    unsent.payload = record.value.as_deref();
    // A record without a time of its own gets the time of its sending.
    unsent.timestamp = (record.timestamp_micros > 0).then_some(record.timestamp_micros / 1_000);
    loop {
        match producer.send(unsent) {
            Ok(()) => return Ok(()),
            Err((error, returned)) => match code(&error) {
                Some(RDKafkaErrorCode::QueueFull) if Instant::now() < until => {
                    unsent = returned;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Some(code) if is_fence(code) => return Err(Failed::Fenced(error)),
                _ => return Err(Failed::Abort(error)),
            },
        }
    }
}
