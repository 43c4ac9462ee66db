//! Preparing a cluster's services: topics, schemas, tables. An operator does it once before a release; nothing else creates
//! them.

use std::collections::BTreeMap;
use std::fmt;

use gauntlet_config::Config;
use serde::{Serialize, Serializer};

use crate::answer::Answer;
use crate::processors::Processors;
use crate::refusal::Refusal;
use crate::request::SetupRequest;
use crate::services;

impl SetupRequest {
    /// Does it, for the configured services.
    pub fn answer(&self, config: &Config, processors: &Processors) -> Result<Answer, Refusal> {
        let require_topics = || {
            services::require_shared(
                config,
                "kafka.bootstrap_servers is empty, and the embedded log makes its topics itself: use --profile cluster",
            )
        };
        Ok(match self {
            SetupRequest::PlanTopics => {
                require_topics()?;
                Answer::TopicsPlan(services::plan_topics(config, processors)?)
            }
            SetupRequest::ApplyTopics => {
                require_topics()?;
                Answer::AppliedTopics(services::apply_topics(config)?)
            }
            SetupRequest::RegisterSchemas { only_check } => {
                Answer::RegisteredSchemas(services::register_schemas(config, *only_check)?)
            }
            SetupRequest::MigrateViews => Answer::MigratedViews(services::migrate_views(config)?),
        })
    }
}

/// What applying topics would do, and who needs which rights on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicsPlan {
    /// The topics, with what would be done.
    pub topics: Vec<PlannedTopic>,
    /// The rights that each processor needs.
    pub access: BTreeMap<&'static str, Rights>,
    /// The rights that a program outside called NAME needs.
    pub external_trainer: Rights,
}

impl TopicsPlan {
    /// Whether it can be applied.
    pub fn is_possible(&self) -> bool {
        self.topics.iter().all(|topic| matches!(topic.change, Change::None | Change::Create))
    }
}

/// A topic and what would be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedTopic {
    /// Its name, with the prefix.
    pub topic: String,
    /// Partitions wanted.
    pub partitions: u32,
    /// Settings wanted.
    pub settings: BTreeMap<&'static str, String>,
    /// What would be done.
    pub change: Change,
}

/// What would be done about a topic; in a document a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there as it should be.
    None,
    /// It is missing.
    Create,
    /// It has another number of partitions: that cannot be mended, keys would move.
    Partitions {
        /// Partitions that it has.
        found: u32,
    },
    /// It has another setting.
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// The value that it must have.
        wanted: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::None => f.write_str("nothing"),
            Change::Create => f.write_str("create"),
            Change::Partitions { found } => write!(f, "cannot be mended: it has {found} partitions"),
            Change::Setting { name, found, wanted } => {
                write!(f, "cannot be mended here: {name} is {found}, it must be {wanted}")
            }
        }
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Rights of one program, as Kafka's ACLs name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rights {
    /// Topics to read.
    pub read: Vec<String>,
    /// Topics to write.
    pub write: Vec<String>,
    /// Consumer group.
    pub group: String,
    /// How its transactional ids begin, if it writes.
    pub transactional_id_prefix: Option<String>,
}

/// What applying topics did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedTopics {
    /// Topics created.
    pub created: usize,
    /// Topics there are.
    pub topics: usize,
}

/// Versions of records in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegisteredSchemas {
    /// Versions that were not there before.
    pub added: usize,
    /// Every version, in pipeline order.
    pub subjects: Vec<SchemaVersion>,
}

/// A version in its subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaVersion {
    /// The subject.
    pub subject: String,
    /// Gauntlet's number of the version, from 1.
    pub version: u32,
    /// The registry's id; `None` when it is not registered.
    pub id: Option<u32>,
    /// How it came to be there.
    pub state: SchemaState,
}

/// How a version came to be in its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaState {
    /// It was there.
    Present,
    /// It has just been registered.
    Added,
    /// It would fit and is not there.
    Missing,
}

/// What migrating the views did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigratedViews {
    /// The keyspace.
    pub keyspace: String,
    /// Numbers of the steps that were applied.
    pub applied: Vec<u32>,
}
