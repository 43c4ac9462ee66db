//! What the tests of the runtime share: data that are not there, and waiting that ends.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_domain::ContentHash;
use gauntlet_domain::market::{Bar, SnapshotDue, SnapshotSealed};
use gauntlet_processor::worker::{Data, DataError};
use gauntlet_runtime::Running;

/// Data of which there are none.
pub struct Nothing;

impl Data for Nothing {
    fn bars(&self, _: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        Err(DataError::Unavailable("there is nothing".into()))
    }

    fn seal(&self, _: &SnapshotDue) -> Result<SnapshotSealed, DataError> {
        Err(DataError::Unavailable("there is nothing".into()))
    }

    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError> {
        Ok(ContentHash::of(bytes))
    }
}

/// Waits, but not for ever.
pub fn within<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no {what}: it hangs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until nothing is on its way.
pub fn quiet(running: &Running) {
    within("quiet", || {
        assert!(running.failure().is_none(), "{:?}", running.failure());
        running.is_quiet().unwrap().then_some(())
    });
}
