//! A log that ends earlier than it does, for those who read what it held at some positions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::port::*;

/// Another log up to some positions. It is read and never written.
#[derive(Clone)]
pub struct EndedLog {
    log: Arc<dyn EventLog>,
    ends: Arc<Positions>,
}

impl EndedLog {
    /// A log up to these positions; a partition that is not among them is empty.
    pub fn new(log: Arc<dyn EventLog>, ends: Positions) -> EndedLog {
        EndedLog { log, ends: Arc::new(ends) }
    }

    fn end(&self, place: &TopicPartition) -> u64 {
        self.ends.get(place).copied().unwrap_or(0)
    }
}

fn is_past<T>() -> Result<T, LogError> {
    Err(LogError::Invariant { detail: "a log as of a time that has passed is written".into() })
}

impl EventLog for EndedLog {
    fn create_topics(&self, _: &[TopicConfig]) -> Result<(), LogError> {
        is_past()
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic)
    }

    fn join(&self, _: Member) -> Result<Box<dyn Slot>, LogError> {
        is_past()
    }

    fn append(&self, _: Vec<NewRecord>) -> Result<(), LogError> {
        is_past()
    }

    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError> {
        Ok(Box::new(EndedTail { tail: self.log.tail(from)?, of: self.clone() }))
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        let (start, end) = self.log.bounds(partition)?;
        let end = end.min(self.end(partition));
        Ok((start.min(end), end))
    }

    fn committed(&self, processor: &str) -> Result<Positions, LogError> {
        self.log.committed(processor)
    }

    fn snapshot(&self, processor: &str, task: u32) -> Result<Option<StateSnapshot>, LogError> {
        self.log.snapshot(processor, task)
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        is_past()
    }

    fn trim(&self, _: &TopicPartition, _: u64) -> Result<(), LogError> {
        is_past()
    }

    fn check(&self) -> Result<(), LogError> {
        self.log.check()
    }
}

struct EndedTail {
    tail: Box<dyn Tail>,
    of: EndedLog,
}

impl Tail for EndedTail {
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Record>, LogError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut records = self.tail.poll(max_records, left)?;
            let was_there = !records.is_empty();
            records.retain(|record| record.offset < self.of.end(&record.partition));
            // What lies behind the ends is passed over: other partitions may have more.
            if !records.is_empty() || !was_there || Instant::now() >= until {
                return Ok(records);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::LocalLog;

    #[test]
    fn it_ends_where_it_is_told_and_is_not_written() {
        let log = Arc::new(LocalLog::in_memory().unwrap());
        let topic = TopicConfig { name: "t".into(), partitions: 2, cleanup: Cleanup::Keep };
        log.create_topics(&[topic]).unwrap();
        let record = |key: u8| NewRecord {
            topic: "t".into(),
            key: vec![key],
            headers: Vec::new(),
            value: Some(vec![key]),
            timestamp_micros: 1,
        };
        log.append((0..40).map(record).collect()).unwrap();
        let places = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
        let all = log.bounds(&places[0]).unwrap().1;
        assert!(all > 3);
        let ended = EndedLog::new(log.clone(), Positions::from([(places[0].clone(), 3)]));
        assert_eq!(places.clone().map(|place| ended.bounds(&place).unwrap()), [(0, 3), (0, 0)]);
        let mut tail = ended.tail(&places.clone().map(|place| (place, 0)).into()).unwrap();
        let mut offsets = Vec::new();
        for _ in 0..60 {
            offsets
                .extend(tail.poll(1, Duration::from_millis(2)).unwrap().iter().map(|record| record.offset));
        }
        assert_eq!(offsets, [0, 1, 2]);
        assert_eq!(ended.append(vec![record(1)]), is_past());
        assert_eq!(ended.trim(&places[0], 1), is_past());
        assert_eq!(log.bounds(&places[0]).unwrap().1, all);
        // Beyond the end of the log it ends with the log.
        let beyond = EndedLog::new(log, Positions::from([(places[0].clone(), 1_000)]));
        assert_eq!(beyond.bounds(&places[0]).unwrap(), (0, all));
    }
}
