//! The runtime over a log in memory: machines, workers, projections, and what goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

#[path = "common/bench.rs"]
mod bench;
mod bounded;
mod common;
mod membership;
mod misbehaving;
mod parking;
mod pausing;
mod projections;
mod tracing;
mod upkeep;
mod versions;
