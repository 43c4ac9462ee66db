//! The commands, one file a family. A command takes a node (or none, for the pure tools) and its arguments and answers
//! with a report; it prints nothing but progress.

pub mod browse;
pub mod config;
pub mod coverage;
pub mod dead_letters;
pub mod demo;
pub mod feed;
pub mod integrity;
mod outside;
pub mod research;
pub mod snapshot;
pub mod submit;
pub mod up;
