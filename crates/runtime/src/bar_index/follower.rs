//! The thread that keeps the index near the end of the log, so that who asks reads what he asked for and little else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gauntlet_log::{LogError, Positions, TopicPartition};

use super::{BarIndex, CHUNK, SAVE_EVERY, TOPICS, lock};

/// How long one look for records takes; the end waits for it.
const POLL: Duration = Duration::from_millis(50);
/// Between two tries when the log does not answer. Nobody waits: who asks reads by himself.
const AGAIN: Duration = Duration::from_secs(1);

/// Ends the thread when it is dropped, and writes what was taken in.
pub struct Follower {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BarIndex {
    /// Takes in bars as they come, until the follower is dropped.
    pub fn follow(self: &Arc<BarIndex>) -> Result<Follower, LogError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (index, raised) = (self.clone(), stop.clone());
        let body = move || {
            while !raised.load(Ordering::Relaxed) {
                if let Err(error) = index.follow_until(&raised) {
                    tracing::debug!(%error, "the index of bars waits for the log");
                    let until = Instant::now() + AGAIN;
                    while Instant::now() < until && !raised.load(Ordering::Relaxed) {
                        std::thread::sleep(POLL);
                    }
                }
            }
            index.save_all();
        };
        let thread = std::thread::Builder::new().name("bar-index".into()).spawn(body);
        let thread = thread.map_err(|error| LogError::no_thread(&error))?;
        Ok(Follower { stop, thread: Some(thread) })
    }

    fn follow_until(&self, stop: &AtomicBool) -> Result<(), LogError> {
        let mut from = Positions::new();
        for topic in TOPICS {
            for partition in 0..self.log.partitions(topic.name)? {
                let place = TopicPartition::new(topic.name, partition);
                let kept = self.partition(&place);
                let mut kept = lock(&kept);
                self.load(&place, &mut kept)?;
                let (start, _) = self.log.bounds(&place)?;
                from.insert(place, kept.indexed.get_or_insert_default().next.max(start));
            }
        }
        let mut tail = self.log.tail(&from)?;
        while !stop.load(Ordering::Relaxed) {
            let records = tail.poll(CHUNK, POLL)?;
            for of_one in records.chunk_by(|a, b| a.partition == b.partition) {
                let place = &of_one[0].partition;
                let kept = self.partition(place);
                let mut kept = lock(&kept);
                let taken = self.take_in(kept.indexed.get_or_insert_default(), of_one);
                self.save(place, &mut kept, SAVE_EVERY);
                taken?;
            }
        }
        Ok(())
    }

    fn save_all(&self) {
        let places: Vec<TopicPartition> = lock(&self.partitions).keys().cloned().collect();
        for place in places {
            let kept = self.partition(&place);
            self.save(&place, &mut lock(&kept), 1);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of its own ends the keeping up, and nothing else.
            let _ = thread.join();
        }
    }
}
