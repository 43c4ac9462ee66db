//! Metrics say what happened, over the in-memory log. A file of its own: the recorder is the process's, and so is what it counts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

#[path = "common/bench.rs"]
mod bench;
mod common;

use std::collections::BTreeMap;

use bench::Bench;
use common::{quiet, within};
use gauntlet_domain::topics::DATA_COMMANDS;
use gauntlet_log::{EventLog, NewRecord};
use gauntlet_runtime::Options;
use gauntlet_runtime::metrics::{BUCKETS, Kind, METRICS, Metric, describe};
use metrics_exporter_prometheus::PrometheusBuilder;

/// Series of the text format with their values.
fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let pair = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    lines.map(pair).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn metrics_count_what_happened() {
    let recorder = PrometheusBuilder::new().set_buckets(BUCKETS).unwrap().install_recorder().unwrap();
    describe();
    let bench = Bench::new();
    bench.ask(&["A.OK", "B.LATER"]);
    let noise = NewRecord {
        topic: DATA_COMMANDS.name.into(),
        key: b"noise".to_vec(),
        headers: vec![],
        value: Some(b"\xff\xfe noise".to_vec()),
        timestamp_micros: 1,
    };
    bench.log.append(vec![noise.clone(), noise]).unwrap();
    bench.ask(&["C.OK"]);
    let running = bench.start(Options { batch_records: 2, snapshot_every_records: 1, ..Options::default() });
    quiet(&running);
    within("readiness", || running.readiness().ok());
    let found = within("lag of nothing", || {
        let found = series(&recorder.render());
        let lag = "gauntlet_consumer_lag_records{processor=\"snapshots\",topic=\"data.requests.v1\"}";
        (found.get(lag) == Some(&0.0)).then_some(found)
    });
    let stopping = running.stopper();
    stopping();
    assert_eq!(running.readiness(), Err("stopping".to_owned()));
    running.stop().unwrap();

    let of = |series: &str| found.get(series).copied().unwrap_or_else(|| panic!("no {series} in {found:#?}"));
    let market = |name: &str, more: &str| of(&format!("gauntlet_{name}{{processor=\"market-data\"{more}}}"));
    let snapshots = |name: &str, more: &str| of(&format!("gauntlet_{name}{{processor=\"snapshots\"{more}}}"));
    assert_eq!(market("records_consumed_total", ",topic=\"data.commands.v1\""), 5.0);
    assert_eq!(market("events_written_total", ",topic=\"data.requests.v1\""), 3.0);
    assert_eq!(snapshots("records_consumed_total", ",topic=\"data.requests.v1\""), 3.0);
    assert_eq!(snapshots("events_written_total", ",topic=\"data.snapshots.v1\""), 3.0);
    assert_eq!(market("dead_letters_total", ",reason=\"WrongMagic\""), 2.0);
    assert_eq!(market("commits_total", ",outcome=\"committed\""), 3.0, "two, two and one record");
    assert_eq!(market("commits_total", ",outcome=\"fenced\""), 0.0);
    assert_eq!(market("commit_seconds_count", ""), 3.0);
    assert_eq!(market("rejoins_total", ""), 0.0);
    assert_eq!(market("restore_seconds_count", ""), 1.0);
    assert_eq!(market("tasks", ""), 1.0);
    assert_eq!(market("state_bytes", ""), r#"["A.OK","B.LATER","C.OK"]"#.len() as f64);
    assert_eq!(market("held_records", ""), 0.0);
    assert_eq!(snapshots("work_retries_total", ""), 3.0, "the place is closed three times");
    assert_eq!(snapshots("work_seconds_count", ""), 6.0, "each attempt takes time");
    assert_eq!(of("gauntlet_worker_threads"), 2.0);
    assert_eq!(of("gauntlet_worker_threads_busy"), 0.0);
    assert_eq!(of("gauntlet_worker_queue_requests"), 0.0);

    // What is counted is declared, with these labels and no others; what is declared is counted, but for exported spans.
    let mut seen = Vec::new();
    for series in found.keys() {
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let cut = |end: &str| name.strip_suffix(end).unwrap_or(name);
        let known = |metric: &&&Metric| match metric.kind {
            Kind::Histogram => [cut("_bucket"), cut("_sum"), cut("_count")].contains(&metric.name),
            Kind::Counter | Kind::Gauge => metric.name == name,
        };
        let metric = METRICS.iter().find(known).unwrap_or_else(|| panic!("{series} is not declared"));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
        let labels: Vec<&str> = labels.map(|(label, _)| label).filter(|label| *label != "le").collect();
        assert_eq!(labels, metric.labels, "{series}");
        seen.push(metric.name);
    }
    let unseen: Vec<_> =
        METRICS.iter().map(|metric| metric.name).filter(|name| !seen.contains(name)).collect();
    assert_eq!(unseen, ["gauntlet_spans_exported_total", "gauntlet_spans_dropped_total"]);
}
