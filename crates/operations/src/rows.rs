//! Rows of views as parts of answers.

use gauntlet_domain::Timestamp;
use gauntlet_views::{Row, Value};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// A row. As a document an object with a field for each column: times as RFC 3339, embedded documents as documents, null
/// where nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow(pub Row);

impl ViewRow {
    /// The text of a column, if it has one.
    pub fn text(&self, column: &str) -> Option<&str> {
        text(&self.0, column)
    }

    /// The whole number of a column, if it has one.
    pub fn long(&self, column: &str) -> Option<i64> {
        self.0.get(column).and_then(Value::as_long)
    }
}

/// A time as RFC 3339.
pub(crate) fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// The text of a column, if it has one.
pub(crate) fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_text)
}

/// What a row has under a name: of a column, or of a document in one.
pub fn named_value(row: &Row, name: &str) -> Option<Value> {
    crate::listing::value(row, name).map(std::borrow::Cow::into_owned)
}

/// The same as a document.
pub fn named_json(row: &Row, name: &str) -> Option<Json> {
    Some(match named_value(row, name)? {
        Value::Null => Json::Null,
        Value::Text(text) => Json::String(text),
        Value::Long(long) => long.into(),
        Value::Double(double) => double.into(),
        Value::Bool(flag) => Json::Bool(flag),
        Value::Timestamp(nanos) => Json::String(Timestamp(nanos).to_string()),
    })
}

/// Columns whose text is a JSON document.
pub(crate) const DOCUMENTS: [&str; 22] = [
    "parameters",
    "hyperparameters",
    "metrics",
    "key_metrics",
    "files",
    "rejected",
    "corrected",
    "finalists",
    "sharpe",
    "summary",
    "evidence",
    "inference",
    "waiver",
    "family",
    "representatives",
    "figures",
    "undefined",
    "remarks",
    "failed",
    "denied",
    "scopes",
    "events",
];

impl Serialize for ViewRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_without(&self.0, &[], serializer)
    }
}

/// What a gate says of a model: its row without what the answer around it says already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateVerdict(pub Row);

impl Serialize for GateVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_without(&self.0, &["model_id", "experiment_id"], serializer)
    }
}

/// A row as an object, without some columns.
fn serialize_without<S: Serializer>(row: &Row, left_out: &[&str], serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(None)?;
    let names = row.table.key().chain(row.table.columns).map(|column| column.name);
    for name in names.filter(|name| !left_out.contains(name)) {
        match row.get(name) {
            None | Some(Value::Null) => object.serialize_entry(name, &())?,
            Some(Value::Text(text)) if DOCUMENTS.contains(&name) => {
                object.serialize_entry(name, &document(text))?;
            }
            Some(Value::Text(text)) => object.serialize_entry(name, text)?,
            Some(Value::Long(long)) => object.serialize_entry(name, long)?,
            Some(Value::Double(double)) => object.serialize_entry(name, double)?,
            Some(Value::Bool(flag)) => object.serialize_entry(name, flag)?,
            Some(Value::Timestamp(nanos)) => {
                object.serialize_entry(name, &Timestamp(*nanos).to_string())?;
            }
        }
    }
    object.end()
}

/// An embedded document, of whatever shape; what is no document is a text.
fn document(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// A document kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document(pub String);

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(&self.0).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gauntlet_views::schema::{EXPERIMENTS, LEADERBOARDS, MODELS};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_a_document_with_every_column_and_its_own_documents_inside() {
        let parameters = r#"{"fast":5,"slow":20}"#;
        let mut row = Row {
            table: &MODELS,
            key: vec!["m".into()],
            cells: MODELS.columns.iter().map(|_| Value::Null).collect(),
        };
        row.cells[MODELS.column("parameters").unwrap()] = parameters.into();
        row.cells[MODELS.column("trial").unwrap()] = Value::Long(3);
        let document = serde_json::to_value(ViewRow(row)).unwrap();
        assert_eq!(document["model_id"], "m");
        assert_eq!(document["parameters"], json!({ "fast": 5, "slow": 20 }));
        assert_eq!(document["trial"], 3);
        assert_eq!(document["artifact_path"], Json::Null);
        assert_eq!(document.as_object().unwrap().len(), 1 + MODELS.columns.len());
    }

    #[test]
    fn no_column_of_a_row_is_said_twice_in_the_answer_around_it() {
        for added in ["place", "parameters", "verdict", "verdicts", "inference", "deflated", "equals"] {
            assert!(LEADERBOARDS.key().chain(LEADERBOARDS.columns).all(|column| column.name != added));
        }
        for added in ["objective", "trials", "looks", "walk_forward", "noise", "leaderboard"] {
            assert!(EXPERIMENTS.key().chain(EXPERIMENTS.columns).all(|column| column.name != added));
        }
        assert!(MODELS.key().chain(MODELS.columns).all(|column| column.name != "verdicts"));
    }
}
