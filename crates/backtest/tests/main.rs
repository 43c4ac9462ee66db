//! Fills by hand, learned models, properties of the kernel.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;
mod fills;
mod limits;
mod model;
mod properties;
