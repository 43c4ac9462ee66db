//! The clients of views, registry and object store, set up as the configuration says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_config::{Config, nearest, resolve_secret};
use gauntlet_lake::objects::{is_option, usual_options};
use gauntlet_lake::{Lake, ObjectStoreSettings};
use gauntlet_schema_registry::{Password, RemoteRegistry, Settings, State};
use gauntlet_scylla_views::{CqlOptions, CqlStore, Secret};
use gauntlet_views::ViewStore;
use gauntlet_wire::Codec;

use super::Fill;
use crate::refusal::Refusal;
use crate::setup::{MigratedViews, RegisteredSchemas, SchemaState, SchemaVersion};

/// The views of the configured nodes.
pub fn views(config: &Config) -> Result<Arc<dyn ViewStore>, Refusal> {
    Ok(Arc::new(CqlStore::connect(cql_options(config)?)?))
}

/// Makes the keyspace and its tables, or adds what they lack.
pub fn migrate_views(config: &Config) -> Result<MigratedViews, Refusal> {
    let applied = CqlStore::migrate(&cql_options(config)?)?;
    Ok(MigratedViews { keyspace: config.cql.keyspace.clone(), applied })
}

/// Fills new tables beside the ones in use, and lets them take their place once they have caught up.
pub fn rebuild_views(config: &Config, fill: Fill<'_>) -> Result<(), Refusal> {
    let store = CqlStore::connect(cql_options(config)?)?;
    let fresh = Arc::new(store.begin_rebuild()?);
    fill(fresh.clone())?;
    store.switch_to(&fresh)?;
    Ok(())
}

fn cql_options(config: &Config) -> Result<CqlOptions, Refusal> {
    let cql = &config.cql;
    let password = resolve_secret("cql.password", &cql.password)?;
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(CqlOptions {
        nodes: cql.nodes.split(',').map(|node| node.trim().to_owned()).collect(),
        keyspace: cql.keyspace.clone(),
        replication: BTreeMap::from([(cql.datacenter.clone(), cql.replication.into())]),
        user: given(&cql.user),
        password: given(&password).map(Secret::new),
        ca_file: given(&cql.ca_file).map(PathBuf::from),
        in_flight: cql.in_flight,
        timeout_ms: cql.timeout_ms,
        ..CqlOptions::default()
    })
}

/// A codec with the registry's numbers.
pub fn codec(config: &Config) -> Result<Codec, Refusal> {
    Ok(Codec::new(Arc::new(RemoteRegistry::connect(&registry_settings(config)?).map_err(from_registry)?)))
}

/// Registers every version of every record; with `only_check` asks whether they would fit.
pub fn register_schemas(config: &Config, only_check: bool) -> Result<RegisteredSchemas, Refusal> {
    let settings = registry_settings(config)?;
    let report = if only_check {
        gauntlet_schema_registry::check(&settings)
    } else {
        gauntlet_schema_registry::register(&settings)
    };
    let report = report.map_err(from_registry)?;
    let added = report.added();
    let state = |state: State| match state {
        State::Present => SchemaState::Present,
        State::Added => SchemaState::Added,
        State::Missing => SchemaState::Missing,
    };
    let subjects = report.versions.into_iter().map(|of| SchemaVersion {
        subject: of.subject,
        version: of.version,
        id: of.id,
        state: state(of.state),
    });
    Ok(RegisteredSchemas { added, subjects: subjects.collect() })
}

fn registry_settings(config: &Config) -> Result<Settings, Refusal> {
    let registry = &config.registry;
    if registry.url.is_empty() {
        return Err(Refusal::BadInput("registry.url is empty: there is no registry to speak to".into()));
    }
    let password = resolve_secret("registry.password", &registry.password)?;
    Ok(Settings {
        urls: registry.url.split(',').map(|url| url.trim().to_owned()).collect(),
        topic_prefix: config.topics.prefix.clone(),
        basic_auth: (!registry.user.is_empty()).then(|| (registry.user.clone(), Password::new(password))),
        ca_file: (!registry.ca_file.is_empty()).then(|| PathBuf::from(&registry.ca_file)),
        timeout: Duration::from_millis(registry.timeout_ms.into()),
    })
}

fn from_registry(error: gauntlet_schema_registry::RegistryError) -> Refusal {
    Refusal::Outside(error.to_string())
}

/// The lake in the configured object store, with copies in a folder of the directory.
pub fn lake(config: &Config) -> Result<Lake, Refusal> {
    let lake = &config.lake;
    let mut options = BTreeMap::new();
    for (option, value) in &lake.properties {
        if !is_option(&lake.url, option) {
            let usual = usual_options(&lake.url);
            let instead = match nearest(option, usual.iter().copied()) {
                Some(name) => format!("did you mean '{name}'?"),
                None => format!("mostly used are {}", usual.join(", ")),
            };
            let what = format!("unknown option '{option}' in lake.properties for {}: {instead}", lake.url);
            return Err(Refusal::BadInput(what));
        }
        options.insert(option.clone(), resolve_secret(&format!("lake.properties.{option}"), value)?);
    }
    let settings = ObjectStoreSettings {
        url: lake.url.clone(),
        options,
        ca_file: (!lake.ca_file.is_empty()).then(|| PathBuf::from(&lake.ca_file)),
        timeout: Duration::from_millis(lake.timeout_ms.into()),
        cache: config.dir.join("lake-cache"),
        room: u64::from(lake.cache_mb) << 20,
    };
    Ok(Lake::connect(&settings)?)
}
