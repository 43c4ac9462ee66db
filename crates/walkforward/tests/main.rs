//! Folds and reports.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;
mod folds;
mod procedure;
mod report;
