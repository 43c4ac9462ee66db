//! Where a page ends, as text that a client hands back: opaque to it, and bound to the query that it belongs to.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gauntlet_domain::Timestamp;
use gauntlet_operations::page::After;
use gauntlet_views::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Digits of a query's hash that a cursor carries.
const DIGITS: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// The query.
    q: String,
    /// Values of the order.
    v: Vec<Part>,
    /// The key.
    k: Vec<Part>,
    /// The time that has passed as of which the list is, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<i64>,
}

/// A value with its kind.
#[derive(Serialize, Deserialize)]
enum Part {
    N,
    S(String),
    L(i64),
    D(f64),
    B(bool),
    T(i64),
}

impl From<Value> for Part {
    fn from(value: Value) -> Part {
        match value {
            Value::Null => Part::N,
            Value::Text(text) => Part::S(text),
            Value::Long(long) => Part::L(long),
            Value::Double(double) => Part::D(double),
            Value::Bool(flag) => Part::B(flag),
            Value::Timestamp(nanos) => Part::T(nanos),
        }
    }
}

impl From<Part> for Value {
    fn from(part: Part) -> Value {
        match part {
            Part::N => Value::Null,
            Part::S(text) => Value::Text(text),
            Part::L(long) => Value::Long(long),
            Part::D(double) => Value::Double(double),
            Part::B(flag) => Value::Bool(flag),
            Part::T(nanos) => Value::Timestamp(nanos),
        }
    }
}

/// The hash of a query: its list, filter and order.
pub fn query_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..DIGITS].to_owned()
}

/// A cursor of a query, and of the time as of which its list is.
pub fn cursor(query: &str, after: After, as_of: Option<Timestamp>) -> String {
    let parts = |values: Vec<Value>| values.into_iter().map(Part::from).collect();
    let t = as_of.map(|time| time.0);
    let text = Text { q: query.to_owned(), v: parts(after.values), k: parts(after.key), t };
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&text).unwrap_or_default())
}

/// Where a cursor of a query points, and as of which time.
///
/// # Errors
/// It is none, or of another query.
pub fn after(query: &str, cursor: &str) -> Result<(After, Option<Timestamp>), Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| serde_json::from_slice::<Text>(&bytes).ok());
    let Some(text) = text else {
        return Err(Problem::cursor_mismatch("this is no cursor: take `next` of the page before as it is"));
    };
    if text.q != query {
        return Err(Problem::cursor_mismatch(
            "the cursor is of a query with another list, filter or order: leave it out to begin anew",
        ));
    }
    let values = |parts: Vec<Part>| parts.into_iter().map(Value::from).collect();
    Ok((After { values: values(text.v), key: values(text.k) }, text.t.map(Timestamp)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_fits_its_query_alone() {
        let after_row = After {
            values: vec![
                Value::Double(0.1 + 0.2),
                Value::Null,
                Value::Timestamp(i64::MAX),
                Value::Bool(true),
            ],
            key: vec!["run".into(), Value::Long(-3)],
        };
        let query = query_hash(&["runs", "a = 1", "-sharpe"]);
        let text = cursor(&query, after_row.clone(), None);
        assert_eq!(after(&query, &text).unwrap(), (after_row.clone(), None));
        let then = Some(Timestamp(1_700_000_000_000_000_001));
        assert_eq!(after(&query, &cursor(&query, after_row.clone(), then)).unwrap(), (after_row, then));
        assert!(after(&query_hash(&["runs", "a = 1-sharpe", ""]), &text).is_err());
        for none in ["", "x", "e30", &text[1..]] {
            assert!(after(&query, none).is_err(), "{none}");
        }
    }
}
