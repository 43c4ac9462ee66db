//! Records as plain values, by their schemas alone: what a schema calls a field the value is called.
//!
//! A map is a list of names with their values, sorted by name. Where a schema leaves open which of several types a value
//! has, it is text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use apache_avro::types::Value;
use gauntlet_domain::RecordKind;
use gauntlet_domain::plain::{Plain, Shape};
use serde_json::Value as Json;

use crate::codec::{Codec, WireError, malformed, read_value};
use crate::registry::newest;

static SHAPES: LazyLock<BTreeMap<RecordKind, Shape>> = LazyLock::new(|| {
    let shape = |kind: &RecordKind| {
        let schema: Json = serde_json::from_str(newest(*kind)?.schema).ok()?;
        Some((*kind, Names::default().shape(&schema)))
    };
    RecordKind::ALL.iter().filter_map(shape).collect()
});

/// The shape of a record in its newest version.
pub fn shape(kind: RecordKind) -> &'static Shape {
    SHAPES.get(&kind).expect("invariant: a schema in the catalogue parses (tests/fixtures.rs)")
}

impl Codec {
    /// What the record in a frame says, in the shape of its newest version.
    ///
    /// # Errors
    /// As of [`Codec::open`].
    pub fn plain(&self, frame: Option<&[u8]>) -> Result<(RecordKind, Plain), WireError> {
        let (kind, number, body) = self.open(frame)?;
        let value = read_value(number, &body).map_err(|error| malformed(kind, error))?;
        Ok((kind, plain(shape(kind), value)))
    }
}

/// Shapes that a schema has given a name.
#[derive(Default)]
struct Names(BTreeMap<String, Shape>);

impl Names {
    fn shape(&mut self, schema: &Json) -> Shape {
        match schema {
            Json::String(name) => self.named(name),
            Json::Array(choices) => {
                let mut shapes =
                    choices.iter().filter(|choice| *choice != "null").map(|choice| self.shape(choice));
                match (shapes.next(), shapes.next()) {
                    (Some(shape), None) => shape,
                    _ => Shape::Text,
                }
            }
            _ => self.declared(schema),
        }
    }

    fn named(&self, name: &str) -> Shape {
        match name {
            "boolean" => Shape::Bool,
            "int" | "long" => Shape::Long,
            "float" | "double" => Shape::Double,
            "bytes" => Shape::Bytes,
            "string" => Shape::Text,
            name => {
                let short = name.rsplit('.').next().unwrap_or(name);
                self.0.get(short).cloned().unwrap_or(Shape::Text)
            }
        }
    }

    fn declared(&mut self, schema: &Json) -> Shape {
        let shape = match (schema["logicalType"].as_str(), schema["type"].as_str()) {
            (Some("timestamp-nanos"), _) => return Shape::Time,
            (_, Some("array")) => return Shape::list(self.shape(&schema["items"])),
            (_, Some("map")) => {
                let value = self.shape(&schema["values"]);
                return Shape::list(Shape::record([("name", Shape::Text), ("value", value)]));
            }
            (_, Some("record")) => {
                let fields = schema["fields"].as_array().into_iter().flatten();
                let field = |field: &Json| {
                    (field["name"].as_str().unwrap_or_default().to_owned(), self.shape(&field["type"]))
                };
                Shape::Record(fields.map(field).collect())
            }
            (_, Some("enum")) => Shape::Text,
            _ => return self.shape(&schema["type"]),
        };
        if let Some(name) = schema["name"].as_str() {
            self.0.insert(name.to_owned(), shape.clone());
        }
        shape
    }
}

/// A value in its shape. What the shape does not know is absent.
fn plain(shape: &Shape, value: Value) -> Plain {
    match (shape, value) {
        (shape, Value::Union(_, inner)) => plain(shape, *inner),
        (Shape::Bool, Value::Boolean(value)) => Plain::Bool(value),
        (Shape::Long, Value::Int(value)) => Plain::Long(value.into()),
        (Shape::Long, Value::Long(value)) => Plain::Long(value),
        (Shape::Double, Value::Float(value)) => Plain::Double(value.into()),
        (Shape::Double, Value::Double(value)) => Plain::Double(value),
        (Shape::Bytes, Value::Bytes(value)) => Plain::Bytes(value),
        (Shape::Time, Value::TimestampNanos(value) | Value::Long(value)) => Plain::Time(value),
        (Shape::Text, Value::String(value) | Value::Enum(_, value)) => Plain::Text(value),
        (Shape::Text, Value::Uuid(value)) => Plain::Text(value.to_string()),
        (Shape::Text, Value::Int(value)) => Plain::Text(value.to_string()),
        (Shape::Text, Value::Long(value)) => Plain::Text(value.to_string()),
        (Shape::Text, Value::Double(value)) => Plain::Text(value.to_string()),
        (Shape::Text, Value::Boolean(value)) => Plain::Text(value.to_string()),
        (Shape::List(of), Value::Array(values)) => {
            Plain::List(values.into_iter().map(|value| plain(of, value)).collect())
        }
        (Shape::List(of), Value::Map(values)) => {
            let Shape::Record(fields) = &**of else { return Plain::Absent };
            let Some((_, shape)) = fields.get(1) else { return Plain::Absent };
            let sorted: BTreeMap<String, Value> = values.into_iter().collect();
            let entry = |(name, value)| Plain::Record(vec![Plain::Text(name), plain(shape, value)]);
            Plain::List(sorted.into_iter().map(entry).collect())
        }
        (Shape::Record(fields), Value::Record(values)) => {
            let values = fields.iter().zip(values).map(|((_, shape), (_, value))| plain(shape, value));
            Plain::Record(values.collect())
        }
        _ => Plain::Absent,
    }
}
