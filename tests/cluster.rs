//! The same pipeline on real Kafka, a real schema registry and real Cassandra: what it comes to is the digest recorded
//! from one machine's embedded log, however many partitions and processes share the work.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::OnceLock;
use std::time::Duration;

use gauntlet_servers::{Cassandra, Kafka, RegistryStorage, SchemaRegistry};
use gauntlet_tests::{Digest, Dir, Started, gauntlet, recorded};

/// The three servers, started once for all tests of this file; they end with the process.
struct Servers {
    kafka: Kafka,
    registry: SchemaRegistry,
    cassandra: Cassandra,
}

fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        std::thread::scope(|scope| {
            let cassandra = scope.spawn(Cassandra::start);
            let kafka = Kafka::start();
            let registry = SchemaRegistry::start(RegistryStorage::Kafka(kafka.bootstrap()));
            Servers { kafka, registry, cassandra: cassandra.join().unwrap() }
        })
    })
}

/// An installation of its own on the servers: a prefix and a keyspace.
struct Installation {
    name: &'static str,
    partitions: u32,
    dir: Dir,
}

impl Installation {
    /// With topics, schemas and tables made by the commands that an operator uses.
    fn new(name: &'static str, partitions: u32) -> Installation {
        let installation = Installation { name, partitions, dir: Dir::new() };
        installation.command(&["topics", "apply"]).ok();
        installation.command(&["schemas", "register"]).ok();
        installation.command(&["views", "migrate"]).ok();
        installation
    }

    fn command(&self, args: &[&str]) -> gauntlet_tests::Command {
        let servers = servers();
        gauntlet(["--profile", "cluster"].iter().chain(args))
            .on(&self.dir)
            .env("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS", &servers.kafka.bootstrap())
            .env("GAUNTLET_REGISTRY__URL", &servers.registry.url())
            .env("GAUNTLET_CQL__NODES", &servers.cassandra.contact_point())
            .env("GAUNTLET_CQL__KEYSPACE", self.name)
            .env("GAUNTLET_TOPICS__PREFIX", &format!("{}.", self.name))
            .env("GAUNTLET_TOPICS__PARTITIONS", &self.partitions.to_string())
            .env("GAUNTLET_KAFKA__PATIENCE_SECONDS", "60")
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.command(&["digest"]).ok())
    }

    /// Processes that share the work, each with a number of its own.
    fn run_all(&self, count: usize) -> Vec<Started> {
        let start = |instance: usize| {
            let instance = instance.to_string();
            self.command(&["run", "all", "--listen", "127.0.0.1:0", "--instance", &instance]).start()
        };
        (0..count).map(start).collect()
    }
}

#[test]
fn the_demo_on_a_cluster_comes_to_the_recorded_digest() {
    let one = Installation::new("one", 1);
    one.command(&["demo", "--no-serve"]).ok();
    one.digest().assert_equals(&recorded(), "one process, one partition");
    assert_eq!(one.command(&["replay", "--all"]).ok()["identical"], true);
    assert_eq!(one.command(&["verify"]).ok()["ok"], true);
}

#[test]
fn three_processes_share_four_partitions_and_come_to_the_recorded_digest() {
    let four = Installation::new("four", 4);
    let mut processes = four.run_all(3);
    four.command(&["demo", "--no-serve"]).ok();
    four.digest().assert_equals(&recorded(), "three processes, four partitions");
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
    let twice = Installation::new("twice", 1);
    let run = || twice.command(&["run", "market-data", "--listen", "127.0.0.1:0", "--instance", "7"]).start();
    let mut old = run();
    std::thread::sleep(Duration::from_secs(4));
    assert!(!old.has_ended());
    let mut new = run();
    let mut waited = 0;
    while !old.has_ended() && waited < 30 {
        std::thread::sleep(Duration::from_secs(1));
        waited += 1;
    }
    assert!(!new.has_ended(), "the newer one has left");
    let left = old.wait();
    assert_eq!(left.code, Some(3), "{left}");
    assert!(left.stderr.contains("market-data slot 7 was taken over by another member"), "{left}");
    new.signal("TERM");
    assert_eq!(new.wait().code, Some(0));
}
