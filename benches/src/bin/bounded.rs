//! Whether what a command takes depends on what lies on the log before it: a snapshot of one day out of more and more
//! bars, a submission after more and more commands, and a start after more and more experiments that have ended.
//!
//! `cargo build --release -p gauntlet && cargo run --release -p gauntlet-benches --bin bounded`. It runs the binary beside
//! it as anybody would, on the embedded log, and prints the time of the whole command, with its start and end, and of
//! what of it is reading bars. Arguments
//! are the sizes, `100000 1000000 10000000` when left out for bars, a tenth of each for commands and a thousandth for
//! experiments; `snapshots`, `submissions` or `starts` among them measures these alone.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_benches::hardware;
use gauntlet_domain::experiment::{CancelExperiment, ConfigRegistered};
use gauntlet_domain::market::{CreateSnapshot, SnapshotDue};
use gauntlet_domain::{BarSpec, ContentHash, Event, ExperimentId, InstrumentId, SnapshotId, Timestamp};
use gauntlet_log::counting::CountingLog;
use gauntlet_log::{EventLog, LocalLog, NewRecord};
use gauntlet_runtime::bar_index::BarIndex;
use gauntlet_runtime::events::{self, Cause};
use gauntlet_wire::Codec;

const SIZES: [u64; 3] = [100_000, 1_000_000, 10_000_000];
/// Minutes of a day.
const DAY: u64 = 1440;
/// 1990-01-01.
const BEGIN_SECONDS: u64 = 631_152_000;
/// Snapshots and submissions of each size.
const ROUNDS: u64 = 9;

const EXPERIMENT: &str = r#"
name: bounded
data: { instrument: AAA, venue: X, bars: "time:1m", from: 1990-01-01, to: 1990-02-01 }
account: { periods_per_year: 525600 }
model:
  strategy: ma-cross
  parameters: { fast: { int: [5, 60] }, slow: { int: [61, 400] } }
costs: { commission_bps: 0.5, spread: quoted, slippage_bps: 0.2 }
tuning: { sampler: random, pruner: none, trials: 1, parallelism: 1, seed: 7 }
validation: { holdout: 20%, finalists: 1, folds: 4 }
"#;

fn main() {
    hardware();
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| arg.parse::<u64>().is_err()).collect();
    let is_wanted = |what: &str| named.is_empty() || named.iter().any(|name| name == what);
    let each = |what: &str, measure: fn(&Path, u64), share: u64| {
        for size in sizes.iter().filter(|_| is_wanted(what)) {
            let dir = tempfile::tempdir().expect("a folder");
            measure(dir.path(), size / share);
        }
    };
    each("snapshots", snapshots, 1);
    each("submissions", submissions, 10);
    each("starts", starts, 1_000);
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let binary = std::env::current_exe().expect("this program has a path").with_file_name("gauntlet");
    let mut command = Command::new(binary);
    command.args(args).arg("--json").arg("--dir").arg(dir.join("data"));
    command
}

fn gauntlet(dir: &Path, args: &[&str]) -> Duration {
    let began = Instant::now();
    let out = command(dir, args).output().expect("gauntlet is built");
    let took = began.elapsed();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    took
}

/// Feeds so many minutes of one instrument.
fn feed(dir: &Path, bars: u64) -> Duration {
    let path = dir.join("bars.csv");
    let mut file = BufWriter::new(File::create(&path).expect("it is made"));
    writeln!(file, "timestamp,open,high,low,close").expect("it is written");
    for minute in 0..bars {
        let price = 1000 + minute * 7 % 13;
        writeln!(file, "{},{price},{},{},{price}", BEGIN_SECONDS + minute * 60, price + 1, price - 1)
            .expect("it is written");
    }
    file.flush().expect("it is written");
    let path = path.to_str().expect("a text path");
    gauntlet(
        dir,
        &["feed", path, "--instrument", "AAA", "--venue", "X", "--format", "bars-csv", "--spec", "time:1m"],
    )
}

fn date(day: u64) -> String {
    Timestamp((BEGIN_SECONDS + day * 86_400) as i64 * 1_000_000_000).to_string()
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let mut text = String::new();
    for time in &times {
        let _ = write!(text, " {:.1}", time.as_secs_f64() * 1e3);
    }
    println!("{what}: median {:.1} ms of{text}", times[times.len() / 2].as_secs_f64() * 1e3);
}

/// Days all over the history, asked of a node that runs, then of one that each command starts for itself.
fn snapshots(dir: &Path, bars: u64) {
    println!("{bars} bars fed in {:.1} s", feed(dir, bars).as_secs_f64());
    let days = bars / DAY - 3;
    let snapshot = |day: u64| {
        let (from, to) = (date(day), date(day + 1));
        let range = ["--from", &from, "--to", &to];
        let args = ["snapshot", "create", "--instrument", "AAA", "--venue", "X", "--bars", "time:1m"];
        gauntlet(dir, &[&args[..], &range[..]].concat())
    };
    let up = Up::start(dir);
    // Whatever it has to restore is behind it then.
    snapshot(0);
    let ask = |first: u64| (0..ROUNDS).map(|n| snapshot(first + n * (days - 1) / ROUNDS)).collect();
    show(&format!("a day out of {bars} bars, of a node that runs"), ask(1));
    drop(up);
    show(&format!("a day out of {bars} bars, alone"), ask(2));
    read(dir, bars, days);
}

/// What sealing a day reads, without all that is around it.
fn read(dir: &Path, bars: u64, days: u64) {
    let log = LocalLog::open(&dir.join("data").join("log.redb")).expect("nobody else has it open");
    let log = CountingLog::over(Arc::new(log));
    let began = Instant::now();
    let index = BarIndex::kept_in(dir.join("data").join("index"), Arc::new(log.clone()), Codec::default());
    let spec = BarSpec::Time { seconds: 60 };
    assert!(index.has_bars("AAA.X", spec).expect("the log answers"));
    let opened = began.elapsed();
    let mut times = Vec::new();
    for n in 0..ROUNDS {
        let from = BEGIN_SECONDS + (3 + n * (days - 3) / ROUNDS) * 86_400;
        let nanos = |seconds: u64| Timestamp(seconds as i64 * 1_000_000_000);
        let snapshot_id = SnapshotId::derive(&[&n.to_le_bytes()]);
        let (instrument, from, to) = ("AAA.X".into(), nanos(from), nanos(from + 86_400));
        let due = SnapshotDue { snapshot_id, instrument, spec, from, to, revision: 0 };
        let began = Instant::now();
        assert_eq!(index.bars(&due).expect("the log answers").len() as u64, DAY);
        times.push(began.elapsed());
    }
    let (opened, records) = (opened.as_secs_f64() * 1e3, log.take_count() / ROUNDS);
    show(&format!("its bars alone, index read in {opened:.1} ms, {records} of {bars} records read"), times);
}

/// A node that runs.
struct Up(Child);

impl Up {
    fn start(dir: &Path) -> Up {
        let mut command = command(dir, &["up", "--listen", "127.0.0.1:0"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("gauntlet is built");
        let up = Up(child);
        let address = dir.join("data").join("up.json");
        let until = Instant::now() + Duration::from_secs(120);
        while !address.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        up
    }

    /// Memory that it has in use.
    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux says it");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Whether an experiment has not ended.
fn has_running(dir: &Path) -> bool {
    let filter = "status == 'submitted' or status == 'running'";
    let out = command(dir, &["ls", "experiments", "--filter", filter, "--limit", "1"]).output();
    let out = out.expect("gauntlet is built");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).contains("experiment_id")
}

/// Starts of a node after so many experiments, each submitted as anybody would and finished.
fn starts(dir: &Path, experiments: u64) {
    // A day, so that what is measured is experiments and not their bars.
    feed(dir, 2 * DAY);
    let document = dir.join("bounded.yaml");
    let text = EXPERIMENT.replace("1990-02-01", "1990-01-02").replace("[61, 400]", "[61, 90]");
    std::fs::write(&document, text).expect("it is written");
    let document = document.to_str().expect("a text path");
    let up = Up::start(dir);
    let began = Instant::now();
    for seed in 0..experiments {
        gauntlet(dir, &["submit", document, "--set", &format!("tuning.seed={seed}")]);
    }
    while has_running(dir) {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{experiments} experiments run in {:.1} s", began.elapsed().as_secs_f64());
    drop(up);
    let (mut times, mut resident) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let up = Up::start(dir);
        gauntlet(dir, &["ls", "experiments", "--limit", "1"]);
        times.push(began.elapsed());
        resident = resident.max(up.resident_kib());
    }
    show(
        &format!("start and first answer after {experiments} experiments, {} MiB resident", resident / 1024),
        times,
    );
    let log = LocalLog::open(&dir.join("data").join("log.redb")).expect("nobody else has it open");
    let states = (0..64).map_while(|task| log.snapshot("experiments", task).ok());
    let bytes: usize = states.flatten().map(|state| state.bytes.len()).sum();
    println!("state of all experiments after {experiments}: {bytes} bytes");
}

/// Experiments after so many commands, documents and requests for snapshots.
fn submissions(dir: &Path, commands: u64) {
    feed(dir, 50_000);
    let log = LocalLog::open(&dir.join("data").join("log.redb")).expect("nobody else has it open");
    let (codec, instrument) = (Codec::default(), InstrumentId::new("AAA", "X").expect("a name"));
    let record = |event: Event| -> NewRecord {
        events::record(&codec, &event, Cause::outside("gateway", Timestamp(1_000))).expect("it is encoded")
    };
    for from in (0..commands).step_by(10_000) {
        let numbers = from..(from + 10_000).min(commands);
        let records = numbers.flat_map(|n| {
            let hash = ContentHash::of(&n.to_le_bytes());
            let experiment_id = ExperimentId::derive(&[&n.to_le_bytes()]);
            let far = Timestamp(i64::MAX / 2 + n as i64);
            let spec = BarSpec::Time { seconds: 60 };
            [
                record(ConfigRegistered { config_hash: hash, document: "{}".into() }.into()),
                record(CancelExperiment { experiment_id, reason: "never submitted".into() }.into()),
                record(CreateSnapshot::new(&instrument, spec, Timestamp(0), far).into()),
            ]
        });
        log.append(records.collect()).expect("there is room");
    }
    drop(log);
    // The views take the history in, once.
    gauntlet(dir, &["ls", "experiments"]);
    let document = dir.join("bounded.yaml");
    std::fs::write(&document, EXPERIMENT).expect("it is written");
    let document = document.to_str().expect("a text path");
    let submit = |seed: u64| gauntlet(dir, &["submit", document, "--set", &format!("tuning.seed={seed}")]);
    show(&format!("submit after {commands} events on each topic"), (0..ROUNDS).map(submit).collect());
    show(&format!("submit again after {commands} events"), (0..ROUNDS).map(submit).collect());
}
