//! The registry port on a Confluent-compatible schema registry (Confluent's, Karapace, Apicurio).
//!
//! A release calls [`register`]: it sets the compatibility of every subject and registers every version of every record.
//! CI calls [`check`], which registers nothing. Services call [`RemoteRegistry::connect`], read what has been registered
//! and never register.
//!
//! Everything blocks, for as long as the time-out at most for each address. Calls are made on a thread of their own, since a
//! `reqwest::blocking` client panics inside a tokio runtime; so nothing here panics there, but it does hold up the
//! runtime's thread: connect before the runtime starts, or from `spawn_blocking`. Encoding never waits for the network.

/// Calls to the registry.
mod client;
/// What a release does.
mod release;
/// What a service has.
mod remote;
/// Where the registry is.
mod settings;
/// Subjects of the catalogue.
mod subjects;

pub use client::RegistryError;
pub use release::{Report, State, Subjected, check, register};
pub use remote::RemoteRegistry;
pub use settings::{Password, Settings};
pub use subjects::{Compatibility, Subject, subjects};
