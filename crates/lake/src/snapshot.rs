//! Sealed snapshots: the bars of one series as `snapshots/<content hash>.parquet`.
//!
//! The identity is the content hash (`BarHasher`), over the bars and not over the file: the same bars give the same
//! file bytes with one version of the Parquet library, but another version may write them differently.
//! [`sha256`](gauntlet_domain::market::SnapshotFile::sha256) is over the bytes of the file that lies there.
//!
//! Columns: `open_time`, `close_time`, `time` as nanosecond timestamps in UTC; `open`, `high`, `low`, `close`,
//! `open_spread`, `close_spread`, `volume` as integers in units of the scale; `ticks`.
//! The file's key-value metadata name the instrument, the spec, the content hash and the two scales.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray, cast::AsArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use gauntlet_domain::market::{Bar, SnapshotFile};
use gauntlet_domain::{BarSpec, ContentHash, Price, Quantity, Scale, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use crate::canonical::BarHasher;
use crate::error::LakeError;
use crate::store::{Lake, Staged};

/// Rows handed to the encoder at a time. Like the other sizes here it is part of the file's bytes, not a setting.
const BATCH_ROWS: usize = 8192;
const ROW_GROUP_ROWS: usize = 8 * BATCH_ROWS;
const PAGE_ROWS: usize = BATCH_ROWS;
const PAGE_BYTES: usize = 1 << 20;

const INSTRUMENT: &str = "gauntlet.instrument";
const SPEC: &str = "gauntlet.spec";
const CONTENT_HASH: &str = "gauntlet.content_hash";
const PRICE_SCALE: &str = "gauntlet.price_scale";
const QUANTITY_SCALE: &str = "gauntlet.quantity_scale";

/// A snapshot as it lies on the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 over the canonical bytes of the bars.
    pub content_hash: ContentHash,
    /// Bars.
    pub rows: i64,
    /// Where they lie.
    pub files: Vec<SnapshotFile>,
}

/// Seals bars, which come in strictly rising order of opening time. The same bars again change nothing; a damaged
/// file of their name is replaced. No bars at all are a snapshot too.
///
/// Refused: bars out of order, two bars that open together, bars of another instrument or spec.
pub fn write_snapshot(
    lake: &Lake,
    instrument: &str,
    spec: BarSpec,
    bars: impl Iterator<Item = Bar>,
) -> Result<Sealed, LakeError> {
    let mut bars = bars.peekable();
    let scale = bars.peek().map_or(Scale::USUAL, |bar| bar.scale);
    let mut hasher = BarHasher::new(instrument, spec, scale);
    let mut writer = Writer::new(lake)?;
    let mut columns = Columns::default();
    let mut previous: Option<Timestamp> = None;
    let mut rows = 0;
    for bar in bars {
        check(&bar, previous, instrument, spec, scale)?;
        previous = Some(bar.open_time);
        hasher.push(&bar);
        columns.push(&bar);
        rows += 1;
        if columns.open_time.len() == BATCH_ROWS {
            writer.write(std::mem::take(&mut columns))?;
        }
    }
    if !columns.open_time.is_empty() {
        writer.write(columns)?;
    }
    let content_hash = hasher.finish();
    let staged = writer.finish(instrument, spec, scale, content_hash)?;

    let path = snapshot_path(content_hash);
    let found = match verify_snapshot(lake, content_hash) {
        Ok(_) => Some(lake.file_hash(&path, |_| Ok(()))?),
        Err(error) if error.is_of_the_content() => None,
        Err(error) => return Err(error),
    };
    let sha256 = match found {
        Some(sha256) if lake.is_kept(&path, sha256)? => sha256,
        _ => staged.publish(lake, &path)?,
    };
    Ok(Sealed { content_hash, rows, files: vec![SnapshotFile { path, sha256, rows }] })
}

/// The bars of a snapshot, in order of opening time.
///
/// [`LakeError::Missing`] when there is no such file, [`LakeError::NotParquet`] when it cannot be decoded (cut off),
/// [`LakeError::HashMismatch`] when it can but holds other bars.
pub fn read_snapshot(lake: &Lake, content_hash: ContentHash) -> Result<Vec<Bar>, LakeError> {
    let path = snapshot_path(content_hash);
    lake.read(&path, |file| {
        let mut bars = Vec::new();
        scan(file, &path, content_hash, |bar| bars.push(bar))?;
        Ok(bars)
    })
}

/// Reads a snapshot as [`read_snapshot`] does without keeping its bars, and returns how many there are.
pub fn verify_snapshot(lake: &Lake, content_hash: ContentHash) -> Result<i64, LakeError> {
    let path = snapshot_path(content_hash);
    lake.read(&path, |file| {
        let mut rows = 0;
        scan(file, &path, content_hash, |_| rows += 1)?;
        Ok(rows)
    })
}

/// Compares a file's bytes with the SHA-256 that was recorded when the snapshot was sealed. Beyond the bars this covers
/// the statistics by which a query engine skips row groups. A file made again by another version of the Parquet library
/// fails it although its bars are right: [`verify_snapshot`] decides about the data.
pub fn verify_file(lake: &Lake, file: &SnapshotFile) -> Result<(), LakeError> {
    let as_recorded = |found| match found {
        found if found == file.sha256 => Ok(()),
        found => Err(LakeError::HashMismatch { path: file.path.clone(), expected: file.sha256, found }),
    };
    lake.file_hash(&file.path, as_recorded).map(drop)
}

/// Where a snapshot lies in the lake.
pub fn snapshot_path(content_hash: ContentHash) -> String {
    format!("snapshots/{content_hash}.parquet")
}

fn check(
    bar: &Bar,
    previous: Option<Timestamp>,
    instrument: &str,
    spec: BarSpec,
    scale: Scale,
) -> Result<(), LakeError> {
    let open_time = bar.open_time;
    if bar.instrument != instrument || bar.spec != spec || bar.scale != scale {
        return Err(LakeError::OtherSeries {
            instrument: instrument.to_owned(),
            spec,
            found_instrument: bar.instrument.clone(),
            found_spec: bar.spec,
            open_time,
        });
    }
    match previous {
        Some(previous) if previous == open_time => Err(LakeError::Duplicate { open_time }),
        Some(previous) if previous > open_time => Err(LakeError::OutOfOrder { open_time, previous }),
        _ => Ok(()),
    }
}

/// Bars in columns, the shape of the file.
#[derive(Default)]
struct Columns {
    open_time: Vec<i64>,
    close_time: Vec<i64>,
    time: Vec<i64>,
    open: Vec<i64>,
    high: Vec<i64>,
    low: Vec<i64>,
    close: Vec<i64>,
    open_spread: Vec<Option<i64>>,
    close_spread: Vec<Option<i64>>,
    volume: Vec<i64>,
    ticks: Vec<i64>,
}

/// The columns of [`Columns`], by name and in their order.
fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("open_time", time.clone(), false),
        Field::new("close_time", time.clone(), false),
        Field::new("time", time, false),
        Field::new("open", DataType::Int64, false),
        Field::new("high", DataType::Int64, false),
        Field::new("low", DataType::Int64, false),
        Field::new("close", DataType::Int64, false),
        Field::new("open_spread", DataType::Int64, true),
        Field::new("close_spread", DataType::Int64, true),
        Field::new("volume", DataType::Int64, false),
        Field::new("ticks", DataType::Int64, false),
    ]))
}

impl Columns {
    fn push(&mut self, bar: &Bar) {
        self.open_time.push(bar.open_time.0);
        self.close_time.push(bar.close_time.0);
        self.time.push(bar.time.0);
        self.open.push(bar.open.0);
        self.high.push(bar.high.0);
        self.low.push(bar.low.0);
        self.close.push(bar.close.0);
        self.open_spread.push(bar.open_spread.map(|price| price.0));
        self.close_spread.push(bar.close_spread.map(|price| price.0));
        self.volume.push(bar.volume.0);
        self.ticks.push(bar.ticks);
    }

    fn into_batch(self) -> RecordBatch {
        let time = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampNanosecondArray::from(values).with_timezone("UTC"))
        };
        let number = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let optional = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let arrays = vec![
            time(self.open_time),
            time(self.close_time),
            time(self.time),
            number(self.open),
            number(self.high),
            number(self.low),
            number(self.close),
            optional(self.open_spread),
            optional(self.close_spread),
            number(self.volume),
            number(self.ticks),
        ];
        RecordBatch::try_new(schema(), arrays)
            .expect("invariant: columns have the schema's types and one length")
    }
}

/// Streams batches into a staged file.
struct Writer(ArrowWriter<Staged>);

impl Writer {
    fn new(lake: &Lake) -> Result<Writer, LakeError> {
        // Everything that decides the bytes is fixed here. No library version goes in, and no copy of the Arrow schema,
        // which is redundant: the Parquet types already say UTC nanoseconds and integers.
        let properties = WriterProperties::builder()
            .set_created_by("gauntlet".to_owned())
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BINARY_PACKED)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(None)
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_write_batch_size(PAGE_ROWS)
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(lake.stage()?, schema(), options).map_err(writing)?;
        Ok(Writer(writer))
    }

    fn write(&mut self, columns: Columns) -> Result<(), LakeError> {
        self.0.write(&columns.into_batch()).map_err(writing)
    }

    /// The hash goes into the footer, so it may be known last.
    fn finish(
        mut self,
        instrument: &str,
        spec: BarSpec,
        scale: Scale,
        content_hash: ContentHash,
    ) -> Result<Staged, LakeError> {
        for (key, value) in [
            (INSTRUMENT, instrument.to_owned()),
            (SPEC, spec.to_string()),
            (CONTENT_HASH, content_hash.to_string()),
            (PRICE_SCALE, scale.price_digits().to_string()),
            (QUANTITY_SCALE, scale.size_digits().to_string()),
        ] {
            self.0.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.0.into_inner().map_err(writing)
    }
}

/// Encoding integers cannot fail; what can is the disk.
fn writing(error: ParquetError) -> LakeError {
    LakeError::io("snapshots", system_error(error).unwrap_or_else(io::Error::other))
}

/// Hands every bar of a snapshot to `each`, then compares the hash: what `each` collected counts only after `Ok`.
fn scan(file: File, path: &str, content_hash: ContentHash, each: impl FnMut(Bar)) -> Result<(), LakeError> {
    // The Parquet library panics on some damaged pages instead of answering with an error; the test that changes every
    // byte finds them. Nothing that the panic could leave half-done outlives this call.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(file, path, each)));
    let found = decoded.unwrap_or_else(|_| {
        Err(LakeError::NotParquet { path: path.to_owned(), what: "its pages are damaged".to_owned() })
    })?;
    if found == content_hash {
        Ok(())
    } else {
        Err(LakeError::HashMismatch { path: path.to_owned(), expected: content_hash, found })
    }
}

/// Hands every bar of a file to `each` and returns the hash of all of them.
fn decode(file: File, path: &str, mut each: impl FnMut(Bar)) -> Result<ContentHash, LakeError> {
    let broken = |what: String| LakeError::NotParquet { path: path.to_owned(), what };
    let reading = |error: ParquetError| match system_error(error) {
        Ok(error) if error.kind() != io::ErrorKind::UnexpectedEof => LakeError::io(path, error),
        Ok(error) => broken(error.to_string()),
        Err(error) => broken(error.to_string()),
    };

    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(reading)?;
    let (instrument, spec, scale) = series(&builder).map_err(broken)?;
    let mut hasher = BarHasher::new(&instrument, spec, scale);
    for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(reading)? {
        let batch = batch.map_err(|error| broken(error.to_string()))?;
        for bar in rows(&batch, &instrument, spec, scale) {
            hasher.push(&bar);
            each(bar);
        }
    }
    Ok(hasher.finish())
}

/// The series that a file says it holds, or why it cannot be a snapshot of this layout.
fn series(builder: &ParquetRecordBatchReaderBuilder<File>) -> Result<(String, BarSpec, Scale), String> {
    if builder.schema().fields() != schema().fields() {
        return Err("its columns are not a snapshot's".to_owned());
    }
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let metadata: BTreeMap<&str, &str> = pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
        .collect();
    let value = |key: &str| metadata.get(key).copied().ok_or(format!("its metadata lack {key}"));
    let exponent = |key: &str| {
        let digits = value(key)?.parse::<i32>();
        digits.map(|digits| -digits).map_err(|_| format!("its {key} is no number"))
    };
    let scale = Scale::new(exponent(PRICE_SCALE)?, exponent(QUANTITY_SCALE)?);
    let scale = scale.map_err(|error| error.to_string())?;
    let spec = value(SPEC)?.parse::<BarSpec>().map_err(|error| error.to_string())?;
    Ok((value(INSTRUMENT)?.to_owned(), spec, scale))
}

/// The rows of a batch with the schema above.
fn rows(batch: &RecordBatch, instrument: &str, spec: BarSpec, scale: Scale) -> impl Iterator<Item = Bar> {
    let time = |index: usize| batch.column(index).as_primitive::<TimestampNanosecondType>();
    let number = |index: usize| batch.column(index).as_primitive::<Int64Type>();
    let times = [0, 1, 2].map(time);
    let prices = [3, 4, 5, 6].map(number);
    let spreads = [7, 8].map(number);
    let counts = [9, 10].map(number);
    (0..batch.num_rows()).map(move |row| {
        let [open_time, close_time, time] = times.map(|column| Timestamp(column.value(row)));
        let [open, high, low, close] = prices.map(|column| Price(column.value(row)));
        let [open_spread, close_spread] =
            spreads.map(|column| column.is_valid(row).then(|| Price(column.value(row))));
        let [volume, ticks] = counts.map(|column| column.value(row));
        let volume = Quantity(volume);
        let instrument = instrument.to_owned();
        Bar {
            instrument,
            spec,
            open_time,
            close_time,
            time,
            open,
            high,
            low,
            close,
            open_spread,
            close_spread,
            volume,
            ticks,
            scale,
        }
    })
}

/// What the operating system said, where that is behind the library's error.
pub(crate) fn system_error(error: ParquetError) -> Result<io::Error, ParquetError> {
    match error {
        ParquetError::External(inner) => {
            inner.downcast::<io::Error>().map(|error| *error).map_err(ParquetError::External)
        }
        other => Err(other),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const HOURLY: BarSpec = BarSpec::Time { seconds: 3600 };
    const GOLD: &str = "XAUUSD.OANDA";

    pub(crate) fn bar(index: i64) -> Bar {
        let open_time = Timestamp(1_142_812_800_000_000_000 + index * HOUR);
        let close_time = open_time.plus_nanos(HOUR);
        let open = Price(554_000_000_000 + index * 1_000_000);
        Bar {
            scale: Scale::USUAL,
            instrument: GOLD.to_owned(),
            spec: HOURLY,
            open_time,
            close_time,
            time: close_time,
            open,
            high: Price(open.0 + 500_000_000),
            low: Price(open.0 - 250_000_000),
            close: Price(open.0 + 100_000_000),
            open_spread: Some(Price(500_000_000)),
            close_spread: (index % 2 == 1).then_some(Price(450_000_000)),
            volume: Quantity(index * 100_000_000),
            ticks: 42 + index,
        }
    }

    pub(crate) fn bars(count: i64) -> Vec<Bar> {
        (0..count).map(bar).collect()
    }

    fn lake() -> (tempfile::TempDir, Lake) {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        (dir, lake)
    }

    fn seal(lake: &Lake, bars: &[Bar]) -> Sealed {
        write_snapshot(lake, GOLD, HOURLY, bars.iter().cloned()).unwrap()
    }

    #[test]
    fn bars_come_back_as_they_were_sealed() {
        let (_dir, lake) = lake();
        for count in [0, 1, 5000, BATCH_ROWS as i64, 3 * BATCH_ROWS as i64 + 1] {
            let bars = bars(count);
            let sealed = seal(&lake, &bars);
            assert_eq!(sealed.rows, count);
            assert_eq!(sealed.files[0].path, format!("snapshots/{}.parquet", sealed.content_hash));
            assert_eq!(read_snapshot(&lake, sealed.content_hash).unwrap(), bars);
            assert_eq!(verify_snapshot(&lake, sealed.content_hash).unwrap(), count);
        }
        assert_eq!(lake.remove_leftovers().unwrap(), 0);
    }

    #[test]
    fn the_same_bars_give_the_same_bytes_over_several_row_groups() {
        let bars = bars(ROW_GROUP_ROWS as i64 + 10_000);
        let write = || {
            let (_dir, lake) = lake();
            let sealed = seal(&lake, &bars);
            let bytes = fs::read(lake.locate(&sealed.files[0].path)).unwrap();
            assert_eq!(ContentHash::of(&bytes), sealed.files[0].sha256);
            assert!(bytes.starts_with(b"PAR1"));
            verify_file(&lake, &sealed.files[0]).unwrap();
            fs::write(lake.locate(&sealed.files[0].path), &bytes[1..]).unwrap();
            assert!(matches!(verify_file(&lake, &sealed.files[0]), Err(LakeError::HashMismatch { .. })));
            bytes
        };
        assert!(write() == write());
    }

    #[test]
    fn the_file_says_what_it_is() {
        let (_dir, lake) = lake();
        let sealed = seal(&lake, &bars(3));
        let file = File::open(lake.locate(&sealed.files[0].path)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let metadata = builder.metadata().file_metadata();
        assert_eq!(metadata.created_by(), Some("gauntlet"));
        let pairs: Vec<(&str, &str)> = metadata
            .key_value_metadata()
            .unwrap()
            .iter()
            .map(|pair| (pair.key.as_str(), pair.value.as_deref().unwrap()))
            .collect();
        let hash = sealed.content_hash.to_string();
        assert_eq!(
            pairs,
            [
                (INSTRUMENT, GOLD),
                (SPEC, "time:1h"),
                (CONTENT_HASH, hash.as_str()),
                (PRICE_SCALE, "9"),
                (QUANTITY_SCALE, "8")
            ]
        );
    }

    #[test]
    fn a_file_that_is_already_there_is_left_alone_and_a_damaged_one_is_replaced() {
        let (_dir, lake) = lake();
        let sealed = seal(&lake, &bars(100));
        let path = lake.locate(&sealed.files[0].path);
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(seal(&lake, &bars(100)), sealed);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);

        fs::write(&path, b"PAR1").unwrap();
        assert_eq!(seal(&lake, &bars(100)), sealed);
        assert_eq!(read_snapshot(&lake, sealed.content_hash).unwrap().len(), 100);
    }

    #[test]
    fn missing_truncated_and_tampered_files_are_told_apart() {
        let (_dir, lake) = lake();
        let sealed = seal(&lake, &bars(100));
        let other = seal(&lake, &bars(99));
        let path = lake.locate(&sealed.files[0].path);
        let bytes = fs::read(&path).unwrap();
        let read = || read_snapshot(&lake, sealed.content_hash).unwrap_err();

        fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
        assert!(read().to_string().contains("is truncated or not a snapshot"), "{}", read());
        assert!(matches!(read(), LakeError::NotParquet { .. }));

        fs::copy(lake.locate(&other.files[0].path), &path).unwrap();
        assert!(read().to_string().contains("was tampered with"), "{}", read());
        assert!(matches!(read(), LakeError::HashMismatch { found, .. } if found == other.content_hash));

        fs::remove_file(&path).unwrap();
        assert!(read().to_string().contains("is missing"), "{}", read());
        assert!(matches!(read(), LakeError::Missing { .. }));
        for text in [read().to_string(), format!("{:?}", verify_snapshot(&lake, sealed.content_hash))] {
            assert!(text.contains(&sealed.content_hash.to_string()), "{text}");
        }
    }

    #[test]
    fn no_changed_byte_and_no_cut_gives_other_bars() {
        let (_dir, lake) = lake();
        let bars = bars(20);
        let sealed = seal(&lake, &bars);
        let path = lake.locate(&sealed.files[0].path);
        let bytes = fs::read(&path).unwrap();
        let mut refused = 0;
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << (index % 8);
            fs::write(&path, &changed).unwrap();
            match read_snapshot(&lake, sealed.content_hash) {
                Ok(read) => assert_eq!(read, bars, "byte {index}"),
                Err(error) => {
                    refused += 1;
                    assert!(!error.retry_helps(), "byte {index}: {error}");
                }
            }
        }
        // The rest are statistics and padding, which no bar comes from; the file's SHA-256 covers them.
        assert!(refused > bytes.len() / 4, "only {refused} of {} changes were noticed", bytes.len());
        for length in (0..bytes.len()).step_by(5) {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = read_snapshot(&lake, sealed.content_hash).unwrap_err();
            assert!(matches!(error, LakeError::NotParquet { .. }), "{length} bytes: {error}");
        }
    }

    #[test]
    fn bars_that_make_no_series_are_refused_and_leave_nothing() {
        let (_dir, lake) = lake();
        let refuse = |bars: Vec<Bar>| write_snapshot(&lake, GOLD, HOURLY, bars.into_iter()).unwrap_err();
        let error = refuse(vec![bar(1), bar(1)]);
        assert_eq!(
            error.to_string(),
            "cannot seal the bars: two of them open at 2006-03-20T01:00:00Z: keep one"
        );
        assert!(matches!(refuse(vec![bar(1), bar(0)]), LakeError::OutOfOrder { .. }));
        let silver = Bar { instrument: "XAGUSD.OANDA".to_owned(), ..bar(2) };
        assert!(matches!(refuse(vec![bar(1), silver]), LakeError::OtherSeries { .. }));
        let minutes = Bar { spec: BarSpec::Time { seconds: 60 }, ..bar(2) };
        assert!(refuse(vec![minutes]).to_string().contains("time:1m of XAUUSD.OANDA, not time:1h"));
        assert_eq!(fs::read_dir(lake.locate("snapshots")).unwrap().count(), 0);
        assert_eq!(lake.remove_leftovers().unwrap(), 0);
    }

    #[test]
    fn many_writers_of_the_same_bars_agree() {
        let (_dir, lake) = lake();
        let sealed: Vec<Sealed> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4).map(|_| scope.spawn(|| seal(&lake, &bars(2000)))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        assert!(sealed.iter().all(|one| *one == sealed[0]));
        assert_eq!(read_snapshot(&lake, sealed[0].content_hash).unwrap(), bars(2000));
    }

    prop_compose! {
        fn any_bar()(
            numbers in any::<[i64; 8]>(),
            spreads in any::<[Option<i64>; 2]>(),
            stamped_at_close in any::<bool>(),
        ) -> Bar {
            let [open_time, length, open, high, low, close, volume, ticks] = numbers;
            let (open_time, close_time) = (Timestamp(open_time), Timestamp(open_time).plus_nanos(length));
            Bar { scale: Scale::USUAL,
                instrument: GOLD.to_owned(),
                spec: HOURLY,
                open_time,
                close_time,
                time: if stamped_at_close { close_time } else { open_time },
                open: Price(open),
                high: Price(high),
                low: Price(low),
                close: Price(close),
                open_spread: spreads[0].map(Price),
                close_spread: spreads[1].map(Price),
                volume: Quantity(volume),
                ticks,
            }
        }
    }

    fn series_of(mut bars: Vec<Bar>) -> Vec<Bar> {
        bars.sort_by_key(|bar| bar.open_time);
        bars.dedup_by_key(|bar| bar.open_time);
        bars
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_series_comes_back(bars in proptest::collection::vec(any_bar(), 0..200)) {
            let (_dir, lake) = lake();
            let bars = series_of(bars);
            let sealed = seal(&lake, &bars);
            prop_assert_eq!(read_snapshot(&lake, sealed.content_hash).unwrap(), bars);
        }

        #[test]
        fn the_hash_does_not_depend_on_the_pieces(
            bars in proptest::collection::vec(any_bar(), 0..50),
            piece in 1_usize..20,
        ) {
            let bars = series_of(bars);
            let mut hasher = BarHasher::new(GOLD, HOURLY, Scale::USUAL);
            for chunk in bars.chunks(piece) {
                // A clone resumes where the last piece ended, as a reader of another batch size would.
                let mut next = hasher.clone();
                chunk.iter().for_each(|bar| next.push(bar));
                hasher = next;
            }
            let (_dir, lake) = lake();
            prop_assert_eq!(hasher.finish(), seal(&lake, &bars).content_hash);
        }
    }
}
