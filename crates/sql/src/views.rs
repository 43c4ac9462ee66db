//! Views and lists as tables, and the bars of sealed snapshots.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use gauntlet_domain::ContentHash;
use gauntlet_lake::read_snapshot;
use gauntlet_operations::page;
use gauntlet_operations::range::BarRow;
use gauntlet_operations::rows::ViewRow;
use gauntlet_operations::view_columns::{Column, cells, columns};
use gauntlet_operations::{Node, Refusal};
use gauntlet_views::{Row, Value, schema as tables};

use crate::bars::{columns_of_bars, schema_of_bars};
use crate::table::{Ask, Give, Part, Table, batch, projected};

/// Rows that are put in columns at a time.
const CHUNK: usize = 4096;

/// A view or a list.
#[derive(Clone)]
pub struct View {
    node: Arc<Node>,
    of: &'static gauntlet_views::Table,
    columns: Arc<[Column]>,
    schema: SchemaRef,
}

impl View {
    /// Of a node.
    pub fn new(node: Arc<Node>, of: &'static gauntlet_views::Table) -> View {
        let columns: Arc<[Column]> = columns(of, None).into();
        let fields = columns.iter().map(|column| Field::new(&column.name, column.kind.data_type(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        View { node, of, columns, schema }
    }
}

impl Table for View {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn parts(&self, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal> {
        Ok(vec![Arc::new(ViewPart { of: self.clone(), ask: ask.clone() })])
    }
}

struct ViewPart {
    of: View,
    ask: Ask,
}

impl ViewPart {
    fn put(&self, rows: &mut Vec<ViewRow>, give: &mut Give<'_>) -> Result<ControlFlow<()>, Refusal> {
        let wanted = self.ask.columns.iter().map(|at| cells(rows, &self.of.columns[*at]).into_array());
        let batch = batch(&projected(&self.of.schema, &self.ask.columns), wanted.collect(), rows.len())?;
        rows.clear();
        Ok(give(batch))
    }

    /// Whether a row may count.
    fn is_meant(&self, row: &Row) -> bool {
        let is_it = |(at, text): (&usize, &String)| {
            row.get(&self.of.columns[*at].name).and_then(Value::as_text) == Some(text.as_str())
        };
        self.ask.texts.iter().all(is_it)
    }
}

impl Part for ViewPart {
    fn rows(&self) -> u64 {
        CHUNK as u64
    }

    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal> {
        let mut rows = Vec::new();
        page::each(&self.of.node, self.of.of, &mut |row| {
            if self.is_meant(&row.0) {
                rows.push(row);
            }
            if rows.len() < CHUNK { Ok(ControlFlow::Continue(())) } else { self.put(&mut rows, give) }
        })?;
        if !rows.is_empty() {
            let _ = self.put(&mut rows, give)?;
        }
        Ok(())
    }
}

/// The bars of all sealed snapshots. Each file that is read is hashed whole.
#[derive(Clone)]
pub struct SnapshotBars {
    node: Arc<Node>,
    schema: SchemaRef,
}

impl SnapshotBars {
    /// Of a node.
    pub fn new(node: Arc<Node>) -> SnapshotBars {
        SnapshotBars { node, schema: schema_of_bars(&["snapshot_id"]) }
    }
}

impl Table for SnapshotBars {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn parts(&self, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal> {
        let mut parts: Vec<Arc<dyn Part>> = Vec::new();
        for row in self.node.views.scan(&tables::DATA_SNAPSHOTS, None)? {
            let text = |name: &str| row.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
            let texts = [text("snapshot_id"), text("instrument"), text("spec")];
            let is_meant =
                texts.iter().enumerate().all(|(at, text)| ask.texts.get(&at).is_none_or(|of| of == text));
            let Ok(content_hash) = text("hash").parse() else { continue };
            if is_meant && text("status") == "sealed" {
                parts.push(Arc::new(SnapshotPart {
                    of: self.clone(),
                    ask: ask.clone(),
                    texts,
                    content_hash,
                }));
            }
        }
        Ok(parts)
    }
}

struct SnapshotPart {
    of: SnapshotBars,
    ask: Ask,
    texts: [String; 3],
    content_hash: ContentHash,
}

impl Part for SnapshotPart {
    fn rows(&self) -> u64 {
        CHUNK as u64
    }

    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal> {
        let bars = read_snapshot(&self.of.node.lake, self.content_hash)
            .map_err(|error| Refusal::Outside(error.to_string()))?;
        let texts = self.texts.each_ref().map(String::as_str);
        for bars in bars.chunks(CHUNK) {
            let rows: Vec<BarRow> = bars.iter().map(BarRow::from).collect();
            if give(columns_of_bars(&self.of.schema, &self.ask.columns, &texts, &rows)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}
