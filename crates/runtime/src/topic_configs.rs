//! The topics of an installation, as the log creates them.

use std::time::Duration;

use gauntlet_domain::topics::{self, Retention};
use gauntlet_log::{Cleanup, TopicConfig};

/// How long dead letters stay.
const DEAD_LETTER_DAYS: u32 = 30;

/// All topics and their dead letters, as an installation with so many partitions has them.
pub fn topics(partitions: u32) -> Vec<TopicConfig> {
    let topics = topics::ALL.iter().flat_map(|topic| {
        let partitions = topic.partitions(partitions);
        let cleanup = match topic.retention {
            Retention::Forever => Cleanup::Keep,
            Retention::Compacted => Cleanup::Compact,
            Retention::Days(days) => Cleanup::DeleteAfter(days_of(days)),
        };
        [
            (topic.name.to_owned(), cleanup),
            (topic.dead_letters(), Cleanup::DeleteAfter(days_of(DEAD_LETTER_DAYS))),
        ]
        .map(|(name, cleanup)| TopicConfig { name, partitions, cleanup })
    });
    topics.collect()
}

fn days_of(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}
