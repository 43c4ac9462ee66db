//! Moving-average pairs over one-minute bars, with fees: bars a second, and the ratio to vectorbt on the same pairs.
//!
//! ```text
//! GAUNTLET_SHARED_DATA=DIR [VECTORBT_PYTHON=PYTHON] cargo bench -p gauntlet-backtest --bench kernel
//! ```
//! Bars come from `bars/btc_perp_1m_202201.csv.gz` in the folder that `GAUNTLET_SHARED_DATA` names; without it, a
//! seeded walk of the same length stands in. With `VECTORBT_PYTHON`, a Python that has vectorbt, the peer runs right
//! after on the same bars and its results are compared. Machine-readable figures are the last line.

#![allow(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use gauntlet_backtest::{Account, BarRow, Bars, Costs, Params, Sizing, Spread, StrategySpec};
use gauntlet_backtest::{Grid, Then, run, strategy};
use gauntlet_quant::metrics::Running;

const FIRST_WINDOW: i64 = 2;
const LAST_WINDOW: i64 = 31;
const COSTS: Costs = Costs { commission_bps: 5.0, spread: Spread::None, slippage_bps: 0.0, latency_bars: 0 };
const ACCOUNT: Account = Account {
    capital: 100_000.0,
    sizing: Sizing::Percent(100.0),
    allow_short: false,
    maintenance_margin: 0.0,
    limits: None,
};

fn main() {
    let shared = std::env::var_os("GAUNTLET_SHARED_DATA").map(PathBuf::from);
    let data = shared.map(|folder| folder.join("bars/btc_perp_1m_202201.csv.gz"));
    let bars = data.as_ref().map_or_else(walk, |path| read_gz(path));
    let pairs: Vec<(i64, i64)> = (FIRST_WINDOW..LAST_WINDOW)
        .flat_map(|fast| (fast + 1..=LAST_WINDOW).map(move |slow| (fast, slow)))
        .collect();
    let grid: Vec<StrategySpec> = pairs.iter().map(|pair| strategy(*pair)).collect();
    let work = (grid.len() * bars.len()) as f64;
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    println!("{} ({} threads used), {}", processor(), cores, std::env::consts::ARCH);
    println!("{} pairs, {} bars, commission {} bps", grid.len(), bars.len(), COSTS.commission_bps);

    let (plain, plain_seconds) = best_of(3, || one_by_one(&bars, &grid));
    let (single, single_seconds) = best_of(30, || side_by_side(&bars, &grid));
    let (double, double_seconds) = best_of(30, || on_threads(&bars, &grid, cores));
    assert_eq!(single, plain, "side by side equals one by one to the last bit");
    assert_eq!(double, plain, "threads change nothing");
    for (path, seconds) in [
        ("one by one: signals, kernel::run and the tally of its columns", plain_seconds),
        ("side by side: Grid, what the trainer runs for rules of one plan", single_seconds),
        ("side by side on every thread", double_seconds),
    ] {
        println!("{:8.2} ms  {:8.1} M bars/s  {path}", seconds * 1e3, work / seconds / 1e6);
    }

    let mut figures = vec![
        ("bars_per_second_one_thread".to_owned(), work / single_seconds),
        ("bars_per_second".to_owned(), work / double_seconds),
    ];
    if let (Some(python), Some(path)) = (std::env::var_os("VECTORBT_PYTHON"), &data) {
        let peer = vectorbt(&python, path);
        let mut compared = 0;
        for (pair, ours) in pairs.iter().zip(&plain) {
            if let Some(theirs) = peer.get(&format!("{},{}", pair.0, pair.1)) {
                let total_return = ours.returns.total_return().expect("there are bars");
                assert!((total_return - theirs).abs() < 1e-6, "{pair:?}: {total_return} against {theirs}");
                compared += 1;
            }
        }
        assert!(compared > 0, "the peer answered for no pair");
        println!("total return of {compared} pairs agrees with vectorbt within 1e-6");
        for stage in ["total_return", "all"] {
            let seconds = peer[&format!("seconds,{stage}")];
            let ratio = seconds / double_seconds;
            println!("vectorbt, {stage}: {:.0} ms, ratio {ratio:.0}", seconds * 1e3);
            figures.push((format!("ratio_{stage}"), ratio));
        }
    }
    let figures: Vec<String> =
        figures.iter().map(|(name, value)| format!("\"{name}\": {value:.1}")).collect();
    println!("{{{}}}", figures.join(", "));
}

fn strategy((fast, slow): (i64, i64)) -> StrategySpec {
    let params = Params::from([("fast".to_owned(), fast.into()), ("slow".to_owned(), slow.into())]);
    strategy::ma_cross::DEFINITION.build(&params).expect("windows are within bounds")
}

fn one_by_one(bars: &Bars, grid: &[StrategySpec]) -> Vec<Running> {
    let alone = |spec: &StrategySpec| {
        let outcome = run(bars, 0..bars.len(), &spec.signals(bars), &COSTS, &ACCOUNT);
        let mut running = Running::default();
        for (period_return, units) in outcome.returns.iter().zip(&outcome.positions) {
            running.push(*period_return, *units != 0.0);
        }
        running.trade_pnls.extend(outcome.trades.iter().map(|trade| trade.pnl));
        running
    };
    grid.iter().map(alone).collect()
}

fn side_by_side(bars: &Bars, grid: &[StrategySpec]) -> Vec<Running> {
    let accounts: Vec<usize> = (0..grid.len()).collect();
    let mut grid = Grid::new(bars, grid, COSTS, ACCOUNT);
    grid.play(0..bars.len(), &accounts, Then::Close);
    accounts.into_iter().map(|account| grid.running(account).clone()).collect()
}

fn on_threads(bars: &Bars, grid: &[StrategySpec], threads: usize) -> Vec<Running> {
    std::thread::scope(|scope| {
        let parts = grid.chunks(grid.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || side_by_side(bars, part))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("the grid does not panic")).collect()
    })
}

fn best_of<T>(times: usize, mut work: impl FnMut() -> T) -> (T, f64) {
    let mut timed = || {
        let start = Instant::now();
        let result = work();
        (result, start.elapsed().as_secs_f64())
    };
    (1..times).fold(timed(), |best, _| {
        let next = timed();
        if next.1 < best.1 { next } else { best }
    })
}

/// Runs the peer; its last line is `key=value` pairs separated by spaces.
fn vectorbt(python: &std::ffi::OsStr, data: &std::path::Path) -> BTreeMap<String, f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/vectorbt_peer.py");
    let output = Command::new(python).arg(script).arg(data).output().expect("VECTORBT_PYTHON starts");
    std::io::stderr().write_all(&output.stderr).expect("stderr is open");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{}", text.lines().next().unwrap_or_default());
    let last = text.lines().last().expect("the peer answers");
    last.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?)))
        .collect()
}

fn read_gz(path: &std::path::Path) -> Bars {
    let output = Command::new("gzip").arg("-dc").arg(path).output().expect("gzip is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let bars: Bars = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let prices: Vec<f64> = line.split(',').skip(1).filter_map(|field| field.parse().ok()).collect();
            let [open, high, low, close, volume] = prices[..] else { return None };
            Some(BarRow { open, high, low, close, volume, ..BarRow::default() })
        })
        .collect();
    assert!(!bars.is_empty(), "no bars in {}", path.display());
    bars
}

fn walk() -> Bars {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut close = 46_000.0_f64;
    (0..45_031)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let open = close;
            close = (close * (1.0 + ((state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5) * 2e-3)).round();
            BarRow { open, high: open.max(close), low: open.min(close), close, ..BarRow::default() }
        })
        .collect()
}

/// The processor, and which of the two copies of the grid runs on it.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.split_once(": "));
    let model = value("model name").map_or("unknown processor", |(_, model)| model);
    let avx2 = value("flags").is_some_and(|(_, flags)| flags.split(' ').any(|flag| flag == "avx2"));
    format!("{model} {} AVX2", if avx2 { "with" } else { "without" })
}
