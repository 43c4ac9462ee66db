//! Bars as they are after all revisions, as `data bars` has them. Series that were never revised are read out of the archive a
//! column at a time; revised ones as their index has them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampNanosecondType};
use gauntlet_domain::market::SnapshotDue;
use gauntlet_domain::topics::{MARKET_BARS, MARKET_BARS_V2};
use gauntlet_domain::{BarSpec, RecordKind, SnapshotId, Timestamp};
use gauntlet_log::{Positions, TopicPartition};
use gauntlet_operations::archiving::stretches::stretches;
use gauntlet_operations::range::{BAR_COLUMNS, BarRow, bar_cells};
use gauntlet_operations::{Node, Refusal};

use crate::events::Events;
use crate::table::{Ask, Give, Handing, Part, Table, batch, projected};

/// Bars that are put in columns at a time.
const CHUNK: usize = 8192;

/// An instrument and the length of its bars.
type Series = (String, String);

/// Every bar before some positions.
#[derive(Clone)]
pub struct Bars {
    node: Arc<Node>,
    schema: SchemaRef,
    before: Arc<Positions>,
}

/// The columns of bars of several series.
pub fn schema_of_bars(further: &[&str]) -> SchemaRef {
    let texts =
        further.iter().chain(&["instrument", "spec"]).map(|name| Field::new(*name, DataType::Utf8, false));
    let own = BAR_COLUMNS.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true));
    Arc::new(Schema::new(texts.chain(own).collect::<Vec<_>>()))
}

/// Some columns of some bars of one series; `texts` are the columns before their own.
pub fn columns_of_bars(
    schema: &SchemaRef,
    wanted: &[usize],
    texts: &[&str],
    bars: &[BarRow],
) -> Result<RecordBatch, Refusal> {
    let mut columns: Vec<ArrayRef> =
        texts.iter().map(|text| Arc::new(StringArray::from(vec![*text; bars.len()])) as ArrayRef).collect();
    columns.extend(bar_cells(bars).into_iter().map(|cells| cells.into_array()));
    let columns = wanted.iter().map(|at| columns[*at].clone()).collect();
    batch(&projected(schema, wanted), columns, bars.len())
}

impl Bars {
    /// Of a node.
    pub fn new(node: Arc<Node>, before: Arc<Positions>) -> Bars {
        Bars { node, schema: schema_of_bars(&[]), before }
    }

    /// The series of which something was said again.
    fn revised(&self) -> Result<BTreeSet<Series>, Refusal> {
        let revisions = Events::of(self.node.clone(), RecordKind::BarRevised, self.before.clone());
        let schema = revisions.schema();
        let columns = ["instrument", "spec"].map(|name| schema.index_of(name).unwrap_or_default());
        let ask = Ask { columns: columns.to_vec(), ..Ask::default() };
        let mut revised = BTreeSet::new();
        for part in revisions.parts(&ask)? {
            part.read(&mut |rows| {
                let (instruments, specs) =
                    (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
                for at in 0..rows.num_rows() {
                    revised.insert((instruments.value(at).to_owned(), specs.value(at).to_owned()));
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(revised)
    }
}

impl Table for Bars {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn parts(&self, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal> {
        let revised = Arc::new(self.revised()?);
        let mut parts: Vec<Arc<dyn Part>> = Vec::new();
        let mut places: BTreeSet<TopicPartition> = BTreeSet::new();
        for topic in [&MARKET_BARS, &MARKET_BARS_V2] {
            places
                .extend(stretches(&self.node, topic, &self.before)?.into_iter().map(|stretch| stretch.place));
        }
        for place in places {
            let (of, ask, revised) = (self.clone(), ask.clone(), revised.clone());
            parts.push(Arc::new(OncePart { of, place, ask, revised }));
        }
        for (instrument, spec) in revised.iter() {
            let spec: BarSpec =
                spec.parse().map_err(|error| Refusal::Broken(format!("bars of {instrument}: {error}")))?;
            let (of, ask, instrument) = (self.clone(), ask.clone(), instrument.clone());
            parts.push(Arc::new(RevisedPart { of, ask, instrument, spec }));
        }
        Ok(parts)
    }
}

/// The bars of a partition that were never revised.
struct OncePart {
    of: Bars,
    place: TopicPartition,
    ask: Ask,
    revised: Arc<BTreeSet<Series>>,
}

/// Open times of the bars of each series that were given. Of several with one open time the first counts.
#[derive(Default)]
struct Given(BTreeMap<Series, Vec<i64>>);

impl Given {
    /// Whether this bar is the first of its time.
    fn is_first(times: &mut Vec<i64>, time: i64) -> bool {
        match times.last() {
            Some(last) if time <= *last => match times.binary_search(&time) {
                Ok(_) => false,
                Err(at) => {
                    times.insert(at, time);
                    true
                }
            },
            _ => {
                times.push(time);
                true
            }
        }
    }

    /// Which rows count, of columns instrument, spec, open time.
    fn first(&mut self, rows: &RecordBatch, revised: &BTreeSet<Series>) -> BooleanArray {
        let (instruments, specs) = (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
        let times = rows.column(2).as_primitive::<TimestampNanosecondType>();
        let mut counts = Vec::with_capacity(rows.num_rows());
        let mut at = 0;
        while at < rows.num_rows() {
            let (instrument, spec) = (instruments.value(at), specs.value(at));
            let is_it = |row: &usize| instruments.value(*row) == instrument && specs.value(*row) == spec;
            let end = (at..rows.num_rows()).find(|row| !is_it(row)).unwrap_or(rows.num_rows());
            let series = (instrument.to_owned(), spec.to_owned());
            if revised.contains(&series) {
                counts.resize(end, false);
            } else {
                let given = self.0.entry(series).or_default();
                counts.extend((at..end).map(|row| Given::is_first(given, times.value(row))));
            }
            at = end;
        }
        BooleanArray::from(counts)
    }
}

impl Part for OncePart {
    fn rows(&self) -> u64 {
        let bounds = self.of.node.log.bounds(&self.place);
        bounds.map_or(0, |(start, end)| end - start)
    }

    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal> {
        let published = Events::of(self.of.node.clone(), RecordKind::Bar, self.of.before.clone());
        let schema = published.schema();
        let place_of = |name: &str| schema.index_of(name).unwrap_or_default();
        let key = ["instrument", "spec", "open_time"];
        let mut ask = Ask::default();
        ask.columns.extend(key.iter().map(|name| place_of(name)));
        ask.columns.extend(self.ask.columns.iter().map(|at| place_of(self.of.schema.field(*at).name())));
        // Bounds of anything else could pass over the first bar of a time and not over one that repeats it.
        for name in key {
            let (here, there) = (self.of.schema.index_of(name).unwrap_or_default(), place_of(name));
            ask.longs.extend(self.ask.longs.get(&here).map(|bounds| (there, *bounds)));
            ask.texts.extend(self.ask.texts.get(&here).map(|text| (there, text.clone())));
        }
        let wanted = projected(&self.of.schema, &self.ask.columns);
        let (mut given, mut handing, mut is_over) = (Given::default(), Handing::to(give), false);
        for part in published.parts_of(&self.place, &ask)? {
            part.read(&mut |rows| {
                let counts = given.first(&rows, &self.revised);
                let columns = rows.columns()[key.len()..].iter().map(|column| filter(column, &counts));
                let kept = counts.true_count();
                let rows = columns
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| Refusal::Broken(format!("bars cannot be put in columns: {error}")))
                    .and_then(|columns| batch(&wanted, columns, kept));
                let answer = handing.hand(rows);
                is_over |= answer.is_break();
                answer
            })?;
            if is_over {
                break;
            }
        }
        handing.end()
    }
}

/// The bars of a series that was revised.
struct RevisedPart {
    of: Bars,
    ask: Ask,
    instrument: String,
    spec: BarSpec,
}

impl Part for RevisedPart {
    fn rows(&self) -> u64 {
        CHUNK as u64
    }

    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal> {
        let bars = &self.of.node.bars;
        let open_time = self.of.schema.index_of("open_time").unwrap_or_default();
        let due = SnapshotDue {
            snapshot_id: SnapshotId::derive(&[b"sql"]),
            instrument: self.instrument.clone(),
            spec: self.spec,
            from: Timestamp(self.ask.bounds(open_time).0),
            to: Timestamp(i64::MAX),
            revision: bars.revision(&self.instrument, self.spec)?,
        };
        let rows: Vec<BarRow> = bars.bars(&due)?.iter().map(BarRow::from).collect();
        let spec = self.spec.to_string();
        for rows in rows.chunks(CHUNK) {
            let texts = [self.instrument.as_str(), spec.as_str()];
            if give(columns_of_bars(&self.of.schema, &self.ask.columns, &texts, rows)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}
