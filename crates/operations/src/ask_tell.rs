//! The protocol of commands that ask for values: a JSON line for each question on stdout, one for each answer on stdin.
//!
//! Asks `{"ask": k, "params": {…}}`. Told, in any order:
//! - `{"tell": k, "value": v}`: the objective; `null` is undefined, which counts as failed.
//! - `{"tell": k, "values": […]}`: the values after each fold; the last one is the objective unless `value` is given too.
//! - `{"tell": k, "state": "pruned", "values": […]}` and `{"tell": k, "state": "failed"}`.

use std::io::{BufRead, Write};
use std::path::Path;

use gauntlet_domain::experiment::Parameters;
use gauntlet_search::{FoldHistory, FoldState, Outcome, Space};
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, unreadable};

/// A line out.
#[derive(Serialize)]
pub(crate) struct Asked<'a> {
    pub(crate) ask: u64,
    pub(crate) params: &'a Parameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thresholds: Option<Vec<Option<f64>>>,
}

/// An answer.
pub(crate) struct Told {
    pub(crate) trial: u64,
    pub(crate) outcome: Outcome,
    pub(crate) folds: FoldHistory,
}

/// Who asks.
pub(crate) trait Dialogue {
    /// Asks what may be asked now. True when all is asked and told.
    fn ask(&mut self) -> Result<bool, Refusal>;

    /// Whether a trial was asked and not told.
    fn is_outstanding(&self, trial: u64) -> bool;

    /// The number of the next trial: all before it were asked.
    fn next(&self) -> u64;

    /// Takes the answer of an outstanding trial.
    fn tell(&mut self, told: Told);
}

/// Asks and is told until all is, or the input ends. True when all is.
pub(crate) fn converse(dialogue: &mut impl Dialogue, input: impl BufRead) -> Result<bool, Refusal> {
    let mut is_over = dialogue.ask()?;
    let mut lines = (1..).zip(input.lines());
    while !is_over && let Some((number, line)) = lines.next() {
        let line = line.map_err(|error| Refusal::Outside(format!("stdin cannot be read: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let told =
            expected(dialogue, &line).map_err(|what| Refusal::BadInput(format!("stdin:{number}: {what}")))?;
        dialogue.tell(told);
        is_over = dialogue.ask()?;
    }
    Ok(is_over)
}

/// Reads the space of a document.
pub(crate) fn space(path: &Path) -> Result<Space, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let wrong = |error: &dyn std::fmt::Display| Refusal::BadInput(format!("{}: {error}", path.display()));
    let document: serde_json::Value = serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?;
    Space::from_json(&document).map_err(|error| wrong(&error))
}

/// Writes a line, and flushes it: whoever is asked waits for it.
pub(crate) fn write(output: &mut impl Write, line: &impl Serialize) -> Result<(), Refusal> {
    let text = serde_json::to_string(line).map_err(|error| Refusal::Broken(error.to_string()))?;
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    written.map_err(|error| Refusal::Outside(format!("stdout cannot be written: {error}")))
}

/// The answer in a line, if its trial is outstanding; else what is wrong with it.
fn expected(dialogue: &impl Dialogue, line: &str) -> Result<Told, String> {
    let told = read(line)?;
    let trial = told.tell;
    if !dialogue.is_outstanding(trial) {
        let what = if trial < dialogue.next() { "was told before" } else { "was not asked" };
        return Err(format!("trial {trial} {what}: tell each trial once, after it is asked"));
    }
    outcome(told)
}

/// A line in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tell: u64,
    #[serde(default, deserialize_with = "given")]
    value: Option<Option<f64>>,
    values: Option<Vec<Option<f64>>>,
    state: Option<FoldState>,
}

/// Tells `null` from nothing.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::<f64>::deserialize(deserializer).map(Some)
}

/// A line; the words that Python writes for numbers without a value are undefined ones.
fn read(line: &str) -> Result<Line, String> {
    let read = |line: &str| serde_json::from_str::<Line>(line);
    let plain = || line.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
    read(line).or_else(|error| read(&plain()).map_err(|_| error)).map_err(|error| {
        format!("{error}: write {{\"tell\": 0, \"value\": 1.5}}, or \"values\", or \"state\": \"failed\"")
    })
}

/// How a trial ended. An objective that is not defined tells what a failed trial does.
fn outcome(told: Line) -> Result<Told, String> {
    let trial = told.tell;
    let values = told.values.unwrap_or_default();
    let last = values.last().copied().flatten();
    let state = told.state.unwrap_or(FoldState::Completed);
    let outcome = match (state, told.value) {
        (FoldState::Completed, None) if values.is_empty() => {
            return Err(format!("trial {trial} has no result: give \"value\", \"values\" or a \"state\""));
        }
        (FoldState::Completed, value) => value.unwrap_or(last).map_or(Outcome::Failed, Outcome::Completed),
        (FoldState::Pruned, _) => Outcome::Pruned(last),
        (FoldState::Failed, _) => Outcome::Failed,
    };
    Ok(Told { trial, outcome, folds: FoldHistory { state, values } })
}
