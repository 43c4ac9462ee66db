//! The adapter on a real server. One program, so that the server that most of these share is started once.
#![allow(clippy::unwrap_used)]

mod access;
mod contract;
mod migrations;
mod outages;
mod rebuild;
mod support;
