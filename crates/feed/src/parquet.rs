//! Trades, quotes or bars in Parquet; columns are found by the same names as in CSV.

use gauntlet_domain::BarSpec;

use crate::bar_rows::{BarReader, TextTable};
use crate::bar_table::{BarLayout, BarTable, bar_names, has_bars};
use crate::block::{About, Fault, Reader, Row, Tick, TickColumns};
use crate::columns::{TimeColumn, named_columns, plain_name};
use crate::epoch_unit::EpochNumbers;
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::{SourceFile, listed};
use crate::numbers::{Cell, NumberStyle};
use crate::parquet_columns::{Batches, Schema};
use crate::scan::{ORDERED_ROWS, Scan, cell_error, check_end, contradiction, scan_ticks};
use crate::table::{NUMBERS, TickLayout, TickTable};
use crate::text::shortened;
use crate::turned::Turned;
use crate::understood::{Shape, columns, numbers, written};
use crate::units::Units;
use crate::wanted::{Wanted, differ};

/// Keys in the metadata of a snapshot, which `gauntlet bars --out` writes too.
const SPEC: &str = "gauntlet.spec";
const PRICE_SCALE: &str = "gauntlet.price_scale";
const QUANTITY_SCALE: &str = "gauntlet.quantity_scale";

/// The bars of a file; `None` where its columns are not those of bars.
pub(crate) fn parquet_bars(
    file: &SourceFile,
    options: &Options,
    batch_rows: usize,
    units: Units,
) -> Result<Option<BarReader<Batches>>, FeedError> {
    let mut schema = Schema::of(file)?;
    let reading = |what| FeedError::Reading { file: file.shown.clone(), what };
    let named = bar_names(&schema.names, &options.reading).map_err(reading)?;
    let plain: Vec<String> = named.iter().map(|name| plain_name(name)).collect();
    if !has_bars(&plain) {
        return Ok(None);
    }
    let first = Batches::open(file, &schema, &schema.flat(), &[], 1)?.into_first()?;
    let wanted = Wanted::new(options);
    let layout = BarLayout::find(&named, &wanted, |index| first.field(index).map(<[u8]>::to_vec));
    let mut layout = layout.ok_or_else(|| FeedError::MissingColumns {
        file: file.shown.clone(),
        format: Format::Parquet,
        needed: "a time (timestamp, time, datetime, date, open_time) beside open, high, low, close"
            .to_owned(),
        found: listed(&schema.names),
        hint: "or write the index of the data frame too",
    })?;
    keep_own_unit(&schema, &mut layout.time);
    layout.close_time.iter_mut().for_each(|time| keep_own_unit(&schema, time));
    if let Some(column) = layout.names
        && differ(Batches::open(file, &schema, &[column], &[], batch_rows)?, column)?
    {
        layout.symbol = Some(column);
    }
    let used = layout.used();
    schema.check(file, &used)?;
    let digits =
        |key| schema.value(key).map(|digits| digits.parse::<u8>().ok().filter(|digits| *digits <= 18));
    match (digits(PRICE_SCALE), digits(QUANTITY_SCALE)) {
        (Some(Some(price)), Some(Some(size))) => {
            schema.scale(layout.price_columns(), price);
            schema.scale(layout.volume_column(), size);
        }
        (None, None) => {}
        _ => {
            let what =
                "its metadata name scales that are no numbers of digits up to 18: write it as CSV".to_owned();
            return Err(FeedError::Columns { file: file.shown.clone(), what });
        }
    }
    let times: Vec<usize> = layout.time_columns().collect();
    check_decimal(file, &schema, options, layout.price_columns().chain(layout.volume_column()))?;
    let spec = schema.value(SPEC).and_then(|spec| spec.parse::<BarSpec>().ok());
    let clock = options.clock().map_err(reading)?;
    let table = BarTable { layout, wanted, clock, style: NumberStyle::default(), units };
    let open = || Batches::open(file, &schema, &used, &times, batch_rows);
    Ok(Some(BarReader::new(open()?, open()?, table, &schema.names, options)?.of_spec(spec)))
}

/// A decimal mark is for numbers that are written as text.
fn check_decimal(
    file: &SourceFile,
    schema: &Schema,
    options: &Options,
    mut columns: impl Iterator<Item = usize>,
) -> Result<(), FeedError> {
    let Some(mark) = options.reading.decimal else { return Ok(()) };
    if columns.any(|column| !schema.is_number(column)) {
        return Ok(());
    }
    let what = format!(
        "--decimal {mark} has nothing to do here: the prices and sizes of this Parquet file are numbers, which have no \
         decimal mark: leave it away"
    );
    Err(FeedError::Reading { file: file.shown.clone(), what })
}

/// A column of dates or timestamps brings its own unit.
fn keep_own_unit(schema: &Schema, column: &mut TimeColumn) {
    if !schema.is_number(column.index) {
        column.unit = None;
    }
}

pub(crate) struct ParquetTicks {
    batches: Batches,
    table: TickTable,
    /// Columns without which a row cannot be read.
    needed: Vec<usize>,
    names: Vec<String>,
    first_time: Vec<u8>,
    /// What to know of conditions that are not read.
    conditions: Option<String>,
    newest_first: bool,
    /// Rows of a file that is newest first, once they are turned round.
    turned: Turned,
}

impl ParquetTicks {
    /// Reads the columns of symbols and markets once to know that the wanted one is there, and only one, numbers that are
    /// times once to know their unit, and columns of text once to know how they are written, where `scanned` does not say it.
    pub fn new(
        file: &SourceFile,
        options: &Options,
        batch_rows: usize,
        units: Units,
        scanned: &mut Option<Scan>,
    ) -> Result<ParquetTicks, FeedError> {
        let schema = Schema::of(file)?;
        let first = Batches::open(file, &schema, &schema.flat(), &[], 1)?.into_first()?;
        let mut layout = tick_layout(file, &schema, &first, options)?;
        if let Some(column) = layout.names
            && differ(Batches::open(file, &schema, &[column], &[], batch_rows)?, column)?
        {
            layout.take_names(column);
        }
        let numbers = layout.numbers();
        check_decimal(file, &schema, options, numbers.iter().map(|(column, _)| *column))?;
        let times = [Some(&mut layout.time), layout.recorder_time.as_mut()];
        for column in times.into_iter().flatten() {
            keep_own_unit(&schema, column);
            let is_open = column.unit.is_none() && options.reading.time_format.is_none();
            if is_open && schema.is_number(column.index) {
                column.unit = unit_of(file, &schema, column.index, batch_rows)?;
            }
        }
        let scan = match scanned {
            Some(before) => before.clone(),
            None => scanned.insert(scan(file, &schema, &layout, options, batch_rows)?).clone(),
        };
        let unread = layout.unread_conditions();
        let conditions = unread.and_then(|column| scan.conditions.warning(&schema.names[column]));
        scan.settle(&mut layout);
        let newest_first = scan.newest_first;
        if newest_first && layout.is_total() {
            return Err(FeedError::NewestFirst { file: file.shown.clone() });
        }
        let mut table = TickTable::new(layout, options, scan.clock, units);
        table.numbers = scan.numbers;
        table.typed = typed(&schema, &numbers);
        table.wanted.column = table.layout.symbol.map(|column| schema.names[column].clone());
        check_keys(file, &schema, &mut table, batch_rows)?;
        let times: Vec<usize> =
            [table.layout.time].iter().chain(&table.layout.recorder_time).map(|time| time.index).collect();
        let batches = Batches::open(file, &schema, &table.layout.used(), &times, batch_rows)?;
        let first_time = first.field(table.layout.time.index).unwrap_or_default().to_vec();
        let needed = needed(&table.layout);
        Ok(ParquetTicks {
            batches,
            table,
            needed,
            names: schema.names,
            first_time,
            conditions,
            newest_first,
            turned: Turned::default(),
        })
    }

    pub fn columns(&self) -> TickColumns {
        self.table.layout.columns()
    }

    pub fn has_trades(&self) -> bool {
        !self.table.layout.makes_quotes()
    }

    /// The next row in the file's order.
    fn read(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        while self.batches.advance()? {
            let field = |index| self.batches.field(index);
            // A second market was looked for at the opening.
            if self.table.is_wanted(field) == Ok(true) {
                let number = self.batches.rows() as i64;
                let mut data = self.table.tick(field);
                // A value that is not there says nothing about the format.
                if let Err(fault) = &mut data {
                    self.check_fault(*fault)?;
                    fault.missing |= self.batches.has_null(&self.needed) && !self.table.is_one_sided(field);
                }
                return Ok(Some(Row { number, data }));
            }
        }
        check_end(&self.table.clock, self.batches.file())?;
        Ok(None)
    }

    /// An error where the current row could be read in another way than the rest of the file.
    #[cold]
    fn check_fault(&self, fault: Fault) -> Result<(), FeedError> {
        let Some((column, text)) = self.table.faulty(|index| self.batches.field(index), fault.kind) else {
            return Ok(());
        };
        match contradiction(&self.table.clock, fault.kind, text) {
            Some(what) => {
                let cell = Cell { line: self.batches.line(), column, text: shortened(text) };
                Err(cell_error(self.batches.file(), &self.names, cell, what))
            }
            None => Ok(()),
        }
    }
}

/// Which column is what, and that all of them can be read.
fn tick_layout(
    file: &SourceFile,
    schema: &Schema,
    first: &Batches,
    options: &Options,
) -> Result<TickLayout, FeedError> {
    let reading = |what| FeedError::Reading { file: file.shown.clone(), what };
    let named = named_columns(&schema.names, &options.reading).map_err(reading)?;
    let layout = TickLayout::find(&named, |index| first.field(index).map(<[u8]>::to_vec));
    let mut layout = layout.map_err(|needed| FeedError::MissingColumns {
        file: file.shown.clone(),
        format: Format::Parquet,
        needed: needed.to_owned(),
        found: listed(&schema.names),
        hint: "or name open, high, low and close if these are bars",
    })?;
    layout.read_conditions(&options.reading, &schema.names).map_err(reading)?;
    schema.check(file, &needed(&layout))?;
    let conditions: Vec<usize> =
        layout.conditions().filter(|column| !schema.has_codes(*column)).into_iter().collect();
    schema.check(file, &conditions)?;
    Ok(layout)
}

/// Columns without which a row cannot be read: most trades have no condition.
fn needed(layout: &TickLayout) -> Vec<usize> {
    let mut needed = layout.used();
    needed.retain(|column| Some(*column) != layout.conditions());
    needed
}

/// What all rows say of the columns that leave something open; where none does the first rows show their order.
fn scan(
    file: &SourceFile,
    schema: &Schema,
    layout: &TickLayout,
    options: &Options,
    batch_rows: usize,
) -> Result<Scan, FeedError> {
    let is_text = |column: usize| schema.is_text(column);
    let numbers = layout.numbers().into_iter().map(|(column, _)| column).filter(|column| is_text(*column));
    let mut columns: Vec<usize> = numbers.collect();
    columns.extend(layout.unread_conditions().filter(|column| schema.has_codes(*column)));
    columns.extend(layout.size_without_side());
    let is_open = !columns.is_empty() || layout.time.columns().any(is_text);
    let most_rows = if is_open { u64::MAX } else { ORDERED_ROWS };
    // Beside a date that is text the time of day counts, whatever it is.
    columns.extend(layout.time.columns());
    columns.extend(layout.keys());
    columns.sort_unstable();
    columns.dedup();
    let times: Vec<usize> = layout.time.columns().collect();
    let rows = Batches::open(file, schema, &columns, &times, batch_rows)?;
    scan_ticks(rows, &schema.names, layout, options, is_text, most_rows)
}

/// Columns of numbers that are no text, whatever style the others are written in.
fn typed(schema: &Schema, numbers: &[(usize, bool)]) -> [Option<usize>; NUMBERS] {
    let mut typed = numbers.iter().map(|(column, _)| *column).filter(|column| !schema.is_text(*column));
    std::array::from_fn(|_| typed.next())
}

/// Whether the wanted symbol is there, and in one market alone.
fn check_keys(
    file: &SourceFile,
    schema: &Schema,
    table: &mut TickTable,
    batch_rows: usize,
) -> Result<(), FeedError> {
    let keys: Vec<usize> = table.layout.keys().collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut batches = Batches::open(file, schema, &keys, &[], batch_rows)?;
    while batches.advance()? {
        table.is_wanted(|index| batches.field(index)).map_err(|markets| FeedError::SeveralMarkets {
            file: file.shown.clone(),
            row: batches.rows() as i64,
            symbol: table.wanted.symbol().to_owned(),
            markets,
        })?;
    }
    table.wanted.finish(&file.shown)
}

/// The unit of a column of numbers since the epoch: from the smallest and the largest where the file names them and they leave
/// no doubt, else from all of them.
fn unit_of(
    file: &SourceFile,
    schema: &Schema,
    column: usize,
    batch_rows: usize,
) -> Result<Option<crate::time::Unit>, FeedError> {
    if let Some((least, most)) = schema.range(column)
        && let Some(unit) = EpochNumbers::between(least, most)
    {
        return Ok(unit);
    }
    let mut numbers = EpochNumbers::default();
    let mut batches = Batches::open(file, schema, &[column], &[column], batch_rows)?;
    while batches.advance()? {
        numbers.see(batches.field(column).unwrap_or_default());
    }
    Ok(numbers.unit())
}

impl Reader<Tick> for ParquetTicks {
    fn next(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        if !self.newest_first {
            return self.read();
        }
        let (mut turned, file) = (std::mem::take(&mut self.turned), self.batches.file().to_owned());
        let row = turned.next(&file, || Ok(self.read()?.map(|row| (row, self.batches.bytes()))));
        self.turned = turned;
        row
    }

    fn rows_read(&self) -> u64 {
        self.batches.rows()
    }

    fn about(&self) -> About {
        let warnings = self.table.layout.warnings(&self.names).into_iter().chain(self.conditions.clone());
        About { warnings: warnings.collect(), ..About::default() }
    }

    fn shape(&self) -> Shape {
        let layout = &self.table.layout;
        let (columns, unread) = columns(&layout.roles(), &self.names);
        let (time, is_utc) = written(&self.table.clock, layout.time.unit, &self.first_time);
        let order = self.table.clock.order;
        let (sides, has_unread_conditions) = (layout.sides(), self.conditions.is_some());
        // Numbers that are no text are written in no way.
        let is_text = |(column, _): &(usize, bool)| !self.table.typed.contains(&Some(*column));
        let numbers = layout.numbers().iter().any(is_text).then(|| numbers(self.table.numbers));
        Shape {
            columns,
            unread,
            time,
            is_utc,
            order,
            numbers,
            sides,
            has_unread_conditions,
            newest_first: self.newest_first,
            ..Shape::default()
        }
    }

    fn fault_line(&self) -> (u64, String) {
        self.batches.shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Reading;
    use crate::stop::Stop;
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float16Array,
        Float64Array, Int64Array, ListArray, RecordBatch, StringArray, Time64MicrosecondArray,
        TimestampMicrosecondArray, UInt64Array,
    };
    use gauntlet_domain::market::TickKind;
    use gauntlet_domain::{InstrumentId, Timestamp};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;

    fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn read(path: &Path, batch_rows: usize) -> Result<Vec<Row<Tick>>, FeedError> {
        let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
        let mut ticks = ParquetTicks::new(
            &SourceFile::inspect(path, path, &Stop::default())?,
            &options,
            batch_rows,
            Units::default(),
            &mut None,
        )?;
        let mut rows = Vec::new();
        while let Some(row) = ticks.next()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn newest_first_signed_sizes_and_ids_are_what_they_are_in_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trades.parquet");
        let micros = |second: i64| 1_700_000_000_000_000 + second * 1_000_000;
        let ids = [
            "7f3c00aa-1b2c-4d5e-8f90-000000000003",
            "7f3c00aa-1b2c-4d5e-8f90-000000000002",
            "7f3c00aa-1b2c-4d5e-8f90-000000000001",
        ];
        write(
            &path,
            vec![
                ("time", Arc::new(TimestampMicrosecondArray::from(vec![micros(3), micros(2), micros(1)]))),
                ("id", Arc::new(StringArray::from(ids.to_vec()))),
                ("price", Arc::new(Float64Array::from(vec![3.0, 2.0, 1.0]))),
                ("size", Arc::new(Float64Array::from(vec![-5.0, 4.0, -6.0]))),
            ],
        );
        let rows = read(&path, 2).unwrap();
        let seen: Vec<(i64, TickKind, i64)> = rows
            .iter()
            .map(|row| (row.number, row.data.unwrap().kind, row.data.unwrap().size / 100_000_000))
            .collect();
        assert_eq!(seen, [(3, TickKind::Sell, 6), (2, TickKind::Buy, 4), (1, TickKind::Sell, 5)]);
        assert!(rows.windows(2).all(|pair| pair[0].data.unwrap().time < pair[1].data.unwrap().time));
    }

    #[test]
    fn prices_and_times_of_any_type_are_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trades.parquet");
        let micros = 1_700_000_000_123_456;
        let zoned =
            TimestampMicrosecondArray::from(vec![Some(micros), None]).with_timezone("America/New_York");
        write(
            &path,
            vec![
                ("time", Arc::new(zoned)),
                ("local_ts_ns", Arc::new(Int64Array::from(vec![1, 1_700_000_001_000_000_007]))),
                ("trade_id", Arc::new(UInt64Array::from(vec![7, 8]))),
                ("price", Arc::new(Float64Array::from(vec![252.785003662109, 0.00001]))),
                (
                    "qty",
                    Arc::new(Decimal128Array::from(vec![150, 2]).with_precision_and_scale(10, 2).unwrap()),
                ),
                ("buyer_is_maker", Arc::new(BooleanArray::from(vec![true, false]))),
            ],
        );
        let rows = read(&path, 100).unwrap();
        let tick = |row: usize| rows[row].data.unwrap();
        assert_eq!((tick(0).time, tick(1).time), (micros * 1_000, 1_700_000_001_000_000_007));
        assert_eq!((tick(0).price, tick(1).price), (252_785_003_662, 10_000));
        assert_eq!((tick(0).size, tick(1).size), (150_000_000, 2_000_000));
        assert_eq!((tick(0).kind, tick(1).kind), (TickKind::Sell, TickKind::Buy));
        assert_eq!((tick(0).sequence, tick(1).sequence), (7, 8));
        assert_eq!(read(&path, 1).unwrap(), rows);
    }

    #[test]
    fn missing_columns_and_values_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000, 1_700_000_001]));
        write(&path, vec![("ts", times.clone()), ("open", times.clone())]);
        let error = read(&path, 10).unwrap_err().to_string();
        assert!(
            error.contains("needs columns for a price (price, last)") && error.contains("ts, open"),
            "{error}"
        );
        write(&path, vec![("ts", times), ("last", Arc::new(Float64Array::from(vec![Some(f64::NAN), None])))]);
        let rows = read(&path, 10).unwrap();
        assert!(rows.iter().all(|row| row.data.unwrap_err().kind == TickKind::NotANumber));
    }

    #[test]
    fn conditions_are_text_numbers_or_lists_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let codes = |lists: [Option<Vec<Option<i32>>>; 4]| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
        };
        let lists = codes([Some(vec![Some(12), Some(37)]), Some(vec![]), None, Some(vec![Some(7)])]);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("12;37"), Some(""), None, Some("7")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(37), Some(1), None, Some(7)]));
        for column in [lists, texts, numbers] {
            let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000; 4]));
            let price: ArrayRef = Arc::new(Float64Array::from(vec![1.5; 4]));
            write(&path, vec![("ts", times), ("price", price), ("conditions", column)]);
            let mut options = Options::new(InstrumentId::new("X", "TEST").unwrap());
            let unread = crate::open(&path, &options).unwrap();
            let [warning] = &unread.warnings()[..] else { panic!("{:?}", unread.warnings()) };
            assert!(warning.contains("37 (1)") && warning.contains("7 (1)"), "{warning}");
            options.reading.volume_only = vec!["37".to_owned()];
            options.reading.auction = vec!["7".to_owned()];
            let mut source = crate::open(&path, &options).unwrap();
            assert_eq!(source.warnings(), [""; 0]);
            let Some(crate::Block::Ticks(block)) = source.next_block().unwrap() else { panic!("ticks") };
            let [only, plain, auction] = [TickKind::VolumeOnly, TickKind::Trade, TickKind::Auction];
            assert_eq!(block.kinds, [only, plain, plain, auction].map(|kind| kind as u8));
        }
    }

    fn texts(cells: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(cells.to_vec()))
    }

    /// Times and prices as they were read, or why the file was refused at its opening.
    fn opened(
        path: &Path,
        columns: Vec<(&str, ArrayRef)>,
        reading: Reading,
    ) -> Result<Vec<(String, i64)>, String> {
        write(path, columns);
        let options = Options { reading, ..Options::new(InstrumentId::new("X", "TEST").unwrap()) };
        let mut source = crate::open(path, &options).map_err(|error| error.to_string())?;
        let (mut times, mut prices) = (Vec::new(), Vec::new());
        while let Some(block) = source.next_block().map_err(|error| format!("later: {error}"))? {
            let crate::Block::Ticks(block) = block else { panic!("ticks") };
            times.extend(block.times.iter().map(|time| Timestamp(*time).to_string()));
            prices.extend(block.prices);
        }
        Ok(times.into_iter().zip(prices).collect())
    }

    #[test]
    fn columns_of_text_are_understood_from_all_of_their_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let plain = Reading::default;
        let price: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 2.5]));
        let days = |cells: [&str; 2]| vec![("time", texts(&cells)), ("price", price.clone())];
        let read = opened(&path, days(["02/01/2017", "13/01/2017"]), plain()).unwrap();
        assert_eq!(read[0], ("2017-01-02T00:00:00Z".to_owned(), 1_500_000_000));
        let open = opened(&path, days(["02/01/2017", "03/01/2017"]), plain()).unwrap_err();
        assert!(open.contains("column time: '02/01/2017' may have the day or the month first"), "{open}");
        let asked = Reading { date_order: Some(crate::DateOrder::MonthFirst), ..plain() };
        let read = opened(&path, days(["02/01/2017", "03/01/2017"]), asked).unwrap();
        assert_eq!(read[0].0, "2017-02-01T00:00:00Z");
        let seconds = || -> ArrayRef { Arc::new(Int64Array::from(vec![1_700_000_000, 1_700_000_001])) };
        let prices =
            |cells: [&str; 2]| vec![("ts", seconds()), ("price", texts(&cells)), ("size", price.clone())];
        let comma = opened(&path, prices(["1.234,5", "7,25"]), plain()).unwrap();
        assert_eq!(comma.iter().map(|row| row.1).collect::<Vec<_>>(), [1_234_500_000_000, 7_250_000_000]);
        let unclear = opened(&path, prices(["1,234", "2,345"]), plain()).unwrap_err();
        assert!(unclear.contains("column price: '1,234'"), "{unclear}");
        let asked = Reading { decimal: Some(','), ..plain() };
        let read = opened(&path, prices(["1,234", "2,345"]), asked.clone()).unwrap();
        assert_eq!(read[0].1, 1_234_000_000, "and the sizes, which are numbers, have a point");
        let numbers = opened(&path, vec![("ts", seconds()), ("price", price.clone())], asked).unwrap_err();
        assert!(numbers.contains("--decimal , has nothing to do here"), "{numbers}");
    }

    #[test]
    fn the_last_rows_of_a_column_of_text_contradict_the_first_before_anything_is_published() {
        const ROWS: usize = 200_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let many = |first: &'static str, last: &'static str| -> ArrayRef {
            texts(&[vec![first; ROWS - 1], vec![last]].concat())
        };
        let price = || -> ArrayRef { Arc::new(Float64Array::from(vec![1.5; ROWS])) };
        let why = |columns| opened(&path, columns, Reading::default()).unwrap_err();
        let order = why(vec![("time", many("13/01/2017", "01/14/2017")), ("price", price())]);
        let said =
            "line 1, column time: '13/01/2017' has the day first, but '01/14/2017' in line 200000 the month";
        assert!(order.contains(said), "{order}");
        let mark = why(vec![
            ("time", many("2017-01-02 10:00", "2017-01-03 10:00")),
            ("price", many("999.5", "999,5")),
        ]);
        assert!(mark.contains("line 200000, column price: '999,5' has a decimal comma"), "{mark}");
        let lost = why(vec![("time", many("1700000000123", "1.70000E+12")), ("price", price())]);
        assert!(
            lost.contains("line 200000, column time: '1.70000E+12' is a time with an exponent"),
            "{lost}"
        );
        let minutes = why(vec![("time", many("202403041015", "170000000012")), ("price", price())]);
        assert!(minutes.contains("'202403041015' may be a date (YYYYMMDDHHMM) or milliseconds"), "{minutes}");
        // What is no time in any way stays a row with a fault.
        let fault = opened(
            &path,
            vec![("time", many("2017-01-02 10:00", "Total")), ("price", price())],
            Reading::default(),
        );
        assert_eq!(fault.unwrap().len(), ROWS);
    }

    fn prices(path: &Path) -> Vec<i64> {
        read(path, 10).unwrap().iter().map(|row| row.data.unwrap().price).collect()
    }

    #[test]
    fn every_codec_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        for codec in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::BROTLI(BrotliLevel::default()),
            Compression::LZ4,
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ] {
            let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000, 1_700_000_001]));
            let price: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 2.5]));
            let batch = RecordBatch::try_from_iter([("ts", times), ("price", price)]).unwrap();
            let properties = WriterProperties::builder().set_compression(codec).build();
            let file = File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            assert_eq!(prices(&path), [1_500_000_000, 2_500_000_000], "{codec}");
        }
    }

    #[test]
    fn a_date_and_a_time_of_day_are_one_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let price: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let date: ArrayRef = Arc::new(Date32Array::from(vec![19_786]));
        let of_day: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![36_000_000_001]));
        write(&path, vec![("price", price), ("date", date), ("time", of_day)]);
        let rows = read(&path, 10).unwrap();
        assert_eq!(rows[0].data.unwrap().time, 1_709_546_400_000_001_000);
    }

    #[test]
    fn numbers_since_the_epoch_have_one_unit_and_may_be_floating_point() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let times = |times: ArrayRef| -> Vec<i64> {
            let price: ArrayRef = Arc::new(Float64Array::from(vec![1.0; times.len()]));
            write(&path, vec![("timestamp", times), ("price", price)]);
            read(&path, 10).unwrap().iter().map(|row| row.data.unwrap().time).collect()
        };
        let second = 1_000_000_000;
        let float = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
        assert_eq!(times(float(&[1.7095464e18])), [1_709_546_400 * second]);
        assert_eq!(times(float(&[1_709_546_401.5])), [1_709_546_401_500_000_000]);
        assert_eq!(times(float(&[1_709_546_401_500.0])), [1_709_546_401_500_000_000]);
        let early = times(Arc::new(Int64Array::from(vec![86_400_000, 1_709_546_400_000])));
        assert_eq!(early, [86_400 * second, 1_709_546_400 * second]);
    }

    #[test]
    fn half_precision_is_the_shortest_decimal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let half = <arrow_array::types::Float16Type as arrow_array::ArrowPrimitiveType>::Native::from_f64;
        let price: ArrayRef = Arc::new(Float16Array::from(vec![half(100.1), half(0.1), half(2048.0)]));
        let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000; 3]));
        write(&path, vec![("ts", times), ("price", price)]);
        assert_eq!(prices(&path), [100_100_000_000, 100_000_000, 2_048_000_000_000]);
    }

    #[test]
    fn bytes_are_no_prices() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000]));
        let price = FixedSizeBinaryArray::try_from_iter([[0_u8; 8]].into_iter()).unwrap();
        write(&path, vec![("ts_event", times), ("price", Arc::new(price))]);
        let error = read(&path, 10).unwrap_err().to_string();
        assert!(error.contains("its column price is of the type FixedSizeBinary(8)"), "{error}");
        assert!(error.contains("write it as a decimal"), "{error}");
    }

    #[test]
    fn bars_are_read_with_their_opening_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bars.parquet");
        let micros =
            |times: [i64; 2]| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(times.to_vec())) };
        let minute = 60_000_000;
        let one: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 2.5]));
        write(
            &path,
            vec![
                ("time", micros([minute, 2 * minute])),
                ("open_time", micros([0, minute])),
                ("close_time", micros([minute, 2 * minute])),
                ("open", one.clone()),
                ("high", one.clone()),
                ("low", one.clone()),
                ("close", one),
            ],
        );
        let options = Options::new(InstrumentId::new("X", "TEST").unwrap());
        let file = SourceFile::inspect(&path, &path, &Stop::default()).unwrap();
        let mut bars = parquet_bars(&file, &options, 10, Units::default()).unwrap().unwrap();
        let first = bars.next().unwrap().unwrap().data.unwrap();
        assert_eq!((first.open_time, first.close), (0, 1_500_000_000));
        assert_eq!(bars.about().spec.map(|spec| spec.to_string()).as_deref(), Some("time:1m"));
    }
}
