//! Bad input, and real files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod bad_input;
mod shapes;
mod shared_data;
