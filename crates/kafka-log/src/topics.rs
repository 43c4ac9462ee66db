//! Creating and checking topics: what is there is compared with what is wanted, and never changed silently.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_executor::block_on;
use gauntlet_log::{Cleanup, LogError, TopicConfig};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::clients::{self, Context, RECORD_BYTES};
use crate::cluster::Cluster;
use crate::errors::refused;
use crate::renewal::renewing;
use crate::snapshots;

/// Topics in one request to the broker.
const AT_ONCE: usize = 50;

/// What would have to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicChange {
    /// Is there as it should be.
    None,
    /// Is missing.
    Create,
    /// Has too few or too many partitions: cannot be changed, keys would move.
    Partitions {
        /// Partitions that it has.
        found: u32,
    },
    /// Has another setting.
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// The value that it should have.
        wanted: String,
    },
}

/// A topic and what would have to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// The topic, with the prefix.
    pub topic: String,
    /// Partitions wanted.
    pub partitions: u32,
    /// Settings wanted.
    pub settings: BTreeMap<&'static str, String>,
    /// What would have to be done.
    pub change: TopicChange,
}

/// The wanted topics with the adapter's own.
fn with_state(topics: &[TopicConfig]) -> Vec<TopicConfig> {
    let most = topics.iter().map(|topic| topic.partitions).max().unwrap_or(1);
    let state = TopicConfig { name: snapshots::TOPIC.into(), partitions: most, cleanup: Cleanup::Compact };
    topics.iter().cloned().chain([state]).collect()
}

/// Settings of a topic. History is never removed by age or size. Where records do expire, they do by the broker's clock:
/// the age of a record is not the age of what it tells of.
fn settings(cleanup: Cleanup) -> BTreeMap<&'static str, String> {
    let mut settings = BTreeMap::from([
        ("max.message.bytes", RECORD_BYTES.to_string()),
        ("message.timestamp.type", "CreateTime".to_owned()),
        ("retention.bytes", "-1".to_owned()),
        ("retention.ms", "-1".to_owned()),
        ("cleanup.policy", "delete".to_owned()),
    ]);
    match cleanup {
        Cleanup::Keep => {}
        Cleanup::Compact => {
            settings.insert("cleanup.policy", "compact".into());
        }
        Cleanup::DeleteAfter(age) => {
            settings.insert("message.timestamp.type", "LogAppendTime".into());
            settings.insert("retention.ms", age.as_millis().to_string());
        }
    }
    settings
}

/// Compares what is there with what is wanted.
pub(crate) fn plan(cluster: &Cluster, topics: &[TopicConfig]) -> Result<Vec<TopicPlan>, LogError> {
    let there = cluster.all_partitions()?;
    let mut plans: Vec<TopicPlan> = with_state(topics)
        .iter()
        .map(|topic| {
            let name = cluster.settings.prefixed(&topic.name);
            let change = match there.get(&name) {
                None => TopicChange::Create,
                Some(found) if *found != topic.partitions => TopicChange::Partitions { found: *found },
                Some(_) => TopicChange::None,
            };
            TopicPlan { topic: name, partitions: topic.partitions, settings: settings(topic.cleanup), change }
        })
        .collect();
    let present: Vec<usize> = (0..plans.len()).filter(|i| plans[*i].change == TopicChange::None).collect();
    for some in present.chunks(AT_ONCE) {
        let names: Vec<ResourceSpecifier<'_>> =
            some.iter().map(|i| ResourceSpecifier::Topic(&plans[*i].topic)).collect();
        let answers = administer(cluster, "reading settings of topics", |admin, time| {
            let answers = block_on(admin.describe_configs(&names, &options(time)))?;
            answers
                .into_iter()
                .map(|answer| answer.map_err(KafkaError::AdminOp))
                .collect::<Result<Vec<_>, _>>()
        })?;
        for (i, found) in some.iter().zip(answers) {
            let plan = &mut plans[*i];
            let differs = plan.settings.iter().find_map(|(name, wanted)| {
                let value = found.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
                (value != *wanted).then(|| TopicChange::Setting {
                    name,
                    found: value,
                    wanted: wanted.clone(),
                })
            });
            plan.change = differs.unwrap_or(TopicChange::None);
        }
    }
    Ok(plans)
}

/// Creates what is missing; what is there and differs is an error.
pub(crate) fn apply(
    cluster: &Cluster,
    topics: &[TopicConfig],
    replication: i32,
) -> Result<Vec<TopicPlan>, LogError> {
    let plans = plan(cluster, topics)?;
    check(cluster, &plans, true)?;
    let missing: Vec<&TopicPlan> = plans.iter().filter(|plan| plan.change == TopicChange::Create).collect();
    if missing.is_empty() {
        return Ok(plans);
    }
    let new: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|plan| {
            let partitions = i32::try_from(plan.partitions).unwrap_or(i32::MAX);
            let topic = NewTopic::new(&plan.topic, partitions, TopicReplication::Fixed(replication));
            plan.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    let answers = administer(cluster, "creating topics", |admin, time| {
        block_on(admin.create_topics(&new, &options(time)))
    })?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(refused(
                    &cluster.settings,
                    &format!("creating topic {topic}"),
                    &KafkaError::AdminOp(code),
                ));
            }
        }
    }
    cluster.forget_metadata();
    // The answer comes before every broker knows of the topics.
    let all: Vec<&str> = missing.iter().map(|plan| plan.topic.as_str()).collect();
    cluster.wait_for_topics(&all)?;
    Ok(plans)
}

/// Refuses what differs, and what is missing unless it is about to be created.
pub(crate) fn check(cluster: &Cluster, plans: &[TopicPlan], may_create: bool) -> Result<(), LogError> {
    for plan in plans {
        let topic = plan.topic.strip_prefix(&cluster.settings.prefix).unwrap_or(&plan.topic).to_owned();
        match &plan.change {
            TopicChange::None => {}
            TopicChange::Create if may_create => {}
            TopicChange::Create => return Err(LogError::UnknownTopic { topic }),
            TopicChange::Partitions { found } => {
                return Err(LogError::PartitionsDiffer { topic, found: *found, wanted: plan.partitions });
            }
            TopicChange::Setting { name, found, wanted } => {
                return Err(LogError::SettingDiffers {
                    topic,
                    setting: name,
                    found: found.clone(),
                    wanted: wanted.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Removes records below an offset.
pub(crate) fn delete_records(
    cluster: &Cluster,
    topic: &str,
    partition: u32,
    before: u64,
) -> Result<(), LogError> {
    let failed = |error: KafkaError| refused(&cluster.settings, "removing records", &error);
    let list = clients::at_offsets([(topic, partition, before)]).map_err(failed)?;
    administer(cluster, "removing records", |admin, time| {
        let answer = block_on(admin.delete_records(&list, &options(time)))?;
        answer.elements().iter().try_for_each(|element| element.error())
    })
}

fn administer<T>(
    cluster: &Cluster,
    what: &str,
    call: impl FnMut(&AdminClient<Context>, Duration) -> Result<T, KafkaError>,
) -> Result<T, LogError> {
    let settings = &cluster.settings;
    Ok(renewing(settings, what, || clients::admin(settings), call)?.1)
}

fn options(time: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(time)).operation_timeout(Some(time))
}
