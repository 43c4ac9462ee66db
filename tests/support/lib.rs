//! What the end-to-end tests share: running the binary, its answers, folders, signals, the demo made once.
//!
//! Everything here fails its test: a missing binary or data file is a message that says what to do, never a skip.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

/// Folders of files and of the binary.
pub mod files;
/// Golden results and their comparison.
pub mod golden;
/// Plain HTTP, to see answers as they are.
pub mod http;
/// Running the binary.
pub mod process;
/// Small seeded random numbers.
pub mod random;
/// Logs with other records.
pub mod relaid;
/// Serving processes.
pub mod up;

pub use files::{Dir, binary, bundled, copy, examples, repository, shared};
pub use golden::{Digest, demo, digest_of, mini, recorded};
pub use process::{Command, Run, Started, gauntlet};
pub use random::Random;
pub use up::Up;

/// `serde_json::Value` under the name that reads best in tests.
pub type Json = serde_json::Value;

/// The number under a path of keys, 0 where there is none: `number(&feed, "rejected.crossed")`.
pub fn number(json: &Json, path: &str) -> i64 {
    path.split('.').try_fold(json, |at, key| at.get(key)).and_then(Json::as_i64).unwrap_or(0)
}
