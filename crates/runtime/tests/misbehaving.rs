//! The runtime under processors that misbehave: a panic is reported and named, a poisoned record goes aside, work that
//! cannot be done yet is done later. Over the in-memory log, with processors made for it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::bench::{Bench, PANICKED, sealed};
use crate::common::{quiet, within};
use gauntlet_domain::market::{CreateSnapshot, SnapshotDue};
use gauntlet_domain::topics::{DATA_COMMANDS, DATA_REQUESTS, DATA_SNAPSHOTS};
use gauntlet_domain::{ContentHash, Event, InstrumentId, Timestamp};
use gauntlet_log::{EventLog, NewRecord, Record, TopicPartition};
use gauntlet_runtime::events::Cause;
use gauntlet_runtime::{Failure, Options, events};

#[test]
fn a_panic_in_a_machine_is_a_failure_that_names_it() {
    let bench = Bench::new();
    let running = bench.start(Options::default());
    bench.ask(&["A.OK"]);
    quiet(&running);
    bench.ask(&["B.PANIC"]);
    let failure: Failure = within("failure", || running.failure());
    assert_eq!(failure.processor, "market-data");
    assert!(failure.message.contains("panicked: the echo cannot bear B.PANIC"), "{failure}");
    assert!(!failure.outside, "a broken invariant is nobody else's fault");
    // Waiting ends, stopping ends, and both say why.
    assert!(!running.wait_quiet(|| true).unwrap());
    let stopped = running.stop().unwrap_err();
    assert_eq!(stopped.to_string(), failure.to_string());
    // What was done before is kept, and what panicked has left no half of itself.
    assert_eq!(bench.answers(), [("A.OK".to_owned(), 7)]);
    assert_eq!(bench.records(DATA_REQUESTS.name).len(), 1);
    let committed = bench.log.committed("market-data").unwrap();
    assert_eq!(
        committed[&TopicPartition::new(DATA_COMMANDS.name, 0)],
        1,
        "the panic's input is not passed over"
    );
}

#[test]
fn a_panic_in_a_worker_is_its_typed_answer_and_the_others_are_answered() {
    let bench = Bench::new();
    let running = bench.start(Options::default());
    bench.ask(&["A.OK", "B.FALLS", "C.OK"]);
    quiet(&running);
    running.stop().unwrap();
    let expected = [("A.OK", 7), ("B.FALLS", PANICKED), ("C.OK", 7)];
    assert_eq!(bench.answers(), expected.map(|(name, rows)| (name.to_owned(), rows)));
    let Event::SnapshotSealed(fallen) =
        events::read(&bench.codec, &bench.records(DATA_SNAPSHOTS.name)[1]).unwrap().event
    else {
        panic!("not an answer");
    };
    assert_eq!(fallen.content_hash, ContentHash::of(b"over a cliff"), "the panic's words reach the answer");
}

#[test]
fn an_output_on_a_topic_that_its_writer_has_not_declared_is_refused() {
    for (name, processor, record, topic) in [
        ("B.ASTRAY", "market-data", "CreateSnapshot", DATA_COMMANDS),
        ("B.LOST", "snapshots", "SnapshotDue", DATA_REQUESTS),
    ] {
        let bench = Bench::new();
        let running = bench.start(Options::default());
        bench.ask(&["A.OK"]);
        quiet(&running);
        let before = bench.records(topic.name).len();
        bench.ask(&[name]);
        let failure: Failure = within("failure", || running.failure());
        assert_eq!(failure.processor, processor);
        let said = format!("{processor} puts out {record} on {}, which it does not declare", topic.name);
        assert!(failure.message.contains(&said), "{failure}");
        assert!(!failure.outside, "a wrong declaration is nobody else's fault");
        running.stop().unwrap_err();
        // The command or the request that led to it lies there, the output does not.
        assert_eq!(bench.records(topic.name).len(), before + 1);
        assert_eq!(bench.answers(), [("A.OK".to_owned(), 7)]);
    }
}

#[test]
fn a_request_that_cannot_be_answered_yet_is_answered_later() {
    let bench = Bench::new();
    let running = bench.start(Options::default());
    bench.ask(&["A.LATER", "B.OK"]);
    quiet(&running);
    running.stop().unwrap();
    assert_eq!(bench.answers(), [("A.LATER".to_owned(), 7), ("B.OK".to_owned(), 7)]);
    assert_eq!(bench.sealer.asked.load(Ordering::Relaxed), 5, "three refusals, two answers");
}

#[test]
fn a_request_that_is_not_the_workers_own_is_passed_over_and_its_answer_taken_as_recorded() {
    let bench = Bench::new();
    let running = bench.start(Options::default());
    bench.ask(&["A.OK", "B.OUTSIDE", "C.OK"]);
    quiet(&running);
    running.stop().unwrap();
    assert_eq!(bench.answers(), [("A.OK".to_owned(), 7), ("C.OK".to_owned(), 7)]);
    let replayed = bench.replay();
    assert_eq!((replayed.compared, replayed.foreign), (5, 0));

    let requests = bench.records(DATA_REQUESTS.name);
    let answer = |request: &Record, why: &str| {
        let input = events::read(&bench.codec, request).unwrap();
        let Event::SnapshotDue(due) = &input.event else { panic!("{:?} among the requests", input.event) };
        let cause = Cause { input: Some(&input), ..Cause::outside("snapshots.elsewhere", Timestamp(0)) };
        events::record(&bench.codec, &sealed(due, 9, why)[0], cause).unwrap()
    };
    // Twice: a repetition is one answer.
    bench.log.append(vec![answer(&requests[1], "outside"), answer(&requests[1], "outside")]).unwrap();
    let replayed = bench.replay();
    assert!(replayed.divergence.is_none(), "{:?}", replayed.divergence);
    assert_eq!((replayed.compared, replayed.foreign), (5, 1));
    // Whoever answers what was not left to him shows in a replay.
    bench.log.append(vec![answer(&requests[0], "an impostor")]).unwrap();
    let Event::SnapshotSealed(found) = bench.replay().divergence.unwrap().reexecuted.unwrap() else {
        panic!("another event")
    };
    assert_eq!((found.instrument.as_str(), found.rows), ("A.OK", 7));
}

#[test]
fn what_a_machine_refuses_goes_to_the_dead_letters_with_its_reason() {
    let bench = Bench::new();
    let running = bench.start(Options::default());
    bench.ask(&["A.OK", "B.REFUSED", "C.OK"]);
    quiet(&running);
    running.stop().unwrap();
    assert_eq!(bench.answers(), [("A.OK".to_owned(), 7), ("C.OK".to_owned(), 7)]);
    let letters = bench.records(&DATA_COMMANDS.dead_letters());
    let [letter] = letters.as_slice() else { panic!("{} dead letters", letters.len()) };
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(key, _)| key == name).unwrap();
        String::from_utf8(found.1.clone()).unwrap()
    };
    assert_eq!(header("__connect.errors.stage"), "TASK_PUT");
    assert_eq!(header("__connect.errors.exception.class.name"), "gauntlet.Refused");
    assert_eq!(header("__connect.errors.exception.message"), "nobody trades B.REFUSED");
    assert_eq!(bench.replay().compared, 4);
}

#[test]
fn poison_goes_to_the_dead_letters_and_its_neighbours_are_processed() {
    let bench = Bench::new();
    let good = bench.command("X.OK").value.unwrap();
    let poison = |value: Option<&[u8]>| NewRecord {
        topic: DATA_COMMANDS.name.into(),
        key: b"poison".to_vec(),
        headers: vec![("origin".into(), b"a stranger".to_vec())],
        value: value.map(<[u8]>::to_vec),
        timestamp_micros: 1,
    };
    // A record of another topic in the right frame is as unreadable as noise.
    let instrument = InstrumentId::new("X", "OK").unwrap();
    let command = CreateSnapshot::new(&instrument, "time:1h".parse().unwrap(), Timestamp(0), Timestamp(1));
    let due = SnapshotDue::from(&command).sealed(ContentHash::of(b""), 0);
    let foreign = bench.codec.encode(&due.into()).unwrap();
    let unknown_schema = [&[0, 0xff, 0xff, 0xff, 0xff], &good[5..]].concat();
    let trailing = [&good[..], b"!"].concat();
    let huge = [&good[..], &[0; 10 << 20]].concat();
    let poisons: [(&str, &str, Option<&[u8]>); 9] = [
        ("noise", "WrongMagic", Some(b"\xff\xfe noise")),
        ("nothing", "TooShort", Some(b"")),
        ("a tombstone", "NullValue", None),
        ("no body", "Malformed", Some(&good[..5])),
        ("half a body", "Malformed", Some(&good[..good.len() - 3])),
        ("an unknown schema", "UnknownSchema", Some(&unknown_schema)),
        ("trailing bytes", "TrailingBytes", Some(&trailing)),
        ("another topic's record", "ForeignRecord", Some(&foreign)),
        ("10 MB", "TooLarge", Some(&huge)),
    ];
    bench.ask(&["A.OK"]);
    for (_, _, value) in &poisons {
        bench.log.append(vec![poison(*value)]).unwrap();
        bench.ask(&["B.OK"]);
    }
    bench.ask(&["C.OK"]);
    let running = bench.start(Options { batch_records: 3, ..Options::default() });
    quiet(&running);
    running.stop().unwrap();
    let names: Vec<String> = bench.answers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["A.OK", "B.OK", "C.OK"]);

    let letters = bench.records(&DATA_COMMANDS.dead_letters());
    assert_eq!(letters.len(), poisons.len());
    for (i, (letter, (what, why, value))) in letters.iter().zip(&poisons).enumerate() {
        let header = |name: &str| {
            let found = letter.headers.iter().find(|(key, _)| key == name);
            String::from_utf8(found.unwrap_or_else(|| panic!("{what}: no {name}")).1.clone()).unwrap()
        };
        assert_eq!(letter.value.as_deref(), *value, "{what}: the bytes are untouched");
        assert_eq!(header("origin"), "a stranger", "{what}: its own headers stay");
        assert_eq!(header("__connect.errors.topic"), DATA_COMMANDS.name);
        assert_eq!(header("__connect.errors.partition"), "0");
        assert_eq!(header("__connect.errors.offset"), (1 + 2 * i).to_string(), "{what}");
        assert_eq!(header("__connect.errors.connector.name"), "market-data");
        assert_eq!(header("__connect.errors.stage"), "VALUE_CONVERTER");
        assert_eq!(header("__connect.errors.class.name"), "gauntlet.wire.Codec");
        let class = format!("gauntlet.wire.WireError.{why}");
        assert_eq!(header("__connect.errors.exception.class.name"), class, "{what}");
        assert!(!header("__connect.errors.exception.message").is_empty(), "{what}: a reason");
    }
}

#[test]
fn a_restart_goes_on_where_the_commit_was_and_repeats_nothing() {
    let bench = Bench::new();
    let names: Vec<String> = (0..60).map(|i| format!("I{i}.OK")).collect();
    let (first, second) = names.split_at(31);
    for (part, options) in [
        (first, Options { batch_records: 1, snapshot_every_records: 5, ..Options::default() }),
        (second, Options { batch_records: 1000, worker_queue: 2, workers: 4, ..Options::default() }),
    ] {
        bench.ask(&part.iter().map(String::as_str).collect::<Vec<_>>());
        // A repeated command gives nothing new, before and after the restart.
        bench.ask(&["I0.OK"]);
        let running = bench.start(options);
        quiet(&running);
        running.stop().unwrap();
    }
    let answered: Vec<String> = bench.answers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(answered, names, "each once, in order");
    bench.log.delete_snapshots().unwrap();
    bench.ask(&["I59.OK", "I60.OK"]);
    let running = bench.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
    assert_eq!(bench.answers().len(), 61, "state without a snapshot is folded from the inputs");
}

#[test]
fn stopping_at_any_moment_loses_and_repeats_nothing() {
    let bench = Bench::new();
    let names: Vec<String> = (0..400).map(|i| format!("I{i}.OK")).collect();
    bench.ask(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut stops = 0;
    loop {
        let running = bench.start(Options { batch_records: 1, worker_queue: 1, ..Options::default() });
        std::thread::sleep(Duration::from_millis(1 + stops % 4));
        let done = running.is_quiet().unwrap();
        running.stop().unwrap();
        stops += 1;
        if done {
            break;
        }
        assert!(stops < 10_000, "no progress");
    }
    let answered: Vec<String> = bench.answers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(answered, names, "after {stops} stops");
}
