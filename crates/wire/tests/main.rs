//! Bytes: fixtures, versions, and records of strangers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod fixtures;
mod plain;
mod samples;
mod strangers;
mod versions;
