//! What a command prints: one JSON document for scripts or a text for people, and an exit code.

use gauntlet_operations::{Answer, Refusal};
use serde::{Deserialize, Serialize};

use crate::render::text;

/// An answer, rendered. A process that answers another one's command sends it so.
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
    /// Renders an answer.
    pub fn of(answer: &Answer) -> Result<Report, Refusal> {
        let json = serde_json::to_value(answer)
            .map_err(|error| Refusal::Broken(format!("the answer is no document: {error}")))?;
        let text = text(answer);
        Ok(Report { code: answer.is_no().into(), json, text })
    }

    /// Nothing to print.
    pub fn silent() -> Report {
        Report { code: 0, json: serde_json::Value::Null, text: String::new() }
    }
}

/// The exit code of a command that has no answer.
pub fn exit_code(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::Broken(_) => 1,
        Refusal::BadInput(_) | Refusal::NotFound(_) | Refusal::Invalid(_) => 2,
        Refusal::Outside(_) | Refusal::InUse(_) => 3,
        Refusal::Interrupted => 130,
    }
}

/// Prints an answer on stdout; an empty one prints nothing. A reader that has gone away has seen what it wanted.
///
/// # Errors
/// An output that takes no more, such as a full disk.
pub fn print(report: &Report, json: bool) -> Result<(), Refusal> {
    use std::io::{ErrorKind, Write};
    let mut stdout = std::io::stdout().lock();
    let written = match json {
        true if !report.json.is_null() => writeln!(stdout, "{}", report.json),
        false if !report.text.is_empty() => writeln!(stdout, "{}", report.text),
        _ => Ok(()),
    };
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Refusal::Outside(format!("the answer cannot be written to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Characters of a refusal that are printed at most.
const MOST_CHARS: usize = 4_000;

/// The words of a refusal, without what nobody reads to its end.
pub fn words(refusal: &Refusal) -> String {
    let text = refusal.to_string();
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => {
            format!("{} … ({} more characters)", &text[..end], text[end..].chars().count())
        }
        None => text,
    }
}
