//! The binary from outside, on one machine and without servers: the pipeline and its golden digest, bad input, faults,
//! what is served and observed, and the rules of the workspace. One program, so that the demo that most of them copy is
//! made once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod accounts;
mod archive;
mod as_of;
mod asked;
mod bad_days;
mod bad_input;
mod cleaning;
mod config_diff;
mod damage;
mod dead_letters;
mod dependencies;
mod directories;
mod documents;
mod examples;
mod faults;
mod feeding;
mod http_api;
mod instruments;
mod kept;
mod ledger;
mod lists;
mod measured;
mod observed;
mod operator;
mod pipeline;
mod python_client;
mod recount;
mod revisions;
mod runs;
mod selection;
mod served;
mod snapshots;
mod sql;
mod terminal;
mod tidy;
mod trainers;
mod vendor_files;
