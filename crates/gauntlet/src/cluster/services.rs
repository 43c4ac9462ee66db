//! The clients, set up as the configuration says.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_config::{Config, nearest, resolve_secret};
use gauntlet_kafka_log::{KafkaLog, KafkaSettings, Membership, STATE, TopicChange, TopicPlan};
use gauntlet_lake::objects::{is_option, usual_options};
use gauntlet_lake::{Lake, ObjectStoreSettings};
use gauntlet_log::{EventLog, TopicConfig};
use gauntlet_processor::topology::Access;
use gauntlet_runtime::Elsewhere;
use gauntlet_schema_registry::{Password, RemoteRegistry, Settings, State};
use gauntlet_scylla_views::{CqlOptions, CqlStore, Secret};
use gauntlet_views::ViewStore;
use gauntlet_wire::Codec;
use serde_json::{Value as Json, json};

use crate::node::{Role, definitions, topology};
use crate::report::{Refusal, Report};
use crate::table::table;

/// Slot numbers of visitors begin here; those of residents end below.
const VISITORS: u32 = 1 << 16;

/// The cluster's log.
pub struct Cluster {
    log: Arc<KafkaLog>,
    slot: u32,
}

impl Cluster {
    /// Connects; says within ten seconds when nobody answers.
    pub fn connect(config: &Config, role: Role) -> Result<Cluster, Refusal> {
        let kafka = &config.kafka;
        let mut settings = KafkaSettings::new(kafka.bootstrap_servers.clone(), config.topics.prefix.clone());
        settings.patience = Duration::from_secs(kafka.patience_seconds.into());
        for (property, value) in &kafka.properties {
            let value = resolve_secret(&format!("kafka.properties.{property}"), value)?;
            settings.properties.insert(property.clone(), value);
        }
        settings.check().map_err(Refusal::input)?;
        let slot = match role {
            Role::Resident => config.runtime.instance,
            Role::Visitor => {
                settings.membership = Membership::Dynamic;
                // Nobody else's, most likely; the other one would be fenced and say so.
                VISITORS + (RandomState::new().hash_one(std::process::id()) as u32 >> 1)
            }
        };
        let log = Arc::new(KafkaLog::connect(settings, kafka.replication)?);
        Ok(Cluster { log, slot })
    }

    /// The log.
    pub fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    /// This process's number among those that share the work.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// What others run.
    pub fn elsewhere(&self) -> Elsewhere {
        let log = self.log.clone();
        Elsewhere {
            is_served: Arc::new(move |processor| log.has_members(processor)),
            session: gauntlet_kafka_log::SESSION,
        }
    }

    /// Refuses topics that are missing or differ.
    pub fn check_topics(&self, topics: &[TopicConfig]) -> Result<(), Refusal> {
        Ok(self.log.check_topics(topics)?)
    }

    /// What `topics apply` would do; the answer is no when it could not.
    pub fn plan_topics(&self, topics: &[TopicConfig]) -> Result<Report, Refusal> {
        let plans = self.log.plan_topics(topics)?;
        let is_possible =
            plans.iter().all(|plan| matches!(plan.change, TopicChange::None | TopicChange::Create));
        let json: Vec<Json> = plans.iter().map(planned).collect();
        let rows = plans.iter().map(|plan| {
            vec![plan.topic.clone(), plan.partitions.to_string(), retention(plan), change(&plan.change)]
        });
        let text = table(&["topic", "partitions", "cleanup", "to do"], rows);
        let json = json!({
            "topics": json, "access": access_rights(), "external_trainer": external_trainer_rights(),
        });
        Ok(if is_possible { Report::done(json, text) } else { Report::no(json, text) })
    }

    /// Creates missing topics; what is there and differs is an error.
    pub fn apply_topics(&self, topics: &[TopicConfig]) -> Result<Report, Refusal> {
        let plans = self.log.plan_topics(topics)?;
        let missing = plans.iter().filter(|plan| plan.change == TopicChange::Create).count();
        self.log.create_topics(topics)?;
        let json = json!({ "created": missing, "topics": plans.len() });
        Ok(Report::done(json, format!("{missing} topics created, {} are as they should be", plans.len())))
    }
}

fn planned(plan: &TopicPlan) -> Json {
    json!({
        "topic": plan.topic, "partitions": plan.partitions, "settings": plan.settings,
        "change": change(&plan.change),
    })
}

fn retention(plan: &TopicPlan) -> String {
    let of = |name: &str| plan.settings.get(name).cloned().unwrap_or_default();
    match (of("cleanup.policy").as_str(), of("retention.ms").as_str()) {
        ("compact", _) => "newest of each key stays".into(),
        (_, "-1") => "stays".into(),
        (_, age) => format!("deleted after {} days", age.parse::<u64>().unwrap_or(0) / 86_400_000),
    }
}

fn change(change: &TopicChange) -> String {
    match change {
        TopicChange::None => "nothing".into(),
        TopicChange::Create => "create".into(),
        TopicChange::Partitions { found } => format!("cannot be mended: it has {found} partitions"),
        TopicChange::Setting { name, found, wanted } => {
            format!("cannot be mended here: {name} is {found}, it must be {wanted}")
        }
    }
}

/// The rights that each processor needs and no more: topic, group and transactional id, as Kafka's ACLs name them. What is
/// read through a slot has dead letters; what is only read along, as by the projector, has none, and nothing is written.
fn access_rights() -> BTreeMap<&'static str, Json> {
    let machines: Vec<&str> = definitions().iter().map(|definition| definition.name).collect();
    let mut rights = BTreeMap::new();
    for Access { name, reads, looks_up, writes } in topology().processors() {
        let writes_events = !writes.is_empty();
        let mut read: Vec<&str> = reads.iter().chain(looks_up).map(|topic| topic.name).collect();
        let mut write: Vec<String> = writes.iter().map(|topic| topic.name.to_owned()).collect();
        if writes_events {
            write.extend(reads.iter().map(|topic| topic.dead_letters()));
        }
        if machines.contains(name) {
            read.push(STATE);
            write.push(STATE.to_owned());
        }
        let transactional_id_prefix = writes_events.then(|| format!("{name}."));
        rights.insert(
            *name,
            json!({
                "read": read, "write": write, "group": name,
                "transactional_id_prefix": transactional_id_prefix,
            }),
        );
    }
    rights
}

/// The rights that the program behind `external:NAME` needs: the requests of trainer and evaluator, and their answers.
fn external_trainer_rights() -> Json {
    use gauntlet_domain::topics::{
        EVALUATION_OUTCOMES, EVALUATION_REQUESTS, TRAINING_REQUESTS, TRIAL_RESULTS,
    };
    json!({
        "read": [TRAINING_REQUESTS.name, EVALUATION_REQUESTS.name],
        "write": [TRIAL_RESULTS.name, EVALUATION_OUTCOMES.name],
        "group": "trainer.NAME", "transactional_id_prefix": "trainer.NAME.",
    })
}

/// The views of the configured nodes.
pub fn views(config: &Config) -> Result<Arc<dyn ViewStore>, Refusal> {
    Ok(Arc::new(CqlStore::connect(cql_options(config)?)?))
}

/// Makes the keyspace and its tables, or adds what they lack.
pub fn migrate_views(config: &Config) -> Result<Report, Refusal> {
    let steps = CqlStore::migrate(&cql_options(config)?)?;
    let text = match steps.len() {
        0 => format!("keyspace {} is up to date", config.cql.keyspace),
        count => format!("keyspace {}: {count} steps applied", config.cql.keyspace),
    };
    Ok(Report::done(json!({ "keyspace": config.cql.keyspace, "applied": steps }), text))
}

/// Fills new tables beside the ones in use, and lets them take their place once they have caught up.
pub fn rebuild_views(
    config: &Config,
    fill: impl Fn(Arc<dyn ViewStore>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
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
pub fn register_schemas(config: &Config, only_check: bool) -> Result<Report, Refusal> {
    let settings = registry_settings(config)?;
    let report = if only_check {
        gauntlet_schema_registry::check(&settings)
    } else {
        gauntlet_schema_registry::register(&settings)
    };
    let report = report.map_err(from_registry)?;
    let state = |state: State| match state {
        State::Present => "present",
        State::Added => "added",
        State::Missing => "missing",
    };
    let lines = report.versions.iter().map(|line| {
        json!({ "subject": line.subject, "version": line.version, "id": line.id, "state": state(line.state) })
    });
    let json = json!({ "added": report.added(), "subjects": lines.collect::<Vec<_>>() });
    let rows = report.versions.iter().map(|line| {
        let id = line.id.map(|id| id.to_string()).unwrap_or_default();
        vec![line.subject.clone(), line.version.to_string(), id, state(line.state).to_owned()]
    });
    Ok(Report::done(json, table(&["subject", "version", "id", ""], rows)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `infra/kafka/acls` makes its commands from the plan, and its own tests use the recorded one.
    #[test]
    fn the_recorded_plan_has_the_rights_that_processors_declare() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/checks/topics-plan.json");
        let recorded: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let sorted = |rights: &Json| {
            let mut rights = rights.clone();
            for right in ["read", "write"] {
                rights[right].as_array_mut().unwrap().sort_by_key(Json::to_string);
            }
            rights
        };
        let declared = access_rights();
        let of_plan = recorded["access"].as_object().unwrap();
        assert!(declared.keys().eq(of_plan.keys()), "{:?} are declared", declared.keys());
        for (processor, rights) in &declared {
            let of_plan = sorted(&of_plan[*processor]);
            assert_eq!(sorted(rights), of_plan, "{processor}: record infra/checks/topics-plan.json again");
        }
        assert_eq!(sorted(&external_trainer_rights()), sorted(&recorded["external_trainer"]));
    }
}
