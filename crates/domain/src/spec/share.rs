//! A share as people write it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share: `20%` or `0.2`; written back as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Share;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 20% or 0.2")
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Share, E> {
                if (0.0..=1.0).contains(&value) {
                    Ok(Share(value))
                } else {
                    Err(E::custom(format!("share {value} is not between 0 and 1: write 20% or 0.2")))
                }
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Share, E> {
                self.visit_f64(value as f64)
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Share, E> {
                self.visit_f64(value as f64)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Share, E> {
                let (number, scale) = match text.trim().strip_suffix('%') {
                    Some(percent) => (percent, 100.0),
                    None => (text, 1.0),
                };
                let value: f64 = number
                    .trim()
                    .parse()
                    .map_err(|_| E::custom(format!("'{text}' is not a share: write 20% or 0.2")))?;
                self.visit_f64(value / scale)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
