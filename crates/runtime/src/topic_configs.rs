//! The topics of an installation, as the log creates them.

use std::time::Duration;

use gauntlet_domain::topics::{self, Retention};
use gauntlet_log::{Cleanup, TopicConfig};

/// How long dead letters stay.
const DEAD_LETTER_DAYS: u32 = 30;

/// All topics with their dead letters and parked requests, as an installation with so many partitions has them.
pub fn topics(partitions: u32) -> Vec<TopicConfig> {
    let topics = topics::ALL.iter().flat_map(|topic| {
        let partitions = topic.partitions(partitions);
        let cleanup = match topic.retention {
            Retention::Forever => Cleanup::Keep,
            Retention::Compacted => Cleanup::Compact,
            Retention::Days(days) => Cleanup::DeleteAfter(days_of(days)),
        };
        let letters = (topic.dead_letters(), Cleanup::DeleteAfter(days_of(DEAD_LETTER_DAYS)));
        // What is parked waits for as long as it takes.
        let parked = topic.holds_requests().then(|| (topic.parked(), Cleanup::Keep));
        let all = [(topic.name.to_owned(), cleanup), letters].into_iter().chain(parked);
        all.map(move |(name, cleanup)| TopicConfig { name, partitions, cleanup })
    });
    topics.collect()
}

fn days_of(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}
