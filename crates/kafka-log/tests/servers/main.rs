//! The adapter on a real broker. One program, so that the broker that most of these share is started once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod contract;
mod faults;
