//! What the tests of the runtime share: waiting that ends.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use gauntlet_runtime::Running;

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
