//! Hyperparameters: a value, and an assignment of values to names. Both are plain JSON scalars when serialised.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A hyperparameter's value. Never a NaN or an infinity when it comes out of a search space.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// A whole number.
    Int(i64),
    /// A real number; `5.0` stays one through JSON.
    Float(f64),
    /// A word.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// Hyperparameters by name.
pub type Parameters = BTreeMap<String, ParameterValue>;

impl ParameterValue {
    /// The value as a number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            ParameterValue::Int(int) => Some(*int as f64),
            ParameterValue::Float(float) => Some(*float),
            ParameterValue::Flag(_) | ParameterValue::Text(_) => None,
        }
    }

    /// The value as a whole number: an `Int`, or a `Float` without a fraction (JSON writers may turn 5 into 5.0).
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            ParameterValue::Int(int) => Some(*int),
            ParameterValue::Float(float) if float.fract() == 0.0 && float.abs() < 9e15 => Some(*float as i64),
            _ => None,
        }
    }
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Int(int) => int.fmt(f),
            ParameterValue::Float(float) => float.fmt(f),
            ParameterValue::Text(text) => f.write_str(text),
            ParameterValue::Flag(flag) => flag.fmt(f),
        }
    }
}
