//! Spaces, samplers, and Optuna as the oracle.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod optuna;
mod samplers;
mod space;
