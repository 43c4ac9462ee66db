//! Rows, and that every order gives the same ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod convergence;
mod rows;
mod story;
