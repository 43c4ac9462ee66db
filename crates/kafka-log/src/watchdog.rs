//! Ends the process when a call into the client library does not come back.
//!
//! Every call has a time-out of its own, but some are known not to keep it (librdkafka #5511: a group coordinator that
//! goes away for good). A process that hangs holds its slot and looks alive; one that ends is started again and
//! restored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Time between two looks at the calls.
const EVERY: Duration = Duration::from_secs(1);

/// Watches calls.
pub(crate) struct Watchdog {
    began: Instant,
    /// What a stuck call is allowed to take.
    limit: Duration,
    calls: Mutex<Vec<(String, Weak<Watched>)>>,
    on_stuck: fn(&str),
}

/// One thread that makes calls: when its present call began, in milliseconds; zero between calls.
pub(crate) struct Watched {
    began: Instant,
    since: AtomicU64,
}

impl Watched {
    /// Makes a call that is watched.
    pub(crate) fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.since.store(millis(self.began.elapsed()).max(1), Ordering::Relaxed);
        let value = call();
        self.since.store(0, Ordering::Relaxed);
        value
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Watchdog {
    /// Begins to watch; ends the process when a call takes longer than `limit`.
    pub(crate) fn start(limit: Duration) -> Arc<Watchdog> {
        Watchdog::start_with(limit, |name| {
            tracing::error!(
                slot = name,
                "a call to kafka does not come back: the process ends and can be started again"
            );
            std::process::abort()
        })
    }

    fn start_with(limit: Duration, on_stuck: fn(&str)) -> Arc<Watchdog> {
        let dog = Arc::new(Watchdog { began: Instant::now(), limit, calls: Mutex::default(), on_stuck });
        let weak = Arc::downgrade(&dog);
        let watch = move || {
            while let Some(dog) = weak.upgrade() {
                dog.look();
                let pause = EVERY.min(dog.limit);
                drop(dog);
                std::thread::sleep(pause);
            }
        };
        // Without its thread there are still the time-outs of the calls.
        let started = std::thread::Builder::new().name("kafka-watchdog".into()).spawn(watch);
        if let Err(error) = started {
            tracing::warn!(%error, "no watchdog");
        }
        dog
    }

    /// Watches one more thread, as long as it keeps what it is given.
    pub(crate) fn watch(&self, name: String) -> Arc<Watched> {
        let watched = Arc::new(Watched { began: self.began, since: AtomicU64::new(0) });
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|(_, call)| call.strong_count() > 0);
        calls.push((name, Arc::downgrade(&watched)));
        watched
    }

    fn look(&self) {
        let now = millis(self.began.elapsed());
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, call) in calls.iter() {
            let since = call.upgrade().map_or(0, |call| call.since.load(Ordering::Relaxed));
            if since != 0 && now.saturating_sub(since) > millis(self.limit) {
                (self.on_stuck)(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    static BITTEN: AtomicBool = AtomicBool::new(false);

    #[test]
    fn a_call_that_does_not_come_back_is_bitten_and_no_other() {
        let dog = Watchdog::start_with(Duration::from_millis(50), |name| {
            assert_eq!(name, "slow");
            BITTEN.store(true, Ordering::Relaxed);
        });
        let (slow, fast) = (dog.watch("slow".into()), dog.watch("fast".into()));
        for _ in 0..30 {
            fast.call(|| std::thread::sleep(Duration::from_millis(5)));
        }
        assert!(!BITTEN.load(Ordering::Relaxed));
        slow.call(|| std::thread::sleep(Duration::from_millis(300)));
        assert!(BITTEN.load(Ordering::Relaxed));
    }
}
