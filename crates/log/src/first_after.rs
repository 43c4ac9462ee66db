//! Where a partition is cut by a time: by halving, since times rise but for a little.

use std::time::Duration;

use crate::port::{EventLog, LogError, Positions, Record, TopicPartition};

/// Records before the place found by halving among which a later time is looked for: clocks of several writers differ by
/// less than what so many records take.
const LOOK_BACK: u64 = 64;

/// The first offset whose record has a later time than this, or the end, found by halving ([`EventLog::first_after`]).
///
/// # Errors
/// What the log says.
pub fn search_by_time<L: EventLog + ?Sized>(
    log: &L,
    place: &TopicPartition,
    micros: i64,
) -> Result<u64, LogError> {
    let (start, end) = log.bounds(place)?;
    let (mut low, mut high) = (start, end);
    while low < high {
        let middle = low + (high - low) / 2;
        // There is one: the end is behind a record.
        let record = first(log, place, middle)?;
        if record.timestamp_micros > micros {
            high = middle;
        } else {
            low = record.offset + 1;
        }
    }
    loop {
        let from = low.saturating_sub(LOOK_BACK).max(start);
        match later(log, place, (from, low), micros)? {
            Some(earlier) => low = earlier,
            None => return Ok(low),
        }
    }
}

/// The first record at an offset or behind it.
fn first<L: EventLog + ?Sized>(log: &L, place: &TopicPartition, from: u64) -> Result<Record, LogError> {
    let mut tail = log.tail(&Positions::from([(place.clone(), from)]))?;
    loop {
        if let Some(record) = tail.poll(1, Duration::from_secs(1))?.into_iter().next() {
            return Ok(record);
        }
    }
}

/// The offset of the first record of a stretch that has a later time.
fn later<L: EventLog + ?Sized>(
    log: &L,
    place: &TopicPartition,
    (from, to): (u64, u64),
    micros: i64,
) -> Result<Option<u64>, LogError> {
    if from >= to {
        return Ok(None);
    }
    let mut tail = log.tail(&Positions::from([(place.clone(), from)]))?;
    let mut next = from;
    while next < to {
        let most = usize::try_from(to - next).unwrap_or(usize::MAX);
        for record in tail.poll(most, Duration::from_secs(1))? {
            if record.offset >= to {
                return Ok(None);
            }
            if record.timestamp_micros > micros {
                return Ok(Some(record.offset));
            }
            next = record.offset + 1;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::LocalLog;
    use crate::port::{Cleanup, NewRecord, TopicConfig};

    fn log(times: &[i64]) -> (LocalLog, TopicPartition) {
        let log = LocalLog::in_memory().unwrap();
        let topic = TopicConfig { name: "t".into(), partitions: 1, cleanup: Cleanup::Keep };
        log.create_topics(&[topic]).unwrap();
        let record = |time: &i64| NewRecord {
            topic: "t".into(),
            key: b"k".to_vec(),
            headers: Vec::new(),
            value: Some(vec![1]),
            timestamp_micros: *time,
        };
        for times in times.chunks(7) {
            log.append(times.iter().map(record).collect()).unwrap();
        }
        (log, TopicPartition::new("t", 0))
    }

    fn first_later(times: &[i64], micros: i64) -> u64 {
        times.iter().position(|time| *time > micros).unwrap_or(times.len()) as u64
    }

    proptest! {
        #[test]
        fn it_is_the_first_record_with_a_later_time(
            steps in prop::collection::vec(-3..6_i64, 0..200),
            asked in -10..400_i64,
        ) {
            // Rising but for a little: no record is more than 64 before where its time belongs.
            let times: Vec<i64> = steps.iter().enumerate().map(|(at, step)| at as i64 * 2 + step).collect();
            let (log, place) = log(&times);
            prop_assert_eq!(log.first_after(&place, asked).unwrap(), first_later(&times, asked));
        }
    }

    #[test]
    fn before_the_first_and_behind_the_last_are_the_bounds() {
        let (log, place) = log(&[10, 20, 20, 30]);
        let found =
            [i64::MIN, 9, 10, 19, 20, 30, i64::MAX].map(|time| log.first_after(&place, time).unwrap());
        assert_eq!(found, [0, 0, 1, 1, 3, 4, 4]);
        log.trim(&place, 2).unwrap();
        assert_eq!([9, 20].map(|time| log.first_after(&place, time).unwrap()), [2, 3]);
    }
}
