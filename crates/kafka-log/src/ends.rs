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
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;

use crate::clients::{self, Consumer, assign_known, at_offsets};
use crate::errors::{is_transient, refused, unavailable};
use crate::settings::KafkaSettings;

/// How far back the first look goes: a commit's marker and the record before it.
const FIRST: u64 = 2;

/// Ends that are known.
#[derive(Default)]
pub(crate) struct Ends {
    /// By partition: the broker's end and ours.
    known: Mutex<HashMap<TopicPartition, (u64, u64)>>,
    prober: Mutex<Option<Consumer>>,
}

impl Ends {
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
        let mut prober = self.prober.lock().unwrap_or_else(PoisonError::into_inner);
        let consumer = match prober.take() {
            Some(consumer) => consumer,
            None => clients::prober(settings).map_err(|error| refused(settings, "reading", &error))?,
        };
        let mut back = FIRST;
        let end = loop {
            let from = high.saturating_sub(back).max(low);
            match last_record(settings, &consumer, place, from, high)? {
                Some(offset) => break offset + 1,
                // Markers all the way: there is no record left.
                None if from == low => break low,
                None => back = back.saturating_mul(8),
            }
        };
        *prober = Some(consumer);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), (high, end));
        Ok(end)
    }
}

/// The last record from an offset on and before `high`, if there is one.
fn last_record(
    settings: &KafkaSettings,
    consumer: &Consumer,
    place: &TopicPartition,
    from: u64,
    high: u64,
) -> Result<Option<u64>, LogError> {
    let failed = |error: KafkaError| refused(settings, "looking for a partition's end", &error);
    let topic = settings.prefixed(&place.topic);
    let list = at_offsets([(topic.as_str(), place.partition, from)]).map_err(failed)?;
    assign_known(settings, consumer, &list)?;
    let until = Instant::now() + settings.patience;
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
            Some(Err(error)) if !is_transient(&error) => return Err(failed(error)),
            _ if Instant::now() >= until => {
                let complaints = consumer.context().complaints();
                return Err(unavailable(settings, "looking for a partition's end", complaints));
            }
            _ => {}
        }
    }
}
