//! The small files of `tests/cases/market-data`, in the shapes that vendors, venues and libraries write, each with what is
//! right for it.
//!
//! `cases.tsv` there names each case and its command. The tables of `tests/cases/right` say what has to come of it: options
//! that are added to the command, and expectations separated by `; `. `refused` is the exit code of bad input; `says=WORDS` is
//! part of what is printed; `accepted`, `rejected.REASON`, `corrected.REASON` are counts; `bars` is their number; `first`,
//! `last` the opening times of the first and the last bar; `open`, `high`, `low`, `close` and `volume` are those of all bars
//! together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gauntlet_domain::market::Bar;
use gauntlet_tests::{Dir, Json, gauntlet, number, repository};

use crate::cleaning::all_bars_on_the_log;

fn folder() -> PathBuf {
    repository().join("tests/cases/market-data")
}

/// Rows of a table, without its head.
fn rows(path: PathBuf) -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(&path).unwrap();
    let row = |line: &str| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        fields.try_into().unwrap_or_else(|fields| panic!("{}: {fields:?}", path.display()))
    };
    text.lines().skip(1).map(row).collect()
}

/// Every expectation of a table that does not hold.
fn wrong_in(table: &str) -> Vec<String> {
    let commands: BTreeMap<String, String> =
        rows(folder().join("cases.tsv")).into_iter().map(|[case, _, command]| (case, command)).collect();
    let right = rows(repository().join("tests/cases/right").join(table));
    let wrong = right.iter().flat_map(|[case, more, expected]| {
        let command = commands.get(case).unwrap_or_else(|| panic!("no case {case}"));
        let found = Outcome::of(case, command, more);
        let expected = expected.split("; ").map(str::to_owned);
        expected.filter_map(move |one| found.contradicts(&one).map(|why| format!("{case}: {one}, not {why}")))
    });
    wrong.collect()
}

/// What came of a command.
struct Outcome {
    refused: bool,
    said: String,
    counts: Json,
    bars: Vec<[f64; 5]>,
    times: Vec<String>,
}

impl Outcome {
    fn of(case: &str, command: &str, more: &str) -> Outcome {
        let dir = Dir::new();
        // Every command is run for its JSON.
        let command = command.split(" (").next().unwrap_or(command);
        let words = command.split_whitespace().skip(1).chain(more.split_whitespace());
        let words: Vec<&str> = words.filter(|word| *word != "--json").collect();
        let is_feed = words[0] == "feed";
        let mut args: Vec<String> = Vec::new();
        for word in words {
            // Files of `feed` are named within their case.
            let path = match word.strip_prefix("right/") {
                Some(document) => repository().join("tests/cases/right").join(document),
                None if is_feed => folder().join(case).join(word),
                None => folder().join(word),
            };
            args.push(if path.exists() { path.display().to_string() } else { word.to_owned() });
        }
        if is_feed && !args.iter().any(|word| word == "--instrument") {
            args.extend(["--instrument", "X", "--venue", "Y"].map(str::to_owned));
        }
        let run = gauntlet(args).on(&dir).run();
        let said = format!("{}{}", run.stdout, run.stderr);
        let code = run.code.unwrap_or(-1);
        assert!(code == 0 || code == 2, "{case}: {said}");
        if code == 2 {
            return Outcome { refused: true, said, counts: Json::Null, bars: Vec::new(), times: Vec::new() };
        }
        let counts = run.json();
        let (bars, times) = if is_feed { fed(&dir) } else { printed(&counts) };
        Outcome { refused: false, said, counts, bars, times }
    }

    /// What is so instead of an expectation; `None` where it holds.
    fn contradicts(&self, expected: &str) -> Option<String> {
        let (name, value) = expected.split_once('=').unwrap_or((expected, ""));
        if name == "refused" {
            return (!self.refused).then(|| self.said.clone());
        }
        if name == "says" {
            return (!self.said.contains(value)).then(|| self.said.clone());
        }
        if self.refused {
            return Some(self.said.clone());
        }
        let time = |time: Option<&String>| time.cloned().unwrap_or_default();
        let found = match name {
            "bars" => self.bars.len().to_string(),
            "first" => time(self.times.first()),
            "last" => time(self.times.last()),
            "accepted" => number(&self.counts, "accepted").to_string(),
            "open" => self.bars.first().map_or(f64::NAN, |bar| bar[0]).to_string(),
            "high" => self.bars.iter().map(|bar| bar[1]).fold(f64::NEG_INFINITY, f64::max).to_string(),
            "low" => self.bars.iter().map(|bar| bar[2]).fold(f64::INFINITY, f64::min).to_string(),
            "close" => self.bars.last().map_or(f64::NAN, |bar| bar[3]).to_string(),
            "volume" => self.bars.iter().map(|bar| bar[4]).sum::<f64>().to_string(),
            _ => {
                let (group, reason) = name.split_once('.').unwrap_or_else(|| panic!("what is {name}?"));
                self.counts[group][reason].as_i64().unwrap_or_default().to_string()
            }
        };
        (found != value).then(|| format!("{found} ({})", self.counts))
    }
}

/// Bars that `bars --json` printed.
fn printed(json: &Json) -> (Vec<[f64; 5]>, Vec<String>) {
    let bars = json["bars"].as_array().unwrap();
    let values = ["open", "high", "low", "close", "volume"];
    (
        bars.iter().map(|bar| values.map(|name| bar[name].as_f64().unwrap())).collect(),
        bars.iter().map(|bar| bar["open_time"].as_str().unwrap().to_owned()).collect(),
    )
}

/// Bars of the log, all of them.
fn fed(dir: &Dir) -> (Vec<[f64; 5]>, Vec<String>) {
    let bars: Vec<Bar> = all_bars_on_the_log(dir);
    let prices = |bar: &Bar| [bar.open, bar.high, bar.low, bar.close].map(|price| bar.scale.price(price));
    let values = |bar: &Bar| {
        let [open, high, low, close] = prices(bar);
        [open, high, low, close, bar.scale.size(bar.volume)]
    };
    (bars.iter().map(values).collect(), bars.iter().map(|bar| bar.open_time.to_string()).collect())
}

fn all_right(table: &str) {
    let wrong = wrong_in(table);
    assert!(wrong.is_empty(), "{} expectations do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ticks_are_cleaned_as_a_careful_person_would() {
    all_right("cleaning.tsv");
}

#[test]
fn text_is_read_right_or_refused() {
    all_right("text.tsv");
}

#[test]
fn columns_and_bars_are_read_right_or_refused() {
    all_right("columns.tsv");
}

#[test]
fn every_case_has_one_answer() {
    let tables = ["cleaning.tsv", "text.tsv", "columns.tsv"];
    let answers = tables.iter().flat_map(|table| rows(repository().join("tests/cases/right").join(table)));
    let answered: Vec<String> = answers.map(|[case, ..]| case).collect();
    let all = rows(folder().join("cases.tsv")).into_iter().map(|[case, ..]| case);
    let mut seen = BTreeSet::new();
    for case in answered {
        assert!(seen.insert(case.clone()), "{case} has two answers");
    }
    assert_eq!(seen, all.collect());
}
