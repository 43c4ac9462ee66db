//! Blocks and bars through `arrow-avro`: one record is one row of a record batch whose list columns are the block's
//! columns.
//!
//! After each record every byte must have been consumed: a damaged record leaves `arrow-avro`'s columns misaligned, so
//! its decoder is thrown away with it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampNanosecondArray,
};
use arrow_avro::reader::{Decoder, ReaderBuilder};
use arrow_avro::schema::{
    AvroSchema, CONFLUENT_MAGIC, Fingerprint, FingerprintAlgorithm, FingerprintStrategy, SCHEMA_METADATA_KEY,
    SchemaStore,
};
use arrow_avro::writer::format::AvroSoeFormat;
use arrow_avro::writer::{Encoder, WriterBuilder};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use gauntlet_domain::market::{Bar, BarBlock, TickBlock};
use gauntlet_domain::{Event, Price, Quantity, RecordKind, Scale, Timestamp};

use crate::codec::{HEADER_LEN, WireError, malformed};
use crate::registry::{newest, numbered};

/// Encoders and decoders by schema number.
pub(crate) struct Columnar {
    encoders: HashMap<u32, (Encoder, SchemaRef)>,
    decoders: HashMap<u32, Decoder>,
}

impl Columnar {
    pub(crate) fn new() -> Columnar {
        Columnar { encoders: HashMap::new(), decoders: HashMap::new() }
    }

    /// Whether a record goes through columns.
    #[inline]
    pub(crate) fn covers(kind: RecordKind) -> bool {
        matches!(kind, RecordKind::TickBlock | RecordKind::BarBlock | RecordKind::Bar)
    }

    /// Appends the body of a block or bar to `out`.
    pub(crate) fn encode(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), WireError> {
        let kind = event.kind();
        let number = newest(kind).ok_or(WireError::Unregistered { record: kind.name() })?.id;
        let (encoder, schema) = match self.encoders.entry(number) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(build_encoder(kind, number).map_err(|error| malformed(kind, error))?)
            }
        };
        let columns = match event {
            Event::TickBlock(block) => tick_block_columns(block),
            Event::BarBlock(block) => bar_block_columns(block),
            Event::Bar(bar) => bar_columns(bar),
            _ => return Err(malformed(kind, "not a columnar record")),
        };
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|error| malformed(kind, error))?;
        encoder.encode(&batch).map_err(|error| malformed(kind, error))?;
        let rows = encoder.flush();
        let frame = rows.row(0).map_err(|error| malformed(kind, error))?;
        // The encoder frames by itself; the caller has already written the header with its own registry's number.
        out.extend_from_slice(frame.get(HEADER_LEN..).unwrap_or_default());
        Ok(())
    }

    /// The block or bar in a body.
    pub(crate) fn decode(&mut self, kind: RecordKind, number: u32, body: &[u8]) -> Result<Event, WireError> {
        let mut decoder = match self.decoders.remove(&number) {
            Some(decoder) => decoder,
            None => build_decoder(number).map_err(|error| malformed(kind, error))?,
        };
        let mut frame = Vec::with_capacity(HEADER_LEN + body.len());
        frame.extend_from_slice(&CONFLUENT_MAGIC);
        frame.extend_from_slice(&number.to_be_bytes());
        frame.extend_from_slice(body);
        let consumed = decoder.decode(&frame).map_err(|error| malformed(kind, error))?;
        let batch = decoder.flush().map_err(|error| malformed(kind, error))?;
        let Some(batch) = batch.filter(|batch| batch.num_rows() == 1) else {
            return Err(malformed(kind, "the body ends before its last field"));
        };
        if consumed != frame.len() {
            return Err(WireError::TrailingBytes { record: kind.name(), extra: frame.len() - consumed });
        }
        self.decoders.insert(number, decoder);
        event_from_batch(kind, &batch)
    }
}

fn build_encoder(
    kind: RecordKind,
    number: u32,
) -> Result<(Encoder, SchemaRef), Box<dyn std::error::Error + Send + Sync>> {
    let text = schema_text(number);
    let fields = match kind {
        RecordKind::TickBlock => tick_block_fields(),
        RecordKind::BarBlock => bar_block_fields(),
        _ => bar_fields(),
    };
    let metadata = HashMap::from([(SCHEMA_METADATA_KEY.to_owned(), text.to_owned())]);
    let schema = Schema::new_with_metadata(fields, metadata);
    let encoder = WriterBuilder::new(schema.clone())
        .with_fingerprint_strategy(FingerprintStrategy::Id(number))
        .build_encoder::<AvroSoeFormat>()?;
    Ok((encoder, Arc::new(schema)))
}

fn build_decoder(number: u32) -> Result<Decoder, Box<dyn std::error::Error + Send + Sync>> {
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    store.set(Fingerprint::Id(number), AvroSchema::new(schema_text(number).to_owned()))?;
    // Two rows of room: a second record in the frame must show up as an error, not as a full batch.
    Ok(ReaderBuilder::new()
        .with_writer_schema_store(store)
        .with_active_fingerprint(Fingerprint::Id(number))
        .with_batch_size(2)
        .build_decoder()?)
}

fn schema_text(number: u32) -> &'static str {
    numbered(number).map_or("", |version| version.schema)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, false)
}

fn longs(name: &str) -> Field {
    Field::new(name, DataType::List(item()), false)
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Int64, false))
}

fn exponents() -> Fields {
    let exponent = |name: &str| Field::new(name, DataType::Int32, false);
    vec![exponent("price_exponent"), exponent("size_exponent")].into()
}

fn scale() -> Field {
    Field::new("scale", DataType::Struct(exponents()), false)
}

fn nanos(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())), false)
}

fn tick_block_fields() -> Vec<Field> {
    let columns = ["times", "prices", "asks", "sizes", "ask_sizes"].map(longs);
    let mut fields =
        vec![text("instrument"), text("source"), long("block"), longs("rows"), longs("sequences")];
    fields.push(Field::new("kinds", DataType::Binary, false));
    fields.extend(columns);
    fields.push(scale());
    fields
}

fn bar_block_fields() -> Vec<Field> {
    let columns =
        ["open_times", "opens", "highs", "lows", "closes", "open_spreads", "close_spreads", "volumes"]
            .map(longs);
    let mut fields = vec![text("instrument"), text("source"), long("block"), text("spec"), longs("rows")];
    fields.push(Field::new("kinds", DataType::Binary, false));
    fields.extend(columns);
    fields.push(scale());
    fields
}

fn bar_fields() -> Vec<Field> {
    let optional = |name: &str| Field::new(name, DataType::Int64, true);
    vec![
        text("instrument"),
        text("spec"),
        nanos("open_time"),
        nanos("close_time"),
        nanos("time"),
        long("open"),
        long("high"),
        long("low"),
        long("close"),
        optional("open_spread"),
        optional("close_spread"),
        long("volume"),
        long("ticks"),
        scale(),
    ]
}

fn text_array(value: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

fn long_array(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

fn list_array(values: &[i64]) -> ArrayRef {
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Arc::new(ListArray::new(item(), offsets, Arc::new(Int64Array::from(values.to_vec())), None))
}

fn scale_array(scale: Scale) -> ArrayRef {
    let exponent = |exponent: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![exponent])) };
    let columns = vec![exponent(scale.price_exponent), exponent(scale.size_exponent)];
    Arc::new(StructArray::new(exponents(), columns, None))
}

fn nanos_array(time: Timestamp) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(vec![time.0]).with_timezone("+00:00"))
}

fn tick_block_columns(block: &TickBlock) -> Vec<ArrayRef> {
    vec![
        text_array(&block.instrument),
        text_array(&block.source),
        long_array(block.block),
        list_array(&block.rows),
        list_array(&block.sequences),
        Arc::new(BinaryArray::from(vec![block.kinds.as_slice()])),
        list_array(&block.times),
        list_array(&block.prices),
        list_array(&block.asks),
        list_array(&block.sizes),
        list_array(&block.ask_sizes),
        scale_array(block.scale),
    ]
}

fn bar_block_columns(block: &BarBlock) -> Vec<ArrayRef> {
    vec![
        text_array(&block.instrument),
        text_array(&block.source),
        long_array(block.block),
        text_array(&block.spec),
        list_array(&block.rows),
        Arc::new(BinaryArray::from(vec![block.kinds.as_slice()])),
        list_array(&block.open_times),
        list_array(&block.opens),
        list_array(&block.highs),
        list_array(&block.lows),
        list_array(&block.closes),
        list_array(&block.open_spreads),
        list_array(&block.close_spreads),
        list_array(&block.volumes),
        scale_array(block.scale),
    ]
}

fn bar_columns(bar: &Bar) -> Vec<ArrayRef> {
    let optional =
        |price: Option<Price>| -> ArrayRef { Arc::new(Int64Array::from(vec![price.map(|p| p.0)])) };
    vec![
        text_array(&bar.instrument),
        text_array(&bar.spec.to_string()),
        nanos_array(bar.open_time),
        nanos_array(bar.close_time),
        nanos_array(bar.time),
        long_array(bar.open.0),
        long_array(bar.high.0),
        long_array(bar.low.0),
        long_array(bar.close.0),
        optional(bar.open_spread),
        optional(bar.close_spread),
        long_array(bar.volume.0),
        long_array(bar.ticks),
        scale_array(bar.scale),
    ]
}

/// Reads the columns of a one-row batch by name.
struct Row<'a>(&'a RecordBatch);

impl Row<'_> {
    fn column(&self, name: &str) -> Result<&ArrayRef, String> {
        self.0.column_by_name(name).ok_or_else(|| format!("column {name} is missing"))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let column = self.column(name)?;
        let strings = column.as_string_opt::<i32>().ok_or_else(|| format!("column {name} is no text"))?;
        Ok(strings.value(0).to_owned())
    }

    fn long(&self, name: &str) -> Result<i64, String> {
        self.optional_long(name)?.ok_or_else(|| format!("column {name} is null"))
    }

    fn optional_long(&self, name: &str) -> Result<Option<i64>, String> {
        let column = self.column(name)?;
        let longs =
            column.as_primitive_opt::<Int64Type>().ok_or_else(|| format!("column {name} is no long"))?;
        Ok(longs.is_valid(0).then(|| longs.value(0)))
    }

    fn nanos(&self, name: &str) -> Result<Timestamp, String> {
        let column = self.column(name)?;
        let times = column
            .as_primitive_opt::<TimestampNanosecondType>()
            .ok_or_else(|| format!("column {name} is no time"))?;
        Ok(Timestamp(times.value(0)))
    }

    fn longs(&self, name: &str) -> Result<Vec<i64>, String> {
        let list =
            self.column(name)?.as_list_opt::<i32>().ok_or_else(|| format!("column {name} is no list"))?;
        let values = list.value(0);
        let longs =
            values.as_primitive_opt::<Int64Type>().ok_or_else(|| format!("column {name} has no longs"))?;
        Ok(longs.values().to_vec())
    }

    /// The usual one where the writer's version has none.
    fn scale(&self) -> Result<Scale, String> {
        let Some(column) = self.0.column_by_name("scale") else { return Ok(Scale::USUAL) };
        let fields = column.as_struct_opt().ok_or("column scale is no record")?;
        let exponent = |name: &str| {
            let column =
                fields.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
            Ok::<_, String>(column.ok_or_else(|| format!("scale has no {name}"))?.value(0))
        };
        let scale = Scale::new(exponent("price_exponent")?, exponent("size_exponent")?);
        scale.map_err(|error| error.to_string())
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let column = self.column(name)?;
        let bytes = column.as_binary_opt::<i32>().ok_or_else(|| format!("column {name} is no bytes"))?;
        Ok(bytes.value(0).to_vec())
    }
}

fn event_from_batch(kind: RecordKind, batch: &RecordBatch) -> Result<Event, WireError> {
    let row = Row(batch);
    let event = match kind {
        RecordKind::TickBlock => read_tick_block(&row).map(Event::from),
        RecordKind::BarBlock => read_bar_block(&row).map(Event::from),
        _ => read_bar(&row).map(Event::from),
    };
    event.map_err(|detail| malformed(kind, detail))
}

/// Columns must have one entry a row or none at all; anything else would misalign rows silently.
fn check_lengths(rows: usize, needed: &[usize], optional: &[usize]) -> Result<(), String> {
    if needed.iter().any(|len| *len != rows) || optional.iter().any(|len| *len != rows && *len != 0) {
        return Err(format!(
            "columns differ in length: {rows} rows, needed {needed:?}, optional {optional:?}"
        ));
    }
    Ok(())
}

fn read_tick_block(row: &Row<'_>) -> Result<TickBlock, String> {
    let block = TickBlock {
        instrument: row.text("instrument")?,
        source: row.text("source")?,
        block: row.long("block")?,
        rows: row.longs("rows")?,
        sequences: row.longs("sequences")?,
        kinds: row.bytes("kinds")?,
        times: row.longs("times")?,
        prices: row.longs("prices")?,
        asks: row.longs("asks")?,
        sizes: row.longs("sizes")?,
        ask_sizes: row.longs("ask_sizes")?,
        scale: row.scale()?,
    };
    check_tick_block(&block)?;
    Ok(block)
}

pub(crate) fn check_tick_block(block: &TickBlock) -> Result<(), String> {
    let optional = [&block.sequences, &block.asks, &block.sizes, &block.ask_sizes].map(Vec::len);
    check_lengths(block.len(), &[block.rows.len(), block.kinds.len(), block.prices.len()], &optional)
}

fn read_bar_block(row: &Row<'_>) -> Result<BarBlock, String> {
    let block = BarBlock {
        instrument: row.text("instrument")?,
        source: row.text("source")?,
        block: row.long("block")?,
        spec: row.text("spec")?,
        rows: row.longs("rows")?,
        kinds: row.bytes("kinds")?,
        open_times: row.longs("open_times")?,
        opens: row.longs("opens")?,
        highs: row.longs("highs")?,
        lows: row.longs("lows")?,
        closes: row.longs("closes")?,
        open_spreads: row.longs("open_spreads")?,
        close_spreads: row.longs("close_spreads")?,
        volumes: row.longs("volumes")?,
        scale: row.scale()?,
    };
    let needed = [&block.rows, &block.opens, &block.highs, &block.lows, &block.closes].map(Vec::len);
    let optional = [&block.open_spreads, &block.close_spreads, &block.volumes].map(Vec::len);
    check_lengths(block.open_times.len(), &needed, &optional)?;
    check_lengths(block.open_times.len(), &[block.kinds.len()], &[])?;
    Ok(block)
}

fn read_bar(row: &Row<'_>) -> Result<Bar, String> {
    let price = |name: &str| row.long(name).map(Price);
    let spread = |name: &str| row.optional_long(name).map(|long| long.map(Price));
    Ok(Bar {
        instrument: row.text("instrument")?,
        spec: row.text("spec")?.parse().map_err(|error| format!("{error}"))?,
        open_time: row.nanos("open_time")?,
        close_time: row.nanos("close_time")?,
        time: row.nanos("time")?,
        open: price("open")?,
        high: price("high")?,
        low: price("low")?,
        close: price("close")?,
        open_spread: spread("open_spread")?,
        close_spread: spread("close_spread")?,
        volume: Quantity(row.long("volume")?),
        ticks: row.long("ticks")?,
        scale: row.scale()?,
    })
}
