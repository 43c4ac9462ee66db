//! Operations alone, without the binary: the same requests that a command line or an HTTP API would make, on an embedded
//! directory.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gauntlet_config::Config;
use gauntlet_domain::market::{BarStamp, InstrumentDefined, PriceBasis, Quote};
use gauntlet_domain::{BarSpec, Event, Price, Timestamp};
use gauntlet_feed::Format;
use gauntlet_log::counting::CountingLog;
use gauntlet_operations::attempts::CancelRequest;
use gauntlet_operations::browse::{List, ListRequest, Shown, Sort};
use gauntlet_operations::feed::FeedRequest;
use gauntlet_operations::integrity::VerifyRequest;
use gauntlet_operations::replay::ReplayRequest;
use gauntlet_operations::snapshot::SnapshotRequest;
use gauntlet_operations::submit::{SubmitRequest, Waited};
use gauntlet_operations::{Access, Answer, Node, Progress, Refusal, Request, Role, Silent, Step};
use gauntlet_runtime::events::{self, Cause};
use serde_json::{Value as Json, json};

/// The one list of processors, which is the binary's.
#[path = "../../gauntlet/src/processors.rs"]
mod processors;

mod archive;
mod as_of;
mod crash_points;

use processors::processors;

fn node(dir: &Path) -> Node {
    let config = Config { dir: dir.to_owned(), workers: 2, ..Config::default() };
    Node::open(&config, Role::Visitor, Access::Write, processors(), Arc::new(AtomicBool::new(false))).unwrap()
}

fn bundled(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn feed_hours() -> Request {
    Request::Feed(FeedRequest {
        paths: vec![bundled("data/gold/xauusd_oanda_hour_20060320_20140501.zip")],
        instrument: "XAUUSD".into(),
        venue: "OANDA".into(),
        format: Some(Format::LeanBar),
        utc_offset_seconds: 0,
        bars: vec!["time:1h".parse().unwrap()],
        spec: None,
        stamp: BarStamp::Open,
        market: None,
        speed: None,
        lateness_nanos: None,
        reading: gauntlet_feed::Reading::default(),
        accept_losses: false,
    })
}

fn submit(wait: bool) -> Request {
    let text = std::fs::read_to_string(bundled("configs/experiments/gold-trend.yaml")).unwrap();
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let overrides = vec![
        set("data.from", "2011-01-01"),
        set("data.to", "2012-01-01"),
        set("tuning.trials", "8"),
        set("validation.finalists", "1"),
        set("validation.scheme", "fixed"),
        set("validation.purge", "0"),
        set("model.parameters.slow", "{ int: [60, 200], when: \"slow > fast\" }"),
    ];
    Request::Submit(SubmitRequest {
        text,
        name: "gold-trend.yaml".into(),
        overrides,
        wait,
        ahead: false,
        again: false,
        author: None,
    })
}

fn answer(node: &Node, request: &Request) -> Answer {
    request.answer_alone(node, &Silent).unwrap_or_else(|refusal| panic!("{request:?}: {refusal}"))
}

fn document(answer: &Answer) -> Json {
    serde_json::to_value(answer).unwrap()
}

fn list(what: List, filter: Option<&str>, sort: Option<Sort>) -> Request {
    Request::List(ListRequest { what, filter: filter.map(str::to_owned), sort, limit: None })
}

/// Keeps the labels of steps and how they ended.
#[derive(Default)]
struct Watcher(Arc<Mutex<Vec<String>>>);

struct WatchedStep(String, Arc<Mutex<Vec<String>>>);

impl Progress for Watcher {
    fn begin(&self, label: &str, _: u64, _: &str) -> Box<dyn Step> {
        Box::new(WatchedStep(label.to_owned(), self.0.clone()))
    }
}

impl Step for WatchedStep {
    fn at(&self, _: u64) {}

    fn waits(&self, _: &str) {}

    fn end(self: Box<Self>, outcome: &str) {
        self.1.lock().unwrap().push(format!("{}: {outcome}", self.0));
    }
}

#[test]
fn an_experiment_is_submitted_waited_for_listed_shown_replayed_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    let watcher = Watcher::default();
    let Answer::Fed(fed) = feed_hours().answer_alone(&node, &watcher).unwrap() else { panic!("not fed") };
    assert!(fed.accepted > 40_000 && fed.published == fed.read, "{fed:?}");
    let Answer::Fed(again) = answer(&node, &feed_hours()) else { panic!("not fed") };
    assert_eq!((again.published, again.sources[0].already_there), (0, true), "the same file adds nothing");

    let waited = submit(true).answer_alone(&node, &watcher).unwrap();
    let Answer::Waited(Waited::Ended(report)) = &waited else { panic!("{waited:?}") };
    assert!(!waited.is_no());
    assert_eq!(report.row.text("status"), Some("completed"));
    assert_eq!(report.trials.values().sum::<usize>(), 8, "{:?}", report.trials);
    assert_eq!(report.leaderboard.len(), 1);
    let id = report.row.text("experiment_id").unwrap().to_owned();
    let steps = watcher.0.lock().unwrap().clone();
    assert!(steps.iter().any(|step| step.starts_with("feed xauusd")), "{steps:?}");
    assert!(steps.contains(&"trials: 8 trials".to_owned()), "{steps:?}");

    let Answer::Submitted(submitted) = answer(&node, &submit(false)) else { panic!("not submitted") };
    assert_eq!((submitted.experiment_id.to_string(), submitted.is_new), (id.clone(), false));
    assert_eq!(
        document(&Answer::Submitted(submitted)),
        json!({ "experiment_id": id, "status": "submitted" })
    );

    let descending = Some(Sort { column: "value".into(), descending: true });
    let Answer::Listing(trials) =
        answer(&node, &list(List::Trials, Some("state == 'completed'"), descending))
    else {
        panic!("not listed")
    };
    assert_eq!(trials.rows.len(), report.trials["completed"]);
    let values: Vec<_> = trials.rows.iter().map(|row| row.0.get("value").cloned()).collect();
    assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");

    let shown = answer(&node, &Request::Show(id[..8].to_owned()));
    assert_eq!(shown, Answer::Shown(Shown::Experiment(report.clone())));
    assert_eq!(document(&shown), document(&waited));
    let Answer::Comparison(sides) = answer(&node, &Request::Compare(vec![id.clone(), id.clone()])) else {
        panic!("not compared")
    };
    assert_eq!(sides.sides[0], sides.sides[1]);
    assert_eq!(sides.sides[0]["best.place"], 1);

    let Answer::Replayed(replayed) = answer(&node, &Request::Replay(ReplayRequest::default())) else {
        panic!("not replayed")
    };
    assert!(replayed.identical && replayed.compared > 40_000, "{replayed:?}");
    let one = Request::Replay(ReplayRequest { experiment: Some(id), workers: Some(1) });
    let Answer::Replayed(of_one) = answer(&node, &one) else { panic!("not replayed") };
    assert!(of_one.identical && of_one.compared > 8 && of_one.compared < replayed.compared);

    let Answer::Verified(verified) = answer(&node, &Request::Verify(VerifyRequest::default())) else {
        panic!("not verified")
    };
    assert!(verified.ok, "{:?}", verified.problems);
    // A rule has no model to store: the points of its analysis, its returns, and those of the trials that stand for others.
    assert_eq!((verified.checked.snapshots, verified.checked.artifacts), (2, 3));

    let Answer::Digests(before) = answer(&node, &Request::Digest) else { panic!("no digest") };
    let Answer::RebuiltViews(rebuilt) = answer(&node, &Request::RebuildViews) else { panic!("not rebuilt") };
    assert_eq!(rebuilt.rows, before.views.values().map(|view| view.rows).sum::<u64>());
    let Answer::Digests(after) = answer(&node, &Request::Digest) else { panic!("no digest") };
    assert_eq!(before, after, "views are what the log makes of them");
}

#[test]
fn what_event_time_has_not_passed_is_pending_and_the_answer_is_no() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    answer(&node, &feed_hours());
    let bars: BarSpec = "time:1h".parse().unwrap();
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let request = |to: &str| SnapshotRequest {
        instrument: "XAUUSD".into(),
        venue: None,
        bars,
        from: time("2011-01-01"),
        to: time(to),
        as_of: None,
    };
    let pending = answer(&node, &Request::CreateSnapshot(request("2014-06-01")));
    assert!(pending.is_no());
    assert_eq!(document(&pending)["status"], "pending");
    let sealed = answer(&node, &Request::CreateSnapshot(request("2012-01-01")));
    assert!(!sealed.is_no(), "{sealed:?}");
    let id = document(&sealed)["snapshot_id"].as_str().unwrap().to_owned();
    let verified = answer(&node, &Request::VerifySnapshot(id));
    assert_eq!(document(&verified)["ok"], true);
    assert_eq!(document(&verified)["rows"], document(&sealed)["rows"]);
}

#[test]
fn a_refusal_says_what_a_caller_would_do() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    let refused = |request: Request| request.answer_alone(&node, &Silent).unwrap_err();
    let bad = |request: Request, words: &str| match refused(request) {
        why @ (Refusal::BadInput(_) | Refusal::NotFound(_) | Refusal::Invalid(_)) => {
            assert!(why.to_string().contains(words), "{why}");
        }
        other => panic!("{other:?}"),
    };
    bad(Request::Show("ab".into()), "nothing has an id that begins with 'ab'");
    bad(list(List::Quality, Some("reasn == 'x'"), None), "did you mean reason?");
    bad(Request::Cancel(CancelRequest { id: "ab".into(), reason: "no".into() }), "no experiment has an id");
    bad(submit(false), "there is no data for XAUUSD.OANDA");
    bad(Request::ShowDeadLetter("x".into()), "names no dead letter");
    let Answer::Replayed(nothing) = answer(&node, &Request::Replay(ReplayRequest::default())) else {
        panic!("not replayed")
    };
    assert!(!nothing.identical, "a check that compared nothing fails");
    assert_eq!(
        document(&Answer::Replayed(nothing)),
        json!({ "identical": false, "compared": 0, "not_compared": [] })
    );
    let heads = BTreeMap::from([("chain".to_owned(), "abc".to_owned())]);
    let verified = answer(&node, &Request::Verify(VerifyRequest { heads: Some(heads) }));
    assert!(verified.is_no());
    assert_eq!(
        document(&verified)["problems"],
        json!(["chain chain does not reach the head \"abc\" that was kept"])
    );
    let config = Config { dir: dir.path().to_owned(), ..Config::default() };
    let second =
        Node::open(&config, Role::Visitor, Access::Write, processors(), Arc::new(AtomicBool::new(false)));
    assert!(matches!(second.err(), Some(Refusal::InUse(_))), "one process holds a directory");
}

/// A day of live quotes has closed no bar of a day. Whether one will is known without reading the quotes.
#[test]
fn bars_that_have_not_closed_yet_are_known_without_reading_the_ticks() {
    const QUOTES: i64 = 5_000;
    let dir = tempfile::tempdir().unwrap();
    let mut node = node(dir.path());
    let publish = |node: &Node, events: Vec<Event>| {
        let record = |event: &Event| events::record(&node.codec, event, Cause::outside("feed", Timestamp(1)));
        node.log.append(events.iter().map(|event| record(event).unwrap()).collect()).unwrap();
    };
    let specs = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let defined = |texts| InstrumentDefined::new("XAUUSD.OANDA", specs(texts), PriceBasis::Quotes).into();
    let quote = |sequence: i64| {
        let (instrument, source) = ("XAUUSD.OANDA".into(), "live".into());
        let time = Timestamp(sequence * 1_000_000_000);
        let (bid, ask) = (Price(100), Price(101));
        Event::from(Quote {
            scale: gauntlet_domain::Scale::USUAL,
            instrument,
            source,
            sequence,
            time,
            bid,
            ask,
            bid_size: None,
            ask_size: None,
            received: None,
        })
    };
    publish(&node, vec![defined(&["time:1d"])]);
    publish(&node, (1..=QUOTES).map(quote).collect());
    let running = node.start().unwrap();
    while !running.is_quiet().unwrap() {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop().unwrap();

    let counting = CountingLog::over(node.log.clone());
    node.log = Arc::new(counting.clone());
    let ask = |node: &Node, bars: &str| {
        let Request::Submit(mut request) = submit(false) else { panic!("no submission") };
        request.overrides.push(("data.bars".into(), bars.into()));
        counting.take_count();
        let answer = gauntlet_operations::submit::submit(node, &request).map(|submitted| submitted.is_new);
        (answer.map_err(|refusal| refusal.to_string()), counting.take_count())
    };
    let (taken, read) = ask(&node, "time:1d");
    assert_eq!(taken, Ok(true));
    assert!(read < 100, "{read} records read, {QUOTES} quotes lie there");
    let (refused, read) = ask(&node, "time:4h");
    assert!(refused.as_ref().is_err_and(|why| why.contains("feed ticks with --bars time:4h")), "{refused:?}");
    assert!(read < 100, "{read} records read, {QUOTES} quotes lie there");
    // What comes after the saved state counts as well.
    publish(&node, vec![defined(&["time:1d", "time:4h"]), quote(QUOTES + 1)]);
    let (taken, read) = ask(&node, "time:4h");
    assert_eq!(taken, Ok(true));
    assert!((1..100).contains(&read), "{read} records read");
    // Without saved state the log alone says the same.
    node.log.delete_snapshots().unwrap();
    let (refused, read) = ask(&node, "time:2h");
    assert!(refused.is_err_and(|why| why.contains("feed ticks with --bars time:2h")));
    assert!(read > QUOTES as u64, "{read} records read: this test counts nothing");
}
