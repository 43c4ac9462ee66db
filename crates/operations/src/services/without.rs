//! What a build without the clients answers.

use std::sync::Arc;

use gauntlet_config::Config;
use gauntlet_lake::Lake;
use gauntlet_runtime::spans::Spans;
use gauntlet_views::ViewStore;
use gauntlet_wire::Codec;

use super::{Fill, Role, Services};
use crate::processors::Processors;
use crate::refusal::Refusal;
use crate::setup::{AppliedTopics, MigratedViews, RegisteredSchemas, TopicsPlan};

fn refused<T>(key: &str) -> Result<T, Refusal> {
    Err(Refusal::Outside(format!(
        "{key} is set, and this build has no clients for a cluster: build it with cargo build --release --features cluster"
    )))
}

/// Refuses.
pub fn open(_: &Config, _: Role) -> Result<Arc<dyn Services>, Refusal> {
    refused("kafka.bootstrap_servers")
}

/// Refuses.
pub fn plan_topics(_: &Config, _: &Processors) -> Result<TopicsPlan, Refusal> {
    refused("kafka.bootstrap_servers")
}

/// Refuses.
pub fn apply_topics(_: &Config) -> Result<AppliedTopics, Refusal> {
    refused("kafka.bootstrap_servers")
}

/// Refuses.
pub fn views(_: &Config) -> Result<Arc<dyn ViewStore>, Refusal> {
    refused("cql.nodes")
}

/// Refuses.
pub fn rebuild_views(_: &Config, _: Fill<'_>) -> Result<(), Refusal> {
    refused("cql.nodes")
}

/// Refuses.
pub fn migrate_views(_: &Config) -> Result<MigratedViews, Refusal> {
    refused("cql.nodes")
}

/// Refuses.
pub fn codec(_: &Config) -> Result<Codec, Refusal> {
    refused("registry.url")
}

/// Refuses.
pub fn register_schemas(_: &Config, _: bool) -> Result<RegisteredSchemas, Refusal> {
    refused("registry.url")
}

/// Refuses.
pub fn lake(_: &Config) -> Result<Lake, Refusal> {
    refused("lake.url")
}

/// Refuses.
pub fn spans(_: &Config) -> Result<Arc<dyn Spans>, Refusal> {
    refused("telemetry.otlp_endpoint")
}
