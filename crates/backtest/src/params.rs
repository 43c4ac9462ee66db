//! Named parameters: what a strategy or model takes, and refusal of everything else.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::BacktestError;

/// Parameters by name, as in an experiment or as a tuner proposes them.
pub type Params = BTreeMap<String, ParamValue>;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A word.
    Text(String),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Int(value) => value.fmt(f),
            ParamValue::Float(value) => value.fmt(f),
            ParamValue::Text(value) => write!(f, "'{value}'"),
        }
    }
}

impl From<i64> for ParamValue {
    fn from(value: i64) -> ParamValue {
        ParamValue::Int(value)
    }
}

impl From<f64> for ParamValue {
    fn from(value: f64) -> ParamValue {
        ParamValue::Float(value)
    }
}

impl From<&str> for ParamValue {
    fn from(value: &str) -> ParamValue {
        ParamValue::Text(value.to_owned())
    }
}

/// A parameter that a strategy or model takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParamSpec {
    /// Its name.
    pub name: &'static str,
    /// Kind, default and bounds.
    pub kind: ParamKind,
    /// What it does, in one line.
    pub about: &'static str,
}

/// Kind of a parameter, its default and its bounds, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A whole number.
    Int {
        /// Value when none is given.
        default: i64,
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number.
    Float {
        /// Value when none is given.
        default: f64,
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// One of some words; the first is the default.
    Choice(&'static [&'static str]),
}

impl ParamSpec {
    /// A whole number.
    pub const fn int(name: &'static str, default: i64, min: i64, max: i64, about: &'static str) -> ParamSpec {
        ParamSpec { name, kind: ParamKind::Int { default, min, max }, about }
    }

    /// A number.
    pub const fn float(
        name: &'static str,
        default: f64,
        min: f64,
        max: f64,
        about: &'static str,
    ) -> ParamSpec {
        ParamSpec { name, kind: ParamKind::Float { default, min, max }, about }
    }

    /// One of some words; the first is the default.
    pub const fn choice(
        name: &'static str,
        words: &'static [&'static str],
        about: &'static str,
    ) -> ParamSpec {
        ParamSpec { name, kind: ParamKind::Choice(words), about }
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamKind::Int { min, max, .. } => write!(f, "a whole number from {min} to {max}"),
            ParamKind::Float { min, max, .. } => write!(f, "a number from {min} to {max}"),
            ParamKind::Choice(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

/// Parameters checked against their specs, defaults filled in. Every accessor takes a name from the specs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved(BTreeMap<&'static str, ParamValue>);

/// Checks `params` against the `specs` of `owner` (`ma-cross`, `gbdt`, …).
pub(crate) fn resolve(
    owner: &str,
    specs: &[&'static ParamSpec],
    params: &Params,
) -> Result<Resolved, BacktestError> {
    for name in params.keys() {
        if specs.iter().all(|spec| spec.name != name) {
            let known = specs.iter().map(|spec| spec.name);
            return Err(BacktestError::unknown(format!("parameter of {owner}"), name, known));
        }
    }
    let values = specs.iter().map(|spec| Ok((spec.name, checked(owner, spec, params.get(spec.name))?)));
    values.collect::<Result<_, _>>().map(Resolved)
}

fn checked(owner: &str, spec: &ParamSpec, given: Option<&ParamValue>) -> Result<ParamValue, BacktestError> {
    let good = match (spec.kind, given) {
        (ParamKind::Int { default, .. }, None) => Some(ParamValue::Int(default)),
        (ParamKind::Float { default, .. }, None) => Some(ParamValue::Float(default)),
        (ParamKind::Choice(words), None) => words.first().map(|word| ParamValue::from(*word)),
        (ParamKind::Int { min, max, .. }, Some(value)) => {
            whole(value).filter(|value| (min..=max).contains(value)).map(ParamValue::Int)
        }
        (ParamKind::Float { min, max, .. }, Some(value)) => {
            number(value).filter(|value| (min..=max).contains(value)).map(ParamValue::Float)
        }
        (ParamKind::Choice(words), Some(ParamValue::Text(text))) => {
            words.contains(&text.as_str()).then(|| ParamValue::from(text.as_str()))
        }
        (ParamKind::Choice(_), Some(_)) => None,
    };
    good.ok_or_else(|| BacktestError::BadParameter {
        owner: owner.to_owned(),
        name: spec.name.to_owned(),
        value: given.map(ParamValue::to_string).unwrap_or_default(),
        expected: spec.kind.to_string(),
    })
}

fn number(value: &ParamValue) -> Option<f64> {
    match value {
        ParamValue::Int(value) => Some(*value as f64),
        ParamValue::Float(value) => Some(*value),
        ParamValue::Text(_) => None,
    }
}

/// A tuner or a JSON reader may write 20 as 20.0.
fn whole(value: &ParamValue) -> Option<i64> {
    match value {
        ParamValue::Int(value) => Some(*value),
        ParamValue::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => Some(*value as i64),
        ParamValue::Float(_) | ParamValue::Text(_) => None,
    }
}

impl Resolved {
    pub(crate) fn float(&self, name: &str) -> f64 {
        self.0.get(name).and_then(number).unwrap_or_default()
    }

    /// Bounds of whole numbers start at zero or above.
    pub(crate) fn int(&self, name: &str) -> usize {
        self.0.get(name).and_then(whole).and_then(|value| usize::try_from(value).ok()).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(ParamValue::Text(text)) => text,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SPECS: [ParamSpec; 3] = [
        ParamSpec::int("fast", 10, 1, 500, "bars"),
        ParamSpec::float("stop_atr", 0.0, 0.0, 100.0, "ranges"),
        ParamSpec::choice("kind", &["sma", "ema"], "average"),
    ];

    fn refusal(name: &str, value: impl Into<ParamValue>) -> String {
        let params = Params::from([(name.to_owned(), value.into())]);
        let specs: Vec<&'static ParamSpec> = SPECS.iter().collect();
        resolve("ma-cross", &specs, &params).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let specs: Vec<&'static ParamSpec> = SPECS.iter().collect();
        let resolved = resolve("ma-cross", &specs, &Params::new()).unwrap();
        assert_eq!(
            (resolved.int("fast"), resolved.float("stop_atr"), resolved.text("kind")),
            (10, 0.0, "sma")
        );
    }

    #[test]
    fn refusals_name_the_nearest_or_the_bounds() {
        assert_eq!(
            refusal("fasst", 3),
            "parameter of ma-cross 'fasst' is not known: did you mean 'fast'? known are fast, stop_atr, kind"
        );
        assert_eq!(
            refusal("fast", 0),
            "parameter 'fast' of ma-cross is 0: give a whole number from 1 to 500"
        );
        assert_eq!(
            refusal("fast", 2.5),
            "parameter 'fast' of ma-cross is 2.5: give a whole number from 1 to 500"
        );
        assert_eq!(refusal("kind", "wma"), "parameter 'kind' of ma-cross is 'wma': give one of sma, ema");
        assert!(refusal("stop_atr", f64::NAN).contains("a number from 0 to 100"));
        assert_eq!(refusal("fast", 20.0), "");
    }
}
