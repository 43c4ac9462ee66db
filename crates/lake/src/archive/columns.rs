//! Plain values as columns. Every value may be absent; one that is not of its column's shape is.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampNanosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use gauntlet_domain::plain::{Plain, Shape};

/// A column.
pub(super) fn field(name: &str, shape: &Shape) -> Field {
    Field::new(name, data_type(shape), true)
}

fn data_type(shape: &Shape) -> DataType {
    match shape {
        Shape::Bool => DataType::Boolean,
        Shape::Long => DataType::Int64,
        Shape::Double => DataType::Float64,
        Shape::Text => DataType::Utf8,
        Shape::Bytes => DataType::Binary,
        Shape::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        Shape::List(of) => DataType::List(Arc::new(field("element", of))),
        Shape::Record(of) => DataType::Struct(fields(of)),
    }
}

fn fields(of: &[(String, Shape)]) -> Fields {
    of.iter().map(|(name, shape)| field(name, shape)).collect()
}

/// The value of a field by its number; absent beyond the last.
pub(super) fn nth(values: &[Plain], at: usize) -> &Plain {
    values.get(at).unwrap_or(&Plain::Absent)
}

/// Values of one shape as an array.
pub(super) fn array(shape: &Shape, values: &[&Plain]) -> ArrayRef {
    /// Those of one variant.
    macro_rules! of {
        ($array:ident, $variant:ident, $value:ident => $owned:expr) => {
            $array::from_iter(values.iter().map(|value| match value {
                Plain::$variant($value) => Some($owned),
                _ => None,
            }))
        };
    }
    match shape {
        Shape::Bool => Arc::new(of!(BooleanArray, Bool, value => *value)),
        Shape::Long => Arc::new(of!(Int64Array, Long, value => *value)),
        Shape::Double => Arc::new(of!(Float64Array, Double, value => *value)),
        Shape::Text => Arc::new(of!(StringArray, Text, value => value.as_str())),
        Shape::Bytes => Arc::new(of!(BinaryArray, Bytes, value => value.as_slice())),
        Shape::Time => Arc::new(of!(TimestampNanosecondArray, Time, value => *value).with_timezone("UTC")),
        Shape::List(of) => list(of, values),
        Shape::Record(of) => record(of, values),
    }
}

fn list(of: &Shape, values: &[&Plain]) -> ArrayRef {
    let items = |value: &Plain| match value {
        Plain::List(items) => items.len(),
        _ => 0,
    };
    let offsets = OffsetBuffer::from_lengths(values.iter().map(|value| items(value)));
    let all: Vec<&Plain> = values
        .iter()
        .flat_map(|value| match value {
            Plain::List(items) => items.as_slice(),
            _ => &[],
        })
        .collect();
    let present = NullBuffer::from_iter(values.iter().map(|value| matches!(value, Plain::List(_))));
    Arc::new(ListArray::new(Arc::new(field("element", of)), offsets, array(of, &all), Some(present)))
}

fn record(of: &[(String, Shape)], values: &[&Plain]) -> ArrayRef {
    let columns = of.iter().enumerate().map(|(at, (_, shape))| {
        let column: Vec<&Plain> = values
            .iter()
            .map(|value| match value {
                Plain::Record(fields) => nth(fields, at),
                _ => &Plain::Absent,
            })
            .collect();
        array(shape, &column)
    });
    let present = NullBuffer::from_iter(values.iter().map(|value| matches!(value, Plain::Record(_))));
    Arc::new(StructArray::new(fields(of), columns.collect(), Some(present)))
}
