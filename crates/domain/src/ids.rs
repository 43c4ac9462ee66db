//! Names of things. Every id is derived from what caused it (UUIDv5), never drawn, so that a retry, a restart
//! or a replay arrives at the same id and is recognised as a duplicate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The DNS namespace of RFC 9562 §6.6; every name below it starts with the kind of the id.
const NAMESPACE: Uuid = Uuid::from_u128(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8);

/// Derives an id from the parts of its cause. Parts are length-prefixed, so `("ab", "c")` and `("a", "bc")` differ.
pub fn derive(kind: &str, parts: &[&[u8]]) -> Uuid {
    let mut name = Vec::with_capacity(64);
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        name.extend_from_slice(&(part.len() as u32).to_be_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Derives the id from the parts of its cause.
            pub fn derive(parts: &[&[u8]]) -> Self {
                Self(derive($kind, parts))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        // Always text, also in binary formats: an id in an event can be read by any client and searched for.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut buffer = Uuid::encode_buffer();
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// One event, for ever.
    EventId, "event"
);
uuid_id!(
    /// An experiment: derived from its resolved document, so the same document is the same experiment.
    ExperimentId, "experiment"
);
uuid_id!(
    /// One trial of an experiment: derived from the experiment and the trial's number.
    TrialId, "trial"
);
uuid_id!(
    /// A data snapshot as asked for: derived from instrument, bars and range.
    SnapshotId, "snapshot"
);
uuid_id!(
    /// A finalist under evaluation, and the model that it becomes.
    ModelId, "model"
);

/// SHA-256 of some bytes, as 64 hexadecimal digits in events and file names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> ContentHash {
        ContentHash(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a content hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a content hash is 64 hexadecimal digits")]
pub struct ParseContentHashError;

impl FromStr for ContentHash {
    type Err = ParseContentHashError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return Err(ParseContentHashError);
        }
        let mut hash = [0; 32];
        for (out, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
            let digit = |byte: u8| (byte as char).to_digit(16).ok_or(ParseContentHashError);
            *out = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(ContentHash(hash))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What is traded and where, `SYMBOL.VENUE` as in `XAUUSD.OANDA`; the key of every market topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstrumentId(String);

/// Why a symbol or venue cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' cannot be a symbol or venue: use 1 to 32 letters, digits, '-' or '_'")]
pub struct InstrumentIdError {
    /// The text as given.
    pub text: String,
}

impl InstrumentId {
    /// Builds the id from a symbol and a venue; both are upper-cased.
    pub fn new(symbol: &str, venue: &str) -> Result<InstrumentId, InstrumentIdError> {
        for part in [symbol, venue] {
            let fits = (1..=32).contains(&part.len());
            if !fits || !part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(InstrumentIdError { text: part.to_owned() });
            }
        }
        Ok(InstrumentId(format!("{}.{}", symbol.to_ascii_uppercase(), venue.to_ascii_uppercase())))
    }

    /// The part before the point.
    pub fn symbol(&self) -> &str {
        self.0.split_once('.').map_or(self.0.as_str(), |(symbol, _)| symbol)
    }

    /// The part after the point.
    pub fn venue(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, venue)| venue)
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_gives_the_same_id_and_another_cause_another() {
        let id = TrialId::derive(&[b"experiment", b"7"]);
        assert_eq!(id, TrialId::derive(&[b"experiment", b"7"]));
        assert_ne!(id, TrialId::derive(&[b"experiment7", b""]));
        assert_ne!(id.0, EventId::derive(&[b"experiment", b"7"]).0);
    }

    #[test]
    fn ids_and_hashes_read_back_from_their_text() {
        let id = SnapshotId::derive(&[b"x"]);
        assert_eq!(id.to_string().parse::<SnapshotId>().unwrap(), id);
        let hash = ContentHash::of(b"abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.to_string().parse::<ContentHash>().unwrap(), hash);
        assert!("xyz".parse::<ContentHash>().is_err());
    }

    #[test]
    fn a_symbol_with_a_point_is_refused() {
        assert!(InstrumentId::new("BRK.B", "NYSE").is_err());
        assert_eq!(InstrumentId::new("xauusd", "oanda").unwrap().as_str(), "XAUUSD.OANDA");
    }
}
