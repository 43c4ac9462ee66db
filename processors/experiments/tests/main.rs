//! Documents and the machine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;
mod ended;
mod machine;
mod plans;
mod validate;
