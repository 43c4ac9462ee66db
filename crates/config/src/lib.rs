//! Configuration and experiment documents: read, checked and typed before anything connects.
//!
//! Consumes YAML, environment variables and command-line overrides; emits [`Config`] with the origin of every value,
//! and experiments. A key that nobody knows is refused with the nearest one that somebody does. Never a global: what is
//! loaded is passed on. Never shows a secret, in errors and `config explain` least of all.

/// Experiment documents.
pub mod document;
/// Why something was refused.
pub mod error;
/// Layers of sources, from the built-in files to the command line.
pub mod load;
/// The keys, their types and defaults.
pub mod model;
/// JSON Schemas of both.
pub mod schema;

/// A tree against a schema.
mod check;
/// YAML that remembers where it came from.
mod tree;

pub use document::{ExperimentDocument, read_experiment};
pub use error::ConfigError;
pub use gauntlet_domain::names::nearest;
pub use load::{Resolved, Sources, load, parse_override, resolve_secret};
pub use model::{ArchiveConfig, Config, SqlConfig};
pub use schema::{experiment_schema, schema};
pub use tree::Origin;
