//! What an installation sets.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Properties of librdkafka that the promises of the port rest on, with the reason why they are not open.
const FIXED: &[(&str, &str)] = &[
    ("auto.offset.reset", "a lost position must stop a processor, never skip"),
    ("enable.auto.commit", "offsets are committed in transactions"),
    ("enable.auto.offset.store", "offsets are committed in transactions"),
    ("enable.idempotence", "transactions need it"),
    ("group.id", "the processor's name is its group"),
    ("group.instance.id", "the slot's number is its instance"),
    ("group.protocol", "the client library fails for good on the new one when a member is slow"),
    ("isolation.level", "uncommitted records are shown to nobody"),
    ("partition.assignment.strategy", "topics that are read together must be assigned together"),
    ("partitioner", "a key lies in the same partition on every adapter"),
    ("transactional.id", "the slot's number is its identity"),
];

/// How to reach a cluster.
#[derive(Clone)]
pub struct KafkaSettings {
    /// Brokers to ask first, `host:port` separated by commas.
    pub bootstrap: String,
    /// Goes before every topic, group and transactional id.
    pub prefix: String,
    /// Properties of librdkafka, as its CONFIGURATION.md names them; passwords among them.
    pub properties: BTreeMap<String, String>,
    /// How long a call goes on asking while no broker answers.
    pub patience: Duration,
    /// What becomes of a slot's tasks when it leaves.
    pub membership: Membership,
}

/// What becomes of a slot's tasks when it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// They wait for the slot until its session is over: a restart is quick, and of two members with one slot number
    /// the older is fenced. For processes that stay.
    Static,
    /// They go to the others at once. For a command that helps out; its slot number must be nobody else's.
    Dynamic,
}

/// A property that must not be set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("kafka.properties: '{property}' is not open: {why}; remove it")]
pub struct SettingsError {
    /// The property.
    pub property: String,
    /// Why it is fixed.
    pub why: &'static str,
}

impl KafkaSettings {
    /// Settings of a static member, without further properties, with a patience of five minutes.
    pub fn new(bootstrap: impl Into<String>, prefix: impl Into<String>) -> KafkaSettings {
        KafkaSettings {
            bootstrap: bootstrap.into(),
            prefix: prefix.into(),
            properties: BTreeMap::new(),
            patience: Duration::from_secs(300),
            membership: Membership::Static,
        }
    }

    /// Refuses properties that the promises of the port rest on.
    pub fn check(&self) -> Result<(), SettingsError> {
        match FIXED.iter().find(|(property, _)| self.properties.contains_key(*property)) {
            Some((property, why)) => Err(SettingsError { property: (*property).to_owned(), why }),
            None => Ok(()),
        }
    }

    /// A name of ours on the cluster.
    pub(crate) fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl fmt::Debug for KafkaSettings {
    /// Without values of properties: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap", &self.bootstrap)
            .field("prefix", &self.prefix)
            .field("properties", &self.properties.keys())
            .field("patience", &self.patience)
            .field("membership", &self.membership)
            .finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_promises_rest_on_is_not_open() {
        let mut settings = KafkaSettings::new("localhost:9092", "g.");
        settings.properties.insert("linger.ms".into(), "1".into());
        assert_eq!(settings.check(), Ok(()));
        settings.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("'isolation.level' is not open: uncommitted records"), "{error}");
    }

    #[test]
    fn a_password_is_not_shown() {
        let mut settings = KafkaSettings::new("localhost:9092", "g.");
        settings.properties.insert("sasl.password".into(), "hush".into());
        let shown = format!("{settings:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hush"), "{shown}");
    }
}
