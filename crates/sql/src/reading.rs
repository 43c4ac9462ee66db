//! The reading of a table as a part of a plan: its parts in shares that are read at once.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};

use crate::table::{Part, Scanned, refused};

/// Batches that wait for whoever computes with them, of each share.
const AHEAD: usize = 2;

/// Some columns of a table.
pub struct Reading {
    schema: SchemaRef,
    shares: Vec<Arc<[Arc<dyn Part>]>>,
    limit: Option<usize>,
    scanned: Arc<Scanned>,
    properties: Arc<PlanProperties>,
}

impl Reading {
    /// Of parts in shares, of which each is read one part after the other.
    pub fn new(
        schema: SchemaRef,
        shares: Vec<Arc<[Arc<dyn Part>]>>,
        limit: Option<usize>,
        scanned: Arc<Scanned>,
    ) -> Reading {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(shares.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative));
        Reading { schema, shares, limit, scanned, properties }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("shares", &self.shares.len()).finish_non_exhaustive()
    }
}

impl DisplayAs for Reading {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let parts: usize = self.shares.iter().map(|share| share.len()).sum();
        write!(f, "Reading: parts={parts}, columns=[{}]", columns.join(", "))
    }
}

impl ExecutionPlan for Reading {
    fn name(&self) -> &'static str {
        "Reading"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let of = |share: &Arc<[Arc<dyn Part>]>| share.iter().map(|part| part.rows()).sum::<u64>();
        let rows = match args.partition() {
            Some(at) => self.shares.get(at).map(of).unwrap_or_default(),
            None => self.shares.iter().map(of).sum(),
        };
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = Precision::Inexact(usize::try_from(rows).unwrap_or(usize::MAX));
        Ok(Arc::new(statistics))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.schema.clone(), AHEAD);
        let (to, parts, scanned) = (stream.tx(), self.shares[partition].clone(), self.scanned.clone());
        stream.spawn_blocking(move || {
            let mut is_over = false;
            for part in parts.iter() {
                part.read(&mut |batch| {
                    scanned.add(&batch);
                    // Nobody takes any more: the query has ended.
                    is_over = to.blocking_send(Ok(batch)).is_err();
                    if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .map_err(refused)?;
                if is_over {
                    break;
                }
            }
            Ok(())
        });
        let stream = make_cooperative(stream.build());
        Ok(match self.limit {
            None => stream,
            Some(limit) => {
                let metrics = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
                Box::pin(LimitStream::new(stream, 0, Some(limit), metrics))
            }
        })
    }
}
