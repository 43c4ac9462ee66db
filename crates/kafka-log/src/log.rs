//! The adapter.

use std::sync::Arc;

use gauntlet_log::{
    EventLog, LogError, Member, NewRecord, Positions, Slot, StateSnapshot, Tail, TopicConfig, TopicPartition,
};

use crate::cluster::Cluster;
use crate::settings::KafkaSettings;
use crate::slot::KafkaSlot;
use crate::snapshots;
use crate::tail::KafkaTail;
use crate::topics::{self, TopicPlan};

/// The log on Kafka.
pub struct KafkaLog {
    cluster: Arc<Cluster>,
    replication: i32,
}

impl KafkaLog {
    /// Connects; refuses settings that are not open, and says within ten seconds when no broker answers. `replication`
    /// is the replication factor of topics that are created.
    pub fn connect(settings: KafkaSettings, replication: u16) -> Result<KafkaLog, LogError> {
        settings.check().map_err(|error| LogError::Settings { detail: error.to_string() })?;
        Ok(KafkaLog { cluster: Arc::new(Cluster::connect(settings)?), replication: replication.into() })
    }

    /// What `create_topics` would do.
    pub fn plan_topics(&self, topics: &[TopicConfig]) -> Result<Vec<TopicPlan>, LogError> {
        topics::plan(&self.cluster, topics)
    }

    /// Whether a processor's group has members, here or elsewhere. One that has died counts until its session is over.
    pub fn has_members(&self, processor: &str) -> Result<bool, LogError> {
        Ok(!self.cluster.clients_in(processor)?.is_empty())
    }

    /// Refuses topics that are missing or differ.
    pub fn check_topics(&self, topics: &[TopicConfig]) -> Result<(), LogError> {
        topics::check(&self.cluster, &topics::plan(&self.cluster, topics)?, false)
    }
}

impl EventLog for KafkaLog {
    fn create_topics(&self, topics: &[TopicConfig]) -> Result<(), LogError> {
        topics::apply(&self.cluster, topics, self.replication).map(|_| ())
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.cluster.partitions(topic)
    }

    fn join(&self, member: Member) -> Result<Box<dyn Slot>, LogError> {
        Ok(Box::new(KafkaSlot::join(self.cluster.clone(), member)?))
    }

    fn append(&self, records: Vec<NewRecord>) -> Result<(), LogError> {
        self.cluster.append(records)
    }

    fn tail(&self, from: &Positions) -> Result<Box<dyn Tail>, LogError> {
        Ok(Box::new(KafkaTail::open(self.cluster.clone(), from)?))
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), LogError> {
        self.cluster.bounds(partition)
    }

    fn first_after(&self, partition: &TopicPartition, micros: i64) -> Result<u64, LogError> {
        self.cluster.first_after(partition, micros)
    }

    fn committed(&self, processor: &str) -> Result<Positions, LogError> {
        self.cluster.committed(processor)
    }

    fn snapshot(&self, processor: &str, task: u32) -> Result<Option<StateSnapshot>, LogError> {
        snapshots::latest(&self.cluster, processor, task)
    }

    fn delete_snapshots(&self) -> Result<(), LogError> {
        snapshots::delete_all(&self.cluster)
    }

    fn trim(&self, partition: &TopicPartition, before: u64) -> Result<(), LogError> {
        let topic = self.cluster.settings.prefixed(&partition.topic);
        topics::delete_records(&self.cluster, &topic, partition.partition, before)
    }

    /// The brokers check their own files.
    fn check(&self) -> Result<(), LogError> {
        Ok(())
    }
}
