//! The analysis of a finalist, end to end.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail their test")]

#[path = "../../walkforward/tests/common/mod.rs"]
mod common;

mod case;

mod by_hand;
mod degenerate;
mod learned;
mod names;
mod oracle;
mod paths;
mod points;
