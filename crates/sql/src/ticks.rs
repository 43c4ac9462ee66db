//! Ticks as the sources gave them, a row each: out of the archive a column at a time, what is newer from blocks on the log. Rows
//! that could not be read, and sources that were given up, are left out.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StringViewBuilder, StructArray, TimestampNanosecondArray, new_null_array,
};
use datafusion::arrow::compute::{cast, filter, nullif};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use gauntlet_domain::market::{ROWS_PER_BLOCK, TickBlock, TickKind};
use gauntlet_domain::topics::{MARKET_TICKS, MARKET_TICKS_V2};
use gauntlet_domain::{Event, Price, Quantity};
use gauntlet_lake::archive::{GroupFacts, Scan, scan_archived};
use gauntlet_log::Positions;
use gauntlet_operations::archiving::stretches::{Stretch, each_event, stretches};
use gauntlet_operations::range::{TICK_COLUMNS, TickFields};
use gauntlet_operations::{Node, Refusal};
use gauntlet_views::{Value, schema as views};

use crate::singles::{self, Single};
use crate::table::{Ask, Give, Handing, Part, Table, batch, projected};

/// Blocks that are read at a time; each has up to some thousand ticks.
const BLOCKS: usize = 4;
/// Live ticks that are put in columns at a time.
const SINGLES: usize = 8192;
/// Bytes of a text that lie in its view.
const INLINED: usize = 12;
/// Where the blocks of ticks and their rows lie in the archive.
const BLOCK: &str = "tick_block";
const ROW: &str = "tick_block.ticks.list.element";
/// A column of few values, by the names of its fields.
const REPEATING: &str = "tick_block.ticks.element.kind";

/// Every tick before some positions.
#[derive(Clone)]
pub struct Ticks {
    node: Arc<Node>,
    schema: SchemaRef,
    before: Arc<Positions>,
}

impl Ticks {
    /// Of a node.
    pub fn new(node: Arc<Node>, before: Arc<Positions>) -> Ticks {
        // The names of few things, millions of times.
        let repeated = |name: &str| Field::new(name, DataType::Utf8View, false);
        let further = TICK_COLUMNS.iter().map(|(name, kind)| match *name {
            "source" => repeated("source"),
            name => Field::new(name, kind.data_type(), true),
        });
        let fields: Vec<Field> = std::iter::once(repeated("instrument")).chain(further).collect();
        Ticks { node, schema: Arc::new(Schema::new(fields)), before }
    }

    fn place(&self, name: &str) -> usize {
        self.schema.index_of(name).unwrap_or(usize::MAX)
    }
}

impl Table for Ticks {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn parts(&self, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal> {
        let mut given_up = BTreeSet::new();
        for row in self.node.views.scan(&views::SOURCES, None)? {
            if row.get("status").and_then(Value::as_text) == Some("aborted") {
                given_up.extend(row.get("source").and_then(Value::as_text).map(str::to_owned));
            }
        }
        let given_up = Arc::new(given_up);
        let mut parts: Vec<Arc<dyn Part>> = Vec::new();
        for topic in [&MARKET_TICKS, &MARKET_TICKS_V2] {
            for stretch in stretches(&self.node, topic, &self.before)? {
                let (of, ask, given_up) = (self.clone(), ask.clone(), given_up.clone());
                parts.push(Arc::new(TickPart { of, stretch, ask, given_up }));
            }
        }
        Ok(parts)
    }
}

/// The ticks of one stretch.
struct TickPart {
    of: Ticks,
    stretch: Stretch,
    ask: Ask,
    given_up: Arc<BTreeSet<String>>,
}

/// The ticks of some blocks, by what each of them says, with the columns of the archive.
struct Rows<'a> {
    /// Which instrument and source, and how many ticks, of each block.
    blocks: Vec<(&'a str, &'a str, usize)>,
    told: Vec<Option<TickFields>>,
    kinds: ArrayRef,
    /// Columns of the archive by name.
    column: &'a dyn Fn(&str) -> Option<ArrayRef>,
}

impl TickPart {
    fn is_meant(&self, facts: &GroupFacts<'_>) -> bool {
        let (from, to) = self.ask.bounds(self.of.place("time"));
        let instrument = self.ask.texts.get(&self.of.place("instrument"));
        let may_have = |record: &str, times: &str, column: &str| {
            facts.may_have("record", record)
                && facts.may_be_within(times, from, to)
                && instrument.is_none_or(|name| facts.may_have(&format!("{column}.instrument"), name))
        };
        may_have("TickBlock", &format!("{ROW}.time"), BLOCK)
            || may_have("Quote", "quote.time", "quote")
            || may_have("Trade", "trade.time", "trade")
    }

    /// The columns of the archive that are read for those that are wanted.
    fn paths(&self) -> Vec<String> {
        let mut paths = BTreeSet::from([
            "offset".to_owned(),
            "quote".to_owned(),
            "trade".to_owned(),
            format!("{BLOCK}.instrument"),
            format!("{BLOCK}.source"),
            format!("{ROW}.kind"),
        ]);
        for at in &self.ask.columns {
            let of = match self.of.schema.field(*at).name().as_str() {
                "bid" | "price" => "price",
                "bid_size" | "size" => "size",
                "instrument" | "source" => continue,
                name => name,
            };
            paths.insert(format!("{ROW}.{of}"));
        }
        paths.into_iter().collect()
    }

    fn of_archive(&self, read: &RecordBatch) -> Result<RecordBatch, Refusal> {
        let column = |name: &str| read.column_by_name(name);
        let blocks = column(BLOCK).map(|block| block.as_struct()).ok_or_else(|| missing(BLOCK))?;
        let text = |name: &str| blocks.column_by_name(name).map(|text| text.as_string::<i32>());
        let instruments = text("instrument").ok_or_else(|| missing("instrument"))?;
        let sources = text("source").ok_or_else(|| missing("source"))?;
        let ticks: &ListArray =
            blocks.column_by_name("ticks").map(|ticks| ticks.as_list()).ok_or_else(|| missing("ticks"))?;
        let offsets = ticks.value_offsets();
        let (first, last) = (offsets[0] as usize, offsets[ticks.len()] as usize);
        let rows: StructArray = ticks.values().as_struct().slice(first, last - first);
        let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        let block = |(at, rows): (usize, usize)| (instruments.value(at), sources.value(at), rows);
        let kinds = rows.column_by_name("kind").cloned().ok_or_else(|| missing("kind"))?;
        let rows = Rows {
            blocks: lengths.enumerate().map(block).collect(),
            told: named(&kinds),
            kinds,
            column: &|name| rows.column_by_name(name).cloned(),
        };
        self.rows(rows)
    }

    /// Live ticks, each of which is a record of its own.
    fn of_singles(&self, singles: &[Single]) -> Result<RecordBatch, Refusal> {
        let double = |of: fn(&Single) -> Option<f64>| {
            Some(Arc::new(Float64Array::from_iter(singles.iter().map(of))) as ArrayRef)
        };
        let long = |of: fn(&Single) -> i64| Int64Array::from_iter_values(singles.iter().map(of));
        let time = || TimestampNanosecondArray::from_iter_values(singles.iter().map(|tick| tick.time));
        let column = |name: &str| match name {
            "time" => Some(Arc::new(time().with_timezone("UTC")) as ArrayRef),
            "sequence" => Some(Arc::new(long(|tick| tick.sequence)) as ArrayRef),
            "price" => double(|tick| tick.price),
            "ask" => double(|tick| tick.ask),
            "size" => double(|tick| tick.size),
            "ask_size" => double(|tick| tick.ask_size),
            _ => None,
        };
        let kinds = StringArray::from_iter_values(singles.iter().map(|tick| tick.told.word));
        self.rows(Rows {
            blocks: singles.iter().map(|tick| (tick.instrument.as_str(), tick.source.as_str(), 1)).collect(),
            told: singles.iter().map(|tick| Some(tick.told)).collect(),
            kinds: Arc::new(kinds),
            column: &column,
        })
    }

    fn of_block(&self, block: &TickBlock) -> Result<RecordBatch, Refusal> {
        let rows = block.len();
        let kind = |at: usize| block.kinds.get(at).and_then(|code| TickKind::from_code(*code));
        let told: Vec<Option<TickFields>> = (0..rows).map(|at| kind(at).and_then(TickFields::of)).collect();
        let kinds = StringArray::from_iter(told.iter().map(|told| told.map(|told| told.word)));
        let longs = |values: &[i64]| Some(Arc::new(Int64Array::from(values.to_vec())) as ArrayRef);
        let prices = |values: &[i64]| {
            let price = |value: &i64| block.scale.price(Price(*value));
            Some(Arc::new(Float64Array::from_iter_values(values.iter().map(price))) as ArrayRef)
        };
        let sizes = |values: &[i64]| {
            let size = |value: &i64| block.scale.size(Quantity(*value));
            Some(Arc::new(Float64Array::from_iter_values(values.iter().map(size))) as ArrayRef)
        };
        let column = |name: &str| {
            let column = match name {
                "time" => {
                    Some(Arc::new(TimestampNanosecondArray::from(block.times.clone()).with_timezone("UTC"))
                        as ArrayRef)
                }
                "row" => longs(&block.rows),
                "sequence" => longs(&block.sequences),
                "price" => prices(&block.prices),
                "ask" => prices(&block.asks),
                "size" => sizes(&block.sizes),
                "ask_size" => sizes(&block.ask_sizes),
                _ => None,
            };
            // A source that does not have it has an empty column.
            column.filter(|column| column.len() == rows)
        };
        let blocks = vec![(block.instrument.as_str(), block.source.as_str(), rows)];
        self.rows(Rows { blocks, told, kinds: Arc::new(kinds), column: &column })
    }

    /// The wanted columns of the ticks that count.
    fn rows(&self, rows: Rows<'_>) -> Result<RecordBatch, Refusal> {
        let broken = |error| Refusal::Broken(format!("ticks cannot be put in columns: {error}"));
        let total = rows.told.len();
        let mut counts: Vec<bool> = rows.told.iter().map(Option::is_some).collect();
        let mut at = 0;
        for (_, source, ticks) in &rows.blocks {
            if self.given_up.contains(*source) {
                counts[at..at + ticks].fill(false);
            }
            at += ticks;
        }
        let kept = counts.iter().filter(|counts| **counts).count();
        let counts = (kept < total).then(|| BooleanArray::from(counts));
        let schema = projected(&self.of.schema, &self.ask.columns);
        let column = |field: &Arc<Field>| {
            let whole = rows.column_of(field).map_err(broken)?;
            match &counts {
                Some(counts) => filter(&whole, counts).map_err(broken),
                None => Ok(whole),
            }
        };
        let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
        batch(&schema, columns, kept)
    }
}

impl Rows<'_> {
    fn column_of(&self, field: &Field) -> Result<ArrayRef, ArrowError> {
        let absent = || new_null_array(field.data_type(), self.told.len());
        let of = |name: &str| (self.column)(name).unwrap_or_else(absent);
        match field.name().as_str() {
            "instrument" => self.repeated(|(instrument, ..)| instrument),
            "source" => self.repeated(|(_, source, _)| source),
            "kind" => cast(&self.kinds, &DataType::Utf8),
            "bid" => self.only(of("price"), |told| told.is_quote && told.has_price),
            "ask" => self.only(of("ask"), |told| told.is_quote),
            "bid_size" => self.only(of("size"), |told| told.is_quote && told.has_size),
            "ask_size" => self.only(of("ask_size"), |told| told.is_quote),
            "price" => self.only(of("price"), |told| !told.is_quote && told.has_price),
            "size" => self.only(of("size"), |told| !told.is_quote && told.has_size),
            name => Ok(of(name)),
        }
    }

    /// A column in the rows that say it, and nothing in all others.
    fn only(&self, column: ArrayRef, says: impl Fn(&TickFields) -> bool) -> Result<ArrayRef, ArrowError> {
        let says = |told: &Option<TickFields>| told.as_ref().is_some_and(&says);
        if self.told.iter().all(says) {
            return Ok(column);
        }
        if !self.told.iter().any(says) {
            return Ok(new_null_array(column.data_type(), column.len()));
        }
        nullif(&column, &BooleanArray::from_iter(self.told.iter().map(|told| Some(!says(told)))))
    }

    /// A text of each block, once for each of its ticks.
    fn repeated<'b>(
        &'b self,
        text: impl Fn(&(&'b str, &'b str, usize)) -> &'b str,
    ) -> Result<ArrayRef, ArrowError> {
        let mut views = StringViewBuilder::with_capacity(self.told.len());
        for block in &self.blocks {
            let (text, ticks) = (text(block), block.2);
            // A short text lies in its view, a long one once beside all views of its block.
            let long = (text.len() > INLINED).then(|| views.append_block(text.as_bytes().to_vec().into()));
            for _ in 0..ticks {
                match long {
                    Some(beside) => views.try_append_view(beside, 0, text.len() as u32)?,
                    None => views.append_value(text),
                }
            }
        }
        Ok(Arc::new(views.finish()))
    }
}

/// What ticks say, by the names of their kinds, each of which is looked up once.
fn named(kinds: &ArrayRef) -> Vec<Option<TickFields>> {
    let Some(kinds) = kinds.as_dictionary_opt::<Int32Type>() else { return vec![None; kinds.len()] };
    let told: Vec<Option<TickFields>> =
        kinds.values().as_string::<i32>().iter().map(|kind| TickFields::named(kind?)).collect();
    kinds.keys().iter().map(|key| told[usize::try_from(key?).ok()?]).collect()
}

fn missing(column: &str) -> Refusal {
    Refusal::Broken(format!("the archive of {} has no column {column}", MARKET_TICKS.name))
}

impl Part for TickPart {
    fn rows(&self) -> u64 {
        (self.stretch.to - self.stretch.from) * ROWS_PER_BLOCK as u64
    }

    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal> {
        let mut handing = Handing::to(give);
        let mut take = |rows: Result<RecordBatch, Refusal>| handing.hand(rows);
        match &self.stretch.file {
            Some(range) => {
                let (columns, before) = (self.paths(), i64::try_from(self.stretch.to).unwrap_or(i64::MAX));
                let is_meant = |facts: &GroupFacts<'_>| self.is_meant(facts);
                let scan = Scan {
                    columns: &columns,
                    is_meant: &is_meant,
                    batch_rows: BLOCKS,
                    repeating: &[REPEATING],
                };
                scan_archived(&self.of.node.lake, range, &scan, &mut |read| {
                    let rows = before_offset(&read, before);
                    if rows == 0 {
                        return ControlFlow::Continue(());
                    }
                    let read = read.slice(0, rows);
                    if take(self.of_archive(&read)).is_break() {
                        return ControlFlow::Break(());
                    }
                    let singles = singles::of_archive(&read);
                    if singles.is_empty() {
                        ControlFlow::Continue(())
                    } else {
                        take(self.of_singles(&singles))
                    }
                })
                .map_err(|error| Refusal::Outside(error.to_string()))?;
            }
            None => {
                let mut waiting = Vec::new();
                each_event(&self.of.node, &self.stretch, &mut |_, event| {
                    waiting.extend(Single::of(&event));
                    let flow = match event {
                        Event::TickBlock(block) => take(self.of_block(&block)),
                        _ => ControlFlow::Continue(()),
                    };
                    if waiting.len() < SINGLES || flow.is_break() {
                        return flow;
                    }
                    take(self.of_singles(&std::mem::take(&mut waiting)))
                })?;
                if !waiting.is_empty() {
                    let _ = take(self.of_singles(&waiting));
                }
            }
        }
        handing.end()
    }
}

/// How many records of a batch lie before an offset; they are in order.
fn before_offset(read: &RecordBatch, before: i64) -> usize {
    let offsets = read.column_by_name("offset");
    let offsets = offsets.map(|column| column.as_primitive::<Int64Type>());
    offsets.map_or(0, |offsets| offsets.values().partition_point(|offset| *offset < before))
}
