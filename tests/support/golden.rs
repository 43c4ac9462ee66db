//! Digests: what a run came to, compared part by part, so that a difference is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::files::{bundled, process_folder};
use crate::{Dir, Json, gauntlet};

/// The parts of `gauntlet digest`: `topics/NAME` and `views/NAME`, each with its count and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Count and hash by part.
    pub parts: BTreeMap<String, (u64, String)>,
    /// One hash over all.
    pub all: String,
}

impl Digest {
    /// Reads the JSON of `gauntlet digest`.
    pub fn of(json: &Json) -> Digest {
        let mut parts = BTreeMap::new();
        for (group, count) in [("topics", "events"), ("views", "rows")] {
            for (name, part) in json[group].as_object().unwrap() {
                let entry = (part[count].as_u64().unwrap(), part["sha256"].as_str().unwrap().to_owned());
                parts.insert(format!("{group}/{name}"), entry);
            }
        }
        Digest { parts, all: json["all"].as_str().unwrap().to_owned() }
    }

    /// Events and rows that it covers.
    pub fn covers(&self) -> u64 {
        self.parts.values().map(|(count, _)| count).sum()
    }

    /// Fails with the parts that differ; says how much was equal.
    pub fn assert_equals(&self, expected: &Digest, what: &str) {
        let names: std::collections::BTreeSet<&String> =
            self.parts.keys().chain(expected.parts.keys()).collect();
        let side = |digest: &Digest, name: &String| match digest.parts.get(name) {
            None => "(missing)".to_owned(),
            Some((count, hash)) => format!("{count} as {hash}"),
        };
        let differing: Vec<String> = names
            .into_iter()
            .filter(|name| self.parts.get(*name) != expected.parts.get(*name))
            .map(|name| format!("{name}: {}, expected {}", side(self, name), side(expected, name)))
            .collect();
        assert!(differing.is_empty(), "{what}: {} parts differ\n{}", differing.len(), differing.join("\n"));
        assert_eq!(self.all, expected.all, "{what}: the parts are equal, their sum is not");
        assert!(self.covers() > 0, "{what}: nothing was compared");
        eprintln!("{what}: {} parts equal, {} events and rows", self.parts.len(), self.covers());
    }
}

/// The file with the recorded digest of the demo.
pub fn golden_file() -> PathBuf {
    crate::repository().join("tests/golden/demo.json")
}

/// The recorded digest of the demo.
pub fn recorded() -> Digest {
    let text = std::fs::read_to_string(golden_file())
        .unwrap_or_else(|error| panic!("{}: {error}; WRITE_GOLDEN=1 records one", golden_file().display()));
    Digest::of(&serde_json::from_str(&text).unwrap())
}

/// The digest of a node's directory.
pub fn digest_of(node: &Path) -> Digest {
    Digest::of(&gauntlet(["digest"]).at(node).ok())
}

/// A finished demo.
pub struct Demo {
    /// Its directory: to be copied, not to be changed.
    pub node: PathBuf,
    /// What it printed.
    pub report: Json,
    /// What it came to.
    pub digest: Digest,
}

/// The demo, made once in this process.
pub fn demo() -> &'static Demo {
    static DEMO: OnceLock<Demo> = OnceLock::new();
    DEMO.get_or_init(|| {
        let node = process_folder().join("demo");
        let report = gauntlet(["demo", "--no-serve"]).at(&node).ok();
        let digest = digest_of(&node);
        Demo { node, report, digest }
    })
}

/// A small experiment on the bundled hourly bars, done in a moment: the demo's stages with 12 trials.
pub const MINI: &str = "\
name: mini
data: { instrument: XAUUSD, venue: OANDA, bars: \"time:1h\", from: 2010-01-01, to: 2014-05-01 }
model:
  strategy: ma-cross
  parameters: { fast: { int: [5, 60] }, slow: { int: [80, 400] } }
tuning: { sampler: tpe, pruner: median, trials: 12, parallelism: 4, seed: 3 }
validation: { holdout: 20%, finalists: 2, folds: 4 }
sensitivity: { method: [sobol], samples: 16, neighbours: 8, paths: 100, stress: [costs_x2, delay_1_bar, regimes] }
";

/// Feeds the bundled hourly bars of gold.
pub fn feed_hours(dir: &Dir) -> Json {
    let path = bundled("xauusd_oanda_hour_20060320_20140501.zip");
    let feed = ["feed", path.to_str().unwrap(), "--instrument", "XAUUSD", "--venue", "OANDA"];
    gauntlet(feed).on(dir).ok()
}

/// A directory with hourly gold and [`MINI`] finished, made once in this process: to be copied, not to be changed.
pub fn mini() -> &'static Path {
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    NODE.get_or_init(|| {
        let dir = Dir::new();
        feed_hours(&dir);
        let file = dir.write("mini.yaml", MINI);
        let report = gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(&dir).ok();
        assert_eq!(report["status"], "completed", "{report}");
        let node = process_folder().join("mini");
        crate::copy(&dir.node(), &node);
        node
    })
}

/// [`mini`] with a second experiment of its mandate finished, of five trials for each search: likewise.
pub fn mini_and_second() -> &'static Path {
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    NODE.get_or_init(|| {
        let dir = Dir::copy_of(mini());
        let document =
            MINI.replace("seed: 3", "seed: 4").replace("trials: 12", "trials: 5").replace("mini", "second");
        let file = dir.write("second.yaml", document);
        gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(&dir).ok();
        let node = process_folder().join("mini-and-second");
        crate::copy(&dir.node(), &node);
        node
    })
}
