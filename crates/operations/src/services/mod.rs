//! The services of a cluster behind the ports: Kafka, a schema registry, ScyllaDB or Cassandra, an object store; and a
//! collector of spans.
//!
//! A build without the feature `cluster` has none of their clients and says so.

#[cfg(feature = "cluster")]
mod services;
#[cfg(feature = "cluster")]
mod spans;
#[cfg(not(feature = "cluster"))]
mod without;

#[cfg(feature = "cluster")]
pub use services::{Cluster, codec, lake, migrate_views, rebuild_views, register_schemas, views};
#[cfg(feature = "cluster")]
pub use spans::spans;
#[cfg(not(feature = "cluster"))]
pub use without::{Cluster, codec, lake, migrate_views, rebuild_views, register_schemas, spans, views};
