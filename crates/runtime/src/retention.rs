//! Retention on one machine: records of topics that are kept for days only are removed once they are older than that and
//! every reader is past them. Kafka does the same by itself, but does not wait for readers.
//!
//! Only requests are kept for days (and ticks for years): they are derived, so replay makes them again.

use std::collections::BTreeMap;
use std::time::Duration;

use gauntlet_domain::Timestamp;
use gauntlet_domain::topics::{self, Retention};
use gauntlet_log::{EventLog, LogError, Positions, TopicPartition};
use gauntlet_processor::Topology;

const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;
/// Records read at a time behind the first one.
const CHUNK: usize = 1024;

/// Removes what has expired at `now` and has been read by all readers in the topology; gives the number of records
/// removed. `projected` is how far those have come who keep their positions themselves, by their names: projections and the
/// archiver.
pub fn enforce(
    log: &dyn EventLog,
    topology: &Topology,
    projected: &BTreeMap<&str, Positions>,
    now: Timestamp,
) -> Result<u64, LogError> {
    let mut removed = 0;
    for topic in topics::ALL {
        let Retention::Days(days) = topic.retention else { continue };
        let cutoff = now.0 / 1000 - i64::from(days) * MICROS_PER_DAY;
        let mut readers = Vec::new();
        for reader in topology.readers_of(topic) {
            readers.push(match projected.get(reader) {
                Some(positions) => positions.clone(),
                None => log.committed(reader)?,
            });
        }
        for partition in 0..log.partitions(topic.name)? {
            let place = TopicPartition::new(topic.name, partition);
            let (start, _) = log.bounds(&place)?;
            let read = readers.iter().map(|positions| positions.get(&place).copied().unwrap_or(0)).min();
            let end = first_kept(log, &place, start, read.unwrap_or(start), cutoff)?;
            if end > start {
                log.trim(&place, end)?;
                removed += end - start;
            }
        }
    }
    Ok(removed)
}

/// The first offset from `start` on, and not beyond `end`, whose record is younger than the cutoff.
fn first_kept(
    log: &dyn EventLog,
    place: &TopicPartition,
    start: u64,
    end: u64,
    cutoff: i64,
) -> Result<u64, LogError> {
    let mut next = start;
    let mut tail = log.tail(&Positions::from([(place.clone(), start)]))?;
    // Mostly the first record is young, and no other is read.
    let mut room = 1;
    while next < end {
        for record in tail.poll(room, Duration::ZERO)? {
            if record.offset >= end || record.timestamp_micros >= cutoff {
                return Ok(next);
            }
            next = record.offset + 1;
        }
        room = CHUNK;
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use gauntlet_domain::topics::TRAINING_REQUESTS;
    use gauntlet_log::counting::CountingLog;
    use gauntlet_log::{Assignment, Commit, LocalLog, Member, NewRecord, Polled};
    use gauntlet_processor::Access;

    const TOPIC: &str = TRAINING_REQUESTS.name;

    fn record(micros: i64) -> NewRecord {
        NewRecord {
            topic: TOPIC.into(),
            key: b"k".to_vec(),
            headers: vec![],
            value: Some(vec![1]),
            timestamp_micros: micros,
        }
    }

    #[test]
    fn what_is_old_and_read_goes_and_everything_else_stays() {
        let log = LocalLog::in_memory().unwrap();
        log.create_topics(&crate::topics(1)).unwrap();
        let days = |days: i64| days * MICROS_PER_DAY;
        log.append(vec![record(days(0)), record(days(1)), record(days(2)), record(days(60))]).unwrap();
        let now = Timestamp(days(61) * 1000);
        let place = TopicPartition::new(TOPIC, 0);
        let reads = vec![&TRAINING_REQUESTS];
        let trainer = Access { name: "trainer", reads, looks_up: vec![], writes: vec![] };
        let topology = Topology::new([trainer]);
        let enforce = |log: &LocalLog, now| enforce(log, &topology, &BTreeMap::new(), now);
        assert_eq!(enforce(&log, now).unwrap(), 0, "nobody has read it");
        let member = Member {
            processor: "trainer".into(),
            slot: 0,
            topics: vec![TOPIC.into()],
            assignment: Assignment::CoPartitioned,
        };
        let mut slot = log.join(member).unwrap();
        while !matches!(slot.poll(10, Duration::from_millis(50)).unwrap(), Polled::Records(_)) {}
        let positions = Positions::from([(place.clone(), 2)]);
        slot.commit(Commit { positions, ..Commit::default() }).unwrap();
        assert_eq!(enforce(&log, now).unwrap(), 2, "read up to the second");
        assert_eq!(log.bounds(&place).unwrap(), (2, 4));
        let positions = Positions::from([(place.clone(), 4)]);
        slot.commit(Commit { positions, ..Commit::default() }).unwrap();
        assert_eq!(enforce(&log, now).unwrap(), 1, "the last one is a day old");
        assert_eq!(log.bounds(&place).unwrap(), (3, 4));
    }

    #[test]
    fn of_a_topic_on_which_nothing_has_expired_one_record_is_read() {
        let log = LocalLog::in_memory().unwrap();
        log.create_topics(&crate::topics(1)).unwrap();
        log.append(vec![record(MICROS_PER_DAY); 100]).unwrap();
        let log = CountingLog::over(Arc::new(log));
        let place = TopicPartition::new(TOPIC, 0);
        assert_eq!(first_kept(&log, &place, 0, 100, MICROS_PER_DAY).unwrap(), 0);
        assert_eq!(log.take_count(), 1);
        assert_eq!(first_kept(&log, &place, 0, 100, MICROS_PER_DAY + 1).unwrap(), 100);
    }
}
