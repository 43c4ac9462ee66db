//! The three servers start, answer, die and come back.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use gauntlet_servers::{Cassandra, Kafka, RegistryStorage, SchemaRegistry};

#[test]
fn all_three_start_and_start_again() {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let cassandra = scope.spawn(Cassandra::start);
        let mut kafka = Kafka::start();
        let registry = SchemaRegistry::start(RegistryStorage::Kafka(kafka.bootstrap()));
        drop(cassandra.join().unwrap());
        eprintln!("three servers started in {:.1?}", began.elapsed());
        let topics = "org.apache.kafka.tools.TopicCommand";
        let at = kafka.bootstrap();
        kafka.tool(topics, &["--bootstrap-server", &at, "--create", "--topic", "t", "--partitions", "2"]);
        kafka.kill();
        kafka.start_again();
        assert!(kafka.tool(topics, &["--bootstrap-server", &at, "--list"]).lines().any(|line| line == "t"));
        drop(registry);
    });
}
