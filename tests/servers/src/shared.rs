//! Servers that many suites use and none harms. A run of all tests starts them once (`gauntlet-servers`, the program of
//! this package) and names them in `GAUNTLET_TEST_SERVERS`; a suite that runs alone starts those that it asks for.

use std::sync::OnceLock;

use crate::{Cassandra, Kafka, RegistryStorage, SchemaRegistry};

/// The variable: `kafka=PORT registry=PORT cassandra=PORT`.
pub const VARIABLE: &str = "GAUNTLET_TEST_SERVERS";

/// The port of a server that the run of all tests has started.
fn port_of(name: &str) -> Option<u16> {
    let named = std::env::var(VARIABLE).ok()?;
    let port = named.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let port = port.unwrap_or_else(|| panic!("{VARIABLE} names no {name}: {named}"));
    Some(port.parse().unwrap_or_else(|_| panic!("{VARIABLE}: '{port}' is no port")))
}

/// A broker.
pub fn kafka() -> &'static Kafka {
    static SERVER: OnceLock<Kafka> = OnceLock::new();
    SERVER.get_or_init(|| port_of("kafka").map_or_else(Kafka::start, Kafka::elsewhere))
}

/// A registry; it keeps its schemas on the broker when the run of all tests has started it.
pub fn registry() -> &'static SchemaRegistry {
    static SERVER: OnceLock<SchemaRegistry> = OnceLock::new();
    let start = || SchemaRegistry::start(RegistryStorage::Memory);
    SERVER.get_or_init(|| port_of("registry").map_or_else(start, SchemaRegistry::elsewhere))
}

/// A Cassandra node.
pub fn cassandra() -> &'static Cassandra {
    static SERVER: OnceLock<Cassandra> = OnceLock::new();
    SERVER.get_or_init(|| port_of("cassandra").map_or_else(Cassandra::start, Cassandra::elsewhere))
}

/// Broker, registry and node; they end when this is dropped.
pub struct Servers {
    kafka: Kafka,
    registry: SchemaRegistry,
    cassandra: Cassandra,
}

impl Servers {
    /// Starts all three, and waits until they answer.
    pub fn start() -> Servers {
        std::thread::scope(|scope| {
            let cassandra = scope.spawn(Cassandra::start);
            let kafka = Kafka::start();
            let registry = SchemaRegistry::start(RegistryStorage::Kafka(kafka.bootstrap()));
            Servers { kafka, registry, cassandra: cassandra.join().unwrap() }
        })
    }

    /// As the variable names them.
    pub fn names(&self) -> String {
        let Servers { kafka, registry, cassandra } = self;
        format!("kafka={} registry={} cassandra={}", kafka.port(), registry.port(), cassandra.port())
    }
}
