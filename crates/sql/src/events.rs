//! Tables of records: a row each, with the fields that its schema names. What has been archived is read from there column by
//! column, what is newer from the log.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, RecordBatch, StructArray, new_null_array,
};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef};
use gauntlet_domain::{RecordKind, Topic, topics};
use gauntlet_lake::archive::{GroupFacts, Scan, file_schema, scan_archived};
use gauntlet_log::{Positions, TopicPartition};
use gauntlet_operations::archiving::stretches::{Stretch, column_of, columns_of, each_batch, stretches};
use gauntlet_operations::{Node, Refusal};

use crate::table::{Ask, Give, Handing, Part, Table, batch, projected};

/// Records of a batch.
const BATCH_ROWS: usize = 4096;
/// Columns that say where a record lies and whose it is: their names here, and in the archive.
const OWN: [(&str, &str); 7] = [
    ("_recorded", "recorded"),
    ("_topic", "topic"),
    ("_partition", "partition"),
    ("_offset", "offset"),
    ("_event_id", "event_id"),
    ("_writer", "writer"),
    ("_experiment", "experiment"),
];
/// Columns of the table of all records, by their names in the archive.
const OF_ALL: [&str; 9] =
    ["recorded", "topic", "partition", "offset", "event_id", "record", "writer", "experiment", "value"];

/// Where a column lies in the archive.
#[derive(Clone, PartialEq, Eq)]
struct Source {
    root: String,
    /// The field of the struct that the root is.
    field: Option<String>,
}

impl Source {
    fn path(&self) -> String {
        match &self.field {
            Some(field) => format!("{}.{field}", self.root),
            None => self.root.clone(),
        }
    }
}

/// Records of one kind, or all of them.
#[derive(Clone)]
pub struct Events {
    node: Arc<Node>,
    topics: Vec<&'static Topic>,
    only: Option<RecordKind>,
    schema: SchemaRef,
    sources: Vec<Source>,
    before: Arc<Positions>,
}

impl Events {
    /// The records of one kind that lie before some positions.
    pub fn of(node: Arc<Node>, kind: RecordKind, before: Arc<Positions>) -> Events {
        let has = |topic: &&'static Topic| topic.records().any(|of| of == kind);
        let topics: Vec<&'static Topic> = topics::ALL.iter().filter(has).collect();
        let column = column_of(kind.name());
        let archive = topics.first().map(|topic| file_schema(&columns_of(topic)));
        let root = |name: &str| Source { root: name.to_owned(), field: None };
        let (mut fields, mut sources) = (Vec::new(), Vec::new());
        if let Some(archive) = &archive {
            for (name, root_name) in OWN {
                let data_type = archive.field_with_name(root_name).map(Field::data_type);
                fields.push(Arc::new(Field::new(name, data_type.cloned().unwrap_or(DataType::Utf8), true)));
                sources.push(root(root_name));
            }
            if let Ok(DataType::Struct(of_record)) = archive.field_with_name(&column).map(Field::data_type) {
                for field in of_record.iter() {
                    fields.push(field.clone());
                    sources.push(Source { root: column.clone(), field: Some(field.name().clone()) });
                }
            }
        }
        Events { node, topics, only: Some(kind), schema: Arc::new(Schema::new(fields)), sources, before }
    }

    /// Every record, as it lies on the log, of the topics that are given.
    pub fn all(node: Arc<Node>, topics: Vec<&'static Topic>, before: Arc<Positions>) -> Events {
        let archive = topics.first().map(|topic| file_schema(&columns_of(topic)));
        let field = |name: &&str| {
            let data_type = archive.as_ref()?.field_with_name(name).ok()?.data_type().clone();
            Some(Arc::new(Field::new(*name, data_type, true)) as FieldRef)
        };
        let schema = Arc::new(Schema::new(OF_ALL.iter().filter_map(field).collect::<Vec<_>>()));
        let source = |name: &str| Source { root: name.to_owned(), field: None };
        let sources = OF_ALL.iter().map(|name| source(name)).collect();
        Events { node, topics, only: None, schema, sources, before }
    }
}

impl Events {
    /// What is to be read of one partition, in the order of its records.
    pub fn parts_of(&self, place: &TopicPartition, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal> {
        let mut parts: Vec<Arc<dyn Part>> = Vec::new();
        for topic in self.topics.iter().filter(|topic| topic.name == place.topic) {
            for stretch in stretches(&self.node, topic, &self.before)? {
                if stretch.place == *place {
                    parts.push(Arc::new(EventPart { of: self.clone(), topic, stretch, ask: ask.clone() }));
                }
            }
        }
        Ok(parts)
    }
}

impl Table for Events {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn parts(&self, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal> {
        let mut parts: Vec<Arc<dyn Part>> = Vec::new();
        for topic in &self.topics {
            for stretch in stretches(&self.node, topic, &self.before)? {
                parts.push(Arc::new(EventPart { of: self.clone(), topic, stretch, ask: ask.clone() }));
            }
        }
        Ok(parts)
    }
}

/// The records of one stretch.
struct EventPart {
    of: Events,
    topic: &'static Topic,
    stretch: Stretch,
    ask: Ask,
}

impl EventPart {
    /// Whether a row group may have a row that counts.
    fn is_meant(&self, facts: &GroupFacts<'_>) -> bool {
        let has_kind = self.of.only.is_none_or(|kind| facts.may_have("record", kind.name()));
        let fits = |(at, source): (usize, &Source)| {
            let (path, (from, to)) = (source.path(), self.ask.bounds(at));
            facts.may_be_within(&path, from, to)
                && self.ask.texts.get(&at).is_none_or(|text| facts.may_have(&path, text))
        };
        has_kind && self.of.sources.iter().enumerate().all(fits)
    }

    /// The wanted columns of the rows that count.
    fn rows(&self, read: &RecordBatch) -> Result<RecordBatch, Refusal> {
        let broken = |error| {
            Refusal::Broken(format!("records of {} cannot be put in columns: {error}", self.topic.name))
        };
        let mut kept = read.clone();
        if let Some(kind) = self.of.only {
            let records = read.column_by_name("record").map(|column| column.as_string::<i32>());
            let is_it = records.into_iter().flatten().map(|record| Some(record == Some(kind.name())));
            kept = filter_record_batch(&kept, &BooleanArray::from_iter(is_it)).map_err(broken)?;
        }
        // Of a file that goes on behind what is asked for.
        if self.stretch.file.as_ref().is_some_and(|file| file.next() > self.stretch.to) {
            let offsets =
                kept.column_by_name("offset").map(|column| column.as_primitive::<Int64Type>().clone());
            let before = i64::try_from(self.stretch.to).unwrap_or(i64::MAX);
            let is_before = offsets.iter().flatten().map(|offset| offset.map(|offset| offset < before));
            kept = filter_record_batch(&kept, &BooleanArray::from_iter(is_before)).map_err(broken)?;
        }
        let schema = projected(&self.of.schema, &self.ask.columns);
        let column = |at: &usize| {
            let (source, field) = (&self.of.sources[*at], &self.of.schema.fields()[*at]);
            column(&kept, source, field.data_type())
        };
        let columns = self.ask.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        batch(&schema, columns, kept.num_rows())
    }
}

impl Part for EventPart {
    fn rows(&self) -> u64 {
        self.stretch.to - self.stretch.from
    }

    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal> {
        let mut handing = Handing::to(give);
        let mut take = |read: RecordBatch| handing.hand(self.rows(&read));
        match &self.stretch.file {
            Some(range) => {
                let mut columns: Vec<String> =
                    self.ask.columns.iter().map(|at| self.of.sources[*at].path()).collect();
                columns.extend(["record".to_owned(), "offset".to_owned()]);
                let is_meant = |facts: &GroupFacts<'_>| self.is_meant(facts);
                let scan =
                    Scan { columns: &columns, is_meant: &is_meant, batch_rows: BATCH_ROWS, repeating: &[] };
                scan_archived(&self.of.node.lake, range, &scan, &mut take)
                    .map_err(|error| Refusal::Outside(error.to_string()))?;
            }
            None => each_batch(&self.of.node, self.topic, &self.stretch, BATCH_ROWS, &mut take)?,
        }
        handing.end()
    }
}

/// A column in the type that it has now. A file that was written before a field was added has nothing of it.
fn column(of: &RecordBatch, source: &Source, data_type: &DataType) -> Result<ArrayRef, Refusal> {
    let found = of.column_by_name(&source.root).cloned();
    let found = match &source.field {
        None => found,
        Some(field) => found.and_then(|column| column.as_struct_opt()?.column_by_name(field).cloned()),
    };
    let found = found.unwrap_or_else(|| new_null_array(data_type, of.num_rows()));
    adapted(&found, data_type)
}

/// An array in a type that has the same fields and more.
fn adapted(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, Refusal> {
    if array.data_type() == wanted {
        return Ok(array.clone());
    }
    let other = || {
        Refusal::Broken(format!(
            "the archive has {} where {wanted} is expected: it is of a newer version",
            array.data_type()
        ))
    };
    match (array.data_type(), wanted) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let of = array.as_struct();
            let column = |field: &FieldRef| match of.column_by_name(field.name()) {
                Some(column) => adapted(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), of.len())),
            };
            let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            let adapted =
                StructArray::try_new_with_length(fields.clone(), columns, of.nulls().cloned(), of.len());
            Ok(Arc::new(adapted.map_err(|_| other())?))
        }
        (DataType::List(_), DataType::List(field)) => {
            let of = array.as_list::<i32>();
            let values = adapted(of.values(), field.data_type())?;
            let adapted =
                ListArray::try_new(field.clone(), of.offsets().clone(), values, of.nulls().cloned());
            Ok(Arc::new(adapted.map_err(|_| other())?))
        }
        _ => Err(other()),
    }
}
