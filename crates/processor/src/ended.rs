//! What stays of what has ended: its id, sixteen bytes, so that a late duplicate of its command still changes nothing.
//!
//! Ids are derived from content and have no order in time, so nothing shorter can tell a duplicate from something new.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of an id.
const ID_BYTES: usize = 16;

/// Ids of what has ended. Saved as one text of hexadecimal digits, 32 for each id, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedIds(BTreeSet<[u8; ID_BYTES]>);

impl EndedIds {
    /// Remembers an id; false when it is known already.
    pub fn insert(&mut self, id: &[u8; ID_BYTES]) -> bool {
        self.0.insert(*id)
    }

    /// Whether this has ended.
    pub fn contains(&self, id: &[u8; ID_BYTES]) -> bool {
        self.0.contains(id)
    }

    /// How many have ended.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has ended.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for EndedIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(2 * ID_BYTES * self.0.len());
        for byte in self.0.iter().flatten() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for EndedIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EndedIds, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = EndedIds;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("ids as hexadecimal digits, 32 each")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<EndedIds, E> {
                ids(text).ok_or_else(|| E::custom("not ids of 32 hexadecimal digits each"))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

fn ids(text: &str) -> Option<EndedIds> {
    let (ids, rest) = text.as_bytes().as_chunks::<{ 2 * ID_BYTES }>();
    rest.is_empty().then_some(())?;
    // Collected at once, because they are sorted: the set is built without a search for each.
    ids.iter().map(id).collect::<Option<BTreeSet<_>>>().map(EndedIds)
}

fn id(digits: &[u8; 2 * ID_BYTES]) -> Option<[u8; ID_BYTES]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut id = [0; ID_BYTES];
    for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_nonsense_is_refused() {
        let mut ended = EndedIds::default();
        for id in [[0xff; ID_BYTES], [0x0a; ID_BYTES], [0; ID_BYTES]] {
            assert!(ended.insert(&id) && ended.contains(&id));
            assert!(!ended.insert(&id), "known already");
        }
        let text = serde_json::to_string(&ended).unwrap();
        assert_eq!(text, format!("\"{}{}{}\"", "0".repeat(32), "0a".repeat(16), "ff".repeat(16)));
        assert_eq!(serde_json::from_str::<EndedIds>(&text).unwrap(), ended);
        assert_eq!(serde_json::from_str::<EndedIds>("\"\"").unwrap(), EndedIds::default());
        for nonsense in ["\"0\"", "\"zz\"", "7"] {
            assert!(serde_json::from_str::<EndedIds>(nonsense).is_err(), "{nonsense}");
        }
        let not_digits = format!("\"{}\"", "g".repeat(32));
        assert!(serde_json::from_str::<EndedIds>(&not_digits).is_err());
    }
}
