//! Why an operation could not answer. "No" is an answer, with a document of its own; see [`Answer::is_no`].
//!
//! [`Answer::is_no`]: crate::Answer::is_no

use std::path::Path;

use gauntlet_config::{ConfigError, Origin};
use gauntlet_feed::FeedError;
use gauntlet_lake::LakeError;
use gauntlet_log::{LogError, Remedy};
use gauntlet_runtime::Failure;
use gauntlet_views::ViewError;
use gauntlet_wire::WireError;
use serde::{Deserialize, Serialize};

/// Why there is no answer, by what a caller would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Bad usage or bad input: ask for something else.
    #[error("{0}")]
    BadInput(String),
    /// There is no such thing: ask for another one.
    #[error("{0}")]
    NotFound(String),
    /// A document does not hold, at these places: mend them.
    #[error("{}", said(.0))]
    Invalid(Vec<Fault>),
    /// Something outside is missing, in use or full: mend it and ask again.
    #[error("{0}")]
    Outside(String),
    /// Another process has the directory open: ask it, or wait for it.
    #[error("{0}")]
    InUse(String),
    /// Something that was kept is damaged, or an invariant is broken: asking again does not help.
    #[error("{0}")]
    Broken(String),
    /// Interrupted, state safe: ask again to go on.
    #[error("interrupted; everything acknowledged is kept, the same command goes on from here")]
    Interrupted,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where, as a JSON pointer: `/tuning/sampler`.
    pub pointer: String,
    /// The line, from 1, where the text has it.
    pub line: Option<u64>,
    /// What is wrong, where, and what to do.
    pub reason: String,
}

fn said(faults: &[Fault]) -> String {
    faults.iter().map(|fault| fault.reason.as_str()).collect::<Vec<_>>().join("\n")
}

impl Fault {
    /// At a key, `tuning.sampler`, that is written there.
    pub(crate) fn at(key: &str, origin: &Origin, reason: String) -> Fault {
        let line = match origin {
            Origin::File { line, .. } if *line > 0 => Some(*line),
            _ => None,
        };
        let pointer = key.split('.').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
        Fault { pointer, line, reason }
    }
}

impl Refusal {
    /// Bad input.
    pub fn input(message: impl std::fmt::Display) -> Refusal {
        Refusal::BadInput(message.to_string())
    }
}

/// A file that was named and cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::BadInput(format!("{}: {error}: check the path and its permissions", path.display()))
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Refusal {
        let text = error.to_string();
        match error.remedy() {
            _ if matches!(error, LogError::InUse { .. }) => Refusal::InUse(text),
            _ if matches!(error, LogError::Interrupted) => Refusal::Interrupted,
            Remedy::Retry | Remedy::Environment | Remedy::Leave => Refusal::Outside(text),
            Remedy::Configuration => Refusal::BadInput(text),
            Remedy::Restore | Remedy::Report => Refusal::Broken(text),
        }
    }
}

impl From<ViewError> for Refusal {
    fn from(error: ViewError) -> Refusal {
        let text = error.to_string();
        match error {
            ViewError::Corrupt { .. } | ViewError::CorruptStore { .. } | ViewError::Invalid { .. } => {
                Refusal::Broken(text)
            }
            ViewError::InUse { .. } => Refusal::InUse(text),
            _ => Refusal::Outside(text),
        }
    }
}

impl From<LakeError> for Refusal {
    fn from(error: LakeError) -> Refusal {
        match error {
            LakeError::Settings { .. } => Refusal::BadInput(error.to_string()),
            _ if error.retry_helps() => Refusal::Outside(error.to_string()),
            _ => Refusal::Broken(error.to_string()),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        if failure.outside {
            Refusal::Outside(failure.to_string())
        } else {
            Refusal::Broken(failure.to_string())
        }
    }
}

impl From<FeedError> for Refusal {
    fn from(error: FeedError) -> Refusal {
        match error {
            FeedError::Interrupted { .. } => Refusal::Interrupted,
            error => Refusal::BadInput(error.to_string()),
        }
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Refusal {
        match error.place() {
            Some((key, origin)) => Refusal::Invalid(vec![Fault::at(key, origin, error.to_string())]),
            None => Refusal::BadInput(error.to_string()),
        }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Refusal {
        Refusal::Broken(error.to_string())
    }
}
