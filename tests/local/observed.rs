//! What a serving process tells who watches it: metrics that agree with the log, health that tells the truth, spans that
//! a collector takes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gauntlet_domain::topics;
use gauntlet_tests::golden::{MINI, feed_hours};
use gauntlet_tests::http::request;
use gauntlet_tests::{Digest, Dir, Json, Up, gauntlet, recorded, repository};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

/// The sum over all series of a metric whose labels contain these.
fn sum(metrics: &str, name: &str, labels: &[(&str, &str)]) -> u64 {
    let wanted = |line: &&str| {
        let is_it = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        is_it && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    };
    let values = metrics.lines().filter(wanted).map(|line| line.rsplit_once(' ').unwrap().1);
    values.map(|value| value.parse::<f64>().unwrap() as u64).sum()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn after_the_demo_metrics_agree_with_the_digest() {
    let dir = Dir::new();
    let mut up = Up::of(gauntlet(["demo", "--listen", "127.0.0.1:0"]), &dir);
    let (address, mut metrics) = (up.address.clone(), String::new());
    up.process.until("readiness without lag", || {
        let ready = request(&address, "GET", "/readyz", &[], b"");
        metrics = request(&address, "GET", "/metrics", &[], b"").1;
        let has_lag = metrics.contains("gauntlet_consumer_lag_records{");
        ready == (200, "ready".to_owned())
            && has_lag
            && sum(&metrics, "gauntlet_consumer_lag_records", &[]) == 0
    });
    let digest = Digest::of(&gauntlet(["digest"]).on(&dir).ok());
    digest.assert_equals(&recorded(), "while it is watched");
    let mut expected = Vec::new();
    let plan = std::fs::read_to_string(repository().join("infra/checks/topics-plan.json")).unwrap();
    let plan: Json = serde_json::from_str(&plan).unwrap();
    for (processor, rights) in plan["access"].as_object().unwrap() {
        let may = |right: &str, topic: &str| rights[right].as_array().unwrap().contains(&topic.into());
        for topic in topics::ALL {
            let (events, _) = digest.parts[&format!("topics/{}", topic.name)];
            let of = [("processor", processor.as_str()), ("topic", topic.name)];
            if may("write", topic.name) {
                expected.push(("gauntlet_events_written_total", of, events));
            }
            // Who takes records in sets aside what cannot be read, unless it writes nothing at all.
            let takes_in = may("write", &topic.dead_letters()) || rights["write"] == json!([]);
            if takes_in && may("read", topic.name) {
                expected.push(("gauntlet_records_consumed_total", of, events));
            }
        }
    }
    // The last look may be a second old, and what is committed is counted a moment later.
    for _ in 0..100 {
        metrics = request(&address, "GET", "/metrics", &[], b"").1;
        if expected.iter().all(|(name, labels, events)| sum(&metrics, name, labels) == *events) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    for (name, labels, events) in &expected {
        assert_eq!(sum(&metrics, name, labels), *events, "{name} {labels:?}");
    }
    let compared: u64 = expected.iter().map(|(.., events)| events).sum();
    eprintln!("{compared} events and records counted");
    assert!(compared > 50_000);
    for (name, expected) in [
        ("gauntlet_dead_letters_total", 0),
        ("gauntlet_rejoins_total", 0),
        ("gauntlet_held_records", 0),
        ("gauntlet_worker_queue_requests", 0),
        ("gauntlet_worker_threads_busy", 0),
        ("gauntlet_lag_failures_total", 0),
    ] {
        assert_eq!(sum(&metrics, name, &[]), expected, "{name}");
    }
    let trials = sum(&metrics, "gauntlet_work_seconds_count", &[("processor", "trainer")]);
    assert_eq!(trials, 6 * 100 + 5 * 12, "a search over all and one before each fold");
    let committed = [("processor", "tuner"), ("outcome", "committed")];
    let commits = sum(&metrics, "gauntlet_commits_total", &committed);
    assert!(commits > 10, "{commits}");
    let timed = sum(&metrics, "gauntlet_commit_seconds_count", &[("processor", "tuner")]);
    assert_eq!(timed, commits);
    assert!(metrics.contains("# TYPE gauntlet_commit_seconds histogram"), "buckets, not summaries");
    up.stop();
}

#[test]
fn what_others_may_reach_takes_no_commands() {
    let dir = Dir::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let command = gauntlet(["up", "--listen", "127.0.0.1:0"]).env("GAUNTLET_TELEMETRY__LISTEN", &free);
    let mut up = Up::of(command, &dir);
    up.process.until("readiness", || request(&free, "GET", "/readyz", &[], b"") == (200, "ready".into()));
    assert_eq!(request(&free, "GET", "/healthz", &[], b""), (200, "ok".into()));
    assert!(request(&free, "GET", "/metrics", &[], b"").1.contains("gauntlet_tasks{processor=\"tuner\"} 4"));
    let bearer = format!("Bearer {}", up.token);
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    assert_eq!(request(&free, "POST", "/api/v1/commands", &headers, br#""Digest""#).0, 404);
    assert_eq!(up.post(Some(&up.token), br#""Digest""#).0, 200);
    up.stop();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let command = gauntlet(["up", "--listen", "127.0.0.1:0"]).env("GAUNTLET_TELEMETRY__LISTEN", &address);
    command.on(&dir).refused(3, &[&address, "choose another address in telemetry.listen"]);
    assert!(!dir.node().join("up.json").exists(), "nobody can be reached there");
    for (key, value, words) in [
        ("GAUNTLET_TELEMETRY__LISTEN", "everywhere", "'everywhere' is not an address"),
        ("GAUNTLET_TELEMETRY__OTLP_ENDPOINT", "https://collector", "does not begin with http://"),
    ] {
        gauntlet(["up"]).env(key, value).on(&dir).refused(2, &["telemetry.", words]);
    }
}

/// A collector that keeps what it is sent.
struct Collector {
    address: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let kept = spans.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                take(&stream, &kept);
            }
        });
        Collector { address, spans }
    }
}

/// Requests of one connection, to its end.
fn take(mut stream: &TcpStream, kept: &Mutex<Vec<Span>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim() {
                "" => break,
                line => head.push(line.to_lowercase()),
            }
        }
        assert!(head[0].starts_with("post /v1/traces "), "{head:?}");
        assert!(head.contains(&"content-type: application/x-protobuf".to_owned()), "{head:?}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        for resource in request.resource_spans {
            let about = format!("{:?}", resource.resource);
            assert!(about.contains("service.name") && about.contains("gauntlet"), "{about}");
            kept.lock().unwrap().extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

/// Feeds and runs the small experiment on a serving process; its id.
fn run_mini(dir: &Dir) -> String {
    feed_hours(dir);
    let file = dir.write("mini.yaml", MINI);
    let report = gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(dir).ok();
    assert_eq!(report["status"], "completed", "{report}");
    report["experiment_id"].as_str().unwrap().to_owned()
}

#[test]
fn the_spans_of_an_experiment_are_one_trace_from_submission_to_completion() {
    let collector = Collector::start();
    let dir = Dir::new();
    let up = gauntlet(["up", "--listen", "127.0.0.1:0"]);
    let up = Up::of(up.env("GAUNTLET_TELEMETRY__OTLP_ENDPOINT", &collector.address), &dir);
    let experiment = run_mini(&dir);
    let metrics = up.get("/metrics").1;
    // What is left in the queue is sent at the end.
    up.stop();
    assert_eq!(sum(&metrics, "gauntlet_spans_dropped_total", &[]), 0);

    let spans = std::mem::take(&mut *collector.spans.lock().unwrap());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let trace = experiment.replace('-', "");
    let own: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for span in &own {
        *counts.entry(span.name.as_str()).or_default() += 1;
    }
    for (name, expected) in [
        ("publish SubmitExperiment", 1),
        ("experiments process SubmitExperiment", 1),
        ("experiments begin ExperimentStarted", 1),
        ("tuner process ExperimentStarted", 1),
        ("trainer process TrainingRequested", 5 * 12),
        ("tuner process LedgerEntered", 0),
        ("experiments process LedgerEntered", 1),
        ("evaluator process WalkForwardRequested", 1),
        ("evaluator process EvaluationRequested", 2),
        ("experiments process EvaluationCompleted", 2),
        ("projector process ExperimentCompleted", 1),
    ] {
        assert_eq!(counts.get(name).copied().unwrap_or(0), expected, "{name}: {counts:#?}");
    }
    let ids: BTreeSet<&[u8]> = own.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), own.len(), "each span once");
    let roots: Vec<_> =
        own.iter().filter(|span| span.parent_span_id.is_empty()).map(|span| &span.name).collect();
    assert_eq!(roots, ["publish SubmitExperiment"]);
    for span in &own {
        let is_there = span.parent_span_id.is_empty() || ids.contains(span.parent_span_id.as_slice());
        assert!(is_there, "{} hangs on nothing", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano && span.start_time_unix_nano > 0);
    }
    // The start hangs on a snapshot's sealing, in whose trace it was decided.
    let started = own.iter().find(|span| span.name == "experiments begin ExperimentStarted").unwrap();
    let cause = spans.iter().find(|span| span.span_id == started.links[0].span_id).unwrap();
    assert_eq!(cause.name, "experiments process SnapshotSealed");
    let commits = spans.iter().filter(|span| span.name.ends_with(" commit"));
    let linked: BTreeSet<_> =
        commits.flat_map(|span| &span.links).map(|link| link.span_id.as_slice()).collect();
    let decided =
        own.iter().filter(|span| span.name.contains(" process ") && !span.name.starts_with("projector"));
    let mut decisions = 0;
    for span in decided {
        assert!(linked.contains(span.span_id.as_slice()), "no commit has {}", span.name);
        decisions += 1;
    }
    eprintln!("{} spans, {} of the experiment, {decisions} in commits", spans.len(), own.len());
    assert!(decisions > 30);
    let market_data =
        spans.iter().filter(|span| span.name.contains("TickBlock") || span.name.contains("Bar"));
    assert_eq!(market_data.count(), 0, "market data are not followed");
}

#[test]
fn a_collector_that_is_gone_holds_nothing_up() {
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let dir = Dir::new();
    let up = gauntlet(["up", "--listen", "127.0.0.1:0"]);
    let mut up = Up::of(up.env("GAUNTLET_TELEMETRY__OTLP_ENDPOINT", &nobody), &dir);
    run_mini(&dir);
    let address = up.address.clone();
    up.process.until("spans that are counted as lost", || {
        let metrics = request(&address, "GET", "/metrics", &[], b"").1;
        sum(&metrics, "gauntlet_spans_dropped_total", &[("reason", "refused")]) > 20
    });
    up.stop();
}
