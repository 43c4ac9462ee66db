//! Why a configuration or an experiment was refused: what was wrong, where, what to do. Trying again helps with none of
//! these but `ConfigError::Unreadable`.

use std::fmt;
use std::io;

use crate::tree::Origin;

/// Why a configuration or an experiment was refused. `key` is the path of a key, `runtime.batch_records`.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The operating system gave no file.
    #[error("{file}: cannot be read: {source}: check the path and its permissions")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// Not YAML.
    #[error("{origin}: is not valid YAML: {what}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser expected.
        what: String,
    },
    /// Nothing in a document that must have something.
    #[error("{file}: is empty: {fix}")]
    Empty {
        /// The file.
        file: String,
        /// What belongs in it.
        fix: &'static str,
    },
    /// A key that does not exist.
    #[error("unknown key '{key}' in {origin}: {suggestion}")]
    UnknownKey {
        /// The key as given.
        key: String,
        /// Where.
        origin: Origin,
        /// What to write instead.
        suggestion: Suggestion,
    },
    /// A key that must be there.
    #[error("missing '{key}' in {origin}: add it: {what}")]
    MissingKey {
        /// The key.
        key: String,
        /// The document or section that lacks it.
        origin: Origin,
        /// What it is.
        what: String,
    },
    /// A value of another type or out of range.
    #[error("'{key}' in {origin} is {found}: expected {expected}")]
    WrongValue {
        /// The key.
        key: String,
        /// Where.
        origin: Origin,
        /// The value.
        found: String,
        /// What can stand there.
        expected: String,
    },
    /// A value of the right type that cannot be used.
    #[error("'{key}' in {origin} cannot be used: {what}")]
    Refused {
        /// The key.
        key: String,
        /// Where.
        origin: Origin,
        /// Why, and what to write.
        what: String,
    },
    /// A profile that does not exist.
    #[error("unknown profile '{name}': {suggestion}")]
    UnknownProfile {
        /// The name as given.
        name: String,
        /// What to write instead.
        suggestion: Suggestion,
    },
    /// Not `key=value`.
    #[error("'{text}' sets nothing: write key=value, such as runtime.batch_records=100")]
    NotAnOverride {
        /// The text as given.
        text: String,
    },
}

impl ConfigError {
    /// The key that is wrong, and where it is written, where it is one key.
    pub fn place(&self) -> Option<(&str, &Origin)> {
        match self {
            ConfigError::UnknownKey { key, origin, .. }
            | ConfigError::MissingKey { key, origin, .. }
            | ConfigError::WrongValue { key, origin, .. }
            | ConfigError::Refused { key, origin, .. } => Some((key, origin)),
            ConfigError::Syntax { origin, .. } => Some(("", origin)),
            _ => None,
        }
    }
}

/// What to write instead of a name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// The likeliest meant.
    Nearest(String),
    /// Nothing is near: all there are.
    Known(Vec<String>),
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suggestion::Nearest(name) => write!(f, "did you mean '{name}'?"),
            Suggestion::Known(names) => write!(f, "write one of {}", names.join(", ")),
        }
    }
}
