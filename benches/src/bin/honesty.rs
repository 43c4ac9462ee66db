//! Does the pipeline say no to noise, and yes to an edge? Experiments on many instruments whose truth is known, through the
//! processors that a node runs, from the submission to the selector's decision, event by event, without a log between them.
//!
//! `cargo run --release -p gauntlet-benches --bin honesty [-- INSTRUMENTS TRIALS [WORLD]]`, by default 200, 200 and all worlds
//! whose name has WORLD in it. Seeded: the same
//! numbers on every machine of one architecture. Prices follow a path inside each bar, with the exact extremes of a Brownian
//! bridge between its steps, so a stop fills where the path crosses it.
//!
//! Printed for each world: the mean walk-forward Sharpe ratio of the procedure with its standard error; beside it the mean
//! tuning score of first place, which is what a search over the same bars would show; the share of first places that the
//! hold-out confirms, that would be promoted at each threshold of the deflated Sharpe ratio too, and that the default policy
//! selects; and how often each gate refuses.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gauntlet_domain::experiment::*;
use gauntlet_domain::gates::Policy;
use gauntlet_domain::market::{Bar, SnapshotDue, SnapshotSealed};
use gauntlet_domain::selection::Candidate;
use gauntlet_domain::spec::{ExperimentSpec, PolicySpec};
use gauntlet_domain::{ContentHash, Event, Input, Price, Quantity, Timestamp};
use gauntlet_evaluator::Evaluator;
use gauntlet_processor::data::*;
use gauntlet_processor::machine::{Definition, Machine};
use gauntlet_processor::worker::AnyWorker;
use gauntlet_risk::RiskFigures;
use gauntlet_search::rng::Stream;
use gauntlet_selector::Challenges;
use gauntlet_sensitivity_worker::Sensitivity;
use gauntlet_trainer::Trainer;

/// Days of an instrument: eight years of tuning and two of hold-out.
const DAYS: usize = 2_520;
/// Steps of the path inside a day.
const STEPS: usize = 50;
const DAY: i64 = 86_400_000_000_000;
/// Volatility of a day, about 16 % a year.
const SIGMA: f64 = 0.01;
const THRESHOLDS: [f64; 4] = [0.5, 0.8, 0.9, 0.95];

/// What is true of the prices, and what trading costs.
struct World {
    name: &'static str,
    days: usize,
    /// Drift of a day that never changes, a share of the price.
    drift: f64,
    /// Drift of a day in units of its volatility, up or down for a while: what there is to find.
    edge: f64,
    /// Days that it keeps its direction, on average.
    regime: f64,
    /// Commission, in basis points of the traded value.
    cost_bps: f64,
}

const WALK: World =
    World { name: "driftless, no costs", days: DAYS, drift: 0.0, edge: 0.0, regime: 120.0, cost_bps: 0.0 };

const WORLDS: [World; 8] = [
    WALK,
    World { name: "driftless, 1 bp", cost_bps: 1.0, ..WALK },
    World { name: "driftless, 5 bp", cost_bps: 5.0, ..WALK },
    World { name: "drift of 0.04 % a day, 1 bp", drift: 0.0004, cost_bps: 1.0, ..WALK },
    World { name: "trends of 0.1 sigma a day, 1 bp", edge: 0.1, cost_bps: 1.0, ..WALK },
    World { name: "trends of 0.2 sigma a day, 1 bp", edge: 0.2, cost_bps: 1.0, ..WALK },
    World { name: "trends of 0.3 sigma a day, 1 bp", edge: 0.3, cost_bps: 1.0, ..WALK },
    // Trends so short that a rule which follows them trades often enough in a hold-out of 400 days.
    World {
        name: "short trends of 0.4 sigma a day, 1 bp",
        days: 2_000,
        edge: 0.4,
        regime: 25.0,
        cost_bps: 1.0,
        ..WALK
    },
];

/// Bars of one instrument, in two snapshots, and what workers store.
#[derive(Default)]
struct Lake {
    bars: BTreeMap<[u8; 32], Arc<Vec<Bar>>>,
    artifacts: Mutex<BTreeMap<[u8; 32], Vec<u8>>>,
}

fn missing<T>(hash: &ContentHash) -> Result<T, DataError> {
    Err(DataError::Broken(format!("there is no {hash}")))
}

impl BarReader for Lake {
    fn bars(&self, hash: &ContentHash) -> Result<Arc<Vec<Bar>>, DataError> {
        self.bars.get(&hash.0).cloned().map_or_else(|| missing(hash), Ok)
    }
}

impl SnapshotSealer for Lake {
    fn seal(&self, due: &SnapshotDue) -> Result<SnapshotSealed, DataError> {
        Err(DataError::Broken(format!("{:?} is sealed before the experiment begins", due.snapshot_id)))
    }
}

impl ArtifactStore for Lake {
    fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, DataError> {
        let hash = ContentHash::of(bytes);
        self.artifacts.lock().expect("no thread panics with it").insert(hash.0, bytes.to_vec());
        Ok(hash)
    }
}

impl ArtifactReader for Lake {
    fn artifact(&self, hash: &ContentHash) -> Result<Vec<u8>, DataError> {
        let artifacts = self.artifacts.lock().expect("no thread panics with it");
        artifacts.get(&hash.0).cloned().map_or_else(|| missing(hash), Ok)
    }
}

/// Daily bars whose expected price of tomorrow is that of today, but for the drift and the trends of the world.
fn bars(world: &World, number: u64) -> Vec<Bar> {
    let mut random = Stream::new(number).named("prices");
    let step = SIGMA / (STEPS as f64).sqrt();
    let (mut log, mut side) = (0.0_f64, 1.0);
    let price = |log: f64| Price((100.0 * log.exp() * 1e9).round() as i64);
    let mut bars = Vec::with_capacity(world.days);
    for day in 0..world.days {
        if random.unit() < 1.0 / world.regime {
            side = -side;
        }
        let drift = (world.drift + side * world.edge * SIGMA - SIGMA * SIGMA / 2.0) / STEPS as f64;
        let (open, mut low, mut high) = (log, log, log);
        for _ in 0..STEPS {
            let next = log + drift + step * random.normal();
            // The extremes of the path between two steps. Its lowest and its highest point are drawn apart from each other.
            let mut reach = |sign: f64| {
                let span = ((next - log).powi(2) - 2.0 * step * step * (1.0 - random.unit()).ln()).sqrt();
                (log + next + sign * span) / 2.0
            };
            low = low.min(reach(-1.0));
            high = high.max(reach(1.0));
            log = next;
        }
        let open_time = day as i64 * DAY;
        bars.push(Bar {
            scale: gauntlet_domain::Scale::USUAL,
            instrument: "WALK.SIM".into(),
            spec: "time:1d".parse().expect("a bar spec"),
            open_time: Timestamp(open_time),
            close_time: Timestamp(open_time + DAY),
            time: Timestamp(open_time + DAY),
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(log),
            open_spread: None,
            close_spread: None,
            volume: Quantity(0),
            ticks: STEPS as i64,
        });
    }
    bars
}

fn document(world: &World, number: u64, trials: usize) -> ExperimentSpec {
    let end = Timestamp(world.days as i64 * DAY).to_string();
    let mut spec: ExperimentSpec = serde_json::from_value(serde_json::json!({
        "name": format!("{} {number}", world.name),
        "data": { "instrument": "WALK", "venue": "SIM", "bars": "time:1d", "from": "1970-01-01", "to": end },
        "account": { "periods_per_year": 252.0 },
        "model": { "strategy": "ma-cross", "parameters": {
            "fast": { "int": [2, 60], "log": true }, "slow": { "int": [10, 250], "log": true, "when": "slow > fast" },
            "stop_atr": { "float": [1.0, 10.0], "log": true }
        } },
        "costs": { "commission_bps": world.cost_bps, "spread": "none", "slippage_bps": 0.0 },
        "tuning": { "trials": trials, "seed": 1 },
        "validation": { "scheme_version": 2, "folds": 5, "finalists": 1 },
        "sensitivity": {},
    }))
    .expect("a document");
    // As `submit` spells it out.
    spec.policy = Some(PolicySpec::Resolved(Policy::default_policy()));
    spec
}

/// What an experiment came to.
#[derive(Default, Clone)]
struct Found {
    /// Walk-forward Sharpe ratio of the procedure.
    walked: Option<f64>,
    /// Tuning score of first place.
    tuned: Option<f64>,
    /// Whether the hold-out confirms it.
    confirmed: bool,
    /// Its deflated Sharpe ratio.
    deflated: Option<f64>,
    /// The gates of the default policy that it does not pass.
    failed: Vec<String>,
    /// Whether the selector has selected it.
    selected: bool,
}

/// What makes every decision.
const MACHINES: [Definition; 4] = [
    gauntlet_experiments::DEFINITION,
    gauntlet_tuner::DEFINITION,
    gauntlet_risk::DEFINITION,
    gauntlet_selector::DEFINITION,
];

/// Submits an experiment, and follows it to the selector's decision.
fn experiment(world: &World, number: u64, trials: usize) -> Found {
    let spec = document(world, number, trials);
    let bars = bars(world, number);
    let (tuning, holdout) = spec.snapshots().expect("an instrument");
    let mut lake = Lake::default();
    let mut inputs = VecDeque::new();
    for command in [tuning, holdout] {
        let own = bars.iter().filter(|bar| bar.open_time >= command.from && bar.close_time <= command.to);
        let own: Vec<Bar> = own.cloned().collect();
        let content_hash = ContentHash::of(command.snapshot_id.0.as_bytes());
        let sealed = SnapshotDue::from(&command).sealed(content_hash, own.len() as i64).over(&own);
        inputs.push_back(("snapshots", Event::from(sealed)));
        lake.bars.insert(content_hash.0, Arc::new(own));
    }
    let (experiment_id, config_hash, document) =
        (spec.experiment_id(), spec.config_hash(), spec.canonical_json());
    let submit = SubmitExperiment { experiment_id, config_hash, document, submitted_by: "walker".into() };
    inputs.push_back(("gateway", submit.into()));
    run(inputs, &Ports::new(Arc::new(lake)))
}

/// Every event goes to the machines that read its topic and to the worker that answers it, until the experiment is judged.
fn run(mut inputs: VecDeque<(&'static str, Event)>, ports: &Ports) -> Found {
    let mut machines: Vec<(Definition, Box<dyn Machine>)> =
        MACHINES.into_iter().map(|definition| (definition, (definition.create)())).collect();
    let trainer = Trainer::default();
    let workers: [&dyn AnyWorker; 5] = [&trainer, &Evaluator, &Sensitivity, &RiskFigures, &Challenges];
    let mut found = Found::default();
    let mut requests = Vec::new();
    loop {
        while let Some((writer, event)) = inputs.pop_front() {
            for (definition, machine) in &mut machines {
                if definition.reads.contains(&event.topic()) {
                    let outputs = machine.step(Input { event: &event, writer });
                    inputs.extend(outputs.into_iter().map(|output| (definition.name, output.event)));
                }
            }
            match event {
                Event::WalkForwardCompleted(e) => found.walked = e.metrics["sharpe"],
                Event::ExperimentCompleted(e) => {
                    (found.tuned, found.confirmed) = (e.ranking[0].tuning, e.ranking[0].verdict.passes());
                }
                Event::CandidateSelected(e) => found.decided(&e.candidate, Vec::new()),
                Event::CandidateRejected(e) => found.decided(&e.candidate, e.failed),
                Event::ExperimentJudged(e) => return Found { selected: e.selected.is_some(), ..found },
                Event::ExperimentFailed(e) => panic!("{}: {}", e.reason, e.detail),
                event if workers.iter().any(|worker| worker.topic() == event.topic()) => requests.push(event),
                _ => {}
            }
        }
        let asked = std::mem::take(&mut requests);
        for worker in workers {
            let own: Vec<&Event> = asked
                .iter()
                .filter(|event| event.topic() == worker.topic() && worker.is_mine(event))
                .collect();
            for answer in worker.answer_many(&own, ports) {
                inputs.extend(answer.expect("data").into_iter().map(|event| (worker.name(), event)));
            }
        }
        assert!(!inputs.is_empty(), "the experiment stands still");
    }
}

impl Found {
    fn decided(&mut self, candidate: &Candidate, failed: Vec<String>) {
        self.deflated = candidate.figures.get("deflated_sharpe").copied().flatten();
        self.failed = failed;
    }
}

/// All instruments of a world, on all cores.
fn all(world: &World, instruments: usize, trials: usize) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let mut found: Vec<(usize, Found)> = std::thread::scope(|scope| {
        let work = || {
            let mut own = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= instruments {
                    return own;
                }
                own.push((number, experiment(world, number as u64 + 1, trials)));
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("an experiment panicked")).collect()
    });
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, found)| found).collect()
}

/// Mean and its standard error.
fn mean(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// A share with its Wilson interval of 95 %. Wilson (1927).
fn share(hits: usize, of: usize) -> String {
    let (n, z) = (of as f64, 1.96);
    let p = hits as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    format!("{hits} of {of} ({:.1} to {:.1} %)", 100.0 * (middle - half).max(0.0), 100.0 * (middle + half))
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| args.get(place).map_or(200, |arg| arg.parse().expect("a number"));
    let (instruments, trials) = (number(0), number(1));
    let wanted = args.get(2).map_or("", String::as_str);
    println!("{instruments} instruments, 5 folds, searches of {trials} trials");
    for world in WORLDS.iter().filter(|world| world.name.contains(wanted)) {
        let found = all(world, instruments, trials);
        let (walked, error) = mean(found.iter().filter_map(|one| one.walked));
        let (tuned, tuned_error) = mean(found.iter().filter_map(|one| one.tuned));
        println!("\n{}, {} days", world.name, world.days);
        println!("  walk-forward of the procedure: Sharpe {walked:+.3}, standard error {error:.3}");
        println!("  tuning score of first place:   Sharpe {tuned:+.3}, standard error {tuned_error:.3}");
        let confirmed = found.iter().filter(|one| one.confirmed);
        println!("  confirmed by the hold-out: {}", share(confirmed.clone().count(), found.len()));
        for threshold in THRESHOLDS {
            let passes = |one: &&Found| one.deflated.is_some_and(|value| value >= threshold);
            let hits = confirmed.clone().filter(passes).count();
            println!("  and deflated Sharpe ratio >= {threshold}: {}", share(hits, found.len()));
        }
        let selected = found.iter().filter(|one| one.selected).count();
        println!("  selected under the default policy: {}", share(selected, found.len()));
        let mut refusals = BTreeMap::<&str, usize>::new();
        found.iter().flat_map(|one| &one.failed).for_each(|gate| *refusals.entry(gate).or_default() += 1);
        let refusals: Vec<String> = refusals.iter().map(|(gate, count)| format!("{gate} {count}")).collect();
        println!("  refused by: {}", refusals.join(", "));
    }
}
