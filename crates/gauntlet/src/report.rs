//! What a command answers: one JSON document for scripts, a text for people, an exit code; or why it could not.

use std::path::Path;

use gauntlet_config::ConfigError;
use gauntlet_feed::FeedError;
use gauntlet_lake::LakeError;
use gauntlet_log::{LogError, Remedy};
use gauntlet_runtime::Failure;
use gauntlet_views::ViewError;
use gauntlet_wire::WireError;
use serde::{Deserialize, Serialize};

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// 0 done, 1 the answer is no.
    pub code: u8,
    /// For scripts.
    pub json: serde_json::Value,
    /// For people.
    pub text: String,
}

impl Report {
    /// Done.
    pub fn done(json: serde_json::Value, text: impl Into<String>) -> Report {
        Report { code: 0, json, text: text.into() }
    }

    /// The answer is no.
    pub fn no(json: serde_json::Value, text: impl Into<String>) -> Report {
        Report { code: 1, json, text: text.into() }
    }
}

/// Prints an answer on stdout; an empty one prints nothing. A reader that has gone away has seen what it wanted.
pub fn print(report: &Report, json: bool) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = match json {
        true if !report.json.is_null() => writeln!(stdout, "{}", report.json),
        false if !report.text.is_empty() => writeln!(stdout, "{}", report.text),
        _ => Ok(()),
    };
}

/// Why a command could not answer.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Bad usage or bad input; exit code 2.
    #[error("{0}")]
    BadInput(String),
    /// Something outside is missing, in use or full; exit code 3.
    #[error("{0}")]
    Outside(String),
    /// Something that was kept is damaged or broken; exit code 1.
    #[error("{0}")]
    Broken(String),
    /// Interrupted, state safe; exit code 130.
    #[error("interrupted; everything acknowledged is kept, the same command goes on from here")]
    Interrupted,
}

impl Refusal {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Refusal::Broken(_) => 1,
            Refusal::BadInput(_) => 2,
            Refusal::Outside(_) => 3,
            Refusal::Interrupted => 130,
        }
    }

    /// Bad input.
    pub fn input(message: impl std::fmt::Display) -> Refusal {
        Refusal::BadInput(message.to_string())
    }
}

/// A file named on the command line that cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::BadInput(format!("{}: {error}: check the path and its permissions", path.display()))
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Refusal {
        let text = error.to_string();
        match error.remedy() {
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
        Refusal::BadInput(error.to_string())
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Refusal {
        Refusal::BadInput(error.to_string())
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Refusal {
        Refusal::Broken(error.to_string())
    }
}
