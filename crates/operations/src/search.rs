//! `search`: a sampler by itself, asked and told a JSON line at a time; no log, no server. The same search that the tuner
//! runs.
//!
//! The protocol is that of `ask_tell`. With a pruner a question also has `"thresholds": [null, 0.4, …]`: a trial whose best
//! value after fold `i` is worse than `thresholds[i]` may be stopped there.
//!
//! Trial `k` is asked once the trials `0 ..= k - parallelism` are told. Ends with the input, or when the space has nothing
//! more to offer: then, after the last outstanding answer, with the line `{"end": "space_exhausted", "trials": n}`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use gauntlet_domain::experiment::Parameters;
use gauntlet_search::{
    Ask, Choice, Direction, FoldHistory, Observation, Outcome, Pruner, PrunerKind, SamplerKind, Search,
};
use serde::{Deserialize, Serialize};

use crate::ask_tell::{self, Asked, Dialogue, Told};
use crate::refusal::Refusal;

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

/// A search over its two streams.
struct SearchDialogue<W> {
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
    is_exhausted: bool,
}

/// Asks and is told, until the input or the space ends.
pub fn search(request: &SearchRequest, input: impl BufRead, output: impl Write) -> Result<(), Refusal> {
    let mut dialogue = SearchDialogue::new(request, output)?;
    if ask_tell::converse(&mut dialogue, input)? {
        let trials = dialogue.search.next();
        let end = serde_json::json!({ "end": "space_exhausted", "trials": trials });
        ask_tell::write(&mut dialogue.output, &end)?;
    }
    Ok(())
}

impl<W: Write> SearchDialogue<W> {
    fn new(request: &SearchRequest, output: W) -> Result<Self, Refusal> {
        let space = ask_tell::space(&request.space)?;
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
                .map_err(|error| Refusal::BadInput(format!("{}: {error}", request.space.display())))?,
            pruner: (pruner.kind.name != "none").then(|| pruner.build(direction)),
            output,
            early: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            folds: Vec::new(),
            shown: 0,
            is_exhausted: false,
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
            ask_tell::write(&mut self.output, &Asked { ask: trial, params: &params, thresholds })?;
            self.outstanding.insert(trial, params);
        }
    }
}

impl<W: Write> Dialogue for SearchDialogue<W> {
    fn ask(&mut self) -> Result<bool, Refusal> {
        self.is_exhausted = self.is_exhausted || self.ask_all()?;
        Ok(self.is_exhausted && self.outstanding.is_empty())
    }

    fn is_outstanding(&self, trial: u64) -> bool {
        self.outstanding.contains_key(&trial) && !self.early.contains_key(&trial)
    }

    fn next(&self) -> u64 {
        self.search.next()
    }

    fn tell(&mut self, told: Told) {
        self.early.insert(told.trial, (told.outcome, told.folds));
        loop {
            let next = self.search.observations().len() as u64;
            let Some((outcome, folds)) = self.early.remove(&next) else { return };
            let params = self.outstanding.remove(&next).unwrap_or_default();
            self.folds.push(folds);
            self.search.observe(Observation { trial: next, params, outcome });
        }
    }
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
