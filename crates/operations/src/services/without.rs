//! What a build without the clients answers.

use std::convert::Infallible;
use std::sync::Arc;

use gauntlet_config::Config;
use gauntlet_lake::Lake;
use gauntlet_log::{EventLog, TopicConfig};
use gauntlet_runtime::spans::Spans;
use gauntlet_views::ViewStore;
use gauntlet_wire::Codec;

use crate::node::Role;
use crate::report::{Refusal, Report};

/// There is none.
pub struct Cluster(Infallible);

fn refused<T>(key: &str) -> Result<T, Refusal> {
    Err(Refusal::Outside(format!(
        "{key} is set, and this build has no clients for a cluster: build it with cargo build --release --features cluster"
    )))
}

#[allow(missing_docs)]
impl Cluster {
    pub fn connect(_: &Config, _: Role) -> Result<Cluster, Refusal> {
        refused("kafka.bootstrap_servers")
    }

    pub fn log(&self) -> Arc<dyn EventLog> {
        match self.0 {}
    }

    pub fn slot(&self) -> u32 {
        match self.0 {}
    }

    pub fn elsewhere(&self) -> gauntlet_runtime::Elsewhere {
        match self.0 {}
    }

    pub fn check_topics(&self, _: &[TopicConfig]) -> Result<(), Refusal> {
        match self.0 {}
    }

    pub fn plan_topics(&self, _: &[TopicConfig]) -> Result<Report, Refusal> {
        match self.0 {}
    }

    pub fn apply_topics(&self, _: &[TopicConfig]) -> Result<Report, Refusal> {
        match self.0 {}
    }
}

/// Refuses.
pub fn views(_: &Config) -> Result<Arc<dyn ViewStore>, Refusal> {
    refused("cql.nodes")
}

/// Refuses.
pub fn spans(_: &Config) -> Result<Arc<dyn Spans>, Refusal> {
    refused("telemetry.otlp_endpoint")
}

/// Refuses.
pub fn migrate_views(_: &Config) -> Result<Report, Refusal> {
    refused("cql.nodes")
}

/// Refuses.
pub fn codec(_: &Config) -> Result<Codec, Refusal> {
    refused("registry.url")
}

/// Refuses.
pub fn lake(_: &Config) -> Result<Lake, Refusal> {
    refused("lake.url")
}

/// Refuses.
pub fn register_schemas(_: &Config, _: bool) -> Result<Report, Refusal> {
    refused("registry.url")
}

/// Refuses.
pub fn rebuild_views(
    _: &Config,
    _: impl Fn(Arc<dyn ViewStore>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    refused("cql.nodes")
}
