//! What goes wrong with a broker, and what the port says and does about it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gauntlet_kafka_log::{KafkaLog, KafkaSettings, TopicChange};
use gauntlet_log::{
    Assignment, Cleanup, Commit, CommitOutcome, EventLog, LogError, Member, NewRecord, Polled, Positions,
    Record, StateSnapshot, TopicConfig, TopicPartition,
};
use gauntlet_servers::{Kafka, shared};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

fn settings(broker: &Kafka, prefix: &str) -> KafkaSettings {
    KafkaSettings::new(broker.bootstrap(), format!("{prefix}."))
}

fn topic(name: &str, partitions: u32, cleanup: Cleanup) -> TopicConfig {
    TopicConfig { name: name.into(), partitions, cleanup }
}

fn open(broker: &Kafka, prefix: &str) -> KafkaLog {
    open_with(settings(broker, prefix))
}

fn open_with(settings: KafkaSettings) -> KafkaLog {
    let log = KafkaLog::connect(settings, 1).unwrap();
    log.create_topics(&[topic("in", 1, Cleanup::Keep), topic("out", 1, Cleanup::Keep)]).unwrap();
    log
}

fn record(topic: &'static str, value: &str) -> NewRecord {
    NewRecord {
        topic: topic.into(),
        key: b"k".to_vec(),
        headers: Vec::new(),
        value: Some(value.as_bytes().to_vec()),
        timestamp_micros: 1,
    }
}

fn member() -> Member {
    Member {
        processor: "p".into(),
        slot: 0,
        topics: vec!["in".into()],
        assignment: Assignment::CoPartitioned,
    }
}

fn values(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|r| String::from_utf8_lossy(r.value.as_deref().unwrap_or_default()).into_owned())
        .collect()
}

fn all(log: &dyn EventLog, topic: &str) -> Vec<Record> {
    let place = TopicPartition::new(topic, 0);
    let (start, end) = log.bounds(&place).unwrap();
    let mut tail = log.tail(&Positions::from([(place, start)])).unwrap();
    let (mut records, mut next) = (Vec::new(), start);
    while next < end {
        records.extend(tail.poll(100, Duration::from_secs(5)).unwrap());
        next = records.last().map_or(start, |r: &Record| r.offset + 1);
    }
    records
}

/// A processor that copies `in` to `out`, as the runtime drives one: until all of it is there.
fn copy(log: &dyn EventLog) -> usize {
    copy_behind(log, &AtomicBool::new(true))
}

/// The same while somebody still appends, until that is over.
fn copy_behind(log: &dyn EventLog, is_over: &AtomicBool) -> usize {
    let is_copied = || is_over.load(Ordering::Acquire) && all(log, "out").len() >= all(log, "in").len();
    let (mut rejoined, began) = (0, Instant::now());
    'joined: loop {
        let mut slot = log.join(member()).unwrap();
        loop {
            assert!(began.elapsed() < Duration::from_secs(300), "{} copied", all(log, "out").len());
            match slot.poll(10, Duration::from_millis(100)).unwrap() {
                Polled::Records(records) => {
                    let outputs = values(&records).iter().map(|value| record("out", value)).collect();
                    let positions = next(&records);
                    match slot.commit(Commit { outputs, positions, snapshots: vec![] }).unwrap() {
                        CommitOutcome::Committed => {}
                        CommitOutcome::Unknown => {
                            rejoined += 1;
                            continue 'joined;
                        }
                        CommitOutcome::Fenced => panic!("fenced"),
                    }
                }
                Polled::Idle if is_copied() => return rejoined,
                _ => {}
            }
        }
    }
}

fn next(records: &[Record]) -> Positions {
    records.iter().map(|r| (TopicPartition::clone(&r.partition), r.offset + 1)).collect()
}

#[test]
fn no_broker_is_said_soon_and_names_the_setting() {
    let began = Instant::now();
    let error = KafkaLog::connect(KafkaSettings::new("127.0.0.1:1", "x."), 1).err().unwrap().to_string();
    assert!(error.contains("kafka at 127.0.0.1:1 does not answer"), "{error}");
    assert!(error.contains("check that a broker runs there and kafka.bootstrap_servers"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn topics_that_differ_are_named_with_what_they_should_be() {
    let log = KafkaLog::connect(settings(shared::kafka(), "differ"), 1).unwrap();
    let at = shared::kafka().bootstrap();
    let make = |name: &str, partitions: &str, config: &str| {
        shared::kafka().tool(
            TOPICS,
            &[
                "--bootstrap-server",
                &at,
                "--create",
                "--topic",
                name,
                "--partitions",
                partitions,
                "--config",
                config,
            ],
        )
    };
    make("differ.few", "1", "retention.ms=-1");
    make("differ.short", "4", "retention.ms=60000");
    let wanted = |name| [topic(name, 4, Cleanup::Keep)];
    let error = log.create_topics(&wanted("few")).unwrap_err().to_string();
    assert!(error.contains("topic few has 1 partitions, the configuration asks for 4"), "{error}");
    let error = log.create_topics(&wanted("short")).unwrap_err().to_string();
    for words in ["topic short has ", "it must be"] {
        assert!(error.contains(words), "{error}");
    }
    let error = log.check_topics(&wanted("absent")).unwrap_err().to_string();
    assert!(error.contains("there is no topic absent: create the topics first"), "{error}");
    // Planning says the same and changes nothing.
    let plan = log.plan_topics(&wanted("absent")).unwrap();
    assert_eq!((plan[0].topic.as_str(), &plan[0].change), ("differ.absent", &TopicChange::Create));
    assert!(log.check_topics(&wanted("absent")).is_err());
}

#[test]
fn history_stays_and_requests_expire_by_the_brokers_clock() {
    let log = KafkaLog::connect(settings(shared::kafka(), "kept"), 1).unwrap();
    let week = Cleanup::DeleteAfter(Duration::from_secs(7 * 86_400));
    let topics = [
        topic("history", 1, Cleanup::Keep),
        topic("config", 1, Cleanup::Compact),
        topic("requests", 1, week),
    ];
    log.create_topics(&topics).unwrap();
    let described =
        shared::kafka().tool(TOPICS, &["--bootstrap-server", &shared::kafka().bootstrap(), "--describe"]);
    let of = |name: &str| described.lines().find(|line| line.contains(&format!("Topic: {name}\t"))).unwrap();
    assert!(of("kept.history").contains("retention.ms=-1"), "{}", of("kept.history"));
    assert!(of("kept.config").contains("cleanup.policy=compact"), "{}", of("kept.config"));
    let requests = of("kept.requests");
    assert!(requests.contains("retention.ms=604800000") && requests.contains("LogAppendTime"), "{requests}");
    // A record about the year 1970 is not older for that.
    log.append(vec![record("history", "old")]).unwrap();
    assert_eq!(values(&all(&log, "history")), ["old"]);
}

#[test]
fn a_broker_that_dies_in_the_middle_costs_time_and_no_record() {
    let mut broker = Kafka::start();
    let log = open(&broker, "dies");
    let expected: Vec<String> = (0..60).map(|i| i.to_string()).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            for value in &expected {
                log.append(vec![record("in", value)]).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let copier = scope.spawn(|| copy_behind(&log, &is_over));
        for _ in 0..2 {
            std::thread::sleep(Duration::from_secs(2));
            broker.kill();
            std::thread::sleep(Duration::from_secs(3));
            broker.start_again();
        }
        let fed = feeder.join();
        is_over.store(true, Ordering::Release);
        fed.unwrap();
        let rejoined = copier.join().unwrap();
        eprintln!("the copier rejoined {rejoined} times");
    });
    // An append whose outcome was unknown is written again: the same value may be there twice, none may be missing, and
    // what was copied is what was there.
    let (fed, copied) = (values(&all(&log, "in")), values(&all(&log, "out")));
    assert_eq!(fed, copied);
    let mut distinct = fed.clone();
    distinct.dedup();
    assert_eq!(distinct, expected);
    eprintln!("{} raw duplicates", fed.len() - distinct.len());
}

#[test]
fn a_broker_that_hangs_for_longer_than_a_transaction_leaves_no_doubt_behind() {
    let broker = Kafka::start();
    let log = open(&broker, "hangs");
    log.append((0..5).map(|i| record("in", &i.to_string())).collect()).unwrap();
    let mut slot = log.join(member()).unwrap();
    let records = loop {
        if let Polled::Records(records) = slot.poll(5, Duration::from_millis(200)).unwrap() {
            break records;
        }
    };
    let positions = next(&records);
    let outputs = values(&records).iter().map(|value| record("out", value)).collect();
    broker.pause();
    let began = Instant::now();
    let outcome = slot.commit(Commit { outputs, positions, snapshots: vec![] }).unwrap();
    assert_eq!(outcome, CommitOutcome::Unknown);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    broker.resume();
    drop(slot);
    // Whatever became of that transaction, each record is copied once.
    copy(&log);
    assert_eq!(values(&all(&log, "out")), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_request_to_join_that_is_never_answered_is_made_again() {
    const JOIN_GROUP: i16 = 11;
    let (broker, door) = Kafka::start_behind_a_door();
    let log = open(&broker, "unanswered");
    log.append(vec![record("in", "1")]).unwrap();
    door.lose_next(JOIN_GROUP);
    let began = Instant::now();
    copy(&log);
    assert!(door.has_lost());
    // The client library would wait for ten minutes.
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    assert_eq!(values(&all(&log, "out")), ["1"]);
}

/// A client that stayed at a partition's end would ask for more every few milliseconds.
#[test]
fn nothing_goes_on_asking_once_a_partitions_end_is_known() {
    let (broker, door) = Kafka::start_behind_a_door();
    let log = open(&broker, "quiet");
    log.append(vec![record("in", "1")]).unwrap();
    assert_eq!(log.bounds(&TopicPartition::new("in", 0)).unwrap(), (0, 1));
    // What is under way arrives.
    std::thread::sleep(Duration::from_secs(1));
    let before = door.bytes_sent();
    std::thread::sleep(Duration::from_secs(2));
    let asked = door.bytes_sent() - before;
    assert!(asked < 1_000, "{asked} bytes of requests in two seconds");
}

/// A broker that hung is fenced by its controller. Until it is taken back it answers that there are no brokers, and the
/// client library, which takes its word, may then ask nobody ever again. Clients that look at metadata all the time are
/// sure to hear it.
#[test]
fn a_broker_that_was_fenced_is_found_again_by_every_client() {
    const READERS: usize = 8;
    let broker = Kafka::start_with("broker.heartbeat.interval.ms=500\nbroker.session.timeout.ms=2000");
    let mut settings = settings(&broker, "fenced");
    settings.properties.insert("topic.metadata.refresh.interval.ms".into(), "10".into());
    let log = open_with(settings);
    let place = TopicPartition::new("out", 0);
    let mut tails: Vec<_> =
        (0..READERS).map(|_| log.tail(&Positions::from([(place.clone(), 0)])).unwrap()).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let copier = scope.spawn(|| copy_behind(&log, &is_over));
        for value in ["1", "2", "3"] {
            log.append(vec![record("in", value)]).unwrap();
            let began = Instant::now();
            for tail in &mut tails {
                let mut read = Vec::new();
                while !read.contains(&value.to_owned()) && began.elapsed() < Duration::from_secs(120) {
                    read.extend(values(&tail.poll(10, Duration::from_secs(1)).unwrap()));
                }
                is_over.store(!read.contains(&value.to_owned()), Ordering::Release);
                assert!(read.contains(&value.to_owned()), "{read:?} read, not {value}");
            }
            eprintln!("all have read {value} after {:?}", began.elapsed());
            broker.pause();
            std::thread::sleep(Duration::from_secs(4));
            broker.resume();
        }
        is_over.store(true, Ordering::Release);
        copier.join().unwrap();
    });
    // An append whose outcome was unknown is written again.
    let mut copied = values(&all(&log, "out"));
    copied.dedup();
    assert_eq!(copied, ["1", "2", "3"]);
}

#[test]
fn what_a_transaction_wrote_and_did_not_commit_is_shown_to_nobody() {
    let log = open(shared::kafka(), "torn");
    log.append(vec![record("in", "1")]).unwrap();
    let mut slot = log.join(member()).unwrap();
    let records = loop {
        if let Polled::Records(records) = slot.poll(5, Duration::from_millis(200)).unwrap() {
            break records;
        }
    };
    // A record that the broker must refuse makes the whole transaction fail, the good one and the positions with it.
    let large = NewRecord { value: Some(vec![0; 65 << 20]), ..record("out", "") };
    let commit =
        Commit { outputs: vec![record("out", "good"), large], positions: next(&records), snapshots: vec![] };
    let refused = slot.commit(commit);
    assert!(!matches!(refused, Ok(CommitOutcome::Committed)), "{refused:?}");
    assert!(all(&log, "out").is_empty());
    assert_eq!(log.committed("p").unwrap(), Positions::new());
    drop(slot);
    copy(&log);
    assert_eq!(values(&all(&log, "out")), ["1"]);
}

#[test]
fn input_that_retention_removed_stops_a_slot_loudly() {
    let log = open(shared::kafka(), "retained");
    log.append((0..10).map(|i| record("in", &i.to_string())).collect()).unwrap();
    log.trim(&TopicPartition::new("in", 0), 4).unwrap();
    let mut slot = log.join(member()).unwrap();
    let error = loop {
        match slot.poll(5, Duration::from_millis(200)) {
            Ok(Polled::Records(records)) => panic!("read {:?}", values(&records)),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::OutOfRange { start: 4, asked: 0, .. }), "{error}");
}

#[test]
fn a_snapshot_of_state_survives_and_can_be_deleted() {
    let log = open(shared::kafka(), "state");
    log.append(vec![record("in", "1")]).unwrap();
    let mut slot = log.join(member()).unwrap();
    let records = loop {
        if let Polled::Records(records) = slot.poll(5, Duration::from_millis(200)).unwrap() {
            break records;
        }
    };
    let snapshot = |bytes: Vec<u8>| StateSnapshot { version: "7".into(), positions: next(&records), bytes };
    for size in [3, 5 << 20] {
        let commit = Commit { snapshots: vec![(0, snapshot(vec![1; size]))], ..Commit::default() };
        assert_eq!(slot.commit(commit).unwrap(), CommitOutcome::Committed);
        // From the beginning, by somebody who has seen nothing yet.
        let fresh = KafkaLog::connect(settings(shared::kafka(), "state"), 1).unwrap();
        assert_eq!(fresh.snapshot("p", 0).unwrap(), Some(snapshot(vec![1; size])));
        assert_eq!(fresh.snapshot("p", 1).unwrap(), None);
    }
    log.delete_snapshots().unwrap();
    assert_eq!(log.snapshot("p", 0).unwrap(), None);
}

/// As our consumers see records of people who write with other clients.
#[test]
fn a_foreign_record_without_key_headers_or_value_is_a_record() {
    let log = open(shared::kafka(), "foreign");
    let foreign = NewRecord { key: Vec::new(), value: None, ..record("in", "") };
    log.append(vec![foreign]).unwrap();
    let read = all(&log, "in");
    assert_eq!((read.len(), read[0].key.as_slice(), &read[0].value), (1, b"".as_slice(), &None));
}

#[test]
fn tls_and_passwords_work_and_what_is_wrong_with_them_is_said_without_the_password() {
    let broker = Kafka::start_secured("quant", "hush-hush");
    let (bootstrap, certificate) = broker.secured();
    let with = |pairs: &[(&str, &str)]| {
        let mut settings = KafkaSettings::new(bootstrap.clone(), "secured.");
        for (property, value) in pairs {
            settings.properties.insert((*property).into(), (*value).into());
        }
        settings
    };
    let ca = certificate.to_str().unwrap();
    let right = [
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "quant"),
        ("sasl.password", "hush-hush"),
        ("ssl.ca.location", ca),
    ];
    let log = KafkaLog::connect(with(&right), 1).unwrap();
    log.create_topics(&[topic("in", 1, Cleanup::Keep), topic("out", 1, Cleanup::Keep)]).unwrap();
    log.append(vec![record("in", "1")]).unwrap();
    assert_eq!(copy(&log), 0);

    let refused = |changed: (&str, &str)| {
        let mut pairs = right.to_vec();
        pairs.retain(|(property, _)| *property != changed.0);
        pairs.push(changed);
        KafkaLog::connect(with(&pairs), 1).err().unwrap().to_string()
    };
    let error = refused(("sasl.password", "another-word"));
    assert!(
        error.contains("uthentication") && error.contains("check sasl.username, sasl.password"),
        "{error}"
    );
    assert!(!error.contains("another-word") && !error.contains("hush-hush"), "{error}");
    // Without the file the certificate's issuer is nobody that this machine knows.
    let error = refused(("ssl.ca.location", "/etc/hostname"));
    assert!(error.contains("ssl.ca.location"), "{error}");
    let others = Kafka::start_secured("quant", "hush-hush");
    let error = refused(("ssl.ca.location", others.secured().1.to_str().unwrap()));
    assert!(
        error.to_lowercase().contains("ssl") && error.contains("check security.protocol and ssl.ca.location"),
        "{error}"
    );
    let error = refused(("security.protocol", "plaintext"));
    assert!(error.contains("does not answer"), "{error}");
}
