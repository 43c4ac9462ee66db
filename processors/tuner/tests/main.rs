//! The machine and what has ended.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;
mod ended;
mod machine;
mod nested;
mod restored;
