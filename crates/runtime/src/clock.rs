//! The wall clock, for what is only shown to people: the one place where it is read.

use gauntlet_domain::Timestamp;

/// Now, in UTC, by this machine's clock. An observation; no decision may depend on it.
#[allow(clippy::disallowed_methods)] // the ban in clippy.toml names this function as the replacement
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 is shown as 1970.
    Timestamp(since.map_or(0, |elapsed| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)))
}
