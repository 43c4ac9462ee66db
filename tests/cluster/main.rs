//! The same pipeline on real Kafka, a real schema registry, real Cassandra and an S3 server: what it comes to is the
//! digest recorded from one machine's embedded log, however many partitions and processes share the work. Processes
//! have nothing in common but the services: each has a directory of its own.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gauntlet_domain::topics;
use gauntlet_kafka_log::{KafkaLog, KafkaSettings};
use gauntlet_lake::archive::{Cutter, Range};
use gauntlet_log::{EventLog, NewRecord, Positions, Record, TopicPartition};
use gauntlet_servers::shared;
use gauntlet_servers::{Cassandra, Door, Kafka, RegistryStorage, S3, SchemaRegistry, free_port};
use gauntlet_tests::golden::MINI;
use gauntlet_tests::http::answer;
use gauntlet_tests::{
    Digest, Dir, Json, Random, Started, binary, bundled, examples, gauntlet, recorded, repository,
};

mod image;

/// What the processes of an installation have in common.
struct Services {
    /// How the configuration names broker, registry and node.
    addresses: [(&'static str, String); 3],
    s3: S3,
    /// In front of S3, which would lose what it holds if it were killed.
    door: Door,
}

impl Services {
    fn new(kafka: &Kafka, registry: &SchemaRegistry, cassandra: &Cassandra) -> Services {
        let s3 = S3::start();
        let door = Door::to(s3.port());
        let addresses = [
            ("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap()),
            ("GAUNTLET_REGISTRY__URL", registry.url()),
            ("GAUNTLET_CQL__NODES", cassandra.contact_point()),
        ];
        Services { addresses, s3, door }
    }
}

/// Those that the tests share which harm none.
fn services() -> &'static Services {
    static SERVICES: OnceLock<Services> = OnceLock::new();
    SERVICES.get_or_init(|| Services::new(shared::kafka(), shared::registry(), shared::cassandra()))
}

/// A node that has written to disk what it has acknowledged, since there is no other copy when it is killed.
fn durable_cassandra() -> Cassandra {
    Cassandra::start_with(|config| {
        config.replace("commitlog_sync: periodic\ncommitlog_sync_period: 10000ms", "commitlog_sync: batch")
    })
}

/// An installation of its own on the servers: a prefix, a keyspace and a part of the bucket.
struct Installation {
    environment: Vec<(String, String)>,
    /// Of commands.
    dir: Dir,
    /// Of processes that share the work, by their number.
    own: [Dir; 3],
}

impl Installation {
    /// With topics, schemas and tables made by the commands that an operator uses.
    fn new(services: &Services, name: &str, partitions: u32) -> Installation {
        let installation = Installation::planned(services, name, partitions);
        for set_up in [["topics", "apply"], ["schemas", "register"], ["views", "migrate"]] {
            installation.command(&set_up).ok();
        }
        installation
    }

    /// With nothing made yet.
    fn planned(services: &Services, name: &str, partitions: u32) -> Installation {
        let addresses = services.addresses.iter();
        let mut environment: Vec<_> =
            addresses.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut put = |name: &str, value: String| environment.push((name.to_owned(), value));
        put("GAUNTLET_CQL__KEYSPACE", name.to_owned());
        put("GAUNTLET_TOPICS__PREFIX", format!("{name}."));
        put("GAUNTLET_TOPICS__PARTITIONS", partitions.to_string());
        let options: Vec<String> = S3::options(services.door.port())
            .iter()
            .map(|(name, value)| format!("{name}: '{value}'"))
            .collect();
        put("GAUNTLET_LAKE__URL", format!("s3://lake/{name}"));
        put("GAUNTLET_LAKE__PROPERTIES", format!("{{{}}}", options.join(", ")));
        Installation { environment, dir: Dir::new(), own: [(); 3].map(|()| Dir::new()) }
    }

    fn command(&self, args: &[&str]) -> gauntlet_tests::Command {
        self.command_in(&self.dir, args)
    }

    fn command_in(&self, dir: &Dir, args: &[&str]) -> gauntlet_tests::Command {
        let command = gauntlet(["--profile", "cluster"].iter().chain(args)).on(dir);
        self.environment.iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.command(&["digest"]).ok())
    }

    /// Processes that share the work, each with a number of its own.
    fn run_all(&self, count: usize) -> Vec<Started> {
        (0..count).map(|instance| self.run_one(instance)).collect()
    }

    fn run_one(&self, instance: usize) -> Started {
        let number = instance.to_string();
        let run = ["run", "all", "--listen", "127.0.0.1:0", "--instance", &number];
        self.command_in(&self.own[instance], &run).start()
    }
}

#[test]
fn the_demo_on_a_cluster_comes_to_the_recorded_digest() {
    let mut one = Installation::new(services(), "one", 1);
    // A process that is alone can keep the lake in its directory.
    one.environment.retain(|(name, _)| !name.starts_with("GAUNTLET_LAKE__"));
    // Killed in the middle, its members stay in their groups until their sessions are over. Whoever comes next finds
    // every processor served, by nobody: it stands by until that shows.
    let log = KafkaLog::connect(KafkaSettings::new(shared::kafka().bootstrap(), "one."), 1).unwrap();
    let mut first = one.command(&["demo", "--no-serve"]).start();
    first.until("it is a member", || log.has_members("trainer").unwrap());
    std::thread::sleep(Duration::from_secs(3));
    first.kill();
    assert!(log.has_members("trainer").unwrap());
    one.command(&["demo", "--no-serve"]).ok();
    one.digest().assert_equals(&recorded(), "one process, one partition");
    assert_eq!(one.command(&["replay", "--all"]).ok()["identical"], true);
    assert_eq!(one.command(&["verify"]).ok()["ok"], true);
    // The brokers find a time, and the rows say where they come from.
    let experiments = one.command(&["ls", "experiments", "--sort", "start"]).ok();
    let as_of = |time: &str| {
        let listed = one.command(&["ls", "experiments", "--sort", "start", "--as-of", time]).ok();
        listed["answer"].as_array().unwrap().clone()
    };
    assert_eq!(&as_of("1s ago"), experiments.as_array().unwrap());
    let then = experiments[0]["start"].as_str().unwrap();
    assert_eq!(as_of(then)[0]["status"], "running");
    assert!(as_of("2001-01-01").is_empty());
}

/// Two machines with logs of their own, by mistake with one keyspace.
#[test]
fn views_of_another_log_are_refused_however_long_that_is() {
    let views = Installation::planned(services(), "foreign", 1).environment;
    let on = |dir: &Dir, args: &[&str]| {
        let named = views.iter().filter(|(name, _)| name.starts_with("GAUNTLET_CQL__"));
        named.fold(gauntlet(args).on(dir), |command, (name, value)| command.env(name, value))
    };
    let (first, second) = (Dir::new(), Dir::new());
    on(&first, &["views", "migrate"]).ok();
    let file = |dir: &Dir, days: u32| {
        let row = |day| format!("2024-01-{day:02}T00:00:00Z,1.5,2,1,{}.5,10\n", 1 + day % 2);
        let rows: String = (1..=days).map(row).collect();
        dir.write(&format!("{days}.csv"), format!("time,open,high,low,close,volume\n{rows}"))
    };
    let feed = |dir: &Dir, days: u32, symbol: &str| {
        let file = file(dir, days).to_str().unwrap().to_owned();
        ["feed", &file, "--instrument", symbol, "--venue", "X"].map(str::to_owned)
    };
    on(&first, &feed(&first, 10, "A").each_ref().map(String::as_str)).ok();
    let expected = Digest::of(&on(&first, &["digest"]).ok());
    // The second log is longer everywhere, and was fed with views of its own.
    for (days, symbol) in [(20, "B"), (25, "C")] {
        gauntlet(feed(&second, days, symbol)).on(&second).ok();
    }
    let refused = on(&second, &["ls", "instruments"]).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    for said in ["the views were made from another log", "gauntlet views rebuild"] {
        assert!(refused.stderr.contains(said), "{refused}");
    }
    Digest::of(&on(&first, &["digest"]).ok()).assert_equals(&expected, "the views are as they were");
    // Who says so gets the keyspace for the other log; then the first is refused.
    on(&second, &["views", "rebuild"]).ok();
    assert_eq!(on(&second, &["verify"]).ok()["ok"], true);
    assert_ne!(on(&first, &["ls", "instruments"]).run().code, Some(0));
}

#[test]
fn three_processes_share_four_partitions_and_come_to_the_recorded_digest() {
    let four = Installation::new(services(), "four", 4);
    let mut processes = four.run_all(3);
    four.command(&["demo", "--no-serve"]).ok();
    four.digest().assert_equals(&recorded(), "three processes, four partitions");
    assert_eq!(four.command(&["replay", "--all"]).ok()["identical"], true);
    let verified = four.command(&["verify"]).ok();
    assert_eq!((&verified["ok"], &verified["checked"]["snapshots"]), (&true.into(), &2.into()));
    // Everything is in the store, and nothing but copies in a directory.
    assert_eq!(services().s3.keys("four/snapshots/").len(), 2);
    assert!(!services().s3.keys("four/artifacts/").is_empty());
    for dir in four.own.iter().chain([&four.dir]) {
        assert!(!dir.node().join("lake").exists() && dir.node().join("lake-cache").exists());
    }
    // An object that somebody has overwritten is found, whatever copies say.
    let (key, other) = (services().s3.keys("four/snapshots/").remove(0), b"not Parquet");
    let good = services().s3.get(&key);
    services().s3.put(&key, other);
    let problems = four.command(&["verify"]).run();
    assert_eq!(problems.code, Some(1), "{problems}");
    assert!(problems.stdout.contains(key.trim_start_matches("four/")), "{problems}");
    services().s3.put(&key, &good);
    assert_eq!(four.command(&["verify"]).ok()["ok"], true);
    for process in &mut processes {
        assert!(!process.has_ended(), "a process has ended by itself");
    }
    for process in processes {
        process.signal("TERM");
        let run = process.wait();
        assert_eq!(run.code, Some(0), "{run}");
    }
    // Views made again beside nothing else are the same views.
    four.command(&["views", "rebuild"]).ok();
    four.digest().assert_equals(&recorded(), "after a rebuild of the views");
}

#[test]
fn of_two_processes_with_one_number_exactly_one_goes_on() {
    let twice = Installation::new(services(), "twice", 1);
    let run = || twice.command(&["run", "market-data", "--listen", "127.0.0.1:0", "--instance", "7"]).start();
    let mut old = run();
    std::thread::sleep(Duration::from_secs(4));
    assert!(!old.has_ended());
    let mut new = run();
    let mut waited = 0;
    while !old.has_ended() && !new.has_ended() && waited < 40 {
        std::thread::sleep(Duration::from_secs(1));
        waited += 1;
    }
    // Which one the group keeps is the broker's to say. It has to be one, and to stay that way.
    std::thread::sleep(Duration::from_secs(5));
    let (left, stays) = match (old.has_ended(), new.has_ended()) {
        (true, false) => (old, new),
        (false, true) => (new, old),
        (has_old_ended, _) => panic!("both have left: {has_old_ended}"),
    };
    let left = left.wait();
    assert_eq!(left.code, Some(3), "{left}");
    assert!(left.stderr.contains("market-data slot 7 was taken over by another member"), "{left}");
    stays.signal("TERM");
    assert_eq!(stays.wait().code, Some(0));
}

/// Records that no client of ours writes go to the dead letters, with the reason, and disturb no neighbour.
#[test]
fn poison_on_a_topic_goes_to_the_dead_letters_and_its_neighbours_go_on() {
    let poisoned = Installation::new(services(), "poisoned", 1);
    let hours = bundled("xauusd_oanda_hour_20060320_20140501.zip");
    let feed = ["feed", hours.to_str().unwrap(), "--instrument", "XAUUSD", "--venue", "OANDA"];
    poisoned.command(&feed).ok();
    let create = |to: &str| {
        let from_to = ["--bars", "time:1h", "--from", "2011-01-01", "--to", to];
        poisoned.command(&[&["snapshot", "create", "--instrument", "XAUUSD"][..], &from_to].concat()).ok()
    };
    create("2012-01-01");
    let log = KafkaLog::connect(KafkaSettings::new(shared::kafka().bootstrap(), "poisoned."), 1).unwrap();
    let good = read(&log, "data.commands.v1").remove(0);
    let foreign = read(&log, "market.ticks.v1").remove(0).value;
    let frame = good.value.clone().unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = frame.clone();
        change(&mut bytes);
        Some(bytes)
    };
    let name = frame.windows(6).position(|window| window == b"XAUUSD").unwrap();
    let poisons = [
        changed(&|bytes| bytes.truncate(bytes.len() - 3)),
        changed(&|bytes| bytes.truncate(3)),
        changed(&|bytes| bytes[0] = 1),
        changed(&|bytes| bytes.push(0)),
        changed(&|bytes| bytes[name] = 0xff),
        changed(&|bytes| bytes.resize(10 << 20, 0)),
        Some(Vec::new()),
        None,
        foreign,
    ];
    let record = |value: &Option<Vec<u8>>| NewRecord {
        topic: "data.commands.v1".into(),
        key: good.key.clone(),
        headers: Vec::new(),
        value: value.clone(),
        timestamp_micros: 0,
    };
    log.append(poisons.iter().map(record).collect()).unwrap();
    // A neighbour behind them is answered.
    assert_eq!(create("2013-01-01")["status"], "sealed");
    let listed = poisoned.command(&["dlq", "ls", "data.commands.v1"]).ok();
    assert_eq!(listed.as_array().unwrap().len(), poisons.len(), "{listed}");
    let letters = read(&log, "data.commands.v1.dlq");
    let values: Vec<_> = letters.iter().map(|letter| letter.value.clone()).collect();
    assert!(
        values == poisons,
        "{} dead letters, not the {} records as they were",
        values.len(),
        poisons.len()
    );
    for letter in &letters {
        let header = |name: &str| {
            let found = letter.headers.iter().find(|(key, _)| key == name);
            String::from_utf8(found.unwrap_or_else(|| panic!("no header {name}")).1.clone()).unwrap()
        };
        assert_eq!(header("__connect.errors.topic"), "data.commands.v1");
        assert_eq!(header("__connect.errors.connector.name"), "market-data");
        assert!(!header("__connect.errors.exception.message").is_empty());
    }
}

/// Everything in the one partition of a topic.
fn read(log: &KafkaLog, topic: &str) -> Vec<Record> {
    let place = TopicPartition::new(topic, 0);
    let (start, end) = log.bounds(&place).unwrap();
    let mut tail = log.tail(&Positions::from([(place, start)])).unwrap();
    let mut records: Vec<Record> = Vec::new();
    while records.last().map_or(start, |last| last.offset + 1) < end {
        records.extend(tail.poll(100, Duration::from_secs(5)).unwrap());
    }
    records
}

/// The ranges of a log that have closed, by the records alone.
fn closed_ranges(log: &KafkaLog, most_bytes: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    for topic in topics::ALL {
        let mut cutter = Cutter::new(topic.name, 0, 0, most_bytes);
        ranges.extend(read(log, topic.name).into_iter().filter_map(|record| {
            let headers = record.headers.iter().map(|(name, value)| name.len() + value.len());
            let bytes =
                record.key.len() + headers.sum::<usize>() + record.value.map_or(0, |value| value.len());
            cutter.push(record.offset, bytes as u64, record.timestamp_micros)
        }));
    }
    ranges
}

/// An archiver that is killed again and again, one that is not, and a log from which all is removed that is archived.
#[test]
fn the_archive_survives_kills_and_stands_in_for_what_the_brokers_have_removed() {
    const FILE_KB: u64 = 512;
    let mut archived = Installation::new(services(), "archived", 1);
    archived.environment.push(("GAUNTLET_ARCHIVE__FILE_KB".to_owned(), FILE_KB.to_string()));
    let hours = bundled("xauusd_oanda_hour_20060320_20140501.zip");
    let feed = ["feed", hours.to_str().unwrap(), "--instrument", "XAUUSD", "--venue", "OANDA"];
    archived.command(&feed).ok();
    let (before, whole) = (archived.digest(), archived.command(&["replay", "--all"]).ok());
    let log = KafkaLog::connect(KafkaSettings::new(shared::kafka().bootstrap(), "archived."), 1).unwrap();
    let ranges = closed_ranges(&log, FILE_KB << 10);
    let mut expected: Vec<String> = ranges.iter().map(Range::path).collect();
    expected.sort_unstable();
    assert!(expected.len() > 10, "{} files", expected.len());
    let files = |part: &str| {
        let keys = services().s3.keys(&format!("{part}/archive/"));
        let mut paths: Vec<String> =
            keys.iter().map(|key| key.trim_start_matches(&format!("{part}/")).to_owned()).collect();
        paths.sort_unstable();
        paths
    };
    let archiver = |instance: &str, lake: &str| {
        let run = ["run", "archiver", "--listen", "127.0.0.1:0", "--instance", instance];
        archived.command(&run).env("GAUNTLET_LAKE__URL", &format!("s3://lake/{lake}")).start()
    };
    // Killed at the first file, and at every few after it.
    let mut kills = 0;
    for wanted in (1..expected.len()).step_by(8) {
        let mut process = archiver("0", "archived");
        process.until("files", || files("archived").len() >= wanted);
        assert!(process.kill().was_killed());
        kills += 1;
    }
    let mut last = archiver("0", "archived");
    last.until("every file", || files("archived").len() >= expected.len());
    last.signal("TERM");
    assert_eq!(last.wait().code, Some(0));
    assert_eq!(files("archived"), expected, "after {kills} kills");
    let mut alone = archiver("1", "alone");
    alone.until("every file", || files("alone").len() >= expected.len());
    alone.signal("TERM");
    assert_eq!(alone.wait().code, Some(0));
    for path in &expected {
        let [killed, alone] = ["archived", "alone"].map(|part| services().s3.get(&format!("{part}/{path}")));
        assert!(killed == alone, "{path} is another file");
    }
    for range in &ranges {
        log.trim(&TopicPartition::new(range.topic.as_str(), range.partition), range.next()).unwrap();
    }
    log.delete_snapshots().unwrap();
    archived.digest().assert_equals(&before, "without what is archived");
    let replayed = archived.command(&["replay", "--all"]).ok();
    assert_eq!((&replayed["identical"], &replayed["compared"]), (&true.into(), &whole["compared"]));
    let verified = archived.command(&["verify"]).ok();
    assert_eq!((&verified["ok"], &verified["checked"]["archived"]), (&true.into(), &expected.len().into()));
    archived.command(&["views", "rebuild"]).ok();
    archived.digest().assert_equals(&before, "after a rebuild of the views");
    // An object that is gone is named.
    let key = format!("archived/{}", expected[0]);
    services().s3.delete(&key);
    let problems = archived.command(&["verify"]).run();
    assert_eq!(problems.code, Some(1), "{problems}");
    assert!(problems.stdout.contains("neither on the log nor in the archive"), "{problems}");
}

/// Everything fails while the demo runs: processes are killed and started again, brokers, registry, views and lake go
/// away and come back, one process stands still for longer than its session. What it comes to is the recorded digest.
///
/// `GAUNTLET_FAULTS=full` does it as often as a release asks for.
#[test]
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn kills_and_outages_cost_time_and_nothing_else() {
    let full = std::env::var_os("GAUNTLET_FAULTS").is_some_and(|wanted| wanted == "full");
    let (kills, broker, others) = if full { (50, 5, 3) } else { (8, 1, 1) };
    let starting = std::thread::spawn(durable_cassandra);
    let mut kafka = Kafka::start();
    let mut registry = SchemaRegistry::start(RegistryStorage::Kafka(kafka.bootstrap()));
    let mut cassandra = starting.join().unwrap();
    let services = Services::new(&kafka, &registry, &cassandra);
    let mut faulty = Installation::new(&services, "faulty", 4);
    // Many small transactions: there is always one to break.
    for (name, size) in [("BATCH_RECORDS", "10"), ("WORKER_QUEUE", "8"), ("PROJECTOR_BATCH", "200")] {
        faulty.environment.push((format!("GAUNTLET_RUNTIME__{name}"), size.to_owned()));
    }
    let mut processes = faulty.run_all(3);
    let mut random = Random::seeded(20_141_124);
    let mut demo = faulty.command(&["demo", "--no-serve"]).start();
    let mut plan: Vec<&str> = std::iter::repeat_n("kill", kills)
        .chain(std::iter::repeat_n("broker", broker))
        .chain(std::iter::repeat_n("registry", others))
        .chain(std::iter::repeat_n("store", others))
        .chain(std::iter::repeat_n("lake", others))
        .chain(["standstill"])
        .collect();
    for last in (1..plan.len()).rev() {
        plan.swap(last, random.between(0, last as u64 + 1) as usize);
    }
    let mut reruns = 0;
    for fault in &plan {
        std::thread::sleep(Duration::from_millis(random.between(300, 2_500)));
        let outage = Duration::from_secs(random.between(10, if full { 30 } else { 12 }));
        let victim = random.between(0, 3) as usize;
        match *fault {
            "kill" => {
                let old = std::mem::replace(&mut processes[victim], faulty.run_one(victim));
                // The new one may already be there when the old one dies: it fences it or finds it gone.
                old.kill();
            }
            "broker" => {
                kafka.kill();
                std::thread::sleep(Duration::from_secs(5));
                kafka.start_again();
            }
            "registry" => {
                registry.kill();
                std::thread::sleep(outage);
                registry.start_again();
            }
            "store" => {
                cassandra.kill();
                std::thread::sleep(outage);
                cassandra.start_again();
            }
            "lake" => {
                services.door.close();
                std::thread::sleep(outage);
                services.door.open();
            }
            _ => {
                let pid = processes[victim].pid().to_string();
                let send = |signal: &str| {
                    std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
                };
                send("STOP");
                std::thread::sleep(Duration::from_secs(30));
                send("CONT");
            }
        }
        // What ends by itself is started again, as an operator's supervisor does.
        for (instance, process) in processes.iter_mut().enumerate() {
            if process.has_ended() {
                let ended = std::mem::replace(process, faulty.run_one(instance)).wait();
                eprintln!(
                    "after {fault}: process {instance} had ended: {}",
                    ended.stderr.lines().last().unwrap_or_default()
                );
            }
        }
        if demo.has_ended() {
            let ended = std::mem::replace(&mut demo, faulty.command(&["demo", "--no-serve"]).start()).wait();
            eprintln!(
                "after {fault}: the demo had ended with {:?}: {}",
                ended.code,
                ended.stderr.lines().last().unwrap_or_default()
            );
            reruns += 1;
        }
    }
    drop(demo);
    // An interrupted demo goes on where it was; everything that it acknowledged is there.
    faulty.command(&["demo", "--no-serve"]).ok();
    let json = faulty.command(&["digest"]).ok();
    Digest::of(&json).assert_equals(&recorded(), "after kills and outages");
    let duplicates: u64 =
        json["topics"].as_object().unwrap().values().map(|topic| topic["duplicates"].as_u64().unwrap()).sum();
    eprintln!("{} faults, the demo was started {reruns} times more, {duplicates} raw duplicates", plan.len());
}

/// README's commands for a cluster, as they are written, but for the addresses.
/// Nothing in a gateway lasts: what one took another knows, and a subscription that one began another goes on with.
#[test]
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn two_gateways_serve_the_same() {
    let installation = Installation::new(services(), "gateways", 2);
    let hours = bundled("xauusd_oanda_hour_20060320_20140501.zip");
    let feed = ["feed", hours.to_str().unwrap(), "--instrument", "XAUUSD", "--venue", "OANDA"];
    installation.command(&feed).ok();
    let [(first, one), (second, other)] = [0, 1].map(|instance| {
        let (address, number) = (format!("127.0.0.1:{}", free_port()), instance.to_string());
        let run = ["run", "all", "--listen", &address, "--instance", &number];
        let mut process = installation.command_in(&installation.own[instance], &run).start();
        process.until("readiness", || {
            TcpStream::connect(&address).is_ok() && answer(&address, "GET", "/readyz", &[], b"").status == 200
        });
        (process, address)
    });
    let issue = ["token", "issue", "test", "--scopes", "read,submit", "--as", "ann"];
    let bearer = format!("Bearer {}", installation.command(&issue).ok()["secret"].as_str().unwrap());
    let ask = |address: &str, method: &str, path: &str, body: &[u8]| {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
        answer(address, method, &format!("/api/v1{path}"), &headers, body)
    };
    let until = Instant::now() + Duration::from_secs(60);
    while ask(&other, "GET", "/me", b"").status != 200 {
        assert!(Instant::now() < until, "the token does not count");
        std::thread::sleep(Duration::from_millis(100));
    }
    let submitted = ask(&one, "POST", "/experiments", MINI.as_bytes());
    assert_eq!(submitted.status, 202, "{}", submitted.text());
    let id = submitted.json()["experiment_id"].as_str().unwrap().to_owned();
    let again = ask(&other, "POST", "/experiments", MINI.as_bytes());
    assert_eq!(
        (again.status, again.json()["experiment_id"].as_str()),
        (200, Some(id.as_str())),
        "{}",
        again.text()
    );
    let conflict = ask(&other, "POST", "/experiments", MINI.replace("seed: 3", "seed: 4").as_bytes());
    assert_eq!(conflict.status, 422, "{}", conflict.text());
    let path = format!("/events?from=start&experiments={id}");
    let judged = |address: &str| {
        let page = ask(address, "GET", &format!("{path}&records=ExperimentJudged&wait=20"), b"");
        page.json()["events"].as_array().is_some_and(|events| !events.is_empty())
    };
    let until = Instant::now() + Duration::from_secs(180);
    while !judged(&one) {
        assert!(Instant::now() < until, "the experiment is not judged");
    }
    let ids = |page: &Json| -> Vec<String> {
        page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    };
    // What lies far behind is read from the brokers, and by either to the last record.
    let whole = ask(&one, "GET", &path, b"").json();
    let all = ids(&whole);
    assert!(all.len() > 60, "{}", all.len());
    let begun = ask(&one, "GET", &format!("{path}&records=TrialCompleted,TrialPruned"), b"").json();
    first.kill();
    let same = ask(&other, "GET", &path, b"").json();
    assert_eq!(BTreeSet::from_iter(ids(&same)), BTreeSet::from_iter(all));
    let next = begun["next"].as_str().unwrap();
    let rest = ask(&other, "GET", &format!("{path}&after={next}"), b"").json();
    assert!(ids(&rest).is_empty(), "an event is told twice: {rest}");
    let listed = installation.command(&["ls", "runs", "--sort", "-sharpe"]).ok();
    let rows = ask(&other, "GET", "/runs?sort=-sharpe&limit=1000", b"").json()["rows"].clone();
    assert_eq!(rows, listed);
    second.signal("INT");
    assert_eq!(second.wait().code, Some(0));
}

#[test]
fn readme_on_a_cluster() {
    let planned = Installation::planned(services(), "readme", 2);
    let mut block = examples("README.md", "On a cluster", "sh").remove(0);
    let value = |name: &str| {
        let (_, value) = planned.environment.iter().find(|(known, _)| known == name).unwrap();
        value.clone()
    };
    let build = block.lines().next().unwrap().to_owned();
    assert!(build.starts_with("cargo build "), "{build}");
    let ports = [(); 2].map(|()| free_port().to_string());
    for (written, here) in [
        (build.as_str(), ""),
        ("localhost:9092", &value("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS")),
        ("http://localhost:8081/apis/ccompat/v7", &value("GAUNTLET_REGISTRY__URL")),
        ("localhost:9042", &value("GAUNTLET_CQL__NODES")),
        ("s3://bucket/prefix", &value("GAUNTLET_LAKE__URL")),
        ("localhost:9000", &format!("127.0.0.1:{}", services().door.port())),
        ("aws_region: us-east-1", "aws_region: us-east-1, aws_access_key_id: a, aws_secret_access_key: b"),
        ("127.0.0.1:8686", &format!("127.0.0.1:{}", ports[0])),
        ("127.0.0.1:8687", &format!("127.0.0.1:{}", ports[1])),
    ] {
        assert!(block.contains(written), "README does not say '{written}' any more");
        block = block.replace(written, here);
    }
    let dir = &planned.dir;
    let script = format!(
        "set -e\ntrap 'kill $(jobs -p); wait' EXIT\n\
         gauntlet() {{ if [ \"$1\" = run ]; then exec \"$BIN\" \"$@\"; else \"$BIN\" \"$@\"; fi; }}\n{block}"
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &script]).env("BIN", binary());
    // What the servers that the tests share ask for: a name of one's own, and few partitions.
    let own = ["GAUNTLET_TOPICS__PREFIX", "GAUNTLET_CQL__KEYSPACE", "GAUNTLET_TOPICS__PARTITIONS"];
    let command = gauntlet_tests::Command::isolated(bash).env("GAUNTLET_DIR", dir.node().to_str().unwrap());
    let run = own.iter().fold(command, |command, name| command.env(name, &value(name))).run();
    assert_eq!(run.code, Some(0), "{run}");
    Digest::of(&planned.command(&["digest"]).ok()).assert_equals(&recorded(), "by README");
    assert!(run.stdout.contains(&recorded().all), "{run}");
}

#[test]
fn clients_in_python_and_java_see_what_gauntlet_says_and_feed_it() {
    let outside = Installation::new(services(), "outside", 3);
    let mut check = std::process::Command::new(repository().join("tests/clients/check"));
    // The binary takes every variable of that name for configuration.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GAUNTLET_")) {
        check.env_remove(name);
    }
    check.envs(outside.environment.iter().map(|(name, value)| (name, value)));
    check.env("GAUNTLET_DIR", outside.dir.node()).env("GAUNTLET_BIN", binary());
    let run = check.output().unwrap_or_else(|error| panic!("tests/clients/check does not start: {error}"));
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    eprint!("{said}");
    assert!(run.status.success(), "{}: {complained}", run.status);
    assert!(said.contains("verify: all holds"), "the check has not come to its end: {said}");
}
