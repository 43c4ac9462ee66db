//! A table as DataFusion has it: which columns are wanted, which bounds their values have, and parts that are read at once, each
//! on a thread that may block.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use gauntlet_operations::Refusal;

use crate::reading::Reading;

/// What is wanted of a table.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Columns by their places in the schema, in order.
    pub columns: Vec<usize>,
    /// Bounds that the whole numbers and times of a column have in every row that counts, both included.
    pub longs: BTreeMap<usize, (i64, i64)>,
    /// The text that a column has in every row that counts.
    pub texts: BTreeMap<usize, String>,
}

/// Takes a batch of the wanted columns, and says whether to go on.
pub type Give<'a> = dyn FnMut(RecordBatch) -> ControlFlow<()> + 'a;

/// Hands batches on as they are made, and keeps what ended them.
pub struct Handing<'a, 'b> {
    give: &'a mut Give<'b>,
    failed: Option<Refusal>,
}

impl<'a, 'b> Handing<'a, 'b> {
    /// To whoever takes them.
    pub fn to(give: &'a mut Give<'b>) -> Handing<'a, 'b> {
        Handing { give, failed: None }
    }

    /// Hands a batch on, if it has rows; says whether to go on.
    pub fn hand(&mut self, rows: Result<RecordBatch, Refusal>) -> ControlFlow<()> {
        match rows {
            Ok(rows) if rows.num_rows() == 0 => ControlFlow::Continue(()),
            Ok(rows) => (self.give)(rows),
            Err(refusal) => {
                self.failed = Some(refusal);
                ControlFlow::Break(())
            }
        }
    }

    /// Why they ended, where that was no end.
    pub fn end(self) -> Result<(), Refusal> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// A piece of a table that is read from its beginning to its end.
pub trait Part: Send + Sync {
    /// About how many rows it has: which side of a join is the smaller one is told by it.
    fn rows(&self) -> u64;

    /// Gives its rows; more than those within the bounds are no fault.
    fn read(&self, give: &mut Give<'_>) -> Result<(), Refusal>;
}

/// A table.
pub trait Table: Send + Sync + 'static {
    /// Its columns.
    fn schema(&self) -> SchemaRef;
    /// What is to be read of it.
    fn parts(&self, ask: &Ask) -> Result<Vec<Arc<dyn Part>>, Refusal>;
}

/// A batch of as many rows; it may have no columns at all.
pub fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, Refusal> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|error| Refusal::Broken(format!("columns do not fit their table: {error}")))
}

/// The schema of some of the columns.
pub fn projected(schema: &SchemaRef, columns: &[usize]) -> SchemaRef {
    let fields = columns.iter().map(|at| schema.fields()[*at].clone());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Ask {
    fn of(schema: &Schema, projection: Option<&Vec<usize>>, filters: &[Expr]) -> Ask {
        let columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let mut ask = Ask { columns, ..Ask::default() };
        for filter in filters {
            ask.narrow(schema, filter);
        }
        ask
    }

    /// Takes in what a filter says of one column.
    fn narrow(&mut self, schema: &Schema, filter: &Expr) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(schema, left);
                self.narrow(schema, right);
            }
            Expr::Between(between) if !between.negated => {
                self.compare(schema, &between.expr, Operator::GtEq, &between.low);
                self.compare(schema, &between.expr, Operator::LtEq, &between.high);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                self.compare(schema, left, *op, right);
                if let Some(op) = op.swap() {
                    self.compare(schema, right, op, left);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, schema: &Schema, column: &Expr, op: Operator, value: &Expr) {
        let (Expr::Column(column), Expr::Literal(value, _)) = (column, value) else { return };
        let Ok(at) = schema.index_of(&column.name) else { return };
        if let (Operator::Eq, Some(Some(text))) = (op, value.try_as_str()) {
            self.texts.insert(at, text.to_owned());
        }
        let Some(value) = long(value) else { return };
        let (least, greatest) = match op {
            Operator::Eq => (value, value),
            Operator::Lt => (i64::MIN, value.saturating_sub(1)),
            Operator::LtEq => (i64::MIN, value),
            Operator::Gt => (value.saturating_add(1), i64::MAX),
            Operator::GtEq => (value, i64::MAX),
            _ => return,
        };
        let bounds = self.longs.entry(at).or_insert((i64::MIN, i64::MAX));
        *bounds = (bounds.0.max(least), bounds.1.min(greatest));
    }

    /// Bounds of a column; all numbers where nothing is known.
    pub fn bounds(&self, column: usize) -> (i64, i64) {
        self.longs.get(&column).copied().unwrap_or((i64::MIN, i64::MAX))
    }
}

/// The number of a literal that stands for a whole number, or for a time in the unit of its column: DataFusion has brought it there.
fn long(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(value)
        | ScalarValue::TimestampNanosecond(value, _)
        | ScalarValue::TimestampMicrosecond(value, _) => *value,
        ScalarValue::Int32(value) => value.map(i64::from),
        _ => None,
    }
}

/// What a query has read.
#[derive(Debug, Default)]
pub struct Scanned {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Scanned {
    /// Takes in a batch.
    pub fn add(&self, batch: &RecordBatch) {
        self.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(batch.get_array_memory_size() as u64, Ordering::Relaxed);
    }

    /// Rows and bytes in memory that tables have given.
    pub fn so_far(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// A table in a catalogue.
pub struct Provider {
    pub table: Arc<dyn Table>,
    pub scanned: Arc<Scanned>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Whole row groups are passed over by them; row by row DataFusion filters itself.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.table.schema();
        let ask = Ask::of(&schema, projection, filters);
        let wanted = projected(&schema, &ask.columns);
        let table = self.table.clone();
        let parts = tokio::task::spawn_blocking(move || table.parts(&ask)).await;
        let parts = parts.map_err(|error| DataFusionError::External(Box::new(error)))?.map_err(refused)?;
        let readers = state.config().target_partitions().min(parts.len()).max(1);
        let mut shares: Vec<Vec<Arc<dyn Part>>> = vec![Vec::new(); readers];
        for (at, part) in parts.into_iter().enumerate() {
            shares[at % readers].push(part);
        }
        let shares = shares.into_iter().map(Arc::from).collect();
        Ok(Arc::new(Reading::new(wanted, shares, limit, self.scanned.clone())))
    }
}

pub fn refused(refusal: Refusal) -> DataFusionError {
    DataFusionError::External(Box::new(refusal))
}
