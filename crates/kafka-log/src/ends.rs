//! The end of a partition behind transaction markers.
//!
//! A commit or an abort takes an offset of its own that holds no record, so the broker's end lies behind the last
//! record. The port's end is the offset after the last committed record; it is looked for backwards from the broker's
//! end, and remembered until that moves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_log::{LogError, TopicPartition};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;

use crate::clients::{self, Consumer, at_offsets, learn_topics};
use crate::errors::is_transient;
use crate::renewal::QueryClient;
use crate::settings::KafkaSettings;

/// How far back the first look goes: a commit's marker and the record before it.
const FIRST: u64 = 2;

/// The ends of partitions, remembered.
pub(crate) struct Ends {
    /// By partition: the broker's end and the port's.
    known: Mutex<HashMap<TopicPartition, (u64, u64)>>,
    /// Reads one partition at a time.
    end_reader: Mutex<QueryClient>,
}

impl Ends {
    /// Without any known end.
    pub(crate) fn new() -> Ends {
        Ends { known: Mutex::default(), end_reader: Mutex::new(QueryClient::new(clients::end_reader)) }
    }

    /// The offset after the last committed record of a partition that begins at `low` and that the broker ends at
    /// `high`.
    pub(crate) fn end(
        &self,
        settings: &KafkaSettings,
        place: &TopicPartition,
        low: u64,
        high: u64,
    ) -> Result<u64, LogError> {
        if low >= high {
            return Ok(high);
        }
        let lock = |known: &Mutex<HashMap<TopicPartition, (u64, u64)>>| {
            known.lock().unwrap_or_else(PoisonError::into_inner).get(place).copied()
        };
        if let Some((at, end)) = lock(&self.known)
            && at == high
        {
            return Ok(end);
        }
        let end_reader = self.end_reader.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = settings.prefixed(&place.topic);
        let mut back = FIRST;
        let end = loop {
            let from = high.saturating_sub(back).max(low);
            let last = end_reader.ask(settings, "looking for a partition's end", |consumer, time| {
                let last = last_record(consumer, (&topic, place.partition), (from, high), time);
                // Or the client would go on asking for more, every few milliseconds.
                consumer.unassign()?;
                last
            })?;
            match last {
                Some(offset) => break offset + 1,
                // Only markers are left, no record.
                None if from == low => break low,
                None => back = back.saturating_mul(8),
            }
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), (high, end));
        Ok(end)
    }
}

/// The last record from an offset on and before `high`, if there is one.
fn last_record(
    consumer: &Consumer,
    (topic, partition): (&str, u32),
    (from, high): (u64, u64),
    time: Duration,
) -> Result<Option<u64>, KafkaError> {
    let until = Instant::now() + time;
    let list = at_offsets([(topic, partition, from)])?;
    learn_topics(consumer, &list, time)?;
    consumer.assign(&list)?;
    let mut last = None;
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) if message.topic() == topic => {
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                if offset >= high {
                    return Ok(last);
                }
                last = Some(offset);
                if offset + 1 == high {
                    return Ok(last);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(last),
            Some(Err(error)) if !is_transient(&error) => return Err(error),
            _ if Instant::now() >= until => {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
            _ => {}
        }
    }
}
