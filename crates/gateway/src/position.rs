//! How far partitions of the log have been read, as text that a client hands back: the id of an event of a subscription, and the
//! position that a command names.
//!
//! Layout, before base64url: a byte of version; then for each topic in the order of names its number of bytes, the name, its number of
//! partitions, and for each partition its number and the next offset. Numbers are LEB128.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gauntlet_domain::topics;
use gauntlet_log::{Positions, TopicPartition};
use serde::Deserialize;

use crate::Gateway;
use crate::problem::Problem;

/// The header of an answer to a command: how far the log went then.
pub const HEADER: &str = "gauntlet-position";
const VERSION: u8 = 1;
/// How long somebody may wait for a position.
const LONGEST_WAIT: f64 = 30.0;
/// How often the views are asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Which position the views must have reached.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct MinPosition {
    /// As an answer named it.
    pub min_position: Option<String>,
    /// Seconds to wait for it.
    pub wait: Option<f64>,
}

fn put(number: u64, to: &mut Vec<u8>) {
    let mut left = number;
    while left >= 0x80 {
        to.push(left as u8 | 0x80);
        left >>= 7;
    }
    to.push(left as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Positions as text.
pub fn encode(positions: &Positions) -> String {
    let mut by_topic: BTreeMap<&str, Vec<(u32, u64)>> = BTreeMap::new();
    for (place, next) in positions {
        by_topic.entry(&place.topic).or_default().push((place.partition, *next));
    }
    let mut bytes = vec![VERSION];
    for (topic, partitions) in by_topic {
        put(topic.len() as u64, &mut bytes);
        bytes.extend_from_slice(topic.as_bytes());
        put(partitions.len() as u64, &mut bytes);
        for (partition, next) in partitions {
            put(partition.into(), &mut bytes);
            put(next, &mut bytes);
        }
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads [`encode`]; `None` when it is none.
pub fn decode(text: &str) -> Option<Positions> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (&VERSION, mut left) = bytes.split_first()? else { return None };
    let mut positions = Positions::new();
    while !left.is_empty() {
        let length = usize::try_from(take(&mut left)?).ok()?;
        let (name, rest) = left.split_at_checked(length)?;
        let topic = topics::named(std::str::from_utf8(name).ok()?)?;
        left = rest;
        for _ in 0..take(&mut left)? {
            let partition = u32::try_from(take(&mut left)?).ok()?;
            positions.insert(TopicPartition::new(topic.name, partition), take(&mut left)?);
        }
    }
    Some(positions)
}

/// Waits until the views have come as far as is asked for.
///
/// # Errors
/// A text that is no position, or one beyond the end of the log; views that are behind.
pub async fn reached(gateway: &Gateway, wanted: &MinPosition) -> Result<(), Problem> {
    let Some(text) = &wanted.min_position else { return Ok(()) };
    let positions = decode(text).ok_or_else(|| {
        Problem::bad_input(
            "min_position: this is no position: take `Gauntlet-Position` of an answer as it is",
        )
    })?;
    let until = Instant::now() + Duration::from_secs_f64(wanted.wait.unwrap_or(0.0).clamp(0.0, LONGEST_WAIT));
    loop {
        let asked = positions.clone();
        if gateway.work.run(move |node| Ok(node.is_projected(&asked)?)).await? {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Problem::projection_behind(
                "the views have not come as far as that: ask again, or with wait=5",
            )
            .with("position", text.as_str())
            .retry_after(1));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn positions_come_back_as_they_were() {
        let place = |topic: &str, partition| TopicPartition::new(topic, partition);
        let positions = Positions::from([
            (place("experiments.v1", 0), 0),
            (place("experiments.v1", 3), u64::MAX),
            (place("risk.verdicts.v1", 300), 127),
            (place("trial.results.v1", 1), 128),
        ]);
        let text = encode(&positions);
        assert_eq!(decode(&text), Some(positions));
        assert_eq!(decode(&encode(&Positions::new())), Some(Positions::new()));
        for cut in 1..text.len() {
            assert_ne!(decode(&text[..cut]), decode(&text), "{cut}");
        }
        for none in ["", "AA", "AQM", "!", "AX9hYQ"] {
            assert_eq!(decode(none), None, "{none}");
        }
        let unknown = Positions::from([(place("a.topic.of.nobody", 0), 1)]);
        assert_eq!(decode(&encode(&unknown)), None);
    }
}
