//! Real servers for tests: Apache Kafka, Apache Cassandra and Apicurio Registry as child processes, from jars of Maven
//! Central, and moto's S3 from PyPI, on free ports of the loopback interface, with a folder of their own that is removed
//! afterwards.
//!
//! Both are fetched once into a cache beside the user's other caches (`GAUNTLET_SERVERS_CACHE` puts it elsewhere); with
//! them there nothing needs the network. A server dies with the process that started it, however that ends.
//!
//! Panics where a test would: without the server there is no test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cassandra;
mod door;
mod jars;
mod kafka;
mod process;
mod registry;
mod s3;
pub mod shared;

pub use cassandra::Cassandra;
pub use door::Door;
pub use kafka::Kafka;
pub use process::{Server, free_port};
pub use registry::{Guard, RegistryStorage, SchemaRegistry};
pub use s3::S3;
