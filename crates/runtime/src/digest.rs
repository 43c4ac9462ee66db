//! The digest of a log: SHA-256 over its events sorted by topic, key and event id, with canonical bodies. It depends on
//! no partition, arrival order, restart, worker count or clock.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::{ContentHash, EventId, topics};
use gauntlet_log::{EventLog, LogError, Record, TopicPartition};
use gauntlet_wire::{Codec, headers};
use sha2::{Digest, Sha256};

use crate::events;
use crate::restore::for_each;

/// Events of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDigest {
    /// Distinct events.
    pub events: u64,
    /// Records beyond the first with the same event id.
    pub duplicates: u64,
    /// Hash over the sorted events.
    pub sha256: ContentHash,
}

/// Hash of one event: record name and body, without the frame's schema number, which differs between registries.
pub fn event_hash(codec: &Codec, record: &Record) -> Result<ContentHash, LogError> {
    let mut hasher = Sha256::new();
    match codec.open(record.value.as_deref()) {
        Ok((kind, _, body)) => {
            hasher.update(kind.name().as_bytes());
            hasher.update([0]);
            hasher.update(body);
        }
        Err(error) if error.is_transient() => return Err(events::undecided(record, &error)),
        // A record that is no event is part of the log too: its bytes are hashed as they are.
        Err(_) => hasher.update(record.value.as_deref().unwrap_or_default()),
    }
    Ok(ContentHash(hasher.finalize().into()))
}

/// Digest of every topic.
pub fn topics(log: &dyn EventLog, codec: &Codec) -> Result<BTreeMap<String, TopicDigest>, LogError> {
    let mut digests = BTreeMap::new();
    for topic in topics::ALL {
        for name in [topic.name.to_owned(), topic.dead_letters()] {
            let digest = digest_topic(log, codec, &name)?;
            // Dead letters are listed when there are any.
            if name == topic.name || digest.events > 0 {
                digests.insert(name, digest);
            }
        }
    }
    Ok(digests)
}

fn digest_topic(log: &dyn EventLog, codec: &Codec, topic: &str) -> Result<TopicDigest, LogError> {
    let mut events: BTreeSet<(Vec<u8>, Option<EventId>, ContentHash)> = BTreeSet::new();
    let mut records = 0;
    for partition in 0..log.partitions(topic)? {
        let place = TopicPartition::new(topic, partition);
        let (start, end) = log.bounds(&place)?;
        for_each(log, &place, start, end, |record| {
            records += 1;
            let hash = event_hash(codec, &record)?;
            events.insert((record.key, headers::event_id(&record.headers), hash));
            Ok(())
        })?;
    }
    let mut hasher = Sha256::new();
    for (key, id, hash) in &events {
        hasher.update((key.len() as u64).to_le_bytes());
        hasher.update(key);
        hasher.update(id.map_or([0; 16], |id| *id.0.as_bytes()));
        hasher.update(hash.0);
    }
    let events = events.len() as u64;
    Ok(TopicDigest { events, duplicates: records - events, sha256: ContentHash(hasher.finalize().into()) })
}

/// One hash over the digests of all topics and views.
pub fn combine<'a>(parts: impl IntoIterator<Item = (&'a str, &'a ContentHash)>) -> ContentHash {
    let mut hasher = Sha256::new();
    for (name, hash) in parts {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(hash.0);
    }
    ContentHash(hasher.finalize().into())
}
