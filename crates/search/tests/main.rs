//! Spaces, samplers, and Optuna as the oracle.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;
mod five_functions;
#[path = "common/functions.rs"]
mod functions;
mod optuna;
mod samplers;
mod space;
mod stored;
