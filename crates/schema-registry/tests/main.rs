//! The client against a server that misbehaves, and against a real registry.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod apicurio;
mod http;
