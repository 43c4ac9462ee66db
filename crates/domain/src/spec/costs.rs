//! The section `costs` of a document.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::find;

/// What trading costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostSpec {
    /// Commission on the traded value, basis points.
    pub commission_bps: f64,
    /// `quoted`, `none`, or a fixed number of basis points.
    pub spread: SpreadSpec,
    /// Slippage against the trader, basis points.
    pub slippage_bps: f64,
    /// Time from decision to order, milliseconds; orders fill at the first opening after it.
    pub latency_ms: f64,
}

impl Default for CostSpec {
    fn default() -> Self {
        CostSpec { commission_bps: 0.5, spread: SpreadSpec::Quoted, slippage_bps: 0.2, latency_ms: 0.0 }
    }
}

/// The spread that is paid: a number of basis points, or a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpreadSpec {
    /// A fixed number of basis points of the price.
    Bps(f64),
    /// Each bar's own.
    Quoted,
    /// None.
    None,
}

impl SpreadSpec {
    /// The spreads that have a name.
    pub const NAMED: [(&'static str, SpreadSpec); 2] =
        [("quoted", SpreadSpec::Quoted), ("none", SpreadSpec::None)];
}

impl Serialize for SpreadSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SpreadSpec::Bps(bps) => serializer.serialize_f64(*bps),
            SpreadSpec::Quoted => serializer.serialize_str("quoted"),
            SpreadSpec::None => serializer.serialize_str("none"),
        }
    }
}

impl<'de> Deserialize<'de> for SpreadSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SpreadSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("quoted, none or a number of basis points")
            }
            fn visit_f64<E: serde::de::Error>(self, bps: f64) -> Result<SpreadSpec, E> {
                Ok(SpreadSpec::Bps(bps))
            }
            fn visit_i64<E: serde::de::Error>(self, bps: i64) -> Result<SpreadSpec, E> {
                self.visit_f64(bps as f64)
            }
            fn visit_u64<E: serde::de::Error>(self, bps: u64) -> Result<SpreadSpec, E> {
                self.visit_f64(bps as f64)
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<SpreadSpec, E> {
                match find("spread", name, &SpreadSpec::NAMED, |row| row.0) {
                    Ok((_, spread)) => Ok(*spread),
                    Err(unknown) => Err(E::custom(format!("{unknown}, or a number of basis points"))),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
