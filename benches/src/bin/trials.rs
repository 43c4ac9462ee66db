//! Trials a second: 10,000 random-search trials of the moving-average strategy on 5,000 bars, from the submission to the
//! last trial in the views, everything durable.
//!
//! `cargo build --release -p gauntlet && cargo run --release -p gauntlet-benches --bin trials`. The clock runs over the
//! whole `submit --wait`: opening the directory, tuning, evaluating the one finalist, closing. With `OPTUNA_PYTHON` set
//! to an interpreter that has Optuna, the peer runs in the same run: its random sampler over SQLite on an empty
//! objective, which does no backtest at all.
//!
//! With the argument `cluster` the same goes through Kafka, a schema registry and Cassandra, started beside it (the binary
//! needs the feature `cluster`). The best of three; each has topics and a keyspace of its own.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use gauntlet_benches::hardware;
use gauntlet_servers::{Cassandra, Kafka, RegistryStorage, SchemaRegistry};

const TRIALS: u32 = 10_000;
const PEER_TRIALS: u32 = 300;

const EXPERIMENT: &str = r#"
name: random-10k
data: { instrument: XAUUSD, venue: OANDA, bars: "time:1h", from: 2006-03-20, to: 2007-04-08 }
model:
  strategy: ma-cross
  parameters: { fast: { int: [5, 60] }, slow: { int: [61, 400] } }
costs: { commission_bps: 0.5, spread: quoted, slippage_bps: 0.2 }
tuning: { sampler: random, pruner: none, trials: 10000, parallelism: 1000, seed: 7 }
validation: { holdout: 20%, finalists: 1, folds: 4 }
"#;

const PEER: &str = r#"
import optuna, sys, tempfile, time
optuna.logging.set_verbosity(optuna.logging.ERROR)
n = int(sys.argv[1])
with tempfile.TemporaryDirectory() as d:
    study = optuna.create_study(storage=f"sqlite:///{d}/s.db", sampler=optuna.samplers.RandomSampler(seed=7))
    begin = time.perf_counter()
    study.optimize(lambda t: t.suggest_int("fast", 5, 60) + t.suggest_int("slow", 61, 400), n_trials=n)
    print(optuna.__version__, n / (time.perf_counter() - begin))
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The servers, and how the configuration names them; nothing for one machine.
struct Installation {
    servers: Option<(Kafka, SchemaRegistry, Cassandra)>,
    environment: Vec<(&'static str, String)>,
}

impl Installation {
    fn new(is_cluster: bool) -> Installation {
        if !is_cluster {
            return Installation { servers: None, environment: Vec::new() };
        }
        let kafka = Kafka::start();
        let registry = SchemaRegistry::start(RegistryStorage::Memory);
        let cassandra = Cassandra::start();
        let environment = vec![
            ("GAUNTLET_PROFILE", "cluster".to_owned()),
            ("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap()),
            ("GAUNTLET_REGISTRY__URL", registry.url()),
            ("GAUNTLET_CQL__NODES", cassandra.contact_point()),
        ];
        Installation { servers: Some((kafka, registry, cassandra)), environment }
    }

    /// Topics, schemas and tables for one round.
    fn set_up(&mut self, dir: &Path, round: usize) {
        if self.servers.is_none() {
            return;
        }
        self.environment.retain(|(name, _)| !name.ends_with("PREFIX") && !name.ends_with("KEYSPACE"));
        self.environment.push(("GAUNTLET_TOPICS__PREFIX", format!("round{round}.")));
        self.environment.push(("GAUNTLET_CQL__KEYSPACE", format!("round{round}")));
        for args in [["topics", "apply"], ["schemas", "register"], ["views", "migrate"]] {
            gauntlet(self, dir, &args);
        }
    }
}

fn gauntlet(installation: &Installation, dir: &Path, args: &[&str]) -> serde_json::Value {
    let binary = std::env::current_exe().expect("this program has a path").with_file_name("gauntlet");
    let out = Command::new(binary)
        .envs(installation.environment.iter().map(|(name, value)| (name, value)))
        .args(args)
        .arg("--json")
        .arg("--dir")
        .arg(dir)
        .output()
        .expect("gauntlet is built");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("one JSON document")
}

fn main() {
    hardware();
    println!("path: submit, tuner, trainer (rules of one plan that wait run side by side), views, durable");
    let mut best: f64 = 0.0;
    let mut installation = Installation::new(std::env::args().any(|arg| arg == "cluster"));
    for round in 0..3 {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        let bars = root().join("data/gold/xauusd_oanda_hour_20060320_20140501.zip");
        let bars = bars.to_str().expect("a text path");
        installation.set_up(&data, round);
        gauntlet(&installation, &data, &["feed", bars, "--instrument", "XAUUSD", "--venue", "OANDA"]);
        let document = dir.path().join("random.yaml");
        std::fs::write(&document, EXPERIMENT).expect("it is written");
        let began = Instant::now();
        let report =
            gauntlet(&installation, &data, &["submit", document.to_str().expect("a text path"), "--wait"]);
        let took = began.elapsed().as_secs_f64();
        assert_eq!(report["trials"]["completed"], TRIALS, "{report}");
        let snapshots = gauntlet(&installation, &data, &["snapshot", "ls"]);
        let rate = f64::from(TRIALS) / took;
        println!("{TRIALS} trials on {} bars in {took:.3} s = {rate:.0} trials/s", snapshots[0]["rows"]);
        best = best.max(rate);
    }
    if let Some(python) = std::env::var_os("OPTUNA_PYTHON") {
        let out = Command::new(python)
            .args(["-c", PEER, &PEER_TRIALS.to_string()])
            .output()
            .expect("the peer runs");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let (version, rate) = text.trim().split_once(' ').expect("version and rate");
        let peer: f64 = rate.parse().expect("a rate");
        println!(
            "optuna {version} with SQLite, empty objective: {peer:.0} trials/s; ratio {:.0}",
            best / peer
        );
    }
}
