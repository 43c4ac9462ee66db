//! Subjects by TopicRecordNameStrategy: `<prefix><topic>-<record's full name>`. Topics hold several records, whose order
//! matters, so a subject for each topic would not do.
//!
//! Every record has one topic and so one subject. A dead letter lies on another topic, but with the bytes and the id of
//! its source, so it needs none. Subjects of two installations that share a registry share ids, and that is right: an id
//! stands for a text.

use std::fmt;

use gauntlet_domain::RecordKind;
use gauntlet_domain::topics::{self, Retention, Topic};
use gauntlet_wire::registry::{RecordVersion, VERSIONS};

/// What a new version of a subject owes to all earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Read all of them and be read by all their readers: for topics on which records of every age lie.
    FullTransitive,
    /// Read all of them: for topics of which the old end expires.
    BackwardTransitive,
}

impl Compatibility {
    /// For a topic.
    pub fn of(topic: &Topic) -> Compatibility {
        match topic.retention {
            Retention::Forever | Retention::Compacted => Compatibility::FullTransitive,
            Retention::Days(_) => Compatibility::BackwardTransitive,
        }
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compatibility::FullTransitive => "FULL_TRANSITIVE",
            Compatibility::BackwardTransitive => "BACKWARD_TRANSITIVE",
        })
    }
}

/// One subject.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// The record.
    pub kind: RecordKind,
    /// What its versions owe to each other.
    pub compatibility: Compatibility,
    /// Versions of the record, oldest first; never empty.
    pub versions: Vec<&'static RecordVersion>,
}

/// Every subject, in pipeline order.
pub fn subjects(topic_prefix: &str) -> Vec<Subject> {
    let records = topics::ALL.iter().flat_map(|topic| topic.records().map(move |kind| (topic, kind)));
    let subject = |(topic, kind): (&Topic, RecordKind)| {
        let versions: Vec<_> = VERSIONS.iter().filter(|version| version.kind == kind).collect();
        let full_name = versions.first().map(|version| version.full_name()).unwrap_or_default();
        let name = format!("{topic_prefix}{}-{full_name}", topic.name);
        Subject { name, kind, compatibility: Compatibility::of(topic), versions }
    };
    records.map(subject).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_a_subject_for_each_of_its_topics_named_after_both() {
        let all = subjects("acme.");
        assert!(all.iter().all(|subject| !subject.versions.is_empty()));
        for kind in RecordKind::ALL {
            let of_kind: Vec<&Subject> = all.iter().filter(|subject| subject.kind == *kind).collect();
            let of = |topic: &&Topic| format!("acme.{}-gauntlet.", topic.name);
            let topics: Vec<String> = kind.topics().iter().map(of).collect();
            assert_eq!(of_kind.len(), topics.len(), "{}", kind.name());
            assert!(of_kind.iter().zip(&topics).all(|(subject, topic)| subject.name.starts_with(topic)));
            let versions = VERSIONS.iter().filter(|version| version.kind == *kind).count();
            assert!(of_kind.iter().all(|subject| subject.versions.len() == versions));
        }
        let of = |kind| all.iter().find(|subject| subject.kind == kind).unwrap();
        assert_eq!(of(RecordKind::Bar).name, "acme.market.bars.v1-gauntlet.market.Bar");
        assert_eq!(of(RecordKind::Bar).compatibility.to_string(), "FULL_TRANSITIVE");
        assert_eq!(of(RecordKind::ConfigRegistered).compatibility, Compatibility::FullTransitive);
        assert_eq!(of(RecordKind::SnapshotDue).compatibility.to_string(), "BACKWARD_TRANSITIVE");
    }
}
