//! What the benchmarks share: the machine they ran on, rates in a form that can be compared.
#![allow(clippy::print_stdout)]

use std::time::Duration;

/// Prints the hardware, so that a figure is never without it.
pub fn hardware() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("hardware: {}, {cores} cores", model.trim_start_matches([' ', '\t', ':']));
}

/// Prints a rate.
pub fn rate(what: &str, count: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    println!("{what}: {count} in {seconds:.3} s = {:.3} M/s", count as f64 / seconds / 1e6);
}
