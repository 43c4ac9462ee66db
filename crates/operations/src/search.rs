//! `search`: a sampler by itself, asked and told a JSON line at a time; no log, no server. The same search that the tuner
//! runs.
//!
//! Asks `{"ask": k, "params": {…}}`, with a pruner also `"thresholds": [null, 0.4, …]`: a trial whose best value after
//! fold `i` is worse than `thresholds[i]` may be stopped there. Told, in any order:
//! - `{"tell": k, "value": v}`: the objective; `null` is undefined, which counts as failed.
//! - `{"tell": k, "values": […]}`: the values after each fold; the last one is the objective unless `value` is given too.
//! - `{"tell": k, "state": "pruned", "values": […]}` and `{"tell": k, "state": "failed"}`.
//!
//! Trial `k` is asked once the trials `0 ..= k - parallelism` are told. Ends with the input, or when the space has nothing
//! more to offer: then, after the last outstanding answer, with the line `{"end": "space_exhausted", "trials": n}`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use gauntlet_domain::experiment::Parameters;
use gauntlet_search::{
    Ask, Choice, Direction, FoldHistory, FoldState, Observation, Outcome, Pruner, PrunerKind, SamplerKind,
    Search, Space,
};
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, unreadable};

/// How to search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// A document of the shape that an experiment's `parameters` have.
    pub space: PathBuf,
    /// `tpe`, or with settings `tpe(candidates=48)`.
    pub sampler: String,
    /// `median`, `none`, or with settings.
    pub pruner: String,
    /// Which way is better.
    pub direction: Direction,
    /// How many trials may be outstanding.
    pub parallelism: u32,
    /// Seed of everything random.
    pub seed: u64,
}

/// A line out.
#[derive(Serialize)]
struct Asked<'a> {
    ask: u64,
    params: &'a Parameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Vec<Option<f64>>>,
}

/// A line in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
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

/// A search over its two streams.
struct Dialogue<W> {
    search: Search,
    pruner: Option<Box<dyn Pruner>>,
    output: W,
    /// Outcomes that wait for those of earlier trials.
    early: BTreeMap<u64, (Outcome, FoldHistory)>,
    /// Parameters of trials without an outcome in the search.
    outstanding: BTreeMap<u64, Parameters>,
    /// Folds of the trials in the search, and how many of them the pruner was shown.
    folds: Vec<FoldHistory>,
    shown: usize,
}

/// Asks and is told, until the input or the space ends.
pub fn search(request: &SearchRequest, input: impl BufRead, output: impl Write) -> Result<(), Refusal> {
    let mut dialogue = Dialogue::new(request, output)?;
    let mut is_exhausted = dialogue.ask_all()?;
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|error| Refusal::Outside(format!("stdin cannot be read: {error}")))?;
        if !line.trim().is_empty() {
            dialogue.tell(&line).map_err(|what| Refusal::BadInput(format!("stdin:{number}: {what}")))?;
            is_exhausted = is_exhausted || dialogue.ask_all()?;
        }
        if is_exhausted && dialogue.outstanding.is_empty() {
            break;
        }
    }
    if is_exhausted && dialogue.outstanding.is_empty() {
        let trials = dialogue.search.next();
        dialogue.write(&serde_json::json!({ "end": "space_exhausted", "trials": trials }))?;
    }
    Ok(())
}

impl<W: Write> Dialogue<W> {
    fn new(request: &SearchRequest, output: W) -> Result<Self, Refusal> {
        let path = &request.space;
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let name = path.display();
        let document: serde_json::Value =
            serde_saphyr::from_str(&text).map_err(|error| Refusal::BadInput(format!("{name}: {error}")))?;
        let wrong = |error: &dyn std::fmt::Display| Refusal::BadInput(format!("{name}: {error}"));
        let space = Space::from_json(&document).map_err(|error| wrong(&error))?;
        let flag =
            |flag: &str, error: &dyn std::fmt::Display| Refusal::BadInput(format!("--{flag}: {error}"));
        let sampler =
            Choice::<SamplerKind>::of_document(&request.sampler).map_err(|error| flag("sampler", &error))?;
        let pruner =
            Choice::<PrunerKind>::of_document(&request.pruner).map_err(|error| flag("pruner", &error))?;
        if request.parallelism == 0 {
            return Err(flag("parallelism", &"0 trials can never be outstanding: use at least 1"));
        }
        let (direction, parallelism) = (request.direction, u64::from(request.parallelism));
        Ok(Self {
            search: Search::new(space, &sampler, direction, request.seed, parallelism)
                .map_err(|error| wrong(&error))?,
            pruner: (pruner.kind.name != "none").then(|| pruner.build(direction)),
            output,
            early: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            folds: Vec::new(),
            shown: 0,
        })
    }

    /// Asks for all trials that may be asked for now. True when there is nothing more to ask for.
    fn ask_all(&mut self) -> Result<bool, Refusal> {
        loop {
            let (trial, seen) = (self.search.next(), self.search.seen());
            let params = match self.search.ask() {
                Ask::Trial(params) => params,
                Ask::Wait => return Ok(false),
                Ask::Exhausted => return Ok(true),
            };
            let thresholds = self.pruner.as_mut().map(|pruner| {
                self.folds[self.shown..seen].iter().for_each(|trial| pruner.observe(trial));
                self.shown = seen;
                pruner.thresholds()
            });
            self.write(&Asked { ask: trial, params: &params, thresholds })?;
            self.outstanding.insert(trial, params);
        }
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Refusal> {
        let text = serde_json::to_string(line).map_err(|error| Refusal::Broken(error.to_string()))?;
        // Flushed: whoever asked waits for it.
        let written = writeln!(self.output, "{text}").and_then(|()| self.output.flush());
        written.map_err(|error| Refusal::Outside(format!("stdout cannot be written: {error}")))
    }

    /// Takes an answer in; says what is wrong with it.
    fn tell(&mut self, line: &str) -> Result<(), String> {
        let told = read(line)?;
        let trial = told.tell;
        if !self.outstanding.contains_key(&trial) || self.early.contains_key(&trial) {
            let what = if trial < self.search.next() { "was told before" } else { "was not asked" };
            return Err(format!("trial {trial} {what}: tell each trial once, after it is asked"));
        }
        self.early.insert(trial, outcome(told)?);
        loop {
            let next = self.search.observations().len() as u64;
            let Some((outcome, folds)) = self.early.remove(&next) else { return Ok(()) };
            let params = self.outstanding.remove(&next).unwrap_or_default();
            self.folds.push(folds);
            self.search.observe(Observation { trial: next, params, outcome });
        }
    }
}

/// A line; the words that Python writes for numbers without a value are undefined ones.
fn read(line: &str) -> Result<Told, String> {
    let read = |line: &str| serde_json::from_str::<Told>(line);
    let plain = || line.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
    read(line).or_else(|error| read(&plain()).map_err(|_| error)).map_err(|error| {
        format!("{error}: write {{\"tell\": 0, \"value\": 1.5}}, or \"values\", or \"state\": \"failed\"")
    })
}

/// How a trial ended. An objective that is not defined tells a search what a failed trial does.
fn outcome(told: Told) -> Result<(Outcome, FoldHistory), String> {
    let values = told.values.unwrap_or_default();
    let last = values.last().copied().flatten();
    let state = told.state.unwrap_or(FoldState::Completed);
    let outcome = match (state, told.value) {
        (FoldState::Completed, None) if values.is_empty() => {
            let trial = told.tell;
            return Err(format!("trial {trial} has no result: give \"value\", \"values\" or a \"state\""));
        }
        (FoldState::Completed, value) => value.unwrap_or(last).map_or(Outcome::Failed, Outcome::Completed),
        (FoldState::Pruned, _) => Outcome::Pruned(last),
        (FoldState::Failed, _) => Outcome::Failed,
    };
    Ok((outcome, FoldHistory { state, values }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        name: &str,
        space: &str,
        sampler: &str,
        parallelism: u32,
        input: &str,
    ) -> Result<Vec<String>, String> {
        let path = std::env::temp_dir().join(format!("gauntlet-search-{name}-{}.yaml", std::process::id()));
        std::fs::write(&path, space).unwrap();
        let (sampler, pruner) = (sampler.to_owned(), "median(startup_trials=1,warmup_folds=0)".to_owned());
        let request = SearchRequest {
            space: path.clone(),
            sampler,
            pruner,
            direction: Direction::Minimize,
            parallelism,
            seed: 7,
        };
        let mut output = Vec::new();
        let answer = search(&request, input.as_bytes(), &mut output);
        std::fs::remove_file(&path).unwrap();
        let text = String::from_utf8(output).unwrap();
        answer.map(|()| text.lines().map(str::to_owned).collect()).map_err(|error| error.to_string())
    }

    const KIND: &str = r#"{"kind": {"categorical": ["sma", "ema"]}}"#;
    const NUMBER: &str = r#"{"x": {"float": [0, 1]}}"#;

    #[test]
    fn it_asks_ahead_of_what_it_is_told_and_ends_with_the_input() {
        let told = "{\"tell\": 2, \"value\": 1}\n\n{\"tell\": 0, \"values\": [2, 3]}\n{\"tell\": 1, \"value\": NaN}\n";
        let asked = run("ahead", NUMBER, "tpe", 3, told).unwrap();
        assert_eq!(asked.len(), 3 + 3);
        for (trial, line) in asked.iter().enumerate() {
            assert!(line.starts_with(&format!("{{\"ask\":{trial},\"params\":{{\"x\":")), "{line}");
        }
        assert!(asked[3].ends_with("\"thresholds\":[2.0,3.0]}"), "{}", asked[3]);
    }

    #[test]
    fn a_space_that_is_spent_ends_the_search_by_name() {
        let told = "{\"tell\": 0, \"value\": 1}\n{\"tell\": 1, \"state\": \"failed\"}\n";
        let asked = run("spent", KIND, "random", 1, told).unwrap();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[2], "{\"end\":\"space_exhausted\",\"trials\":2}");
        assert_eq!(run("silent", KIND, "random", 2, "").unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_taken_is_refused_with_its_line() {
        let said = |told: &str| run("refused", NUMBER, "tpe", 1, told).unwrap_err();
        assert!(said("{\"tell\": 5, \"value\": 1}").starts_with("stdin:1: trial 5 was not asked"));
        let twice = "{\"tell\": 0, \"value\": 1}\n{\"tell\": 0, \"value\": 1}";
        assert!(said(twice).starts_with("stdin:2: trial 0 was told before"));
        assert!(said("{\"tell\": 0}").starts_with("stdin:1: trial 0 has no result"));
        assert!(said("hello").starts_with("stdin:1: expected"));
        let wrong = run("sampler", NUMBER, "tqe", 1, "").unwrap_err();
        assert!(wrong.starts_with("--sampler: unknown sampler `tqe`: did you mean `tpe`?"), "{wrong}");
    }
}
