//! Who reads and writes which topic: what each processor declares, and what comes from outside.
//!
//! Readers, the one writer of a topic, rights, replay and retention follow from here. It never asks what is on the log.

use gauntlet_domain::topics::{
    self, ACCESS, AUDIT, CONFIG, DATA_COMMANDS, EXPERIMENT_COMMANDS, MARKET_TICKS, MARKET_TICKS_V2,
    PROMOTION_COMMANDS,
};
use gauntlet_domain::{Event, Topic};

/// Who is no processor and writes what comes from outside: replay takes it as given and makes everything else again.
pub const OUTSIDE: [(&str, &[&Topic]); 2] = [
    ("feed", &[&MARKET_TICKS, &MARKET_TICKS_V2]),
    ("gateway", &[&DATA_COMMANDS, &CONFIG, &EXPERIMENT_COMMANDS, &PROMOTION_COMMANDS, &ACCESS, &AUDIT]),
];

/// Whether a topic is written from outside.
pub fn is_input(topic: &Topic) -> bool {
    OUTSIDE.iter().any(|(_, writes)| writes.contains(&topic))
}

/// What a processor reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The processor.
    pub name: &'static str,
    /// Its inputs: it takes in every record.
    pub reads: Vec<&'static Topic>,
    /// Topics on which it looks for what it needs besides.
    pub looks_up: Vec<&'static Topic>,
    /// Topics that it writes.
    pub writes: Vec<&'static Topic>,
}

/// An output on a topic that its writer has not declared: the declaration is wrong, or the output is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{processor} puts out {record} on {topic}, which it does not declare: add the topic to what it writes"
)]
pub struct Undeclared {
    /// The processor.
    pub processor: &'static str,
    /// Name of the record.
    pub record: &'static str,
    /// Name of the topic.
    pub topic: &'static str,
}

/// Refuses an output on a topic that its writer has not declared.
#[inline]
pub fn check_output(processor: &'static str, writes: &[&Topic], event: &Event) -> Result<(), Undeclared> {
    let topic = event.topic();
    if writes.contains(&topic) {
        return Ok(());
    }
    Err(Undeclared { processor, record: event.kind().name(), topic: topic.name })
}

/// All processors, in pipeline order.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    processors: Vec<Access>,
}

impl Topology {
    /// Of these processors.
    pub fn new(processors: impl IntoIterator<Item = Access>) -> Topology {
        Topology { processors: processors.into_iter().collect() }
    }

    /// What each processor reads and writes.
    pub fn processors(&self) -> &[Access] {
        &self.processors
    }

    /// All but the processor of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Topology {
        self.processors.retain(|access| access.name != name);
        self
    }

    /// The one writer of a topic; `None` for a topic that nobody writes.
    pub fn writer_of(&self, topic: &Topic) -> Option<&'static str> {
        self.writers_of(topic).next()
    }

    /// The processors that take in a topic's records.
    pub fn readers_of(&self, topic: &Topic) -> impl Iterator<Item = &'static str> {
        self.processors.iter().filter(move |access| access.reads.contains(&topic)).map(|access| access.name)
    }

    fn writers_of(&self, topic: &Topic) -> impl Iterator<Item = &'static str> {
        let outside =
            OUTSIDE.iter().filter(move |(_, writes)| writes.contains(&topic)).map(|(name, _)| *name);
        let writing = self.processors.iter().filter(move |access| access.writes.contains(&topic));
        outside.chain(writing.map(|access| access.name))
    }

    /// What the declarations contradict each other in; empty when every topic has one writer and every processor a name
    /// of its own.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for topic in topics::ALL {
            let writers: Vec<&str> = self.writers_of(topic).collect();
            if writers.len() != 1 {
                problems.push(format!("{} has {} writers, not one: {writers:?}", topic.name, writers.len()));
            }
        }
        for (at, access) in self.processors.iter().enumerate() {
            if self.processors[..at].iter().any(|other| other.name == access.name) {
                problems.push(format!("two processors have the name {}", access.name));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gauntlet_domain::ContentHash;
    use gauntlet_domain::experiment::ConfigRegistered;
    use gauntlet_domain::topics::{DATA_REQUESTS, MARKET_BARS};

    use super::*;

    /// A processor that writes everything that is derived.
    fn everything() -> Access {
        let writes = topics::ALL.iter().filter(|topic| !is_input(topic)).collect();
        Access { name: "everything", reads: vec![&MARKET_TICKS], looks_up: vec![&MARKET_BARS], writes }
    }

    #[test]
    fn readers_and_the_writer_follow_from_what_is_declared() {
        let topology = Topology::new([everything()]);
        assert_eq!(topology.problems(), Vec::<String>::new());
        assert_eq!(topology.writer_of(&MARKET_TICKS), Some("feed"));
        assert_eq!(topology.writer_of(&CONFIG), Some("gateway"));
        assert_eq!(topology.writer_of(&MARKET_BARS), Some("everything"));
        assert_eq!(topology.readers_of(&MARKET_TICKS).collect::<Vec<_>>(), ["everything"]);
        assert_eq!(topology.readers_of(&MARKET_BARS).count(), 0, "looking up is not taking in");
        assert_eq!(topology.without("everything").readers_of(&MARKET_TICKS).count(), 0);
    }

    #[test]
    fn two_writers_no_writer_and_a_name_taken_twice_are_named() {
        let mut without = everything();
        without.writes.retain(|topic| **topic != DATA_REQUESTS);
        let problems = Topology::new([without]).problems();
        assert_eq!(problems, ["data.requests.v1 has 0 writers, not one: []"]);

        let bars = Access { name: "bars", reads: vec![], looks_up: vec![], writes: vec![&MARKET_BARS] };
        let problems =
            Topology::new([everything(), bars.clone(), Access { writes: vec![], ..bars }]).problems();
        let expected = [
            r#"market.bars.v1 has 2 writers, not one: ["everything", "bars"]"#,
            "two processors have the name bars",
        ];
        assert_eq!(problems, expected);

        let intruder = Access { name: "intruder", writes: vec![&CONFIG], ..everything() };
        let problems = Topology::new([intruder]).problems();
        assert!(
            problems.iter().any(|problem| problem.contains(r#"["gateway", "intruder"]"#)),
            "{problems:?}"
        );
    }

    #[test]
    fn an_output_on_another_topic_is_refused_by_name() {
        let event = ConfigRegistered { config_hash: ContentHash::of(b""), document: String::new() }.into();
        assert_eq!(check_output("a", &[&MARKET_BARS, &CONFIG], &event), Ok(()));
        let refused = check_output("a", &[&MARKET_BARS], &event).unwrap_err();
        let (processor, record, topic) = ("a", "ConfigRegistered", "config.v1");
        assert_eq!(refused, Undeclared { processor, record, topic });
        assert!(refused.to_string().contains("a puts out ConfigRegistered on config.v1"), "{refused}");
    }
}
