//! Who may ask for what, and what they asked for: tokens of programs, and the audit of commands.

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, EventId};
use crate::time::Timestamp;

/// A token of a program. The secret itself is nowhere on the log: who holds it is known by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssued {
    /// Its public name: the first 16 hexadecimal digits of `hash`.
    pub token: String,
    /// SHA-256 of the secret.
    pub hash: ContentHash,
    /// What it is for, in words.
    pub name: String,
    /// Whose it is: the person in whose name the program acts.
    pub person: String,
    /// What it may do: `read`, `submit`, `ingest`, `operate`.
    pub scopes: Vec<String>,
    /// Who issued it.
    pub issued_by: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// A token that counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// Which.
    pub token: String,
    /// Who took it back.
    pub revoked_by: String,
    /// Why.
    pub reason: String,
}

/// A command that was taken over HTTP: who gave it, by what right, and which events came of it. It lies on the log in one
/// append with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAudited {
    /// The person, as known to who let them in.
    pub actor: String,
    /// By what right: `session`, `directory`, or `token:` and its public name.
    pub by: String,
    /// What was asked for: method and path.
    pub action: String,
    /// The key under which it was given; the same actor and key are the same command.
    pub key: String,
    /// SHA-256 of what was asked for: another content under the same key is refused.
    pub request_hash: ContentHash,
    /// What it is about: the id of an experiment, a model, a snapshot.
    pub subject: String,
    /// The events that it published, or found published.
    pub events: Vec<EventId>,
    /// Where it came from, an IP address.
    pub address: String,
}
