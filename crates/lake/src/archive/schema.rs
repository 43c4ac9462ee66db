//! Columns of a file: each record as it lay on the log, then what whoever writes says of it besides.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use gauntlet_domain::plain::{Plain, Shape};

use super::{Frame, Range, columns};

/// The columns from which a record is read back, by name and in their order.
pub(super) fn raw_fields() -> Vec<Field> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let headers = Field::new("element", DataType::Struct(header_fields()), false);
    vec![
        Field::new("topic", DataType::Utf8, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("recorded", time, false),
        Field::new("key", DataType::Binary, false),
        Field::new("headers", DataType::List(Arc::new(headers)), false),
        Field::new("value", DataType::Binary, true),
    ]
}

fn header_fields() -> Fields {
    Fields::from(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("value", DataType::Binary, false),
    ])
}

/// All columns of a file.
pub fn file_schema(columns: &[(String, Shape)]) -> SchemaRef {
    let further = columns.iter().map(|(name, shape)| columns::field(name, shape));
    Arc::new(Schema::new(raw_fields().into_iter().chain(further).collect::<Vec<_>>()))
}

/// Records of one partition in columns, and what the further columns say of each.
pub fn batch(
    topic: &str,
    partition: u32,
    frames: &[Frame],
    columns: &[(String, Shape)],
    values: &[Vec<Plain>],
) -> RecordBatch {
    let rows = frames.len();
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    let offset = |frame: &Frame| i64::try_from(frame.offset).unwrap_or(i64::MAX);
    let times = frames.iter().map(|frame| frame.timestamp_micros);
    let (mut keys, mut contents) = (BinaryBuilder::new(), BinaryBuilder::new());
    for frame in frames {
        keys.append_value(&frame.key);
        contents.append_option(frame.value.as_deref());
    }
    let raw: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(topic, rows))),
        Arc::new(Int32Array::from(vec![partition; rows])),
        Arc::new(Int64Array::from_iter_values(frames.iter().map(offset))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(keys.finish()),
        headers(frames),
        Arc::new(contents.finish()),
    ];
    let further = columns.iter().enumerate().map(|(at, (_, shape))| {
        let values: Vec<&Plain> = values.iter().map(|values| columns::nth(values, at)).collect();
        columns::array(shape, &values)
    });
    RecordBatch::try_new(file_schema(columns), raw.into_iter().chain(further).collect())
        .expect("invariant: columns have the schema's types and one length")
}

fn headers(frames: &[Frame]) -> ArrayRef {
    let fields: Vec<Box<dyn arrow_array::builder::ArrayBuilder>> =
        vec![Box::new(StringBuilder::new()), Box::new(BinaryBuilder::new())];
    let entry = Field::new("element", DataType::Struct(header_fields()), false);
    let mut list = ListBuilder::new(StructBuilder::new(header_fields(), fields)).with_field(entry);
    for frame in frames {
        let entries = list.values();
        for (name, value) in &frame.headers {
            if let Some(names) = entries.field_builder::<StringBuilder>(0) {
                names.append_value(name);
            }
            if let Some(values) = entries.field_builder::<BinaryBuilder>(1) {
                values.append_value(value);
            }
            entries.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

/// The records in a batch of the raw columns; `Err` says what no file of this range has.
pub(super) fn frames(range: &Range, batch: &RecordBatch) -> Result<Vec<Frame>, String> {
    let topics = batch.column(0).as_string::<i32>();
    let partitions = batch.column(1).as_primitive::<Int32Type>();
    let offsets = batch.column(2).as_primitive::<Int64Type>();
    let times = batch.column(3).as_primitive::<TimestampMicrosecondType>();
    let keys = batch.column(4).as_binary::<i32>();
    let headers = batch.column(5).as_list::<i32>();
    let values = batch.column(6).as_binary::<i32>();
    let frame = |row: usize| {
        if topics.value(row) != range.topic || i64::from(partitions.value(row)) != i64::from(range.partition)
        {
            return Err("it has records of another partition".to_owned());
        }
        let entries = headers.value(row);
        let entries = entries.as_struct();
        let (names, contents) = (entries.column(0).as_string::<i32>(), entries.column(1).as_binary::<i32>());
        let header = |at: usize| (names.value(at).to_owned(), contents.value(at).to_vec());
        Ok(Frame {
            offset: u64::try_from(offsets.value(row)).map_err(|_| "it has an offset below 0".to_owned())?,
            timestamp_micros: times.value(row),
            key: keys.value(row).to_vec(),
            headers: (0..entries.len()).map(header).collect(),
            value: values.is_valid(row).then(|| values.value(row).to_vec()),
        })
    };
    (0..batch.num_rows()).map(frame).collect()
}
