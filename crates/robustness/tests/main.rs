//! The analysis of a finalist, end to end.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail their test")]
