//! Proposals a second of the default sampler with five parameters, and how long a search takes to go on after a restart.
//!
//! `cargo run --release -p gauntlet-benches --bin search`. A proposal is timed with the observation that precedes it, one
//! trial at a time, over the hundred trials before the one that is named; the median of five rounds. With `OPTUNA_PYTHON`
//! set to an interpreter that has Optuna, its default sampler runs in the same run, in memory, on the same history.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::process::Command;
use std::time::Instant;

use gauntlet_benches::hardware;
use gauntlet_search::rng::Stream;
use gauntlet_search::{Ask, Choice, Direction, Observation, Outcome, Parameters, SamplerKind, Search, Space};
use serde_json::{Value, json};

const TRIALS: [usize; 2] = [1_000, 10_000];
const RESTORED: usize = 5_000;
const TIMED: usize = 100;
const ROUNDS: usize = 5;

const PEER: &str = r#"
import sys, time, warnings, random, optuna
from optuna.distributions import FloatDistribution
optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
n, timed = int(sys.argv[1]), int(sys.argv[2])
axes = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(5)}
draw = random.Random(7)
def past():
    params = {name: draw.random() for name in axes}
    value = sum((x - 0.3) ** 2 for x in params.values())
    return optuna.trial.create_trial(params=params, distributions=axes, value=value)
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=7))
study.add_trials([past() for _ in range(n)])
def objective(trial):
    return sum((trial.suggest_float(name, 0.0, 1.0) - 0.3) ** 2 for name in axes)
begin = time.perf_counter()
study.optimize(objective, n_trials=timed)
print(optuna.__version__, timed / (time.perf_counter() - begin))
"#;

fn floats() -> Value {
    let row = |i: usize| (format!("x{i}"), json!({ "float": [0.0, 1.0] }));
    Value::Object((0..5).map(row).collect())
}

fn mixed() -> Value {
    json!({
        "fast": { "int": [5, 60] },
        "slow": { "int": [61, 400] },
        "stop": { "float": [1.0, 8.0], "log": true },
        "width": { "float": [0.1, 4.0], "step": 0.05 },
        "kind": { "categorical": ["sma", "ema"] },
    })
}

fn integers() -> Value {
    json!({
        "a": { "int": [5, 60] },
        "b": { "int": [61, 400] },
        "c": { "int": [1, 100] },
        "d": { "int": [0, 1_000] },
        "e": { "int": [2, 50] },
    })
}

/// Uniform points of the past, as good as they are near a place.
fn past(space: &Space, trials: usize) -> Vec<Observation> {
    let observe = |trial: usize| {
        let stream = Stream::new(7).at(trial as u64);
        let mut distance = 0.0;
        let mut value = |name: &str, domain: &gauntlet_search::Domain| {
            let u = stream.named(name).unit();
            distance += (u - 0.3) * (u - 0.3);
            domain.at(u)
        };
        let parameters = space.parameters().iter();
        let params: Parameters = parameters.map(|p| (p.name.clone(), value(&p.name, &p.domain))).collect();
        Observation { trial: trial as u64, params, outcome: Outcome::Completed(distance) }
    };
    (0..trials).map(observe).collect()
}

fn restored(space: &Space, history: &[Observation], sampler: &Choice<SamplerKind>) -> Search {
    let mut search =
        Search::new(space.clone(), sampler, Direction::Minimize, 7, 1).expect("it can be searched");
    for observation in history {
        search.observe(observation.clone());
        search.resume(observation.params.clone());
    }
    search
}

fn propose(search: &mut Search) {
    let Ask::Trial(params) = search.ask() else { panic!("the space is not exhausted") };
    let trial = search.observations().len() as u64;
    search.observe(Observation { trial, params, outcome: Outcome::Completed(1.0 + trial as f64) });
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    hardware();
    let sampler = Choice::<SamplerKind>::of_document("tpe").expect("there is one");
    println!("sampler: {sampler}");
    let spaces =
        [("five floats", floats()), ("ints, floats and a category", mixed()), ("five integers", integers())];
    for (what, document) in spaces {
        let space = Space::from_json(&document).expect("it is a space");
        for trials in TRIALS {
            let history = past(&space, trials - TIMED);
            let round = |_| {
                let mut search = restored(&space, &history, &sampler);
                propose(&mut search);
                let began = Instant::now();
                (0..TIMED).for_each(|_| propose(&mut search));
                TIMED as f64 / began.elapsed().as_secs_f64()
            };
            let rate = median((0..ROUNDS).map(round).collect());
            println!("{what}, trial {trials}: {rate:.0} proposals/s");
            if let (Some(python), "five floats") = (std::env::var_os("OPTUNA_PYTHON"), what) {
                let arguments = ["-c", PEER, &(trials - TIMED).to_string(), &TIMED.to_string()];
                let out = Command::new(python).args(arguments).output().expect("the peer runs");
                let text = String::from_utf8_lossy(&out.stdout).into_owned();
                let (version, peer) = text.trim().split_once(' ').expect("version and rate");
                let peer: f64 = peer.parse().expect("a rate");
                println!("  optuna {version}, in memory: {peer:.0} proposals/s; ratio {:.0}", rate / peer);
            }
        }
        let history = past(&space, RESTORED);
        let began = Instant::now();
        propose(&mut restored(&space, &history, &sampler));
        println!("{what}: restored at {RESTORED} trials, first proposal made, in {:.3?}", began.elapsed());
    }
}
