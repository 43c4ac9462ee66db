//! The services of a cluster: Kafka, and what the configuration names beside it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_config::{Config, resolve_secret};
use gauntlet_domain::topics::EXPERIMENTS;
use gauntlet_kafka_log::{KafkaLog, KafkaSettings, Membership, STATE, TopicChange, TopicPlan};
use gauntlet_log::EventLog;
use gauntlet_processor::Access;
use gauntlet_runtime::Elsewhere;
use gauntlet_views::EmbeddedStore;

use super::stores::Stores;
use super::{Role, Services};
use crate::processors::Processors;
use crate::refusal::Refusal;
use crate::setup::{AppliedTopics, Change, PlannedTopic, Rights, TopicsPlan};

/// Slot numbers of visitors begin here; those of residents end below.
const VISITORS: u32 = 1 << 16;
/// How often lag and health are looked at: brokers are asked for it.
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// The cluster.
struct Cluster {
    log: Arc<KafkaLog>,
    slot: u32,
    role: Role,
    stores: Stores,
}

/// Connects to everything and refuses topics that are missing or differ.
pub fn open(config: &Config, role: Role) -> Result<Arc<dyn Services>, Refusal> {
    let (log, slot) = connect(config, role)?;
    let stores = Stores::open(config, || Ok(EmbeddedStore::open(&config.dir.join("views.redb"))?))?;
    log.check_topics(&gauntlet_runtime::topics(config.topics.partitions))?;
    Ok(Arc::new(Cluster { log, slot, role, stores }))
}

/// The log, and this process's number among those that share the work. Says within ten seconds when nobody answers.
fn connect(config: &Config, role: Role) -> Result<(Arc<KafkaLog>, u32), Refusal> {
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
    Ok((Arc::new(KafkaLog::connect(settings, kafka.replication)?), slot))
}

impl Services for Cluster {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    fn stores(&self) -> &Stores {
        &self.stores
    }

    fn slot(&self) -> u32 {
        self.slot
    }

    fn elsewhere(&self) -> Option<Elsewhere> {
        let log = self.log.clone();
        (self.role == Role::Visitor).then(|| Elsewhere {
            is_served: Arc::new(move |processor| log.has_members(processor)),
            session: gauntlet_kafka_log::SESSION,
        })
    }

    fn watch_every(&self) -> Duration {
        WATCH_EVERY
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    fn keeps_expired(&self) -> bool {
        // Brokers remove them.
        false
    }
}

/// What [`apply_topics`] would do.
pub fn plan_topics(config: &Config, processors: &Processors) -> Result<TopicsPlan, Refusal> {
    let (log, _) = connect(config, Role::Visitor)?;
    let plans = log.plan_topics(&gauntlet_runtime::topics(config.topics.partitions))?;
    Ok(TopicsPlan {
        topics: plans.into_iter().map(planned).collect(),
        access: access_rights(processors),
        external_trainer: external_trainer_rights(),
    })
}

/// Creates missing topics; what is there and differs is an error.
pub fn apply_topics(config: &Config) -> Result<AppliedTopics, Refusal> {
    let (log, _) = connect(config, Role::Visitor)?;
    let topics = gauntlet_runtime::topics(config.topics.partitions);
    let plans = log.plan_topics(&topics)?;
    let created = plans.iter().filter(|plan| plan.change == TopicChange::Create).count();
    log.create_topics(&topics)?;
    Ok(AppliedTopics { created, topics: plans.len() })
}

fn planned(plan: TopicPlan) -> PlannedTopic {
    let change = match plan.change {
        TopicChange::None => Change::None,
        TopicChange::Create => Change::Create,
        TopicChange::Partitions { found } => Change::Partitions { found },
        TopicChange::Setting { name, found, wanted } => Change::Setting { name, found, wanted },
    };
    PlannedTopic { topic: plan.topic, partitions: plan.partitions, settings: plan.settings, change }
}

/// The rights that each processor needs and no more: topic, group and transactional id, as Kafka's ACLs name them. What is
/// read through a slot has dead letters; what is only read along, as by the projector, has none, and nothing is written.
pub fn access_rights(processors: &Processors) -> BTreeMap<&'static str, Rights> {
    let mut rights = BTreeMap::new();
    for Access { name, reads, looks_up, writes } in processors.topology().processors() {
        let writes_events = !writes.is_empty();
        let mut read: Vec<String> = reads.iter().chain(looks_up).map(|topic| topic.name.to_owned()).collect();
        let mut write: Vec<String> = writes.iter().map(|topic| topic.name.to_owned()).collect();
        if writes_events {
            write.extend(reads.iter().map(|topic| topic.dead_letters()));
        }
        if processors.machines.iter().any(|definition| definition.name == *name) {
            read.push(STATE.to_owned());
            write.push(STATE.to_owned());
        }
        if processors.workers.iter().any(|worker| worker.name() == *name) {
            let parked: Vec<String> = reads.iter().map(|topic| topic.parked()).collect();
            write.extend(parked.iter().cloned());
            read.extend(parked);
            // What is parked is dropped when its experiment has ended.
            read.push(EXPERIMENTS.name.to_owned());
        }
        let transactional_id_prefix = writes_events.then(|| format!("{name}."));
        let group = (*name).to_owned();
        rights.insert(*name, Rights { read, write, group, transactional_id_prefix });
    }
    rights
}

/// The rights that a program outside called NAME needs: the requests of trainer and evaluator, their answers, and the
/// trades and equity behind these.
pub fn external_trainer_rights() -> Rights {
    use gauntlet_domain::topics::{
        EVALUATION_OUTCOMES, EVALUATION_REQUESTS, RESULTS_SERIES, TRAINING_REQUESTS, TRIAL_RESULTS,
    };
    Rights {
        read: [TRAINING_REQUESTS, EVALUATION_REQUESTS].map(|topic| topic.name.into()).into(),
        write: [TRIAL_RESULTS, EVALUATION_OUTCOMES, RESULTS_SERIES].map(|topic| topic.name.into()).into(),
        group: "trainer.NAME".into(),
        transactional_id_prefix: Some("trainer.NAME.".into()),
    }
}
